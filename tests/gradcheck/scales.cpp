// Functions of a scale of their own, which wide steps undersample: teeth, waves and steep turns.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <utility>

#include "gradcheck/functions.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

namespace {

using OfOne = std::function<double(double)>;

Verdict verdict_of(const OfOne& f, const OfOne& slope, double x) {
  return check_gradient([&](Point p) { return f(p[0]); }, [&](Point p) { return Numbers{slope(p[0])}; }, Numbers{x})
      .verdict();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scales)

BOOST_AUTO_TEST_CASE(slopes_of_teeth_are_told) {
  const auto teeth = [](double x) { return 1000.0 * x - std::floor(1000.0 * x); };
  const auto check = [&](double slope, double x) {
    return verdict_of(
        teeth, [=](double) { return slope; }, x);
  };
  for (const double x : {-0.31771, 0.12345, 0.7004}) {
    BOOST_TEST((check(1000.0, x) == Verdict::ok), x);
    for (const double wrong : {1300.0, 1001.0, -1000.0, 0.0}) BOOST_TEST((check(wrong, x) == Verdict::wrong), x);
  }
}

BOOST_AUTO_TEST_CASE(small_functions_of_a_small_scale_are_told) {
  const double e = 1e-12;
  const auto wave = [=](double x) { return e * std::sin(x / e); };
  BOOST_TEST((verdict_of(
                  wave, [=](double x) { return std::cos(x / e); }, 0.13 * e) == Verdict::ok));
  const double f = 1e-14;
  const auto turn = [=](double x) { return f * std::tanh(x / f) + x * x; };
  const auto slope = [=](double x) { return 2.0 * x + 1.0 / std::pow(std::cosh(x / f), 2.0); };
  BOOST_TEST((verdict_of(turn, slope, -1.4 * f) == Verdict::ok));
  const double g = 1e-20;
  const auto least = [=](double x) { return g * std::sin(x / g); };
  BOOST_TEST((verdict_of(
                  least, [=](double x) { return std::cos(x / g); }, 0.7 * g) != Verdict::wrong));
}

// Wide steps tell the slope that the rule says, the smallest that of the function.
BOOST_AUTO_TEST_CASE(a_rule_that_forgets_a_wave_is_wrong) {
  for (const auto& [w, x] : {std::pair(1e4, 310.0), std::pair(1e5, 31.0), std::pair(1e6, 3.1)}) {
    const auto f = [w = w](double v) { return v + std::sin(w * v) / w; };
    BOOST_TEST((verdict_of(
                    f, [](double) { return 1.0; }, x) == Verdict::wrong),
               w << " at " << x);
  }
}

BOOST_AUTO_TEST_SUITE_END()
