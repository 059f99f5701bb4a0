// Inputs whose gradients have changed places.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "gradcheck/diagnosed.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

BOOST_AUTO_TEST_SUITE(diagnose_exchanged)

// Of a product the gradient of either factor is the other; that of a sum is 1 for both, and one that is wrong is not
// the other's.
BOOST_AUTO_TEST_CASE(gradients_of_two_inputs_that_have_changed_places_are_told) {
  const Numbers ab = normal(8, 6);
  const GradcheckOptions options{.input_names = {"a", "b"}, .input_shapes = {{4}, {4}}};
  const auto product = [](Point p) {
    Numbers y;
    for (std::size_t k = 0; k < 4; ++k) y.push_back(p[k] * std::exp(p[k + 4]));
    return y;
  };
  const auto rule = [](Point p, Point v) {
    Numbers gradient(8);
    for (std::size_t k = 0; k < 4; ++k) {
      gradient[k] = v[k] * p[k] * std::exp(p[k + 4]);
      gradient[k + 4] = v[k] * std::exp(p[k + 4]);
    }
    return gradient;
  };
  const GradcheckReport exchanged = check_pullback(product, rule, ab, options);
  expect(exchanged, GradcheckMistake::exchanged_inputs, "analytic is numeric of input 'b'");
  BOOST_TEST((exchanged.findings[1].diagnosis &&
              exchanged.findings[1].diagnosis->mistake == GradcheckMistake::exchanged_inputs),
             to_string(exchanged));
  // Along directions: where the elements are located afterwards, where they are too many for that, and where outputs
  // are.
  for (const std::size_t count : {std::size_t{4}, std::size_t{3000}})
    for (const bool single : {false, true}) {
      const auto outputs = [&](Point p) {
        Numbers y;
        for (std::size_t k = 0; k < count; ++k) y.push_back(p[k] * std::exp(p[k + count]));
        return single ? Numbers{std::accumulate(y.begin(), y.end(), 0.0)} : y;
      };
      const auto gradients = [&](bool right) {
        return [&, right](Point p, Point v) {
          Numbers gradient(2 * count);
          for (std::size_t k = 0; k < count; ++k) {
            const double by_b = v[single ? 0 : k] * std::exp(p[k + count]), by_a = by_b * p[k];
            gradient[k] = right ? by_b : by_a;
            gradient[k + count] = right ? by_a : by_b;
          }
          return gradient;
        };
      };
      const auto size = static_cast<std::int64_t>(count);
      const GradcheckOptions along{.budget = 0, .input_names = {"a", "b"}, .input_shapes = {{size}, {size}}};
      const Numbers point = normal(2 * count, 6);
      BOOST_TEST(check_pullback(outputs, gradients(true), point, along).ok());
      const GradcheckReport report = check_pullback(outputs, gradients(false), point, along);
      for (const GradcheckFinding& finding : report.findings)
        BOOST_TEST((finding.diagnosis && finding.diagnosis->mistake == GradcheckMistake::exchanged_inputs),
                   to_string(report));
      // One of them wrong, the other right.
      const auto half = [&](Point p, Point v) {
        Numbers gradient = gradients(true)(p, v);
        std::copy(gradient.begin() + size, gradient.end(), gradient.begin());
        return gradient;
      };
      const GradcheckReport one_wrong = check_pullback(outputs, half, point, along);
      BOOST_TEST((one_wrong.verdict() == Verdict::wrong));
      for (const GradcheckFinding& finding : one_wrong.findings)
        BOOST_TEST((!finding.diagnosis || finding.diagnosis->mistake != GradcheckMistake::exchanged_inputs),
                   to_string(one_wrong));
    }
  const auto sum = [](Point p) { return Numbers{p[0] + p[4], p[1] + p[5], p[2] + p[6], p[3] + p[7]}; };
  const auto half_right = [](Point p, Point v) {
    Numbers gradient(v.begin(), v.end());
    for (std::size_t k = 0; k < 4; ++k) gradient.push_back(v[k] * p[k]);
    return gradient;
  };
  const GradcheckReport one = check_pullback(sum, half_right, ab, options);
  BOOST_TEST((one.verdict() == Verdict::wrong), to_string(one));
  for (const GradcheckFinding& finding : one.findings)
    BOOST_TEST((!finding.diagnosis || finding.diagnosis->mistake != GradcheckMistake::exchanged_inputs),
               to_string(one));
}

BOOST_AUTO_TEST_SUITE_END()
