// What cancels and is divided by a small input, as in the coefficients of rotations: where the numerator stands still
// at the smallest steps, the quotient moves as the denominator alone.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <vector>

#include "gradcheck/functions.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

namespace {

using Function = std::function<double(double)>;

GradcheckReport check(const Function& f, const Function& slope, double x) {
  return check_gradient([&](Point p) { return f(p[0]); }, [&](Point p) { return Numbers{slope(p[0])}; }, Numbers{x});
}

/// A quotient that cancels, and the series of its slope from x^1 on: right below 1e-2.
struct Quotient {
  const char* name;
  Function f, slope;
};

const std::vector<Quotient>& quotients() {
  static const std::vector<Quotient> all = {
      {"(1 - cos x) / x^2", [](double x) { return (1.0 - std::cos(x)) / (x * x); },
       [](double x) { return -x / 12.0 + x * x * x / 180.0; }},
      {"(x - sin x) / x^3", [](double x) { return (x - std::sin(x)) / (x * x * x); },
       [](double x) { return -x / 60.0 + x * x * x / 1260.0; }},
      {"(sqrt(1 + x^2) - 1) / x^2", [](double x) { return (std::sqrt(1.0 + x * x) - 1.0) / (x * x); },
       [](double x) { return -x / 4.0 + x * x * x / 4.0; }},
      {"log(1 + x^2) / x^2", [](double x) { return std::log(1.0 + x * x) / (x * x); },
       [](double x) { return -x + 4.0 * x * x * x / 3.0; }}};
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(quotients_of_small_inputs)

BOOST_AUTO_TEST_CASE(the_right_slope_is_not_called_wrong) {
  for (const Quotient& each : quotients())
    for (const double x : {1e-3, 3.2e-5, 1e-5, 5.6e-6, 1e-6, 5.6e-7, -1e-6})
      BOOST_TEST((check(each.f, each.slope, x).verdict() != Verdict::wrong),
                 each.name << " at " << x << ": " << to_string(check(each.f, each.slope, x)));
}

BOOST_AUTO_TEST_CASE(a_wrong_slope_is_where_it_can_be_told) {
  for (const Quotient& each : quotients()) {
    const auto opposite = [&](double x) { return -each.slope(x); };
    BOOST_TEST((check(each.f, each.slope, 0.01).verdict() == Verdict::ok), each.name);
    BOOST_TEST((check(each.f, opposite, 0.01).verdict() == Verdict::wrong), each.name);
  }
}

// Steps of a hundredth see none of these waves, the smallest do.
BOOST_AUTO_TEST_CASE(waves_of_next_to_no_height_do_not_make_their_slope_wrong) {
  const auto f = [](double x) { return 1e-7 * std::sin(1e7 * x) + x; };
  const auto slope = [](double x) { return std::cos(1e7 * x) + 1.0; };
  for (const double x : {0.3, 1.0}) BOOST_TEST((check(f, slope, x).verdict() != Verdict::wrong), x);
}

BOOST_AUTO_TEST_SUITE_END()
