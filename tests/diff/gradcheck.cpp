// gradcheck of tensor functions: planted mistakes in a rule, names and options, and what it leaves alone.
#include "tapegrad/diff/gradcheck.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "diff/checks.hpp"
#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using namespace tapegrad::test::checks;

namespace {

/// The ways a hand-written reverse rule goes wrong, on y = a^2 b with b broadcast over the rows of a. `none` is right.
enum class Mistake {
  none,
  scale,
  sign,
  transposed,
  no_broadcast_sum,
  missing_term,
  stale,
  detached,
  wrong_row,
  one_element
};

struct Planted : Op<Planted> {
  static constexpr std::string_view name = "planted";
  Mistake mistake = Mistake::none;

  Tensor forward(const Tensor& a, const Tensor& b) const { return a * a * b; }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    const Tensor& a = s.input(0);
    const Tensor& b = s.input(1);
    Tensor da = 2.0 * dy * a * b;
    Tensor db = dy * a * a;
    switch (mistake) {
      case Mistake::none: break;
      case Mistake::scale: da = 1.03 * da; break;
      case Mistake::sign: db = -db; break;
      case Mistake::transposed: da = transpose(da, 0, 1); break;
      case Mistake::no_broadcast_sum: db = select(db, 0, 0); break;
      case Mistake::missing_term: da = dy * a * b; break;
      case Mistake::stale: da = 2.0 * dy * (a + 0.01) * b; break;
      case Mistake::detached: da = 2.0 * dy * a.detach() * b; break;
      case Mistake::wrong_row: da = flip_rows(da); break;
      case Mistake::one_element: {
        Tensor mask = ones({3, 3}, {.dtype = float64});
        mask.mutable_data<double>("mask")[4] = 0.999;
        da = da * mask;
        break;
      }
    }
    return {da, db};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    const Tensor da = dx[0].defined() ? 2.0 * s.input(0) * s.input(1) * dx[0] : Tensor();
    const Tensor db = dx[1].defined() ? s.input(0) * s.input(0) * dx[1] : Tensor();
    return !da.defined() ? db : !db.defined() ? da : da + db;
  }
  static Tensor flip_rows(const Tensor& x) { return select(x, 0, 1) + 0.0 * x; }
};

constexpr std::array kMistakes = {Mistake::scale,        Mistake::sign,  Mistake::transposed, Mistake::no_broadcast_sum,
                                  Mistake::missing_term, Mistake::stale, Mistake::wrong_row,  Mistake::one_element};

GradcheckReport check_planted(Mistake mistake, const GradcheckOptions& options, std::int64_t rows = 3) {
  const auto f = [mistake](const Tensor& a, const Tensor& b) {
    Planted op;
    op.mistake = mistake;
    return apply(op, a, b);
  };
  return gradcheck(f, {normal({rows, rows}), normal({rows}, 2)}, options);
}

/// mean(x) y, whose rule for y lacks the mean's 1/N.
struct SumForMean : Op<SumForMean> {
  static constexpr std::string_view name = "sum_for_mean";
  Tensor forward(const Tensor& x, const Tensor& y) const { return mean(x) * y; }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    const Tensor& x = s.input(0);
    return {expand(sum(dy * s.input(1)) / static_cast<double>(x.numel()), x.shape()), dy * sum(x)};
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck)

BOOST_AUTO_TEST_CASE(right_rules_are_ok_at_both_orders_and_in_both_modes) {
  const GradcheckReport report = check_planted(Mistake::none, {});
  BOOST_TEST(report.ok(), fmt::format("{}", report));
  BOOST_TEST((report.verdict() == Verdict::ok));
  // order 1: two inputs, reverse and forward; order 2: three
  BOOST_TEST(report.findings.size() == 10);
  // y = a^2 b: 9 x 9 and 3 x 9 elements at order 1, 9 + 3 outputs by 9, 3 and 9 inputs at order 2, and 3 tangents each
  BOOST_TEST(report.comparisons == 9 * 12 + 2 * 3 * 9 + 12 * 21 + 3 * 3 * 12);
}

BOOST_AUTO_TEST_CASE(planted_mistakes_are_found_element_by_element) {
  for (const Mistake mistake : kMistakes) {
    const GradcheckReport report = check_planted(mistake, kReverseOnly);
    BOOST_TEST((report.verdict() == Verdict::wrong), "mistake " << static_cast<int>(mistake) << "\n"
                                                                << fmt::format("{}", report));
    BOOST_TEST(!report.ok());
  }
}

BOOST_AUTO_TEST_CASE(planted_mistakes_are_found_along_directions) {
  for (const Mistake mistake : kMistakes) {
    const GradcheckReport report = check_planted(mistake, {.order = 1, .forward_mode = false, .budget = 0});
    BOOST_TEST((report.verdict() == Verdict::wrong), "mistake " << static_cast<int>(mistake) << "\n"
                                                                << fmt::format("{}", report));
  }
  const GradcheckReport right = check_planted(Mistake::none, {.budget = 0});
  BOOST_TEST(right.ok(), fmt::format("{}", right));
  BOOST_TEST((check_planted(Mistake::none, {}, 40).verdict() == Verdict::ok));
}

BOOST_AUTO_TEST_CASE(second_order_and_forward_mode_have_their_own_mistakes) {
  // A detached factor leaves the gradient right and its derivative wrong.
  BOOST_TEST(check_planted(Mistake::detached, {.order = 1, .forward_mode = false}).ok());
  const GradcheckReport report = check_planted(Mistake::detached, {.forward_mode = false});
  BOOST_TEST((report.verdict() == Verdict::wrong));
  for (const GradcheckFinding& f : report.findings) BOOST_TEST((f.verdict != Verdict::wrong || f.order == 2));
  // The forward rule of the planted op is right, so a wrong reverse rule shows in the comparison of the two.
  const GradcheckReport modes = check_planted(Mistake::sign, {.order = 1});
  BOOST_TEST(std::any_of(modes.findings.begin(), modes.findings.end(), [](const GradcheckFinding& f) {
    return f.mode == GradcheckMode::forward && f.verdict == Verdict::wrong && f.input == 1;
  }));
}

BOOST_AUTO_TEST_CASE(the_report_names_element_values_and_sides) {
  const GradcheckReport report = check_planted(Mistake::one_element, kReverseOnly);
  const GradcheckFinding& worst = report.findings.front();
  BOOST_TEST((worst.verdict == Verdict::wrong));
  BOOST_TEST(worst.input == 0);
  BOOST_TEST((worst.index == std::vector<std::int64_t>{1, 1}));
  BOOST_TEST(worst.output == 4);
  const double a = normal({3, 3}).to_vector<double>()[4];
  const double b = normal({3}, 2).to_vector<double>()[1];
  BOOST_TEST(worst.analytic == 0.999 * 2.0 * a * b, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(worst.numeric == 2.0 * a * b, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(worst.relative_error() == 1e-3, boost::test_tools::tolerance(1e-4));
  const std::string text = fmt::format("{}", report);
  BOOST_TEST(text.rfind("gradcheck: wrong", 0) == 0U);
  BOOST_TEST(text.find("[1, 1]") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(options_for_plain_callables_are_refused) {
  const auto check = [](const GradcheckOptions& options) {
    (void)tapegrad::gradcheck([](const Tensor& x) { return x * x; }, {normal({2})}, options);
  };
  BOOST_CHECK_EXCEPTION(check({.input_shapes = {{2}}}), ValueError,
                        test::says("[gradcheck] input_shapes are for plain callables"));
  BOOST_CHECK_EXCEPTION(check({.output_shape = {2}}), ValueError,
                        test::says("[gradcheck] output_shape is for plain callables"));
}

BOOST_AUTO_TEST_CASE(more_names_than_inputs_are_refused) {
  BOOST_CHECK_EXCEPTION((void)tapegrad::gradcheck([](const Tensor& x) { return x * x; }, {normal({2})},
                                                  {.order = 1, .input_names = {"x", "y"}}),
                        ValueError, test::says("[gradcheck] expected names of at most 1 inputs, got 2"));
}

BOOST_AUTO_TEST_CASE(names_of_inputs_stay_on_their_line) {
  const GradcheckReport report = tapegrad::gradcheck([](const Tensor& x) { return square(x); }, normal({2}),
                                                     {.order = 1, .input_names = {"a\nb\x1b[31m"}});
  BOOST_TEST(report.findings[0].input_name == "a\\nb\\x1b[31m");
}

BOOST_AUTO_TEST_CASE(one_tensor_need_not_be_a_list) {
  const Tensor x = from_vector<double>({0.5, -1.5}, {2});
  const auto f = [](const Tensor& t) { return tanh(t); };
  GradcheckReport alone = tapegrad::gradcheck(f, x);
  GradcheckReport in_a_list = tapegrad::gradcheck(f, std::vector<Tensor>{x});
  alone.seconds = in_a_list.seconds = 0.0;
  BOOST_TEST(to_string(alone) == to_string(in_a_list));
}

BOOST_AUTO_TEST_CASE(inputs_are_named) {
  const auto f = [](const Tensor& a, const Tensor& b) { return apply(Planted{}, a, b); };
  const GradcheckReport report = tapegrad::gradcheck(f, {normal({3, 3}), normal({3}, 2)}, {.input_names = {"scores"}});
  BOOST_TEST(report.findings.front().input_name == "scores");
  BOOST_TEST(report.findings[1].input_name == "1");
  BOOST_TEST(fmt::format("{}", report).find(" scores ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_live_tape_is_left_alone) {
  Tape tape;
  Tensor w = normal({2}).set_requires_grad(true);
  const Tensor y = w * w;
  const std::int64_t size = tape.size();
  const GradcheckReport report = tapegrad::gradcheck([&](const Tensor& x) { return x * y; }, {w});
  BOOST_TEST(report.ok(), fmt::format("{}", report));
  BOOST_TEST(tape.size() == size);
  BOOST_TEST(!w.has_grad());
}

BOOST_AUTO_TEST_CASE(an_input_without_a_name_goes_by_its_number) {
  const auto mean = [](const Tensor& x, const Tensor& y) { return apply(SumForMean{}, x, y); };
  const auto report = tapegrad::gradcheck(mean, {normal({7}), normal({2}, 2)}, {.order = 1, .forward_mode = false});
  BOOST_TEST(to_string(report).find("the size of axis 0 of input 0") != std::string::npos, to_string(report));
}

// Gradients come from fused rules without a tape, from differentiable ones on it: their last bits differ.
BOOST_AUTO_TEST_CASE(functions_that_take_gradients_are_checked) {
  const auto gradient_of = [](Tensor (*f)(const Tensor&)) {
    return [f](const Tensor& x) { return grad([f](const Tensor& z) { return sum(f(z)); })(x); };
  };
  Tensor (*const wave)(const Tensor&) = [](const Tensor& z) { return tanh(sin(z) * z); };
  Tensor (*const normed)(const Tensor&) = [](const Tensor& z) { return sin(layer_norm(z)); };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Generator g(seed);
    const Tensor x = randn({3, 4}, g, {.dtype = float64});
    const auto second = [&](const Tensor& z) {
      return grad([&](const Tensor& q) { return sum(gradient_of(wave)(q)); })(z);
    };
    const auto penalty = [&](const Tensor& z) { return sum(square(gradient_of(normed)(z))); };
    const GradcheckReport reports[] = {tapegrad::gradcheck(second, x, {.order = 1, .seed = seed}),
                                       tapegrad::gradcheck(penalty, x, {.order = 1, .seed = seed})};
    for (const GradcheckReport& report : reports) BOOST_TEST(report.ok(), to_string(report));
  }
}

BOOST_AUTO_TEST_SUITE_END()
