// Elements that stand on a kink together: equal arguments of a maximum, sorted ties, several kinks of one output.
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gradcheck/functions.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

BOOST_AUTO_TEST_SUITE(ties)

// Each element is within its own slopes, 0 and 1 of a maximum: moved together they rise by 1.
BOOST_AUTO_TEST_CASE(what_counts_a_tie_twice_or_not_at_all_is_wrong) {
  const auto check = [](const std::function<double(Point)>& f, const Numbers& claimed, const Numbers& x) {
    return check_gradient(
        f, [&](Point) { return claimed; }, x);
  };
  const auto largest = [](Point p) { return *std::max_element(p.begin(), p.end()); };
  const auto smallest = [](Point p) { return *std::min_element(p.begin(), p.end()); };
  for (const double height : {0.0, 1.5, -40.0, 1e-5})
    for (const auto& f : {std::function<double(Point)>(largest), std::function<double(Point)>(smallest)}) {
      const auto verdict = [&](const Numbers& claimed) {
        return check(f, claimed, Numbers(claimed.size(), height)).verdict();
      };
      for (const Numbers& right :
           {Numbers{1.0, 0.0}, {0.0, 1.0}, {0.5, 0.5}, {0.3, 0.7}, {0.0, 1.0, 0.0}, {0.25, 0.25, 0.25, 0.25}})
        BOOST_TEST((verdict(right) == Verdict::kink), fmt::format("{}", fmt::join(right, " ")));
      for (const Numbers& wrong :
           {Numbers{1.0, 1.0}, {0.0, 0.0}, {0.3, 0.3}, {1.0, 0.1}, {0.3, 0.3, 0.3}, {1.0, 1.0, 1.0}, {0.0, 0.0, 0.0}})
        BOOST_TEST((verdict(wrong) == Verdict::wrong), fmt::format("{} at {}", fmt::join(wrong, " "), height));
    }
  const auto length = [](Point p) { return std::sqrt(p[0] * p[0] + p[1] * p[1]); };
  for (const Numbers& right : {Numbers{0.0, 0.0}, {0.6, 0.8}, {-0.8, 0.6}, {0.3, -0.2}})
    BOOST_TEST((check(length, right, {0.0, 0.0}).verdict() == Verdict::kink), right[0]);
  for (const Numbers& wrong : {Numbers{0.9, 0.9}, {0.9, -0.9}, {-0.61, 0.81}})
    BOOST_TEST((check(length, wrong, {0.0, 0.0}).verdict() == Verdict::wrong), wrong[0]);
  const GradcheckReport report = check(largest, {1.0, 1.0}, {2.0, 2.0});
  const GradcheckFinding& found = report.findings.front();
  BOOST_TEST(found.analytic == 2.0);
  BOOST_TEST(found.numeric == 1.0, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(found.note.find("2 elements stand on a kink") != std::string::npos, to_string(report));
  BOOST_TEST(to_string(report).find("elements at a kink together, output 0") != std::string::npos, to_string(report));
  BOOST_TEST(!found.diagnosis.has_value(), to_string(report));
}

// Also where kinks of both kinds cancel along a line, so that the function is smooth there.
BOOST_AUTO_TEST_CASE(customary_derivatives_at_several_kinks_are_not_called_wrong) {
  const auto verdict = [](const std::function<double(Point)>& f, const Numbers& claimed, const Numbers& x) {
    return check_gradient(
               f, [&](Point) { return claimed; }, x)
        .verdict();
  };
  const auto ramps = [](Point p) {
    double sum = 0.0;
    for (std::size_t k = 0; k < p.size(); ++k) sum += (k % 2 == 0 ? 1.0 : -0.7) * std::max(p[k], 0.0);
    return sum + std::sin(p[0]);
  };
  for (const std::size_t count : {2U, 3U, 9U, 40U}) {
    Numbers zeros(count, 0.0);
    zeros[0] = 1.0;
    BOOST_TEST((verdict(ramps, zeros, Numbers(count, 0.0)) == Verdict::kink), count);
  }
  // max(a, 0) - |b| / 2 is a straight line where both move alike.
  const auto mixed = [](Point p) { return std::max(p[0], 0.0) - 0.5 * std::abs(p[1]); };
  BOOST_TEST((verdict(mixed, {0.0, 0.0}, {0.0, 0.0}) == Verdict::kink));
  BOOST_TEST((verdict(mixed, {1.0, 0.5}, {0.0, 0.0}) == Verdict::kink));
  const auto difference = [](Point p) { return std::abs(p[0]) - std::abs(p[1]) + 100.0 * p[0] * p[1]; };
  BOOST_TEST((verdict(difference, {0.0, 0.0}, {0.0, 0.0}) == Verdict::kink));
  const auto clamped = [](Point p) {
    double sum = 0.0;
    for (const double v : p) sum += std::clamp(v, -1.0, 1.0) * std::exp(v);
    return sum;
  };
  for (const double inside : {0.0, 1.0}) {
    const double e = std::exp(1.0);
    BOOST_TEST((verdict(clamped, {(1.0 + inside) * e, (1.0 + inside) * e, (inside - 1.0) / e}, {1.0, 1.0, -1.0}) ==
                Verdict::kink),
               inside);
  }
  // Two maxima of one sum, one of which is counted twice where the other goes without.
  const auto maxima = [](Point p) { return std::max(p[0], p[1]) + std::max(p[2], p[3]); };
  BOOST_TEST((verdict(maxima, {1.0, 0.0, 0.5, 0.5}, {2.0, 2.0, 3.0, 3.0}) == Verdict::kink));
  BOOST_TEST((verdict(maxima, {1.0, 1.0, 0.0, 0.0}, {2.0, 2.0, 3.0, 3.0}) == Verdict::wrong));
  BOOST_TEST((verdict(maxima, {0.5, 0.5, 0.0, 0.0}, {2.0, 2.0, 3.0, 3.0}) == Verdict::wrong));
}

// Of three equal numbers none moves the one in the middle alone: along each the slope is 0, and one of them has 1.
BOOST_AUTO_TEST_CASE(the_order_of_equal_numbers_is_anybody_s) {
  const auto sorted = [](Point p) {
    Numbers y(p.begin(), p.end());
    std::sort(y.begin(), y.end());
    return y;
  };
  // Each output's gradient: all to the first or the last of the equal elements that are left, the same share to all
  // that are equal, or all of it to each.
  const auto jacobian = [&](const std::string& rule) {
    return [&, rule](Point p) {
      const Numbers y = sorted(p);
      Jacobian j{p.size(), p.size()};
      std::vector<bool> taken(p.size(), false);
      for (std::size_t o = 0; o < y.size(); ++o) {
        const auto equal = static_cast<double>(std::count(p.begin(), p.end(), y[o]));
        for (std::size_t k = 0; k < p.size(); ++k) {
          const std::size_t at = rule == "last" ? p.size() - 1 - k : k;
          if (p[at] != y[o]) continue;
          if (rule == "shares") j(o, at) = 1.0 / equal;
          if (rule == "twice") j(o, at) = 1.0;
          if (rule == "none") j(o, at) = equal > 1.0 ? 0.0 : 1.0;
          if ((rule != "first" && rule != "last") || taken[at]) continue;
          taken[at] = true;
          j(o, at) = 1.0;
          break;
        }
      }
      return j.values;
    };
  };
  for (const Numbers& x : {Numbers{2.0, 1.0, 2.0, 2.0, 0.0}, {1.0, 1.0, 1.0}, {-3.0, 0.5, 0.5, -3.0, 0.5, 0.5}}) {
    const auto count = static_cast<std::int64_t>(x.size());
    const std::vector<std::vector<std::vector<std::int64_t>>> cuts = {
        {{count}}, {{1}, {count - 1}}, {{count - 1}, {1}}};  // of one input, and of two
    for (const auto& shapes : cuts) {
      const GradcheckOptions parts{.input_shapes = shapes};
      for (const char* right : {"first", "last", "shares"}) {
        const GradcheckReport report = check_jacobian(sorted, jacobian(right), x, parts);
        BOOST_TEST((report.verdict() == Verdict::kink), right << "\n" << to_string(report));
        BOOST_TEST(to_string(report).find("at a kink that several elements take part in") != std::string::npos);
      }
      for (const char* wrong : {"twice", "none"})
        BOOST_TEST((check_jacobian(sorted, jacobian(wrong), x, parts).verdict() == Verdict::wrong), wrong);
    }
  }
  // A ramp beside the point is none of its own, however near the differences come.
  for (const double distance : {1e-2, 1e-5, 1e-8, 1e-10})
    for (const double at : {1.0 - distance, 1.0 + distance}) {
      const auto ramp = [](Point p) { return 4.0 * std::max(0.0, p[0] - 1.0) + p[1]; };
      BOOST_TEST((check_gradient(
                      ramp,
                      [](Point) {
                        return Numbers{2.0, 1.0};
                      },
                      Numbers{at, 1.0})
                      .verdict() == Verdict::wrong),
                 at);
    }
}

// It does not matter in which inputs the arguments of a maximum stand.
BOOST_AUTO_TEST_CASE(a_tie_between_inputs_is_one) {
  const GradcheckOptions two_pairs{.input_names = {"a", "b"}, .input_shapes = {{2}, {2}}};
  const Numbers x = {1.5, -0.5, 1.5, -0.5};
  const auto maxima = [](Point p) { return Numbers{std::max(p[0], p[2]), std::max(p[1], p[3])}; };
  const auto of_maxima = [&](double of_a, double of_b) {
    const auto jacobian = [=](Point) { return Numbers{of_a, 0.0, of_b, 0.0, 0.0, of_a, 0.0, of_b}; };
    return check_jacobian(maxima, jacobian, x, two_pairs);
  };
  for (const auto& [of_a, of_b] : {std::pair(1.0, 0.0), {0.0, 1.0}, {0.5, 0.5}, {0.3, 0.7}})
    BOOST_TEST((of_maxima(of_a, of_b).verdict() == Verdict::kink), of_a << " " << of_b);
  for (const auto& [of_a, of_b] : {std::pair(1.0, 1.0), {0.0, 0.0}, {0.3, 0.3}, {1.0, 0.1}})
    BOOST_TEST((of_maxima(of_a, of_b).verdict() == Verdict::wrong), of_a << " " << of_b);
  const GradcheckReport twice = of_maxima(1.0, 1.0);
  BOOST_TEST(twice.findings.front().note.starts_with("2 elements of inputs 'a', 'b' stand on a kink of this output"),
             to_string(twice));
  BOOST_TEST(twice.findings.front().analytic == 2.0);
  BOOST_TEST(twice.findings.front().numeric == 1.0, boost::test_tools::tolerance(1e-6));

  const auto of_gradient = [](const std::function<double(Point)>& f, const Numbers& claimed, const Numbers& at,
                              const GradcheckOptions& options) {
    return check_gradient(
               f, [&](Point) { return claimed; }, at, options)
        .verdict();
  };
  // One pair counts twice where the other goes without.
  const auto sum = [](Point p) { return std::max(p[0], p[2]) + std::max(p[1], p[3]); };
  BOOST_TEST((of_gradient(sum, {1.0, 0.5, 0.0, 0.5}, x, two_pairs) == Verdict::kink));
  BOOST_TEST((of_gradient(sum, {1.0, 0.0, 1.0, 0.0}, x, two_pairs) == Verdict::wrong));
  // A tie with a sum.
  const auto with_sum = [](Point p) { return std::max(p[0] + p[1], p[2]); };
  const GradcheckOptions two_and_one{.input_shapes = {{2}, {1}}};
  for (const Numbers& right : {Numbers{1.0, 1.0, 0.0}, {0.0, 0.0, 1.0}, {0.5, 0.5, 0.5}})
    BOOST_TEST((of_gradient(with_sum, right, {0.5, 1.5, 2.0}, two_and_one) == Verdict::kink), right[0]);
  for (const Numbers& wrong : {Numbers{1.0, 1.0, 1.0}, {0.0, 0.0, 0.0}, {0.5, 0.5, 0.0}})
    BOOST_TEST((of_gradient(with_sum, wrong, {0.5, 1.5, 2.0}, two_and_one) == Verdict::wrong), wrong[0]);
  // Customary derivatives at kinks that have nothing to do with each other, one of them of an input that ends there.
  const auto ramps = [](Point p) { return std::max(p[0], 0.0) - 0.7 * std::max(p[1], 0.0) + std::sin(p[0]); };
  BOOST_TEST((of_gradient(ramps, {1.0, 0.0}, {0.0, 0.0}, {.input_shapes = {{1}, {1}}}) == Verdict::kink));
  const auto beside_an_end = [](Point p) { return std::max(p[0], p[1]) + std::sqrt(p[2]); };
  const GradcheckOptions three{.input_shapes = {{1}, {1}, {1}}};
  constexpr double kInf = std::numeric_limits<double>::infinity();
  BOOST_TEST((of_gradient(beside_an_end, {1.0, 1.0, kInf}, {2.0, 2.0, 0.0}, three) == Verdict::wrong));
  BOOST_TEST((of_gradient(beside_an_end, {1.0, 0.0, kInf}, {2.0, 2.0, 0.0}, three) == Verdict::kink));
}

// What lies beyond a jump is another function's: no slope there excuses an element.
BOOST_AUTO_TEST_CASE(a_jump_beside_the_point_is_no_kink) {
  const auto gated = [](Point p) { return (p[1] > 0.0 ? 2.0 : 1.0) * p[0] * std::exp(p[2]); };
  const double e = std::exp(0.3);
  for (const GradcheckOptions& options :
       {GradcheckOptions{}, GradcheckOptions{.input_shapes = {{1}, {2}}}, GradcheckOptions{.input_shapes = {{2}, {1}}}})
    for (const double height : {0.7, -40.0}) {
      const auto check = [&](double slope) {
        return check_gradient(
            gated,
            [&](Point p) {
              return Numbers{slope * e, 0.0, p[0] * e};
            },
            Numbers{height, 0.0, 0.3}, options);
      };
      const auto verdict_of_first = [&](double slope) { return check(slope).findings.front().worst.front().verdict; };
      for (const double wrong : {1.3, 2.0, 0.5})
        BOOST_TEST((check(wrong).verdict() == Verdict::wrong), wrong << " at " << height);
      BOOST_TEST((verdict_of_first(1.0) != Verdict::wrong));
    }
}

// Plain differences by each are half of what both rise by together: of that no mistake is made.
BOOST_AUTO_TEST_CASE(along_directions_a_wrong_tie_is_not_diagnosed_as_a_factor) {
  const auto largest = [](Point p) { return *std::max_element(p.begin(), p.end()); };
  const auto check = [&](const Numbers& claimed, const Numbers& x) {
    return check_gradient(largest, [&](Point) { return claimed; }, x, {.budget = 0});
  };
  for (const double height : {3.0, -40.0})
    for (const Numbers& claimed : {Numbers{0.0, 1.0, 1.0, 0.0}, {0.0, 0.0, 0.0, 0.0}, {0.0, 0.3, 0.3, 0.0}}) {
      const GradcheckReport report = check(claimed, {height - 2.0, height, height, height - 1.0});
      BOOST_TEST((report.verdict() == Verdict::wrong), to_string(report));
      BOOST_TEST(!report.findings.front().diagnosis.has_value(), to_string(report));
      BOOST_TEST(report.findings.front().note.find("stand on a kink") != std::string::npos, to_string(report));
    }
  // A mistake away from kinks is told as before.
  const GradcheckReport report = check({0.0, 2.0, 0.0, 0.0}, {1.0, 3.0, 2.0, 0.5});
  BOOST_TEST_REQUIRE(report.findings.front().diagnosis.has_value(), to_string(report));
  BOOST_TEST((report.findings.front().diagnosis->mistake == GradcheckMistake::constant_factor), to_string(report));
}

BOOST_AUTO_TEST_SUITE_END()
