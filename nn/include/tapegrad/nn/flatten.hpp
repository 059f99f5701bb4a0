// Several dimensions as one.
#pragma once

#include "tapegrad/base/shape.hpp"
#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn {

/// tapegrad::flatten as a layer, of any dtype: [N, C, L] -> [N, C L], since without axes the first dimension, the
/// batch, is kept, as torch.nn.Flatten keeps it. Throws IndexError for an axis that x does not have, ShapeError when
/// last < first.
class Flatten : public Module {
 public:
  explicit Flatten(Axis first = 1, Axis last = -1) : first_(first), last_(last) {}

  Tensor operator()(const Tensor& x) const;

  TAPEGRAD_MODULE()

 private:
  Axis first_;
  Axis last_;
};

}  // namespace tapegrad::nn
