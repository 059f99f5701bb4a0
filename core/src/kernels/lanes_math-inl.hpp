// Elementary functions on lanes: within 4 units in the last place of the exact value over the whole domain of float and
// double, with signed zeros, subnormal results, infinities and NaN as in C's <math.h> (tests/kernels/lanes.cpp measures
// each on every target; docs/accuracy.md is what tests/mpfr measured through the ops).
//
// The hot ones (exp, log, tanh, sigmoid, erf ...) have a float and a double form. The others compute float lanes in
// double, and a few (lgamma, pow of double, sin of huge arguments) ask libm lane by lane. Polynomials are Chebyshev
// fits printed by lanes_coefficients.py; arguments are reduced after Cody and Waite, Software Manual for the Elementary
// Functions (1980).

#if defined(TAPEGRAD_KERNELS_LANES_MATH_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_LANES_MATH_INL_HPP
#undef TAPEGRAD_KERNELS_LANES_MATH_INL_HPP
#else
#define TAPEGRAD_KERNELS_LANES_MATH_INL_HPP
#endif

#include "kernels/lanes_arithmetic-inl.hpp"
#include "kernels/lanes_exponential-inl.hpp"
#include "kernels/lanes_special-inl.hpp"
#include "kernels/lanes_trigonometry-inl.hpp"

#undef TAPEGRAD_THROUGH_DOUBLE

#endif
