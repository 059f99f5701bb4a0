#include "tapegrad/base/error.hpp"

#include "tapegrad/base/scope.hpp"
#include "text/unicode.hpp"

namespace tapegrad {
namespace {

/// "message (in encoder.layers.0)". An error that repeats what another has said may have it already.
std::string with_place(const std::string& message) {
  const std::string path = on_one_line(scope_path());
  if (path.empty()) return message;
  const std::string place = " (in " + path;
  for (const char* end : {")", ".", "/"})  // here, or further in
    if (message.find(place + end) != std::string::npos) return message;
  return message + place + ")";
}

}  // namespace

Error::Error(const std::string& message) : std::runtime_error(with_place(message)) {}

}  // namespace tapegrad
