// Every text is what NumPy 1.24's array2string(a, precision=4, separator=", ") gives, or with the options that are
// given.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <initializer_list>
#include <limits>
#include <vector>

#include "array/array.hpp"
#include "says.hpp"
#include "tapegrad/base/error.hpp"

using tapegrad::Shape;
using tapegrad::test::says;
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

BOOST_AUTO_TEST_CASE(numbers_as_numpy_prints_them) {
  struct Case {
    Array array;
    const char* text;
  };
  const std::vector<Case> cases = {
      {of({2, 2}, {1, 2, -30, 4}), "[[  1.,   2.],\n [-30.,   4.]]"},
      {of({2, 3}, {0, 10, 200, 3, 40, 500}, tapegrad::int64), "[[  0,  10, 200],\n [  3,  40, 500]]"},
      {of({2}, {-0.0, 0.5}), "[-0. ,  0.5]"},
      {of({4}, {0.5, 0.25, -0.125, 1}), "[ 0.5  ,  0.25 , -0.125,  1.   ]"},
      {of({}, {2.5}), "2.5"},
      {of({}, {7}), "7."},
      {of({}, {7}, tapegrad::int64), "7"},
      {of({}, {1}, tapegrad::boolean), "True"},
      {of({1, 1, 2}, {1, 1}, tapegrad::float32), "[[[1., 1.]]]"},
      {of({2}, {1, 0}, tapegrad::boolean), "[ True, False]"},
      {of({2}, {1, 1}, tapegrad::boolean), "[ True,  True]"},
      {of({2}, {1e-05, 1}), "[1.e-05, 1.e+00]"},
      {of({2}, {1000000000.0, -2500000000.0}), "[ 1.0e+09, -2.5e+09]"},
      {of({2}, {0.5, 500.1}), "[5.000e-01, 5.001e+02]"},
      {of({2}, {0.5, 500}), "[  0.5, 500. ]"},
      {of({2}, {0.4, 500}), "[4.e-01, 5.e+02]"},
      {of({2}, {0.0001, 0.1}), "[0.0001, 0.1   ]"},
      {of({1}, {9.9e-05}), "[9.9e-05]"},
      {of({2}, {1e+100, 1e-05}), "[1.e+100, 1.e-005]"},
      {of({2}, {99999999, 1000000.0}), "[99999999.,  1000000.]"},
      {of({1}, {100000000.0}), "[1.e+08]"},
      {of({2}, {123456.789, 1000}, tapegrad::float32), "[123456.79,   1000.  ]"},
      {of({2}, {123456.789, 1000}), "[123456.789,   1000.   ]"},
      {of({3}, {0.1, 0.2, 0.3}, tapegrad::float32), "[0.1, 0.2, 0.3]"},
      {of({2}, {9.99996, 0.123456}), "[10.    ,  0.1235]"},
      {of({3}, {0.3333333333333333, 0.6666666666666666, 1}), "[0.3333, 0.6667, 1.    ]"},
      {of({2}, {0, 0}), "[0., 0.]"},
      {of({4}, {kNaN, 1.5, -kInfinity, kInfinity}), "[ nan,  1.5, -inf,  inf]"},
      {of({3}, {kNaN, 1, -kInfinity}), "[ nan,   1., -inf]"},
      {of({2}, {kNaN, kNaN}), "[nan, nan]"},
      {of({2}, {kInfinity, -kInfinity}), "[ inf, -inf]"},
      {of({2}, {kNaN, 1e-07}), "[   nan, 1.e-07]"},
      {of({2}, {1e-42, 1.25}, tapegrad::float32), "[1.00e-42, 1.25e+00]"}};
  for (const Case& c : cases) BOOST_TEST(to_string(c.array) == c.text);
}

BOOST_AUTO_TEST_CASE(long_lines_are_broken) {
  Array halves({40}, tapegrad::float64);
  for (int i = 0; i < 40; ++i) halves.as<double>()[i] = i - 20.5;
  BOOST_TEST(to_string(halves) ==
             "[-20.5, -19.5, -18.5, -17.5, -16.5, -15.5, -14.5, -13.5, -12.5, -11.5,\n -10.5,  -9.5,  -8.5,  -7.5,  "
             "-6.5,  -5.5,  -4.5,  -3.5,  -2.5,  -1.5,\n  -0.5,   0.5,   1.5,   2.5,   3.5,   4.5,   5.5,   6.5,   "
             "7.5,   8.5,\n   9.5,  10.5,  11.5,  12.5,  13.5,  14.5,  15.5,  16.5,  17.5,  18.5]");
  Array thousands({2, 30}, tapegrad::int64);
  for (int i = 0; i < 60; ++i) thousands.as<std::int64_t>()[i] = 1000 * i;
  BOOST_TEST(
      to_string(thousands) ==
      "[[    0,  1000,  2000,  3000,  4000,  5000,  6000,  7000,  8000,  9000,\n  10000, 11000, 12000, 13000, 14000, "
      "15000, 16000, 17000, 18000, 19000,\n  20000, 21000, 22000, 23000, 24000, 25000, 26000, 27000, 28000, 29000],\n "
      "[30000, 31000, 32000, 33000, 34000, 35000, 36000, 37000, 38000, 39000,\n  40000, 41000, 42000, 43000, 44000, "
      "45000, 46000, 47000, 48000, 49000,\n  50000, 51000, 52000, 53000, 54000, 55000, 56000, 57000, 58000, 59000]]");
}

BOOST_AUTO_TEST_CASE(blocks_are_separated) {
  BOOST_TEST(to_string(of({2, 2, 2}, {0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875})) ==
             "[[[0.   , 0.125],\n  [0.25 , 0.375]],\n\n [[0.5  , 0.625],\n  [0.75 , 0.875]]]");
}

BOOST_AUTO_TEST_CASE(large_arrays_are_shortened) {
  BOOST_TEST(to_string(counting({1001})) == "[   0,    1,    2, ...,  998,  999, 1000]");
  BOOST_TEST(to_string(counting({2, 1000})) ==
             "[[   0,    1,    2, ...,  997,  998,  999],\n [1000, 1001, 1002, ..., 1997, 1998, 1999]]");
  BOOST_TEST(to_string(counting({1000, 2})) ==
             "[[   0,    1],\n [   2,    3],\n [   4,    5],\n ...,\n [1994, 1995],\n [1996, 1997],\n [1998, 1999]]");
}

BOOST_AUTO_TEST_CASE(options_are_numpys) {
  const Array thirds = of({3}, {1.0 / 3, 2.0 / 3, 1});
  BOOST_TEST(to_string(thirds, {.precision = 8}) == "[0.33333333, 0.66666667, 1.        ]");
  BOOST_TEST(to_string(thirds, {.precision = 17}) == "[0.3333333333333333, 0.6666666666666666, 1.                ]");
  BOOST_TEST(to_string(thirds, {.precision = 0}) == "[0., 1., 1.]");
  BOOST_TEST(to_string(of({2}, {1.23456e-9, 1}), {.precision = 2}) == "[1.23e-09, 1.00e+00]");
  BOOST_TEST(to_string(counting({10}), {.threshold = 9}) == "[0, 1, 2, ..., 7, 8, 9]");
  BOOST_TEST(to_string(counting({10}), {.threshold = 9, .edge_items = 1}) == "[0, ..., 9]");
  BOOST_TEST(to_string(counting({10}), {.threshold = 10, .edge_items = 1}) == "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]");
  BOOST_TEST(to_string(counting({2, 6}), {.line_width = 14}) ==
             "[[ 0,  1,  2,\n   3,  4,  5],\n [ 6,  7,  8,\n   9, 10, 11]]");
  for (const int width : {8, 9, 10})  // no room for the brackets
    BOOST_TEST(to_string(counting({2, 3}), {.line_width = width}) == "[[0, 1,\n  2],\n [3, 4,\n  5]]");
  BOOST_TEST(to_string(counting({2, 3}), {.line_width = 11}) == "[[0, 1, 2],\n [3, 4, 5]]");
  BOOST_TEST(to_string(counting({2, 2}), {.line_width = 0}) == "[[0,\n  1],\n [2,\n  3]]");
  BOOST_CHECK_EXCEPTION(to_string(thirds, {.precision = -1}), tapegrad::ValueError,
                        says("[to_string] expected precision to be in [0, 100], got -1"));
  BOOST_CHECK_EXCEPTION(to_string(thirds, {.edge_items = -1}), tapegrad::ValueError,
                        says("[to_string] expected edge_items to be at least 0, got -1"));
}

// Where we differ from NumPy: no elements show their shape, and edges of no items leave none (NumPy shows the last all
// the same).
BOOST_AUTO_TEST_CASE(our_own) {
  BOOST_TEST(to_string(Array({2, 0}, tapegrad::float32)) == "[] of shape [2, 0]");
  BOOST_TEST(to_string(counting({10}), {.threshold = 9, .edge_items = 0}) == "[...]");
  BOOST_TEST(to_string(counting({5, 5}), {.threshold = 9, .edge_items = 0}) == "[...]");
}

BOOST_AUTO_TEST_CASE(views_print_as_they_look) {
  const Array a = counting({2, 3});
  BOOST_TEST(to_string(a.view({3, 2}, {1, 3}, 0)) == "[[0, 3],\n [1, 4],\n [2, 5]]");
}

BOOST_AUTO_TEST_SUITE_END()
