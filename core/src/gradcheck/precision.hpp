// What steps and tolerances follow from: how finely the function's values and its derivatives are rounded.
#pragma once

#include <cmath>
#include <cstddef>

namespace tapegrad::checker {

inline constexpr std::size_t kSteps = 5;    // in a family: h, h/2, ..., h/16
inline constexpr double kFamilyBits = 5.0;  // a family starts 2^5 below the last

struct Precision {
  double epsilon;     // relative rounding of the values
  double first_step;  // for an input of size 1: where truncation and rounding of the extrapolated differences balance
  int families;       // of steps, each starting 32 times smaller than the last, down to about sqrt(epsilon)
  double derivative_epsilon;
  double coarser_epsilon;   // the larger of both
  double floor;             // the derivative's own rounding, in units of the largest in its block
  double rough;             // the doubt, in the same units, beyond which differences cannot tell
  double least;             // the smallest value that is not rounded to 0, or nearly so
  double least_derivative;  // the same of derivatives
  double fair;              // the doubt, in units of the function's own size, up to which rough differences tell a zero

  /// Whether a derivative of this size, or what it is made of, may leave the range of its numbers.
  bool may_overflow(double derivative) const {
    constexpr double kRoom = 0x1p-28;  // below the largest number, which is about 4 / the smallest
    return !(std::abs(derivative) < kRoom / least_derivative);
  }
};

Precision precision_of(double value_epsilon, double derivative_epsilon);

}  // namespace tapegrad::checker
