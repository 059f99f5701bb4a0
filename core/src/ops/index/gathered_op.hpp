// Two outputs, {values, indices}, of which the values are gathered from x along one axis at the indices: the values
// carry the gradient.
#pragma once

#include <array>
#include <utility>

#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/values_and_indices.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

template <class Self>
struct GatheredOp : Op<Self> {
  static constexpr Keep keep = Keep::output_at(1);  // the indices
  int axis;

  explicit GatheredOp(int d) : axis(d) {}

  Tensor vjp(const Saved& s, Cotangents dys) const {
    if (!dys[0].defined()) return {};
    return scatter_add(zeros(s.input_shape(0), {.dtype = dys[0].dtype()}), axis, s.output(1), dys[0]);
  }
  std::array<Tensor, 2> jvp(const Saved& s, const Tensor& dx) const {
    return {gather(dx, axis, s.output(1)), Tensor()};
  }
};

/// The outputs of such an op by their names.
inline ValuesAndIndices named(std::array<Tensor, 2> outputs) {
  return {.values = std::move(outputs[0]), .indices = std::move(outputs[1])};
}

}  // namespace tapegrad
