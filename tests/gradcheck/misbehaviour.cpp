// Functions and derivatives that misbehave: they throw, drift, remember or write to their input.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <new>
#include <stdexcept>
#include <string>

#include "gradcheck/functions.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

BOOST_AUTO_TEST_SUITE(misbehaviour)

BOOST_AUTO_TEST_CASE(functions_that_misbehave) {
  const auto gradient = [](Point x) { return Numbers(x.size(), 1.0); };
  const Numbers x = {1.0, 2.0};
  const auto sum = [](Point p) { return p[0] + p[1]; };
  BOOST_CHECK_THROW((void)check_gradient([](Point) -> double { throw std::runtime_error("no"); }, gradient, x),
                    std::runtime_error);
  BOOST_TEST((check_gradient([](Point) { return std::nan(""); }, gradient, x).verdict() == Verdict::out_of_domain));
  BOOST_TEST((check_gradient(
                  sum, [](Point) { return Numbers(2, std::nan("")); }, x)
                  .verdict() == Verdict::wrong));
  BOOST_TEST((check_gradient([](Point p) { return const_cast<double&>(p[0]) = 5.0; }, gradient, x).verdict() ==
              Verdict::wrong));
  int calls = 0;
  const auto differs = [](const GradcheckReport& report, const std::string& what) {
    BOOST_TEST((report.verdict() == Verdict::non_deterministic), to_string(report));
    BOOST_TEST(report.findings.front().note ==
               "two calls of the " + what +
                   " with the same numbers differ, as where random numbers (a dropout's mask) are drawn anew for each, "
                   "or one call keeps something for the next (an average, a buffer of its own)");
  };
  differs(check_gradient([&](Point p) { return p[0] * ++calls; }, gradient, x), "function");
  differs(check_gradient(
              sum, [&](Point) { return Numbers(2, ++calls); }, x),
          "derivative");
  BOOST_TEST((check_gradient([](Point) { return 3.0; }, [](Point) { return Numbers(2, 0.0); }, x).verdict() ==
              Verdict::vacuous));
  // A gradient that remembers the last call of the function.
  Numbers kept(2);
  const GradcheckReport report = check_gradient(
      [&](Point p) {
        kept = {p[0], p[1]};
        return p[0] * p[1];
      },
      [&](Point) {
        return Numbers{kept[1], kept[0]};
      },
      x);
  BOOST_TEST((report.verdict() == Verdict::non_deterministic), to_string(report));
  BOOST_TEST(report.findings.front().note.find("stale") != std::string::npos);
  // A step in the values has no slope, and nothing passes for it.
  BOOST_TEST(!check_at(
                  0.0, [](double v) { return v > 0.0 ? 1.0 : 0.0; }, 1.0)
                  .ok());
}

BOOST_AUTO_TEST_CASE(a_function_that_moves_its_own_point_is_caught) {
  const auto moves = [](Point x) {
    const_cast<double&>(x[0]) += 1.0;
    return x[0] * x[0];
  };
  const GradcheckReport report = check_gradient(
      moves, [](Point x) { return Numbers{2.0 * x[0]}; }, Numbers{1.0});
  BOOST_TEST((report.verdict() == Verdict::wrong));
  BOOST_TEST(to_string(report).find("the function changes its input") != std::string::npos, to_string(report));
}

// That memory has run out is said, in whatever call it does: it is no end of the domain.
BOOST_AUTO_TEST_CASE(memory_that_has_run_out_is_no_refusal) {
  int calls = 0, last = 0;
  const auto check = [&](int at) {
    calls = 0;
    last = at;
    const auto f = [&](Point p) { return ++calls == last ? throw std::bad_alloc() : p[0] * p[1]; };
    const auto gradient = [](Point p) { return Numbers{p[1], p[0]}; };
    return check_gradient(f, gradient, Numbers{1.0, 2.0});
  };
  BOOST_TEST(check(0).ok());
  const int all = calls;
  for (int k = 1; k <= all; ++k) {
    BOOST_TEST_CONTEXT("call " << k) BOOST_CHECK_THROW((void)check(k), std::bad_alloc);
  }
}

BOOST_AUTO_TEST_SUITE_END()
