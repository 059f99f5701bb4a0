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

BOOST_AUTO_TEST_SUITE_END()
