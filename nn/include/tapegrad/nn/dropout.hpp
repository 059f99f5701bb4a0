// Dropout as a layer.
#pragma once

#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn {

/// In training each element is 0 with probability p, else x / (1 - p); in evaluation x itself. Srivastava et al. 2014.
/// Throws DTypeError in training unless x is floating or p is 0.
class Dropout : public Module {
 public:
  /// Throws ValueError for p outside [0, 1).
  explicit Dropout(double p = 0.5);

  Tensor operator()(const Tensor& x) const;
  double p() const { return p_; }

  TAPEGRAD_MODULE()

 private:
  double p_;
};

}  // namespace tapegrad::nn
