// Normalisations: what their means, variances and eps leave in a gradient.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>

#include "gradcheck/diagnosed.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

BOOST_AUTO_TEST_SUITE(diagnose_statistics)

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
           "as where the term of a mean, or of a softmax's sum, is missing, or has another factor");
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
  const auto check_rms = [&](const RowRms& f) {
    return check_jacobian(
        f, [&](Point p) { return f.jacobian(p); }, x, options);
  };
  BOOST_TEST(check_rms({.columns = 6, .eps = 1e-3, .backward_eps = 1e-3}).ok());
  expect(check_rms({.columns = 6, .eps = 1e-3, .backward_eps = 0.0}), GradcheckMistake::misplaced_epsilon,
         "over axis 1: the function divides by sqrt(mean square + 0.001), analytic by sqrt(mean square + 0)");
  expect(check_rms({.columns = 6, .eps = 1e-3, .backward_eps = 1e-2}), GradcheckMistake::misplaced_epsilon,
         "analytic by sqrt(mean square + 0.01)");
  expect(check_rms({.columns = 6, .eps = 1e-3, .backward_eps = 1e-3, .backward_eps_on_root = true}),
         GradcheckMistake::misplaced_epsilon, "sqrt(mean square) + 0.001");
}

// Its term is in proportion to the input, not to what is left of that without its mean.
BOOST_AUTO_TEST_CASE(a_root_mean_square_treated_as_constant_is_told) {
  const GradcheckOptions options{.input_names = {"x"}, .input_shapes = {{4, 6}}, .output_shape = {4, 6}};
  const Numbers x = normal(24, 9);
  const auto check = [&](double term) {
    const RowRms f{.columns = 6, .term = term};
    return check_jacobian(
        f, [&](Point p) { return f.jacobian(p); }, x, options);
  };
  BOOST_TEST(check(1.0).ok());
  expect(check(0.0), GradcheckMistake::detached_statistics,
         "over axis 1, analytic is without the term of the root mean square (or length)");
  expect(check(2.0), GradcheckMistake::correction_factor,
         "the term of the root mean square (or length) 2 times: it is counted twice");
  expect(check(-1.0), GradcheckMistake::correction_factor, "-1 times: its sign is flipped");
  expect(check(0.37), GradcheckMistake::correction_factor, "the term of the root mean square (or length) 0.37 times");
  // Of a loss its size beside the rest is not known.
  const Numbers weights = normal(24, 10);
  for (const double term : {0.0, -1.0, 2.0}) {
    const RowRms f{.columns = 6, .term = term};
    const auto loss = [&](Point p) {
      const Numbers y = f(p);
      double sum = 0.0;
      for (std::size_t k = 0; k < y.size(); ++k) sum += weights[k] * y[k];
      return sum;
    };
    const auto gradient = [&](Point p) {
      const Numbers j = f.jacobian(p);
      Numbers g(p.size(), 0.0);
      for (std::size_t o = 0; o < p.size(); ++o)
        for (std::size_t k = 0; k < p.size(); ++k) g[k] += weights[o] * j[o * p.size() + k];
      return g;
    };
    expect(check_gradient(loss, gradient, x, {.input_shapes = {{4, 6}}}), GradcheckMistake::correction_factor,
           "in proportion to the input over axis 1");
    expect(check_gradient(loss, gradient, x, {.input_shapes = {{4, 6}}}), GradcheckMistake::correction_factor,
           "root mean square (or length)");
  }
}

BOOST_AUTO_TEST_CASE(a_mean_is_named_only_where_one_is_taken_off) {
  // x times its sum, which is treated as constant.
  const auto sum_of = [](Point p) {
    double sum = 0.0;
    for (const double v : p) sum += v;
    return sum;
  };
  const auto scaled = [&](Point p) {
    Numbers y(p.begin(), p.end());
    for (double& v : y) v *= sum_of(p);
    return y;
  };
  const auto without = [&](Point p) {
    Jacobian j{p.size(), p.size()};
    for (std::size_t k = 0; k < p.size(); ++k) j(k, k) = sum_of(p);
    return j.values;
  };
  expect(check_jacobian(scaled, without, normal(6, 21)), GradcheckMistake::detached_statistics,
         "analytic is without the term of the sum (or mean)");
  // A cross entropy, to whose gradient a constant is added.
  const auto cross_entropy = [](Point p) {
    const Numbers y = log_softmax_of_rows(p, 4);
    return -y[1] - y[6] - y[8];
  };
  const auto gradient = [](Point p) {
    Numbers g = log_softmax_of_rows(p, 4);
    for (double& v : g) v = std::exp(v) + 0.03;
    for (const std::size_t target : {1U, 6U, 8U}) g[target] -= 1.0;
    return g;
  };
  const GradcheckReport report = check_gradient(cross_entropy, gradient, normal(12, 22), {.input_shapes = {{3, 4}}});
  expect(report, GradcheckMistake::correction_factor,
         "the function does not change when the elements of a group move alike");
  expect(report, GradcheckMistake::correction_factor, "or a constant is added");
  // A weight that decays, of a function that does not change with its length.
  const RowRms f{.columns = 6};
  const auto first = [&](Point p) { return f(p)[0]; };
  const auto decayed = [&](Point p) {
    Numbers g = f.jacobian(p);
    g.resize(p.size());
    for (std::size_t k = 0; k < g.size(); ++k) g[k] += 0.01 * p[k];
    return g;
  };
  expect(check_gradient(first, decayed, normal(6, 23)), GradcheckMistake::correction_factor, "(weight decay) is added");
}

BOOST_AUTO_TEST_SUITE_END()
