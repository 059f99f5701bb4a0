// What NumPy 1.24's array2string(a, separator=", ") prints; fractions with precision=4 and floatmode="fixed".
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <initializer_list>
#include <limits>

#include "array/array.hpp"

using tapegrad::Shape;
using namespace tapegrad::array;

namespace {

Array of(const Shape& shape, std::initializer_list<double> values, tapegrad::DType dtype = tapegrad::float64) {
  Array a(shape, tapegrad::float64);
  std::copy(values.begin(), values.end(), a.as<double>());
  Array converted(shape, dtype);
  assign(converted, a);
  return converted;
}

Array counting(const Shape& shape) {
  Array a(shape, tapegrad::int64);
  for (std::int64_t i = 0; i < shape.numel(); ++i) a.as<std::int64_t>()[i] = i;
  return a;
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

BOOST_AUTO_TEST_SUITE(format)

BOOST_AUTO_TEST_CASE(columns_are_aligned) {
  BOOST_TEST(to_string(of({2, 2}, {1, 2, -30, 4})) == "[[  1.,   2.],\n [-30.,   4.]]");
  BOOST_TEST(to_string(of({2, 3}, {0, 10, 200, 3, 40, 500}, tapegrad::int64)) ==
             "[[  0,  10, 200],\n [  3,  40, 500]]");
  BOOST_TEST(to_string(of({2}, {-0.0, 0.5})) == "[-0.0000,  0.5000]");
  BOOST_TEST(to_string(of({}, {2.5})) == "2.5000");
  BOOST_TEST(to_string(of({1, 1, 2}, {1, 1}, tapegrad::float32)) == "[[[1., 1.]]]");
}

BOOST_AUTO_TEST_CASE(blocks_are_separated) {
  BOOST_TEST(to_string(of({2, 2, 2}, {0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875})) ==
             "[[[0.0000, 0.1250],\n  [0.2500, 0.3750]],\n\n [[0.5000, 0.6250],\n  [0.7500, 0.8750]]]");
}

BOOST_AUTO_TEST_CASE(large_arrays_are_shortened) {
  BOOST_TEST(to_string(counting({1001})) == "[   0,    1,    2, ...,  998,  999, 1000]");
  BOOST_TEST(to_string(counting({2, 1000})) ==
             "[[   0,    1,    2, ...,  997,  998,  999],\n [1000, 1001, 1002, ..., 1997, 1998, 1999]]");
  BOOST_TEST(to_string(counting({1000, 2})) ==
             "[[   0,    1],\n [   2,    3],\n [   4,    5],\n ...,\n [1994, 1995],\n [1996, 1997],\n [1998, 1999]]");
}

BOOST_AUTO_TEST_CASE(special_values) {
  BOOST_TEST(to_string(of({5}, {kNaN, 1.5, -kInfinity, kInfinity, -kNaN})) ==
             "[   nan, 1.5000,   -inf,    inf,    nan]");
  BOOST_TEST(to_string(of({3}, {kNaN, 1.0, -kInfinity})) == "[ nan,   1., -inf]");
}

BOOST_AUTO_TEST_CASE(very_large_and_very_small_numbers) {
  BOOST_TEST(to_string(of({2}, {1e-5, 1.0})) == "[1.0000e-05, 1.0000e+00]");
  BOOST_TEST(to_string(of({2}, {1e9, -2.5e9})) == "[ 1.0000e+09, -2.5000e+09]");
}

// Where we differ from NumPy: truth is spelled as in C++, and no elements show their shape.
BOOST_AUTO_TEST_CASE(our_own) {
  BOOST_TEST(to_string(of({2}, {1, 0}, tapegrad::boolean)) == "[ true, false]");
  BOOST_TEST(to_string(Array({2, 0}, tapegrad::float32)) == "[] of shape [2, 0]");
}

BOOST_AUTO_TEST_CASE(views_print_as_they_look) {
  const Array a = counting({2, 3});
  BOOST_TEST(to_string(a.view({3, 2}, {1, 3}, 0)) == "[[0, 3],\n [1, 4],\n [2, 5]]");
}

BOOST_AUTO_TEST_SUITE_END()
