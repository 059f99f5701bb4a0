#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <span>

#include "io/atomic_file.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/reports.hpp"

namespace tapegrad::program {

void expect_writable(const std::string& file) {
  if (file.empty()) return;
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder))
    throw IoError(fmt::format("[report] there is no folder {} for {}", folder.string(), file));
  if (std::filesystem::is_directory(file)) throw IoError(fmt::format("[report] {} is a folder", file));
  if (std::filesystem::exists(file) && !std::filesystem::is_regular_file(file))
    throw IoError(fmt::format("[report] {} is a device or pipe, and no file", file));
  const std::string place = folder.empty() ? "." : folder.string();
  if (::access(place.c_str(), W_OK) != 0) throw IoError(fmt::format("[report] the folder {} is not writable", place));
}

void write_report(const std::string& file, std::string_view text) {
  const std::span<const char> characters(text.data(), text.size());
  const std::span<const std::byte> bytes = std::as_bytes(characters);
  io::write_file_atomically("report", file, std::span(&bytes, 1));
}

}  // namespace tapegrad::program
