// What layers promise beyond their values: statistics, independence of sequences and of padding, the same bits at any
// number of threads, modes. (What every layer promises stands in the catalogue's suite.)
#include <boost/test/unit_test.hpp>

#include <cmath>
#include <functional>
#include <limits>
#include <thread>
#include <vector>

#include "kernels/thread_count.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;

namespace {

constexpr std::int64_t kBatch = 16;
constexpr std::int64_t kLength = 7;
constexpr std::int64_t kWidth = 40;
constexpr double kEps = 1e-5;

/// x [16, 7, 40], and its residual sum with self-attention of 4 heads.
struct Residual {
  nn::MultiHeadAttention attention{{.embed_dim = kWidth, .num_heads = 4, .dtype = tg::float64}};
  tg::Tensor x = tg::randn({kBatch, kLength, kWidth}, {.dtype = tg::float64});
  tg::Tensor operator()() const { return x + attention(x, x, x); }
};

/// Mean 0 and variance v / (v + eps), v the variance before, over the given axes.
void check_statistics(const tg::Tensor& before, const tg::Tensor& after, const tg::Axes& axes) {
  const std::vector<double> means = tg::mean(after, axes).to_vector<double>();
  const std::vector<double> variances = tg::var(after, axes, {.correction = 0.0}).to_vector<double>();
  const std::vector<double> v = tg::var(before, axes, {.correction = 0.0}).to_vector<double>();
  for (std::size_t i = 0; i < v.size(); ++i) {
    BOOST_TEST(std::abs(means[i]) < 1e-13);
    BOOST_TEST(std::abs(variances[i] - v[i] / (v[i] + kEps)) < 1e-13);
  }
}

/// [n][m]: the largest derivative of anything in sequence n of y with respect to anything in sequence m of x, along
/// random cotangents.
std::vector<std::vector<double>> influence(const tg::Tensor& x, const std::function<tg::Tensor()>& f) {
  x.set_requires_grad(true);
  tg::Tape tape;
  const tg::Tensor y = f();
  std::vector<std::vector<double>> largest;
  for (std::int64_t n = 0; n < x.size(0); ++n) {
    tg::Tensor cotangent = tg::zeros(y.shape(), {.dtype = tg::float64});
    const std::vector<double> random = tg::randn(y[n].shape(), {.dtype = tg::float64}).to_vector<double>();
    const std::span<double> elements = cotangent.mutable_data<double>();
    std::copy(random.begin(), random.end(), elements.begin() + n * static_cast<std::int64_t>(random.size()));
    const tg::Tensor gradient = tape.gradient(y, x, {.cotangent = cotangent, .retain = true});
    largest.push_back(tg::max(tg::abs(tg::reshape(gradient, {x.size(0), -1})), 1).to_vector<double>());
  }
  return largest;
}

/// The bits of a training step: loss, all gradients, running statistics.
std::vector<float> step_bits(int threads, nn::Norm norm) {
  const tg::kernels::ThreadCount count(threads);
  tg::manual_seed(3);
  nn::TransformerEncoder encoder({.num_layers = 2, .embed_dim = 64, .num_heads = 4, .norm = norm, .dropout = 0.1});
  const tg::Tensor x = tg::randn({32, 24, 64});
  std::vector<std::int64_t> lengths;
  for (std::int64_t n = 0; n < 32; ++n) lengths.push_back(1 + n * 7 % 24);
  const tg::Mask mask = tg::Mask::from_lengths(lengths, 24);
  const std::vector<tg::Tensor> parameters = encoder.parameters();
  tg::Tape tape;
  const tg::Tensor loss = tg::sum(tg::square(nn::masked_mean(encoder(x, mask), mask)));
  tape.backward(loss);
  std::vector<float> bits = loss.to_vector<float>();
  for (const tg::Tensor& parameter : parameters)
    for (const float g : parameter.grad().to_vector<float>()) bits.push_back(g);
  for (const auto& [name, buffer] : encoder.named_buffers())
    if (buffer.dtype() == tg::float32)
      for (const float v : buffer.to_vector<float>()) bits.push_back(v);
  return bits;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(properties)

BOOST_AUTO_TEST_CASE(layer_norm_normalises_each_token_and_batch_norm_each_feature) {
  tg::manual_seed(0);
  const Residual residual;
  const nn::LayerNorm layer_norm(kWidth, {.dtype = tg::float64});
  nn::BatchNorm batch_norm(kWidth, {.dtype = tg::float64});
  const tg::Tensor sum = residual();
  check_statistics(sum, layer_norm(sum), -1);
  check_statistics(sum, batch_norm(sum), {0, 1});
}

BOOST_AUTO_TEST_CASE(sequences_are_independent_with_layer_norm_and_not_with_batch_norm) {
  tg::manual_seed(0);
  const Residual residual;
  const nn::LayerNorm layer_norm(kWidth, {.dtype = tg::float64});
  nn::BatchNorm batch_norm(kWidth, {.dtype = tg::float64});
  const auto alone = influence(residual.x, [&] { return layer_norm(residual()); });
  const auto together = influence(residual.x, [&] { return batch_norm(residual()); });
  for (std::size_t n = 0; n < alone.size(); ++n)
    for (std::size_t m = 0; m < alone.size(); ++m) {
      if (n == m) {
        BOOST_TEST(alone[n][m] > 0.1);
      } else {
        BOOST_TEST(alone[n][m] == 0.0);
      }
      BOOST_TEST(together[n][m] > 1e-3);
    }
}

BOOST_AUTO_TEST_CASE(padding_changes_nothing) {
  tg::manual_seed(1);
  for (const nn::Norm norm : {nn::Norm::layer, nn::Norm::batch, nn::Norm::rms, nn::Norm::none}) {
    nn::TransformerEncoder encoder({.num_layers = 2, .embed_dim = 8, .num_heads = 2, .norm = norm, .dropout = 0.0});
    const tg::Mask mask = tg::Mask::from_lengths({5, 2, 3}, 5);
    const tg::Tensor x = tg::randn({3, 5, 8});
    const tg::Tensor other = tg::where(tg::unsqueeze(mask.positions(), -1), x, tg::randn({3, 5, 8}));
    BOOST_TEST(nn::masked_mean(encoder(x, mask), mask).to_vector<float>() ==
                   nn::masked_mean(encoder(other, mask), mask).to_vector<float>(),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(batch_norm_hides_padding_in_evaluation_as_in_training) {
  nn::BatchNorm norm(2, {.dtype = tg::float64});
  norm.load_state_dict({{"weight", tg::from_vector<double>({3, 4}, {2})},
                        {"bias", tg::from_vector<double>({5, 6}, {2})},
                        {"running_mean", tg::from_vector<double>({1, -1}, {2})},
                        {"running_var", tg::from_vector<double>({0.5, 2}, {2})},
                        {"num_batches_tracked", tg::tensor(1.0, {.dtype = tg::int64})}});
  norm.eval();
  const tg::Tensor x = tg::from_vector<double>({1, 2, 3, 4, std::nan(""), 9}, {1, 3, 2}).set_requires_grad(true);
  tg::Tape tape;
  const tg::Tensor y = norm(x, tg::Mask::from_lengths({2}, 3));
  std::vector<double> expected = norm(x.slice(1, {.stop = 2})).to_vector<double>();
  expected.insert(expected.end(), {0.0, 0.0});
  BOOST_TEST(y.to_vector<double>() == expected);
  tape.backward(tg::sum(y));
  // The slope by the weight is the sum of xhat: (1 - 1 + 3 - 1) / sqrt(0.5 + eps) and (2 + 1 + 4 + 1) / sqrt(2 + eps).
  const std::vector<double> slopes = norm.weight.grad().to_vector<double>();
  BOOST_TEST(std::abs(slopes[0] - 2.0 / std::sqrt(0.5 + kEps)) < 1e-12);
  BOOST_TEST(std::abs(slopes[1] - 8.0 / std::sqrt(2.0 + kEps)) < 1e-12);
  BOOST_TEST(x.grad()[0][2].to_vector<double>() == std::vector<double>(2, 0.0));
}

BOOST_AUTO_TEST_CASE(the_same_bits_with_1_2_and_4_threads) {
  for (const nn::Norm norm : {nn::Norm::layer, nn::Norm::batch}) {
    const std::vector<float> one = step_bits(1, norm);
    for (const int threads : {2, 4}) BOOST_TEST((step_bits(threads, norm) == one), threads << " threads");
  }
}

BOOST_AUTO_TEST_CASE(dropout_drops_in_training_alone) {
  tg::manual_seed(5);
  nn::Dropout dropout(0.25);
  const tg::Tensor x = tg::ones({40000});
  const std::vector<float> y = dropout(x).to_vector<float>();
  const auto zeros = static_cast<double>(std::count(y.begin(), y.end(), 0.0F));
  BOOST_TEST(std::abs(zeros - 10000.0) < 5.0 * std::sqrt(40000.0 * 0.25 * 0.75));
  for (const float v : y) BOOST_TEST((v == 0.0F || v == 1.0F / 0.75F));
  dropout.eval();
  BOOST_TEST(dropout(x).to_vector<float>() == x.to_vector<float>(), boost::test_tools::per_element());
  BOOST_CHECK_THROW(nn::Dropout(1.0), tg::ValueError);
}

BOOST_AUTO_TEST_CASE(an_encoder_in_evaluation_is_deterministic) {
  nn::TransformerEncoder encoder({.num_layers = 1, .embed_dim = 8, .num_heads = 2, .dropout = 0.5});
  const tg::Tensor x = tg::randn({2, 3, 8});
  BOOST_TEST((encoder(x).to_vector<float>() != encoder(x).to_vector<float>()));
  encoder.eval();
  BOOST_TEST((encoder(x).to_vector<float>() == encoder(x).to_vector<float>()));
}

BOOST_AUTO_TEST_CASE(in_evaluation_layers_are_called_on_several_threads_at_once) {
  nn::TransformerEncoder encoder(
      {.num_layers = 2, .embed_dim = 8, .num_heads = 2, .norm = nn::Norm::batch, .dropout = 0.5});
  nn::LSTM lstm(8, 4, {.num_layers = 2, .bidirectional = true, .dropout = 0.5});
  encoder.eval();
  lstm.eval();
  encoder.parameters();
  lstm.parameters();
  const tg::Mask mask = tg::Mask::from_lengths({3, 5}, 5);
  const tg::Tensor x = tg::randn({2, 5, 8});
  const auto answer = [&] { return lstm(encoder(x, mask), mask).y.to_vector<float>(); };
  const std::vector<float> alone = answer();
  std::vector<std::vector<float>> answers(4);
  std::vector<std::thread> threads;
  for (std::vector<float>& own : answers)
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        tg::Tape tape;
        own = answer();
        encoder.parameters();  // named already: nothing is written
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<float>& own : answers) BOOST_TEST(own == alone, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_batch_without_valid_positions_leaves_the_averages_alone) {
  nn::BatchNorm layer(3);
  const tg::Tensor y = layer(tg::randn({2, 4, 3}), tg::Mask::from_lengths({0, 0}, 4));
  BOOST_TEST(y.shape().numel() == 24);
  BOOST_TEST(layer.running_var->to_vector<float>() == std::vector<float>(3, 1.0F), boost::test_tools::per_element());
  BOOST_TEST(layer.num_batches_tracked->item() == 0.0);
  BOOST_CHECK_THROW((void)layer(tg::randn({1, 3})), tg::ShapeError);
}

// Closed form: the averages start as 0 and 1, and a batch of 1 and 3 has mean 2 and variance 2 with Bessel's
// correction.
BOOST_AUTO_TEST_CASE(a_feature_without_finite_statistics_keeps_its_averages) {
  const auto check = [](const nn::Buffer& average, const std::vector<float>& expected) {
    BOOST_TEST(average->to_vector<float>() == expected, boost::test_tools::tolerance(1e-6F)
                                                            << boost::test_tools::per_element());
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  nn::BatchNorm layer(3);
  const tg::Tensor y = layer(tg::tensor({{1e20F, 1.0F, nan}, {3e20F, 3.0F, 1.0F}}));
  BOOST_TEST(tg::slice(y, 1, {.stop = 1}).to_vector<float>() == (std::vector<float>{-1.0F, 1.0F}),
             boost::test_tools::tolerance(1e-6F) << boost::test_tools::per_element());
  check(layer.running_mean, {0.0F, 0.2F, 0.0F});
  check(layer.running_var, {1.0F, 1.1F, 1.0F});
  (void)layer(tg::tensor({{1.0F, 1.0F, 1.0F}, {3.0F, 3.0F, 3.0F}}));
  check(layer.running_mean, {0.2F, 0.38F, 0.2F});
  check(layer.running_var, {1.1F, 1.19F, 1.1F});
  BOOST_TEST(layer.num_batches_tracked->item() == 2.0);
}

// A variance of 3.025e38 is a float32, with Bessel's correction it is none.
BOOST_AUTO_TEST_CASE(a_correction_that_overflows_keeps_the_averages) {
  nn::BatchNorm layer(1, {.momentum = 1.0});
  (void)layer(tg::tensor({{0.0F}, {3.479e19F}}));
  BOOST_TEST(layer.running_mean->to_vector<float>() == std::vector<float>(1, 0.0F));
  BOOST_TEST(layer.running_var->to_vector<float>() == std::vector<float>(1, 1.0F));
}

BOOST_AUTO_TEST_CASE(attention_with_weights_is_the_same_attention) {
  const nn::MultiHeadAttention attention({.embed_dim = 4, .num_heads = 2});
  const tg::Mask mask = tg::Mask::from_lengths({2}, 3);
  tg::Tensor x = tg::randn({1, 3, 4});
  for (const float padding : {0.5F, std::numeric_limits<float>::quiet_NaN()}) {
    for (float& v : x.mutable_data<float>().subspan(8)) v = padding;
    const std::vector<float> plain = attention(x, x, x, mask).to_vector<float>();
    const std::vector<float> with_weights = attention.with_weights(x, x, x, mask).y.to_vector<float>();
    for (std::size_t i = 0; i < 8; ++i) {  // the queries that are no padding
      BOOST_TEST(std::isfinite(plain[i]));
      BOOST_TEST(with_weights[i] == plain[i]);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
