// Refusing a file: what reads a format says why, and whoever calls it says whose file it is.
#pragma once

#include <fmt/format.h>

#include <string>

#include "tapegrad/base/error.hpp"
#include "text/unicode.hpp"

namespace tapegrad::io {

/// A reason to refuse a file; naming() adds whose it is.
[[noreturn]] inline void refuse(const std::string& reason) { throw IoError(reason); }

/// Calls run(); a reason to refuse becomes a message that names the function and the file.
template <class Run>
auto naming(const char* function, const std::string& path, const Run& run) {
  try {
    return run();
  } catch (const IoError& error) {
    throw IoError(fmt::format("[{}] {}: {}", function, path, on_one_line(error.what())));
  }
}

}  // namespace tapegrad::io
