// floor_divide and remainder: Python's a // b and a % b.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ops/slopes.hpp"
#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"
#include "values.hpp"

using namespace tapegrad;
using test::Values;
using test::vector;
using namespace test::slopes_of_ops;

BOOST_AUTO_TEST_SUITE(floor_division)

BOOST_AUTO_TEST_CASE(floor_division_of_integers) {
  using Integers = std::vector<std::int64_t>;
  const Integers dividends = {7, -7, 7, -7, 6, -6, 0, 5, -5, INT64_MIN, INT64_MIN, INT64_MAX};
  const Integers divisors = {2, 2, -2, -2, 3, 3, -5, 7, 7, 2, 3, INT64_MIN};
  const Integers quotients = {3, -4, -4, 3, 2, -2, 0, 0, -1, -4611686018427387904, -3074457345618258603, -1};
  const Integers remainders = {1, 1, -1, -1, 0, 0, 0, 5, 2, 0, 1, -1};
  const Tensor a = from_vector(dividends, {3, 4});
  const Tensor b = from_vector(divisors, {3, 4});
  BOOST_TEST(floor_divide(a, b).to_vector<std::int64_t>() == quotients, boost::test_tools::per_element());
  BOOST_TEST(remainder(a, b).to_vector<std::int64_t>() == remainders, boost::test_tools::per_element());
  const auto of = [](const Tensor& x) { return x.to_vector<std::int64_t>(); };
  // Of the lowest integer by -1: what does not fit wraps around.
  const Tensor lowest = from_vector(Integers{INT64_MIN, 5}, {2});
  BOOST_TEST(of(floor_divide(lowest, -1)) == (Integers{INT64_MIN, -5}), boost::test_tools::per_element());
  BOOST_TEST(of(remainder(lowest, -1)) == (Integers{0, 0}), boost::test_tools::per_element());
  BOOST_TEST(of(floor_divide(17, from_vector(Integers{5, -5}, {2}))) == (Integers{3, -4}),
             boost::test_tools::per_element());
  // A beam's place among beam * vocabulary candidates.
  BOOST_TEST(of(remainder(from_vector(Integers{23, 10, 9}, {3, 1}), 10)) == (Integers{3, 0, 9}),
             boost::test_tools::per_element());
  BOOST_CHECK_EXCEPTION((void)remainder(a, 0), ValueError, test::says("[remainder] the divisor [] is 0 at position 0"));
  const Tensor none = zeros({0, 3}, {.dtype = int64});  // nothing is divided, by whatever
  BOOST_TEST(to_string(floor_divide(none, 0).shape()) == "[0, 3]");
  BOOST_TEST(to_string(remainder(none, zeros({3}, {.dtype = int64})).shape()) == "[0, 3]");
}

BOOST_AUTO_TEST_CASE(floor_division_of_numbers) {
  const Values a = {5.5, -5.5, 5.5, -5.5, 1.0, -1.0, 6.0, -6.0, -1.0, 1.0, 1.0, -1e-20, 0.3, 1.0, -1.0, 0.0};
  const Values b = {2.0, 2.0, -2.0, -2.0, 0.1, 0.1, 3.0, 3.0, kInf, kInf, -kInf, 3.0, 0.1, 0.0, 0.0, 0.0};
  const Values quotients = {2, -3, -3, 2, 9, -10, 2, -2, -1, 0, -1, -1, 2, kInf, -kInf, kNaN};  // by 0: as a / b
  const Values remainders = {1.5,
                             0.5,
                             -0.5,
                             -1.5,
                             0.09999999999999995,
                             5.551115123125783e-17,
                             0,
                             0,
                             kInf,
                             1.0,
                             -kInf,
                             3.0,
                             0.09999999999999998,
                             kNaN,
                             kNaN,
                             kNaN};
  check_values(floor_divide(vector(a), vector(b)).to_vector<double>(), quotients);
  check_values(remainder(vector(a), vector(b)).to_vector<double>(), remainders);
  // Zeros have the sign of a / b, and of b.
  BOOST_TEST(std::signbit(floor_divide(vector({0.0}), -3.0).item()));
  BOOST_TEST(std::signbit(remainder(vector({6.0}), -3.0).item()));
  BOOST_TEST(!std::signbit(remainder(vector({-6.0}), 3.0).item()));
  BOOST_TEST(floor_divide(tensor({7.5F}), 2.0).item() == 3.0);
}

BOOST_AUTO_TEST_CASE(slopes_of_floor_division) {
  for (const bool recorded : {false, true}) {
    check_values(slope([](const Tensor& x) { return floor_divide(x, 2.0); }, {5.5, -5.5, 4}, recorded), {0, 0, 0});
    check_values(slope([](const Tensor& x) { return floor_divide(5.0, x); }, {2, -3}, recorded), {0, 0});
    check_values(slope([](const Tensor& x) { return remainder(x, 2.0); }, {5.5, -5.5, 4}, recorded), {1, 1, 1});
    // -floor(a / b), where a broadcasts.
    check_values(slope([](const Tensor& x) { return remainder(5.0, x); }, {2, -3, 7}, recorded), {-2, 2, 0});
  }
}

BOOST_AUTO_TEST_SUITE_END()
