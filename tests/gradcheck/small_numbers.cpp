// Small inputs, small values and small slopes: what is small beside another hides no mistake.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "gradcheck/functions.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

BOOST_AUTO_TEST_SUITE(small_numbers)

BOOST_AUTO_TEST_CASE(small_inputs_hide_no_mistake) {
  for (const double x : {1e-6, 1e-9, 1e-11, 1e-13}) {
    const auto verdict = [&](double factor) {
      return check_gradient([](Point p) { return 1.0 + std::sin(p[0]); },
                            [&](Point p) { return Numbers{factor * std::cos(p[0])}; }, Numbers{x})
          .verdict();
    };
    BOOST_TEST((verdict(1.001) == Verdict::wrong), "at " << x);
    BOOST_TEST((verdict(1.0) == Verdict::ok), "at " << x);
  }
}

// Steps for an input of size 1 move it from where its slope is 1e-22, or 1e-100, to where it is not.
BOOST_AUTO_TEST_CASE(slopes_of_small_inputs_are_told_by_steps_of_their_size) {
  const auto two = [](Point p) { return 3.0 * p[0] * p[0] + p[0] * p[1]; };
  const auto one = [](Point p) { return p[0] * p[0]; };
  for (const std::int64_t budget : {4000, 0})  // every element, and along directions
    for (const double unit : {1e-9, 1e-16, 1e-20, 1e-22, 1e-25, 1e-30, 1e-100}) {
      const auto of_two = [&](double sign) {
        const auto gradient = [sign](Point p) { return Numbers{6.0 * p[0] + sign * p[1], p[0]}; };
        return check_gradient(two, gradient, Numbers{1.5 * unit, -0.7 * unit}, {.budget = budget});
      };
      const auto of_one = [&](double factor) {
        const auto gradient = [factor](Point p) { return Numbers{factor * p[0]}; };
        return check_gradient(one, gradient, Numbers{unit}, {.budget = budget});
      };
      for (const GradcheckReport& right : {of_two(1.0), of_one(2.0)})
        BOOST_TEST((right.verdict() == Verdict::ok), unit << ": " << to_string(right));
      for (const GradcheckReport& wrong : {of_two(-1.0), of_one(3.0), of_one(-2.0)})
        BOOST_TEST((wrong.verdict() == Verdict::wrong), unit << ": " << to_string(wrong));
    }
}

// What cancels stands still at such steps, where the slope is that of the other term alone.
BOOST_AUTO_TEST_CASE(what_stands_still_beside_a_small_input_makes_no_gradient_wrong) {
  const auto f = [](Point p) { return std::log(std::cosh(p[0])) + 5.0 * p[0] * p[0]; };
  const auto gradient = [](Point p) { return Numbers{std::tanh(p[0]) + 10.0 * p[0]}; };
  for (int i = 0; i < 94; ++i) {
    const double x = 1e-100 * std::pow(7.0, i);  // up to 1e-21
    const GradcheckReport report = check_gradient(f, gradient, Numbers{x});
    BOOST_TEST((report.verdict() <= Verdict::vacuous), x << ": " << to_string(report));
  }
}

// The same where wider steps see both terms, and the noise of the one.
BOOST_AUTO_TEST_CASE(what_cancels_is_not_forgotten_where_it_stands_still) {
  struct Cancelling {
    std::function<double(double)> f, slope, without;  // `without`: the slope of what moves at the smallest steps alone
  };
  const std::vector<Cancelling> functions = {
      {[](double x) { return std::cos(x) - 1.0 + 3.0 * x * x; }, [](double x) { return 6.0 * x - std::sin(x); },
       [](double x) { return 6.0 * x; }},
      {[](double x) { return std::log(0.5 * (std::exp(x) + std::exp(-x))) + x * x; },
       [](double x) { return std::tanh(x) + 2.0 * x; }, [](double x) { return 2.0 * x; }}};
  for (const Cancelling& each : functions)
    for (int k = 0; k < 60; ++k) {
      const double x = std::pow(1.7, -k);
      const auto check = [&](const std::function<double(double)>& slope) {
        return check_gradient([&](Point p) { return each.f(p[0]); }, [&](Point p) { return Numbers{slope(p[0])}; },
                              Numbers{x});
      };
      const GradcheckReport right = check(each.slope), wrong = check(each.without);
      BOOST_TEST((right.verdict() != Verdict::wrong), x << ": " << to_string(right));
      if (x > 1e-11) BOOST_TEST(!wrong.ok(), x << ": " << to_string(wrong));
      if (x > 1e-9) BOOST_TEST((wrong.verdict() == Verdict::wrong), x << ": " << to_string(wrong));
    }
}

// Two waves that the first steps undersample are no rounding of terms as large as 1, however small they are.
BOOST_AUTO_TEST_CASE(small_values_of_a_narrow_scale_are_told) {
  const Numbers at{0.3, -0.7};
  for (const std::int64_t budget : {4000, 0})
    for (const double size : {1e-14, 1e-15, 1e-16, 1e-18, 1e-30})
      for (const double first : {1e4, 1e6})
        for (const double second : {1e3, 1e4, 1e5, 1e6}) {
          const auto f = [=](Point p) { return size * (std::sin(first * p[0]) + std::sin(second * p[1])); };
          const auto check = [&](double factor) {
            const auto gradient = [=](Point p) {
              return Numbers{size * first * std::cos(first * p[0]), factor * size * second * std::cos(second * p[1])};
            };
            return check_gradient(f, gradient, at, {.budget = budget});
          };
          const GradcheckReport right = check(1.0), missing = check(0.0);
          BOOST_TEST((right.verdict() == Verdict::ok), size << ", " << second << ": " << to_string(right));
          BOOST_TEST((missing.verdict() == Verdict::wrong), size << ", " << second << ": " << to_string(missing));
        }
  // The energy of a charge and two others, in joules and metres.
  const double e2 = 2.307e-28;
  for (const double far : {3e-10, 1e-9, 1e-8})
    for (const double factor : {1.0, 0.0, 2.0}) {
      const GradcheckReport report = check_gradient([=](Point r) { return e2 * (1.0 / r[0] + 1.0 / r[1]); },
                                                    [=](Point r) {
                                                      return Numbers{-e2 / (r[0] * r[0]), -factor * e2 / (r[1] * r[1])};
                                                    },
                                                    Numbers{1e-10, far});
      const Verdict expected = factor == 1.0 ? Verdict::ok : Verdict::wrong;
      BOOST_TEST((report.verdict() == expected), far << ", " << factor << ": " << to_string(report));
    }
}

// Nor is rounding waves, where a power that is no parabola is left once the terms that cancel stand still.
BOOST_AUTO_TEST_CASE(what_cancels_beside_a_fourth_power_is_not_forgotten) {
  for (int k = 0; k < 120; ++k) {
    const double x = std::pow(1.3, -k);
    const GradcheckReport cosine =
        check_gradient([](Point p) { return std::cos(p[0]) - 1.0 + std::pow(p[0], 4.0); },
                       [](Point p) { return Numbers{4.0 * p[0] * p[0] * p[0] - std::sin(p[0])}; }, Numbers{x});
    BOOST_TEST((cosine.verdict() != Verdict::wrong), x << ": " << to_string(cosine));
    const GradcheckReport exponential =
        check_gradient([](Point p) { return std::exp(p[0]) - 1.0 - p[0] + std::pow(p[0], 4.0); },
                       [](Point p) { return Numbers{4.0 * p[0] * p[0] * p[0] + std::expm1(p[0])}; }, Numbers{x});
    BOOST_TEST((exponential.verdict() != Verdict::wrong), x << ": " << to_string(exponential));
  }
}

BOOST_AUTO_TEST_CASE(what_the_largest_derivative_hides_is_told) {
  const auto check = [](double huge, double x) {
    return check_gradient([=](Point p) { return huge * std::sin(p[0]) + std::sin(p[1]); },
                          [=](Point p) {
                            return Numbers{huge * std::cos(p[0]), 0.0};
                          },
                          Numbers{x, 0.3});
  };
  const auto report = check(1e12, 2e-4);
  BOOST_TEST((report.verdict() == Verdict::ok));
  BOOST_TEST(report.findings.front().note.starts_with(
      "too small beside the largest derivative, 1e+12, to be judged, but it differs: element [1], output 0: "
      "analytic 0, numeric 0.955"));
  BOOST_TEST((check(1e10, 0.2).verdict() == Verdict::wrong));
}

BOOST_AUTO_TEST_SUITE_END()
