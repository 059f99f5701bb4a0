// A range of one dimension: what slice, select and slice_embed share.
#pragma once

#include <cstdint>

#include "tape/tensor_impl.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Entries start, start + step, ... (`count` of them) of dimension `axis`; all lie inside.
struct AxisRange {
  int axis = 0;
  std::int64_t start = 0;
  std::int64_t step = 1;
  std::int64_t count = 0;
};

/// Python's rules for start:stop:step. Throws IndexError for the axis, ValueError for a step below 1.
AxisRange resolve(std::string_view op, const Shape& shape, Axis axis, const Slice& slice);

/// The range as a view of the same storage.
array::Array view_of(const array::Array& a, const AxisRange& range);

/// Writes a part (of the range's shape; a dimension of one entry may be missing) to the range of `whole`. REQUIRES:
/// whole contiguous, same dtype.
void write_range(const array::Array& whole, const AxisRange& range, const Tensor& part);

/// Adds dy (of the range's shape; a dimension of one entry may be missing) to the range of `buffer`: work and memory of
/// dy's size. REQUIRES: buffer contiguous, same floating dtype.
void add_to_range(Tensor buffer, const AxisRange& range, const Tensor& dy);

}  // namespace tapegrad
