#include "tapegrad/nn/linear.hpp"

#include <cmath>
#include <string>

#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/init.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::nn {

Linear::Linear(std::int64_t in_features, std::int64_t out_features, LinearOptions options) {
  if (in_features < 0 || out_features < 0)
    throw ValueError("[Linear] expected sizes of at least 0, got " + std::to_string(in_features) + " and " +
                     std::to_string(out_features));
  // Kaiming's uniform bound with the gain 1/sqrt(3) (a leaky relu of slope sqrt(5)).
  const double bound = in_features == 0 ? 0.0 : 1.0 / std::sqrt(static_cast<double>(in_features));
  weight = Parameter(zeros({out_features, in_features}, {.dtype = options.dtype}));
  init::uniform(weight, -bound, bound);
  if (!options.bias) return;
  bias = Parameter(zeros({out_features}, {.dtype = options.dtype}));
  init::uniform(bias, -bound, bound);
}

Tensor Linear::operator()(const Tensor& x) const {
  const Scope scope(path());
  return linear(x, weight, bias);
}

}  // namespace tapegrad::nn
