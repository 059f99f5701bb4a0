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

// The steps of plain differences are of inputs as large as 1: across the whole of a function that is narrower they see
// another one.
BOOST_AUTO_TEST_CASE(elements_are_located_at_the_scale_of_the_function) {
  for (const double scale : {1e-4, 1e-7, 1e-150}) {
    const auto length = [](Point x) { return std::hypot(std::hypot(x[0], x[1]), std::hypot(x[2], x[3])); };
    const auto gradient = [&](Point x) {
      Numbers g;
      for (const double v : x) g.push_back(1.1 * v / length(x));
      return g;
    };
    const GradcheckReport report = check_gradient(length, gradient, normal(4, 3, scale), {.budget = 0});
    expect(report, GradcheckMistake::constant_factor, "analytic = 1.1 × numeric");
    const GradcheckFinding& found = report.findings.front();
    BOOST_TEST(!found.index.empty(), to_string(report));
    BOOST_TEST(found.analytic == 1.1 * found.numeric, boost::test_tools::tolerance(1e-6));
  }
  // Two scales at once: which elements are wrong is not told, and nothing of them.
  const auto waves = [](Point x) {
    double sum = 0.0;
    for (const double v : x) sum += std::sin(1e7 * v) + v * v;
    return sum;
  };
  const auto half = [](Point x) {
    Numbers g;
    for (const double v : x) g.push_back(0.5e7 * std::cos(1e7 * v) + v);
    return g;
  };
  const GradcheckReport report = check_gradient(waves, half, normal(4, 3), {.budget = 0});
  BOOST_TEST((report.verdict() == Verdict::wrong), to_string(report));
  BOOST_TEST(report.findings.front().index.empty(), to_string(report));
  BOOST_TEST(!report.findings.front().diagnosis.has_value(), to_string(report));
  BOOST_TEST(report.findings.front().note.starts_with("which elements are wrong is not known"), to_string(report));
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_is_told) {
  // The square root of x where x is positive, and 0 elsewhere: the slope of the branch that is not taken, times 0.
  const auto f = [](Point x) {
    Numbers y;
    for (const double v : x) y.push_back(v > 0.0 ? std::sqrt(v) : 0.0);
    return y;
  };
  const auto slope = [](Point x, std::size_t k) {
    return (x[k] > 0.0 ? 1.0 : 0.0) * 0.5 / std::sqrt(x[k]);  // NaN for negative x
  };
  expect(check_elementwise(slope, f, {0.5, -1.0, 2.0, -0.3}, {}), GradcheckMistake::not_finite,
         "NaN or infinite in 2 of 16 places");
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

// Squares of such numbers overflow, or are 0.
BOOST_AUTO_TEST_CASE(the_unit_of_a_function_changes_nothing_of_what_is_told) {
  const RowNormalisation norm{.rows = 2, .columns = 6, .variance_term = 0.0};
  const RowRms rms{.columns = 6, .term = 0.0};
  const GradcheckOptions options{.input_names = {"x"}, .input_shapes = {{2, 6}}, .output_shape = {2, 6}};
  const Numbers x = normal(12, 51);
  const auto scaled = [](Numbers values, double unit) {
    for (double& v : values) v *= unit;
    return values;
  };
  const auto cosines = [](Point p) {
    Jacobian j{p.size(), p.size()};
    for (std::size_t k = 0; k < p.size(); ++k) j(k, k) = std::cos(p[k]);
    return j;
  };
  struct Planted {
    Function f, jacobian;
    GradcheckMistake mistake;
  };
  const std::vector<Planted> planted = {
      {norm, [&](Point p) { return norm.jacobian(p); }, GradcheckMistake::detached_statistics},
      {rms, [&](Point p) { return rms.jacobian(p); }, GradcheckMistake::detached_statistics},
      {sines, [&](Point p) { return scaled(cosines(p).values, 1.03); }, GradcheckMistake::constant_factor},
      {[](Point p) {
         Numbers y = sines(p);
         for (std::size_t k = 0; k < y.size(); ++k) y[k] += p[k];
         return y;
       },
       [&](Point p) { return cosines(p).values; }, GradcheckMistake::missing_accumulation},
      {sines,
       [&](Point p) {
         Numbers moved(p.begin(), p.end());
         for (double& v : moved) v += 0.0123;
         return cosines(moved).values;
       },
       GradcheckMistake::stale_value},
  };
  for (const Planted& each : planted) {
    const auto in_units = [&](double unit) {
      return check_jacobian([&](Point p) { return scaled(each.f(p), unit); },
                            [&](Point p) { return scaled(each.jacobian(p), unit); }, x, options);
    };
    for (const double unit : {1.0, std::ldexp(1.0, 900), std::ldexp(1.0, -900)})
      expect(in_units(unit), each.mistake,
             unit == 1.0 ? "" : in_units(1.0).findings.front().diagnosis->text.substr(0, 20));
  }
  // The amount of a term is in the function's unit.
  const auto skipped = [&](Point p) {
    Numbers y = planted[3].f(p);
    return scaled(y, std::ldexp(1.0, 900));
  };
  const auto without_skip = [&](Point p) { return scaled(cosines(p).values, std::ldexp(1.0, 900)); };
  expect(check_jacobian(skipped, without_skip, x, options), GradcheckMistake::missing_accumulation,
         "numeric - analytic = 8.453e+270 × identity");
}

// Twice the cotangent is not twice the gradient.
BOOST_AUTO_TEST_CASE(a_rule_that_is_not_linear_is_told_in_any_unit) {
  for (const double unit : {1.0, 1e300, 1e-200}) {
    const auto f = [=](Point x) {
      Numbers y = sines(x);
      for (double& v : y) v *= unit;
      return y;
    };
    const auto rule = [=](Point x, Point dy) {
      Numbers dx;
      for (std::size_t k = 0; k < x.size(); ++k) dx.push_back(unit * dy[k] * std::abs(dy[k]) * std::cos(x[k]));
      return dx;
    };
    expect(check_pullback(f, rule, normal(8, 52)), GradcheckMistake::not_linear, "makes 4 times the gradient");
  }
}

BOOST_AUTO_TEST_SUITE_END()
