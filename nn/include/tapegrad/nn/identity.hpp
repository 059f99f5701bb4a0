// A layer that does nothing.
#pragma once

#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn {

/// x itself, of any dtype: what stands in the place of a layer that is left out. Throws ValueError for an undefined x.
class Identity : public Module {
 public:
  Tensor operator()(const Tensor& x) const;

  TAPEGRAD_MODULE()
};

}  // namespace tapegrad::nn
