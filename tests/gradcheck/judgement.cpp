// Where the border lies between right, wrong, kink and what differences cannot tell.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
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

BOOST_AUTO_TEST_SUITE_END()
