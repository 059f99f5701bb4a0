// What gives an argument of a transform or a check a node of its own.
#pragma once

#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// The identity: gives an argument a node of its own, so that a function's other uses of the tensor are not
/// differentiated.
struct Argument : Op<Argument> {
  static constexpr std::string_view name = "argument";
  static constexpr std::string_view math = R"(y = x;\quad \bar x = \bar y)";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  Tensor forward(const Tensor& x) const { return x; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy; }
};

}  // namespace tapegrad
