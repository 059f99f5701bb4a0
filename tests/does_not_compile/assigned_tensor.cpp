// A parameter is written by assign, which keeps the storage that an optimiser holds.
#include "tapegrad/nn/parameter.hpp"

void set(tapegrad::nn::Parameter& weight, const tapegrad::Tensor& values) { weight = values; }
