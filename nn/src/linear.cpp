#include "tapegrad/nn/linear.hpp"

#include "expect_options.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/tape/create.hpp"
#include "uniform_parameter.hpp"

namespace tapegrad::nn {

Linear::Linear(std::int64_t in_features, std::int64_t out_features, LinearOptions options) {
  expect_not_negative("Linear", in_features, out_features);
  expect_floating("Linear", options.dtype);
  weight = uniform_parameter({out_features, in_features}, in_features, options.dtype);
  if (options.bias) bias = uniform_parameter({out_features}, in_features, options.dtype);
}

Tensor Linear::operator()(const Tensor& x) const {
  const Scope scope = entered();
  return linear(x, weight, bias);
}

namespace {

struct LinearEntry {
  static constexpr std::string_view math = R"(y = x W^\top + b)";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("rows", Linear(4, 3, {.dtype = float64}), {uniform(g, {2, 4}, -2, 2)}),
            layer_sample("sequences, without bias", Linear(3, 2, {.bias = false, .dtype = float64}),
                         {uniform(g, {2, 2, 3}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"sizes", [] { Linear(-1, 3); }, "[Linear] expected sizes of at least 0, got -1 and 3"},
            {"dtype", [] { Linear(4, 3, {.dtype = int64}); }, "[Linear] expected a floating dtype, got int64"},
            {"another width",
             [] {
               (void)Linear(4, 3)(ones({2, 5}));
             },
             "[linear] x [2, 5] has 5 features, weight [3, 4] takes 4"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[448, 64] to 256", Linear(64, 256, {.dtype = float64}),
                                   {catalogue::uniform(g, {448, 64}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(linear, Linear, LinearEntry)

}  // namespace tapegrad::nn
