// A destructor of its own leaves a class that is based on another layer without a move.
#include "tapegrad/nn/linear.hpp"

namespace nn = tapegrad::nn;

struct Longer : nn::Linear {
  nn::Linear second{2, 2};
  using Linear::Linear;
  ~Longer() override = default;
  TAPEGRAD_MODULE_BASED_ON(Linear, second)
};
