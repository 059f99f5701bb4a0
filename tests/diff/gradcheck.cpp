#include "tapegrad/diff/gradcheck.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "diff/checks.hpp"
#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
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

/// 2 x, whose rule is right for unit cotangents, and bends between them.
struct Bent : Op<Bent> {
  static constexpr std::string_view name = "bent";
  double bend = 0.0;
  Tensor forward(const Tensor& x) const { return 2.0 * x; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return 2.0 * dy * (1.0 + bend * (dy * dy - 1.0)); }
};

/// mean(x) y, whose rule for y lacks the mean's 1/N.
struct SumForMean : Op<SumForMean> {
  static constexpr std::string_view name = "sum_for_mean";
  Tensor forward(const Tensor& x, const Tensor& y) const { return mean(x) * y; }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    const Tensor& x = s.input(0);
    return {expand(sum(dy * s.input(1)) / static_cast<double>(x.numel()), x.shape()), dy * sum(x)};
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

BOOST_AUTO_TEST_CASE(an_input_without_a_name_goes_by_its_number) {
  const auto mean = [](const Tensor& x, const Tensor& y) { return apply(SumForMean{}, x, y); };
  const auto report = tapegrad::gradcheck(mean, {normal({7}), normal({2}, 2)}, {.order = 1, .forward_mode = false});
  BOOST_TEST(to_string(report).find("the size of axis 0 of input 0") != std::string::npos, to_string(report));
}

// What it makes of sums of cotangents would be told of a rule that has answered each of them with another mask.
BOOST_AUTO_TEST_CASE(of_sweeps_that_differ_nothing_is_said_of_cotangents) {
  const auto report = tapegrad::gradcheck([](const Tensor& x) { return apply(DrawsAnew{}, x); }, {normal({3})},
                                          {.order = 1, .forward_mode = false});
  BOOST_TEST((report.verdict() == Verdict::wrong), to_string(report));
  BOOST_TEST(to_string(report).find("two reverse sweeps differ") != std::string::npos);
  BOOST_TEST(to_string(report).find("cotangent") == std::string::npos, to_string(report));
}

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
