// Running sums, products and recurrences over the middle axis of contiguous [outer, n, inner] arrays.
//
// Carries are double, in the order of the axis: a line's bits follow from that line alone, whatever the other lines
// hold and at any number of threads. No kernel divides. Results alias neither operands nor each other. Instantiated for
// float and double.
#pragma once

#include <cstdint>

#include "kernels/slices.hpp"

namespace tapegrad::kernels {

enum class Direction : std::uint8_t { forward, backward };

/// y[i] = sum of x[j] for j <= i (backward: j >= i).
template <class T>
void cumulative_sum(const T* x, const Slices& shape, Direction direction, T* y);
/// The same of integers, in integers: a double would round what is beyond 2^53.
void cumulative_sum(const std::int64_t* x, const Slices& shape, Direction direction, std::int64_t* y);

/// y[i] = product of x[j] for j <= i.
template <class T>
void cumulative_product(const T* x, const Slices& shape, T* y);

/// dx[k] = (product of x[j] for j < k) * s[k], where s[k] = dy[k] + x[k + 1] s[k + 1].
template <class T>
void cumulative_product_backward(const T* x, const T* dy, const Slices& shape, T* dx);

/// h[i] = a[i] h[i - 1] + b[i] (backward: a[i] h[i + 1] + b[i]); what lies outside is 0, and the a that meets it is not
/// read.
template <class T>
void linear_recurrence(const T* a, const T* b, const Slices& shape, Direction direction, T* h);

enum class Extremum : std::uint8_t { largest, smallest };

/// The largest (smallest) x[j] for j <= i, and the first j at which it stands; a NaN from its place on. For int64, too.
template <class T>
void cumulative_extremum(const T* x, const Slices& shape, Extremum which, T* values, std::int64_t* places);

/// The product of all x of a slice, [outer, inner]; 1 for n = 0.
template <class T>
void reduce_product(const T* x, const Slices& shape, T* out);

/// y[i] = product of x[j] for j != i.
template <class T>
void exclusive_product(const T* x, const Slices& shape, T* y);

}  // namespace tapegrad::kernels
