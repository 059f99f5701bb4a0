#include "tapegrad/nn/norm.hpp"

#include <fmt/format.h>

#include <span>

#include "expect_options.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/checkpoint.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::nn {

namespace {

/// The number of features, once it and the options have been checked: before the first part is made of them.
template <class Options>
std::int64_t checked_features(const char* layer, std::int64_t features, const Options& options) {
  if (features < 1) throw ValueError(fmt::format("[{}] expected at least one feature, got {}", layer, features));
  expect_eps(layer, options.eps);
  expect_floating(layer, options.dtype);
  return features;
}

// Without a weight nothing else would notice another width.
void expect_features(const char* layer, const Tensor& x, std::int64_t features) {
  expect_defined(layer, x);
  if (x.dim() < 1 || x.size(-1) != features)
    throw ShapeError(fmt::format("[{}] expected [.., {}], got {}", layer, features, to_string(x.shape())));
}

void expect_channels(const char* layer, const Tensor& x, std::int64_t channels) {
  expect_defined(layer, x);
  if (x.dim() < 2 || x.size(1) != channels)
    throw ShapeError(fmt::format("[{}] expected [N, {}, ..], got {}", layer, channels, to_string(x.shape())));
}

}  // namespace

LayerNorm::LayerNorm(std::int64_t features, LayerNormOptions options)
    : features_(checked_features("LayerNorm", features, options)), eps_(options.eps) {
  if (!options.affine) return;
  weight = Parameter(ones({features}, {.dtype = options.dtype}));
  if (options.bias) bias = Parameter(zeros({features}, {.dtype = options.dtype}));
}

Tensor LayerNorm::operator()(const Tensor& x) const {
  const Scope scope(path());
  expect_features("LayerNorm", x, features_);
  return layer_norm(x, weight, bias, eps_);
}

RMSNorm::RMSNorm(std::int64_t features, RMSNormOptions options)
    : features_(checked_features("RMSNorm", features, options)), eps_(options.eps) {
  if (options.affine) weight = Parameter(ones({features}, {.dtype = options.dtype}));
}

Tensor RMSNorm::operator()(const Tensor& x) const {
  const Scope scope(path());
  expect_features("RMSNorm", x, features_);
  return rms_norm(x, weight, eps_);
}

BatchNorm::BatchNorm(std::int64_t features, BatchNormOptions options)
    : running_mean(zeros({checked_features("BatchNorm", features, options)}, {.dtype = options.dtype})),
      running_var(ones({features}, {.dtype = options.dtype})),
      num_batches_tracked(zeros({}, {.dtype = int64})),
      features_(features),
      eps_(options.eps),
      momentum_(options.momentum) {
  if (!(momentum_ >= 0.0 && momentum_ <= 1.0))
    throw ValueError(fmt::format("[BatchNorm] expected a momentum in [0, 1], got {}", momentum_));
  if (!options.affine) return;
  weight = Parameter(ones({features}, {.dtype = options.dtype}));
  bias = Parameter(zeros({features}, {.dtype = options.dtype}));
}

namespace {

/// average <- (1 - momentum) average + momentum * factor * batch
template <class T>
void move_average(Tensor average, const Tensor& batch, double momentum, double factor) {
  const std::span<const T> news = batch.data<T>();
  const std::span<T> values = average.mutable_data<T>("batch_norm");
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<T>((1.0 - momentum) * static_cast<double>(values[i]) +
                               momentum * factor * static_cast<double>(news[i]));
}

void track(const Tensor& average, const Tensor& batch, double momentum, double factor) {
  if (average.dtype() == float32) {
    move_average<float>(average, batch, momentum, factor);
  } else {
    move_average<double>(average, batch, momentum, factor);
  }
}

}  // namespace

Tensor BatchNorm::operator()(const Tensor& x, const Mask& mask) {
  const Scope scope(path());
  expect_features("BatchNorm", x, features_);
  if (x.dtype() != running_mean.dtype())
    throw DTypeError(
        fmt::format("[BatchNorm] expected {}, got {}", to_string(running_mean.dtype()), to_string(x.dtype())));
  if (!is_training()) return evaluate(x, mask.positions());
  BatchNormResult result = batch_norm(x, weight, bias, {.eps = eps_, .positions = mask.positions()});
  if (result.count > 0 && !is_replaying()) {
    const double n = static_cast<double>(result.count);
    track(running_mean, result.mean, momentum_, 1.0);
    track(running_var, result.variance, momentum_, n / (n - 1.0));
    Tensor(num_batches_tracked).mutable_data<std::int64_t>("batch_norm")[0] += 1;
  }
  return result.y;
}

/// Padding is left out and becomes 0 here too: what comes after must not tell training from evaluation by it.
Tensor BatchNorm::evaluate(const Tensor& x, const Tensor& positions) const {
  const auto normalised = [&](const Tensor& rows) {
    return batch_norm_eval(rows, running_mean, running_var, weight, bias, eps_);
  };
  if (!positions.defined()) return normalised(x);
  const Shape expected(std::span(x.shape().begin(), x.shape().end() - 1));
  if (positions.shape() != expected)
    throw ShapeError(fmt::format("[BatchNorm] expected positions {} for {}, got {}", to_string(expected),
                                 to_string(x.shape()), to_string(positions.shape())));
  const Tensor keep = unsqueeze(positions, -1);
  return where(keep, normalised(where(keep, x, 0.0)), 0.0);
}

GroupNorm::GroupNorm(std::int64_t groups, std::int64_t channels, GroupNormOptions options)
    : groups_(groups), channels_(checked_features("GroupNorm", channels, options)), eps_(options.eps) {
  if (groups < 1 || channels % groups != 0)
    throw ValueError(fmt::format("[GroupNorm] {} channels do not fall into {} groups", channels, groups));
  if (!options.affine) return;
  weight = Parameter(ones({channels}, {.dtype = options.dtype}));
  bias = Parameter(zeros({channels}, {.dtype = options.dtype}));
}

Tensor GroupNorm::operator()(const Tensor& x) const {
  const Scope scope(path());
  expect_channels("GroupNorm", x, channels_);
  return group_norm(x, groups_, weight, bias, eps_);
}

InstanceNorm1d::InstanceNorm1d(std::int64_t channels, InstanceNorm1dOptions options)
    : channels_(checked_features("InstanceNorm1d", channels, options)), eps_(options.eps) {
  if (!options.affine) return;
  weight = Parameter(ones({channels}, {.dtype = options.dtype}));
  bias = Parameter(zeros({channels}, {.dtype = options.dtype}));
}

Tensor InstanceNorm1d::operator()(const Tensor& x) const {
  const Scope scope(path());
  expect_channels("InstanceNorm1d", x, channels_);
  return instance_norm(x, weight, bias, eps_);
}

AnyNorm make_norm(Norm norm, std::int64_t features, AnyNormOptions options) {
  switch (norm) {
    case Norm::layer: return LayerNorm(features, {.eps = options.eps, .dtype = options.dtype});
    case Norm::batch: return BatchNorm(features, {.eps = options.eps, .dtype = options.dtype});
    case Norm::rms: return RMSNorm(features, {.eps = options.eps, .dtype = options.dtype});
    case Norm::none: break;
  }
  return std::monostate{};
}

Tensor normalize(AnyNorm& norm, const Tensor& x, const Mask& mask) {
  return std::visit(
      [&](auto& layer) -> Tensor {
        if constexpr (requires { layer(x, mask); }) {
          return layer(x, mask);
        } else if constexpr (requires { layer(x); }) {
          return layer(x);
        } else {
          return x;
        }
      },
      norm);
}

namespace {

/// x [448, 64], as of 64 words of 7 letters.
catalogue::Arguments rows_to_normalise(Generator& g) { return {catalogue::uniform(g, {448, 64}, -2, 2)}; }

struct LayerNormEntry {
  static constexpr std::string_view math =
      R"(y = \gamma \odot \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta,\ \mu = \langle x \rangle,\ \sigma^2 = \langle (x - \mu)^2 \rangle)";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("sequences", LayerNorm(4, {.dtype = float64}), {uniform(g, {2, 3, 4}, -2, 2)}),
            layer_sample("large eps", LayerNorm(3, {.eps = 0.37, .dtype = float64}), {uniform(g, {2, 3}, -2, 2)}),
            layer_sample("without bias", LayerNorm(4, {.bias = false, .dtype = float64}), {uniform(g, {2, 4}, -2, 2)}),
            layer_sample("without parameters", LayerNorm(4, {.affine = false, .dtype = float64}),
                         {uniform(g, {2, 4}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"features", [] { LayerNorm(0); }, "[LayerNorm] expected at least one feature, got 0"},
            {"another width",
             [] {
               LayerNorm(4, {.affine = false})(ones({2, 5}));
             },
             "[LayerNorm] expected [.., 4], got [2, 5]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[448, 64]", LayerNorm(64, {.dtype = float64}), rows_to_normalise(g));
  }
};

struct RMSNormEntry {
  static constexpr std::string_view math = R"(y = \gamma \odot \frac{x}{\sqrt{\langle x^2 \rangle + \epsilon}})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("sequences", RMSNorm(4, {.dtype = float64}), {uniform(g, {2, 3, 4}, -2, 2)}),
            layer_sample("without parameters", RMSNorm(4, {.affine = false, .dtype = float64}),
                         {uniform(g, {2, 4}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"eps", [] { RMSNorm(4, {.eps = -1.0}); }, "[RMSNorm] expected eps of at least 0, got -1"},
            {"another width",
             [] {
               RMSNorm(4)(ones({2, 5}));
             },
             "[RMSNorm] expected [.., 4], got [2, 5]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[448, 64]", RMSNorm(64, {.dtype = float64}), rows_to_normalise(g));
  }
};

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
               layer(ones({2, 4, 3}), Mask::from_lengths({1, 1, 1}, 9));
             },
             "[BatchNorm] expected positions [2, 4] for [2, 4, 3], got [3, 9]"},
            {"momentum", [] { BatchNorm(4, {.momentum = 2.0}); }, "[BatchNorm] expected a momentum in [0, 1], got 2"},
            {"another width",
             [] {
               BatchNorm(4)(ones({2, 5}));
             },
             "[BatchNorm] expected [.., 4], got [2, 5]"},
            {"another dtype",
             [] {
               BatchNorm(4)(ones({2, 4}, {.dtype = float64}));
             },
             "[BatchNorm] expected float32, got float64"},
            {"one position",
             [] {
               BatchNorm(3)(ones({1, 3}));
             },
             "[batch_norm]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[448, 64]", BatchNorm(64, {.dtype = float64}), rows_to_normalise(g));
  }
};

struct GroupNormEntry {
  static constexpr std::string_view math =
      R"(y = \gamma \odot \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta,\ \mu, \sigma^2 \text{ of each group of channels and all positions of a sample})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("two groups", GroupNorm(2, 4, {.dtype = float64}), {uniform(g, {2, 4, 3}, -2, 2)}),
            layer_sample("without parameters", GroupNorm(1, 2, {.eps = 0.02, .affine = false, .dtype = float64}),
                         {uniform(g, {2, 2, 3}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"groups", [] { GroupNorm(3, 4); }, "[GroupNorm] 4 channels do not fall into 3 groups"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[16, 32, 64]", GroupNorm(4, 32, {.dtype = float64}),
                                   {catalogue::uniform(g, {16, 32, 64}, -2, 2)});
  }
};

struct InstanceNorm1dEntry {
  static constexpr std::string_view math =
      R"(y = \gamma \odot \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta,\ \mu, \sigma^2 \text{ of each channel of a sample})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {
        layer_sample("affine", InstanceNorm1d(3, {.affine = true, .dtype = float64}), {uniform(g, {2, 3, 4}, -2, 2)}),
        layer_sample("without parameters", InstanceNorm1d(2, {.affine = false, .dtype = float64}),
                     {uniform(g, {2, 2, 3}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"eps", [] { InstanceNorm1d(3, {.eps = -1.0}); }, "[InstanceNorm1d] expected eps of at least 0, got -1"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[16, 32, 64]", InstanceNorm1d(32, {.affine = true, .dtype = float64}),
                                   {catalogue::uniform(g, {16, 32, 64}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(norm, LayerNorm, LayerNormEntry)
TAPEGRAD_LAYER(norm, RMSNorm, RMSNormEntry)
TAPEGRAD_LAYER(norm, BatchNorm, BatchNormEntry)
TAPEGRAD_LAYER(norm, GroupNorm, GroupNormEntry)
TAPEGRAD_LAYER(norm, InstanceNorm1d, InstanceNorm1dEntry)

}  // namespace tapegrad::nn
