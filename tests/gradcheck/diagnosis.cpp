// Planted mistakes are wrong, and get the diagnosis that is theirs; random errors get none.
#include <boost/test/unit_test.hpp>
#include <string>

#include "gradcheck/functions.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

namespace {

constexpr std::size_t kSide = 5;
const GradcheckOptions kSquare{.input_names = {"x"}, .input_shapes = {{kSide, kSide}}};
const GradcheckOptions kSquareToSquare{
    .input_names = {"x"}, .input_shapes = {{kSide, kSide}}, .output_shape = {kSide, kSide}};

/// y_k = sin(x_k) with the Jacobian's diagonal changed by `mistake`.
GradcheckReport check_elementwise(const std::function<double(Point, std::size_t)>& slope, const Function& f,
                                  const Numbers& x, const GradcheckOptions& options) {
  return check_jacobian(
      f,
      [&](Point p) {
        Jacobian j{p.size(), p.size()};
        for (std::size_t k = 0; k < p.size(); ++k) j(k, k) = slope(p, k);
        return j.values;
      },
      x, options);
}

Numbers sines(Point x) {
  Numbers y;
  for (const double v : x) y.push_back(std::sin(v));
  return y;
}

void expect(const GradcheckReport& report, GradcheckMistake mistake, const std::string& words = "") {
  BOOST_TEST((report.verdict() == Verdict::wrong), to_string(report));
  const auto found = std::find_if(report.findings.begin(), report.findings.end(),
                                  [](const GradcheckFinding& f) { return f.verdict == Verdict::wrong; });
  BOOST_TEST_REQUIRE((found != report.findings.end()), to_string(report));
  BOOST_TEST_REQUIRE(found->diagnosis.has_value(), to_string(report));
  BOOST_TEST((found->diagnosis->mistake == mistake), to_string(report));
  BOOST_TEST(found->diagnosis->text.find(words) != std::string::npos, found->diagnosis->text);
}

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

BOOST_AUTO_TEST_SUITE(diagnosis)

BOOST_AUTO_TEST_CASE(single_precision_is_told) {
  const auto as_single = [](Numbers values) {
    for (double& v : values) v = static_cast<double>(static_cast<float>(v));
    return values;
  };
  const auto cosines = [](Point x) {
    Numbers y;
    for (const double v : x) y.push_back(std::cos(v));
    return y;
  };
  const auto sum_of_sines = [](Point x) {
    double sum = 0.0;
    for (const double v : x) sum += std::sin(v);
    return sum;
  };
  const Numbers x = normal(kSide, 4);
  const char* const words = "computed or stored in single precision";
  expect(check_gradient(
             sum_of_sines, [&](Point p) { return as_single(cosines(p)); }, x),
         GradcheckMistake::single_precision, words);
  // Not only rounded at the end.
  const auto computed = [](Point p) {
    Numbers y;
    for (const double v : p) y.push_back(std::cos(static_cast<float>(v)));
    return y;
  };
  expect(check_gradient(sum_of_sines, computed, x), GradcheckMistake::single_precision, words);
  const auto product = [&](Point p, Point v) {
    Numbers y = cosines(p);
    for (std::size_t k = 0; k < y.size(); ++k) y[k] *= v[k];
    return as_single(y);
  };
  expect(check_pullback(sines, product, x), GradcheckMistake::single_precision, words);
  // A factor that is not 1 is told, however the numbers are stored.
  const auto doubled = [&](Point p) {
    Numbers y = cosines(p);
    for (double& v : y) v *= 2.0;
    return as_single(y);
  };
  expect(check_gradient(sum_of_sines, doubled, x), GradcheckMistake::constant_factor, "a factor 2 too much");
}

// 2 x is a float32 number where x is: what is missing is a term.
BOOST_AUTO_TEST_CASE(right_numbers_of_single_precision_are_not_blamed) {
  Numbers x = normal(kSide, 4);
  for (double& v : x) v = static_cast<double>(static_cast<float>(v));
  const auto f = [](Point p) {
    double sum = 0.0;
    for (const double v : p) sum += v * v + 3e-6 * v;
    return sum;
  };
  const auto gradient = [](Point p) {
    Numbers g;
    for (const double v : p) g.push_back(2.0 * v);
    return g;
  };
  const GradcheckReport report = check_gradient(f, gradient, x);
  BOOST_TEST((report.verdict() == Verdict::wrong));
  BOOST_TEST(to_string(report).find("single precision") == std::string::npos, to_string(report));
}

// A wrong unit, not a missing gradient.
BOOST_AUTO_TEST_CASE(a_tiny_or_a_huge_factor_is_one) {
  const Numbers x = normal(9, 8);
  const auto check = [&](double factor) {
    return check_elementwise([=](Point p, std::size_t k) { return factor * std::cos(p[k]); }, sines, x, {});
  };
  expect(check(1e-9), GradcheckMistake::constant_factor, "analytic = 1e-09 × numeric");
  expect(check(1e9), GradcheckMistake::constant_factor, "analytic = 1e+09 × numeric");
  expect(check(0.0), GradcheckMistake::no_gradient);
}

BOOST_AUTO_TEST_CASE(a_factor_near_one_is_told_in_full) {
  const auto cosines = [](Point x) {
    Numbers y;
    for (const double v : x) y.push_back(std::cos(v) * (1.0 - 2e-6));
    return y;
  };
  const auto sum_of_sines = [](Point x) {
    double sum = 0.0;
    for (const double v : x) sum += std::sin(v);
    return sum;
  };
  expect(check_gradient(sum_of_sines, cosines, normal(kSide, 4)), GradcheckMistake::constant_factor,
         "analytic = (1 - 2e-06) × numeric");
}

BOOST_AUTO_TEST_CASE(constant_factors_are_named) {
  const Numbers x = normal(12, 1);
  const auto mean_square = [](Point p) {
    double s = 0.0;
    for (const double v : p) s += v * v / 12.0;
    return s;
  };
  const auto gradient = [](double factor) {
    return [factor](Point p) {
      Numbers g;
      for (const double v : p) g.push_back(factor * v / 6.0);
      return g;
    };
  };
  BOOST_TEST(check_gradient(mean_square, gradient(1.0), x).ok());
  expect(check_gradient(mean_square, gradient(12.0), x), GradcheckMistake::constant_factor, "1/N of a mean is missing");
  expect(check_gradient(mean_square, gradient(1.0 / 12.0), x), GradcheckMistake::constant_factor, "once too often");
  expect(check_gradient(mean_square, gradient(-1.0), x), GradcheckMistake::constant_factor, "sign");
  expect(check_gradient(mean_square, gradient(0.5), x), GradcheckMistake::constant_factor, "a factor 2 is missing");
  expect(check_gradient(mean_square, gradient(12.0 / 11.0), x), GradcheckMistake::constant_factor, "N - 1");
  expect(check_gradient(mean_square, gradient(1.03), x), GradcheckMistake::constant_factor, "1.03 × numeric on all 12");
  expect(check_gradient(mean_square, gradient(0.0), x), GradcheckMistake::no_gradient);
}

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

BOOST_AUTO_TEST_CASE(only_wrong_elements_are_listed_and_what_is_not_located_is_told) {
  const auto squares = [](Point x) {
    double sum = 1e6;  // whose rounding differences see
    for (const double v : x) sum += v * v;
    return sum;
  };
  const auto gradient = [](Point x) {
    Numbers g;
    for (const double v : x) g.push_back(2.0 * v);
    g[7] *= 1.5;
    return g;
  };
  const auto check = [&](std::int64_t budget) {
    return check_gradient(squares, gradient, normal(3000, 6), {.budget = budget}).findings.front();
  };
  const GradcheckFinding along = check(700);
  BOOST_TEST(along.worst.front().index.empty());
  BOOST_TEST(along.note ==
             "3000 elements are compared along random directions alone: a budget of 751 or more shows which are wrong");
  const GradcheckFinding located = check(751);
  BOOST_TEST_REQUIRE(located.worst.size() == 1U);
  BOOST_TEST(located.worst.front().index == std::vector<std::int64_t>{7}, boost::test_tools::per_element());
}

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

BOOST_AUTO_TEST_CASE(missing_accumulation_is_told) {
  // y_k = x_(index_k): elements that are read twice must collect both gradients.
  const std::vector<std::size_t> index = {0, 3, 1, 3, 2, 0};
  const auto gather = [&](Point x) {
    Numbers y;
    for (const std::size_t i : index) y.push_back(x[i]);
    return y;
  };
  const auto rule = [&](bool accumulate) {
    return [&, accumulate](Point x, Point dy) {
      Numbers dx(x.size(), 0.0);
      for (std::size_t k = 0; k < index.size(); ++k) dx[index[k]] = (accumulate ? dx[index[k]] : 0.0) + dy[k];
      return dx;
    };
  };
  const Numbers x = normal(5, 6);
  BOOST_TEST(check_pullback(gather, rule(true), x).ok());
  expect(check_pullback(gather, rule(false), x), GradcheckMistake::missing_accumulation, "+=");
  // a residual connection
  const auto residual = [](Point p) {
    Numbers y;
    for (std::size_t k = 0; k < p.size(); ++k) y.push_back(p[k] + std::sin(p[k] * p[(k + 1) % p.size()]));
    return y;
  };
  const auto without_skip = [](Point p) {
    Jacobian j{p.size(), p.size()};
    for (std::size_t k = 0; k < p.size(); ++k) {
      const std::size_t next = (k + 1) % p.size();
      j(k, k) += std::cos(p[k] * p[next]) * p[next];
      j(k, next) += std::cos(p[k] * p[next]) * p[k];
    }
    return j.values;
  };
  expect(check_jacobian(residual, without_skip, x), GradcheckMistake::missing_accumulation, "identity");
  // weight decay
  const auto loss = [](Point p) {
    double s = 0.0;
    for (const double v : p) s += std::sin(v) + 0.05 * v * v;
    return s;
  };
  const auto without_decay = [](Point p) {
    Numbers g;
    for (const double v : p) g.push_back(std::cos(v));
    return g;
  };
  expect(check_gradient(loss, without_decay, x), GradcheckMistake::missing_accumulation, "weight decay");
}

BOOST_AUTO_TEST_CASE(a_sum_missing_over_broadcast_rows_is_told) {
  constexpr std::size_t kRows = 4;
  const GradcheckOptions options{
      .input_names = {"b"}, .input_shapes = {{kSide}}, .output_shape = {std::int64_t{kRows}, std::int64_t{kSide}}};
  const auto add_to_rows = [](Point b) {
    Numbers y;
    for (std::size_t r = 0; r < kRows; ++r)
      for (const double v : b) y.push_back(std::sin(v) * static_cast<double>(r + 1));
    return y;
  };
  const auto rule = [](bool all_rows) {
    return [all_rows](Point b, Point dy) {
      Numbers db(b.size(), 0.0);
      for (std::size_t r = all_rows ? 0 : kRows - 1; r < kRows; ++r)
        for (std::size_t k = 0; k < b.size(); ++k)
          db[k] += std::cos(b[k]) * static_cast<double>(r + 1) * dy[r * b.size() + k];
      return db;
    };
  };
  const Numbers b = normal(kSide, 8);
  BOOST_TEST(check_pullback(add_to_rows, rule(true), b, options).ok());
  expect(check_pullback(add_to_rows, rule(false), b, options), GradcheckMistake::missing_sum,
         "the axis that the input is broadcast along is missing");
}

BOOST_AUTO_TEST_CASE(masks_are_told) {
  const Numbers x = normal(16, 7);
  const auto kept = [](std::size_t k) { return k % 3 != 0; };
  const Function masked = [&](Point p) {
    Numbers y = sines(p);
    for (std::size_t k = 0; k < y.size(); ++k)
      if (!kept(k)) y[k] = 0.0;
    return y;
  };
  const auto right = [&](Point p, std::size_t k) { return kept(k) ? std::cos(p[k]) : 0.0; };
  BOOST_TEST(check_elementwise(right, masked, x, {}).ok());
  expect(check_elementwise([](Point p, std::size_t k) { return std::cos(p[k]); }, masked, x, {}),
         GradcheckMistake::ignored_mask, "a mask is ignored");
  expect(check_elementwise([&](Point p, std::size_t k) { return kept(k) ? 0.0 : std::cos(p[k]); }, masked, x, {}),
         GradcheckMistake::ignored_mask, "inverted");
}

BOOST_AUTO_TEST_CASE(what_is_not_linear_in_the_cotangent_is_told) {
  const auto check = [](const std::function<double(double)>& of_dy, std::uint64_t seed, std::int64_t budget) {
    return check_pullback(sines,
                          [&](Point x, Point dy) {
                            Numbers dx;
                            for (std::size_t k = 0; k < x.size(); ++k) dx.push_back(of_dy(dy[k]) * std::cos(x[k]));
                            return dx;
                          },
                          normal(16, seed), {.seed = seed, .budget = budget});
  };
  for (const std::uint64_t seed : {1U, 2U}) {
    for (const std::int64_t budget : {1000, 10}) {  // every element, and along directions
      BOOST_TEST(check([](double dy) { return dy; }, seed, budget).ok());
      const auto told = [&](const std::function<double(double)>& of_dy, const std::string& words) {
        expect(check(of_dy, seed, budget), GradcheckMistake::not_linear, words);
      };
      told([](double) { return 2.0; }, "the rule ignores the gradient that comes in (dy)");
      told([](double dy) { return dy * dy; },
           "makes 4 times the gradient, not twice: the rule has dy as a factor more");
      told([](double dy) { return dy > 0.0 ? 1.0 : dy < 0.0 ? -1.0 : 0.0; }, "makes 1 times the gradient");
      told([](double dy) { return dy + 1.0; }, "something is added");
    }
  }
}

BOOST_AUTO_TEST_CASE(another_point_is_told) {
  const Numbers x = normal(9, 8);
  expect(check_elementwise([](Point p, std::size_t k) { return std::cos(p[k] + 0.0123); }, sines, x, {}),
         GradcheckMistake::stale_value, "+ 0.0123");
  expect(check_elementwise([](Point p, std::size_t k) { return std::cos(1.25 * p[k]); }, sines, x, {}),
         GradcheckMistake::stale_value, "1.25 ×");
  expect(check_elementwise([](Point p, std::size_t k) { return std::cos(std::sin(p[k])); }, sines, x, {}),
         GradcheckMistake::stale_value, "output");
  Numbers positive = x;
  for (double& v : positive) v = 0.5 + v * v;
  const Function logarithms = [](Point p) {
    Numbers y;
    for (const double v : p) y.push_back(std::log(v + 1e-3));
    return y;
  };
  expect(check_elementwise([](Point p, std::size_t k) { return 1.0 / p[k]; }, logarithms, positive, {}),
         GradcheckMistake::misplaced_epsilon, "0.001");
}

BOOST_AUTO_TEST_CASE(statistics_treated_as_constants_are_told) {
  const GradcheckOptions options{.input_names = {"x"}, .input_shapes = {{4, 6}}, .output_shape = {4, 6}};
  const Numbers x = normal(24, 9);
  const auto check = [&](const RowNormalisation& f) {
    return check_jacobian(
        f, [&](Point p) { return f.jacobian(p); }, x, options);
  };
  BOOST_TEST(check({.rows = 4, .columns = 6}).ok());
  expect(check({.rows = 4, .columns = 6, .mean_term = 0.0}), GradcheckMistake::detached_statistics, "the mean treated");
  expect(check({.rows = 4, .columns = 6, .variance_term = 0.0}), GradcheckMistake::detached_statistics,
         "the variance treated");
  expect(check({.rows = 4, .columns = 6, .mean_term = 0.0, .variance_term = 0.0}),
         GradcheckMistake::detached_statistics, "mean and variance treated");
}

// What is missing is a statistic's whole term, not part of it; nor is what is there too often.
BOOST_AUTO_TEST_CASE(the_factor_of_a_correction_term_is_told) {
  const GradcheckOptions options{.input_names = {"x"}, .input_shapes = {{4, 6}}, .output_shape = {4, 6}};
  const Numbers x = normal(24, 9);
  const auto told = [&](double mean, double variance, const std::string& words) {
    const RowNormalisation f{.rows = 4, .columns = 6, .mean_term = mean, .variance_term = variance};
    expect(check_jacobian(
               f, [&](Point p) { return f.jacobian(p); }, x, options),
           GradcheckMistake::correction_factor, words);
  };
  told(-1.0, 1.0, "the term of the mean -1 times: its sign is flipped");
  told(1.0, -1.0, "the term of the variance -1 times: its sign is flipped");
  told(2.0, 1.0, "the term of the mean 2 times: it is counted twice");
  told(6.0, 1.0, "the term of the mean 6 times: a sum over 6 where a mean belongs");
  told(1.0, 6.0, "the term of the variance 6 times: a sum over 6 where a mean belongs");
  told(1.0, 1.2, "the term of the variance 1.2 times: divided by 5 where 6 belongs");
  told(5.0 / 6.0, 1.0, "the term of the mean 0.8333 times: divided by 6 where 5 belongs");
  told(1.0, 1.0 / 6.0, "the term of the variance 0.1667 times: divided by 6 twice");
  told(1.0, 0.37, "the term of the variance 0.37 times");
  told(0.0, 2.0, "the term of the mean 0 times: it is missing; the term of the variance 2 times");
}

// Of one output the direct part is not known beside the correction: whatever its factor, the same is left.
BOOST_AUTO_TEST_CASE(a_correction_term_of_one_output_is_not_said_to_be_missing) {
  const Numbers weights = normal(6, 12);
  const auto f = [&](Point p) {
    double mean = 0.0;
    for (const double v : p) mean += v / 6.0;
    double sum = 0.0;
    for (std::size_t k = 0; k < 6; ++k) sum += weights[k] * std::sin(p[k] - mean);
    return sum;
  };
  for (const double term : {0.0, -1.0, 2.0}) {
    const auto gradient = [&](Point p) {
      double mean = 0.0;
      for (const double v : p) mean += v / 6.0;
      Numbers g;
      double level = 0.0;
      for (std::size_t k = 0; k < 6; ++k) {
        g.push_back(weights[k] * std::cos(p[k] - mean));
        level += g.back() / 6.0;
      }
      for (double& v : g) v -= term * level;
      return g;
    };
    expect(check_gradient(f, gradient, normal(6, 13)), GradcheckMistake::correction_factor,
           "the term of the mean is missing, or has another factor");
  }
}

BOOST_AUTO_TEST_CASE(what_is_constant_has_no_statistics) {
  const auto nothing =
      check_gradient([](Point) { return 3.0; }, [](Point p) { return Numbers(p.size(), 1.0); }, normal(6, 14));
  BOOST_TEST((nothing.verdict() == Verdict::wrong));
  BOOST_TEST(!nothing.findings.front().diagnosis.has_value(), to_string(nothing));
  // Of a function that does change when all elements move together nothing is said, however large the error.
  const auto straight = [](Point p) {
    double sum = 0.0;
    for (std::size_t k = 0; k < p.size(); ++k) sum += (0.1 + 0.2 * std::cos(3.0 * static_cast<double>(k))) * p[k];
    return sum;
  };
  const auto too_much = [](Point p) {
    Numbers g;
    for (std::size_t k = 0; k < p.size(); ++k) g.push_back(10.1 + 0.2 * std::cos(3.0 * static_cast<double>(k)));
    return g;
  };
  const auto level = check_gradient(straight, too_much, normal(6, 15));
  BOOST_TEST(to_string(level).find("mean") == std::string::npos, to_string(level));
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

BOOST_AUTO_TEST_CASE(a_term_too_many_is_not_called_missing) {
  const Numbers x = normal(5, 6);
  const auto sum_of_sines = [](Point p) {
    double sum = 0.0;
    for (const double v : p) sum += std::sin(v);
    return sum;
  };
  const auto decayed = [](Point p) {
    Numbers g;
    for (const double v : p) g.push_back(std::cos(v) + 0.01 * v);
    return g;
  };
  expect(check_gradient(sum_of_sines, decayed, x), GradcheckMistake::extra_term,
         "analytic has the gradient of 0.005 |x|^2 (weight decay) too much");
  const auto coupled = [](Point p) {
    Numbers y;
    for (std::size_t k = 0; k < p.size(); ++k) y.push_back(std::sin(p[k] * p[(k + 1) % p.size()]));
    return y;
  };
  const auto with_skip = [](Point p) {
    Jacobian j{p.size(), p.size()};
    for (std::size_t k = 0; k < p.size(); ++k) {
      const std::size_t next = (k + 1) % p.size();
      j(k, k) += std::cos(p[k] * p[next]) * p[next] + 1.0;
      j(k, next) += std::cos(p[k] * p[next]) * p[k];
    }
    return j.values;
  };
  expect(check_jacobian(coupled, with_skip, x), GradcheckMistake::extra_term, "analytic has 1 × identity too much");
}

namespace {

/// The rows of x, each less the logarithm of the sum of its exponentials.
Numbers log_softmax_of_rows(Point x, std::size_t columns) {
  Numbers y(x.begin(), x.end());
  for (std::size_t begin = 0; begin < x.size(); begin += columns) {
    double sum = 0.0;
    for (std::size_t c = 0; c < columns; ++c) sum += std::exp(x[begin + c]);
    for (std::size_t c = 0; c < columns; ++c) y[begin + c] -= std::log(sum);
  }
  return y;
}

}  // namespace

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

BOOST_AUTO_TEST_CASE(a_diagonal_alone_is_told) {
  const auto f = [](Point x) {
    Numbers y = log_softmax_of_rows(x, 4);
    for (double& v : y) v = std::exp(v);
    return y;
  };
  const auto diagonal = [&](Point x, Point dy) {
    Numbers dx = f(x);
    for (std::size_t k = 0; k < dx.size(); ++k) dx[k] *= (1.0 - dx[k]) * dy[k];
    return dx;
  };
  for (const std::size_t count : {4U, 12U})
    expect(check_pullback(f, diagonal, normal(count, 17)), GradcheckMistake::missing_coupling,
           "only the diagonal of the Jacobian is there");
}

BOOST_AUTO_TEST_CASE(every_size_that_a_factor_may_come_from_is_named) {
  const auto check = [](const std::vector<std::int64_t>& shape, double factor) {
    const auto size = static_cast<std::size_t>(shape[0] * shape[1]);
    return check_gradient(
        [](Point p) {
          double sum = 0.0;
          for (const double v : p) sum += std::sin(v);
          return sum;
        },
        [=](Point p) {
          Numbers g;
          for (const double v : p) g.push_back(factor * std::cos(v));
          return g;
        },
        normal(size, 18), {.input_shapes = {shape}});
  };
  expect(check({4, 4}, 4.0), GradcheckMistake::constant_factor,
         "4 is the size of the input's axis 0 or the size of the input's axis 1: the 1/N of a mean is missing");
  expect(check({4, 4}, 4.0), GradcheckMistake::constant_factor, "or the square root of 16");
  expect(check({2, 5}, 2.0), GradcheckMistake::constant_factor, "a factor 2 too much");
  expect(check({2, 5}, 2.0), GradcheckMistake::constant_factor,
         "2 is the size of the input's axis 0: the 1/N of a mean is missing");
  expect(check({2, 5}, 0.5), GradcheckMistake::constant_factor, "divided by N once too often");
  // what the function holds, samples above all, the check knows nothing of
  expect(check({4, 4}, 7.0), GradcheckMistake::constant_factor, "7 is no size of input or output: the 1/N of a mean");
  expect(check({4, 4}, 1.0 / 7.0), GradcheckMistake::constant_factor, "7 is no size of input or output: what");
  for (const double factor : {7.01, 1.0 / 7.01}) {
    const std::string text = check({4, 4}, factor).findings.front().diagnosis.value().text;
    BOOST_TEST(text.ends_with("of the error unexplained)"), text);
  }
}

BOOST_AUTO_TEST_CASE(a_misplaced_epsilon_is_told) {
  const GradcheckOptions options{.input_names = {"x"}, .input_shapes = {{4, 6}}, .output_shape = {4, 6}};
  const Numbers x = normal(24, 10);
  const auto check = [&](const RowNormalisation& f) {
    return check_jacobian(
        f, [&](Point p) { return f.jacobian(p); }, x, options);
  };
  expect(check({.rows = 4, .columns = 6, .eps = 1e-3, .backward_eps = 0.0}), GradcheckMistake::misplaced_epsilon,
         "sqrt(variance + 0.001), analytic by sqrt(variance + 0)");
  expect(check({.rows = 4, .columns = 6, .eps = 1e-3, .backward_eps = 1e-3, .eps_on_deviation = true}),
         GradcheckMistake::misplaced_epsilon, "sqrt(variance) + 0.001");
}

BOOST_AUTO_TEST_CASE(a_missing_factor_is_told) {
  const Numbers x = normal(20, 11);  // ten values and ten factors
  const GradcheckOptions options{.input_names = {"h", "gamma"}, .input_shapes = {{10}, {10}}};
  const Function scaled = [](Point p) {
    Numbers y;
    for (std::size_t k = 0; k < 10; ++k) y.push_back(std::sin(p[k]) * p[10 + k]);
    return y;
  };
  const auto jacobian = [](bool gamma) {
    return [gamma](Point p) {
      Jacobian j{10, 20};
      for (std::size_t k = 0; k < 10; ++k) {
        j(k, k) = std::cos(p[k]) * (gamma ? p[10 + k] : 1.0);
        j(k, 10 + k) = std::sin(p[k]);
      }
      return j.values;
    };
  };
  BOOST_TEST(check_jacobian(scaled, jacobian(true), x, options).ok());
  const GradcheckReport report = check_jacobian(scaled, jacobian(false), x, options);
  expect(report, GradcheckMistake::missing_factor, "the factor input 'gamma' is missing");
  BOOST_TEST((report.findings[1].verdict == Verdict::ok));
}

BOOST_AUTO_TEST_CASE(random_errors_get_none) {
  // Errors of all sizes, on all elements or on some, additive or by a factor: nothing explains them.
  const Function mixed = [](Point p) {
    Numbers y;
    for (std::size_t k = 0; k < p.size(); ++k)
      y.push_back(std::sin(p[k]) * std::exp(0.3 * p[(k + 1) % p.size()]) + 0.2 * p[k] * p[(k + 2) % p.size()]);
    return y;
  };
  const auto slopes = [](Point p) {
    Jacobian j{p.size(), p.size()};
    for (std::size_t k = 0; k < p.size(); ++k) {
      const std::size_t next = (k + 1) % p.size();
      const std::size_t second = (k + 2) % p.size();
      j(k, k) += std::cos(p[k]) * std::exp(0.3 * p[next]) + 0.2 * p[second];
      j(k, next) += 0.3 * std::sin(p[k]) * std::exp(0.3 * p[next]);
      j(k, second) += 0.2 * p[k];
    }
    return j.values;
  };
  const GradcheckOptions options{.input_shapes = {{4, 4}}, .output_shape = {4, 4}};
  int wrong = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Numbers x = normal(16, seed);
    BOOST_TEST(check_jacobian(mixed, slopes, x, options).ok());
    for (const int kind : {0, 1, 2, 3}) {
      const auto noisy = [&](Point p) {
        Numbers j = slopes(p);
        Generator g(1000 + seed);
        const double size = std::pow(10.0, -static_cast<double>(seed % 5));
        for (double& v : j) {
          const double e = size * g.normal();
          const bool here = g.uniform() < 0.2;
          if (kind == 0) v += e;
          if (kind == 1) v *= 1.0 + e;
          if (kind == 2 && here) v += e;
          if (kind == 3 && here) v *= 1.0 + e;
        }
        return j;
      };
      const GradcheckReport report = check_jacobian(mixed, noisy, x, options);
      wrong += report.verdict() == Verdict::wrong ? 1 : 0;
      for (const GradcheckFinding& f : report.findings) BOOST_TEST(!f.diagnosis.has_value(), to_string(report));
    }
  }
  BOOST_TEST(wrong == 120);
}

BOOST_AUTO_TEST_SUITE_END()
