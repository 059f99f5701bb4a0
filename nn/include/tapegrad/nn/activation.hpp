// Activations, as a choice and as layers for Sequential.
#pragma once

#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn {

/// A function of each element: tapegrad's of that name.
enum class Activation : unsigned char {
  relu,
  gelu,       ///< GELUForm::exact
  gelu_tanh,  ///< GELUForm::tanh
  silu,
  tanh,
  sigmoid,
  softplus
};

/// The chosen function of each element. DTypeError unless x is floating, ValueError for what is no Activation.
Tensor activate(Activation activation, const Tensor& x);

/// What stands between a feed-forward block's two products in an activation's place: a unit whose input is twice as
/// wide, values a and their gates b, as tapegrad/ops/gated.hpp has them. Shazeer 2020, arXiv:2002.05202, equation 6.
enum class Gate : unsigned char {
  none,    ///< no gate: an Activation
  glu,     ///< a sigmoid(b)
  swiglu,  ///< a silu(b), as in LLaMA
  geglu,   ///< a gelu(b), with the exact gelu
};

/// The chosen unit of x [.., 2 C]: [.., C]. ShapeError for an odd width, DTypeError unless x is floating, ValueError
/// for Gate::none and for what is no Gate.
Tensor gated(Gate gate, const Tensor& x);

/// An activation as a layer.
template <Activation kActivation>
class ActivationLayer : public Module {
 public:
  Tensor operator()(const Tensor& x) const {
    const Scope scope = entered();
    return activate(kActivation, x);
  }
  TAPEGRAD_MODULE()
};
struct ReLU : ActivationLayer<Activation::relu> {};
struct GELU : ActivationLayer<Activation::gelu> {};
struct SiLU : ActivationLayer<Activation::silu> {};
struct Tanh : ActivationLayer<Activation::tanh> {};
struct Sigmoid : ActivationLayer<Activation::sigmoid> {};
struct Softplus : ActivationLayer<Activation::softplus> {};

/// tapegrad::leaky_relu as a layer.
class LeakyReLU : public Module {
 public:
  explicit LeakyReLU(double negative_slope = 0.01) : negative_slope_(negative_slope) {}
  Tensor operator()(const Tensor& x) const;
  TAPEGRAD_MODULE()

 private:
  double negative_slope_;
};

/// tapegrad::elu as a layer.
class ELU : public Module {
 public:
  explicit ELU(double alpha = 1.0) : alpha_(alpha) {}
  Tensor operator()(const Tensor& x) const;
  TAPEGRAD_MODULE()

 private:
  double alpha_;
};

}  // namespace tapegrad::nn
