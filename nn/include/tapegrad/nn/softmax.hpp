// Softmax and its logarithm as layers.
#pragma once

#include "tapegrad/base/shape.hpp"
#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn {

/// tapegrad::softmax as a layer. A loss of classes takes the logits themselves (cross_entropy). Throws IndexError for
/// the axis, DTypeError.
class Softmax : public Module {
 public:
  explicit Softmax(Axis axis = -1) : axis_(axis) {}

  Tensor operator()(const Tensor& x) const;

  TAPEGRAD_MODULE()

 private:
  Axis axis_;
};

/// tapegrad::log_softmax as a layer: what nll_loss takes. Throws as Softmax.
class LogSoftmax : public Module {
 public:
  explicit LogSoftmax(Axis axis = -1) : axis_(axis) {}

  Tensor operator()(const Tensor& x) const;

  TAPEGRAD_MODULE()

 private:
  Axis axis_;
};

}  // namespace tapegrad::nn
