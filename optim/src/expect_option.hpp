// Options that are numbers, and where they may lie.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "tapegrad/base/error.hpp"

namespace tapegrad::optim {

/// Throws ValueError "[owner] expected option to be ..., got value" unless it holds.
template <class Number>
void expect_option(bool holds, std::string_view owner, std::string_view option, std::string_view domain, Number value) {
  if (!holds) throw ValueError(fmt::format("[{}] expected {} to be {}, got {}", owner, option, domain, value));
}

inline bool is_fraction(double value) { return value >= 0.0 && value < 1.0; }
inline constexpr std::string_view kFraction = "in [0, 1)";

/// What a rate, a decay or an eps may be.
inline bool is_rate(double value) { return std::isfinite(value) && value >= 0.0; }
inline constexpr std::string_view kRate = "finite and at least 0";

}  // namespace tapegrad::optim
