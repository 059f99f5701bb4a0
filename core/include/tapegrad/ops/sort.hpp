// Elements in order along one axis, and their indices: values = gather(x, axis, indices). A cotangent of a value goes
// to the element that the index names. NaN counts as larger than every number (as in PyTorch and NumPy): last in
// ascending order, first in descending order. float32, float64 and int64; negative axes count from the end. IndexError
// for an axis out of range (a scalar has none), DTypeError for bool.
#pragma once

#include <cstdint>

#include "tapegrad/ops/values_and_indices.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

struct SortOptions {
  bool descending = false;
};
/// Always stable: elements that tie stay in the order of their indices, in descending order too.
ValuesAndIndices sort(const Tensor& x, Axis axis = -1, SortOptions options = {});

/// The indices alone: gather(x, axis, argsort(x, axis)) is sorted. No gradient.
Tensor argsort(const Tensor& x, Axis axis = -1, SortOptions options = {});

struct [[nodiscard]] Unique {
  Tensor values;   ///< [U], in ascending order, each once
  Tensor inverse;  ///< int64, of x's shape: the index of each element in `values`
  Tensor counts;   ///< int64 [U]: how often each occurs in x
};
/// The distinct elements of x, of any shape. All NaN count as one, as in NumPy (in PyTorch each is distinct). No
/// gradient.
Unique unique(const Tensor& x);

struct TopKOptions {
  bool largest = true;
  /// Best first; else in the order of their indices.
  bool sorted = true;
};
/// The k largest (or smallest) elements; of elements that tie the first are taken. ValueError unless 0 <= k <= size.
ValuesAndIndices topk(const Tensor& x, std::int64_t k, Axis axis = -1, TopKOptions options = {});

}  // namespace tapegrad
