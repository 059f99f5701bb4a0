// The derivatives of the logarithm of the gamma function, which libm lacks.
#pragma once

namespace tapegrad::kernels {

/// psi(x) = d/dx ln |Gamma(x)|. -inf at 0, inf at -0, NaN at the other poles and at -infinity.
double digamma(double x);

/// The derivative of psi of the given order: order 1 is the trigamma function. The limit at a pole where both sides
/// agree (odd orders), NaN elsewhere. REQUIRES: order >= 1.
double polygamma(int order, double x);

}  // namespace tapegrad::kernels
