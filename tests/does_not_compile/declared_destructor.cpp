// A destructor of its own leaves a class without a move.
#include "tapegrad/nn/linear.hpp"

namespace nn = tapegrad::nn;

struct Model : nn::Module {
  nn::Linear layer{2, 2};
  ~Model() override = default;
  TAPEGRAD_MODULE(layer)
};
