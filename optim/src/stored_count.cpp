#include "stored_count.hpp"

#include <fmt/format.h>

#include <cmath>

#include "tapegrad/base/error.hpp"

namespace tapegrad::optim {

std::int64_t stored_count(const Tensor& stored, std::string_view owner, std::string_view name, std::int64_t least) {
  constexpr std::int64_t kMost = std::int64_t{1} << 53;
  const auto fail = [&](const auto& value) {
    throw ValueError(fmt::format("[{}] {} must be a whole number in [{}, 2^53], got {}", owner, name, least, value));
  };
  if (is_floating(stored.dtype())) {
    const double value = stored.to(float64).item();
    if (!(value == std::floor(value) && value >= static_cast<double>(least) && value <= static_cast<double>(kMost)))
      fail(value);
    return static_cast<std::int64_t>(value);
  }
  const auto value = stored.to(int64).item<std::int64_t>();
  if (value < least || value > kMost) fail(value);
  return value;
}

}  // namespace tapegrad::optim
