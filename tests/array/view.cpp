#include <boost/test/unit_test.hpp>
#include <string>

#include "array/array.hpp"
#include "tapegrad/base/error.hpp"

using tapegrad::Shape;
using namespace tapegrad::array;

namespace {

/// Whether `shape` is a view of (old_shape, old_strides) whose every element stands where row-major order says.
void check_view(const Shape& old_shape, const Shape& old_strides, const Shape& shape) {
  Shape strides;
  BOOST_TEST_REQUIRE(view_strides(old_shape, old_strides, shape, strides));
  const auto place = [](std::int64_t element, const Shape& sizes, const Shape& steps) {
    std::int64_t offset = 0;
    for (int d = sizes.rank() - 1; d >= 0; --d) {
      offset += element % sizes[d] * steps[d];
      element /= sizes[d];
    }
    return offset;
  };
  for (std::int64_t i = 0; i < shape.numel(); ++i)
    BOOST_TEST_REQUIRE(place(i, shape, strides) == place(i, old_shape, old_strides));
}

void check_no_view(const Shape& old_shape, const Shape& old_strides, const Shape& shape) {
  Shape strides;
  BOOST_TEST(!view_strides(old_shape, old_strides, shape, strides));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(view)

BOOST_AUTO_TEST_CASE(contiguous_arrays_take_any_shape) {
  check_view({4, 6}, {6, 1}, {24});
  check_view({4, 6}, {6, 1}, {2, 3, 4});
  check_view({4, 6}, {6, 1}, {1, 24, 1});
  check_view({}, {}, {1, 1});
  check_view({1, 1}, {7, 9}, {});
}

BOOST_AUTO_TEST_CASE(strided_arrays_take_shapes_that_respect_their_gaps) {
  check_view({4, 3}, {6, 1}, {4, 3, 1});  // columns of a wider matrix
  check_view({4, 3}, {6, 1}, {2, 2, 3});  // the outer dimension splits
  check_no_view({4, 3}, {6, 1}, {12});    // but does not merge over the gap
  check_no_view({4, 3}, {6, 1}, {3, 4});
  check_view({6, 4}, {1, 6}, {2, 3, 4});  // a transposed matrix: its rows split
  check_no_view({6, 4}, {1, 6}, {24});
  check_view({2, 3, 4}, {24, 8, 1}, {6, 4});  // [2, 3] lies densely, 8 apart
  check_no_view({2, 3, 4}, {24, 8, 1}, {2, 12});
  check_view({5, 1, 3}, {3, 100, 1}, {15});  // a dimension of size 1 has no stride to respect
  check_view({5}, {0}, {5, 1});              // broadcast
  check_view({4}, {0}, {2, 2});
}

BOOST_AUTO_TEST_CASE(contiguity) {
  BOOST_TEST(is_contiguous({2, 3}, {3, 1}));
  BOOST_TEST(!is_contiguous({2, 3}, {1, 2}));
  BOOST_TEST(is_contiguous({1, 3}, {99, 1}));
  BOOST_TEST(is_contiguous({0, 3}, {1, 7}));
  BOOST_TEST(is_contiguous({}, {}));
  BOOST_TEST(!is_contiguous({3}, {0}));
}

BOOST_AUTO_TEST_CASE(copies_and_conversions) {
  Array a({2, 3}, tapegrad::float64);
  for (int i = 0; i < 6; ++i) a.as<double>()[i] = i - 2.5;
  const Array t = copy(a.view({3, 2}, {1, 3}, 0));
  BOOST_TEST(t.contiguous);
  const double expected[] = {-2.5, 0.5, -1.5, 1.5, -0.5, 2.5};
  for (int i = 0; i < 6; ++i) BOOST_TEST(t.as<double>()[i] == expected[i]);
  const Array whole({2, 3}, tapegrad::int64);
  assign(whole, a);  // towards zero
  const std::int64_t truncated[] = {-2, -1, 0, 0, 1, 2};
  for (int i = 0; i < 6; ++i) BOOST_TEST(whole.as<std::int64_t>()[i] == truncated[i]);
  assign(a.view({2, 2}, {3, 1}, 1), whole.view({2, 2}, {0, 1}, 4));  // a row, broadcast into a part
  const double after[] = {-2.5, 1, 2, 0.5, 1, 2};
  for (int i = 0; i < 6; ++i) BOOST_TEST(a.as<double>()[i] == after[i]);
}

BOOST_AUTO_TEST_CASE(sizes_are_checked) {
  BOOST_CHECK_THROW(Array({-1}, tapegrad::float32), tapegrad::ShapeError);
  BOOST_CHECK_THROW(Array({0, -1}, tapegrad::float32), tapegrad::ShapeError);
  BOOST_CHECK_THROW(Array({INT64_MAX, 2}, tapegrad::float32), tapegrad::ShapeError);
  BOOST_CHECK_THROW(Array({1 << 30, 1 << 30, 1 << 30}, tapegrad::float32), tapegrad::ShapeError);
  // No elements, and yet sizes whose product would overflow in strides or in what a reduction leaves: NumPy's rule.
  BOOST_CHECK_THROW(Array({INT64_MAX, 0}, tapegrad::float32), tapegrad::ShapeError);
  BOOST_CHECK_THROW(Array({0, std::int64_t{1} << 40, std::int64_t{1} << 40}, tapegrad::float32), tapegrad::ShapeError);
  BOOST_TEST(Array({1 << 30, 0}, tapegrad::float32).shape.numel() == 0);
}

BOOST_AUTO_TEST_CASE(versions_and_writers) {
  const Array a({2}, tapegrad::float32);
  const Array b = a.view({1}, {1}, 1);
  BOOST_TEST(a.storage->version() == 0U);
  b.storage->written_by("someone");
  BOOST_TEST(a.storage->version() == 1U);
  BOOST_TEST(std::string(a.storage->last_writer()) == "someone");
}

BOOST_AUTO_TEST_SUITE_END()
