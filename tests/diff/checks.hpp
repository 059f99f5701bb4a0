// What the tests of gradient checks share: inputs, a rule that is off by a little, and options.
#pragma once

#include <cstdint>
#include <string_view>

#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad::test::checks {

inline Tensor normal(const Shape& shape, std::uint64_t seed = 1) {
  Generator g(seed);
  return randn(shape, g, {.dtype = float64});
}

/// e^x whose slope is off by a little.
struct NearlyExp : Op<NearlyExp> {
  static constexpr std::string_view name = "nearly_exp";
  double error;  // of the slope, relative
  explicit NearlyExp(double relative) : error(relative) {}
  Tensor forward(const Tensor& x) const { return exp(x); }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return (1.0 + error) * dy * exp(s.input(0)); }
};

inline const GradcheckOptions kReverseOnly{.order = 1, .forward_mode = false};

}  // namespace tapegrad::test::checks
