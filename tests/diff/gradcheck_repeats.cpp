// gradcheck of what differs between runs, and of rules at a second point beside the first.
#include <fmt/format.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <memory>
#include <string>

#include "diff/checks.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using namespace tapegrad::test::checks;

namespace {

struct Moody : Op<Moody> {
  static constexpr std::string_view name = "moody";
  Tensor forward(const Tensor& x) const { return x + 1.0; }
  Tensor vjp(const Saved&, const Tensor& dy) const {
    static double calls = 0;
    return dy * (1.0 + 1e-15 * ++calls);
  }
};

/// x^3 y, whose rule keeps the x of its first call.
struct RemembersItsFirst : Op<RemembersItsFirst> {
  static constexpr std::string_view name = "remembers_its_first";
  std::shared_ptr<Tensor> kept = std::make_shared<Tensor>();
  Tensor forward(const Tensor& x, const Tensor& y) const { return x * x * x * y; }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    if (!kept->defined()) *kept = s.input(0).detach().clone();
    return {3.0 * dy * *kept * *kept * s.input(1), dy * s.input(0) * s.input(0) * s.input(0)};
  }
};

/// -sum(y log softmax(x)), for y whose rows sum to 1.
struct SoftTargets : Op<SoftTargets> {
  static constexpr std::string_view name = "soft_targets";
  Tensor forward(const Tensor& x, const Tensor& y) const { return -sum(y * log_softmax(x)); }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {dy * (softmax(s.input(0)) - s.input(1)), -dy * log_softmax(s.input(0))};
  }
};

/// x m m, for an m of 0 and 1.
struct MaskedTwice : Op<MaskedTwice> {
  static constexpr std::string_view name = "masked_twice";
  Tensor forward(const Tensor& x, const Tensor& m) const { return x * m * m; }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {dy * s.input(1), 2.0 * dy * s.input(0) * s.input(1)};
  }
};

/// x times a mask that each sweep draws anew.
struct DrawsAnew : Op<DrawsAnew> {
  static constexpr std::string_view name = "draws_anew";
  Tensor forward(const Tensor& x) const { return 2.0 * x; }
  Tensor vjp(const Saved&, const Tensor& dy) const {
    static Generator own(3);
    return dy * (4.0 * rand(dy.shape(), own, {.dtype = float64}));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck_repeats)

BOOST_AUTO_TEST_CASE(non_determinism_is_seen_and_random_numbers_are_frozen) {
  int calls = 0;
  const auto drifting = [&](const Tensor& x) { return x * static_cast<double>(++calls); };
  BOOST_TEST((tapegrad::gradcheck(drifting, {normal({2})}).verdict() == Verdict::non_deterministic));
  const auto noisy = [](const Tensor& x) { return x * rand({4}, {.dtype = float64}); };
  const RandomStream before = default_generator().state();
  const GradcheckReport frozen = tapegrad::gradcheck(noisy, {normal({4})});
  BOOST_TEST(frozen.ok(), fmt::format("{}", frozen));
  BOOST_TEST(default_generator().state().offset == before.offset);
}

BOOST_AUTO_TEST_CASE(a_function_that_changes_its_input_is_wrong) {
  const auto spoils = [](const Tensor& x) {
    Tensor y = x * 2.0;
    const NoRecord pause;
    Tensor bare = x.detach();
    bare.mutable_data<double>("spoils")[0] = 7.0;
    return y;
  };
  // What is filed after that would be of another point.
  const auto expect_that_alone = [](const GradcheckReport& report) {
    BOOST_TEST((report.verdict() == Verdict::wrong), to_string(report));
    BOOST_TEST(report.findings.size() == 1U, to_string(report));
    BOOST_TEST(report.findings[0].note == "the function changes its inputs");
  };
  expect_that_alone(tapegrad::gradcheck(spoils, {normal({2})}));
  // The same value in every call, in an element that the result does not depend on.
  const auto marks = [](const Tensor& x) {
    Tensor elements = x.detach();
    elements.mutable_data<double>("marks")[0] = 5.0;
    return x.slice(0, {.start = 1}) * 2.0;
  };
  expect_that_alone(tapegrad::gradcheck(marks, {normal({2})}));
}

BOOST_AUTO_TEST_CASE(what_differs_between_runs_is_told) {
  const auto note_of = [](const auto& f) {
    const GradcheckReport report = tapegrad::gradcheck(f, {normal({2})}, {.order = 1});
    BOOST_TEST(!report.ok());
    for (const GradcheckFinding& finding : report.findings)
      if (!finding.note.empty()) return std::string(to_string(finding.verdict)) + ": " + finding.note;
    return std::string();
  };
  BOOST_TEST(note_of([](const Tensor& x) { return apply(Moody{}, x); }) ==
             "non-deterministic: two reverse sweeps differ, as where random numbers (a dropout's "
             "mask) are drawn anew for each, or one call keeps something for the next (an average, a buffer of its "
             "own)");
  Generator own(3);
  BOOST_TEST(note_of([&](const Tensor& x) { return x * rand({2}, own, {.dtype = float64}); }) ==
             "non-deterministic: two calls with the same numbers differ, as where random numbers (a "
             "dropout's mask) are drawn anew for each, or one call keeps something for the next (an average, a buffer "
             "of its own)");
  BOOST_TEST(note_of([](const Tensor& x) { return is_recording() ? x * (1 + 1e-11) : x * 1.0; }) ==
             "non-deterministic: the values differ from those without a tape");
}

// At the point itself it is right, for every element and cotangent, and its own derivative is 0 by either way.
BOOST_AUTO_TEST_CASE(a_rule_that_stands_still_is_wrong) {
  const RemembersItsFirst op;
  const auto report = tapegrad::gradcheck([&](const Tensor& x, const Tensor& y) { return apply(op, x, y); },
                                          {normal({3}), normal({3}, 2)}, {.forward_mode = false});
  BOOST_TEST((report.verdict() == Verdict::wrong), to_string(report));
  int wrong = 0;
  for (const GradcheckFinding& f : report.findings) {
    if (f.verdict != Verdict::wrong || f.order != 1) continue;
    ++wrong;
    BOOST_TEST(f.input == 0);
    BOOST_TEST(f.note.starts_with("the rule is right at the point, and not at a second one beside it"));
  }
  BOOST_TEST(wrong == 1);
  // Of one input alone nothing else moves: the rule gives the same numbers.
  const RemembersItsFirst again;
  const Tensor ones = full({3}, 1.0, {.dtype = float64});
  const auto alone = tapegrad::gradcheck([&](const Tensor& x) { return apply(again, x, ones); }, {normal({3})},
                                         {.order = 1, .forward_mode = false});
  BOOST_REQUIRE_MESSAGE(alone.findings.back().diagnosis.has_value(), to_string(alone));
  BOOST_TEST((alone.findings.back().diagnosis->mistake == GradcheckMistake::stale_value));
}

// A rule may be right for the inputs it is meant for alone: weights that sum to 1, a mask, a symmetric matrix.
BOOST_AUTO_TEST_CASE(a_rule_for_some_inputs_is_not_asked_beyond_them) {
  const GradcheckOptions options{.order = 1, .forward_mode = false};
  const Tensor one_hot = tensor({{0.0, 1.0, 0.0}, {1.0, 0.0, 0.0}}, {.dtype = float64});
  const auto soft = tapegrad::gradcheck([](const Tensor& x, const Tensor& y) { return apply(SoftTargets{}, x, y); },
                                        {normal({2, 3}), one_hot}, options);
  BOOST_TEST(soft.ok(), to_string(soft));
  const Tensor mask = tensor({1.0, 0.0, 1.0, 1.0}, {.dtype = float64});
  const auto masked = tapegrad::gradcheck([](const Tensor& x, const Tensor& m) { return apply(MaskedTwice{}, x, m); },
                                          {normal({4}), mask}, options);
  BOOST_TEST(masked.ok(), to_string(masked));
}

// Beside the point lies a kink, the end of the domain, or what a function refuses: that says nothing of the rule.
BOOST_AUTO_TEST_CASE(what_differences_cannot_tell_beside_the_point_is_no_finding) {
  const auto passes = [](const auto& f, double at) {
    const auto report = tapegrad::gradcheck(f, {full({2}, at, {.dtype = float64})}, {.order = 1});
    BOOST_TEST(report.ok(), to_string(report));
  };
  passes([](const Tensor& x) { return relu(x - 1.09375) + x; }, 1.0);
  passes([](const Tensor& x) { return asin(x); }, 0.97);
  passes([](const Tensor& x) { return log(x - 0.95); }, 1.0);
  passes([](const Tensor& x) { return sqrt(abs(x - 1.09375)) + x; }, 1.0);
  passes(
      [](const Tensor& x) {
        for (const double v : x.data<double>())
          if (std::abs(v - 1.0) > 0.03) throw ValueError("too far");
        return x * x;
      },
      1.0);
}

// What it makes of sums of cotangents would be told of a rule that has answered each of them with another mask.
BOOST_AUTO_TEST_CASE(of_sweeps_that_differ_nothing_is_said_of_cotangents) {
  const auto report = tapegrad::gradcheck([](const Tensor& x) { return apply(DrawsAnew{}, x); }, {normal({3})},
                                          {.order = 1, .forward_mode = false});
  BOOST_TEST((report.verdict() == Verdict::wrong), to_string(report));
  BOOST_TEST(to_string(report).find("two reverse sweeps differ") != std::string::npos);
  BOOST_TEST(to_string(report).find("cotangent") == std::string::npos, to_string(report));
}

BOOST_AUTO_TEST_SUITE_END()
