// A sample's values and gradients, and how two ways of computing them differ.
#pragma once

#include <string>
#include <vector>

#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::suite {

struct Gradients {
  std::vector<Tensor> ys;
  std::vector<Tensor> dxs;  ///< one per input; undefined where there is none
};

/// Which reverse rules run, and where the cotangents lie.
struct GradientsOptions {
  bool differentiable_rules = false;  ///< instead of the fused ones
  bool scattered_cotangents = false;  ///< in memory of other strides
};

/// Values and gradients under the cotangents `us`; those that are missing are drawn (the same ones in each call).
Gradients gradients(const catalogue::Call& call, const catalogue::Arguments& inputs, std::vector<Tensor>& us,
                    GradientsOptions options = {});

/// What differs by more than the tolerance; empty when nothing does. Gradients that are zero but for rounding are
/// measured by the others: `of_all` is how much of their size they may miss.
std::string difference(const Gradients& a, const Gradients& b, double tolerance, double of_all = 0.0);

}  // namespace tapegrad::suite
