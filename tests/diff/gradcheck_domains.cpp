// gradcheck where a function ends, or its values or derivatives are not finite.
#include <fmt/format.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <new>
#include <vector>

#include "diff/checks.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

using namespace tapegrad;
using namespace tapegrad::test::checks;

namespace {

struct Logarithm : Op<Logarithm> {
  static constexpr std::string_view name = "logarithm";
  Tensor forward(const Tensor& x) const {
    Tensor y = x.detach() * 1.0;
    for (double& v : y.mutable_data<double>("logarithm")) v = std::log(v);
    return y;
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    Tensor dx = dy * 1.0;
    const std::vector<double> x = s.input(0).to_vector<double>();
    std::size_t i = 0;
    for (double& v : dx.mutable_data<double>("logarithm")) v /= x[i++];
    sink.add(0, dx);
  }
};

struct NotANumber : Op<NotANumber> {
  static constexpr std::string_view name = "not_a_number";
  Tensor forward(const Tensor& x) const { return x * 1.0; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy * std::numeric_limits<double>::quiet_NaN(); }
};

/// softmax, whose rule gives a logit of -inf a slope.
struct SteepWhereHidden : Op<SteepWhereHidden> {
  static constexpr std::string_view name = "steep_where_hidden";
  Tensor forward(const Tensor& x) const { return softmax(x, 0); }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Tensor p = softmax(s.input(0), 0);
    return where(isinf(s.input(0)), 7.0 * sum(dy), p * (dy - sum(p * dy)));
  }
};

/// logsumexp, which gives a logit of -inf a slope in one of its derivatives.
struct HidesLogits : Op<HidesLogits> {
  enum class Wrong { reverse, second, forward };
  static constexpr std::string_view name = "hides_logits";
  Wrong wrong;

  explicit HidesLogits(Wrong derivative) : wrong(derivative) {}
  Tensor forward(const Tensor& x) const { return logsumexp(x, 0); }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Tensor& x = s.input(0);
    const Tensor p = wrong == Wrong::second ? apply(SteepWhereHidden(), x) : softmax(x, 0);
    return dy * (wrong == Wrong::reverse ? where(isinf(x), 123.0, p) : p);
  }
  Tensor jvp(const Saved& s, const Tensor& dx) const {
    const Tensor p = softmax(s.input(0), 0);
    return sum(dx * (wrong == Wrong::forward ? where(isinf(s.input(0)), 7.0, p) : p));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck_domains)

BOOST_AUTO_TEST_CASE(steps_keep_to_the_domain) {
  const auto logarithm = [](const Tensor& x) { return apply(Logarithm{}, x); };
  const GradcheckReport near =
      tapegrad::gradcheck(logarithm, {from_vector<double>({1e-3, 1.0, 1e6}, {3})}, kReverseOnly);
  BOOST_TEST((near.verdict() == Verdict::ok), fmt::format("{}", near));
  const GradcheckReport at = tapegrad::gradcheck(logarithm, {from_vector<double>({0.0}, {1})}, kReverseOnly);
  BOOST_TEST((at.verdict() == Verdict::out_of_domain), fmt::format("{}", at));
  const auto shifted = [&](const Tensor& x) { return logarithm(x + 1e-9); };
  const GradcheckReport edge = tapegrad::gradcheck(shifted, {from_vector<double>({0.0}, {1})}, kReverseOnly);
  BOOST_TEST((edge.verdict() == Verdict::ok), fmt::format("{}", edge));  // steps shrink until they fit
}

BOOST_AUTO_TEST_CASE(results_of_other_shapes_beside_the_point_end_the_function) {
  const auto chosen = [](const Tensor& x) { return masked_select(x, x >= 0.5); };
  const GradcheckReport near = tapegrad::gradcheck(chosen, {from_vector<double>({0.501, 1.0}, {2})});
  BOOST_TEST((near.verdict() == Verdict::ok), to_string(near));
  const Tensor at = from_vector<double>({0.5, 1.0}, {2});
  for (const std::int64_t budget : {4000, 0}) {
    const GradcheckReport edge = tapegrad::gradcheck(chosen, {at}, {.order = 1, .budget = budget});
    BOOST_TEST((edge.verdict() == Verdict::ok), to_string(edge));
    BOOST_TEST(edge.findings[0].note ==
               "one-sided differences: the function ends here; beside this point the function's results have the "
               "shapes [1], at the point [2]");
  }
  // As many elements, in other places.
  const auto parted = [](const Tensor& x) {
    return std::vector<Tensor>{masked_select(x, x >= 0.5), masked_select(x, x < 0.5)};
  };
  const GradcheckReport moved = tapegrad::gradcheck(parted, {at}, kReverseOnly);
  BOOST_TEST((moved.verdict() == Verdict::ok), to_string(moved));
  BOOST_TEST(moved.findings[0].note ==
             "one-sided differences: the function ends here; beside this point the function's results have the shapes "
             "[1], [1], at the point [2], [0]");
}

// 0.7 in float32 is less than in float64.
BOOST_AUTO_TEST_CASE(results_of_other_shapes_in_float64_are_not_compared) {
  const auto chosen = [](const Tensor& x) { return masked_select(x, x >= 0.7); };
  const Tensor x = from_vector<float>({0.7F, 1.0F}, {2});
  const GradcheckReport report = tapegrad::gradcheck(chosen, {x}, {.order = 1, .differences_in_float64 = true});
  BOOST_TEST((report.verdict() == Verdict::unreliable), to_string(report));
  BOOST_TEST(report.findings.size() == 1U);
  BOOST_TEST(report.findings[0].note ==
             "in float64 the function's results have the shapes [1] at this point, in the inputs' dtypes [2]: the "
             "differences would be another function's");
}

BOOST_AUTO_TEST_CASE(a_nan_gradient_of_a_finite_function_is_wrong) {
  const auto f = [](const Tensor& x) { return x * x; };
  const auto g = [&](const Tensor& x) { return apply(NotANumber{}, f(x)); };
  BOOST_TEST((tapegrad::gradcheck(g, {normal({2})}, kReverseOnly).verdict() == Verdict::wrong));
}

// 0 times infinity, and 0 times NaN: of a branch that is not taken, and of the outputs beside an infinite slope.
BOOST_AUTO_TEST_CASE(strong_zeros_are_checked_where_sweeps_have_them) {
  const auto branch = [](const Tensor& x) { return where(x > 0.0, sqrt(x), 0.0); };
  const auto twice = [](const Tensor& x) { return where(x > 0.0, sqrt(x), x * x); };
  for (const std::int64_t budget : {4000, 0}) {  // every element, and along directions
    for (const int order : {1, 2}) {
      for (const auto& f :
           {std::function<Tensor(const Tensor&)>(branch), std::function<Tensor(const Tensor&)>(twice)}) {
        const Tensor x = from_vector<double>({-1.0, 2.0, -0.5}, {3});
        const GradcheckReport plain = tapegrad::gradcheck(f, {x}, {.order = order, .budget = budget});
        BOOST_TEST((plain.verdict() == Verdict::wrong), fmt::format("{}", plain));
        const GradcheckReport strong =
            tapegrad::gradcheck(f, {x}, {.order = order, .budget = budget, .strong_zero = true});
        BOOST_TEST(strong.ok(), fmt::format("{}", strong));
      }
    }
  }
  const auto root = [](const Tensor& x) { return sqrt(x); };
  const Tensor x = from_vector<double>({0.0, 1.0}, {2});
  const GradcheckReport report = tapegrad::gradcheck(root, {x}, {.order = 1});
  BOOST_TEST((report.verdict() == Verdict::wrong));
  // The worst is not the element and output whose slope is infinite.
  BOOST_TEST(report.findings.front().output == 1);
  BOOST_TEST(
      report.findings.front().note ==
      "the differences grow without bound: the slope of output 0 by element [0] is infinite, and 0 times that is "
      "the NaN that other outputs have, unless sweeps have strong zeros");
  BOOST_TEST_REQUIRE((report.findings.back().mode == GradcheckMode::forward));
  BOOST_TEST(report.findings.back().note == "the reverse rule is not finite here", to_string(report));
  const GradcheckReport strong = tapegrad::gradcheck(root, {x}, {.order = 1, .strong_zero = true});
  BOOST_TEST(strong.ok(), fmt::format("{}", strong));
}

BOOST_AUTO_TEST_CASE(outputs_that_are_not_finite_are_left_out_along_directions_too) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> added(500, 0.0);
  added[7] = -kInfinity;
  const Tensor mask = from_vector<double>(added, {500});
  const auto right = [&](const Tensor& x) { return sin(x) + mask; };
  const GradcheckReport report = tapegrad::gradcheck(right, {normal({500})}, {.budget = 400});
  BOOST_TEST(report.ok(), fmt::format("{}", report));
  const auto wrong = [&](const Tensor& x) { return apply(NearlyExp(0.1), x) + mask; };
  BOOST_TEST((tapegrad::gradcheck(wrong, {normal({500})}, {.budget = 400}).verdict() == Verdict::wrong));
}

BOOST_AUTO_TEST_CASE(what_is_nan_at_numbers_lies_beyond_the_domain) {
  const auto logarithm = [](const Tensor& x) { return log(x); };
  const Tensor negative = from_vector<double>({-1.0, -2.0, -3.0, 1.0}, {4});
  for (const int order : {1, 2}) {
    const GradcheckReport report = tapegrad::gradcheck(logarithm, {negative}, {.order = order});
    BOOST_TEST((report.verdict() == Verdict::out_of_domain), fmt::format("{}", report));
    BOOST_TEST((report.findings.front().verdict == Verdict::out_of_domain), fmt::format("{}", report));
  }
  // What a mask makes infinite is left out, at order 2 too, where its cotangent reaches the gradient.
  const Tensor mask = from_vector<double>({0.0, -std::numeric_limits<double>::infinity(), 0.0, 0.0}, {4});
  const auto masked = [&](const Tensor& x) { return log_softmax(x + mask, 0); };
  const GradcheckReport report = tapegrad::gradcheck(masked, {normal({4})});
  BOOST_TEST(report.ok(), fmt::format("{}", report));
}

BOOST_AUTO_TEST_CASE(what_a_rule_gives_a_hidden_logit_is_looked_at_in_each_order_and_mode) {
  using Wrong = HidesLogits::Wrong;
  std::vector<double> logits = normal({50}).to_vector<double>();
  logits[3] = -std::numeric_limits<double>::infinity();
  for (const std::int64_t n : {5, 50}) {  // every element, and along directions
    const Tensor x = from_vector<double>({logits.begin(), logits.begin() + n}, {n});
    const GradcheckOptions options{.budget = 400};
    const GradcheckReport right = tapegrad::gradcheck([](const Tensor& at) { return logsumexp(at, 0); }, {x}, options);
    BOOST_TEST((right.verdict() == Verdict::ok), fmt::format("{}", right));
    const auto expect_wrong = [&](Wrong derivative, int order, GradcheckMode mode) {
      const GradcheckReport report =
          tapegrad::gradcheck([&](const Tensor& at) { return apply(HidesLogits(derivative), at); }, {x}, options);
      const bool told = std::any_of(report.findings.begin(), report.findings.end(), [&](const GradcheckFinding& f) {
        return f.verdict == Verdict::wrong && f.input == 0 && f.order == order && f.mode == mode;
      });
      BOOST_TEST(told, n << ": " << fmt::format("{}", report));
    };
    expect_wrong(Wrong::reverse, 1, GradcheckMode::reverse);
    expect_wrong(Wrong::second, 2, GradcheckMode::reverse);
    expect_wrong(Wrong::forward, 1, GradcheckMode::forward);
  }
}

BOOST_AUTO_TEST_CASE(without_any_finite_output_there_is_nothing_to_compare) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto f = [](const Tensor& x) { return sin(x) + kInfinity; };
  for (const std::int64_t n : {5, 500}) {  // every element, and along directions
    const GradcheckReport report = tapegrad::gradcheck(f, {normal({n})}, {.order = 1, .budget = 400});
    BOOST_TEST((report.verdict() == Verdict::out_of_domain), n << ": " << fmt::format("{}", report));
  }
}

// That memory has run out is said, in whatever call it does: it is no end of the domain.
BOOST_AUTO_TEST_CASE(memory_that_has_run_out_is_no_refusal) {
  int calls = 0, last = 0;
  const auto check = [&](int at) {
    calls = 0;
    last = at;
    const auto f = [&](const Tensor& x) { return ++calls == last ? throw std::bad_alloc() : x * x; };
    return tapegrad::gradcheck(f, {normal({1})}, {.order = 1});
  };
  BOOST_TEST(check(0).ok());
  const int all = calls;
  for (int k = 1; k <= all; ++k) {
    BOOST_TEST_CONTEXT("call " << k) BOOST_CHECK_THROW((void)check(k), std::bad_alloc);
  }
}

BOOST_AUTO_TEST_SUITE_END()
