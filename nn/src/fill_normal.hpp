// init::normal for a layer, whose name the errors begin with.
#pragma once

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::nn::init {

/// As normal(), but "[layer] ...". REQUIRES: x is floating.
void fill_normal(const Tensor& x, const char* layer, double mean, double stddev);

}  // namespace tapegrad::nn::init
