#include "tapegrad/nn/activation.hpp"

#include <fmt/format.h>

#include <string_view>

#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/gated.hpp"
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

Tensor gated(Gate gate, const Tensor& x) {
  switch (gate) {
    case Gate::none: break;
    case Gate::glu: return glu(x);
    case Gate::swiglu: return swiglu(x);
    case Gate::geglu: return geglu(x);
  }
  throw ValueError("[gated] no such gate");
}

Tensor LeakyReLU::operator()(const Tensor& x) const {
  const Scope scope = entered();
  return leaky_relu(x, negative_slope_);
}

Tensor ELU::operator()(const Tensor& x) const {
  const Scope scope = entered();
  return elu(x, alpha_);
}

namespace {

/// What the entries of the activations have in common: x lies on either side of 0, where some have a kink.
template <class Layer>
struct ActivationEntry {
  static catalogue::LayerSamples samples(Generator& g) {
    return {catalogue::layer_sample("as it is made", Layer(), {catalogue::signed_scattered(g, {2, 3}, 2)})};
  }
  static catalogue::ErrorSamples errors_of(std::string_view op) {
    return {{"integers", [] { (void)Layer()(arange(3)); }, fmt::format("[{}] expected a floating tensor", op)}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[256, 256]", Layer(), {catalogue::uniform(g, {256, 256}, -2, 2)});
  }
};

struct ReLUEntry : ActivationEntry<ReLU> {
  static constexpr std::string_view math = R"(y = \max(x, 0))";
  static catalogue::ErrorSamples errors() { return errors_of("relu"); }
};

struct GELUEntry : ActivationEntry<GELU> {
  static constexpr std::string_view math =
      R"(y = x\,\Phi(x)\quad (\text{tanh form: } x\,\sigma(2u),\ u = \sqrt{2/\pi}\,(x + 0.044715\,x^3)))";
  static catalogue::LayerSamples samples(Generator& g) {
    catalogue::LayerSamples all = ActivationEntry::samples(g);
    all.push_back(catalogue::layer_sample("tanh form", ActivationLayer<Activation::gelu_tanh>(),
                                          {catalogue::uniform(g, {2, 3}, -2, 2)}));
    return all;
  }
  static catalogue::ErrorSamples errors() { return errors_of("gelu"); }
};

struct SiLUEntry : ActivationEntry<SiLU> {
  static constexpr std::string_view math = R"(y = x\,\sigma(x))";
  static catalogue::ErrorSamples errors() { return errors_of("silu"); }
};

struct TanhEntry : ActivationEntry<Tanh> {
  static constexpr std::string_view math = R"(y = \tanh x)";
  static catalogue::ErrorSamples errors() { return errors_of("tanh"); }
};

struct SigmoidEntry : ActivationEntry<Sigmoid> {
  static constexpr std::string_view math = R"(y = \frac{1}{1 + e^{-x}})";
  static catalogue::ErrorSamples errors() { return errors_of("sigmoid"); }
};

struct SoftplusEntry : ActivationEntry<Softplus> {
  static constexpr std::string_view math = R"(y = \ln(1 + e^x))";
  static catalogue::ErrorSamples errors() { return errors_of("softplus"); }
};

struct LeakyReLUEntry : ActivationEntry<LeakyReLU> {
  static constexpr std::string_view math = R"(y = x\ (x > 0),\ s x\ (x \le 0),\ s \text{ the slope below } 0)";
  static catalogue::LayerSamples samples(Generator& g) {
    catalogue::LayerSamples all = ActivationEntry::samples(g);
    all.push_back(catalogue::layer_sample("slope 0.2", LeakyReLU(0.2), {catalogue::uniform(g, {2, 3}, -2, -0.1)}));
    return all;
  }
  static catalogue::ErrorSamples errors() { return errors_of("leaky_relu"); }
};

struct ELUEntry : ActivationEntry<ELU> {
  static constexpr std::string_view math =
      R"(y = x\ (x > 0),\ \alpha (e^x - 1)\ (x \le 0),\ -\alpha \text{ the value far below 0})";
  static catalogue::LayerSamples samples(Generator& g) {
    catalogue::LayerSamples all = ActivationEntry::samples(g);
    all.push_back(catalogue::layer_sample("alpha 0.5", ELU(0.5), {catalogue::uniform(g, {2, 3}, -2, -0.1)}));
    return all;
  }
  static catalogue::ErrorSamples errors() { return errors_of("elu"); }
};

}  // namespace

TAPEGRAD_LAYER(activation, ReLU, ReLUEntry)
TAPEGRAD_LAYER(activation, GELU, GELUEntry)
TAPEGRAD_LAYER(activation, SiLU, SiLUEntry)
TAPEGRAD_LAYER(activation, Tanh, TanhEntry)
TAPEGRAD_LAYER(activation, Sigmoid, SigmoidEntry)
TAPEGRAD_LAYER(activation, Softplus, SoftplusEntry)
TAPEGRAD_LAYER(activation, LeakyReLU, LeakyReLUEntry)
TAPEGRAD_LAYER(activation, ELU, ELUEntry)

}  // namespace tapegrad::nn
