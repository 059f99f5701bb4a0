#include "array/range.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "base/dispatch.hpp"

namespace tapegrad::array {
namespace {

template <class T>
Range range_of_elements(std::span<const T> elements) {
  Range range{.least = std::numeric_limits<double>::infinity(),
              .greatest = -std::numeric_limits<double>::infinity(),
              .count = static_cast<std::int64_t>(elements.size())};
  for (const T element : elements) {
    const auto v = static_cast<double>(element);
    if (std::isnan(v)) {
      ++range.nans;
    } else if (std::isinf(v)) {
      ++range.infinities;
    } else {
      range.least = std::min(range.least, v);
      range.greatest = std::max(range.greatest, v);
    }
  }
  return range;
}

}  // namespace

Range range_of(const Array& a) {
  const Array dense = a.contiguous ? a : copy(a);
  const auto count = static_cast<std::size_t>(dense.shape.numel());
  return with_element(dense.dtype, [&](auto zero) {
    return range_of_elements(std::span<const decltype(zero)>(dense.as<decltype(zero)>(), count));
  });
}

std::string to_string(const Range& range) {
  if (range.count == 0) return "without elements";
  std::string finite = fmt::format("in [{:.4g}, {:.4g}]", range.least, range.greatest);
  if (range.finite()) return finite;
  if (range.nans == range.count) return fmt::format("all {} NaN", range.count);
  if (range.infinities == range.count) return fmt::format("all {} inf", range.count);
  std::string odd;
  if (range.nans > 0) odd = fmt::format("{} NaN", range.nans);
  if (range.infinities > 0) odd += fmt::format("{}{} inf", odd.empty() ? "" : " and ", range.infinities);
  odd += fmt::format(" of {}", range.count);
  return range.nans + range.infinities == range.count ? odd : odd + ", the rest " + finite;
}

}  // namespace tapegrad::array
