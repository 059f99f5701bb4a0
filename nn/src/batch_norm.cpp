#include <fmt/format.h>

#include <cmath>
#include <span>

#include "norm_parts.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/checkpoint.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/nn/norm.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::nn {

BatchNorm::BatchNorm(std::int64_t features, BatchNormOptions options)
    : running_mean(zeros({checked_features("BatchNorm", features, options)}, {.dtype = options.dtype})),
      running_var(ones({features}, {.dtype = options.dtype})),
      num_batches_tracked(zeros({}, {.dtype = int64})),
      features_(features),
      eps_(options.eps),
      momentum_(options.momentum),
      channels_first_(options.channels_first) {
  if (!(momentum_ >= 0.0 && momentum_ <= 1.0))
    throw ValueError(fmt::format("[BatchNorm] expected a momentum in [0, 1], got {}", momentum_));
  make_affine(options, features, weight, bias);
}

namespace {

/// average <- (1 - momentum) average + momentum * batch, for the variance with Bessel's correction. Infinity would stay
/// for good: a feature that has it, or NaN, in either is left as it is.
template <class T>
void move_averages(Tensor mean, Tensor variance, const BatchNormResult& batch, double momentum) {
  const std::span<const T> new_means = batch.mean.data<T>(), new_variances = batch.variance.data<T>();
  const std::span<T> means = mean.mutable_data<T>("batch_norm");
  const std::span<T> variances = variance.mutable_data<T>("batch_norm");
  const auto moved = [momentum](T average, T news, double factor) {
    return static_cast<T>((1.0 - momentum) * static_cast<double>(average) +
                          momentum * factor * static_cast<double>(news));
  };
  const double n = static_cast<double>(batch.count);
  for (std::size_t c = 0; c < means.size(); ++c) {
    const T m = moved(means[c], new_means[c], 1.0), v = moved(variances[c], new_variances[c], n / (n - 1.0));
    if (!std::isfinite(m) || !std::isfinite(v)) continue;
    means[c] = m;
    variances[c] = v;
  }
}

void expect_channels_of_batch(const Tensor& x, std::int64_t channels) {
  expect_defined("BatchNorm", x);
  if ((x.dim() != 2 && x.dim() != 3) || x.size(1) != channels)
    throw ShapeError(
        fmt::format("[BatchNorm] expected [N, {0}] or [N, {0}, L], got {1}", channels, to_string(x.shape())));
}

// What batch_norm() refuses too, in the layout of the layer's input, and with what a module can say besides.

/// Positions [N, L], or [N] where x has no L.
void expect_positions_of(const Tensor& x, const Tensor& positions, int features_axis) {
  Shape expected = x.shape();
  expected.erase(features_axis);
  if (positions.shape() != expected)
    throw ShapeError(fmt::format("[BatchNorm] expected positions {} for {}, got {}", to_string(expected),
                                 to_string(x.shape()), to_string(positions.shape())));
}

void expect_no_single_position(const Tensor& x, const Tensor& positions, std::int64_t features) {
  const bool masked = positions.defined();
  const std::int64_t count = masked ? sum(positions).item<std::int64_t>() : x.numel() / features;
  if (count == 1)
    throw ShapeError(fmt::format(
        "[BatchNorm] one value per channel: its variance is 0 and the output would be beta whatever x is "
        "(x {} with 1 {}position); give more positions, or use running statistics (or is eval() forgotten?)",
        to_string(x.shape()), masked ? "valid " : ""));
}

/// [N, C, L] to [N, L, C] and back; [N, C] is both.
Tensor other_layout(const Tensor& x) { return x.dim() == 3 ? transpose(x, 1, 2) : x; }

}  // namespace

Tensor BatchNorm::operator()(const Tensor& x, const Mask& mask) {
  const Scope scope = entered();
  if (channels_first_) {
    expect_channels_of_batch(x, features_);
  } else {
    expect_features("BatchNorm", x, features_, " (or .channels_first takes them)");
  }
  if (x.dtype() != running_mean.dtype())
    throw DTypeError(
        fmt::format("[BatchNorm] expected {}, got {}", to_string(running_mean.dtype()), to_string(x.dtype())));
  const Tensor& positions = mask.positions();
  if (positions.defined()) expect_positions_of(x, positions, channels_first_ ? 1 : x.dim() - 1);
  if (is_training()) expect_no_single_position(x, positions, features_);
  const Tensor rows = channels_first_ ? other_layout(x) : x;
  const Tensor y = is_training() ? train_on(rows, mask) : evaluate(rows, positions);
  return channels_first_ ? other_layout(y) : y;
}

Tensor BatchNorm::train_on(const Tensor& x, const Mask& mask) {
  BatchNormResult result = batch_norm(x, weight, bias, {.eps = eps_, .mask = mask});
  if (result.count > 0 && !is_replaying()) {
    if (running_mean.dtype() == float32) {
      move_averages<float>(running_mean, running_var, result, momentum_);
    } else {
      move_averages<double>(running_mean, running_var, result, momentum_);
    }
    Tensor batches = num_batches_tracked;
    batches.mutable_data<std::int64_t>("batch_norm")[0] += 1;
  }
  return result.y;
}

/// Padding is left out and becomes 0 here too: what comes after must not tell training from evaluation by it.
Tensor BatchNorm::evaluate(const Tensor& x, const Tensor& positions) const {
  const auto normalised = [&](const Tensor& rows) {
    return batch_norm_eval(rows, running_mean, running_var, weight, bias, eps_);
  };
  if (!positions.defined()) return normalised(x);
  const Tensor keep = unsqueeze(positions, -1);
  return where(keep, normalised(where(keep, x, 0.0)), 0.0);
}

namespace {

struct BatchNormEntry {
  static constexpr std::string_view math =
      R"(y = \gamma \odot \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta,\ \mu, \sigma^2 \text{ of each feature over the valid positions; running averages in evaluation})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    const Mask mask = Mask::from_lengths({4, 2}, 4);
    return {
        layer_sample("sequences", BatchNorm(3, {.dtype = float64}), {uniform(g, {2, 4, 3}, -2, 2)}),
        layer_sample("valid positions", BatchNorm(3, {.dtype = float64}), {uniform(g, {2, 4, 3}, -2, 2)},
                     [mask](BatchNorm& layer, const Tensor& x) { return layer(x, mask); }),
        layer_sample("valid positions, in evaluation", BatchNorm(3, {.dtype = float64}), {uniform(g, {2, 4, 3}, -2, 2)},
                     [mask](BatchNorm& layer, const Tensor& x) {
                       layer.eval();
                       return layer(x, mask);
                     }),
        layer_sample("channels first", BatchNorm(3, {.channels_first = true, .dtype = float64}),
                     {uniform(g, {2, 3, 4}, -2, 2)}),
        layer_sample("channels first, valid positions", BatchNorm(3, {.channels_first = true, .dtype = float64}),
                     {uniform(g, {2, 3, 4}, -2, 2)},
                     [mask](BatchNorm& layer, const Tensor& x) { return layer(x, mask); }),
        layer_sample("without parameters", BatchNorm(2, {.eps = 0.02, .affine = false, .dtype = float64}),
                     {uniform(g, {5, 2}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"features", [] { BatchNorm(-3); }, "[BatchNorm] expected at least one feature, got -3"},
            {"dtype", [] { BatchNorm(4, {.affine = false, .dtype = int64}); },
             "[BatchNorm] expected a floating dtype, got int64"},
            {"positions in evaluation",
             [] {
               BatchNorm layer(3);
               layer.eval();
               (void)layer(ones({2, 4, 3}), Mask::from_lengths({1, 1, 1}, 9));
             },
             "[BatchNorm] expected positions [2, 4] for [2, 4, 3], got [3, 9]"},
            {"momentum", [] { BatchNorm(4, {.momentum = 2.0}); }, "[BatchNorm] expected a momentum in [0, 1], got 2"},
            {"another width",
             [] {
               (void)BatchNorm(4)(ones({2, 5}));
             },
             "[BatchNorm] expected [.., 4], got [2, 5]"},
            {"channels first",
             [] {
               (void)BatchNorm(4)(ones({2, 4, 5}));
             },
             "[BatchNorm] expected [.., 4], got [2, 4, 5]: features stand last here, where transpose(x, 1, 2) brings"},
            {"another dtype",
             [] {
               (void)BatchNorm(4)(ones({2, 4}, {.dtype = float64}));
             },
             "[BatchNorm] expected float32, got float64"},
            {"one position",
             [] {
               (void)BatchNorm(3)(ones({1, 3}));
             },
             "[BatchNorm] one value per channel: its variance is 0"},
            {"channels first, another width",
             [] {
               (void)BatchNorm(4, {.channels_first = true})(ones({2, 5, 4}));
             },
             "[BatchNorm] expected [N, 4] or [N, 4, L], got [2, 5, 4]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[448, 64]", BatchNorm(64, {.dtype = float64}), rows_to_normalise(g));
  }
};

}  // namespace

TAPEGRAD_LAYER(norm, BatchNorm, BatchNormEntry)

}  // namespace tapegrad::nn
