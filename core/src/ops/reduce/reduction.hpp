// Reductions over any set of axes, brought to the kernels' form: the middle axis of a contiguous [outer, n, inner]
// array.
#pragma once

#include <cstdint>
#include <vector>

#include "array/array.hpp"
#include "kernels/slices.hpp"

namespace tapegrad {

/// Bit d stands for axis d.
using AxisSet = std::uint32_t;

constexpr bool contains(AxisSet axes, int d) { return (axes >> d & 1U) != 0; }

/// All axes of a tensor, those of the set behind the others.
std::vector<int> reduced_last(int rank, AxisSet axes);

struct ReductionPlan {
  array::Array input;  // contiguous; axes permuted when the reduced ones are not neighbours
  kernels::Slices slices;
};

ReductionPlan plan_reduction(const array::Array& x, AxisSet axes);

/// The shape that is left: reduced axes have size 1 (keepdim) or are gone.
Shape reduced_shape(const Shape& shape, AxisSet axes, bool keepdim);

}  // namespace tapegrad
