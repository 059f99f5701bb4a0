// Numbers of 256 bits, with the spelling of a number: MPFR's functions (https://www.mpfr.org) behind operators, so that
// a reference reads like the formula it is. Nothing of tapegrad's takes part.
#pragma once

#include <mpfr.h>

#include <utility>

namespace tapegrad::truth {

/// Exponents reach far beyond those of double: nothing here overflows or loses a tail.
inline constexpr mpfr_prec_t kPrecision = 256;

class Real {
 public:
  Real() { mpfr_init2(value_, precision()); }
  Real(double number) : Real() { mpfr_set_d(value_, number, MPFR_RNDN); }
  Real(const Real& other) : Real() { mpfr_set(value_, other.value_, MPFR_RNDN); }
  Real(Real&& other) noexcept : Real() { mpfr_swap(value_, other.value_); }
  Real& operator=(Real other) noexcept {
    mpfr_swap(value_, other.value_);
    return *this;
  }
  ~Real() { mpfr_clear(value_); }

  mpfr_ptr get() { return value_; }
  mpfr_srcptr get() const { return value_; }

  bool is_nan() const { return mpfr_nan_p(value_) != 0; }
  bool is_infinite() const { return mpfr_inf_p(value_) != 0; }
  bool is_zero() const { return mpfr_zero_p(value_) != 0; }
  bool is_negative() const { return mpfr_signbit(value_) != 0; }
  /// e with 2^e <= |x| < 2^(e + 1). REQUIRES: finite and not zero.
  mpfr_exp_t exponent() const { return mpfr_get_exp(value_) - 1; }
  double to_double() const { return mpfr_get_d(value_, MPFR_RNDN); }

  /// The precision of numbers made from now on, for as long as the object lives.
  class Precision {
   public:
    explicit Precision(mpfr_prec_t bits) : before_(std::exchange(precision(), bits)) {}
    Precision(const Precision&) = delete;
    Precision& operator=(const Precision&) = delete;
    ~Precision() { precision() = before_; }

   private:
    mpfr_prec_t before_;
  };

 private:
  static mpfr_prec_t& precision() {
    static mpfr_prec_t bits = kPrecision;
    return bits;
  }
  mpfr_t value_;
};

using MpfrUnary = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);
using MpfrBinary = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t);

template <MpfrUnary function>
Real apply(const Real& x) {
  Real y;
  function(y.get(), x.get(), MPFR_RNDN);
  return y;
}
template <MpfrBinary function>
Real apply(const Real& a, const Real& b) {
  Real y;
  function(y.get(), a.get(), b.get(), MPFR_RNDN);
  return y;
}

inline Real operator+(const Real& a, const Real& b) { return apply<mpfr_add>(a, b); }
inline Real operator-(const Real& a, const Real& b) { return apply<mpfr_sub>(a, b); }
inline Real operator*(const Real& a, const Real& b) { return apply<mpfr_mul>(a, b); }
inline Real operator/(const Real& a, const Real& b) { return apply<mpfr_div>(a, b); }
inline Real operator-(const Real& x) {
  Real y;
  mpfr_neg(y.get(), x.get(), MPFR_RNDN);
  return y;
}
inline bool operator<(const Real& a, const Real& b) { return mpfr_less_p(a.get(), b.get()) != 0; }
inline bool operator>(const Real& a, const Real& b) { return b < a; }
inline Real abs(const Real& x) { return x.is_negative() ? -x : x; }
/// 2^k x.
inline Real scale(const Real& x, long k) {
  Real y;
  mpfr_mul_2si(y.get(), x.get(), k, MPFR_RNDN);
  return y;
}
inline Real pi() {
  Real y;
  mpfr_const_pi(y.get(), MPFR_RNDN);
  return y;
}

}  // namespace tapegrad::truth
