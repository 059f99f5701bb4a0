// What the tests of transforms share: short names, a function with a rule of its own, and a comparison.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string_view>
#include <vector>

#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine_ops.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad::test::derivatives {

inline Tensor vec(const std::vector<double>& values) { return from_vector(values); }
inline Tensor total(const Tensor& x) { return sum_to(x, {}); }

inline void check_close(const Tensor& got, const std::vector<double>& expected, double relative = 1e-14) {
  const std::vector<double> values = got.to_vector<double>();
  BOOST_REQUIRE_EQUAL(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    BOOST_TEST(std::abs(values[i] - expected[i]) <= relative * (1.0 + std::abs(expected[i])),
               "element " << i << ": " << values[i] << " instead of " << expected[i]);
}

/// x^3 without a forward rule: the engine makes one of its reverse rule.
struct Cube : Op<Cube> {
  static constexpr std::string_view name = "cube";
  Tensor forward(const Tensor& x) const { return x * x * x; }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return 3.0 * dy * (s.input(0) * s.input(0)); }
};
inline Tensor cube(const Tensor& x) { return apply(Cube{}, x); }

}  // namespace tapegrad::test::derivatives
