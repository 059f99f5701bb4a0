// Derivatives of pow at bases and exponents of 0, to the third.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <utility>
#include <vector>

#include "ops/slopes.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"
#include "values.hpp"

using namespace tapegrad;
using test::vector;
using namespace test::slopes_of_ops;

BOOST_AUTO_TEST_SUITE(powers)

// Twice the slope of x^2 and x^3 at 0, where a power of x with a smaller exponent must not give 0 * inf.
BOOST_AUTO_TEST_CASE(powers_have_second_derivatives_at_zero) {
  for (const auto& [exponent, expected] : {std::pair(1.0, 0.0), std::pair(2.0, 2.0), std::pair(3.0, 0.0)}) {
    Tape tape;
    const Tensor x = leaf({0.0});
    const Tensor y = pow(x, exponent);
    const Tensor dx = tape.gradient(y, x, {.cotangent = ones_like(y), .create_graph = true});
    check_values(tape.gradient(dx, x, {.cotangent = ones_like(dx)}).to_vector<double>(), {expected});
  }
}

// d2 / da db of a^b at b = 0 is 1 / a for every a whose reciprocal there is.
BOOST_AUTO_TEST_CASE(powers_at_exponent_zero_of_any_base) {
  for (const double a : {1e-300, 1e-40, 0.5, 1e300, kInf, -kInf}) {
    Tape tape;
    const Tensor x = leaf({a}), b = leaf({0.0});
    const Tensor y = pow(x, b);
    const Tensor dx = tape.gradient(y, x, {.cotangent = ones_like(y), .create_graph = true});
    BOOST_TEST(dx.item() == 0.0);
    BOOST_TEST(tape.gradient(dx, b, {.cotangent = ones_like(dx)}).item() == 1.0 / a,
               boost::test_tools::tolerance(1e-15));
  }
}

// a^b = e^(b ln |a|) near b = 0, times a sign that does not change: by b twice its slope by a is 2 ln |a| / a, by a
// once more and by b it is -1 / a^2, in any order.
BOOST_AUTO_TEST_CASE(powers_have_third_derivatives_at_exponent_zero) {
  for (const double a : {0.5, 2.0, -2.0, 1e100}) {
    Tape tape;
    const Tensor x = leaf({a}), b = leaf({0.0});
    const auto derivative = [&](const std::vector<Tensor>& by) {
      Tensor y = pow(x, b);
      for (const Tensor& z : by) y = tape.gradient(y, z, {.cotangent = ones_like(y), .create_graph = true});
      return y.item();
    };
    const double expected = 2.0 * std::log(std::abs(a)) / a;
    BOOST_TEST(derivative({x, b, b}) == expected, boost::test_tools::tolerance(1e-14));
    if (a > 0.0) BOOST_TEST(derivative({b, b, x}) == expected, boost::test_tools::tolerance(1e-14));
    BOOST_TEST(derivative({x, b, x}) == -1.0 / (a * a), boost::test_tools::tolerance(1e-14));
  }
}

BOOST_AUTO_TEST_CASE(a_power_of_zero_is_flat_in_every_derivative) {
  const auto power = [](const Tensor& z) { return pow(z, 0); };
  for (const double a : {1e-300, 1e-160, 1e-20, 0.0, 2.0}) {
    check_values(hvp(power, vector({a}), vector({1.0})).to_vector<double>(), {0.0});
    BOOST_TEST(hvp(power, full({1}, a), ones({1})).item() == 0.0);
  }
}

BOOST_AUTO_TEST_SUITE_END()
