// check_gradient and its kin on plain callables: every spelling, parts of x, kinks, linearity, and options.
#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "gradcheck/functions.hpp"
#include "says.hpp"
#include "tapegrad/base/error.hpp"

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

// An optimiser hands over a buffer that it has used before.
BOOST_AUTO_TEST_CASE(what_is_not_written_or_is_added_to_is_found) {
  const auto check_writing = [](const std::function<void(const Numbers&, std::span<double>)>& write) {
    return check_gradient(
               [&](Point x, std::span<double> out) {
                 write(rosenbrock_gradient(x), out);
                 return rosenbrock(x);
               },
               kPoint)
        .verdict();
  };
  const auto add = [](const Numbers& g, std::span<double> out) {
    for (std::size_t i = 0; i < g.size(); ++i) out[i] += g[i];
  };
  const auto write_first = [](const Numbers& g, std::span<double> out) { out[0] = g[0]; };
  BOOST_TEST((check_writing(add) == Verdict::wrong));
  BOOST_TEST((check_writing(write_first) == Verdict::wrong));
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

BOOST_AUTO_TEST_CASE(names_need_parts) {
  BOOST_CHECK_EXCEPTION((void)check_gradient(rosenbrock, rosenbrock_gradient, kPoint, {.input_names = {"a", "b"}}),
                        ValueError,
                        says("[check_gradient] 2 input_names for 1 part of x: input_shapes cuts it into parts"));
}

BOOST_AUTO_TEST_SUITE_END()
