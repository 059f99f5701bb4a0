#include "tapegrad/nn/norm.hpp"

#include <variant>

#include "norm_parts.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::nn {

LayerNorm::LayerNorm(std::int64_t features, LayerNormOptions options)
    : features_(checked_features("LayerNorm", features, options)), eps_(options.eps) {
  if (!options.affine) return;
  weight = Parameter(ones({features}, {.dtype = options.dtype}));
  if (options.bias) bias = Parameter(zeros({features}, {.dtype = options.dtype}));
}

Tensor LayerNorm::operator()(const Tensor& x) const {
  const Scope scope = entered();
  expect_features("LayerNorm", x, features_);
  return layer_norm(x, weight, bias, eps_);
}

RMSNorm::RMSNorm(std::int64_t features, RMSNormOptions options)
    : features_(checked_features("RMSNorm", features, options)), eps_(options.eps) {
  if (options.affine) weight = Parameter(ones({features}, {.dtype = options.dtype}));
}

Tensor RMSNorm::operator()(const Tensor& x) const {
  const Scope scope = entered();
  expect_features("RMSNorm", x, features_);
  return rms_norm(x, weight, eps_);
}

AnyNorm make_norm(Norm norm, std::int64_t features, AnyNormOptions options) {
  switch (norm) {
    case Norm::layer: return LayerNorm(features, {.eps = options.eps, .dtype = options.dtype});
    case Norm::batch: return BatchNorm(features, {.eps = options.eps, .dtype = options.dtype});
    case Norm::rms: return RMSNorm(features, {.eps = options.eps, .dtype = options.dtype});
    case Norm::none: return std::monostate{};
  }
  throw ValueError("[make_norm] no such norm");
}

Tensor apply_norm(AnyNorm& norm, const Tensor& x, const Mask& mask) {
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
               (void)LayerNorm(4, {.affine = false})(ones({2, 5}));
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
               (void)RMSNorm(4)(ones({2, 5}));
             },
             "[RMSNorm] expected [.., 4], got [2, 5]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[448, 64]", RMSNorm(64, {.dtype = float64}), rows_to_normalise(g));
  }
};

}  // namespace

TAPEGRAD_LAYER(norm, LayerNorm, LayerNormEntry)
TAPEGRAD_LAYER(norm, RMSNorm, RMSNormEntry)

}  // namespace tapegrad::nn
