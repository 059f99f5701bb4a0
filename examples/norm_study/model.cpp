#include "norm_study/model.hpp"

#include <algorithm>
#include <utility>

#include "tapegrad/base/random.hpp"
#include "tapegrad/nn/init.hpp"
#include "tapegrad/ops/attention.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace norm_study {
namespace tg = tapegrad;
namespace {

constexpr double kFirstAlpha = 0.5;  // DyT's start in the paper

/// LayerNorm out of small operations, its statistics cut off the tape.
tg::Tensor detached_layer_norm(const tg::Tensor& x, const tg::Tensor& weight, const tg::Tensor& bias) {
  const tg::Tensor mean = tg::mean(x, -1, true).detach();
  const tg::Tensor variance = tg::var(x, -1, {.correction = 0, .keepdim = true}).detach();
  return (x - mean) * tg::rsqrt(variance + kNormEpsilon) * weight + bias;
}

/// running += momentum (batch - running), in place.
void move_towards(const tg::Tensor& running, const tg::Tensor& batch) {
  tg::Tensor target = running;
  const auto now = batch.data<float>();
  const auto old = target.mutable_data<float>("batch_norm");
  for (std::size_t i = 0; i < old.size(); ++i) old[i] += static_cast<float>(kNormMomentum) * (now[i] - old[i]);
}

/// A table of vectors [rows, width]. Four of them add up to an input of variance 1.
tg::nn::Parameter random_table(std::int64_t rows, std::int64_t width) {
  return tg::nn::Parameter(0.5 * tg::randn({rows, width}));
}

/// As torch.nn.Transformer starts its matrices.
void start(tg::nn::Linear& linear) {
  tg::nn::init::xavier_uniform(linear.weight);
  tg::nn::init::constant(linear.bias, 0);
}

/// The mean over the letters of each word, [N, L, E] -> [N, E].
tg::Tensor mean_over_letters(const tg::Tensor& x, const tg::Mask& mask) {
  if (!mask.positions().defined()) return tg::mean(x, 1);
  const tg::Tensor keep = tg::unsqueeze(mask.positions().to(x.dtype()), -1);  // [N, L, 1]
  return tg::sum(x * keep, 1) / tg::sum(keep, 1);
}

}  // namespace

std::string norm_name(Norm norm) {
  switch (norm) {
    case Norm::layer: return "LayerNorm";
    case Norm::batch: return "BatchNorm";
    case Norm::batch_unmasked: return "BatchNorm, unmasked";
    case Norm::none: return "no normalisation";
    case Norm::rms: return "RMSNorm";
    case Norm::tanh: return "DyT";
    case Norm::layer_detached: return "LayerNorm, statistics detached";
  }
  return "";
}

Normalizer::Normalizer(std::int64_t features, NormOptions norm_options) : options(norm_options) {
  if (options.norm == Norm::none) return;
  weight = tg::nn::Parameter(tg::ones({features}));
  if (options.norm != Norm::rms) bias = tg::nn::Parameter(tg::zeros({features}));
  if (options.norm == Norm::tanh) alpha = tg::nn::Parameter(tg::full({1}, kFirstAlpha));
  if (is_batch_norm()) {
    running_mean = tg::nn::Buffer(tg::zeros({features}));
    running_var = tg::nn::Buffer(tg::ones({features}));
  }
}

tg::Tensor Normalizer::operator()(const tg::Tensor& x, const tg::Mask& mask) {
  switch (options.norm) {
    case Norm::layer: return tg::layer_norm(x, weight, bias, kNormEpsilon);
    case Norm::rms: return tg::rms_norm(x, weight, kNormEpsilon);
    case Norm::tanh: return tg::tanh(x * alpha) * weight + bias;
    case Norm::layer_detached: return detached_layer_norm(x, weight, bias);
    case Norm::batch:
    case Norm::batch_unmasked: return batch_norm(x, mask);
    case Norm::none: break;
  }
  return x;
}

tg::Tensor Normalizer::batch_norm(const tg::Tensor& x, const tg::Mask& mask) {
  if (!is_training()) return tg::batch_norm_eval(x, running_mean, running_var, weight, bias, kNormEpsilon);
  const tg::Tensor positions = options.norm == Norm::batch ? mask.positions() : tg::Tensor();
  const std::int64_t words = x.size(0), group = options.ghost == 0 ? words : std::min(options.ghost, words);
  std::vector<tg::Tensor> parts, means, variances;
  tg::Tensor unbiased;
  for (std::int64_t first = 0; first < words; first += group) {
    const tg::Slice range{.start = first, .stop = std::min(first + group, words)};
    const bool whole = group == words;
    tg::BatchStatisticsOptions over{.eps = kNormEpsilon};
    if (positions.defined())
      over.mask = tg::Mask::keep_positions(whole ? positions : tg::slice(positions, 0, range).contiguous());
    tg::BatchNormResult result = tg::batch_norm(whole ? x : tg::slice(x, 0, range), weight, bias, over);
    const tg::NoRecord pause;
    const auto n = static_cast<double>(result.count);
    const tg::Tensor corrected = result.variance * (n / std::max(n - 1, 1.0));
    unbiased = unbiased.defined() ? unbiased + corrected : corrected;
    parts.push_back(std::move(result.y));
    means.push_back(std::move(result.mean));
    variances.push_back(std::move(result.variance));
  }
  {
    const tg::NoRecord pause;
    batch_mean = means.size() == 1 ? means.front() : tg::mean(tg::stack(means), 0);
    batch_variance = variances.size() == 1 ? variances.front() : tg::mean(tg::stack(variances), 0);
    if (tracking) {
      move_towards(running_mean, batch_mean);
      move_towards(running_var, unbiased / static_cast<double>(parts.size()));
    }
  }
  return parts.size() == 1 ? parts.front() : tg::cat(parts);
}

SelfAttention::SelfAttention(std::int64_t width, std::int64_t head_count)
    : heads(head_count), in_proj(width, 3 * width), out_proj(width, width) {
  start(in_proj);
  start(out_proj);
}

tg::Tensor SelfAttention::concatenated_heads(const tg::Tensor& x, const tg::Mask& mask) const {
  const std::int64_t n = x.size(0), length = x.size(1), width = x.size(2);
  const auto projected = tg::chunk(in_proj(x), 3, -1);
  const auto by_head = [&](const tg::Tensor& t) {
    return tg::transpose(tg::reshape(t, {n, length, heads, width / heads}), 1, 2);  // [N, H, L, D]
  };
  const tg::Tensor mixed =
      tg::scaled_dot_product_attention(by_head(projected[0]), by_head(projected[1]), by_head(projected[2]), mask);
  return tg::reshape(tg::transpose(mixed, 1, 2), {n, length, width});
}

EncoderBlock::EncoderBlock(const ModelOptions& options)
    : norm_first(options.norm_first),
      self_attn(options.width, options.heads),
      linear1(options.width, options.ffn_width),
      linear2(options.ffn_width, options.width),
      norm1(options.width, options.norm),
      norm2(options.width, options.norm),
      dropout(options.dropout) {
  start(linear1);
  start(linear2);
}

tg::Tensor EncoderBlock::feed_forward(const tg::Tensor& x) const { return linear2(tg::relu(linear1(x))); }

tg::Tensor EncoderBlock::operator()(const tg::Tensor& x, const tg::Mask& mask) {
  if (norm_first) {
    const tg::Tensor attended = x + dropout(self_attn(norm1(x, mask), mask));
    return attended + dropout(feed_forward(norm2(attended, mask)));
  }
  const tg::Tensor attended = norm1(x + dropout(self_attn(x, mask)), mask);
  return norm2(attended + dropout(feed_forward(attended)), mask);
}

WordClassifier::WordClassifier(const ModelOptions& options, std::uint64_t seed)
    : dropout(options.dropout), head(options.width, options.languages) {
  // The head was made before the seed was set: it is drawn again at its turn.
  tg::default_generator().set_state({.key = seed, .offset = 0});
  letter = random_table(options.letters, options.width);
  letter_before = random_table(options.letters, options.width);
  letter_behind = random_table(options.letters, options.width);
  position = random_table(options.most_positions, options.width);
  for (std::int64_t l = 0; l < options.layers; ++l) layers.emplace_back(options);
  head = tg::nn::Linear(options.width, options.languages);
}

tg::Tensor WordClassifier::embed(const Batch& batch) const {
  const std::int64_t length = batch.letters.size(1);
  return tg::embedding(letter, batch.letters) + tg::embedding(letter_before, batch.previous) +
         tg::embedding(letter_behind, batch.next) + tg::slice(position, 0, {.start = 0, .stop = length});
}

tg::Tensor WordClassifier::classify(const tg::Tensor& embedded, const tg::Mask& mask) {
  tg::Tensor x = dropout(embedded);
  for (EncoderBlock& layer : layers) x = layer(x, mask);
  return head(mean_over_letters(x, mask));
}

std::vector<Normalizer*> WordClassifier::normalizers() {
  std::vector<Normalizer*> all;
  for (EncoderBlock& layer : layers) {
    all.push_back(&layer.norm1);
    all.push_back(&layer.norm2);
  }
  return all;
}

void WordClassifier::set_tracking(bool tracking) {
  for (Normalizer* norm : normalizers()) norm->tracking = tracking;
}

void WordClassifier::set_masked(bool masked) {
  for (Normalizer* norm : normalizers())
    if (norm->is_batch_norm()) norm->options.norm = masked ? Norm::batch : Norm::batch_unmasked;
}

}  // namespace norm_study
