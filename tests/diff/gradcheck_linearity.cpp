// gradcheck of rules that are not linear in the cotangent, or forget one, and of factors of forward rules.
#include <fmt/format.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string>

#include "diff/checks.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

using namespace tapegrad;
using namespace tapegrad::test::checks;

namespace {

/// 2 x, whose rule is right for unit cotangents, and bends between them.
struct Bent : Op<Bent> {
  static constexpr std::string_view name = "bent";
  double bend = 0.0;
  Tensor forward(const Tensor& x) const { return 2.0 * x; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return 2.0 * dy * (1.0 + bend * (dy * dy - 1.0)); }
};

/// A rule that has dy as a factor twice: right for cotangents of one.
struct SquaredCotangent : Op<SquaredCotangent> {
  static constexpr std::string_view name = "squared_cotangent";
  Tensor forward(const Tensor& x) const { return sin(x); }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return dy * dy * cos(s.input(0)); }
};

/// x^2 and sin(x), whose rule forgets one of the two cotangents, and whose forward rule is `factor` times the right
/// one.
struct SquareAndSine : Op<SquareAndSine> {
  static constexpr std::string_view name = "square_and_sine";
  int forgotten = -1;
  double factor = 1.0;
  std::array<Tensor, 2> forward(const Tensor& x) const { return {x * x, sin(x)}; }
  Tensor vjp(const Saved& s, const Cotangents& dy) const {
    const Tensor& x = s.input(0);
    Tensor dx = zeros_like(x);
    if (dy[0].defined() && forgotten != 0) dx = dx + 2.0 * x * dy[0];
    if (dy[1].defined() && forgotten != 1) dx = dx + cos(x) * dy[1];
    return dx;
  }
  std::array<Tensor, 2> jvp(const Saved& s, const Tensor& dx) const {
    return {2.0 * factor * s.input(0) * dx, factor * cos(s.input(0)) * dx};
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck_linearity)

BOOST_AUTO_TEST_CASE(differences_side_with_no_rule_that_is_not_linear) {
  const auto f = [](const Tensor& x) { return apply(SquaredCotangent{}, x); };
  const GradcheckReport report = tapegrad::gradcheck(f, {normal({3})}, {.order = 1});
  const GradcheckFinding& forward = report.findings.back();
  BOOST_TEST_REQUIRE((forward.mode == GradcheckMode::forward && forward.verdict == Verdict::wrong), to_string(report));
  BOOST_TEST(forward.note.starts_with("the reverse rule is not linear in the cotangent"), to_string(report));
}

BOOST_AUTO_TEST_CASE(a_cotangent_that_is_not_used_is_named) {
  for (const int forgotten : {0, 1}) {
    SquareAndSine op;
    op.forgotten = forgotten;
    const auto f = [op](const Tensor& x) { return apply(op, x); };
    const GradcheckReport report = tapegrad::gradcheck(f, {normal({3})}, {.order = 1, .forward_mode = false});
    const GradcheckFinding& finding = report.findings.front();
    BOOST_TEST_REQUIRE((finding.verdict == Verdict::wrong && finding.diagnosis), to_string(report));
    BOOST_TEST((finding.diagnosis->mistake == GradcheckMistake::no_gradient), to_string(report));
    BOOST_TEST(finding.diagnosis->text.ends_with(fmt::format("the cotangent of output {} is not used", forgotten)),
               to_string(report));
    BOOST_TEST(
        to_string(report).find(fmt::format("output {}[{}], step", forgotten, finding.output % 3)) != std::string::npos,
        to_string(report));
  }
}

BOOST_AUTO_TEST_CASE(a_factor_of_a_forward_rule_is_told) {
  for (const double factor : {-1.0, 2.0, 0.0, 1.0}) {
    SquareAndSine op;
    op.factor = factor;
    const auto f = [op](const Tensor& x) { return apply(op, x); };
    for (const std::int64_t budget : {4000, 0}) {  // every element, and along directions
      const GradcheckReport report = tapegrad::gradcheck(f, {normal({3})}, {.order = 1, .budget = budget});
      const GradcheckFinding& forward = report.findings.back();
      BOOST_TEST_REQUIRE((forward.mode == GradcheckMode::forward), to_string(report));
      BOOST_TEST((forward.verdict == (factor == 1.0 ? Verdict::ok : Verdict::wrong)), to_string(report));
      BOOST_TEST(forward.diagnosis.has_value() == (factor != 1.0), to_string(report));
      if (!forward.diagnosis) continue;
      BOOST_TEST(forward.diagnosis->text.find(factor == 0.0   ? "analytic is zero"
                                              : factor == 2.0 ? "a factor 2 too much"
                                                              : "the sign is wrong") != std::string::npos,
                 to_string(report));
    }
  }
}

// What a rule rounds is measured, not what it bends.
BOOST_AUTO_TEST_CASE(a_rule_that_is_nearly_linear_is_wrong) {
  for (const double bend : {1e-3, 1e-5, 1e-7, 1e-9}) {
    Bent op;
    op.bend = bend;
    const auto report = tapegrad::gradcheck([&op](const Tensor& x) { return apply(op, x); }, {normal({4})},
                                            {.order = 1, .forward_mode = false});
    BOOST_TEST((report.verdict() == Verdict::wrong), bend);
  }
}

BOOST_AUTO_TEST_SUITE_END()
