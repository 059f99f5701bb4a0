// What the ops of this family ask of their index tensors, and sums into chosen places.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/slices.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// The indices, contiguous and known to lie in [0, size). Throws DTypeError "[op] expected int64 indices, ...",
/// IndexError "[op] index 7 at [1, 2] is out of range for size 5".
array::Array checked_indices(std::string_view op, const Tensor& index, std::int64_t size);

/// Throws DTypeError for bool tensors, which have no sum.
void expect_number(std::string_view op, const Tensor& x);

// Below, the n of an array's slices are its rows, which are indexed.

inline constexpr std::int64_t kNoRow = -1;

/// out[o, k, :] = x[o, index[k], :] for k < count. Elements of `element` bytes.
void copy_rows(const std::byte* x, const kernels::Slices& rows, const std::int64_t* index, std::int64_t count,
               std::byte* out, std::size_t element);

/// target[o, index[k], :] += source[o, k, :] for k = 0, 1, ... in this order, where index[k] != skip. Contiguous arrays
/// of one numeric dtype.
void add_rows(const array::Array& target, const kernels::Slices& rows, const array::Array& index,
              const array::Array& source, std::int64_t skip = kNoRow);

/// target[o, index[k], :] = source[o, k, :] for k = 0, 1, ... in this order: the last one stays. Contiguous arrays of
/// one dtype.
void write_rows(const array::Array& target, const kernels::Slices& rows, const array::Array& index,
                const array::Array& source);

/// out[.., j, ..] = x[.., index[.., j, ..], ..]. REQUIRES: index and out contiguous, x of any strides.
void copy_elements(const array::Array& x, int axis, const array::Array& index, const array::Array& out);

/// target[.., index[.., j, ..], ..] += source[.., j, ..], each sum in the order of the index. REQUIRES: index and
/// source contiguous, of one shape; a numeric dtype.
void add_elements(const array::Array& target, int axis, const array::Array& index, const array::Array& source);

/// target[.., index[.., j, ..], ..] = source[.., j, ..], in the order of the index: the last one stays. REQUIRES: as
/// above, of any dtype.
void write_elements(const array::Array& target, int axis, const array::Array& index, const array::Array& source);

/// Whether `index` has the rank and nowhere more entries than x, except along the axis.
bool fits_along(int axis, const Tensor& index, const Tensor& x);

/// Throws ShapeError unless it does, and the source has the index's shape.
void expect_scatter(std::string_view op, const Tensor& x, int axis, const Tensor& index, const Tensor& source);

/// 0, 1, 2, ... in the given shape: names for the entries of an index tensor.
Tensor places(const Shape& shape);

}  // namespace tapegrad
