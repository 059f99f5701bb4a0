#include "ops/reduce/reduction.hpp"

#include "tape/tensor_impl.hpp"

namespace tapegrad {

std::vector<int> reduced_last(int rank, AxisSet axes) {
  std::vector<int> order;
  order.reserve(static_cast<std::size_t>(rank));
  for (const bool reduced : {false, true})
    for (int d = 0; d < rank; ++d)
      if (contains(axes, d) == reduced) order.push_back(d);
  return order;
}

ReductionPlan plan_reduction(const array::Array& x, AxisSet axes) {
  const int rank = x.shape.rank();
  int first = rank;
  int last = -1;
  bool neighbours = true;
  for (int d = 0; d < rank; ++d) {
    if (!contains(axes, d)) continue;
    neighbours = neighbours && (last < 0 || last == d - 1);
    if (last < 0) first = d;
    last = d;
  }
  ReductionPlan r;
  if (neighbours) {
    r.input = x.contiguous ? x : contiguous_copy(x);
    r.slices.n = 1;
    for (int d = 0; d < rank; ++d) (d < first ? r.slices.outer : d <= last ? r.slices.n : r.slices.inner) *= x.shape[d];
    return r;
  }
  Shape shape;
  Shape strides;
  r.slices.n = 1;
  for (const int d : reduced_last(rank, axes)) {
    shape.push_back(x.shape[d]);
    strides.push_back(x.strides[d]);
    (contains(axes, d) ? r.slices.n : r.slices.outer) *= x.shape[d];
  }
  r.input = contiguous_copy(x.view(shape, strides));
  return r;
}

Shape reduced_shape(const Shape& shape, AxisSet axes, bool keepdim) {
  Shape out;
  for (int d = 0; d < shape.rank(); ++d) {
    if (!contains(axes, d)) {
      out.push_back(shape[d]);
    } else if (keepdim) {
      out.push_back(1);
    }
  }
  return out;
}

}  // namespace tapegrad
