// Right values at wrong places: of other axes, in another layout, moved or in another order.
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gradcheck/diagnosed.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

namespace {

/// f(W) = A W with a fixed A, both square: its Jacobian is a Kronecker product.
struct Product {
  Numbers a = normal(kSide * kSide, 3);
  Numbers operator()(Point w) const {
    Numbers y(kSide * kSide, 0.0);
    for (std::size_t i = 0; i < kSide; ++i)
      for (std::size_t k = 0; k < kSide; ++k)
        for (std::size_t j = 0; j < kSide; ++j) y[i * kSide + j] += a[i * kSide + k] * w[k * kSide + j];
    return y;
  }
  Numbers pull_back(Point dy, bool transposed) const {
    Numbers dw(kSide * kSide, 0.0);
    for (std::size_t i = 0; i < kSide; ++i)
      for (std::size_t k = 0; k < kSide; ++k)
        for (std::size_t j = 0; j < kSide; ++j)
          dw[transposed ? j * kSide + k : k * kSide + j] += a[i * kSide + k] * dy[i * kSide + j];
    return dw;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(diagnose_displaced)

BOOST_AUTO_TEST_CASE(a_transposed_gradient_is_told) {
  const Product product;
  const Numbers w = normal(kSide * kSide, 4);
  const auto rule = [&](bool transposed) {
    return [&product, transposed](Point, Point dy) { return product.pull_back(dy, transposed); };
  };
  BOOST_TEST(check_pullback(product, rule(false), w, kSquareToSquare).ok());
  expect(check_pullback(product, rule(true), w, kSquareToSquare), GradcheckMistake::transposed, "axes 0 and 1");
  // Along directions the mistake is found first, and located and diagnosed after.
  GradcheckOptions few = kSquareToSquare;
  few.budget = 100;
  expect(check_pullback(product, rule(true), w, few), GradcheckMistake::transposed, "axes 0 and 1");
}

BOOST_AUTO_TEST_CASE(a_layout_by_columns_is_told) {
  const Numbers a = normal(12, 3);
  // y_r = sum_c a_rc x_c^2, its Jacobian by rows or by columns
  const auto check = [&](std::size_t rows, std::size_t columns) {
    const auto f = [&, rows, columns](Point x) {
      Numbers y(rows, 0.0);
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < columns; ++c) y[r] += a[r * columns + c] * x[c] * x[c];
      return y;
    };
    const auto by_columns = [&, rows, columns](Point x) {
      Numbers j(rows * columns);
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < columns; ++c) j[c * rows + r] = 2.0 * a[r * columns + c] * x[c];
      return j;
    };
    return check_jacobian(f, by_columns, normal(columns, 4));
  };
  expect(check(3, 3), GradcheckMistake::transposed, "J in place of J^T");
  expect(check(2, 5), GradcheckMistake::transposed, "laid out column by column");

  const auto loss = [&](Point w) {
    double sum = 0.0;
    for (std::size_t k = 0; k < 12; ++k) sum += a[k] * std::sin(w[k]);
    return sum;
  };
  const auto gradient_by_columns = [&](Point w) {
    Numbers g(12);
    for (std::size_t r = 0; r < 3; ++r)
      for (std::size_t c = 0; c < 4; ++c) g[c * 3 + r] = a[r * 4 + c] * std::cos(w[r * 4 + c]);
    return g;
  };
  expect(check_gradient(loss, gradient_by_columns, normal(12, 5), {.input_shapes = {{3, 4}}}),
         GradcheckMistake::transposed, "column by column");
}

BOOST_AUTO_TEST_CASE(two_elements_are_too_few_for_a_place) {
  const auto f = [](Point p) { return std::sin(p[0]) + 2.0 * p[1]; };
  for (const bool swapped : {false, true}) {
    const auto report = check_gradient(
        f,
        [&](Point p) {
          return Numbers{2.0, swapped ? std::cos(p[0]) : 2.0};
        },
        Numbers{0.4, 0.4});
    BOOST_TEST((report.verdict() == Verdict::wrong));
    BOOST_TEST(!report.findings.front().diagnosis.has_value(), to_string(report));
  }
}

// A reshape in place of a permutation: the right numbers in the order of other axes.
BOOST_AUTO_TEST_CASE(an_order_of_permuted_axes_is_told) {
  constexpr std::size_t kA = 2, kB = 3, kC = 4;
  const auto place = [](std::size_t a, std::size_t b, std::size_t c) { return (a * kB + b) * kC + c; };
  const auto place_permuted = [](std::size_t a, std::size_t b, std::size_t c) { return (b * kC + c) * kA + a; };
  const auto for_each = [](const auto& act) {
    for (std::size_t a = 0; a < kA; ++a)
      for (std::size_t b = 0; b < kB; ++b)
        for (std::size_t c = 0; c < kC; ++c) act(a, b, c);
  };
  const Numbers weights = normal(kA * kB * kC, 31);
  const auto loss = [&](Point x) {
    double sum = 0.0;
    for (std::size_t k = 0; k < x.size(); ++k) sum += weights[k] * std::sin(x[k]);
    return sum;
  };
  const auto permuted = [&](Point x) {
    Numbers g(x.size());
    for_each([&](std::size_t a, std::size_t b, std::size_t c) {
      g[place_permuted(a, b, c)] = weights[place(a, b, c)] * std::cos(x[place(a, b, c)]);
    });
    return g;
  };
  const Numbers x = normal(kA * kB * kC, 32);
  expect(check_gradient(loss, permuted, x, {.input_shapes = {{kA, kB, kC}}}), GradcheckMistake::transposed,
         "with the input's elements laid out in the order of axes 1, 2, 0");
  // y is x with its axes permuted and then coupled along the last, whose cotangent is not put back in order.
  const auto cumulative = [&](Point p) {
    Numbers y(p.size());
    for_each([&](std::size_t a, std::size_t b, std::size_t c) {
      y[place_permuted(a, b, c)] = std::sin(p[place(a, b, c)]) * static_cast<double>(1 + c);
    });
    for (std::size_t k = 0; k < y.size(); k += kA) y[k + 1] += y[k];
    return y;
  };
  const auto rule = [&](bool right) {
    return [&, right](Point p, Point dy) {
      Numbers given(dy.begin(), dy.end());
      if (!right)
        for_each(
            [&](std::size_t a, std::size_t b, std::size_t c) { given[place_permuted(a, b, c)] = dy[place(a, b, c)]; });
      for (std::size_t k = 0; k < given.size(); k += kA) given[k] += given[k + 1];
      Numbers dx(p.size());
      for_each([&](std::size_t a, std::size_t b, std::size_t c) {
        dx[place(a, b, c)] = given[place_permuted(a, b, c)] * std::cos(p[place(a, b, c)]) * static_cast<double>(1 + c);
      });
      return dx;
    };
  };
  const GradcheckOptions options{.input_shapes = {{kA, kB, kC}}, .output_shape = {kB, kC, kA}};
  BOOST_TEST(check_pullback(cumulative, rule(true), x, options).ok());
  expect(check_pullback(cumulative, rule(false), x, options), GradcheckMistake::transposed,
         "with the output's elements laid out in the order of axes");
}

// y = a sigmoid(b) of x = (a, b) along the last axis.
BOOST_AUTO_TEST_CASE(exchanged_halves_of_a_gated_unit_are_told) {
  constexpr std::size_t kRows = 2, kHalf = 3;
  const GradcheckOptions options{.input_shapes = {{2, 6}}, .output_shape = {2, 3}};
  const auto sigmoid = [](double v) { return 1.0 / (1.0 + std::exp(-v)); };
  const auto for_each = [](const auto& act) {
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t c = 0; c < kHalf; ++c) act(r * kHalf + c, r * 2 * kHalf + c, r * 2 * kHalf + kHalf + c);
  };
  const auto f = [&](Point x) {
    Numbers y(kRows * kHalf);
    for_each([&](std::size_t o, std::size_t a, std::size_t b) { y[o] = x[a] * sigmoid(x[b]); });
    return y;
  };
  const auto rule = [&](bool reads_exchanged, bool writes_exchanged) {
    return [&, reads_exchanged, writes_exchanged](Point x, Point dy) {
      Numbers dx(x.size());
      for_each([&](std::size_t o, std::size_t a, std::size_t b) {
        const double of = x[reads_exchanged ? b : a], gate = sigmoid(x[reads_exchanged ? a : b]);
        dx[writes_exchanged ? b : a] = dy[o] * gate;
        dx[writes_exchanged ? a : b] = dy[o] * of * gate * (1.0 - gate);
      });
      return dx;
    };
  };
  const Numbers x = normal(2 * kRows * kHalf, 41);
  BOOST_TEST(check_pullback(f, rule(false, false), x, options).ok());
  expect(check_pullback(f, rule(false, true), x, options), GradcheckMistake::shifted,
         "the two halves of the input along axis 1 exchanged");
  expect(check_pullback(f, rule(true, true), x, options), GradcheckMistake::shifted,
         "the rule takes the gate for what is gated");
  expect(check_pullback(f, rule(true, false), x, options), GradcheckMistake::shifted,
         "the saved values of the gate and of what is gated");
  // Mistakes of one half alone are none of both.
  const auto told = [&](const std::function<std::pair<double, double>(double, double)>& slopes) {
    const auto wrong = [&](Point p, Point dy) {
      Numbers dx(p.size());
      for_each([&](std::size_t o, std::size_t a, std::size_t b) {
        const auto [by_a, by_b] = slopes(p[a], sigmoid(p[b]));
        dx[a] = dy[o] * by_a;
        dx[b] = dy[o] * by_b;
      });
      return dx;
    };
    const GradcheckReport report = check_pullback(f, wrong, x, options);
    BOOST_TEST((report.verdict() == Verdict::wrong));
    const auto& diagnosis = report.findings.front().diagnosis;
    return diagnosis && diagnosis->mistake == GradcheckMistake::shifted;
  };
  BOOST_TEST(!told([](double a, double gate) { return std::pair(gate, a * gate); }));
  BOOST_TEST(!told([](double a, double gate) { return std::pair(a, a * gate * (1.0 - gate)); }));
  BOOST_TEST(!told([](double a, double gate) { return std::pair(gate, gate * (1.0 - gate) / a); }));
  BOOST_TEST(!told([](double a, double gate) { return std::pair(1.0 - gate, -a * gate * (1.0 - gate)); }));
}

BOOST_AUTO_TEST_CASE(strides_of_a_matrix_that_is_not_square_are_told) {
  struct Strides {
    std::size_t rows, columns, of_row, of_column;
    std::string words;
  };
  const std::vector<Strides> all = {{5, 3, 1, 3,
                                     "places 1 r + 3 c of row r and column c, in place of 3 r + c: the "
                                     "strides of the axes are exchanged, not their sizes"},
                                    {3, 5, 3, 1,
                                     "places 3 r + 1 c of row r and column c, in place of 5 r + c: a row is "
                                     "taken to be as long as a column"}};
  for (const Strides& each : all) {
    const auto [rows, columns, of_row, of_column, words] = each;
    const auto shape = std::vector{static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)};
    const auto place = [=, width = columns, row = of_row, column = of_column](std::size_t k) {
      return k / width * row + k % width * column;
    };
    const Numbers weights = normal(15, 42), x = normal(15, 43);
    const auto loss = [&](Point p) {
      double sum = 0.0;
      for (std::size_t k = 0; k < 15; ++k) sum += weights[k] * std::sin(p[k]);
      return sum;
    };
    const auto slope = [&](Point p, std::size_t k) { return weights[k] * std::cos(p[k]); };
    const auto check = [&](const auto& copy) {
      const auto gradient = [&](Point p) {
        Numbers g(15, 0.0);
        for (std::size_t k = 0; k < 15; ++k) copy(p, g, k);
        return g;
      };
      return check_gradient(loss, gradient, x, {.input_shapes = {shape}});
    };
    BOOST_TEST(check([&](Point p, Numbers& g, std::size_t k) { g[k] = slope(p, k); }).ok());
    expect(check([&](Point p, Numbers& g, std::size_t k) { g[place(k)] = slope(p, k); }), GradcheckMistake::transposed,
           "the input's elements written, over each other, to " + words);
    expect(check([&](Point p, Numbers& g, std::size_t k) { g[place(k)] += slope(p, k); }), GradcheckMistake::transposed,
           "the input's elements added up at " + words);
    expect(check([&](Point p, Numbers& g, std::size_t k) { g[k] = slope(p, place(k)); }), GradcheckMistake::transposed,
           "the input's elements read from " + words);
    // Other places that some elements share are no strides.
    const auto report = check([&](Point p, Numbers& g, std::size_t k) { g[k * k % 11] += slope(p, k); });
    BOOST_TEST((report.verdict() == Verdict::wrong));
    BOOST_TEST(!report.findings.front().diagnosis.has_value(), to_string(report));

    // y is the running sum of sin(x), whose cotangent is copied first.
    const auto sums = [](Point p) {
      Numbers y = sines(p);
      for (std::size_t k = 1; k < y.size(); ++k) y[k] += y[k - 1];
      return y;
    };
    const auto check_sums = [&](const auto& copy) {
      const auto rule = [&](Point p, Point dy) {
        Numbers given(15, 0.0), dx(15);
        for (std::size_t k = 0; k < 15; ++k) copy(dy, given, k);
        double sum = 0.0;
        for (std::size_t k = 15; k-- > 0;) dx[k] = (sum += given[k]) * std::cos(p[k]);
        return dx;
      };
      return check_pullback(sums, rule, x, {.output_shape = shape});
    };
    BOOST_TEST(check_sums([](Point dy, Numbers& given, std::size_t k) { given[k] = dy[k]; }).ok());
    expect(check_sums([&](Point dy, Numbers& given, std::size_t k) { given[k] = dy[place(k)]; }),
           GradcheckMistake::transposed, "the output's elements read from " + words);
    expect(check_sums([&](Point dy, Numbers& given, std::size_t k) { given[place(k)] += dy[k]; }),
           GradcheckMistake::transposed, "the output's elements added up at " + words);
    expect(check_sums([&](Point dy, Numbers& given, std::size_t k) { given[place(k)] = dy[k]; }),
           GradcheckMistake::transposed, "the output's elements written, over each other, to " + words);
  }
}

// A sort's order that is not undone: of the gradient, and of what comes in.
BOOST_AUTO_TEST_CASE(an_order_that_is_not_undone_is_told) {
  constexpr std::array<std::size_t, 6> kOrder = {3, 0, 5, 1, 2, 4};
  const auto f = [&](Point p) {
    Numbers y;
    for (std::size_t k = 0; k < p.size(); ++k) y.push_back(static_cast<double>(k + 1) * std::sin(p[kOrder[k]]));
    return y;
  };
  const auto rule = [&](bool undone, bool of_outputs) {
    return [&, undone, of_outputs](Point p, Point v) {
      Numbers dx(p.size());
      for (std::size_t k = 0; k < p.size(); ++k)
        dx[undone ? kOrder[k] : k] =
            v[of_outputs ? kOrder[k] : k] * static_cast<double>(k + 1) * std::cos(p[kOrder[k]]);
      return dx;
    };
  };
  const Numbers x = normal(6, 3);
  BOOST_TEST(check_pullback(f, rule(true, false), x).ok());
  expect(check_pullback(f, rule(false, false), x), GradcheckMistake::shifted,
         "the elements of the input in another order, [3] in the place of [0] first");
  expect(check_pullback(f, rule(true, true), x), GradcheckMistake::shifted,
         "the elements of the output in another order, [1] in the place of [0] first");
}

BOOST_AUTO_TEST_SUITE_END()
