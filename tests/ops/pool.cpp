#include "tapegrad/ops/pool.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "fixture.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using test::check_close;
using test::Fixture;

namespace {

/// pool gives the values, and positions where the fixture has them.
template <class F>
void check_case(const std::string& name, const F& pool) {
  BOOST_TEST_CONTEXT(name) {
    const Fixture f(name);
    const Tensor x = f.leaf("input.input");
    for (const bool differentiable : {false, true}) {
      Tape tape;
      const std::array<Tensor, 2> y = pool(f, x);
      check_close(y[0], f["output.y"]);
      if (f.has("output.indices"))
        BOOST_TEST(y[1].to_vector<std::int64_t>() == f["output.indices"].to_vector<std::int64_t>(),
                   boost::test_tools::per_element());
      check_close(tape.gradient(y[0], x, {.cotangent = f["cotangent.y"], .create_graph = differentiable}),
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
      return std::array<Tensor, 2>{avg_pool1d(x, f.whole_number("kernel_size", 0),
                                              {.stride = stride_of(f),
                                               .padding = f.whole_number("padding", 0),
                                               .ceil_mode = f.truth("ceil_mode"),
                                               .count_include_pad = f.truth("count_include_pad", true)})};
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
      return std::array<Tensor, 2>{adaptive_avg_pool1d(x, f.whole_number("output_size", 0))};
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
  const Tensor x = from_vector<double>({1.0, 2.0, 2.0, 0.0}, {4}, true);
  Tape tape;
  check_close(tape.gradient(max_pool1d(x, 4), x, {.cotangent = ones({1}, {.dtype = float64})}),
              from_vector<double>({0.0, 1.0, 0.0, 0.0}, {4}), 0.0);
}

BOOST_AUTO_TEST_SUITE_END()
