// Initialisers: bounds and moments of large samples, orthogonality, what layers start with.
#include "tapegrad/nn/init.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;
using tg::test::says;

namespace {

struct Moments {
  double mean = 0.0, variance = 0.0, low = 0.0, high = 0.0, count = 0.0;
};

Moments moments(const tg::Tensor& x) {
  const std::vector<double> values = x.to(tg::float64).to_vector<double>();
  Moments m{.low = *std::min_element(values.begin(), values.end()),
            .high = *std::max_element(values.begin(), values.end()),
            .count = static_cast<double>(values.size())};
  for (const double v : values) m.mean += v / m.count;
  for (const double v : values) m.variance += (v - m.mean) * (v - m.mean) / m.count;
  return m;
}

/// The largest magnitude; NaN where an element is.
double largest(const tg::Tensor& x) { return tg::max(tg::abs(x)).item(); }

/// Within five standard errors of a uniform distribution on +-bound, and inside it.
void check_uniform(const tg::Tensor& x, double bound) {
  const Moments m = moments(x);
  const double variance = bound * bound / 3.0;
  BOOST_TEST(m.high <= bound);
  BOOST_TEST(m.low >= -bound);
  BOOST_TEST(m.high > 0.99 * bound);
  BOOST_TEST(std::abs(m.mean) < 5.0 * std::sqrt(variance / m.count));
  BOOST_TEST(std::abs(m.variance - variance) < 5.0 * variance * std::sqrt(0.8 / m.count));
}

void check_normal(const tg::Tensor& x, double mean, double deviation) {
  const Moments m = moments(x);
  BOOST_TEST(std::abs(m.mean - mean) < 5.0 * deviation / std::sqrt(m.count));
  BOOST_TEST(std::abs(m.variance - deviation * deviation) < 5.0 * deviation * deviation * std::sqrt(2.0 / m.count));
}

/// Mean and variance within five standard errors of those of a truncated normal distribution, and every number within
/// the bounds.
void check_truncated(double mean, double deviation, double low, double high) {
  BOOST_TEST_CONTEXT("N(" << mean << ", " << deviation << "^2) in [" << low << ", " << high << "]") {
    const tg::Tensor x = tg::zeros({50000}, {.dtype = tg::float64});
    nn::init::trunc_normal(x, mean, deviation, low, high);
    // Moments of the standardised number: m_k = (k - 1) m_(k - 2) + (a^(k - 1) f(a) - b^(k - 1) f(b)) / P, f the normal
    // density, P the mass between a and b.
    const double a = (low - mean) / deviation, b = (high - mean) / deviation;
    const auto density = [](double z) { return std::exp(-z * z / 2) / std::sqrt(2 * 3.14159265358979323846); };
    const double mass = a > 0 ? (std::erfc(a / std::sqrt(2.0)) - std::erfc(b / std::sqrt(2.0))) / 2
                              : (std::erfc(-b / std::sqrt(2.0)) - std::erfc(-a / std::sqrt(2.0))) / 2;
    std::vector<double> raw = {1.0, (density(a) - density(b)) / mass};
    for (int k = 2; k <= 4; ++k)
      raw.push_back((k - 1) * raw[static_cast<std::size_t>(k - 2)] +
                    (std::pow(a, k - 1) * density(a) - std::pow(b, k - 1) * density(b)) / mass);
    const double m = raw[1];
    const double variance = raw[2] - m * m;
    const double fourth = raw[4] - 4 * m * raw[3] + 6 * m * m * raw[2] - 3 * m * m * m * m;
    const Moments drawn = moments(x);
    BOOST_TEST(drawn.low >= low);
    BOOST_TEST(drawn.high <= high);
    BOOST_TEST(std::abs(drawn.mean - (mean + deviation * m)) < 5.0 * deviation * std::sqrt(variance / drawn.count));
    BOOST_TEST(std::abs(drawn.variance / (deviation * deviation) - variance) <
               5.0 * std::sqrt((fourth - variance * variance) / drawn.count));
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(init)

BOOST_AUTO_TEST_CASE(bounds_and_moments) {
  tg::manual_seed(11);
  const tg::Tensor w = tg::zeros({120, 80});
  nn::init::xavier_uniform(w);
  check_uniform(w, std::sqrt(6.0 / 200.0));
  nn::init::xavier_normal(w, 2.0);
  check_normal(w, 0.0, 2.0 * std::sqrt(2.0 / 200.0));
  nn::init::kaiming_uniform(w);
  check_uniform(w, std::sqrt(2.0) * std::sqrt(3.0 / 80.0));
  nn::init::kaiming_normal(w, {.gain = 1.0, .fan = nn::init::Fan::out});
  check_normal(w, 0.0, std::sqrt(1.0 / 120.0));
  nn::init::normal(w, 3.0, 0.5);
  check_normal(w, 3.0, 0.5);
  nn::init::constant(w, 0.25);
  BOOST_TEST(moments(w).low == 0.25);
  BOOST_TEST(moments(w).high == 0.25);
  const tg::Tensor convolution = tg::zeros({20, 10, 3, 4});
  nn::init::xavier_uniform(convolution);
  check_uniform(convolution, std::sqrt(6.0 / (12.0 * 30.0)));
  BOOST_CHECK_THROW(nn::init::xavier_uniform(tg::zeros({4})), tg::ShapeError);
  BOOST_CHECK_THROW(nn::init::uniform(w, 1.0, 0.0), tg::ValueError);
}

BOOST_AUTO_TEST_CASE(truncated_normal_numbers) {
  tg::manual_seed(7);
  check_truncated(0.0, 1.0, -2.0, 2.0);
  check_truncated(0.0, 0.02, -0.04, 0.04);
  check_truncated(1.0, 2.0, 0.0, 3.0);    // narrow, around the mean
  check_truncated(0.0, 1.0, 0.5, 20.0);   // a tail
  check_truncated(0.0, 1.0, 6.0, 20.0);   // far out
  check_truncated(0.0, 1.0, 2.0, 2.2);    // a piece of a tail
  check_truncated(5.0, 0.5, -10.0, 3.0);  // the lower one
  check_truncated(5.0, 0.5, 3.0, 3.25);
}

BOOST_AUTO_TEST_CASE(truncated_normal_numbers_at_the_limits) {
  const tg::Tensor x = tg::zeros({1000});
  tg::manual_seed(3);
  nn::init::trunc_normal(x);
  const std::vector<float> first = x.to_vector<float>();
  BOOST_TEST(moments(x).high > 1.9);
  nn::init::trunc_normal(x);
  BOOST_TEST((x.to_vector<float>() != first));
  tg::manual_seed(3);
  nn::init::trunc_normal(x);
  BOOST_TEST((x.to_vector<float>() == first));
  nn::init::trunc_normal(x, 0.0, 1e-300, 1.0, 2.0);  // of which all but nothing lies at the lower bound
  BOOST_TEST((x.to_vector<float>() == std::vector<float>(1000, 1.0F)));
  nn::init::trunc_normal(x, 0.0, 1.0, -0.25, -0.25);
  BOOST_TEST((x.to_vector<float>() == std::vector<float>(1000, -0.25F)));
  const tg::Tensor one = tg::zeros({1}, {.dtype = tg::float64});
  for (int k = -20; k <= 20; ++k) {  // mean + stddev * ((k / 10 - mean) / stddev) may round to another number
    nn::init::trunc_normal(one, 0.3, 0.7, k / 10.0, k / 10.0);
    BOOST_TEST(one.item() == k / 10.0);
  }
  nn::init::trunc_normal(x, 0.0, 1.0, 0.1, 0.1 + 1e-12);  // between neighbours of float32
  BOOST_TEST((x.to_vector<float>() == std::vector<float>(1000, 0.1F)));

  BOOST_CHECK_EXCEPTION(
      nn::init::trunc_normal(x, 0.0, 0.0), tg::ValueError,
      says("[trunc_normal] expected a positive, finite stddev and bounds that float32 holds, low <= high, at "
           "finite distances from the mean, got mean 0, stddev 0, bounds -2 and 2"));
  BOOST_CHECK_THROW(nn::init::trunc_normal(x, 0.0, HUGE_VAL), tg::ValueError);
  BOOST_CHECK_THROW(nn::init::trunc_normal(x, 0.0, 1.0, 2.0, -2.0), tg::ValueError);
  BOOST_CHECK_THROW(nn::init::trunc_normal(x, std::nan("")), tg::ValueError);
  BOOST_CHECK_THROW(nn::init::trunc_normal(x, 0.0, 1.0, -HUGE_VAL, 2.0), tg::ValueError);
  BOOST_CHECK_THROW(nn::init::trunc_normal(x, 0.0, 1.0, -1e39, 1e39), tg::ValueError);
  BOOST_CHECK_THROW(nn::init::trunc_normal(x, 0.0, 1e-310, -1.0, 0.0), tg::ValueError);
  BOOST_CHECK_THROW(nn::init::trunc_normal(x, 0.0, 1e-310, 0.0, 1.0), tg::ValueError);
  BOOST_CHECK_THROW(nn::init::trunc_normal(tg::zeros({2}, {.dtype = tg::int64})), tg::DTypeError);
}

BOOST_AUTO_TEST_CASE(the_upper_bound_is_not_reached) {
  tg::manual_seed(5);
  const double high = 1000.0001;  // two steps of float32 above 1000
  const tg::Tensor x = tg::zeros({1000});
  nn::init::uniform(x, 1000.0, high);
  const Moments m = moments(x);
  BOOST_TEST(m.high < high);
  BOOST_TEST(m.high > 1000.0);
  nn::init::uniform(x, 0.25, 0.25);
  BOOST_TEST(x.to_vector<float>() == std::vector<float>(1000, 0.25F));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_drawn_is_refused) {
  const tg::Tensor x = tg::zeros({2, 2});
  BOOST_CHECK_EXCEPTION(nn::init::uniform(x, 1.0, HUGE_VAL), tg::ValueError,
                        says("[uniform] expected bounds that float32 holds, low <= high, got 1 and inf"));
  BOOST_CHECK_THROW(nn::init::uniform(x, -1e300, 1e300), tg::ValueError);
  BOOST_CHECK_NO_THROW(nn::init::uniform(tg::zeros({2}, {.dtype = tg::float64}), -1e300, 1e300));
  BOOST_CHECK_EXCEPTION(nn::init::normal(x, 0.0, -1.0), tg::ValueError,
                        says("[normal] expected a mean and a stddev of at least 0 that float32 holds, got 0 and -1"));
  BOOST_CHECK_THROW(nn::init::normal(x, 0.0, 1e38), tg::ValueError);
  BOOST_CHECK_EXCEPTION(nn::init::constant(x, 1e39), tg::ValueError, says("[constant] float32 does not hold 1e+39"));
  BOOST_CHECK_NO_THROW(nn::init::constant(x, HUGE_VAL));
  for (const double gain : {-1.0, std::nan(""), HUGE_VAL}) {
    BOOST_CHECK_EXCEPTION(nn::init::xavier_uniform(x, gain), tg::ValueError,
                          says("[xavier_uniform] expected a gain of at least 0 that float32 holds, got"));
    BOOST_CHECK_THROW(nn::init::kaiming_normal(x, {.gain = gain}), tg::ValueError);
    BOOST_CHECK_THROW(nn::init::orthogonal(x, gain), tg::ValueError);
  }
  BOOST_CHECK_EXCEPTION(nn::init::normal(tg::Tensor()), tg::ValueError, says("[normal] expected a tensor to fill"));
  BOOST_CHECK_THROW(nn::init::normal(x, std::nan(""), 1.0), tg::ValueError);
  BOOST_CHECK_EXCEPTION(nn::init::uniform(tg::zeros({2}, {.dtype = tg::int64}), 0, 9), tg::DTypeError,
                        says("[uniform] expected a floating tensor, got int64 [2]"));
  BOOST_CHECK_NO_THROW(nn::init::kaiming_uniform(tg::zeros({3, 0})));  // of nothing, on infinite bounds
}

BOOST_AUTO_TEST_CASE(what_a_tape_tracks_is_not_written) {
  const nn::Linear layer(2, 2);
  const std::vector<float> before = layer.weight->to_vector<float>();
  const tg::Tape tape;
  BOOST_CHECK_EXCEPTION(nn::init::constant(layer.weight, 0.0), tg::TapeError, says("[constant] a tensor [2, 2] that"));
  BOOST_TEST(layer.weight->to_vector<float>() == before);
}

BOOST_AUTO_TEST_CASE(orthogonal_rows_or_columns) {
  for (const tg::Shape& shape : {tg::Shape{5, 5}, tg::Shape{3, 7}, tg::Shape{7, 3}, tg::Shape{4, 2, 3}}) {
    tg::Tensor w = tg::zeros(shape, {.dtype = tg::float64});
    nn::init::orthogonal(w, 2.0);
    w = tg::reshape(w, {shape[0], -1});
    const tg::Tensor gram =
        w.size(0) <= w.size(1) ? tg::matmul(w, tg::transpose(w, 0, 1)) : tg::matmul(tg::transpose(w, 0, 1), w);
    const std::vector<double> values = gram.to_vector<double>();
    const auto n = static_cast<std::size_t>(gram.size(0));
    for (std::size_t i = 0; i < values.size(); ++i)
      BOOST_TEST(std::abs(values[i] - (i / n == i % n ? 4.0 : 0.0)) < 1e-13);
  }
}

BOOST_AUTO_TEST_CASE(layers_start_as_pytorchs) {
  tg::manual_seed(2);
  const nn::Linear linear(100, 90);
  check_uniform(linear.weight, 0.1);
  check_uniform(linear.bias, 0.1);
  const nn::Linear of_nothing(0, 3);
  BOOST_TEST(of_nothing.bias->to_vector<float>() == std::vector<float>(3, 0.0F), boost::test_tools::per_element());
  const nn::Embedding embedding(200, 50, {.padding_idx = -1});
  check_normal(tg::slice(embedding.weight, 0, {.stop = 199}), 0.0, 1.0);
  BOOST_TEST(moments(embedding.weight->operator[](199)).high == 0.0);
  BOOST_TEST(moments(embedding.weight->operator[](199)).low == 0.0);
  const nn::MultiHeadAttention attention({.embed_dim = 64, .num_heads = 4});
  check_uniform(attention.in_proj_weight, std::sqrt(6.0 / 256.0));
  BOOST_TEST(moments(attention.in_proj_bias).variance == 0.0);
  BOOST_TEST(moments(attention.out_proj.bias).variance == 0.0);
  check_uniform(attention.out_proj.weight, 0.125);
}

BOOST_AUTO_TEST_CASE(a_seed_fixes_the_model) {
  tg::manual_seed(4);
  const nn::Linear a(8, 8);
  const nn::Linear b(8, 8);
  tg::manual_seed(4);
  const nn::Linear c(8, 8);
  BOOST_TEST((a.weight->to_vector<float>() == c.weight->to_vector<float>()));
  BOOST_TEST((a.weight->to_vector<float>() != b.weight->to_vector<float>()));
}

BOOST_AUTO_TEST_CASE(large_orthogonal_matrices_are_orthogonal_to_rounding) {
  constexpr std::int64_t kSize = 300;
  tg::Tensor w = tg::zeros({kSize, kSize}, {.dtype = tg::float64});
  nn::init::orthogonal(w);
  const tg::Tensor errors = tg::matmul(w, tg::transpose(w, 0, 1)) - tg::eye(kSize, {.dtype = tg::float64});
  BOOST_TEST(largest(errors) < 4e-15);  // one pass of Gram and Schmidt leaves more
}

// PyTorch: uniform within 1 / sqrt(fan in), which is (channels in / groups) times the kernel, for the transposed one
// (channels out / groups) times the kernel.
BOOST_AUTO_TEST_CASE(convolutions_start_within_their_fan_in) {
  tg::manual_seed(2);
  const double bound = 1 / std::sqrt(15.0);
  for (const double most : {largest(nn::Conv1d(6, 40, 5, {.groups = 2}).weight),
                            largest(nn::ConvTranspose1d(40, 6, 5, {.groups = 2}).weight)}) {
    BOOST_TEST(most <= bound);
    BOOST_TEST(most > 0.98 * bound);
  }
}

BOOST_AUTO_TEST_SUITE_END()
