#!/usr/bin/env python3
"""Prints the polynomial coefficients of the lanes_*-inl.hpp headers: Chebyshev fits (within a hair of minimax), constant term first.
With an argument: writes the tables of normal_table.hpp there."""
import struct
import sys

from mpmath import atanh, chebyfit, cos, erf, erfc, exp, log, mp, mpf, pi, sin, sqrt

mp.dps = 80


def write_normal_table(path, linear="1.5", square="0.43", terms=7):
    """Polynomials in m - centre for 32 intervals of m = |x|. Their number up to m grows like m + m^2: a tail that
    falls as fast as e^(-m^2 / 2) wants intervals as short as 1 / m."""
    a, b = mpf(linear), mpf(square)

    def bound(i):
        return (-a + sqrt(a * a + 4 * b * i)) / (2 * b) if i > 0 else mpf(0)

    def literal(x):
        return f"{struct.unpack('f', struct.pack('f', float(x)))[0]:.9g}"

    def tail(m):
        return erfc(m / sqrt(2)) / 2

    def excess(m):
        return m * exp(-m * m / 2) / sqrt(2 * pi) - tail(m)

    def row(numbers):
        return "{" + ", ".join((n if "." in n or "e" in n else n + ".0") + "F" for n in map(literal, numbers)) + "}"

    bounds = [(bound(i - mpf("0.5")), bound(i + mpf("0.5"))) for i in range(32)]
    centres = [mpf(round(128 * (low + high))) / 256 for low, high in bounds]  # exact, and so is m - centre

    def table(f):
        pieces = []
        for c, (low, high) in zip(centres, bounds):
            rounded = mpf("1e-6")  # which of two intervals a bound falls into is a matter of rounding
            pieces.append(chebyfit(lambda h: f(c + h), [low - c - rounded, high - c + rounded], terms)[::-1])
        return "{" + ",\n".join(row(p[k] for p in pieces) for k in range(terms)) + "}"

    with open(path, "w") as out:
        out.write(f"""// The normal distribution's tail, and what its density adds to it, as polynomials on 32 intervals of m >= 0: see
// piecewise() in lanes_special-inl.hpp. Written by lanes_coefficients.py, then formatted.
#pragma once

namespace tapegrad {{

/// m lies in interval round(m (kLinear + m kSquare)), from 0 on; beyond kEnd there is none. tail[k][i] and
/// excess[k][i] are the coefficients of (m - centre[i])^k for Phi(-m) and m phi(m) - Phi(-m).
struct NormalTable {{
  static constexpr double kLinear = {linear}, kSquare = {square};
  static constexpr double kEnd = {mp.nstr(bound(mpf('31.5')) - mpf('0.0001'), 5)};
  static constexpr int kTerms = {terms};
  alignas(64) float centre[32];
  alignas(64) float tail[kTerms][32];
  alignas(64) float excess[kTerms][32];
}};

inline constexpr NormalTable kNormalTable = {{
{row(centres)},
{table(tail)},
{table(excess)}}};

}}  // namespace tapegrad
""")


if len(sys.argv) > 1:
    write_normal_table(sys.argv[1])
    sys.exit()


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
