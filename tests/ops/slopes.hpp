// What the tests of pointwise ops share: slopes of a function by either reverse rule, and values to the last bit.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <vector>

#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"
#include "values.hpp"

namespace tapegrad::test::slopes_of_ops {

using Unary = std::function<Tensor(const Tensor&)>;

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

inline Tensor leaf(const Values& values) { return vector(values).set_requires_grad(true); }

/// The sum of f's slopes: gradients of sum(f(x)) for each x.
inline std::vector<Tensor> slopes(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                                  const std::vector<Tensor>& xs, bool recorded = false) {
  Tape tape;
  const Tensor y = f(xs);
  const std::vector<Tensor> gradients = tape.gradient(y, xs, {.cotangent = ones_like(y), .create_graph = recorded});
  std::vector<Tensor> result;
  for (const Tensor& g : gradients) result.push_back(g.detach());
  return result;
}
inline Values slope(const Unary& f, const Values& x, bool recorded = false) {
  return slopes([&](const std::vector<Tensor>& in) { return f(in[0]); }, {leaf(x)}, recorded)[0].to_vector<double>();
}

inline void check_values(const Values& actual, const Values& expected) {
  BOOST_TEST_REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    BOOST_TEST((actual[i] == expected[i] || (std::isnan(actual[i]) && std::isnan(expected[i]))),
               "element " << i << " is " << actual[i] << ", expected " << expected[i]);
}

}  // namespace tapegrad::test::slopes_of_ops
