// Samples that the losses over classes share.
#pragma once

#include <cstdint>
#include <vector>

#include "tapegrad/catalogue/catalogue.hpp"

namespace tapegrad {

/// loss(x, targets, options) as a sample's function. Targets and weights are constants: they stay in the call, which
/// gives the weights the dtype of x.
template <class Options>
catalogue::Call class_loss(Tensor (*loss)(const Tensor& x, const Tensor& targets, const Options& options),
                           const Tensor& targets, const Options& options = {}) {
  return catalogue::of([=](const Tensor& x) {
    Options same_dtype = options;
    if (options.weight.defined() && x.defined()) same_dtype.weight = options.weight.to(x.dtype());
    return loss(x, targets, same_dtype);
  });
}

/// Targets of four classes, and weights of these.
struct FourClasses {
  static Tensor of(const std::vector<std::int64_t>& values) { return from_vector(values); }
  Tensor targets = of({2, 0, 3, 1, 2});
  Tensor some_ignored = of({2, -100, 3, -100, 2});
  Tensor all_ignored = of({-100, -100, -100, -100, -100});
  Tensor of_sequences = from_vector<std::int64_t>({0, 1, 2, 3, -100, 1}, {2, 3});
  Tensor of_one_sample = from_vector<std::int64_t>({3}, {});
  Tensor weight = catalogue::vector64({0.3, 1.2, 2.0, 0.7});
};

}  // namespace tapegrad
