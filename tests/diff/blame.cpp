#include "tapegrad/diff/blame.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <sstream>
#include <string>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/scope.hpp"
#include "tapegrad/diff/checkpoint.hpp"
#include "tapegrad/ops/dropout.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

using namespace tapegrad;
using tapegrad::test::says;

namespace {

/// b sin(a), with a = an input that has no gradient here; the reverse rule is 3 % too steep in b's slope when asked.
struct Ripple : Op<Ripple> {
  static constexpr std::string_view name = "ripple";
  static constexpr Names<2> input_names = {"phase", "height"};
  double factor = 1.0;
  Tensor forward(const Tensor& a, const Tensor& b) const { return sin(a) * b; }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {s.wants(0) ? dy * cos(s.input(0)) * s.input(1) : Tensor(),
            s.wants(1) ? factor * dy * sin(s.input(0)) : Tensor()};
  }
  void describe(AttributeVisitor& visitor) const { visitor("factor", factor); }
};

/// Two rules: only the fused one, which training runs, is wrong.
struct WrongWhenFused : Op<WrongWhenFused> {
  static constexpr std::string_view name = "wrong_when_fused";
  Tensor forward(const Tensor& x) const { return square(x); }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return 2.0 * dy * s.input(0); }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const { sink.add(0, dy * s.input(0)); }
};

/// logsumexp, which gives a logit of -inf a slope.
struct SeesHiddenLogits : Op<SeesHiddenLogits> {
  static constexpr std::string_view name = "sees_hidden_logits";
  Tensor forward(const Tensor& x) const { return logsumexp(x, -1); }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    return unsqueeze(dy, -1) * where(isinf(s.input(0)), 0.5, softmax(s.input(0), -1));
  }
};

struct WrongShape : Op<WrongShape> {
  static constexpr std::string_view name = "wrong_shape";
  Tensor forward(const Tensor& x) const { return x * 2.0; }
  Tensor vjp(const Saved&, const Tensor&) const { return zeros({7}, {.dtype = float64}); }
};

/// Draws its numbers anew in each run.
struct Forgets : Op<Forgets> {
  static constexpr std::string_view name = "forgets";
  static constexpr Keep keep = Keep::nothing;
  Tensor forward(const Tensor& x) const { return x + rand(x.shape(), {.dtype = x.dtype()}); }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy; }
};

struct Model {
  Generator generator{5};
  DType dtype = float64;
  Tensor first = weight({6, 4});
  Tensor second = weight({6, 6});
  Tensor gamma = weight({6});
  Tensor head = weight({2, 6});

  Tensor weight(const Shape& shape) {
    return randn(shape, generator, {.dtype = float64}).to(dtype).set_requires_grad(true);
  }
  Tensor operator()(const Tensor& x, double factor) const {
    Tensor h;
    {
      const Scope scope("layers.0");
      h = layer_norm(tanh(linear(x, first)), gamma);
    }
    {
      const Scope scope("layers.1");
      h = apply(Ripple{{}, factor}, linear(h, second), h) + dropout(h, 0.25);
    }
    return sum(square(linear(h, head)));
  }
};

Tensor data(DType dtype = float64) {
  Generator g(2);
  return randn({3, 4}, g, {.dtype = float64}).to(dtype);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(blame)

BOOST_AUTO_TEST_CASE(a_wrong_op_deep_inside_a_model_is_named) {
  for (const DType dtype : {float64, float32}) {
    const Model model{.dtype = dtype};
    Tape tape({.study = true});
    const Tensor loss = model(data(dtype), 1.03);
    const std::int64_t size = tape.size();
    const BlameReport report = tapegrad::blame(tape, loss);
    BOOST_TEST(tape.size() == size);
    BOOST_TEST_REQUIRE(report.wrong.size() == 1U, fmt::format("{}", report));
    const BlamedNode& node = report.wrong.front();
    BOOST_TEST(node.op == "ripple");
    BOOST_TEST(node.scope == "layers.1");
    BOOST_TEST(tape.node(node.position).op == "ripple");
    BOOST_TEST_REQUIRE(node.input_shapes.size() == 2U);
    BOOST_TEST((node.input_shapes[0] == Shape{3, 6}));
    BOOST_TEST(node.finding.input == 1);
    BOOST_TEST((node.finding.verdict == Verdict::wrong));
    BOOST_TEST(node.finding.relative_error() == 0.03 / 1.03, boost::test_tools::tolerance(1e-3));
    const std::string text = fmt::format("{}", report);
    BOOST_TEST(text.find(fmt::format("blame: node {}, ripple([3, 6], [3, 6]) {{factor=1.03}} in layers.1\n",
                                     node.position)) == 0U,
               text);
    BOOST_TEST(text.find("input 1 (height)[") != std::string::npos, text);
    BOOST_TEST(text.find("1 wrong, 0 undecided, 0 skipped") != std::string::npos, text);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) BOOST_TEST(line.size() <= 100U, line);
    (void)tape.gradient(loss, model.first);  // the tape is whole
  }
}

BOOST_AUTO_TEST_CASE(a_right_model_is_right) {
  const Model model;
  Tape tape({.study = true});
  const Tensor loss = model(data(), 1.0);
  const BlameReport report = tapegrad::blame(tape, loss, {.order = 2});
  BOOST_TEST(report.ok(), fmt::format("{}", report));
  BOOST_TEST(report.undecided == 0);
  BOOST_TEST(report.skipped.empty());
  BOOST_TEST(report.nodes == 10);  // linear tanh layer_norm, linear ripple dropout add, linear square sum
}

BOOST_AUTO_TEST_CASE(the_first_is_the_one_that_the_sweep_meets_first) {
  const Tensor x = data().set_requires_grad(true);
  Tape tape({.study = true});
  const Tensor below = apply(Ripple{{}, -1.0}, x, x);
  const Tensor above = apply(WrongWhenFused{}, tanh(below));
  const Tensor beside = apply(Ripple{{}, 2.0}, x, x);  // the loss does not depend on it
  const BlameReport report = tapegrad::blame(tape, sum(above));
  BOOST_TEST_REQUIRE(report.wrong.size() == 2U, fmt::format("{}", report));
  BOOST_TEST(report.wrong[0].op == "wrong_when_fused");
  BOOST_TEST(report.wrong[0].finding.relative_error() == 0.5, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(report.wrong[1].op == "ripple");
  BOOST_TEST(fmt::format("{}", report).find("further down: node 1, ripple") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_verdict_that_is_allowed_is_no_blame_and_the_seed_is_the_callers) {
  const Tensor x = data().set_requires_grad(true);
  Tape tape({.study = true});
  const Tensor loss = sum(apply(Ripple{{}, 1.03}, x, x));
  const auto numeric = [&](std::uint64_t seed) {
    const BlameReport report = tapegrad::blame(tape, loss, {.seed = seed, .budget = 0});
    BOOST_TEST_REQUIRE(report.wrong.size() == 1U, fmt::format("{}", report));
    BOOST_TEST(report.wrong.front().report.seed == seed);
    return report.wrong.front().report.findings.front().numeric;  // along a random direction
  };
  BOOST_TEST(numeric(1) == numeric(1));
  BOOST_TEST(numeric(1) != numeric(2));
  BOOST_TEST(tapegrad::blame(tape, loss, {.allow = {{Verdict::wrong, "known"}}}).ok());
  BOOST_CHECK_EXCEPTION((void)tapegrad::blame(tape, loss, {.allow = {{Verdict::wrong, ""}}}), ValueError,
                        test::says("[blame] expected a reason to allow wrong, got none"));
  BOOST_CHECK_EXCEPTION((void)tapegrad::blame(tape, loss, {.order = 3}), ValueError,
                        test::says("[blame] expected order 1 or 2, got 3"));
  BOOST_TEST(!tapegrad::blame(tape, loss, {.allow = {{Verdict::non_deterministic, "known"}}}).ok());
}

BOOST_AUTO_TEST_CASE(an_input_without_gradient_is_nobodys_business) {
  const Tensor x = data().set_requires_grad(true);
  Tape tape({.study = true});
  const Tensor y = apply(Ripple{{}, 1.03}, x, data());  // only the wrong input is constant
  BOOST_TEST(tapegrad::blame(tape, y).ok());
}

BOOST_AUTO_TEST_CASE(a_slope_of_what_a_mask_hides_is_to_blame) {
  const Tensor x = data().set_requires_grad(true);
  Tape tape({.study = true});
  const Tensor hidden = masked_fill(x, x > 0.0, -std::numeric_limits<double>::infinity());
  const BlameReport report = tapegrad::blame(tape, sum(apply(SeesHiddenLogits{}, hidden)));
  BOOST_TEST_REQUIRE(report.wrong.size() == 1U, to_string(report));
  BOOST_TEST(report.wrong[0].op == "sees_hidden_logits");
  BOOST_TEST(report.wrong[0].finding.analytic != 0.0);
  BOOST_TEST(report.wrong[0].finding.numeric == 0.0);
}

BOOST_AUTO_TEST_CASE(a_rule_that_breaks_its_contract_is_to_blame) {
  const Tensor x = data().set_requires_grad(true);
  Tape tape({.study = true});
  const BlameReport report = tapegrad::blame(tape, sum(apply(WrongShape{}, x)));
  BOOST_TEST_REQUIRE(report.wrong.size() == 1U);
  BOOST_TEST(report.wrong[0].failure.find("gave a gradient of shape [7]") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_cannot_run_again_is_skipped_and_told) {
  const Tensor x = data().set_requires_grad(true);
  Tape tape({.study = true});
  const Tensor h = tapegrad::checkpoint([](const Tensor& a) { return tanh(a); }, apply(Forgets{}, x));
  const BlameReport report = tapegrad::blame(tape, sum(h));
  BOOST_TEST(report.ok());
  BOOST_TEST_REQUIRE(report.skipped.size() == 2U);
  BOOST_TEST(report.skipped[0].op == "checkpoint");
  BOOST_TEST(report.skipped[0].reason.find("runs again only in a reverse sweep") != std::string::npos);
  BOOST_TEST(report.skipped[1].reason == "running it again gives other values");
}

BOOST_AUTO_TEST_CASE(a_kink_is_right_and_a_gradient_of_zero_proves_nothing) {
  const Tensor x = zeros({2}, {.dtype = float64}).set_requires_grad(true);
  Tape tape({.study = true});
  const Tensor y = sum(relu(x));
  BOOST_TEST(tapegrad::blame(tape, y).ok());
  BOOST_TEST(tapegrad::blame(tape, y).undecided == 0);
  const BlameReport zero = tapegrad::blame(tape, sum(data().slice(0, {.stop = 2}) * 0.0 * x[0]));
  BOOST_TEST(zero.ok());
  BOOST_TEST(zero.undecided == 1);
}

BOOST_AUTO_TEST_CASE(misuse_is_answered) {
  const Tensor x = data().set_requires_grad(true);
  {
    Tape tape;
    const Tensor y = sum(x);
    BOOST_CHECK_EXCEPTION((void)tapegrad::blame(tape, y), TapeError,
                          says("[blame] needs a tape that keeps its values"));
  }
  Tape tape({.study = true});
  BOOST_CHECK_EXCEPTION((void)tapegrad::blame(tape, data()), TapeError,
                        says("[blame] the tensor [3, 4] is not on this tape"));
}

/// One input's gradient is 1 % off, the other's twice what it should be.
struct TwoWrong : Op<TwoWrong> {
  static constexpr std::string_view name = "two_wrong";
  Tensor forward(const Tensor& a, const Tensor& b) const { return a * b; }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {1.01 * s.input(1) * dy, 2.0 * s.input(0) * dy};
  }
};

BOOST_AUTO_TEST_CASE(of_two_wrong_inputs_the_worse_is_told) {
  const Tensor a = tensor({1.0, 2.0}, {.dtype = float64, .requires_grad = true});
  const Tensor b = tensor({3.0, 4.0}, {.dtype = float64, .requires_grad = true});
  Tape tape({.study = true});
  const BlameReport report = tapegrad::blame(tape, sum(apply(TwoWrong{}, a, b)));
  BOOST_TEST_REQUIRE(report.wrong.size() == 1U);
  BOOST_TEST(report.wrong[0].finding.input == 1);
}

/// gain x, whose rule is right, and hides from the second order that it depends on the cotangent.
struct Scaled : Op<Scaled> {
  static constexpr std::string_view name = "scaled";
  static constexpr Names<2> input_names = {"x", "gain"};
  Tensor forward(const Tensor& x, const Tensor& gain) const { return x * gain; }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {s.wants(0) ? dy.detach() * s.input(1) : Tensor(), s.wants(1) ? dy.detach() * s.input(0) : Tensor()};
  }
};

/// x + b for an optional b, whose gradient by x is twice what it should be.
struct MaySkipTheBias : Op<MaySkipTheBias> {
  static constexpr std::string_view name = "may_skip_the_bias";
  Tensor forward(const Tensor& x, const Tensor& b) const { return b.defined() ? x + b : x * 1.0; }
  std::array<Tensor, 2> vjp(const Saved&, const Tensor& dy) const { return {2.0 * dy, Tensor()}; }
  void describe(AttributeVisitor& visitor) const { visitor("note", std::string_view("two\nlines")); }
};

// The gradient of gain x by x is dy gain: its derivative by dy is the constant gain, and no other input's.
BOOST_AUTO_TEST_CASE(at_order_2_a_cotangent_is_no_input_of_the_op) {
  const Tensor x = tensor({1.0, 2.0}, {.dtype = float64, .requires_grad = true});
  const Tensor gain = tensor({-6.0, -6.0}, {.dtype = float64});
  Tape tape({.study = true});
  const BlameReport report = tapegrad::blame(tape, sum(apply(Scaled{}, x, gain)), {.order = 2});
  BOOST_TEST_REQUIRE(report.wrong.size() == 1U, to_string(report));
  const BlamedNode& node = report.wrong[0];
  BOOST_TEST(node.finding.order == 2);
  BOOST_TEST(node.finding.input == 2);
  BOOST_TEST(node.finding.numeric == -6.0, boost::test_tools::tolerance(1e-9));
  const std::string text = to_string(report);
  BOOST_TEST(text.find("\n  cotangent[") != std::string::npos, text);
  BOOST_TEST(text.find("input 1 (gain)") == std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(an_absent_input_is_told_as_none_and_names_stay_on_their_line) {
  const Tensor x = data().set_requires_grad(true);
  Tape tape({.study = true});
  const Tensor y = [&] {
    const Scope scope("one\nscope");
    return apply(MaySkipTheBias{}, x, Tensor());
  }();
  const BlameReport report = tapegrad::blame(tape, sum(y));
  BOOST_TEST_REQUIRE(report.wrong.size() == 1U, to_string(report));
  BOOST_TEST((report.wrong[0].input_shapes[0] == Shape{3, 4}));
  BOOST_TEST(!report.wrong[0].input_shapes[1].has_value());
  BOOST_TEST(to_string(report).starts_with(
                 "blame: node 1, may_skip_the_bias([3, 4], none) {note=two\\nlines} in one\\nscope\n  input 0["),
             to_string(report));
}

BOOST_AUTO_TEST_SUITE_END()
