#include "tapegrad/base/shape.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <climits>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/tensor.hpp"

using tapegrad::Shape;
using tapegrad::test::says;

BOOST_AUTO_TEST_SUITE(shape)

BOOST_AUTO_TEST_CASE(broadcast_follows_numpy) {
  BOOST_TEST((tapegrad::broadcast_shapes("add", {16, 7, 40}, {40}) == Shape{16, 7, 40}));
  BOOST_TEST((tapegrad::broadcast_shapes("add", {3, 1}, {1, 4}) == Shape{3, 4}));
  BOOST_TEST((tapegrad::broadcast_shapes("add", {0, 1}, {1, 4}) == Shape{0, 4}));
  BOOST_TEST((tapegrad::broadcast_shapes("add", {}, {2}) == Shape{2}));
}

BOOST_AUTO_TEST_CASE(entries_are_counted_from_either_end) {
  Shape shape = {2, 5, 7};
  BOOST_TEST(shape[0] == 2);
  BOOST_TEST(shape[-1] == 7);
  BOOST_TEST(shape[-3] == 2);
  BOOST_TEST(shape.back() == 7);
  shape[-2] = 6;
  BOOST_TEST(shape == Shape({2, 6, 7}));
  for (const int d : {3, -4, 8, -9, INT_MAX, INT_MIN})
    BOOST_CHECK_EXCEPTION((void)shape[d], tapegrad::IndexError,
                          says("[shape] axis " + std::to_string(d) + " is out of range for rank 3: [2, 6, 7]"));
  BOOST_CHECK_THROW((void)Shape().back(), tapegrad::IndexError);
}

BOOST_AUTO_TEST_CASE(sizes_are_of_any_integer_type) {
  const std::vector<float> numbers(12);
  const short two = 2;
  const unsigned five = 5;
  const long long minus_one = -1;
  const Shape shape = {numbers.size() / 3, 3, two, five, minus_one, INT64_MAX};
  BOOST_TEST(shape == Shape({4, 3, 2, 5, -1, std::int64_t{9223372036854775807}}));
  BOOST_CHECK_EXCEPTION((Shape{2, SIZE_MAX}), tapegrad::ValueError,
                        says("[integer] 18446744073709551615 is more than an int64 holds"));
  static_assert(!std::is_constructible_v<tapegrad::AnyInteger, double>);
  const Shape none = {{}};  // a list with a 0 in it
  BOOST_TEST(none == Shape({0}));
}

BOOST_AUTO_TEST_CASE(the_ends_of_a_slice_are_computed_with) {
  const std::vector<float> numbers(12);
  tapegrad::Slice range{.start = numbers.size() / 3, .stop = 6};
  range.start += 2;
  range.stop += numbers.size();
  range.step *= 3;
  BOOST_TEST((range.start == 6 && range.stop == 18 && range.step == 3));
  range.start -= 1;
  BOOST_TEST((range.start++ == 5 && range.start-- == 6 && ++range.stop == 19 && --range.step == 2));
  BOOST_TEST((range.start == 5 && range.stop == 19 && range.step == 2));
  const std::int64_t middle = (range.start + range.stop) / 2, size = 10;
  BOOST_TEST(middle == 12);
  BOOST_TEST((range.start < range.stop && range.stop > size && -range.step == -2));
  BOOST_TEST(std::min<std::int64_t>(range.stop, size) == 10);
  BOOST_TEST(std::min(range.start, range.stop) == 5);
  BOOST_TEST(std::max({range.start, range.stop, range.step}) == 19);
}

BOOST_AUTO_TEST_CASE(errors_name_operation_and_shapes) {
  BOOST_CHECK_EXCEPTION(tapegrad::broadcast_shapes("add", {3, 4}, {5}), tapegrad::ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[add] cannot broadcast [3, 4] with [5]";
  });
  BOOST_CHECK_THROW((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), tapegrad::ShapeError);
  BOOST_CHECK_THROW(tapegrad::normalize_axis("sum", -4, {2, 3, 4}), tapegrad::IndexError);
  for (const std::int64_t axis : {std::int64_t{1} << 32, INT64_MAX, INT64_MIN})  // 0 and -1 in their last 32 bits
    BOOST_CHECK_EXCEPTION(tapegrad::normalize_axis("sum", axis, {2, 3, 4}), tapegrad::IndexError, [&](const auto& e) {
      return std::string(e.what()) == "[sum] axis " + std::to_string(axis) + " is out of range for rank 3: [2, 3, 4]";
    });
  BOOST_CHECK_THROW(tapegrad::normalize_axis("sum", SIZE_MAX, {2, 3, 4}), tapegrad::IndexError);
}

BOOST_AUTO_TEST_SUITE_END()
