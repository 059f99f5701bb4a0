#include "console/output_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "tapegrad/base/error.hpp"

namespace console {

void expect_output_file(std::string_view writer, const std::string& file) {
  using tapegrad::IoError;
  if (file.empty()) return;
  const std::filesystem::path parent = std::filesystem::path(file).parent_path();
  const std::filesystem::path folder = parent.empty() ? "." : parent;
  const auto expect_access = [&](const std::string& place) {
    if (::access(place.c_str(), W_OK) != 0)
      throw IoError(fmt::format("[{}] cannot write to {}: {}", writer, place, std::generic_category().message(errno)));
  };
  const auto status_of = [&](const std::filesystem::path& place) {
    std::error_code error;  // of a name that is too long, a link to itself, a folder that may not be entered
    const std::filesystem::file_status status = std::filesystem::status(place, error);
    if (status.type() == std::filesystem::file_type::none)
      throw IoError(fmt::format("[{}] cannot write to {}: {}", writer, place.string(), error.message()));
    return status;
  };
  if (!std::filesystem::is_directory(status_of(folder)))
    throw IoError(fmt::format("[{}] there is no folder {} for {}", writer, folder.string(), file));
  const std::filesystem::file_status status = status_of(file);
  if (std::filesystem::is_directory(status)) throw IoError(fmt::format("[{}] {} is a folder", writer, file));
  if (std::filesystem::exists(status)) {
    if (!std::filesystem::is_regular_file(status))
      throw IoError(fmt::format("[{}] {} is a device or pipe, and no file", writer, file));
    expect_access(file);
  }
  expect_access(folder.string());
}

}  // namespace console
