// check_gradient and its kin on plain callables: every spelling, parts of x, domains, and functions that misbehave.
#include <array>
#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <stdexcept>
#include <vector>

#include "gradcheck/functions.hpp"
#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/random.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;
using tapegrad::test::says;

namespace {

double rosenbrock(Point x) { return 100.0 * std::pow(x[1] - x[0] * x[0], 2.0) + std::pow(1.0 - x[0], 2.0); }
Numbers rosenbrock_gradient(Point x) {
  const double d = x[1] - x[0] * x[0];
  return {-400.0 * x[0] * d - 2.0 * (1.0 - x[0]), 200.0 * d};
}
Numbers rosenbrock_hessian(Point x) {
  return {1200.0 * x[0] * x[0] - 400.0 * x[1] + 2.0, -400.0 * x[0], -400.0 * x[0], 200.0};
}

const Numbers kPoint = {-1.2, 1.0};

/// f and its derivative at one x, in one dimension.
GradcheckReport check_at(double x, const std::function<double(double)>& f, double slope) {
  return check_gradient([&](Point p) { return f(p[0]); }, [&](Point) { return Numbers{slope}; }, Numbers{x});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(plain_functions)

BOOST_AUTO_TEST_CASE(functions_of_vectors_are_taken) {
  const auto value = [](const Numbers& x) { return rosenbrock(x); };
  const auto gradient = [](const Numbers& x) { return rosenbrock_gradient(x); };
  const auto hessian = [](const Numbers& x) { return rosenbrock_hessian(x); };
  const auto writes = [](const Numbers& x, Numbers& out) { out = rosenbrock_gradient(x); };
  const auto product = [](const Numbers& x, const Numbers& v) {
    const Numbers h = rosenbrock_hessian(x);
    return Numbers{h[0] * v[0] + h[1] * v[1], h[2] * v[0] + h[3] * v[1]};
  };
  const auto writes_product = [&](const Numbers& x, const Numbers& v, Numbers& out) { out = product(x, v); };
  const auto both = [&](const Numbers& x, Numbers& out) {
    writes(x, out);
    return rosenbrock(x);
  };
  BOOST_TEST(check_gradient(value, gradient, kPoint).ok());
  BOOST_TEST(check_gradient(rosenbrock, writes, kPoint).ok());
  BOOST_TEST(check_gradient(both, kPoint).ok());
  BOOST_TEST(check_jacobian(gradient, hessian, kPoint).ok());
  BOOST_TEST(check_jacobian(writes, 2, hessian, kPoint).ok());
  BOOST_TEST(check_pullback(gradient, product, kPoint).ok());
  BOOST_TEST(check_pushforward(gradient, writes_product, kPoint).ok());
  const auto half = [&](const Numbers& x, const Numbers& v, Numbers& out) {
    out = product(x, v);
    for (double& each : out) each *= 0.5;
  };
  BOOST_TEST((check_pullback(gradient, half, kPoint).verdict() == Verdict::wrong));
  // A view of the argument, and functions that take whatever comes.
  const auto itself = [](const Numbers& x) { return std::span<const double>(x); };
  const auto identity = [](const Numbers&) { return Numbers{1.0, 0.0, 0.0, 1.0}; };
  BOOST_TEST(check_jacobian(itself, identity, kPoint).ok());
  const auto any = [](auto& x, auto& out) -> decltype(void(out = Numbers(x))) { out = rosenbrock_gradient(x); };
  BOOST_TEST(check_gradient(value, any, kPoint).ok());
  // One that forgets its size is told so, not read beyond its end.
  const auto too_short = [](const Numbers&, Numbers& out) { out = {1.0}; };
  BOOST_CHECK_EXCEPTION((void)check_gradient(value, too_short, kPoint), ShapeError, says("[check_gradient]"));
}

BOOST_AUTO_TEST_CASE(every_spelling_is_taken) {
  BOOST_TEST(check_gradient(rosenbrock, rosenbrock_gradient, kPoint).ok());
  const auto writes = [](Point x, std::span<double> out) {
    const Numbers g = rosenbrock_gradient(x);
    std::copy(g.begin(), g.end(), out.begin());
  };
  BOOST_TEST(check_gradient(rosenbrock, writes, kPoint).ok());
  BOOST_TEST(check_gradient(
                 [&](Point x, std::span<double> out) {
                   writes(x, out);
                   return rosenbrock(x);
                 },
                 kPoint)
                 .ok());
  BOOST_TEST(check_gradient([](Point x) { return static_cast<float>(x[0]); },
                            [](Point) {
                              return std::array<double, 2>{1.0, 0.0};
                            },
                            Numbers{0.5, 2.0}, {.accuracy = 1e-7})
                 .ok());
  BOOST_TEST(check_gradient(
                 rosenbrock,
                 [](Point x) {
                   const Numbers g = rosenbrock_gradient(x);
                   return std::deque<float>(g.begin(), g.end());
                 },
                 Numbers{1.0, 0.5})
                 .ok());
  BOOST_TEST(check_jacobian(rosenbrock_gradient, rosenbrock_hessian, kPoint).ok());
  BOOST_TEST(check_jacobian(
                 writes, 2,
                 [](Point x, std::span<double> out) {
                   const Numbers h = rosenbrock_hessian(x);
                   std::copy(h.begin(), h.end(), out.begin());
                 },
                 kPoint)
                 .ok());
  const auto product = [](Point x, Point v) {  // symmetric: pullback and pushforward in one
    const Numbers h = rosenbrock_hessian(x);
    return Numbers{h[0] * v[0] + h[1] * v[1], h[2] * v[0] + h[3] * v[1]};
  };
  BOOST_TEST(check_pullback(rosenbrock_gradient, product, kPoint).ok());
  BOOST_TEST(check_pushforward(rosenbrock_gradient, product, kPoint).ok());
  struct Model {
    double scale = 3.0;
    double value(Point x) const { return scale * x[0]; }
  };
  const Model model;
  BOOST_TEST(
      check_gradient([&](Point x) { return model.value(x); }, [](Point) { return Numbers{3.0}; }, Numbers{2.0}).ok());
}

BOOST_AUTO_TEST_CASE(a_wrong_entry_is_named) {
  const auto wrong = [](Point x) {
    Numbers h = rosenbrock_hessian(x);
    h[2] *= 1.001;
    return h;
  };
  for (const GradcheckReport& report : {check_jacobian(rosenbrock_gradient, wrong, kPoint),
                                        check_pushforward(
                                            rosenbrock_gradient,
                                            [&](Point x, Point v) {
                                              const Numbers h = wrong(x);
                                              return Numbers{h[0] * v[0] + h[1] * v[1], h[2] * v[0] + h[3] * v[1]};
                                            },
                                            kPoint)}) {
    const GradcheckFinding& f = report.findings.front();
    BOOST_TEST((f.verdict == Verdict::wrong), to_string(report));
    BOOST_TEST((f.index == std::vector<std::int64_t>{0}));
    BOOST_TEST(f.output == 1);
    BOOST_TEST(f.analytic == 1.001 * 480.0, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(f.numeric == 480.0, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(f.rate == 1.0, boost::test_tools::tolerance(0.05));
    BOOST_TEST(f.input_value == kPoint[0]);
    const std::string text = to_string(report);
    BOOST_TEST(text.find("index [0], value -1.2, output 1") != std::string::npos, text);
    BOOST_TEST(text.find("by finite differences") != std::string::npos, text);
  }
}

BOOST_AUTO_TEST_CASE(a_pushforward_is_compared_forwards) {
  const auto product = [](double factor) {
    return [factor](Point x, Point v) {
      const Numbers h = rosenbrock_hessian(x);
      return Numbers{factor * (h[0] * v[0] + h[1] * v[1]), factor * (h[2] * v[0] + h[3] * v[1])};
    };
  };
  for (const double factor : {1.0, 2.0}) {
    const GradcheckReport report = check_pushforward(rosenbrock_gradient, product(factor), kPoint);
    const GradcheckFinding& f = report.findings.front();
    BOOST_TEST((f.mode == GradcheckMode::forward && f.with_differences), to_string(report));
    BOOST_TEST(f.index.size() == 1U);
    BOOST_TEST(f.diagnosis.has_value() == (factor == 2.0), to_string(report));
  }
  BOOST_TEST(
      (check_pullback(rosenbrock_gradient, product(1.0), kPoint).findings.front().mode == GradcheckMode::reverse));
}

BOOST_AUTO_TEST_CASE(parts_have_names_shapes_and_verdicts_of_their_own) {
  // f = sum sin(W) + sum b^2, W [2, 3], b [2]
  const Numbers theta = normal(8, 1);
  const auto f = [](Point t) {
    double s = 0.0;
    for (std::size_t k = 0; k < 6; ++k) s += std::sin(t[k]);
    return s + t[6] * t[6] + t[7] * t[7];
  };
  const auto gradient = [](Point t) {
    Numbers g;
    for (std::size_t k = 0; k < 6; ++k) g.push_back(std::cos(t[k]) + (k == 4 ? 1e-3 : 0.0));
    g.insert(g.end(), {2.0 * t[6], 2.0 * t[7]});
    return g;
  };
  const GradcheckReport report =
      check_gradient(f, gradient, theta, {.input_names = {"W", "b"}, .input_shapes = {{2, 3}, {2}}});
  BOOST_TEST_REQUIRE(report.findings.size() == 2U);
  BOOST_TEST((report.findings[0].verdict == Verdict::wrong));
  BOOST_TEST(report.findings[0].input_name == "W");
  BOOST_TEST((report.findings[0].index == std::vector<std::int64_t>{1, 1}));
  BOOST_TEST((report.findings[1].verdict == Verdict::ok));
  BOOST_CHECK_THROW((void)check_gradient(f, gradient, theta, {.input_shapes = {{2, 3}, {3}}}), ValueError);
  BOOST_CHECK_THROW((void)check_gradient(f, gradient, theta, {.input_shapes = {{2, 3}}}), ValueError);
  BOOST_CHECK_THROW((void)check_gradient(
                        f, [](Point) { return Numbers(7); }, theta),
                    ShapeError);
}

BOOST_AUTO_TEST_CASE(the_taylor_rate_tells_right_from_wrong) {
  const auto report = [](double factor) {
    return check_gradient([](Point x) { return std::exp(x[0]); },
                          [factor](Point x) { return Numbers{factor * std::exp(x[0])}; }, Numbers{0.3});
  };
  BOOST_TEST(report(1.0).findings.front().rate == 2.0, boost::test_tools::tolerance(0.02));
  BOOST_TEST(report(1.03).findings.front().rate == 1.0, boost::test_tools::tolerance(0.02));
  BOOST_TEST((report(1.03).verdict() == Verdict::wrong));
  const GradcheckReport linear =
      check_gradient([](Point x) { return 3.0 * x[0]; }, [](Point) { return Numbers{3.0}; }, Numbers{0.3});
  BOOST_TEST(linear.ok());
  BOOST_TEST(std::isnan(linear.findings.front().rate));
}

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

BOOST_AUTO_TEST_CASE(kinks_pass_within_their_interval) {
  const auto at = [](double slope) {
    return check_at(
        0.0, [](double v) { return v > 0.0 ? 2.0 * v : -v; }, slope);
  };
  for (const double inside : {-1.0, 0.0, 0.5, 2.0}) {
    const GradcheckReport report = at(inside);
    BOOST_TEST((report.verdict() == Verdict::kink), to_string(report));
    BOOST_TEST(report.ok());
    BOOST_TEST(report.findings.front().slope_below == -1.0, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(report.findings.front().slope_above == 2.0, boost::test_tools::tolerance(1e-6));
  }
  for (const double outside : {-1.1, 2.1, 100.0}) BOOST_TEST((at(outside).verdict() == Verdict::wrong));
  // next to one, and not on it
  for (const double x : {1e-3, -1e-3, 1e-5, -1e-5})
    BOOST_TEST((check_at(
                    x, [](double v) { return std::abs(v); }, x > 0.0 ? 1.0 : -1.0)
                    .verdict() == Verdict::ok));
}

BOOST_AUTO_TEST_CASE(a_kink_beside_the_point_is_none_of_its_own) {
  // Steps wider than the way to the kink measure half the ramp's slope, which only looks like a subgradient.
  const auto verdict = [](double x, double claimed) {
    return check_gradient([](Point p) { return 4.0 * std::max(0.0, p[0]) + p[1]; },
                          [&](Point) {
                            return Numbers{claimed, 1.0};
                          },
                          Numbers{x, 1.0})
        .verdict();
  };
  for (const double x : {-1e-3, -1.62e-4, -1e-5, -1e-6, -1e-7, -2.92e-8}) {
    BOOST_TEST((verdict(x, 2.0) == Verdict::wrong), "half the slope at " << x);
    BOOST_TEST((verdict(x, 0.0) == Verdict::ok), "no slope at " << x);
    BOOST_TEST((verdict(-x, 4.0) == Verdict::ok), "the whole slope at " << -x);
  }
  BOOST_TEST((verdict(0.0, 2.0) == Verdict::kink));
}

BOOST_AUTO_TEST_CASE(a_rule_that_is_not_linear_is_wrong) {
  const auto product = [](Point p) { return Numbers{p[0] * p[1]}; };
  const Numbers at{0.3, 0.4};
  const auto forgets = check_pullback(
      product,
      [](Point p, Point) {
        return Numbers{p[1], p[0]};
      },
      at);
  BOOST_TEST((forgets.verdict() == Verdict::wrong), fmt::format("{}", forgets));
  const auto squares = check_pullback(
      product,
      [](Point p, Point v) {
        return Numbers{v[0] * v[0] * p[1], v[0] * v[0] * p[0]};
      },
      at);
  BOOST_TEST((squares.verdict() == Verdict::wrong));
  const auto right = check_pullback(
      product,
      [](Point p, Point v) {
        return Numbers{v[0] * p[1], v[0] * p[0]};
      },
      at);
  BOOST_TEST((right.verdict() == Verdict::ok), fmt::format("{}", right));
  const auto forward = check_pushforward(
      product, [](Point p, Point v) { return Numbers{p[1] * v[0] * v[0] + p[0] * v[1] * v[1]}; }, at);
  BOOST_TEST((forward.verdict() == Verdict::wrong));
  // Right for every positive cotangent, and tangent.
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto loses_the_sign = check_pullback(product,
                                               [](Point p, Point v) {
                                                 return Numbers{std::abs(v[0]) * p[1], std::abs(v[0]) * p[0]};
                                               },
                                               at, {.seed = seed});
    BOOST_TEST((loses_the_sign.verdict() == Verdict::wrong));
    BOOST_TEST(to_string(loses_the_sign).find("not linear in the cotangent") != std::string::npos);
    const auto loses_it_forward = check_pushforward(
        product, [](Point p, Point v) { return Numbers{p[1] * std::abs(v[0]) + p[0] * std::abs(v[1])}; }, at,
        {.seed = seed});
    BOOST_TEST((loses_it_forward.verdict() == Verdict::wrong));
  }
}

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

BOOST_AUTO_TEST_CASE(options_that_no_check_can_heed_are_refused) {
  const auto with = [](const GradcheckOptions& options) {
    (void)check_gradient([](Point p) { return p[0] * p[1]; },
                         [](Point p) {
                           return Numbers{p[1], p[0]};
                         },
                         Numbers{2.0, 3.0}, options);
  };
  BOOST_CHECK_EXCEPTION(with({.directions = 0}), ValueError,
                        says("[check_gradient] expected at least 1 direction, got 0"));
  BOOST_CHECK_EXCEPTION(with({.budget = -1}), ValueError,
                        says("[check_gradient] expected a budget of at least 0 calls, got -1"));
  BOOST_CHECK_EXCEPTION(with({.accuracy = -1.0}), ValueError,
                        says("[check_gradient] expected a finite accuracy of at least 0, got -1"));
  BOOST_CHECK_THROW(with({.accuracy = std::nan("")}), ValueError);
  BOOST_CHECK_EXCEPTION(with({.allow = {{Verdict::vacuous, ""}}}), ValueError,
                        says("[check_gradient] expected a reason to allow vacuous, got none"));
  constexpr std::int64_t kHuge = std::int64_t{1} << 33;
  for (const std::vector<std::vector<std::int64_t>>& shapes :
       {std::vector<std::vector<std::int64_t>>{{-1, -2}}, {{kHuge, kHuge}, {2}}})
    BOOST_CHECK_EXCEPTION(with({.input_shapes = shapes}), ValueError, says("input_shapes do not add up"));
  BOOST_CHECK_THROW(with({.output_shape = {-1, -1}}), ValueError);
}

BOOST_AUTO_TEST_CASE(options_for_tensors_are_refused) {
  const auto f = [](Point p) { return Numbers{p[0] * p[1]}; };
  const auto pull_back = [](Point p, Point v) { return Numbers{v[0] * p[1], v[0] * p[0]}; };
  const Numbers x = {2.0, 3.0};
  BOOST_CHECK_EXCEPTION((void)check_pullback(f, pull_back, x, {.differences_in_float64 = true}), ValueError,
                        says("[check_pullback] differences_in_float64 is for tensors"));
  BOOST_CHECK_EXCEPTION((void)check_pullback(f, pull_back, x, {.strong_zero = true}), ValueError,
                        says("[check_pullback] strong_zero is for tensors"));
  BOOST_TEST(check_pullback(f, pull_back, x, {.order = 2, .forward_mode = false}).ok());
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

BOOST_AUTO_TEST_CASE(functions_that_misbehave) {
  const auto gradient = [](Point x) { return Numbers(x.size(), 1.0); };
  const Numbers x = {1.0, 2.0};
  const auto sum = [](Point p) { return p[0] + p[1]; };
  BOOST_CHECK_THROW((void)check_gradient([](Point) -> double { throw std::runtime_error("no"); }, gradient, x),
                    std::runtime_error);
  BOOST_TEST((check_gradient([](Point) { return std::nan(""); }, gradient, x).verdict() == Verdict::out_of_domain));
  BOOST_TEST((check_gradient(
                  sum, [](Point) { return Numbers(2, std::nan("")); }, x)
                  .verdict() == Verdict::wrong));
  BOOST_TEST((check_gradient([](Point p) { return const_cast<double&>(p[0]) = 5.0; }, gradient, x).verdict() ==
              Verdict::wrong));
  int calls = 0;
  const auto differs = [](const GradcheckReport& report, const std::string& what) {
    BOOST_TEST((report.verdict() == Verdict::non_deterministic), to_string(report));
    BOOST_TEST(report.findings.front().note ==
               "two calls of the " + what +
                   " with the same numbers differ, as where random numbers (a dropout's mask) are drawn anew for each, "
                   "or one call keeps something for the next (an average, a buffer of its own)");
  };
  differs(check_gradient([&](Point p) { return p[0] * ++calls; }, gradient, x), "function");
  differs(check_gradient(
              sum, [&](Point) { return Numbers(2, ++calls); }, x),
          "derivative");
  BOOST_TEST((check_gradient([](Point) { return 3.0; }, [](Point) { return Numbers(2, 0.0); }, x).verdict() ==
              Verdict::vacuous));
  // A gradient that remembers the last call of the function.
  Numbers kept(2);
  const GradcheckReport report = check_gradient(
      [&](Point p) {
        kept = {p[0], p[1]};
        return p[0] * p[1];
      },
      [&](Point) {
        return Numbers{kept[1], kept[0]};
      },
      x);
  BOOST_TEST((report.verdict() == Verdict::non_deterministic), to_string(report));
  BOOST_TEST(report.findings.front().note.find("stale") != std::string::npos);
  // A step in the values has no slope, and nothing passes for it.
  BOOST_TEST(!check_at(
                  0.0, [](double v) { return v > 0.0 ? 1.0 : 0.0; }, 1.0)
                  .ok());
}

BOOST_AUTO_TEST_CASE(noise_is_told_from_error) {
  // Values rounded to a unit: differences are rough, and never call a right gradient wrong. Not claimed of stairs wider
  // than the steps (1e-3 here, where the slope is small): there the function stands still, and only that can be seen.
  const auto rough = [](double unit) {
    return [unit](double v) { return std::round(std::sin(3.0 * v) / unit) * unit; };
  };
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const double x = normal(1, seed)[0];
    const double slope = 3.0 * std::cos(3.0 * x);
    const double steep = 1.5 * slope + std::copysign(0.5, slope);
    for (const double unit : {1e-4, 1e-5, 1e-6, 1e-8, 1e-10}) {
      const GradcheckReport right = check_at(x, rough(unit), slope);
      BOOST_TEST((right.verdict() != Verdict::wrong), to_string(right));
      BOOST_TEST(!check_at(x, rough(unit), steep).ok());
    }
    const GradcheckReport wrong = check_at(x, rough(1e-6), steep);
    BOOST_TEST((wrong.verdict() == Verdict::wrong), to_string(wrong));
  }
}

BOOST_AUTO_TEST_CASE(values_said_to_be_rough_are_judged_as_such) {
  // rounded to 1e-6, as those of an iteration that stops there
  const double unit = 1e-6;
  const auto rough = [unit](Point p) { return std::round(std::sin(3.0 * p[0]) / unit) * unit; };
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Numbers x = normal(1, seed);
    const double slope = 3.0 * std::cos(3.0 * x[0]);
    const auto check = [&](double claimed) {
      return check_gradient(rough, [claimed](Point) { return Numbers{claimed}; }, x, {.accuracy = unit});
    };
    BOOST_TEST((check(slope).verdict() != Verdict::wrong), to_string(check(slope)));
    const double steep = 1.5 * slope + std::copysign(0.5, slope);
    BOOST_TEST(!check(steep).ok(), to_string(check(steep)));
  }
  const GradcheckReport report = check_gradient(rough, [](Point p) { return Numbers{3.0 * std::cos(3.0 * p[0])}; },
                                                Numbers{0.4}, {.accuracy = unit});
  BOOST_TEST(report.ok(), to_string(report));
}

BOOST_AUTO_TEST_CASE(what_differences_cannot_tell_is_not_called_right) {
  // sin(x) on top of a number that leaves little room for it: at 1e10 a slope is known to a fiftieth, at 1e12 not at
  // all.
  const auto verdict = [](double offset, double factor) {
    return check_at(
               0.7, [offset](double x) { return offset + std::sin(x); }, factor * std::cos(0.7))
        .verdict();
  };
  BOOST_TEST((verdict(1e10, 1.0) == Verdict::ok));
  BOOST_TEST((verdict(1e10, 1.1) == Verdict::wrong));
  for (const double factor : {1.0, 1.1, 2.0}) BOOST_TEST((verdict(1e12, factor) == Verdict::unreliable), factor);
  const GradcheckReport hidden =
      check_gradient([](Point x) { return 1e6 * x[0] * x[0] + std::sin(x[1]) / 1e6; },
                     [](Point x) {
                       return Numbers{2e6 * x[0], 2.0 * std::cos(x[1]) / 1e6};
                     },
                     Numbers{0.7, 0.3}, {.input_names = {"a", "b"}, .input_shapes = {{1}, {1}}});
  BOOST_TEST((hidden.verdict() == Verdict::unreliable), to_string(hidden));
  BOOST_TEST(to_string(hidden).find("differences tell this slope to") != std::string::npos, to_string(hidden));
}

BOOST_AUTO_TEST_CASE(a_function_that_moves_its_own_point_is_caught) {
  const auto moves = [](Point x) {
    const_cast<double&>(x[0]) += 1.0;
    return x[0] * x[0];
  };
  const GradcheckReport report = check_gradient(
      moves, [](Point x) { return Numbers{2.0 * x[0]}; }, Numbers{1.0});
  BOOST_TEST((report.verdict() == Verdict::wrong));
  BOOST_TEST(to_string(report).find("the function changes its input") != std::string::npos, to_string(report));
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

BOOST_AUTO_TEST_CASE(names_need_parts) {
  BOOST_CHECK_EXCEPTION((void)check_gradient(rosenbrock, rosenbrock_gradient, kPoint, {.input_names = {"a", "b"}}),
                        ValueError,
                        says("[check_gradient] 2 input_names for 1 part of x: input_shapes cuts it into parts"));
}

BOOST_AUTO_TEST_CASE(a_slope_that_is_infinite_on_both_sides) {
  const auto root = [](double x) { return std::cbrt(x); };
  const double infinite = std::numeric_limits<double>::infinity();
  BOOST_TEST((check_at(0.0, root, infinite).verdict() == Verdict::ok));
  BOOST_TEST((check_at(0.0, root, 1.0).verdict() == Verdict::out_of_domain));
  // A jump is no such slope.
  const auto jump = [](double x) { return x > 0.3 ? 1.0 : 0.0; };
  BOOST_TEST((check_at(0.3, jump, infinite).verdict() != Verdict::ok));
}

BOOST_AUTO_TEST_CASE(beside_an_infinite_or_nan_element_the_slope_of_what_is_finite_is_zero) {
  const double infinite = std::numeric_limits<double>::infinity();
  const double nan = std::nan("");
  for (const double at : {infinite, -infinite, nan}) {
    const Numbers x{1.0, 2.0, at};
    const auto f = [](Point p) {
      return std::exp(-p[0]) + std::exp(-p[1]) + (std::isnan(p[2]) ? 0.0 : std::exp(-std::abs(p[2])));
    };
    for (const std::int64_t budget : {4000, 0}) {  // every element, and along directions
      const auto report_of = [&](double claimed) {
        const auto gradient = [claimed](Point p) { return Numbers{-std::exp(-p[0]), -std::exp(-p[1]), claimed}; };
        return check_gradient(f, gradient, x, {.budget = budget});
      };
      for (const double right : {0.0, -0.0, 1e-16})
        BOOST_TEST((report_of(right).verdict() == Verdict::ok), to_string(report_of(right)));
      for (const double claimed : {3.0, -1e-6, 1e30, infinite, nan}) {
        const GradcheckReport report = report_of(claimed);
        BOOST_TEST_REQUIRE((report.verdict() == Verdict::wrong), at << ", " << claimed << ": " << to_string(report));
        const GradcheckFinding& finding = report.findings.front();
        BOOST_TEST((finding.index == std::vector<std::int64_t>{2}), to_string(report));
        BOOST_TEST(finding.numeric == 0.0);
        BOOST_TEST(finding.note.starts_with(std::isnan(at) ? "the element is NaN" : "the element is infinite"),
                   finding.note);
      }
    }
  }
}

// What a wrong derivative there is explained by is no term of the input, which is infinite.
BOOST_AUTO_TEST_CASE(an_infinite_element_explains_no_other_mistake) {
  const auto f = [](Point p) { return std::exp(-p[0]) + std::exp(-p[1]); };
  const auto gradient = [](Point p) { return Numbers{-std::exp(-p[0]), 123.0}; };
  const GradcheckReport report = check_gradient(f, gradient, Numbers{1.0, std::numeric_limits<double>::infinity()});
  BOOST_TEST((report.verdict() == Verdict::wrong));
  BOOST_TEST(!report.findings.front().diagnosis, to_string(report));
}

// Differences of rounding errors grow as the steps shrink, too: a function of slope 0 that errs by some 1e-14 of its
// value, each time in another way.
BOOST_AUTO_TEST_CASE(rounding_errors_are_no_infinite_slope) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const auto errs = [seed](double x) {
      const double error = RandomStream{seed, 0}.uniform64(std::bit_cast<std::uint64_t>(x)) - 0.5;
      return 1e-3 * (1.0 + 1e-14 * error);
    };
    const Verdict verdict = check_at(0.5, errs, 0.0).verdict();
    BOOST_TEST((verdict == Verdict::ok || verdict == Verdict::vacuous), "seed " << seed);
  }
}

BOOST_AUTO_TEST_SUITE_END()
