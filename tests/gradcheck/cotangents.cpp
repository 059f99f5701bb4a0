// Rules that are not linear in the cotangent: found beyond the sizes that random cotangents have, and told apart.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <string_view>

#include "gradcheck/diagnosed.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

namespace {

const Numbers kAt = {0.3, -0.4, 1.1};

/// The check of a rule that makes something of each element of the cotangent, and is right otherwise.
GradcheckReport check_through(const std::function<double(double)>& made, std::uint64_t seed = 0) {
  return check_pullback(sines,
                        [&](Point x, Point v) {
                          Numbers gradient;
                          for (std::size_t i = 0; i < x.size(); ++i) gradient.push_back(made(v[i]) * std::cos(x[i]));
                          return gradient;
                        },
                        kAt, {.seed = seed});
}

/// Whether a diagnosis has these words.
bool is_told(const GradcheckReport& report, std::string_view text) {
  const auto has = [&](const GradcheckFinding& f) {
    return f.diagnosis && f.diagnosis->text.find(text) != std::string::npos;
  };
  return std::any_of(report.findings.begin(), report.findings.end(), has);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cotangents)

BOOST_AUTO_TEST_CASE(a_rule_that_clips_is_found) {
  for (const double limit : {3.0, 5.0, 10.0, 100.0})
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const GradcheckReport report = check_through([limit](double v) { return std::clamp(v, -limit, limit); }, seed);
      BOOST_TEST((report.verdict() == Verdict::wrong), limit << ": " << to_string(report));
    }
  BOOST_TEST(is_told(check_through([](double v) { return std::clamp(v, -10.0, 10.0); }), "dy is clipped"));
}

BOOST_AUTO_TEST_CASE(a_rule_that_flushes_is_found) {
  const GradcheckReport report = check_through([](double v) { return std::abs(v) < 0.01 ? 0.0 : v; });
  BOOST_TEST((report.verdict() == Verdict::wrong), to_string(report));
  BOOST_TEST(is_told(report, "small elements of dy are taken for zero"), to_string(report));
}

// Along directions too.
BOOST_AUTO_TEST_CASE(a_large_rule_that_clips_or_flushes_is_found) {
  const Numbers at = normal(1000, 3);
  const auto check = [&](const std::function<double(double)>& made) {
    return check_pullback(
        sines,
        [&](Point x, Point v) {
          Numbers gradient;
          for (std::size_t i = 0; i < x.size(); ++i) gradient.push_back(made(v[i]) * std::cos(x[i]));
          return gradient;
        },
        at);
  };
  BOOST_TEST((check([](double v) { return v; }).verdict() == Verdict::ok));
  const GradcheckReport clips = check([](double v) { return std::clamp(v, -10.0, 10.0); });
  BOOST_TEST((clips.verdict() == Verdict::wrong));
  BOOST_TEST(is_told(clips, "dy is clipped"));
  BOOST_TEST((check([](double v) { return std::abs(v) < 0.001 ? 0.0 : v; }).verdict() == Verdict::wrong));
}

BOOST_AUTO_TEST_CASE(what_is_no_number_for_a_large_cotangent_is_found) {
  BOOST_TEST(
      (check_through([](double v) { return std::abs(v) > 100.0 ? std::nan("") : v; }).verdict() == Verdict::wrong));
  BOOST_TEST((check_through([](double v) { return std::log(std::exp(v)); }).verdict() == Verdict::wrong));
}

// Down to what rounding hides: an added number is none of a lost sign, of which minus u shows twice as much.
BOOST_AUTO_TEST_CASE(what_is_added_is_not_taken_for_a_lost_sign) {
  for (int k = 0; k < 40; ++k) {
    const double added = 1e-4 * std::pow(0.7, k);  // down to 9e-11
    const GradcheckReport report = check_through([added](double v) { return v + added; });
    BOOST_TEST((report.verdict() == Verdict::wrong), added << ": " << to_string(report));
    BOOST_TEST(!is_told(report, "does not keep the sign"), added << ": " << to_string(report));
  }
  BOOST_TEST(is_told(check_through([](double v) { return v < 0.0 ? -v : v; }), "is not"));
}

BOOST_AUTO_TEST_CASE(linear_rules_pass_at_all_sizes) {
  for (const double unit : {1e-300, 1e-30, 1.0, 1e30, 1e300})
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const GradcheckReport report = check_pullback(
          [unit](Point x) {
            return Numbers{unit * std::sin(x[0]), unit * x[1] * x[2]};
          },
          [unit](Point x, Point v) {
            return Numbers{unit * v[0] * std::cos(x[0]), unit * v[1] * x[2], unit * v[1] * x[1]};
          },
          kAt, {.seed = seed});
      BOOST_TEST((report.verdict() == Verdict::ok), unit << ": " << to_string(report));
    }
}

BOOST_AUTO_TEST_SUITE_END()
