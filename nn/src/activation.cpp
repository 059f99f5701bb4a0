#include "tapegrad/nn/activation.hpp"

#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::nn {

Tensor activate(Activation activation, const Tensor& x) {
  switch (activation) {
    case Activation::relu: return tapegrad::relu(x);
    case Activation::gelu: return tapegrad::gelu(x);
    case Activation::gelu_tanh: return tapegrad::gelu(x, GELUForm::tanh);
    case Activation::silu: return tapegrad::silu(x);
    case Activation::tanh: return tapegrad::tanh(x);
    case Activation::sigmoid: return tapegrad::sigmoid(x);
    case Activation::softplus: return tapegrad::softplus(x);
  }
  throw ValueError("[activate] no such activation");
}

Tensor LeakyReLU::operator()(const Tensor& x) const { return leaky_relu(x, negative_slope_); }
Tensor ELU::operator()(const Tensor& x) const { return elu(x, alpha_); }

namespace {

struct ActivationEntry {
  static constexpr std::string_view math = R"(y = f(x))";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("relu", ReLU(), {uniform(g, {2, 3}, 0.1, 2)}),
            layer_sample("gelu", GELU(), {uniform(g, {2, 3}, -2, 2)}),
            layer_sample("gelu by tanh", ActivationLayer<Activation::gelu_tanh>(), {uniform(g, {2, 3}, -2, 2)}),
            layer_sample("silu", SiLU(), {uniform(g, {2, 3}, -2, 2)}),
            layer_sample("tanh", Tanh(), {uniform(g, {2, 3}, -2, 2)}),
            layer_sample("sigmoid", Sigmoid(), {uniform(g, {2, 3}, -2, 2)}),
            layer_sample("softplus", Softplus(), {uniform(g, {2, 3}, -2, 2)}),
            layer_sample("leaky relu", LeakyReLU(0.2), {uniform(g, {2, 3}, -2, -0.1)}),
            layer_sample("elu", ELU(0.5), {uniform(g, {2, 3}, -2, -0.1)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"integers", [] { (void)Tanh()(arange(3)); }, "[tanh] expected a floating tensor"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("gelu, [256, 256]", GELU(), {catalogue::uniform(g, {256, 256}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(activation, ActivationLayer, ActivationEntry)

}  // namespace tapegrad::nn
