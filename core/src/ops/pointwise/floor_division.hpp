// What floor_divide and remainder share: two operands of one dtype, floating or int64, and a function of two numbers.
#pragma once

#include <cstdint>
#include <string_view>

#include "ops/pointwise/pointwise_calls.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Of an op with `template <class T> static T of(T a, T b)`; that for int64 never meets a divisor of 0.
template <class Division, class T>
inline constexpr kernels::BinaryRow kDivisionRow = kernels::binary_row<Division::template of<T>, T, T>;
template <class Division>
inline constexpr RowsByDType kDivisionRows = {kDivisionRow<Division, float>, kDivisionRow<Division, double>,
                                              kDivisionRow<Division, std::int64_t>};

/// Throws DTypeError for bool and when the dtypes differ, ShapeError when the shapes do not broadcast, ValueError for
/// an int64 divisor that holds a 0, where there is something to divide.
Tensor divide_rows(std::string_view op, const RowsByDType& rows, const Tensor& a, const Tensor& b);

/// Whether a remainder of C++, which has a's sign, is to be moved by b, and the quotient down by one.
template <class T>
constexpr bool lies_beyond(T remainder, T b) {
  return remainder != T{0} && (remainder < T{0}) != (b < T{0});
}

namespace catalogue {

/// Quotients far from integers, where both functions jump.
Samples division_samples(Samples own);
ErrorSamples division_errors(std::string_view name, Tensor (*f)(const Tensor& a, const Tensor& b));

}  // namespace catalogue
}  // namespace tapegrad
