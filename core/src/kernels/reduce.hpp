// Reductions over the middle axis of a contiguous [outer, n, inner] array, giving a contiguous [outer, inner] array.
//
// Sums run in double precision, in an order that follows from n and inner alone: a slice's result is the same to the
// bit whatever the other slices hold, whatever `outer` is, and at any number of threads. The templates are instantiated
// for float and double; integers and truth values are exact.
#pragma once

#include <cstdint>

#include "kernels/slices.hpp"

namespace tapegrad::kernels {

/// 0 for n = 0.
template <class T>
void reduce_sum(const T* x, const Slices& shape, T* out);

/// NaN for n = 0.
template <class T>
void reduce_mean(const T* x, const Slices& shape, T* out);

/// NaN if any is NaN; -inf for n = 0.
template <class T>
void reduce_max(const T* x, const Slices& shape, T* out);

/// NaN if any is NaN; +inf for n = 0.
template <class T>
void reduce_min(const T* x, const Slices& shape, T* out);

/// sum (x - mean)^2 / (n - correction), in two passes; correction 0 is the biased variance, 1 the unbiased one; NaN
/// unless n > correction.
template <class T>
void reduce_variance(const T* x, const Slices& shape, double correction, T* variance);

/// sum |x|; 0 for n = 0.
template <class T>
void reduce_magnitude_sum(const T* x, const Slices& shape, T* out);

/// max |x|; NaN if any is NaN. REQUIRES: n > 0.
template <class T>
void reduce_magnitude_max(const T* x, const Slices& shape, T* out);

/// sqrt(sum x^2), without overflow or underflow on the way; 0 for n = 0.
template <class T>
void reduce_length(const T* x, const Slices& shape, T* out);

/// log sum exp x, shifted by the largest. All -inf (or n = 0) gives -inf; +inf gives +inf; NaN gives NaN.
template <class T>
void reduce_logsumexp(const T* x, const Slices& shape, T* out);

/// Position along the axis of the first NaN, else of the first largest. REQUIRES: n > 0.
template <class T>
void reduce_argmax(const T* x, const Slices& shape, std::int64_t* out);

/// Position along the axis of the first NaN, else of the first smallest. REQUIRES: n > 0.
template <class T>
void reduce_argmin(const T* x, const Slices& shape, std::int64_t* out);

/// Wraps around; true counts 1. 0 for n = 0.
void reduce_sum(const std::int64_t* x, const Slices& shape, std::int64_t* out);
void reduce_sum(const bool* x, const Slices& shape, std::int64_t* out);

/// REQUIRES: n > 0.
void reduce_max(const std::int64_t* x, const Slices& shape, std::int64_t* out);
void reduce_min(const std::int64_t* x, const Slices& shape, std::int64_t* out);
/// Of ties the first. REQUIRES: n > 0.
void reduce_argmax(const std::int64_t* x, const Slices& shape, std::int64_t* out);
void reduce_argmin(const std::int64_t* x, const Slices& shape, std::int64_t* out);

/// Whether one is true (false for n = 0), and whether none is false (true for n = 0).
void reduce_any(const bool* x, const Slices& shape, bool* out);
void reduce_all(const bool* x, const Slices& shape, bool* out);

}  // namespace tapegrad::kernels
