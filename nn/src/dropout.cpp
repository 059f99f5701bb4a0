#include "tapegrad/nn/dropout.hpp"

#include <string>

#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/dropout.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::nn {

Dropout::Dropout(double p) : p_(p) {
  if (!(p >= 0.0 && p < 1.0)) throw ValueError("[Dropout] expected a probability in [0, 1), got " + std::to_string(p));
}

Tensor Dropout::operator()(const Tensor& x) const {
  if (!is_training() || p_ == 0.0) return x;
  const Scope scope(path());
  return dropout(x, p_);
}

}  // namespace tapegrad::nn
