// Dtypes, heights and units: what rounding hides, and what it does not.
#include <fmt/format.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "diff/checks.hpp"
#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using namespace tapegrad::test::checks;

namespace {

/// height + factor sin(x), and rules that are `mistake` times the right ones, the forward one another `forward_mistake`
/// times.
struct RaisedSine : Op<RaisedSine> {
  static constexpr std::string_view name = "raised_sine";
  double height = 0.0;
  double factor = 1.0;
  double mistake = 1.0;
  double forward_mistake = 1.0;
  Tensor forward(const Tensor& x) const { return factor * sin(x) + height; }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return dy * (factor * mistake) * cos(s.input(0)); }
  Tensor jvp(const Saved& s, const Tensor& dx) const {
    return dx * (factor * mistake * forward_mistake) * cos(s.input(0));
  }
};

/// u + 0 x, and a forward rule that adds `error` dx.
struct Leaky : Op<Leaky> {
  static constexpr std::string_view name = "leaky";
  double error = 0.0;
  Tensor forward(const Tensor& u, const Tensor& x) const { return u + 0.0 * x; }
  std::array<Tensor, 2> vjp(const Saved&, const Tensor& dy) const { return {dy, 0.0 * dy}; }
  Tensor jvp(const Saved& s, Tangents d) const {
    Tensor dy = d[0].defined() ? d[0] : zeros_like(s.input(0));
    return d[1].defined() ? dy + error * d[1] : dy;
  }
};

/// The identity, whose reverse rule is made of that.
struct ThroughLeaky : Op<ThroughLeaky> {
  static constexpr std::string_view name = "through_leaky";
  double error = 0.0;
  Tensor forward(const Tensor& x) const { return x * 1.0; }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    Leaky op;
    op.error = error;
    return apply(op, dy, s.input(0));
  }
  Tensor jvp(const Saved&, const Tensor& dx) const { return dx * 1.0; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck_precision)

// Squares of what is that large, or small, say nothing.
BOOST_AUTO_TEST_CASE(the_rule_that_differences_side_with_is_told_in_any_unit) {
  for (const double unit : {1.0, 1e200, 1e-200})
    for (const bool forward_is_wrong : {true, false}) {
      RaisedSine op;
      op.factor = unit;
      (forward_is_wrong ? op.forward_mistake : op.mistake) = 1.1;
      if (!forward_is_wrong) op.forward_mistake = 1.0 / 1.1;
      const GradcheckReport report =
          tapegrad::gradcheck([op](const Tensor& x) { return apply(op, x); }, {normal({4})}, {.order = 1});
      const GradcheckFinding& forward = report.findings.back();
      BOOST_TEST_REQUIRE((forward.mode == GradcheckMode::forward && forward.verdict == Verdict::wrong),
                         to_string(report));
      BOOST_TEST(forward.note ==
                 fmt::format("finite differences side with the {} rule", forward_is_wrong ? "reverse" : "forward"));
    }
}

// Rough differences are no reason to pass: of float32 values on a height; beside a height, and of float32 derivatives
// by differences in float64, which see them all the same.
BOOST_AUTO_TEST_CASE(a_height_hides_no_mistake) {
  const auto verdict = [](double height, double factor, double mistake, bool wide) {
    RaisedSine op;
    op.height = height;
    op.factor = factor;
    op.mistake = mistake;
    Generator g(5);
    return tapegrad::gradcheck([op](const Tensor& x) { return apply(op, x); }, {randn({4}, g)},
                               {.order = 1, .differences_in_float64 = wide})
        .verdict();
  };
  for (const double mistake : {1.02, 1.05, 1.1}) {
    BOOST_TEST((verdict(1000.0, 1.0, mistake, false) == Verdict::unreliable), mistake);
    BOOST_TEST((verdict(1000.0, 1.0, mistake, true) == Verdict::wrong), mistake);
    BOOST_TEST((verdict(3.0, 3e-4, mistake, true) == Verdict::wrong), mistake);
  }
  BOOST_TEST((verdict(1000.0, 1.0, 1.0, true) == Verdict::ok));
  BOOST_TEST((verdict(3.0, 3e-4, 1.0, true) == Verdict::ok));
}

// A normalised row has one length: the gradient of its square is what eps leaves of terms as large as 1, and so are the
// second derivatives, and of no size that the outputs tell when it is taken off.
BOOST_AUTO_TEST_CASE(gradients_that_cancel_are_not_held_to_their_own_size) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Generator g(seed);
    const Tensor x = randn({4, 8}, g, {.dtype = float64});
    const GradcheckReport reports[] = {
        tapegrad::gradcheck([](const Tensor& z) { return sum(square(layer_norm(z))); }, x, {.seed = seed}),
        tapegrad::gradcheck([](const Tensor& z) { return sum(square(rms_norm(z))); }, x, {.seed = seed}),
        tapegrad::gradcheck([](const Tensor& z) { return sum(square(layer_norm(z))) - 32.0; }, x, {.seed = seed}),
        tapegrad::gradcheck([](const Tensor& z) { return var(layer_norm(z), 1); }, x, {.seed = seed})};
    for (const GradcheckReport& report : reports) BOOST_TEST(report.ok(), to_string(report));
  }
}

// The second derivative of a linear function is 0, which excuses nothing where the first is not.
BOOST_AUTO_TEST_CASE(a_forward_rule_beside_a_zero_second_derivative_is_held_to_it) {
  const auto verdict = [](double error, const Tensor& x) {
    ThroughLeaky op;
    op.error = error;
    return tapegrad::gradcheck([op](const Tensor& a) { return apply(op, a); }, {x}).verdict();
  };
  Generator g(6);
  const Tensor single = randn({4}, g);
  BOOST_TEST((verdict(0.0, normal({4})) == Verdict::ok));
  BOOST_TEST((verdict(1e-9, normal({4})) == Verdict::wrong));
  BOOST_TEST((verdict(0.0, single) == Verdict::ok));
  BOOST_TEST((verdict(1e-3, single) == Verdict::wrong));
}

BOOST_AUTO_TEST_CASE(float32_and_passed_through_inputs) {
  const auto f = [](const Tensor& x, const Tensor& labels, const Tensor& absent) {
    BOOST_TEST((labels.dtype() == int64));
    BOOST_TEST(!absent.defined());
    return tanh(x);
  };
  const GradcheckReport report =
      tapegrad::gradcheck(f, {from_vector<float>({-1.0F, 0.2F, 0.5F, 1.5F}, {4}), arange(3), Tensor()});
  BOOST_TEST(report.ok(), fmt::format("{}", report));
  BOOST_CHECK_THROW((void)tapegrad::gradcheck(f, {arange(3), arange(3), Tensor()}), DTypeError);
}

// Where a term that cancels stands still at the smallest steps, the slope of the other term is not the function's.
BOOST_AUTO_TEST_CASE(tiny_inputs_in_float32_are_told_by_what_moves) {
  const auto cancels = [](const Tensor& x) { return cos(x) - 1.0 + 3.0 * x * x; };
  const auto off = [](const Tensor& x) { return 1.1 * x * x - 0.1 * (x * x).detach(); };
  double x = 1e-2;
  for (int i = 0; i < 23; ++i, x *= 0.3) {
    const GradcheckReport right = tapegrad::gradcheck(cancels, full({1}, x, {.dtype = float32}), {.order = 1});
    BOOST_TEST((right.verdict() != Verdict::wrong), x << "\n" << fmt::format("{}", right));
    const GradcheckReport wrong = tapegrad::gradcheck(off, full({1}, x, {.dtype = float32}), {.order = 1});
    BOOST_TEST((wrong.verdict() == Verdict::wrong), x << "\n" << fmt::format("{}", wrong));
  }
}

// Small waves that the first steps undersample are not what float32 leaves of terms as large as 1.
BOOST_AUTO_TEST_CASE(small_waves_in_float32_are_told) {
  for (const double size : {1e-6, 1e-7, 1e-8, 1e-10})
    for (const double rate : {300.0, 3000.0}) {
      const auto check = [&](double factor) {
        const auto f = [=](const Tensor& x) {
          const Tensor y = size * sin(rate * x);
          return factor * y - (factor - 1.0) * y.detach();
        };
        return tapegrad::gradcheck(f, full({1}, 0.3, {.dtype = float32}), {.order = 1});
      };
      const GradcheckReport right = check(1.0), missing = check(0.0);
      BOOST_TEST((right.verdict() == Verdict::ok), size << ", " << rate << "\n" << fmt::format("{}", right));
      BOOST_TEST((missing.verdict() == Verdict::wrong), size << ", " << rate << "\n" << fmt::format("{}", missing));
    }
}

// Of log(x) at 1e30 the second derivative is -1e-60, which float32 does not have; float64 does.
BOOST_AUTO_TEST_CASE(what_vanishes_in_float32_is_no_mistake) {
  const auto f = [](const Tensor& x) { return log(x); };
  const Tensor x = from_vector<double>({1e30, 0.7e30, 2e30}, {3});
  const GradcheckReport single = tapegrad::gradcheck(f, x.to(float32));
  BOOST_TEST(single.ok(), fmt::format("{}", single));
  const auto flat = [](const Tensor& t) { return log(t.detach()) + (t - t.detach()) / t.detach(); };
  const GradcheckReport lost = tapegrad::gradcheck(flat, x);
  BOOST_TEST((lost.verdict() == Verdict::wrong), fmt::format("{}", lost));
}

BOOST_AUTO_TEST_CASE(differences_in_float64_see_what_float32_cannot) {
  const auto verdict = [](double error, bool wide) {
    const auto f = [=](const Tensor& x) { return apply(NearlyExp(error), x); };
    return tapegrad::gradcheck(f, {from_vector<float>({-1.0F, 0.2F, 0.5F, 1.5F}, {4})},
                               {.order = 1, .forward_mode = false, .differences_in_float64 = wide})
        .verdict();
  };
  BOOST_TEST((verdict(0.0, false) == Verdict::ok));
  BOOST_TEST((verdict(0.0, true) == Verdict::ok));
  BOOST_TEST((verdict(1e-3, false) == Verdict::unreliable));  // the rounding of f in float32 explains it
  BOOST_TEST((verdict(1e-3, true) == Verdict::wrong));
}

// What a rule does in float32 alone, differences in float64 do not see: beyond what rounding leaves they prove nothing.
BOOST_AUTO_TEST_CASE(a_rule_that_is_off_in_float32_alone_is_not_called_right) {
  const auto verdict = [](double error, std::int64_t budget) {
    const auto f = [=](const Tensor& x) { return apply(NearlyExp(x.dtype() == float32 ? error : 0.0), x); };
    return tapegrad::gradcheck(f, {from_vector<float>({-1.0F, 0.2F, 0.5F, 1.5F}, {4})},
                               {.order = 1, .forward_mode = false, .budget = budget, .differences_in_float64 = true})
        .verdict();
  };
  for (const std::int64_t budget : {4000, 0}) {  // every element, and along directions
    BOOST_TEST((verdict(3e-5, budget) == Verdict::ok));
    for (const double error : {3e-4, 1e-3}) BOOST_TEST((verdict(error, budget) == Verdict::unreliable), error);
    BOOST_TEST((verdict(0.03, budget) == Verdict::wrong));
  }
}

// Rounding is measured with several cotangents, and the function recorded in float64 once for all of them.
BOOST_AUTO_TEST_CASE(differences_in_float64_record_the_function_once) {
  int recorded = 0;
  const auto f = [&](const Tensor& x) {
    if (is_recording() && x.dtype() == float64) ++recorded;
    return tanh(x);
  };
  BOOST_TEST(tapegrad::gradcheck(f, {from_vector<float>({-1.0F, 0.2F}, {2})},
                                 {.order = 1, .forward_mode = false, .differences_in_float64 = true})
                 .ok());
  BOOST_TEST(recorded == 1);
}

BOOST_AUTO_TEST_CASE(the_coarsest_dtype_says_what_is_equal) {
  const Tensor single = from_vector<float>({-1.0F, 0.2F, 0.5F, 1.5F}, {4});
  const Tensor twice = from_vector<double>({0.3, -0.7, 1.1, 0.9}, {4});
  const auto narrow_first = [](const Tensor& a, const Tensor& b) { return a.to(float64) * b; };
  const auto wide_first = [](const Tensor& a, const Tensor& b) { return a * b.to(float64); };
  for (const bool wide : {false, true}) {
    const GradcheckOptions options{.order = 1, .differences_in_float64 = wide};
    const GradcheckReport one = tapegrad::gradcheck(narrow_first, {single, twice}, options);
    BOOST_TEST(one.ok(), fmt::format("{}", one));
    const GradcheckReport other = tapegrad::gradcheck(wide_first, {twice, single}, options);
    BOOST_TEST(other.ok(), fmt::format("{}", other));
  }
}

BOOST_AUTO_TEST_CASE(a_function_that_takes_no_float64_is_told_apart) {
  const Tensor captured = ones({3});
  const auto f = [&](const Tensor& x) { return x * captured; };
  const std::vector<Tensor> inputs = {from_vector<float>({1.0F, 2.0F, 3.0F}, {3})};
  BOOST_TEST(tapegrad::gradcheck(f, inputs, {.order = 1}).ok());
  BOOST_CHECK_EXCEPTION(
      (void)tapegrad::gradcheck(f, inputs, {.differences_in_float64 = true}), DTypeError,
      test::says("[gradcheck] differences_in_float64 calls the function with float64 inputs, which it does not take: "
                 "[mul] float64 [3] with float32 [3]"));
}

BOOST_AUTO_TEST_SUITE_END()
