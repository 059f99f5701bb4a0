// Rough values, and numbers that leave no room for a slope: noise is told from error.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <string>

#include "gradcheck/functions.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

BOOST_AUTO_TEST_SUITE(noise)

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

BOOST_AUTO_TEST_SUITE_END()
