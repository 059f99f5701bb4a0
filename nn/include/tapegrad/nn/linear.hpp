// Linear: an affine map of the last dimension.
#pragma once

#include <cstdint>

#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn {

struct LinearOptions {
  bool bias = true;
  DType dtype = float32;
};

/// x W^T + b: [.., in_features] -> [.., out_features]. weight [out_features, in_features] and bias [out_features] start
/// uniform on +-1/sqrt(in_features), as PyTorch's. Throws ShapeError for another last dimension, DTypeError for another
/// dtype.
class Linear : public Module {
 public:
  /// Throws ValueError for a negative size, DTypeError for a dtype that is not floating.
  Linear(std::int64_t in_features, std::int64_t out_features, LinearOptions options = {});

  Tensor operator()(const Tensor& x) const;

  Parameter weight;
  Parameter bias;
  TAPEGRAD_MODULE(weight, bias)
};

}  // namespace tapegrad::nn
