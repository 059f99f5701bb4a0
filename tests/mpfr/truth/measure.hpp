// How far a function is from its reference, over all of float or double.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "truth/references.hpp"

namespace tapegrad::truth {

/// y and dy/dx at each x, as the thing under test computes them.
template <class T>
using Evaluate = std::function<void(std::span<const T> x, std::span<T> y, std::span<T> slope)>;

struct Worst {
  double error = 0;  ///< in units in the last place; infinite where NaN, an infinity or a zero stands wrongly
  double at = 0;
  double got = 0;
  double exact = 0;
};

struct Accuracy {
  Worst value, derivative;
};

/// Where a reference is looked at: both signs of every power of two with random mantissas, the special values, and
/// around each of its points every distance from one unit in the last place up. The same numbers in every run.
template <class T>
std::vector<T> sample_points(const Reference& reference);

/// The distance of `got` from the exact value in units in the last place of T. Infinity counts as the power of two
/// beyond the largest number. A zero where the exact value is at least twice the least subnormal number is infinitely
/// wrong: a vanished tail.
template <class T>
double error_in_ulps(T got, const Real& exact);

template <class T>
Accuracy measure(const Reference& reference, const Evaluate<T>& evaluate);

/// y and its gradient by a reverse sweep: the fused rule, or, recorded, the differentiable one.
template <class T>
Evaluate<T> by_reverse_sweep(const Reference& reference, bool recorded = false);

}  // namespace tapegrad::truth
