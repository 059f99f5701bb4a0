// Where the border lies between right, wrong, kink and what differences cannot tell.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <string>

#include "gradcheck/functions.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

namespace {

struct Curve {
  std::string name;
  double x;
  std::function<double(double)> f, slope;
};

const std::vector<Curve> kCurves = {
    {"exp", 0.3, [](double v) { return std::exp(v); }, [](double v) { return std::exp(v); }},
    {"square", 0.7, [](double v) { return v * v; }, [](double v) { return 2.0 * v; }},
    {"sine", 0.7, [](double v) { return std::sin(v); }, [](double v) { return std::cos(v); }},
    {"logarithm near 0", 0.01, [](double v) { return std::log(v); }, [](double v) { return 1.0 / v; }},
    {"high power", 1.1, [](double v) { return std::pow(v, 15.0); }, [](double v) { return 15.0 * std::pow(v, 14.0); }}};

/// f, whose values are rounded to float32, with a slope that somebody claims.
GradcheckReport check_in_float32(const std::function<double(Point)>& f, const Numbers& claimed, const Numbers& x) {
  return check_gradient([&](Point p) { return static_cast<double>(static_cast<float>(f(p))); },
                        [&](Point) { return claimed; }, x, {.accuracy = std::ldexp(1.0, -23)});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(judgement)

// Curvature leaves more in the Taylor remainder than so small an error, and central differences do not see it.
BOOST_AUTO_TEST_CASE(an_error_that_is_measured_is_wrong_however_small) {
  for (const Curve& c : kCurves) {
    const auto verdict = [&](double error) {
      return check_gradient([&](Point p) { return c.f(p[0]); },
                            [&](Point p) { return Numbers{(1.0 + error) * c.slope(p[0])}; }, Numbers{c.x})
          .verdict();
    };
    BOOST_TEST((verdict(0.0) == Verdict::ok), c.name);
    for (const double error : {1e-8, -1e-7, 1e-7, 1e-6, 1e-4})
      BOOST_TEST((verdict(error) == Verdict::wrong), c.name << error);
  }
}

// The terms are as large as the input, and what is left of them is below their rounding.
BOOST_AUTO_TEST_CASE(a_slope_below_the_rounding_of_what_is_exactly_zero_proves_nothing) {
  const auto softplus = [](Point p) { return std::log(1.0 + std::exp(p[0])); };
  const auto sigmoid = [](Point p) { return Numbers{1.0 / (1.0 + std::exp(-p[0]))}; };
  const auto report = check_gradient(softplus, sigmoid, Numbers{-50.0});
  BOOST_TEST((report.verdict() == Verdict::vacuous), to_string(report));
  // Zero, but not at any step: nothing has cancelled, and an error is one.
  const auto tiny = [](Point p) { return 1e-30 * p[0]; };
  const auto claim = [](double slope) { return [slope](Point) { return Numbers{slope}; }; };
  BOOST_TEST((check_gradient(tiny, claim(1e-30), Numbers{0.0}).verdict() == Verdict::ok));
  BOOST_TEST((check_gradient(tiny, claim(2e-30), Numbers{0.0}).verdict() == Verdict::wrong));
  // On one side too.
  const auto half_line = [](Point p) { return p[0] < 0.0 ? std::nan("") : 5e-15 * p[0]; };
  BOOST_TEST((check_gradient(half_line, claim(5e-15), Numbers{0.0}).verdict() == Verdict::ok));
  BOOST_TEST((check_gradient(half_line, claim(-5e-15), Numbers{0.0}).verdict() == Verdict::wrong));
  // A slope that no rounding could hide.
  const auto zero = [](Point p) { return 0.0 * p[0]; };
  BOOST_TEST((check_gradient(zero, claim(1e-6), Numbers{-50.0}).verdict() == Verdict::wrong));
}

// Wide steps find it flat, and say nothing of the slope.
BOOST_AUTO_TEST_CASE(no_gradient_of_a_steep_function_is_wrong) {
  for (const double steep : {100.0, 300.0, 500.0, 1000.0, 1e5}) {
    const auto f = [&](Point p) { return std::tanh(steep * p[0]); };
    const double x = 0.1 / steep;
    const double slope = steep / std::pow(std::cosh(0.1), 2.0);
    for (const double factor : {0.0, 0.5, 1.01}) {
      const auto claimed = [&](Point) { return Numbers{factor * slope}; };
      BOOST_TEST((check_gradient(f, claimed, Numbers{x}).verdict() == Verdict::wrong), steep << " times " << factor);
    }
    BOOST_TEST((check_gradient(
                    f, [&](Point) { return Numbers{slope}; }, Numbers{x})
                    .verdict() == Verdict::ok),
               steep);
  }
}

// The steps of float32 do not come down to a wave that is 1/2000 of the input: no verdict, not a wrong one.
BOOST_AUTO_TEST_CASE(waves_that_all_steps_pass_over_are_not_called_wrong) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Numbers x = normal(1, seed, 1e3);
    x[0] = static_cast<double>(static_cast<float>(x[0] + 12000.0));
    const auto wave = [](Point p) { return std::sin(static_cast<double>(static_cast<float>(p[0]))); };
    BOOST_TEST((check_in_float32(wave, {std::cos(x[0])}, x).verdict() != Verdict::wrong), "at " << x[0]);
  }
  const double far = 1.2345e13;
  const auto fine = check_gradient([](Point p) { return std::sin(p[0]); },
                                   [](Point p) { return Numbers{std::cos(p[0])}; }, Numbers{far});
  BOOST_TEST((fine.verdict() != Verdict::wrong), to_string(fine));
  // What is zero but for rounding has no waves that would hide a slope of 0.8.
  const auto centred = [](Point p) {
    const double mean = (p[0] + p[1]) / 2;
    return (p[0] - mean) + (p[1] - mean);
  };
  for (const double unit : {1.0, 1e20}) {
    const GradcheckReport report = check_gradient([&](Point p) { return unit * centred(p); },
                                                  [&](Point) {
                                                    return Numbers{0.8 * unit, -0.8 * unit};
                                                  },
                                                  Numbers{0.31, -0.72});
    BOOST_TEST((report.verdict() == Verdict::wrong), unit << ": " << to_string(report));
  }
  // Rough values that stay where they are refute a slope.
  const auto rough = [](Point p) { return 1.0 + 1e-3 * std::sin(1e6 * p[0]); };
  BOOST_TEST((check_gradient(rough, [](Point) { return Numbers{5.0}; }, Numbers{0.7}, {.accuracy = 1e-3}).verdict() ==
              Verdict::wrong));
}

// Far away it looks like the maximum of its inputs, and near by rounding hides all but that it has one slope.
BOOST_AUTO_TEST_CASE(a_bend_that_only_wide_steps_see_is_no_kink) {
  const auto logsumexp = [](Point p) {
    double sum = 0.0;
    for (const double v : p) sum += std::exp(v - 1000.0);
    return 1000.0 + std::log(sum);
  };
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Numbers x = normal(3, seed, 0.5);
    for (double& v : x) v += 1000.0;
    Numbers softmax;
    for (const double v : x) softmax.push_back(std::exp(v - logsumexp(x)));
    const GradcheckReport right = check_in_float32(logsumexp, softmax, x);
    BOOST_TEST((right.verdict() == Verdict::ok || right.verdict() == Verdict::unreliable), to_string(right));
    softmax[1] += 0.1;
    const GradcheckReport wrong = check_in_float32(logsumexp, softmax, x);
    BOOST_TEST(!wrong.ok(), to_string(wrong));
  }
}

// x^4 and x^2 cancel in f(-h) + f(h) at one step of the first family, and rounding covers the smaller ones.
BOOST_AUTO_TEST_CASE(terms_that_cancel_at_one_step_are_no_kink) {
  for (const int power : {-4, -5, -6, -7, -8}) {
    const double h = std::ldexp(1.0, power);
    const auto f = [h](Point p) { return 1.0 + p[0] + 1000.0 * p[0] * p[0] * (p[0] * p[0] - 4.0 * h * h); };
    BOOST_TEST((check_in_float32(f, {1.0}, {0.0}).verdict() != Verdict::kink), "at 2^" << power);
    BOOST_TEST((check_in_float32(f, {1.5}, {0.0}).verdict() == Verdict::wrong), "at 2^" << power);
  }
}

// The slope of either side is a subgradient, to the accuracy with which that side can be seen: also on a height, beside
// curvature, and of a maximum's equal arguments, of which one gets all.
BOOST_AUTO_TEST_CASE(the_slope_of_one_side_is_a_subgradient) {
  const auto at_kink = [](const std::function<double(Point)>& f, const Numbers& claimed, const Numbers& x) {
    return check_gradient(
               f, [&](Point) { return claimed; }, x)
        .verdict();
  };
  const auto bent = [](Point p) { return 1.0 + std::max(p[0] - 1.0, 0.0) + std::sin(p[0]); };
  for (const double share : {0.0, 0.5, 1.0})
    BOOST_TEST((at_kink(bent, {std::cos(1.0) + share}, {1.0}) == Verdict::kink), share);
  for (const double share : {-0.1, 1.1})
    BOOST_TEST((at_kink(bent, {std::cos(1.0) + share}, {1.0}) == Verdict::wrong), share);
  const auto high = [](Point p) { return 100.0 + 0.1 * std::abs(p[0]) + 0.5 * p[0]; };
  for (const double slope : {0.4, 0.6}) BOOST_TEST((at_kink(high, {slope}, {0.0}) == Verdict::kink), slope);
  const auto magnitude = [](Point p) { return std::abs(p[0]); };
  BOOST_TEST((at_kink(magnitude, {1.0}, {0.0}) == Verdict::kink));
  for (const double slope : {-1.01, 1.01}) BOOST_TEST((at_kink(magnitude, {slope}, {0.0}) == Verdict::wrong), slope);
  for (const double slope : {0.38, 0.62}) BOOST_TEST((at_kink(high, {slope}, {0.0}) == Verdict::wrong), slope);
  // The smallest steps, where the sides are told from their neighbours, leave rounding 1/500 of a slope.
  const auto clamped = [](Point p) { return 2.0 * std::exp(1.0) + std::max(p[0], -1.0) * std::exp(p[0]); };
  BOOST_TEST((at_kink(clamped, {-std::exp(-1.0)}, {-1.0}) == Verdict::kink));
  BOOST_TEST((at_kink(clamped, {-1.02 * std::exp(-1.0)}, {-1.0}) == Verdict::wrong));
  for (const double scale : {0.1, 10.0}) {
    const auto largest = [&](Point p) { return scale * std::max(p[0], p[1]); };
    BOOST_TEST((at_kink(largest, {scale, 0.0}, {1.5, 1.5}) == Verdict::kink), scale);
    BOOST_TEST((at_kink(largest, {0.0, scale}, {1.5, 1.5}) == Verdict::kink), scale);
  }
}

// What is said of kinks holds on a height in float32 and beside curvature too.
BOOST_AUTO_TEST_CASE(a_kink_is_one_in_float32) {
  for (const double height : {0.0, 1.0, 100.0})
    for (const double curvature : {0.0, 1.0, -1.0, 10.0, -10.0}) {
      const auto f = [=](Point p) { return height + std::abs(p[0]) + curvature * p[0] * p[0]; };
      const auto verdict = [&](double claimed) { return check_in_float32(f, {claimed}, {0.0}).verdict(); };
      for (const double inside : {-1.0, -0.3, 0.0, 1.0})
        BOOST_TEST((verdict(inside) == Verdict::kink), inside << " beside " << curvature << " on " << height);
      BOOST_TEST((verdict(1.5) == Verdict::wrong), "beside " << curvature << " on " << height);
    }
  const auto largest = [](Point p) { return std::max(p[0], p[1]); };
  for (const Numbers& right : {Numbers{1.0, 0.0}, {0.5, 0.5}})
    BOOST_TEST((check_in_float32(largest, right, {1.5, 1.5}).verdict() == Verdict::kink));
  for (const Numbers& wrong : {Numbers{1.0, 1.0}, {0.0, 0.0}})
    BOOST_TEST((check_in_float32(largest, wrong, {1.5, 1.5}).verdict() == Verdict::wrong));
}

// The largest of the block is no measure of what differences see to a millionth.
BOOST_AUTO_TEST_CASE(a_huge_element_hides_no_error_of_a_percent) {
  for (const double huge : {1e4, 1e6, 1e8})
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const auto verdict = [&](double factor) {
        return check_gradient([=](Point p) { return huge * std::exp(p[0]) + std::exp(p[1]) + p[2] + p[3]; },
                              [=](Point p) {
                                return Numbers{huge * std::exp(p[0]), factor * std::exp(p[1]), 1.0, 1.0};
                              },
                              normal(4, seed, 0.5))
            .verdict();
      };
      BOOST_TEST((verdict(1.0) == Verdict::ok), huge << " seed " << seed);
      BOOST_TEST((verdict(1.01) == Verdict::wrong), huge << " seed " << seed);
    }
}

// However little of the slope the values tell: they are known to a millionth.
BOOST_AUTO_TEST_CASE(an_error_of_a_percent_is_never_ok) {
  for (const double size : {1.0, 0.1, 0.05, 0.03, 0.02, 0.01, 1e-3}) {
    const auto f = [size](Point p) { return std::round(1e6 * (1.0 + size * std::sin(p[0]))) / 1e6; };
    const GradcheckReport report = check_gradient(f, [size](Point p) { return Numbers{1.01 * size * std::cos(p[0])}; },
                                                  Numbers{0.7}, {.accuracy = 1e-6});
    BOOST_TEST(!report.ok(), "of " << size << "\n" << to_string(report));
  }
}

BOOST_AUTO_TEST_CASE(an_infinite_slope_has_a_sign_and_is_no_other_number) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const auto verdict = [](double (*f)(double), double claimed) {
    return check_gradient([&](Point p) { return f(p[0]); }, [&](Point) { return Numbers{claimed}; }, Numbers{0.0})
        .verdict();
  };
  const auto falling = [](double v) { return -std::cbrt(v); };
  BOOST_TEST((verdict(falling, -kInf) == Verdict::ok));
  const auto ending = [](double v) { return -std::sqrt(v); };
  BOOST_TEST((verdict(ending, -kInf) == Verdict::ok));
  const auto jumping = [](double v) { return v > 0.0 ? 1.0 : 0.0; };
  BOOST_TEST((verdict(falling, kInf) == Verdict::wrong));
  BOOST_TEST((verdict(ending, kInf) == Verdict::wrong));
  BOOST_TEST((verdict(jumping, kInf) == Verdict::out_of_domain));
  for (const auto f : {+falling, +ending, +jumping}) {
    BOOST_TEST((verdict(f, 0.0) == Verdict::out_of_domain));
    BOOST_TEST((verdict(f, std::nan("")) == Verdict::wrong));
  }
}

// Steps of powers of two would step from one period to the next, and from stair to stair.
BOOST_AUTO_TEST_CASE(waves_and_stairs_of_powers_of_two_are_seen) {
  for (const int bits : {7, 8, 9, 10, 12, 16, 18, 20})
    for (const double x : {0.3, 0.31, 0.3331, 0.7}) {
      const double fine = std::ldexp(1.0, bits);
      const auto verdict = [x](const auto& f, const auto& slope) {
        return check_gradient([&](Point p) { return f(p[0]); }, [&](Point p) { return Numbers{slope(p[0])}; },
                              Numbers{x})
            .verdict();
      };
      const auto straight_through = [](double) { return 1.0; };
      const Verdict stairs = verdict([&](double v) { return std::round(v * fine) / fine; }, straight_through);
      BOOST_TEST((stairs == Verdict::wrong || stairs == Verdict::unreliable),
                 bits << " bits at " << x << ": " << to_string(stairs));
      const auto wave = [&](double v) { return std::sin(v) + std::sin(fine * std::numbers::pi * v); };
      BOOST_TEST((verdict(wave, [](double v) { return std::cos(v); }) == Verdict::wrong), bits << " bits at " << x);
    }
}

BOOST_AUTO_TEST_CASE(what_keeps_a_verdict_back_is_named) {
  const auto note = [](const auto& f, const Numbers& claimed, const Numbers& x) {
    const GradcheckReport report = check_gradient(
        f, [&](Point) { return claimed; }, x);
    BOOST_TEST((report.verdict() == Verdict::unreliable), to_string(report));
    return report.findings.front().note;
  };
  const auto ramp = [](Point p) { return std::max(p[0], 0.0); };
  const auto waves = [](Point p) { return std::sin(p[0]); };
  BOOST_TEST(note(waves, {std::cos(1.2345e13)}, {1.2345e13}).find("waves shorter than they") != std::string::npos);
  BOOST_TEST(note(ramp, {0.98}, {1e-7}).find("but its Taylor remainder does not show that error") != std::string::npos);
  const auto ramps = [](Point p) { return std::max(p[0], 0.0) + std::max(p[1], 0.0); };
  BOOST_TEST(note(ramps, {0.0, 1.0}, {1e-7, 0.5}).find("whether it stands on a kink that others take part in") !=
             std::string::npos);
}

// At wide steps the kink beside the point is all that is seen; of one element nothing else takes part in it.
BOOST_AUTO_TEST_CASE(a_wrong_slope_beside_a_kink_is_wrong) {
  for (const double curved : {0.0, 1.0}) {
    const auto f = [&](Point p) { return std::max(p[0], 0.0) + curved * p[0] * p[0]; };
    for (const double x : {1e-8, 1e-9, 1e-10, 1e-11}) {
      const auto verdict = [&](double factor) {
        return check_gradient(
                   f, [&](Point p) { return Numbers{factor * (1.0 + 2.0 * curved * p[0])}; }, Numbers{x})
            .verdict();
      };
      BOOST_TEST((verdict(1.0) == Verdict::ok), x);
      for (const double factor : {0.0, 0.5, 0.98, 2.0})
        BOOST_TEST((verdict(factor) == Verdict::wrong), x << " " << factor);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
