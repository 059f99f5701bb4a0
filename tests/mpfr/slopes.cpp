// The references against themselves, and the slopes that are asked for when a sweep is recorded.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "truth/measure.hpp"

using namespace tapegrad;
using namespace tapegrad::truth;

BOOST_AUTO_TEST_SUITE(slopes)

// A derivative that was written down wrongly here would condemn a right one there.
BOOST_AUTO_TEST_CASE(references_agree_with_differences) {
  const Real::Precision precision(1024);
  for (const Reference& reference : references()) {
    int compared = 0;
    for (const double x : {-9.7, -2.3, -0.6, -0.02, 0.03, 0.4, 0.9, 1.7, 6.1, 12.3}) {
      const Real h = scale(1.0, -200);
      const Real slope = (reference.value(x + h) - reference.value(x - h)) / scale(h, 1);
      if (slope.is_nan()) continue;
      ++compared;
      const Real expected = reference.derivative(x);
      const Real error = abs(slope - expected);
      BOOST_TEST((error.is_zero() || error < scale(abs(expected), -100)),
                 reference.row << " at " << x << ": the reference's derivative is " << expected.to_double()
                               << ", differences of its value give " << slope.to_double());
    }
    BOOST_TEST(compared >= 2, reference.row << " is defined at " << compared << " of these points");
  }
}

// What a recorded sweep computes from tensors may round more often (e^(-x^2) magnifies the rounding of x^2 700 times),
// but it has the same tails and the same values at kinks, infinities and the ends of the domain.
BOOST_AUTO_TEST_CASE(recorded_sweeps_have_the_same_slopes) {
  for (const Reference& reference : references()) {
    BOOST_TEST_CONTEXT(reference.row) {
      const std::vector<double> points = sample_points<double>(reference);
      std::vector<double> x;
      for (std::size_t i = 0; i < points.size(); i += 3) x.push_back(points[i]);
      std::vector<double> y(x.size()), fused(x.size()), recorded(x.size());
      by_reverse_sweep<double>(reference)(x, y, fused);
      by_reverse_sweep<double>(reference, true)(x, y, recorded);
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (std::isnan(y[i]) || fused[i] == recorded[i] || (std::isnan(fused[i]) && std::isnan(recorded[i]))) continue;
        const bool cancels = std::ranges::any_of(
            reference.derivative_cancels, [at = x[i]](const Interval& w) { return w.low <= at && at <= w.high; });
        const double size = std::max(std::abs(fused[i]), cancels ? 1.0 : 1e-300);
        if (!(std::abs(fused[i] - recorded[i]) <= 1e-12 * size))
          BOOST_TEST(false, "at " << x[i] << " fused " << fused[i] << ", recorded " << recorded[i]);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
