// Elements and rows chosen by int64 tensors. Indices count from 0 and are never negative. What a repeated index means
// is said at each function. Sums run in x's dtype and in the order of the index tensor: the same bits at any number of
// threads. The indexed tensors have any dtype where elements are copied, any but bool where they are added; float32 and
// float64 carry gradients.
//
// All functions that take an index tensor throw IndexError for an index that lies outside (with its value and its
// place) and for an axis that x does not have, DTypeError for an index that is not int64, for a source or values
// of another dtype than x's and for bool tensors that would be added, and ShapeError for shapes that do not fit as
// stated. Further errors are said at the functions.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// y[.., j, ..] = x[.., index[.., j, ..], ..] along the axis: an index for each element of the result, which has
/// index's shape. `index` has x's rank and is nowhere larger than x except along the axis. Its adjoint is scatter_add.
Tensor gather(const Tensor& x, Axis axis, const Tensor& index);

/// x with source[.., j, ..] added at [.., index[.., j, ..], ..] along the axis. `source` has index's shape and
/// x's dtype; `index` is as for gather.
Tensor scatter_add(const Tensor& x, Axis axis, const Tensor& index, const Tensor& source);

/// Entries index[0], index[1], ... of an axis: index [K] makes its size K. Its adjoint is index_add.
Tensor index_select(const Tensor& x, Axis axis, const Tensor& index);

/// x with entry k of `source` added to entry index[k] along the axis. `source` has x's shape, but K along the axis
/// for an index [K].
Tensor index_add(const Tensor& x, Axis axis, const Tensor& index, const Tensor& source);

/// x with source[.., j, ..] in the place of [.., index[.., j, ..], ..] along the axis; shapes as for scatter_add.
/// Where an index is repeated, the last one in row-major order of the index tensor counts, at any number of threads: it
/// alone gets a gradient (PyTorch leaves both open). What is overwritten in x gets 0. Any dtype.
Tensor scatter(const Tensor& x, Axis axis, const Tensor& index, const Tensor& source);
/// The same with one number everywhere. DTypeError for a number that x's dtype does not have.
Tensor scatter(const Tensor& x, Axis axis, const Tensor& index, double value);

/// x[indices[0], indices[1], ...] = values, as a new tensor (NumPy's and PyTorch's indexing with arrays): the K index
/// tensors broadcast to one shape [...] and choose along the first K dimensions of x; `values` broadcasts to [...]
/// followed by x's other dimensions. Where a place is named more than once: with `accumulate` values are added up
/// (and to x), without it the last one in row-major order counts and it alone gets a gradient (PyTorch leaves both
/// open). Without `accumulate` what is overwritten in x gets 0; with it, recorded as index_add. ShapeError
/// also for no index tensor, for more than x has dimensions, and where they do not broadcast.
Tensor index_put(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values, bool accumulate = false);

/// x[indices[0], indices[1], ...] (NumPy's and PyTorch's indexing with arrays): the K index tensors broadcast to one
/// shape [...] and choose along the first K dimensions of x; the result is [...] followed by x's other dimensions. A
/// place that is named more than once collects a gradient from each. Recorded as index_select. Any dtype; index_put
/// writes what this reads. ShapeError as for index_put.
///
///   const Tensor chosen = index(log_probabilities, {arange(n), labels});  // [N, C], [N], [N] -> [N]
Tensor index(const Tensor& x, const std::vector<Tensor>& indices);

/// Where x is not 0, or true: the places of such elements in row-major order, int64 [count, x.dim()]. NaN is not 0. No
/// gradient. Any dtype.
Tensor nonzero(const Tensor& x);

/// How often each of 0, 1, 2, ... occurs in x, of any shape: int64 [n], where n is `min_count`, or more as x needs. No
/// gradient. Throws DTypeError unless x is int64, IndexError for a negative element, ValueError for a negative
/// min_count.
Tensor bincount(const Tensor& x, std::int64_t min_count = 0);

/// The elements where the bool mask is true, in row-major order: a vector. x and the mask broadcast. Any dtype.
/// DTypeError unless the mask is bool, ShapeError where they do not broadcast.
Tensor masked_select(const Tensor& x, const Tensor& mask);

/// Rows of weight [V, E] for tokens of any shape [...]: [..., E]. A token's row collects a gradient from each of its
/// places; the row `padding_idx` (negative ones count from the end) counts as constant: its gradient is 0.
/// IndexError for a padding_idx that is no row, too; DTypeError that says so where the two change places.
Tensor embedding(const Tensor& weight, const Tensor& tokens, std::optional<std::int64_t> padding_idx = std::nullopt);

/// Rows of the identity: [..., count] with 1 at each class and 0 elsewhere. No gradient. ValueError for a
/// count below 0, ShapeError for classes of kMaxRank dimensions.
Tensor one_hot(const Tensor& classes, std::int64_t count, DType dtype = float32);

}  // namespace tapegrad
