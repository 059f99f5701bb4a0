// What the tests of diagnoses share: functions to plant mistakes in, and the expectation of a diagnosis.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>

#include "gradcheck/functions.hpp"

namespace tapegrad::testing_functions {

inline constexpr std::size_t kSide = 5;
inline const GradcheckOptions kSquare{.input_names = {"x"}, .input_shapes = {{kSide, kSide}}};
inline const GradcheckOptions kSquareToSquare{
    .input_names = {"x"}, .input_shapes = {{kSide, kSide}}, .output_shape = {kSide, kSide}};

inline Numbers sines(Point x) {
  Numbers y;
  for (const double v : x) y.push_back(std::sin(v));
  return y;
}

/// y_k = sin(x_k) with the Jacobian's diagonal changed by `mistake`.
inline GradcheckReport check_elementwise(const std::function<double(Point, std::size_t)>& slope, const Function& f,
                                         const Numbers& x, const GradcheckOptions& options) {
  return check_jacobian(
      f,
      [&](Point p) {
        Jacobian j{p.size(), p.size()};
        for (std::size_t k = 0; k < p.size(); ++k) j(k, k) = slope(p, k);
        return j.values;
      },
      x, options);
}

/// The rows of x, each less the logarithm of the sum of its exponentials.
inline Numbers log_softmax_of_rows(Point x, std::size_t columns) {
  Numbers y(x.begin(), x.end());
  for (std::size_t begin = 0; begin < x.size(); begin += columns) {
    double sum = 0.0;
    for (std::size_t c = 0; c < columns; ++c) sum += std::exp(x[begin + c]);
    for (std::size_t c = 0; c < columns; ++c) y[begin + c] -= std::log(sum);
  }
  return y;
}

inline void expect(const GradcheckReport& report, GradcheckMistake mistake, const std::string& words = "") {
  BOOST_TEST((report.verdict() == Verdict::wrong), to_string(report));
  const auto found = std::find_if(report.findings.begin(), report.findings.end(),
                                  [](const GradcheckFinding& f) { return f.verdict == Verdict::wrong; });
  BOOST_TEST_REQUIRE((found != report.findings.end()), to_string(report));
  BOOST_TEST_REQUIRE(found->diagnosis.has_value(), to_string(report));
  BOOST_TEST((found->diagnosis->mistake == mistake), to_string(report));
  BOOST_TEST(found->diagnosis->text.find(words) != std::string::npos, found->diagnosis->text);
}

}  // namespace tapegrad::testing_functions
