// Reductions over any set of axes, brought to the kernels' form: the middle axis of a contiguous [outer, n, inner]
// array.
#pragma once

#include <cstdint>

#include "array/array.hpp"
#include "kernels/reduce.hpp"

namespace tapegrad {

/// Bit d stands for axis d.
using AxisSet = std::uint32_t;

struct ReductionPlan {
  array::Array input;  // contiguous; axes permuted when the reduced ones are not neighbours
  kernels::Slices slices;
};

ReductionPlan plan_reduction(const array::Array& x, AxisSet axes);

/// The shape that is left: reduced axes have size 1 (keepdim) or are gone.
Shape reduced_shape(const Shape& shape, AxisSet axes, bool keepdim);

}  // namespace tapegrad
