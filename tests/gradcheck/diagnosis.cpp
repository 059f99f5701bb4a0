// Planted mistakes are wrong, and get the diagnosis that is theirs; random errors get none.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "gradcheck/diagnosed.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

BOOST_AUTO_TEST_SUITE(diagnosis)

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
