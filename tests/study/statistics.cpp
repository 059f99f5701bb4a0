#include "norm_study/statistics.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "tapegrad/base/error.hpp"

using namespace norm_study;
using boost::test_tools::tolerance;

namespace {

PairedInterval interval(double lower, double upper) {
  return {.pairs = 5, .mean = (lower + upper) / 2, .deviation = 1, .half_width = (upper - lower) / 2};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(statistics)

// The table in every textbook (for instance NIST's e-Handbook of Statistical Methods, 1.3.6.7.2).
BOOST_AUTO_TEST_CASE(critical_values_are_the_published_ones) {
  const std::pair<int, double> table[] = {{1, 12.706}, {2, 4.303},  {3, 3.182},  {4, 2.776},
                                          {9, 2.262},  {29, 2.045}, {100, 1.984}};
  for (const auto& [df, t] : table) BOOST_TEST(std::abs(critical_t(df) - t) <= 0.0005, "df " << df);
  BOOST_TEST(std::abs(critical_t(9, 0.99) - 3.250) <= 0.0005);
  BOOST_CHECK_THROW(critical_t(0), tapegrad::ValueError);
  BOOST_CHECK_THROW(critical_t(3, 1.0), tapegrad::ValueError);
  BOOST_CHECK_THROW(summarize({}), tapegrad::ValueError);
}

BOOST_AUTO_TEST_CASE(paired_interval_by_hand) {
  // Differences 1, 2, 3, 4, 5: mean 3, deviation sqrt(2.5), half-width 2.776 sqrt(0.5).
  const std::vector<double> a{11, 22, 33, 44, 55}, b{10, 20, 30, 40, 50};
  const PairedInterval i = paired_interval(a, b);
  BOOST_TEST(i.pairs == 5);
  BOOST_TEST(i.mean == 3.0, tolerance(1e-12));
  BOOST_TEST(i.deviation == std::sqrt(2.5), tolerance(1e-12));
  BOOST_TEST(i.half_width == 2.776445 * std::sqrt(0.5), tolerance(1e-6));
  BOOST_CHECK_THROW(paired_interval(std::vector<double>{1}, std::vector<double>{1}), tapegrad::ValueError);
  BOOST_CHECK_THROW(paired_interval(a, std::vector<double>{1, 2}), tapegrad::ValueError);
}

BOOST_AUTO_TEST_CASE(rule_at_its_borders) {
  const double above = std::nextafter(0.5, 1);
  BOOST_TEST((judge(interval(0.75, 2)) == Outcome::confirmed));
  BOOST_TEST((judge(interval(above, above)) == Outcome::confirmed));
  BOOST_TEST((judge(interval(0.5, 2)) == Outcome::inconclusive));  // touches the border: not wholly above
  BOOST_TEST((judge(interval(-0.5, 0.5)) == Outcome::no_material_difference));
  BOOST_TEST((judge(interval(0.5, 0.5)) == Outcome::no_material_difference));
  BOOST_TEST((judge(interval(-0.5, 0.75)) == Outcome::inconclusive));
  BOOST_TEST((judge(interval(-0.75, 0.5)) == Outcome::inconclusive));
  BOOST_TEST((judge(interval(-2, -0.5)) == Outcome::inconclusive));
  BOOST_TEST((judge(interval(-2, -0.75)) == Outcome::reversed));
  BOOST_TEST((judge(interval(-above, -above)) == Outcome::reversed));
  BOOST_TEST((judge(interval(-3, 3)) == Outcome::inconclusive));
  BOOST_TEST((judge(interval(1, 2), 1.5) == Outcome::inconclusive));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  BOOST_TEST((judge({.pairs = 2, .mean = nan, .deviation = nan, .half_width = nan}) == Outcome::inconclusive));
}

BOOST_AUTO_TEST_CASE(seeds_that_would_settle_it) {
  // Mean 1.5, deviation 1: the half-width must be below 1. t(5 pairs) 2.776 / sqrt 5 = 1.24; 6: 2.571 / 2.449 = 1.050;
  // 7: 2.447 / 2.646 = 0.925.
  const PairedInterval near{.pairs = 3, .mean = 1.5, .deviation = 1, .half_width = 4.303 / std::sqrt(3)};
  BOOST_TEST((pairs_to_settle(near) == std::optional<int>(7)));
  BOOST_TEST((pairs_to_settle({.pairs = 3, .mean = 0.5, .deviation = 1, .half_width = 2.48}) == std::nullopt));
  const Verdict verdict = paired_verdict(near);
  BOOST_TEST((verdict.outcome == Outcome::inconclusive));
  BOOST_TEST(verdict.detail ==
             "+1.5 [-1.0, +4.0] points, 3 seeds; if mean and scatter stay as they are, about 7 seeds would settle it");
}

BOOST_AUTO_TEST_CASE(exact_thresholds) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  BOOST_TEST((ExactCheck{"rho", 0.0, Bound::equal_to, 0.0}.holds()));
  BOOST_TEST((!ExactCheck{"rho", 1e-300, Bound::equal_to, 0.0}.holds()));
  BOOST_TEST((ExactCheck{"mean", 1e-5, Bound::at_most, 1e-5}.holds()));
  BOOST_TEST((!ExactCheck{"mean", 1.1e-5, Bound::at_most, 1e-5}.holds()));
  BOOST_TEST((!ExactCheck{"gap", 1e-3, Bound::above, 1e-3}.holds()));
  BOOST_TEST((ExactCheck{"gap", 2e-3, Bound::above, 1e-3}.holds()));
  for (const Bound bound : {Bound::equal_to, Bound::at_most, Bound::above})
    BOOST_TEST((!ExactCheck{"x", nan, bound, 0.0}.holds()));

  const std::vector<ExactCheck> checks{{"kept", 0.0, Bound::equal_to, 0.0}, {"broken", 2.0, Bound::at_most, 1.0}};
  const Verdict fails = exact_verdict(checks, false), holds = exact_verdict(std::span(checks).first(1), true);
  BOOST_TEST((fails.outcome == Outcome::fails));
  BOOST_TEST(fails.detail == "broken 2 (wanted ≤ 1)");
  BOOST_TEST((holds.outcome == Outcome::holds));
  BOOST_TEST(holds.by_construction);
  BOOST_CHECK_THROW(exact_verdict({}, false), tapegrad::ValueError);
}

BOOST_AUTO_TEST_CASE(from_where_on_nothing_is_confirmed) {
  using enum Outcome;
  const auto from = [](std::vector<Outcome> outcomes) { return unconfirmed_from(outcomes); };
  // A larger size that is confirmed again moves the answer behind it.
  BOOST_TEST((from({confirmed, inconclusive, confirmed, inconclusive, no_material_difference}) == 3U));
  BOOST_TEST((from({reversed, inconclusive}) == 0U));
  BOOST_TEST((from({inconclusive, confirmed}) == std::nullopt));
  BOOST_TEST((from({}) == std::nullopt));
}

BOOST_AUTO_TEST_CASE(the_larger_of_a_nan_and_a_number_is_the_nan) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  BOOST_TEST(larger(1, 2) == 2.0);
  BOOST_TEST(larger(2, 1) == 2.0);
  BOOST_TEST(larger(-1, -1) == -1.0);
  BOOST_TEST(std::isnan(larger(nan, 1)));
  BOOST_TEST(std::isnan(larger(1, nan)));
  // So a largest difference among which there is a NaN keeps no threshold.
  BOOST_TEST(!ExactCheck({.quantity = "", .measured = larger(larger(0, nan), 0), .threshold = 1}).holds());
}

BOOST_AUTO_TEST_CASE(what_is_left_of_a_ratio_by_hand) {
  // 1000 = 10^3 that becomes 10: one of three decades. A ratio of 1.21 that stays counts as much as one of 1000 does.
  BOOST_TEST(left_of_ratio(1000, 10) == 1.0 / 3, tolerance(1e-12));
  BOOST_TEST(left_of_ratio(1.21, 1.1) == 0.5, tolerance(1e-12));
  BOOST_TEST(left_of_ratio(1.21, 1.21) == 1.0, tolerance(1e-12));
  BOOST_TEST(left_of_ratio(1.21, 1) == 0.0);
}

BOOST_AUTO_TEST_CASE(norm_of_the_others_by_hand) {
  // 27 + 9 of 100: the squared share is 0.36, the ratio of the norms 0.6; without part 2, 91 of 100.
  const std::vector<double> squares{64, 27, 9};
  BOOST_TEST(norm_of_others(squares, 0) == 0.6, tolerance(1e-12));
  BOOST_TEST(norm_of_others(squares, 2) == std::sqrt(0.91), tolerance(1e-12));
  BOOST_TEST(norm_of_others(std::vector<double>{5, 0, 0}, 0) == 0.0);
  BOOST_TEST(norm_of_others(std::vector<double>{0, 0}, 0) == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()
