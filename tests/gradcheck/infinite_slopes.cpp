// Infinite slopes, and infinite or NaN elements beside finite ones.
#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gradcheck/functions.hpp"
#include "tapegrad/base/random.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

BOOST_AUTO_TEST_SUITE(infinite_slopes)

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
