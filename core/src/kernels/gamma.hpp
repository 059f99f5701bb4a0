// The derivatives of the logarithm of the gamma function, which libm lacks.
#pragma once

namespace tapegrad::kernels {

/// psi(x) = d/dx ln |Gamma(x)|. -inf at 0, inf at -0, NaN at the other poles and at -infinity.
double digamma(double x);

/// Up to here polygamma's factors stay within long double's range, where it has an exponent of 15 bits; the order above
/// is the slope.
inline constexpr int kMostPolygamma = 1000;

/// The derivative of psi of the given order: order 1 is the trigamma function. The limit at a pole where both sides
/// agree (odd orders), NaN elsewhere. REQUIRES: 1 <= order <= kMostPolygamma + 1.
double polygamma(int order, double x);

}  // namespace tapegrad::kernels
