#include "tapegrad/nn/activation.hpp"

#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad::nn {

Tensor activate(Activation activation, const Tensor& x) {
  switch (activation) {
    case Activation::relu: return tapegrad::relu(x);
    case Activation::gelu: return tapegrad::gelu(x);
    case Activation::gelu_tanh: return tapegrad::gelu(x, GeluForm::tanh);
    case Activation::silu: return tapegrad::silu(x);
    case Activation::tanh: return tapegrad::tanh(x);
  }
  throw ValueError("[activate] no such activation");
}

}  // namespace tapegrad::nn
