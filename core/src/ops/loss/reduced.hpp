// From the losses of many entries to what the caller asked for.
#pragma once

#include "tapegrad/ops/loss.hpp"
#include "tapegrad/ops/reduce.hpp"

namespace tapegrad {

inline Tensor reduced(const Tensor& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::none: return losses;
    case Reduction::mean: return mean(losses);
    case Reduction::sum: return sum(losses);
  }
  return losses;
}

}  // namespace tapegrad
