// What the comparisons share: two operands of one dtype in, bool out, no gradient.
#pragma once

#include <string>

#include "ops/pointwise/pointwise_calls.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad {

template <class Comparator, class T>
constexpr bool holds(T a, T b) {
  return Comparator{}(a, b);
}
template <class Comparator, class T>
inline constexpr kernels::BinaryRow kComparisonRow = kernels::binary_row<holds<Comparator, T>, T, bool>;
template <class Comparator>
inline constexpr RowsByDType kComparisonRows = {kComparisonRow<Comparator, float>, kComparisonRow<Comparator, double>,
                                                kComparisonRow<Comparator, std::int64_t>,
                                                kComparisonRow<Comparator, bool>};

/// Throws DTypeError when the dtypes differ, ShapeError when the shapes do not broadcast.
Tensor compare(std::string_view op, const RowsByDType& rows, const Tensor& a, const Tensor& b);

/// Comparator is std::less<> or one of its kin. Whatever is compared with NaN is false, but for not_equal.
template <class Self, class Comparator>
struct Comparison : Op<Self> {
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool differentiable = false;

  Tensor forward(const Tensor& a, const Tensor& b) const {
    return compare(Self::name, kComparisonRows<Comparator>, a, b);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", Self::math, "a truth value, element by element after broadcasting"},
            {"Gradient", R"(\frac{\partial y}{\partial a} = \frac{\partial y}{\partial b} = 0)",
             "y is constant but for a jump: the result carries no gradient"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    return {{"plain", {uniform(g, {3, 4}, -2, 2), uniform(g, {3, 4}, -2, 2)}},
            {"ties", {catalogue::vector64({1, 2, 3}), catalogue::vector64({1, 3, 2})}},
            {"broadcast both", {uniform(g, {3, 1}, -2, 2), uniform(g, {1, 4}, -2, 2)}},
            {"integers", {arange(4), arange(4)}},
            {"no elements", {uniform(g, {0, 3}, -2, 2), uniform(g, {3}, -2, 2)}}};
  }
  static catalogue::ErrorSamples errors() {
    const std::string op = "[" + std::string(Self::name) + "] ";
    return {{"shapes",
             [] {
               (void)apply(Self{}, zeros({3, 4}), zeros({5}));
             },
             op + "cannot broadcast [3, 4] with [5]"},
            {"dtypes", [] { (void)apply(Self{}, zeros({2}), arange(2)); }, op + "float32 [2] with int64 [2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 512]", {uniform(g, {512, 512}, -2, 2), uniform(g, {512, 512}, -2, 2)}};
  }
};

}  // namespace tapegrad
