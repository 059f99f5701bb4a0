#include "tapegrad/ops/pool.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "fixture.hpp"
#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using test::check_close;
using test::Fixture;
using test::says;

namespace {

/// pool gives the values, and positions where the fixture has them.
template <class F>
void check_case(const std::string& name, const F& pool) {
  BOOST_TEST_CONTEXT(name) {
    const Fixture f(name);
    const Tensor x = f.leaf("input.input");
    for (const bool differentiable : {false, true}) {
      Tape tape;
      const ValuesAndIndices y = pool(f, x);
      check_close(y.values, f["output.y"]);
      if (f.has("output.indices"))
        BOOST_TEST(y.indices.to_vector<std::int64_t>() == f["output.indices"].to_vector<std::int64_t>(),
                   boost::test_tools::per_element());
      check_close(tape.gradient(y.values, x, {.cotangent = f["cotangent.y"], .create_graph = differentiable}),
                  f["grad.input.input"]);
    }
  }
}

std::optional<std::int64_t> stride_of(const Fixture& f) {
  return f.attributes().contains("stride") ? std::optional(f.whole_number("stride", 0)) : std::nullopt;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pool)

BOOST_AUTO_TEST_CASE(avg_pool1d_as_pytorch) {
  for (const std::string name :
       {"avg_pool1d", "avg_pool1d_overlapping", "avg_pool1d_padding", "avg_pool1d_padding_not_counted",
        "avg_pool1d_ceil", "avg_pool1d_ceil_not_counted", "avg_pool1d_ceil_beyond"})
    check_case(name, [](const Fixture& f, const Tensor& x) {
      return ValuesAndIndices{avg_pool1d(x, f.whole_number("kernel_size", 0),
                                         {.stride = stride_of(f),
                                          .padding = f.whole_number("padding", 0),
                                          .ceil_mode = f.truth("ceil_mode"),
                                          .count_include_pad = f.truth("count_include_pad", true)}),
                              {}};
    });
}

BOOST_AUTO_TEST_CASE(max_pool1d_as_pytorch) {
  for (const std::string name : {"max_pool1d", "max_pool1d_overlapping", "max_pool1d_padding", "max_pool1d_dilation",
                                 "max_pool1d_ceil", "max_pool1d_ties"})
    check_case(name, [](const Fixture& f, const Tensor& x) {
      return max_pool1d_with_indices(x, f.whole_number("kernel_size", 0),
                                     {.stride = stride_of(f),
                                      .padding = f.whole_number("padding", 0),
                                      .dilation = f.whole_number("dilation", 1),
                                      .ceil_mode = f.truth("ceil_mode")});
    });
}

BOOST_AUTO_TEST_CASE(adaptive_pools_as_pytorch) {
  for (const std::string size : {"1", "3", "9"}) {
    check_case("adaptive_avg_pool1d_" + size, [](const Fixture& f, const Tensor& x) {
      return ValuesAndIndices{adaptive_avg_pool1d(x, f.whole_number("output_size", 0)), {}};
    });
    check_case("adaptive_max_pool1d_" + size, [](const Fixture& f, const Tensor& x) {
      return adaptive_max_pool1d_with_indices(x, f.whole_number("output_size", 0));
    });
  }
}

BOOST_AUTO_TEST_CASE(nan_is_the_largest) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x = from_vector<double>({1.0, nan, inf, nan, -inf, -inf}, {6});
  const auto [values, positions] = max_pool1d_with_indices(x, 2);
  BOOST_TEST(std::isnan(values.to_vector<double>()[0]));
  BOOST_TEST(values.to_vector<double>()[2] == -inf);
  BOOST_TEST(positions.to_vector<std::int64_t>() == (std::vector<std::int64_t>{1, 3, 4}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_first_of_ties_takes_the_whole_gradient) {
  const Tensor x = from_vector<double>({1.0, 2.0, 2.0, 0.0}, {4}, {.requires_grad = true});
  Tape tape;
  check_close(tape.gradient(max_pool1d(x, 4), x, {.cotangent = ones({1}, {.dtype = float64})}),
              from_vector<double>({0.0, 1.0, 0.0, 0.0}, {4}), 0.0);
}

/// How many windows PyTorch's pooling_output_shape gives.
BOOST_AUTO_TEST_CASE(as_many_windows_as_in_pytorch) {
  const auto windows = [](std::int64_t length, std::int64_t kernel, const MaxPool1dOptions& how) {
    const std::int64_t stride = *how.stride;
    const std::int64_t room =
        length + 2 * how.padding - how.dilation * (kernel - 1) - 1 + (how.ceil_mode ? stride - 1 : 0);
    const std::int64_t count = (room < 0 ? -((-room + stride - 1) / stride) : room / stride) + 1;
    return how.ceil_mode && (count - 1) * stride >= length + how.padding ? count - 1 : count;
  };
  for (std::int64_t length = 1; length <= 7; ++length)
    for (std::int64_t kernel = 1; kernel <= 5; ++kernel)
      for (MaxPool1dOptions how; const std::int64_t stride : {1, 2, 3, 9}) {
        how.stride = stride;
        for (how.padding = 0; how.padding <= kernel / 2; ++how.padding)
          for (how.dilation = 1; how.dilation <= 3; ++how.dilation)
            for (const bool ceil_mode : {false, true}) {
              how.ceil_mode = ceil_mode;
              const std::int64_t expected = windows(length, kernel, how);
              std::int64_t got = 0;
              try {
                got = max_pool1d(zeros({length}), kernel, how).size(0);
              } catch (const ShapeError& e) {
                if (says("holds nothing but padding")(e)) continue;
              }
              BOOST_TEST_REQUIRE(got == std::max(expected, std::int64_t{0}),
                                 length << ", kernel " << kernel << ", stride " << stride << ", padding " << how.padding
                                        << ", dilation " << how.dilation << ", ceil " << ceil_mode << ": " << got
                                        << " instead of " << expected);
            }
      }
}

BOOST_AUTO_TEST_CASE(with_ceil_mode_a_kernel_may_be_longer_by_less_than_a_stride) {
  const Tensor x = from_vector<double>({1.0, 3.0}, {2});
  BOOST_TEST(avg_pool1d(x, 3, {.stride = 2, .ceil_mode = true}).to_vector<double>() == std::vector<double>{2.0});
  BOOST_CHECK_THROW((void)avg_pool1d(x, 3, {.stride = 2}), ShapeError);
  BOOST_CHECK_THROW((void)avg_pool1d(x, 4, {.stride = 2, .ceil_mode = true}), ShapeError);
}

BOOST_AUTO_TEST_CASE(options_near_the_largest_number) {
  constexpr std::int64_t kMost = INT64_MAX;
  constexpr std::int64_t kHalf = std::int64_t{1} << 62;
  const Tensor x = from_vector<double>({1.0, 2.0, 3.0, 4.0}, {4});
  const auto values = [](const Tensor& y) { return y.to_vector<double>(); };
  BOOST_CHECK_EXCEPTION(
      (void)max_pool1d(x, 5, {.dilation = kHalf}), ShapeError,
      says("[max_pool1d] a dilation of 4611686018427387904 is too large for a kernel of 5 positions"));
  BOOST_CHECK_THROW((void)max_pool1d(x, 2, {.dilation = kMost}), ShapeError);
  BOOST_CHECK_EXCEPTION((void)avg_pool1d(x, 3, {.padding = kMost}), ValueError,
                        says("[avg_pool1d] expected a padding from 0 to half the kernel size 3"));
  BOOST_TEST(values(max_pool1d(x, 1, {.stride = 1, .dilation = kMost})) == values(x));
  BOOST_TEST(values(max_pool1d(x, 2, {.stride = kMost, .dilation = kMost - 1, .ceil_mode = true})) ==
             std::vector<double>{1.0});
  for (const bool ceil_mode : {false, true})
    BOOST_TEST(values(avg_pool1d(x, 2, {.stride = kMost, .ceil_mode = ceil_mode})) == std::vector<double>{1.5});
  BOOST_TEST(values(avg_pool1d(x, kMost, {.padding = kMost / 2})) == std::vector<double>{10.0 / 9223372036854775807.0});
  BOOST_CHECK_EXCEPTION((void)adaptive_avg_pool1d(x, kMost), ShapeError,
                        says("[adaptive_avg_pool1d] an output size of 9223372036854775807 is too large for x [4]"));
  BOOST_CHECK_EXCEPTION((void)adaptive_max_pool1d(x, kMost / 8), Error,
                        says("[adaptive_max_pool1d] the system has no memory for"));
}

BOOST_AUTO_TEST_SUITE_END()
