// Views of the same elements in another shape, and tensors that are joined, padded or reordered.
//
// reshape, permute, transpose, slice, select and split copy no elements (reshape only where strides cannot express the
// new shape): the result shares storage with x. All dtypes; float32 and float64 carry gradients.
#pragma once

#include <cstdint>
#include <vector>

#include "tapegrad/base/axes.hpp"
#include "tapegrad/tape/engine_ops.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

// ---- views

/// x in another shape with the same number of elements, in row-major order. One size may be -1: it follows from the
/// rest. ShapeError when the counts differ or -1 has no answer.
Tensor reshape(const Tensor& x, const Shape& shape);
/// Axis k of the result is axis order[k] of x. IndexError, ShapeError unless `order` names each axis once.
Tensor permute(const Tensor& x, const Axes& order);
/// Axes a and b change places. Throws IndexError.
Tensor transpose(const Tensor& x, Axis a, Axis b);
/// x without its dimensions of size 1.
Tensor squeeze(const Tensor& x);
/// x without the axis. IndexError for the axis, ShapeError unless its size is 1.
Tensor squeeze(const Tensor& x, Axis axis);
/// x with a new axis of size 1, which is `axis` of the result; -1 puts it last. Throws IndexError.
Tensor unsqueeze(const Tensor& x, Axis axis);
/// Axes first to last (both included) as one. Throws IndexError, ShapeError when last < first.
Tensor flatten(const Tensor& x, Axis first = 0, Axis last = -1);

/// The range of an axis, as Python's x[start:stop:step]: negative bounds count from the end, all are clamped. The
/// gradient of a loop over slices costs what the slices hold, not a full-sized zero tensor for each. IndexError for the
/// axis, ValueError for a step below 1.
Tensor slice(const Tensor& x, Axis axis, Slice range);
/// Entry i of an axis, which disappears; negative i counts from the end. x[i] is select(x, 0, i). Throws
/// IndexError.
Tensor select(const Tensor& x, Axis axis, std::int64_t i);
/// x cut along an axis into parts of `size` entries (views), the last one shorter when it does not divide. One node on
/// the tape, whose gradient is the parts' gradients joined. IndexError, ValueError for a size below 1.
[[nodiscard]] std::vector<Tensor> split(const Tensor& x, std::int64_t size, Axis axis = 0);
/// Parts of the given sizes along an axis. IndexError for it, ValueError for a negative size, ShapeError unless they
/// add up.
[[nodiscard]] std::vector<Tensor> split(const Tensor& x, const std::vector<std::int64_t>& sizes, Axis axis = 0);
/// At most `count` parts of equal size along an axis (the last may be shorter), recorded as split. IndexError for the
/// axis, ValueError for a count below 1.
[[nodiscard]] std::vector<Tensor> chunk(const Tensor& x, std::int64_t count, Axis axis = 0);

// ---- new elements

/// The adjoint of slice: zeros of `shape` with x in the range of the axis. IndexError for the axis, ShapeError when x's
/// shape is not that of the slice.
Tensor slice_embed(const Tensor& x, const Shape& shape, Axis axis, Slice range);
/// Joined along an axis; all other sizes must agree. ValueError for no tensors, IndexError for the axis, ShapeError,
/// DTypeError.
Tensor cat(const std::vector<Tensor>& tensors, Axis axis = 0);
/// Joined along a new axis; all shapes must agree. ValueError for no tensors, IndexError for the axis, ShapeError,
/// DTypeError.
Tensor stack(const std::vector<Tensor>& tensors, Axis axis = 0);

/// How many entries are added to an axis.
struct PadWidth {
  std::int64_t before = 0;
  std::int64_t after = 0;
};
/// x surrounded by `value`: one width for each axis, outermost first. ShapeError for another number of widths,
/// ValueError for negative ones.
Tensor pad(const Tensor& x, const std::vector<PadWidth>& widths, double value = 0.0);

/// Sequences of different lengths as one batch.
struct [[nodiscard]] PaddedSequences {
  Tensor padded;                      ///< [N, L, ..], L the greatest length
  std::vector<std::int64_t> lengths;  ///< of each sequence: what Mask::from_lengths() takes
};
/// Sequences [l_n, ..] side by side, `value` behind the ends of all but the longest: [N, max l_n, ..], as PyTorch's
/// torch.nn.utils.rnn.pad_sequence with batch_first=True. ValueError for no sequences, ShapeError for a scalar and for
/// sizes that differ behind the first, DTypeError, also for a value that the dtype has not.
PaddedSequences pad_sequence(const std::vector<Tensor>& sequences, double value = 0.0);

/// The entries of the given axes in reverse order. IndexError, ShapeError for an axis given twice.
Tensor flip(const Tensor& x, const Axes& axes);

/// Entry i of an axis moves to i + shift; what leaves at one end comes back at the other. Negative shifts move
/// towards the front. Throws IndexError.
Tensor roll(const Tensor& x, std::int64_t shift, Axis axis);
/// The same along several axes; one that is given twice moves by the sum. IndexError, ShapeError unless each has its
/// shift.
Tensor roll(const Tensor& x, const std::vector<std::int64_t>& shifts, const Axes& axes);

/// x laid side by side counts[k] times along axis k: numpy.tile and torch.tile (Tensor.repeat in PyTorch). Counts
/// are aligned at the right, as in broadcasting: missing ones are 1, missing dimensions are added in front. ValueError
/// for negative counts, ShapeError for too many.
Tensor tile(const Tensor& x, const std::vector<std::int64_t>& counts);
/// Each entry of an axis repeated `count` times in a row: numpy.repeat and torch.repeat_interleave (not
/// Tensor.repeat, which is tile). IndexError, ValueError for a negative count.
Tensor repeat_interleave(const Tensor& x, std::int64_t count, Axis axis);
/// Entry k of an axis repeated counts[k] times, for int64 counts [size of the axis]; recorded as index_select.
/// IndexError for the axis, ShapeError for another number of counts, DTypeError unless they are int64, ValueError where
/// one is negative or all make more entries than an int64 counts.
Tensor repeat_interleave(const Tensor& x, const Tensor& counts, Axis axis);

/// As numpy.diag and torch.diag: the diagonal of a matrix, or the matrix with a vector on its diagonal and 0 elsewhere.
/// Offset 1 is the diagonal above the main one, -1 the one below. ShapeError for other ranks.
Tensor diag(const Tensor& x, std::int64_t offset = 0);
/// The diagonals of the matrices in the last two dimensions: [.., m, n] -> [.., k], a view. A diagonal that lies
/// outside has no elements. ShapeError for a rank below 2.
Tensor diagonal(const Tensor& x, std::int64_t offset = 0);
/// Its adjoint: square matrices with the vectors of the last dimension on a diagonal: [.., k] -> [.., n, n] with n = k
/// + |offset|. ShapeError for a scalar.
Tensor diag_embed(const Tensor& x, std::int64_t offset = 0);

/// The lower triangles of the matrices in the last two dimensions: elements with column - row <= offset; 0 elsewhere.
/// ShapeError for a rank below 2.
Tensor tril(const Tensor& x, std::int64_t offset = 0);
/// The upper triangles: elements with column - row >= offset.
Tensor triu(const Tensor& x, std::int64_t offset = 0);

}  // namespace tapegrad
