// What every unary pointwise op computes, said once more in MPFR: value, derivative, where to look closely, and how far
// off the op may be.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "tapegrad/tape/tensor.hpp"
#include "truth/real.hpp"

namespace tapegrad::truth {

using RealFunction = Real (*)(const Real& x);

/// In units in the last place of the exact result, for float32 and float64.
struct Bound {
  double float32 = 4;
  double float64 = 4;
};

struct Interval {
  double low, high;
};

struct Reference {
  std::string_view row;  ///< the op, and its attributes where it has any
  std::string_view op;   ///< its name in the catalogue
  std::function<Tensor(const Tensor&)> call;
  RealFunction value;
  RealFunction derivative;
  /// Zeros, kinks, ends of the domain, and where the implementation changes its method: looked at from every distance,
  /// on both sides and at both signs. Zero and one always are.
  std::vector<double> points = {};
  Bound value_bound = {};
  Bound derivative_bound = {};
  /// Around zeros where terms cancel: errors of the derivative (or value) there are counted in units of the last place
  /// of 1, where those of the exact result are smaller.
  std::vector<Interval> derivative_cancels = {};
  std::vector<Interval> value_cancels = {};
  /// Whether MPFR takes so long that fewer points must do.
  bool costly = false;
  /// Printed under the table.
  std::string_view note = {};
};

/// One for every op of the catalogue's pointwise family that takes one floating tensor (a test holds it to that).
const std::vector<Reference>& references();

}  // namespace tapegrad::truth
