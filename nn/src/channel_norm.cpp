// Norms of inputs [N, channels, ..].
#include <fmt/format.h>

#include "norm_parts.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/nn/norm.hpp"
#include "tapegrad/ops/norm.hpp"

namespace tapegrad::nn {

namespace {

void expect_channels(const char* layer, const Tensor& x, std::int64_t channels) {
  expect_defined(layer, x);
  if (x.dim() < 2 || x.size(1) != channels)
    throw ShapeError(fmt::format("[{}] expected [N, {}, ..], got {}", layer, channels, to_string(x.shape())));
}

}  // namespace

GroupNorm::GroupNorm(std::int64_t groups, std::int64_t channels, GroupNormOptions options)
    : groups_(groups), channels_(checked_features("GroupNorm", channels, options)), eps_(options.eps) {
  if (groups < 1 || channels % groups != 0)
    throw ValueError(fmt::format("[GroupNorm] {} channels do not fall into {} groups", channels, groups));
  make_affine(options, channels, weight, bias);
}

Tensor GroupNorm::operator()(const Tensor& x) const {
  const Scope scope = entered();
  expect_channels("GroupNorm", x, channels_);
  return group_norm(x, groups_, weight, bias, eps_);
}

InstanceNorm1d::InstanceNorm1d(std::int64_t channels, InstanceNorm1dOptions options)
    : channels_(checked_features("InstanceNorm1d", channels, options)), eps_(options.eps) {
  make_affine(options, channels, weight, bias);
}

Tensor InstanceNorm1d::operator()(const Tensor& x) const {
  const Scope scope = entered();
  expect_channels("InstanceNorm1d", x, channels_);
  return instance_norm(x, weight, bias, eps_);
}

namespace {

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

TAPEGRAD_LAYER(norm, GroupNorm, GroupNormEntry)
TAPEGRAD_LAYER(norm, InstanceNorm1d, InstanceNorm1dEntry)

}  // namespace tapegrad::nn
