#include "tapegrad/base/error.hpp"

#include "tapegrad/base/scope.hpp"

namespace tapegrad {
namespace {

/// "message (in encoder.layers.0)". An error that repeats what another has said may have it already.
std::string with_place(const std::string& message) {
  const std::string path = scope_path();
  if (path.empty()) return message;
  const std::string place = " (in " + path + ")";
  return message.find(place) == std::string::npos ? message + place : message;
}

}  // namespace

Error::Error(const std::string& message) : std::runtime_error(with_place(message)) {}

}  // namespace tapegrad
