// Where a plain function ends: steps keep to its domain, and what lies beyond is left out.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include "gradcheck/functions.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

BOOST_AUTO_TEST_SUITE(domains)

BOOST_AUTO_TEST_CASE(steps_keep_to_the_domain) {
  const auto ok = [](const GradcheckReport& report) {
    BOOST_TEST((report.verdict() == Verdict::ok), to_string(report));
  };
  for (const double x : {1e-300, 1e-12, 1e-6, 1e-3, 1.0, 1e6, 1e12}) {
    ok(check_at(
        x, [](double v) { return std::log(v); }, 1.0 / x));
    ok(check_at(
        x, [](double v) { return std::sqrt(v); }, 0.5 / std::sqrt(x)));
  }
  for (const double d : {1e-12, 1e-8, 1e-3}) {
    const double x = 1.0 - d;
    ok(check_at(
        x, [](double v) { return std::acos(v); }, -1.0 / std::sqrt((1.0 - x) * (1.0 + x))));
    ok(check_at(
        d, [](double v) { return v < 0.0 ? throw std::domain_error("negative") : std::log(v); }, 1.0 / d));
  }
  // One-sided: x^1.5 ends at 0 with slope 0.
  ok(check_at(
      0.0, [](double v) { return 1.0 + v + v * v * std::sqrt(v); }, 1.0));
  BOOST_TEST((check_at(
                  0.0, [](double v) { return 1.0 + v + v * v * std::sqrt(v); }, 1.1)
                  .verdict() == Verdict::wrong));
  // An infinite slope is seen as that.
  ok(check_at(
      0.0, [](double v) { return std::sqrt(v); }, std::numeric_limits<double>::infinity()));
  BOOST_TEST((check_at(
                  0.0, [](double v) { return std::sqrt(v); }, 1.0)
                  .verdict() == Verdict::out_of_domain));
  BOOST_TEST((check_at(
                  -1.0, [](double v) { return std::log(v); }, -1.0)
                  .verdict() == Verdict::out_of_domain));
  // A wrong slope near the edge is wrong.
  BOOST_TEST((check_at(
                  1e-12, [](double v) { return std::sqrt(v); }, 0.515e6)
                  .verdict() == Verdict::wrong));
}

// A function that is NaN at numbers does not exist there; one that is infinite may be meant to be, as behind a mask.
BOOST_AUTO_TEST_CASE(what_is_left_out_is_told) {
  const auto logarithms = [](Point p) { return Numbers{std::log(p[0]), std::log(p[1])}; };
  const auto check = [&](double first, double slope, const GradcheckOptions& options) {
    return check_jacobian(
        logarithms,
        [slope](Point p) {
          return Numbers{123.0, 456.0, 0.0, slope / p[1]};
        },
        Numbers{first, 2.0}, options);
  };
  for (const std::int64_t budget : {4000, 0}) {  // every element, and along directions
    const GradcheckReport negative = check(-1.0, 1.0, {.budget = budget});
    BOOST_TEST((negative.verdict() == Verdict::out_of_domain), to_string(negative));
    BOOST_TEST(negative.findings.front().note ==
               "1 of 2 outputs are not finite here and were left out, 1 of them NaN, though every input is finite");
    BOOST_TEST(to_junit("suite", {{"logarithms", negative}}).find("<failure") != std::string::npos);
    const GradcheckOptions allowing{.budget = budget,
                                    .allow = {{Verdict::out_of_domain, "the first is meant to be negative"}}};
    BOOST_TEST(check(-1.0, 1.0, allowing).ok(), to_string(check(-1.0, 1.0, allowing)));
    BOOST_TEST((check(-1.0, 1.01, allowing).verdict() == Verdict::wrong));
    for (const double first : {0.0, std::nan("")}) {
      const GradcheckReport left_out = check(first, 1.0, {.budget = budget});
      BOOST_TEST((left_out.verdict() == Verdict::ok), to_string(left_out));
      BOOST_TEST(left_out.findings.front().note == "1 of 2 outputs are not finite here and were left out");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_function_may_refuse_by_throwing_anything) {
  const auto report = check_gradient(
      [](Point p) {
        if (p[0] < 0.3) throw 42;
        return p[0];
      },
      [](Point) { return Numbers{1.0}; }, Numbers{0.3});
  BOOST_TEST(report.ok(), fmt::format("{}", report));
}

// What an output is beyond its end, or a function that throws, is left of no sum along a direction.
BOOST_AUTO_TEST_CASE(domains_end_along_directions_too) {
  const Numbers x = {0.5, 1.0};
  const auto jacobian = [](double slope) { return [slope](Point p) { return Numbers{slope, 0.0, 0.0, 2.0 * p[1]}; }; };
  const auto squares = [](Point p) {
    if (p[0] < 0.5) throw 42;
    return Numbers{p[0] * p[0], p[1] * p[1]};
  };
  const auto roots = [](Point p) { return Numbers{std::sqrt(p[0] - 0.499), p[1] * p[1]}; };
  const double steep = 0.5 / std::sqrt(0.001);
  for (const double factor : {1.0, 1.1}) {
    const Verdict expected = factor == 1.0 ? Verdict::ok : Verdict::wrong;
    const GradcheckReport thrown = check_jacobian(squares, jacobian(factor), x, {.budget = 0});
    BOOST_TEST((thrown.verdict() == expected), to_string(thrown));
    const GradcheckReport near = check_jacobian(roots, jacobian(factor * steep), x, {.budget = 0});
    BOOST_TEST((near.verdict() == expected), to_string(near));
  }
}

// The second result is the first where the first element is not chosen: places beside the point mean something else.
BOOST_AUTO_TEST_CASE(a_number_of_results_that_changes_beside_the_point) {
  const auto chosen = [](double least) {
    return [least](Point x) {
      Numbers y;
      for (const double v : x)
        if (v >= least) y.push_back(v);
      return y;
    };
  };
  const Numbers both = {1.0, 0.0, 0.0, 1.0};
  const Numbers second = {0.0, 1.0};
  const auto claims = [](const Numbers& jacobian) { return [jacobian](Point) { return jacobian; }; };
  // Near the point they all correspond.
  const GradcheckReport near = check_jacobian(chosen(0.0), claims(both), Numbers{1e-3, 1.0});
  BOOST_TEST((near.verdict() == Verdict::ok), to_string(near));
  for (const std::int64_t budget : {4000, 0}) {  // by element, and along directions
    const GradcheckReport fewer =
        check_jacobian(chosen(0.5), claims(both), Numbers{0.5, 1.0}, {.order = 1, .budget = budget});
    BOOST_TEST((fewer.verdict() == Verdict::ok), to_string(fewer));
    BOOST_TEST(fewer.findings[0].note ==
               "one-sided differences: the function ends here; beside this point the function's results have the "
               "shapes [1], at the point [2]");
    const GradcheckReport more =
        check_jacobian(chosen(std::nextafter(0.5, 1.0)), claims(second), Numbers{0.5, 1.0}, {.budget = budget});
    BOOST_TEST((more.verdict() == Verdict::ok), to_string(more));
    const GradcheckReport wrong =
        check_jacobian(chosen(0.5), claims({1.1, 0.0, 0.0, 1.0}), Numbers{0.5, 1.0}, {.budget = budget});
    BOOST_TEST((wrong.verdict() == Verdict::wrong), to_string(wrong));
  }
  const auto never_two = [](Point x) { return x[0] == 0.5 ? Numbers{x[0], x[1]} : Numbers{x[1]}; };
  const GradcheckReport alone = check_jacobian(never_two, claims(both), Numbers{0.5, 1.0});
  BOOST_TEST((alone.verdict() == Verdict::out_of_domain), to_string(alone));
  BOOST_TEST(alone.findings[0].note ==
             "differences find no slope: the function jumps, ends or throws beside this point; beside this point the "
             "function's results have the shapes [1], at the point [2]");
}

BOOST_AUTO_TEST_SUITE_END()
