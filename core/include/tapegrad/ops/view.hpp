// Shape and place: views of the same elements in another shape, and tensors joined, padded or turned around.
//
// reshape, permute, transpose, slice and select copy no elements (reshape only where strides cannot express the new
// shape): the result shares storage with x. All dtypes; float32 and float64 carry gradients.
#pragma once

#include <cstdint>
#include <vector>

#include "tapegrad/tape/add.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

// ---- views

/// x in another shape with the same number of elements, in row-major order. One size may be -1: it follows from the
/// rest. ShapeError when the counts differ or -1 has no answer.
Tensor reshape(const Tensor& x, const Shape& shape);
/// Dimension k of the result is dimension order[k] of x. ShapeError unless `order` names each dimension once.
Tensor permute(const Tensor& x, const std::vector<int>& order);
/// Dimensions a and b change places. Throws IndexError.
Tensor transpose(const Tensor& x, int a, int b);
/// x without its dimensions of size 1.
Tensor squeeze(const Tensor& x);
/// x without dimension d. ShapeError unless its size is 1.
Tensor squeeze(const Tensor& x, int d);
/// x with a new dimension of size 1 before dimension d; -1 puts it last. Throws IndexError.
Tensor unsqueeze(const Tensor& x, int d);
/// Dimensions first to last (both included) as one. Throws IndexError, ShapeError when last < first.
Tensor flatten(const Tensor& x, int first = 0, int last = -1);

/// The range of dimension d, as Python's x[start:stop:step]: negative bounds count from the end, all are clamped. The
/// gradient of a loop over slices costs what the slices hold, not a full-sized zero tensor for each. IndexError for d,
/// ValueError for a step below 1.
Tensor slice(const Tensor& x, int d, Slice range);
/// Entry i of dimension d, which disappears; negative i counts from the end. x[i] is select(x, 0, i). Throws
/// IndexError.
Tensor select(const Tensor& x, int d, std::int64_t i);
/// Slices of `size` entries along d, the last one shorter when it does not divide. ValueError for a size below 1.
std::vector<Tensor> split(const Tensor& x, std::int64_t size, int d = 0);
/// Slices of the given sizes along d. ShapeError unless they add up.
std::vector<Tensor> split(const Tensor& x, const std::vector<std::int64_t>& sizes, int d = 0);
/// At most `count` slices of equal size along d (the last may be shorter). ValueError for a count below 1.
std::vector<Tensor> chunk(const Tensor& x, std::int64_t count, int d = 0);

// ---- new elements

/// The adjoint of slice: zeros of `shape` with x in the range of dimension d. ShapeError when x's shape is not that of
/// the slice.
Tensor slice_embed(const Tensor& x, const Shape& shape, int d, Slice range);
/// Joined along dimension d; the other sizes agree. ValueError for no tensors, ShapeError, DTypeError.
Tensor cat(const std::vector<Tensor>& tensors, int d = 0);
/// Joined along a new dimension d; all shapes agree. ValueError for no tensors, ShapeError, DTypeError.
Tensor stack(const std::vector<Tensor>& tensors, int d = 0);

/// How many entries are added to a dimension.
struct PadWidth {
  std::int64_t before = 0;
  std::int64_t after = 0;
};
/// x surrounded by `value`: one width for each dimension, outermost first. ShapeError for another number of widths,
/// ValueError for negative ones.
Tensor pad(const Tensor& x, const std::vector<PadWidth>& widths, double value = 0.0);
/// The entries of the given dimensions in reverse order. IndexError, ShapeError for a dimension named twice.
Tensor flip(const Tensor& x, const std::vector<int>& dims);

}  // namespace tapegrad
