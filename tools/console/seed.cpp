#include "console/seed.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <system_error>

namespace console {

std::string seed_problem(const std::string& text) {
  std::uint64_t seed = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, seed);
  return error == std::errc() && end == last ? "" : fmt::format("'{}' is no number from 0 to 2^64 - 1", text);
}

}  // namespace console
