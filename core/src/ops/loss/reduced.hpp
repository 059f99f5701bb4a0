// What losses of a value and a target, entry by entry, share.
#pragma once

#include <string>
#include <string_view>

#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/ops/reduce.hpp"

namespace tapegrad {

/// Throws ValueError for what is no Reduction.
inline void expect_reduction(std::string_view op, Reduction reduction) {
  if (reduction > Reduction::sum) throw ValueError(std::string("[").append(op).append("] no such reduction"));
}

/// From the losses of many entries to what the caller asked for.
inline Tensor reduced(const Tensor& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::none: return losses;
    case Reduction::mean: return mean(losses);
    case Reduction::sum: return sum(losses);
  }
  return losses;
}

inline std::string_view name_of(Reduction reduction) {
  switch (reduction) {
    case Reduction::none: return "none";
    case Reduction::mean: return "mean";
    case Reduction::sum: return "sum";
  }
  return "";
}

/// Floating, of one dtype and one shape: to broadcast a target is mostly a mistake.
inline void expect_pair(std::string_view op, const Tensor& input, const Tensor& target) {
  expect_defined(op, input, "input 0 (input)");
  expect_defined(op, target, "input 1 (target)");
  expect_floating(op, input);
  expect_same_dtype(op, input, target);
  if (input.shape() != target.shape())
    throw ShapeError(std::string("[").append(op).append("] expected a target ") + to_string(input.shape()) + ", got " +
                     to_string(target.shape()));
}

}  // namespace tapegrad
