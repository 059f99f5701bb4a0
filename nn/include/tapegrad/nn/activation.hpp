// Activations, as a choice and as layers for Sequential.
#pragma once

#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn {

enum class Activation : unsigned char { relu, gelu, gelu_tanh, silu, tanh };

/// The chosen function of each element.
Tensor activate(Activation activation, const Tensor& x);

/// An activation as a layer.
template <Activation kActivation>
class ActivationLayer : public Module {
 public:
  Tensor operator()(const Tensor& x) const { return activate(kActivation, x); }
  TAPEGRAD_MODULE()
};
struct ReLU : ActivationLayer<Activation::relu> {};
struct GELU : ActivationLayer<Activation::gelu> {};
struct SiLU : ActivationLayer<Activation::silu> {};
struct Tanh : ActivationLayer<Activation::tanh> {};

}  // namespace tapegrad::nn
