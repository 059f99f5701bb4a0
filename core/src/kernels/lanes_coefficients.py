#!/usr/bin/env python3
"""Prints the polynomial coefficients of the lanes_*-inl.hpp headers: Chebyshev fits (within a hair of minimax), constant term first."""
from mpmath import atanh, chebyfit, cos, erf, erfc, exp, log, mp, mpf, pi, sin, sqrt

mp.dps = 80


def fit(name, f, interval, terms):
    coefficients, error = chebyfit(f, interval, terms, error=True)
    print(f"{name}: {terms} terms, error {mp.nstr(error, 3)}")
    print("  " + ", ".join(mp.nstr(c, 18) for c in reversed(coefficients)))


def safe(f, at_zero, tiny=mpf("1e-20")):
    """f, or its limit where f divides zero by zero."""
    return lambda x: f(x) if abs(x) > tiny else at_zero


half_ln2 = log(2) / 2 * mpf("1.0001")
exp_tail = safe(lambda r: (exp(r) - 1 - r) / r**2, mpf(1) / 2)
fit("exp f32", exp_tail, [-half_ln2, half_ln2], 6)
fit("exp f64", exp_tail, [-half_ln2, half_ln2], 11)

s_max = (sqrt(2) - 1) / (sqrt(2) + 1) * mpf("1.0001")
log_tail = safe(lambda z: (2 * atanh(sqrt(z)) - 2 * sqrt(z)) / sqrt(z) ** 3, mpf(2) / 3)
fit("log f32", log_tail, [0, s_max**2], 4)
fit("log f64", log_tail, [0, s_max**2], 7)

z_max = (pi / 4) ** 2 * mpf("1.0001")
fit("sin", safe(lambda z: (sin(sqrt(z)) - sqrt(z)) / sqrt(z) ** 3, mpf(-1) / 6), [0, z_max], 7)
fit("cos", safe(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, mpf(1) / 24), [0, z_max], 7)

erf_ratio = safe(lambda z: erf(sqrt(z)) / sqrt(z) - 1, 2 / sqrt(pi) - 1)
fit("erf f32, |x| <= 1, minus 1", erf_ratio, [0, 1], 7)
fit("erf f64, |x| <= 1, minus 1", erf_ratio, [0, 1], 14)
fit("log erfc f32, in x - 2.5, 1 <= x <= 4", lambda u: log(erfc(u + mpf("2.5"))), [mpf("-1.5"), mpf("1.5")], 9)


def scaled_erfc(t, k=4):
    """(1 + 2x) e^(x^2) erfc(x) with t = (x - k) / (x + k)."""
    x = k * (1 + t) / (1 - t)
    return (1 + 2 * x) * exp(x * x) * erfc(x)


fit("erfc tail f64, 1/2 <= x <= 27", scaled_erfc, [mpf(1 - 8) / (1 + 8), mpf(27 - 4) / (27 + 4)], 22)
fit("erfc tail f32, 1/2 <= x <= 10.25", scaled_erfc, [mpf(1 - 8) / (1 + 8), mpf("6.25") / mpf("14.25")], 10)


def scaled_normal_tail(v, p=mpf("0.4")):
    """e^(m^2 / 2) Phi(-m) / u with u = 1 / (1 + p m) = 1 + v."""
    m = (1 / (1 + v) - 1) / p
    return exp(m * m / 2) * erfc(m / sqrt(2)) / 2 * (1 + p * m)


fit("normal tail f32, 0 <= m <= 15", scaled_normal_tail, [1 / (1 + mpf("0.4") * mpf("15.01")) - 1, 0], 10)
