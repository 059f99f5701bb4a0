// What the checks do with tensors: other memory, other dtypes, distances.
#pragma once

#include <vector>

#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::suite {

bool carries_gradient(const Tensor& x);

/// The elements of a floating tensor.
std::vector<double> doubles(const Tensor& x);

/// The largest difference in units of the largest element (or of `size`, if that is more); infinite when shapes,
/// infinities or NaNs differ. Their dtypes may.
double distance(const Tensor& a, const Tensor& b, double size = 0.0);

/// The same elements in the same shape, in memory of other strides: every second element of a larger block, dimensions
/// in reverse order.
Tensor scattered(const Tensor& x);
catalogue::Arguments scattered(const catalogue::Arguments& xs);

/// Floating tensors rounded to float32; all others as they are.
Tensor in_float32(const Tensor& x);
/// The float64 tensor that in_float32(x) stands for.
Tensor rounded_to_float32(const Tensor& x);

Tensor normal_like(const Tensor& x, Generator& g);

}  // namespace tapegrad::suite
