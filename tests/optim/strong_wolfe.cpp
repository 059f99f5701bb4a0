// The line search by itself, on functions of one number.
#include "strong_wolfe.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tapegrad/tape/create.hpp"

using namespace tapegrad;
using namespace tapegrad::optim;

namespace {

struct LineCase {
  std::string name;
  std::function<double(double)> value;
  std::function<double(double)> slope;
};

/// Moré and Thuente, ACM Transactions on Mathematical Software 20, 1994, equations 5.1 to 5.3; and a line that has its
/// minimum far off.
std::vector<LineCase> line_cases() {
  const auto hull = [](double beta) { return std::sqrt(1.0 + beta * beta) - beta; };
  const auto sixth = [=](double b1, double b2) {
    const double g1 = hull(b1), g2 = hull(b2);
    return LineCase{"two hyperbolas", [=](double a) { return g1 * std::hypot(1.0 - a, b2) + g2 * std::hypot(a, b1); },
                    [=](double a) { return -g1 * (1.0 - a) / std::hypot(1.0 - a, b2) + g2 * a / std::hypot(a, b1); }};
  };
  return {
      {"-a / (a^2 + 2)", [](double a) { return -a / (a * a + 2.0); },
       [](double a) { return (a * a - 2.0) / ((a * a + 2.0) * (a * a + 2.0)); }},
      {"(a + 0.004)^5 - 2 (a + 0.004)^4",
       [](double a) { return std::pow(a + 0.004, 5) - 2.0 * std::pow(a + 0.004, 4); },
       [](double a) { return 5.0 * std::pow(a + 0.004, 4) - 8.0 * std::pow(a + 0.004, 3); }},
      sixth(1e-3, 1e-3),
      sixth(1e-2, 1e-3),
      sixth(1e-3, 1e-2),
      {"(a - 700)^2", [](double a) { return (a - 700.0) * (a - 700.0); }, [](double a) { return 2.0 * (a - 700.0); }}};
}

LinePoint point_of(const LineCase& f, double step) {
  return {.step = step, .value = f.value(step), .slope = f.slope(step)};
}

/// The same as a function that counts its calls.
auto counted(const LineCase& f, int& calls) {
  return [&](double step) {
    ++calls;
    return point_of(f, step);
  };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(strong_wolfe)

// The conditions as they are written, of the case's own numbers, from first steps that are far too short and too long.
BOOST_AUTO_TEST_CASE(conditions_hold_at_the_step) {
  for (const LineCase& f : line_cases())
    for (const double first : {1e-3, 1e-1, 1e1, 1e3})
      for (const auto& [c1, c2] : {std::pair(1e-4, 0.9), std::pair(0.1, 0.1), std::pair(1e-3, 1e-3)}) {
        if (c2 * std::abs(f.slope(0.0)) < 1e-9) continue;  // the values around such a slope are the same to rounding
        int calls = 0;
        const LinePoint found = optim::strong_wolfe(counted(f, calls), point_of(f, 0.0),
                                                    {.first = first, .c1 = c1, .c2 = c2, .max_evaluations = 100});
        BOOST_TEST_CONTEXT(f.name << ", first " << first << ", c1 " << c1 << ", c2 " << c2 << ", step " << found.step) {
          BOOST_TEST(found.step > 0.0);
          BOOST_TEST(found.value == f.value(found.step));
          BOOST_TEST(f.value(found.step) <= f.value(0.0) + c1 * found.step * f.slope(0.0));
          BOOST_TEST(std::abs(f.slope(found.step)) <= c2 * std::abs(f.slope(0.0)));
          BOOST_TEST(calls <= 30);
        }
      }
}

// The cubic through two points of a parabola, or of a cubic, is that function.
BOOST_AUTO_TEST_CASE(a_cubic_is_minimised_by_the_second_step) {
  const LineCase parabola{"(a - 0.3)^2", [](double a) { return (a - 0.3) * (a - 0.3); },
                          [](double a) { return 2.0 * (a - 0.3); }};
  const LineCase cubic{"a^3 - 3 a", [](double a) { return a * a * a - 3.0 * a; },
                       [](double a) { return 3.0 * a * a - 3.0; }};
  for (const auto& [f, minimum, first] : {std::tuple(parabola, 0.3, 1.0), std::tuple(cubic, 1.0, 2.5)}) {
    int calls = 0;
    const LinePoint found = optim::strong_wolfe(counted(f, calls), point_of(f, 0.0), {.first = first, .c2 = 1e-9});
    BOOST_TEST(found.step == minimum, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(calls == 2);
  }
}

// -log(1 - a) + 10 (1 - a)^2 is no number from a = 1 on; its minimum is where 20 (1 - a)^2 = 1.
BOOST_AUTO_TEST_CASE(a_step_beyond_the_domain_is_shortened) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const double beyond : {std::nan(""), inf, -inf}) {
    const LineCase barrier{
        "barrier", [=](double a) { return a >= 1.0 ? beyond : -std::log(1.0 - a) + 10.0 * (1.0 - a) * (1.0 - a); },
        [](double a) { return 1.0 / (1.0 - a) - 20.0 * (1.0 - a); }};
    for (const double first : {1e-4, 1.0, 50.0}) {
      int calls = 0;
      const LinePoint found =
          optim::strong_wolfe(counted(barrier, calls), point_of(barrier, 0.0), {.first = first, .c2 = 1e-6});
      BOOST_TEST(found.step == 1.0 - std::sqrt(0.05), boost::test_tools::tolerance(1e-5));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_slope_that_is_not_finite_is_too_far) {
  const LinePoint found = optim::strong_wolfe(
      [](double a) {
        return LinePoint{.step = a, .value = -a, .slope = a > 0.4 ? std::nan("") : a > 0.2 ? -0.5 : -1.0};
      },
      {.step = 0.0, .value = 0.0, .slope = -1.0});
  BOOST_TEST(found.step == 0.25);
}

// An end before the conditions hold: the lowest of the points is given, which came with what it carries.
BOOST_AUTO_TEST_CASE(evaluations_are_bounded) {
  const LineCase far = line_cases().back();
  for (const std::int64_t most : {0, 1, 2, 3}) {
    int calls = 0;
    double lowest = 0.0;
    const auto carrying = [&](double step) {
      LinePoint point = counted(far, calls)(step);
      point.gradient = full({}, step, {.dtype = float64});
      lowest = step;  // each is lower than those before
      return point;
    };
    const LinePoint found = optim::strong_wolfe(carrying, point_of(far, 0.0), {.max_evaluations = most});
    BOOST_TEST(calls == most);
    BOOST_TEST(found.step == lowest);
    if (most > 0) BOOST_TEST(found.gradient.item() == lowest);
  }
}

// Values and slopes in the order of the calls, of which the last comes when the search must end.
BOOST_AUTO_TEST_CASE(the_lowest_point_is_given) {
  struct Seen {
    double value;
    double slope;
  };
  const auto value_found = [](const std::vector<Seen>& seen) {
    std::size_t calls = 0;
    return optim::strong_wolfe(
               [&](double step) {
                 const Seen& now = seen.at(calls++);
                 return LinePoint{.step = step, .value = now.value, .slope = now.slope};
               },
               {.step = 0.0, .value = 0.0, .slope = -1.0}, {.max_evaluations = static_cast<std::int64_t>(seen.size())})
        .value;
  };
  BOOST_TEST(value_found({{-1.0, -2.0}, {-0.5, -2.0}}) == -1.0);              // up again, on the way out
  BOOST_TEST(value_found({{-1.0, 2.0}}) == -1.0);                             // beyond the minimum
  BOOST_TEST(value_found({{-1.0, 2.0}, {-0.5, -2.0}}) == -1.0);               // up again, between the two
  BOOST_TEST(value_found({{1.0, 2.0}, {-1.0, -2.0}, {-0.5, -2.0}}) == -1.0);  // the same from below
}

// The cubic's minimiser would stay at one end of the bracket.
BOOST_AUTO_TEST_CASE(a_kink_is_bracketed) {
  for (const double kink : {1e-3, 1e-6})
    for (const double slope : {1.0, 1e2, 1e6}) {
      const LineCase f{"kink", [=](double a) { return a < kink ? -a : slope * (a - kink) - kink; },
                       [=](double a) { return a < kink ? -1.0 : slope; }};
      int calls = 0;
      const LinePoint found = optim::strong_wolfe(counted(f, calls), point_of(f, 0.0),
                                                  {.c2 = 0.1, .max_evaluations = 100, .shortest = 1e-3 * kink});
      BOOST_TEST(found.step == kink, boost::test_tools::tolerance(1e-2));
      BOOST_TEST(calls < 50);
    }
}

// What is of the order of the largest numbers is squared nowhere.
BOOST_AUTO_TEST_CASE(large_values) {
  const LineCase f{"1e250 (a - 0.3)^2", [](double a) { return 1e250 * (a - 0.3) * (a - 0.3); },
                   [](double a) { return 2e250 * (a - 0.3); }};
  int calls = 0;
  BOOST_TEST(optim::strong_wolfe(counted(f, calls), point_of(f, 0.0), {.c2 = 1e-9}).step == 0.3,
             boost::test_tools::tolerance(1e-12));
  BOOST_TEST(calls == 2);
}

// A slope that is wrong: nothing is lower, and the bracket shrinks until it is too short or has no number inside.
BOOST_AUTO_TEST_CASE(nothing_lower) {
  const LineCase uphill{"a, said to fall", [](double a) { return a; }, [](double) { return -1.0; }};
  for (const double shortest : {1e-3, 0.0}) {
    int calls = 0;
    const LinePoint found = optim::strong_wolfe(counted(uphill, calls), point_of(uphill, 0.0),
                                                {.max_evaluations = 5000, .shortest = shortest});
    BOOST_TEST(found.step == 0.0);
    BOOST_TEST(found.value == 0.0);
    BOOST_TEST(calls < (shortest > 0.0 ? 20 : 5000));
  }
}

BOOST_AUTO_TEST_SUITE_END()
