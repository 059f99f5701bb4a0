// Reductions over any set of axes. Negative axes count from the end; no axes means all of them. With `keepdim` the
// reduced axes stay with size 1. All take float32 or float64 of any rank, some int64 and bool besides; DTypeError for
// others, IndexError for an axis out of range, ShapeError for one given twice.
#pragma once

#include "tapegrad/base/axes.hpp"
#include "tapegrad/ops/values_and_indices.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Sums run in double precision. Of no elements: 0. An int64 tensor's is int64 and wraps around; a bool tensor's is
/// int64: how many are true.
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// Of no elements: NaN.
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdim = false);

struct VarOptions {
  /// Divides by n - correction: 1 is the unbiased estimate (Bessel), 0 the biased variance that normalisation layers
  /// use.
  double correction = 1.0;
  bool keepdim = false;
};
/// NaN where n <= correction. The gradient is 2 (x - mean) / (n - correction).
Tensor var(const Tensor& x, const Axes& axes = {}, VarOptions options = {});

/// The standard deviation sqrt(var). NaN where n <= correction. The gradient (x - mean) / ((n - correction) std) is 0
/// for a constant, where the root has a kink.
Tensor std(const Tensor& x, const Axes& axes = {}, VarOptions options = {});

/// The product of all elements, in double precision. Of no elements: 1. The gradient is the product of the others,
/// without a division by x: zeros are as good as any number, to every order. It too is computed in double precision,
/// and overflows where the product of all elements before or behind one does.
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keepdim = false);

struct NormOptions {
  /// 1: the sum of magnitudes; 2: Euclid's length; infinity: the largest magnitude.
  double p = 2.0;
  bool keepdim = false;
};
/// The p-norm of all elements along the axes, as of one vector (numpy.linalg.norm of the flattened axes, torch.norm).
/// p = 2 neither overflows nor underflows before the result does. The gradient is 0 at 0 for each p; of magnitudes that
/// tie for the largest each gets an equal share. Of no elements: 0, but ShapeError for p = infinity. ValueError for
/// another p.
Tensor norm(const Tensor& x, const Axes& axes = {}, NormOptions options = {});

/// The largest element; ties share the gradient evenly (amax in PyTorch). NaN propagates. int64 too. ShapeError for no
/// elements.
Tensor max(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
Tensor min(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// The value below which a share q of the elements lies: between the neighbours of place q (n - 1) among the n sorted
/// elements, in proportion (numpy.quantile and torch.quantile, interpolation "linear"). Recorded as sort: the gradient
/// goes to these two, in the same proportion, and ties stand in the order of their indices. NaN where an element is.
/// ShapeError for no elements, ValueError for q outside [0, 1].
Tensor quantile(const Tensor& x, double q, const Axes& axes = {}, bool keepdim = false);
/// The quantile of 0.5: of an even number of elements the mean of the two in the middle, as in NumPy (PyTorch: the
/// lower one).
Tensor median(const Tensor& x, const Axes& axes = {}, bool keepdim = false);

/// The largest (smallest) elements along one axis, and where they stand; the gradient goes to the index that is
/// returned (the first of ties). int64 too. ShapeError for no elements.
ValuesAndIndices max_with_indices(const Tensor& x, Axis axis, bool keepdim = false);
ValuesAndIndices min_with_indices(const Tensor& x, Axis axis, bool keepdim = false);

/// Position of the largest (smallest) element along an axis, int64; of ties the first. int64 tensors too. Carries no
/// gradient.
Tensor argmax(const Tensor& x, Axis axis, bool keepdim = false);
Tensor argmin(const Tensor& x, Axis axis, bool keepdim = false);
/// Among all elements, of any rank: the position in x.reshape({-1}), a scalar.
Tensor argmax(const Tensor& x);
Tensor argmin(const Tensor& x);

/// log sum exp x, shifted by the largest element, so that it neither overflows nor loses the tail. All -inf gives -inf
/// with gradient 0.
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keepdim = false);

/// Whether any element (none: false), and whether every element (none: true) of a bool tensor is true. Carry no
/// gradient. DTypeError for other tensors.
Tensor any(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
Tensor all(const Tensor& x, const Axes& axes = {}, bool keepdim = false);

}  // namespace tapegrad
