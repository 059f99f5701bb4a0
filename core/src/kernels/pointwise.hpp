// Pointwise kernels, seen from outside: what an op file exports (pointwise-inl.hpp) and the loops that run it over
// tensors' memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tapegrad/base/dtype.hpp"
#include "tapegrad/base/shape.hpp"

namespace tapegrad::kernels {

/// A row of so many elements is a piece of an array that no near cache holds: it is fetched ahead. Loops cut arrays of
/// kFarArray elements and more into such rows, others into shorter ones.
inline constexpr std::int64_t kFarRow = 16384, kFarArray = 1024 * 1024;

// One formula on one contiguous row. `formula` points to the formula object, or is null for one without attributes.
// REQUIRES: dtype is float32 or float64. A value depends on its own operands alone, never on its position or on n.

/// y[i] = value(x[i])
using UnaryForward = void(const void* formula, DType dtype, const void* x, void* y, std::int64_t n);
/// dx[i] = dy[i] * slope(x[i], y[i]), at dy's own place too. x or y may be null where the slope does not read it.
using UnaryBackward = void(const void* formula, DType dtype, const void* x, const void* y, const void* dy, void* dx,
                           std::int64_t n);
/// y[i] = value(a[i], b[i]), where a may be y's memory. a_step, b_step: 1 (contiguous) or 0 (one value for the row).
using BinaryForward = void(const void* formula, DType dtype, const void* a, int a_step, const void* b, int b_step,
                           void* y, std::int64_t n);
/// da[i] = dy[i] * slope_a(a[i], b[i], y[i]), and so db: both contiguous, null when not wanted. a, b or y may be null
/// where no slope reads it. The row of da is written before that of db, which (or da, if db is null) may lie at dy.
using BinaryBackward = void(const void* formula, DType dtype, const void* a, int a_step, const void* b, int b_step,
                            const void* y, const void* dy, void* da, void* db, std::int64_t n);

/// A formula's kernels: each call gives the one for the machine's widest vectors. `cost` is the work per element in
/// units of 0.1 ns, which decides whether a parallel region is worth its start.
struct UnaryKernels {
  UnaryForward* (*forward)();
  UnaryBackward* (*backward)();
  std::int64_t cost;
};
struct BinaryKernels {
  BinaryForward* (*forward)();
  BinaryBackward* (*backward)();
  std::int64_t cost;
};

/// What a formula says with `static constexpr std::int64_t kCost`, else what most cost.
inline constexpr std::int64_t kCostOfMost = 4;
template <class Formula>
constexpr std::int64_t cost_of() {
  if constexpr (requires { Formula::kCost; }) {
    return Formula::kCost;
  } else {
    return kCostOfMost;
  }
}

/// A tensor's memory read in another's shape: strides in elements, one per dimension of that shape, 0 where broadcast.
struct Operand {
  const void* data;
  Shape strides;
};

// The loops below take operands of any strides and write contiguous outputs of `shape`. None allocates.

void unary_forward(const UnaryKernels& kernels, const void* formula, DType dtype, const Shape& shape, const Operand& x,
                   void* y);
/// Operands x and y with null data are not read.
void unary_backward(const UnaryKernels& kernels, const void* formula, DType dtype, const Shape& shape, const Operand& x,
                    const Operand& y, const Operand& dy, void* dx);
void binary_forward(const BinaryKernels& kernels, const void* formula, DType dtype, const Shape& shape,
                    const Operand& a, const Operand& b, void* y);
/// da and db have the full `shape`, before any sum over broadcast dimensions; either may be null. Operands a, b and y
/// with null data are not read.
void binary_backward(const BinaryKernels& kernels, const void* formula, DType dtype, const Shape& shape,
                     const Operand& a, const Operand& b, const Operand& y, const Operand& dy, void* da, void* db);

/// A row of a function that has no formula on lanes (integers, comparisons): y[i] = f(a[i a_step], b[i b_step]).
using BinaryRow = void (*)(const void* a, int a_step, const void* b, int b_step, void* y, std::int64_t n);

template <auto f, class In, class Out>
void binary_row(const void* a_data, int a_step, const void* b_data, int b_step, void* y_data, std::int64_t n) {
  const auto* const a = static_cast<const In*>(a_data);
  const auto* const b = static_cast<const In*>(b_data);
  auto* const y = static_cast<Out*>(y_data);
  if (a_step == 1 && b_step == 1) {  // steps known: the compiler vectorises
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
  } else if (a_step == 1) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[0]);
  } else {
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[0], b[i * b_step]);
  }
}

/// Runs a row function over operands of any strides; element_size are the bytes of an operand's elements, output_size
/// those of y's.
void binary_rows(BinaryRow row, std::size_t element_size, std::size_t output_size, const Shape& shape, const Operand& a,
                 const Operand& b, void* y);

/// y = condition ? a : b for elements of any dtype, moved as bits; the condition's elements are bool.
void choose_rows(std::size_t element_size, const Shape& shape, const Operand& condition, const Operand& a,
                 const Operand& b, void* y);

/// Copies a strided array to contiguous memory. REQUIRES: element_size is 1, 4 or 8.
void copy_strided(std::size_t element_size, const Shape& shape, const Operand& x, void* y);

}  // namespace tapegrad::kernels
