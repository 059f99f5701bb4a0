// Terms along a wrong axis: couplings, sums and cotangents.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <functional>

#include "gradcheck/diagnosed.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

BOOST_AUTO_TEST_SUITE(diagnose_axis)

BOOST_AUTO_TEST_CASE(the_wrong_axis_is_told) {
  const Numbers x = normal(kSide * kSide, 5);
  const auto at = [](std::size_t i, std::size_t j, bool by_row) { return by_row ? i * kSide + j : j * kSide + i; };
  // cumulative sums of rows
  const auto cumulative = [&](Point p) {
    Numbers y(p.begin(), p.end());
    for (std::size_t i = 0; i < kSide; ++i)
      for (std::size_t j = 1; j < kSide; ++j) y[at(i, j, true)] += y[at(i, j - 1, true)];
    return y;
  };
  const auto cumulative_jacobian = [&](bool by_row) {
    return [&, by_row](Point p) {
      Jacobian j{p.size(), p.size()};
      for (std::size_t i = 0; i < kSide; ++i)
        for (std::size_t k = 0; k < kSide; ++k)
          for (std::size_t l = 0; l <= k; ++l) j(at(i, k, by_row), at(i, l, by_row)) = 1.0;
      return j.values;
    };
  };
  BOOST_TEST(check_jacobian(cumulative, cumulative_jacobian(true), x, kSquareToSquare).ok());
  expect(check_jacobian(cumulative, cumulative_jacobian(false), x, kSquareToSquare), GradcheckMistake::wrong_axis,
         "runs along the wrong axis");
  const auto sums = [&](Point p) {
    Numbers y(kSide, 0.0);
    for (std::size_t i = 0; i < kSide; ++i)
      for (std::size_t j = 0; j < kSide; ++j) y[i] += std::sin(p[at(i, j, true)]);
    return y;
  };
  const auto sums_jacobian = [&](bool by_row) {
    return [&, by_row](Point p) {
      Jacobian j{kSide, p.size()};
      for (std::size_t i = 0; i < kSide; ++i)
        for (std::size_t k = 0; k < kSide; ++k) j(i, at(i, k, by_row)) = std::cos(p[at(i, k, true)]);
      return j.values;
    };
  };
  expect(check_jacobian(sums, sums_jacobian(false), x, kSquare), GradcheckMistake::wrong_axis, "wrong axis");

  // softmax of rows, whose rule sums over the columns
  const auto softmax = [&](Point p) {
    Numbers y;
    for (const double v : p) y.push_back(std::exp(v));
    for (std::size_t i = 0; i < kSide; ++i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < kSide; ++j) sum += y[at(i, j, true)];
      for (std::size_t j = 0; j < kSide; ++j) y[at(i, j, true)] /= sum;
    }
    return y;
  };
  const auto softmax_rule = [&](bool by_row) {
    return [&, by_row](Point p, Point dy) {
      const Numbers y = softmax(p);
      Numbers dx(p.size());
      for (std::size_t i = 0; i < kSide; ++i) {
        double sum = 0.0;
        for (std::size_t j = 0; j < kSide; ++j) sum += y[at(i, j, by_row)] * dy[at(i, j, by_row)];
        for (std::size_t j = 0; j < kSide; ++j)
          dx[at(i, j, by_row)] = y[at(i, j, by_row)] * (dy[at(i, j, by_row)] - sum);
      }
      return dx;
    };
  };
  BOOST_TEST(check_pullback(softmax, softmax_rule(true), x, kSquareToSquare).ok());
  expect(check_pullback(softmax, softmax_rule(false), x, kSquareToSquare), GradcheckMistake::wrong_axis,
         "numeric couples elements along axis 1, analytic the same way along axis 0");
}

BOOST_AUTO_TEST_CASE(a_sum_over_an_axis_too_many_is_told) {
  const GradcheckOptions options{.input_names = {"x"}, .input_shapes = {{3, 4}}, .output_shape = {3, 4}};
  const auto f = [](Point x) { return log_softmax_of_rows(x, 4); };
  const auto rule = [&](bool whole_batch) {
    return [&, whole_batch](Point x, Point dy) {
      const Numbers y = f(x);
      Numbers dx(dy.begin(), dy.end());
      for (std::size_t k = 0; k < 12; ++k)
        for (std::size_t l = 0; l < 12; ++l)
          if (whole_batch || k / 4 == l / 4) dx[k] -= std::exp(y[k]) * dy[l];
      return dx;
    };
  };
  const Numbers x = normal(12, 16);
  BOOST_TEST(check_pullback(f, rule(false), x, options).ok());
  expect(check_pullback(f, rule(true), x, options), GradcheckMistake::wrong_axis, "the rule reduces over axis 0 too");
  // Means of rows whose rule goes over all elements: couplings of another shape are no mask.
  const auto means = [](Point p) {
    Numbers y(3, 0.0);
    for (std::size_t k = 0; k < 12; ++k) y[k / 4] += std::sin(p[k]) / 4.0;
    return y;
  };
  const auto over_all = [](Point p, Point dy) {
    Numbers dx;
    for (const double v : p) dx.push_back((dy[0] + dy[1] + dy[2]) * std::cos(v) / 4.0);
    return dx;
  };
  const auto report = check_pullback(means, over_all, x, {.input_shapes = {{3, 4}}});
  BOOST_TEST((report.verdict() == Verdict::wrong));
  BOOST_TEST(!report.findings.front().diagnosis.has_value(), to_string(report));
}

// Each element has its own factor, and the cotangent of another output: the sum over the outputs is right.
BOOST_AUTO_TEST_CASE(a_cotangent_that_is_spread_along_the_wrong_axis_is_told) {
  const auto check = [](std::size_t rows, std::size_t columns, const std::function<std::size_t(std::size_t)>& row_of) {
    const auto f = [=](Point x) {
      Numbers y(rows, 0.0);
      for (std::size_t k = 0; k < x.size(); ++k) y[k / columns] += std::sin(x[k]);
      return y;
    };
    const auto rule = [&row_of](Point x, Point dy) {
      Numbers dx;
      for (std::size_t k = 0; k < x.size(); ++k) dx.push_back(dy[row_of(k)] * std::cos(x[k]));
      return dx;
    };
    return check_pullback(f, rule, normal(rows * columns, 33),
                          {.input_shapes = {{static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)}}});
  };
  BOOST_TEST(check(3, 4, [](std::size_t k) { return k / 4; }).ok());
  const char* const words = "of another output: the gradient that comes in (dy) is spread along the wrong axis";
  expect(check(3, 4, [](std::size_t k) { return k % 3; }), GradcheckMistake::wrong_axis, words);
  expect(check(5, 5, [](std::size_t k) { return k % 5; }), GradcheckMistake::wrong_axis, words);
}

// x [4, 3] + b [3]: the gradient of b is summed over the rows, and here over the columns too, and spread over b again.
BOOST_AUTO_TEST_CASE(a_sum_over_a_further_axis_is_told) {
  constexpr std::size_t kRows = 4, kColumns = 3;
  const Numbers b = normal(kColumns, 4);
  const Numbers x = normal(kRows * kColumns, 5);
  const auto f = [&](Point p) {
    Numbers y = x;
    for (std::size_t k = 0; k < y.size(); ++k) y[k] += std::sin(p[k % kColumns]);
    return y;
  };
  const auto rule = [&](bool over_all) {
    return [&, over_all](Point p, Point v) {
      Numbers sums(kColumns, 0.0);
      for (std::size_t k = 0; k < v.size(); ++k) sums[k % kColumns] += v[k] * std::cos(p[k % kColumns]);
      return over_all ? Numbers(kColumns, sums[0] + sums[1] + sums[2]) : sums;
    };
  };
  const GradcheckOptions options{.output_shape = {kRows, kColumns}};
  BOOST_TEST(check_pullback(f, rule(false), b, options).ok());
  expect(check_pullback(f, rule(true), b, options), GradcheckMistake::wrong_axis, "summed over axis 0 of the input");
}

BOOST_AUTO_TEST_SUITE_END()
