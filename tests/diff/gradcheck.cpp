#include "tapegrad/diff/gradcheck.hpp"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <functional>
#include <limits>
#include <string>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/sort.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;

namespace {

Tensor normal(const Shape& shape, std::uint64_t seed = 1) {
  Generator g(seed);
  return randn(shape, g, {.dtype = float64});
}

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

/// x -> max(x, 0) with a slope of choice at 0.
struct Ramp : Op<Ramp> {
  static constexpr std::string_view name = "ramp";
  double slope_at_zero = 0.0;
  Tensor forward(const Tensor& x) const {
    Tensor y = x.detach() * 1.0;
    for (double& v : y.mutable_data<double>("ramp")) v = v > 0.0 ? v : 0.0;
    return y;
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    Tensor slope = s.input(0).detach() * 1.0;
    const NoRecord pause;
    for (double& v : slope.mutable_data<double>("ramp")) v = v > 0.0 ? 1.0 : v < 0.0 ? 0.0 : slope_at_zero;
    return dy * slope;
  }
};

/// The largest element of each row, of which every one gets `share` of the gradient.
struct Largest : Op<Largest> {
  static constexpr std::string_view name = "largest";
  double share = 1.0;
  Tensor forward(const Tensor& x) const { return max(x, 1); }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Tensor x = s.input(0).detach();
    return share * where(x == max(x, 1, true), unsqueeze(dy, 1), 0.0);
  }
};

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

/// e^x whose slope is off by a little.
struct NearlyExp : Op<NearlyExp> {
  static constexpr std::string_view name = "nearly_exp";
  double error;  // of the slope, relative
  explicit NearlyExp(double relative) : error(relative) {}
  Tensor forward(const Tensor& x) const { return exp(x); }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return (1.0 + error) * dy * exp(s.input(0)); }
};

struct NotANumber : Op<NotANumber> {
  static constexpr std::string_view name = "not_a_number";
  Tensor forward(const Tensor& x) const { return x * 1.0; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy * std::numeric_limits<double>::quiet_NaN(); }
};

const GradcheckOptions kReverseOnly{.order = 1, .forward_mode = false};

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
    return f.mode == "forward" && f.verdict == Verdict::wrong && f.input == 1;
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

BOOST_AUTO_TEST_CASE(a_kink_passes_with_a_value_between_the_slopes) {
  const auto ramp = [](double slope) {
    return [slope](const Tensor& x) {
      Ramp op;
      op.slope_at_zero = slope;
      return apply(op, x);
    };
  };
  const Tensor x = from_vector<double>({-1.0, 0.0, 2.0}, {3});
  for (const double slope : {0.0, 0.3, 1.0}) {
    const GradcheckReport report = tapegrad::gradcheck(ramp(slope), {x}, kReverseOnly);
    BOOST_TEST((report.verdict() == Verdict::kink), fmt::format("{}", report));
    BOOST_TEST(report.ok());
  }
  for (const double slope : {-0.2, 1.5})
    BOOST_TEST((tapegrad::gradcheck(ramp(slope), {x}, kReverseOnly).verdict() == Verdict::wrong));
  // close to a kink, but not on it: the steps shrink until they stay on one side
  const Tensor near = from_vector<double>({1e-4, -1e-4, 1e-5}, {3});
  const GradcheckReport report = tapegrad::gradcheck(ramp(0.0), {near}, kReverseOnly);
  BOOST_TEST((report.verdict() == Verdict::ok), fmt::format("{}", report));
}

BOOST_AUTO_TEST_CASE(a_tie_that_counts_twice_or_not_at_all_is_wrong) {
  const Tensor x = from_vector<double>({1.0, 3.0, 3.0, 2.0, 2.0, 2.0}, {2, 3});
  const auto verdict = [&](double share, std::int64_t budget) {
    const auto f = [share](const Tensor& a) {
      Largest op;
      op.share = share;
      return apply(op, a);
    };
    return tapegrad::gradcheck(f, {x}, {.order = 1, .forward_mode = false, .budget = budget}).verdict();
  };
  for (const std::int64_t budget : {4000, 0})
    for (const double share : {0.0, 0.3, 1.0}) BOOST_TEST((verdict(share, budget) == Verdict::wrong), share);
  // The maximum's own rule, and rules of several kinks in one output.
  const auto right = {std::function<Tensor(const Tensor&)>([](const Tensor& a) { return max(a, 1); }),
                      std::function<Tensor(const Tensor&)>([](const Tensor& a) { return max(a); }),
                      std::function<Tensor(const Tensor&)>([](const Tensor& a) { return sum(relu(a - 2.0)); }),
                      std::function<Tensor(const Tensor&)>([](const Tensor& a) { return sum(abs(a - 2.0)); }),
                      std::function<Tensor(const Tensor&)>([](const Tensor& a) { return sum(clamp(a, 2.0, 3.0)); })};
  for (const auto& f : right) {
    const GradcheckReport report = tapegrad::gradcheck(f, x);
    BOOST_TEST(report.ok(), fmt::format("{}", report));
  }
}

BOOST_AUTO_TEST_CASE(a_kink_of_the_function_is_one_at_order_2_too) {
  const Tensor x = from_vector<double>({0.0, 1.0}, {2});
  const GradcheckReport report = tapegrad::gradcheck([](const Tensor& a) { return abs(a); }, x);
  BOOST_TEST(report.ok(), fmt::format("{}", report));
  BOOST_TEST((report.verdict() == Verdict::kink));
  // As many as there are, and no other element with them: x[12]^1.5 has a gradient whose own slope is infinite.
  const Tensor many = zeros({13}, {.dtype = float64});
  const Tensor weights = arange(1.0, 14.0, 1.0, {.dtype = float64});
  const auto ramps = [&](const Tensor& a) { return relu(a) * weights; };
  BOOST_TEST(tapegrad::gradcheck(ramps, many).ok());
  const auto steep_end = [&](const Tensor& a) {
    const Tensor last = a.slice(0, {.start = 12});
    return sum(ramps(a).slice(0, {.stop = 12})) + sum(where(last > 0.0, abs(last) * sqrt(abs(last)), 0.0));
  };
  const GradcheckReport mixed = tapegrad::gradcheck(steep_end, {many}, {.forward_mode = false});
  BOOST_TEST((mixed.verdict() == Verdict::out_of_domain || mixed.verdict() == Verdict::wrong),
             fmt::format("{}", mixed));
  // A gradient whose own slope is infinite, where the function has none of its own: told as before.
  const GradcheckReport steep =
      tapegrad::gradcheck([](const Tensor& a) { return abs(a) * sqrt(abs(a)); }, x, {.forward_mode = false});
  BOOST_TEST(!steep.ok(), fmt::format("{}", steep));
}

BOOST_AUTO_TEST_CASE(vacuous_comparisons_do_not_pass_in_silence) {
  // The sum of x minus its mean is zero whatever x is.
  const auto centred_sum = [](const Tensor& x) { return sum_to(x - sum_to(x, {1}) * (1.0 / 8.0), {}); };
  const GradcheckReport report = tapegrad::gradcheck(centred_sum, {normal({8})}, kReverseOnly);
  BOOST_TEST((report.verdict() == Verdict::vacuous), fmt::format("{}", report));
  BOOST_TEST(!report.ok());
  GradcheckOptions allowed = kReverseOnly;
  allowed.allow = {{Verdict::vacuous, "the sum of a centred vector is zero"}};
  BOOST_TEST(tapegrad::gradcheck(centred_sum, {normal({8})}, allowed).ok());
  const auto nothing = [](const Tensor& x) { return x * 2.0; };
  BOOST_TEST(
      (tapegrad::gradcheck(nothing, {zeros({0}, {.dtype = float64})}, kReverseOnly).verdict() == Verdict::vacuous));
}

// Sums of what a norm or a softmax gives are constant, but what rounding leaves of their gradients is not the same by
// every way: from a row of the Jacobian, from a random cotangent, forwards, and as a slope of the gradient itself.
BOOST_AUTO_TEST_CASE(gradients_that_cancel_are_vacuous_by_every_way) {
  const std::vector<std::pair<const char*, std::function<Tensor(const Tensor&)>>> constant = {
      {"layer_norm", [](const Tensor& x) { return sum(layer_norm(x)); }},
      {"layer_norm of each row", [](const Tensor& x) { return sum(layer_norm(x), {1}); }},
      {"layer_norm without eps", [](const Tensor& x) { return sum(square(layer_norm(x, {}, {}, 0.0))); }},
      {"layer_norm on a height", [](const Tensor& x) { return sum(layer_norm(x)) + 1000.0; }},
      {"softmax", [](const Tensor& x) { return sum(softmax(x, 1)); }},
      {"mean", [](const Tensor& x) { return sum(x - mean(x)); }},
      {"scale", [](const Tensor& x) { return layer_norm(x, {}, {}, 0.0) - layer_norm(3.0 * x, {}, {}, 0.0); }}};
  for (const auto& [name, f] : constant)
    for (const std::int64_t width : {2, 3, 5, 17})
      for (const int order : {1, 2})
        for (const std::int64_t budget : {std::int64_t{200'000}, std::int64_t{500}}) {
          const GradcheckReport report =
              tapegrad::gradcheck(f, {normal({4, width}, 7)}, {.order = order, .budget = budget});
          BOOST_TEST((report.verdict() == Verdict::vacuous),
                     fmt::format("{}, width {}, order {}:\n{}", name, width, order, report));
        }
}

struct Cancelled : Op<Cancelled> {
  static constexpr std::string_view name = "cancelled";
  double forward_error = 0.0;
  double second_error = 0.0;
  Tensor forward(const Tensor& x) const { return sum(layer_norm(x)); }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Tensor& x = s.input(0);
    return dy * (x - mean(x, {1}, true)) * 0.0 + second_error * dy * (x - x.detach());
  }
  Tensor jvp(const Saved& s, const Tensor& dx) const { return sum(0.0 * s.input(0) * dx) + forward_error * sum(dx); }
};

BOOST_AUTO_TEST_CASE(what_is_wrong_beside_a_vacuous_gradient_is_seen) {
  const auto check = [](double forward_error, double second_error) {
    Cancelled op;
    op.forward_error = forward_error;
    op.second_error = second_error;
    return tapegrad::gradcheck([op](const Tensor& x) { return apply(op, x); }, {normal({4, 5})});
  };
  BOOST_TEST((check(0.0, 0.0).verdict() == Verdict::vacuous), fmt::format("{}", check(0.0, 0.0)));
  BOOST_TEST((check(1e-5, 0.0).verdict() == Verdict::wrong), fmt::format("{}", check(1e-5, 0.0)));
  BOOST_TEST((check(0.0, 1e-3).verdict() == Verdict::wrong), fmt::format("{}", check(0.0, 1e-3)));
  // A gradient that is 0 at a point where its own slope is not.
  const auto squares = [](const Tensor& x) { return sum(square(x)); };
  const GradcheckReport flat = tapegrad::gradcheck(squares, {zeros({3}, {.dtype = float64})});
  BOOST_TEST((flat.verdict() == Verdict::vacuous), fmt::format("{}", flat));
}

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
      BOOST_TEST_REQUIRE((forward.mode == "forward" && forward.verdict == Verdict::wrong), to_string(report));
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
  BOOST_TEST((tapegrad::gradcheck(spoils, {normal({2})}, kReverseOnly).verdict() >= Verdict::non_deterministic));
  // The same value in every call, in an element that the result does not depend on.
  const auto marks = [](const Tensor& x) {
    x.detach().mutable_data<double>("marks")[0] = 5.0;
    return x.slice(0, {.start = 1}) * 2.0;
  };
  const GradcheckReport marked = tapegrad::gradcheck(marks, {normal({2})}, kReverseOnly);
  BOOST_TEST((marked.verdict() == Verdict::wrong), to_string(marked));
  BOOST_TEST(marked.findings[0].note == "the function changes its inputs");
}

BOOST_AUTO_TEST_CASE(a_nan_gradient_of_a_finite_function_is_wrong) {
  const auto f = [](const Tensor& x) { return x * x; };
  const auto g = [&](const Tensor& x) { return apply(NotANumber{}, f(x)); };
  BOOST_TEST((tapegrad::gradcheck(g, {normal({2})}, kReverseOnly).verdict() == Verdict::wrong));
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
  BOOST_CHECK_THROW(tapegrad::gradcheck(f, {arange(3), arange(3), Tensor()}), DTypeError);
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

BOOST_AUTO_TEST_CASE(outputs_that_are_not_finite_are_left_out_along_directions_too) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> added(500, 0.0);
  added[7] = -kInfinity;
  added[8] = std::numeric_limits<double>::quiet_NaN();
  const Tensor mask = from_vector<double>(added, {500});
  const auto right = [&](const Tensor& x) { return sin(x) + mask; };
  const GradcheckReport report = tapegrad::gradcheck(right, {normal({500})}, {.budget = 400});
  BOOST_TEST(report.ok(), fmt::format("{}", report));
  const auto wrong = [&](const Tensor& x) { return apply(NearlyExp(0.1), x) + mask; };
  BOOST_TEST((tapegrad::gradcheck(wrong, {normal({500})}, {.budget = 400}).verdict() == Verdict::wrong));
}

BOOST_AUTO_TEST_CASE(without_any_finite_output_there_is_nothing_to_compare) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto f = [](const Tensor& x) { return sin(x) + kInfinity; };
  for (const std::int64_t n : {5, 500}) {  // every element, and along directions
    const GradcheckReport report = tapegrad::gradcheck(f, {normal({n})}, {.order = 1, .budget = 400});
    BOOST_TEST((report.verdict() == Verdict::out_of_domain), n << ": " << fmt::format("{}", report));
  }
}

BOOST_AUTO_TEST_CASE(a_function_that_takes_no_float64_is_told_apart) {
  const Tensor captured = ones({3});
  const auto f = [&](const Tensor& x) { return x * captured; };
  const std::vector<Tensor> inputs = {from_vector<float>({1.0F, 2.0F, 3.0F}, {3})};
  BOOST_TEST(tapegrad::gradcheck(f, inputs, {.order = 1}).ok());
  BOOST_CHECK_EXCEPTION(
      tapegrad::gradcheck(f, inputs, {.differences_in_float64 = true}), DTypeError,
      test::says("[gradcheck] differences_in_float64 calls the function with float64 inputs, which it does not take: "
                 "[mul] float64 [3] with float32 [3]"));
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

struct Moody : Op<Moody> {
  static constexpr std::string_view name = "moody";
  Tensor forward(const Tensor& x) const { return x + 1.0; }
  Tensor vjp(const Saved&, const Tensor& dy) const {
    static double calls = 0;
    return dy * (1.0 + 1e-15 * ++calls);
  }
};

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
             "mask) are drawn anew for each");
  Generator own(3);
  BOOST_TEST(note_of([&](const Tensor& x) { return x * rand({2}, own, {.dtype = float64}); }) ==
             "non-deterministic: two calls with the same numbers differ, as where random numbers (a "
             "dropout's mask) are drawn anew for each");
  BOOST_TEST(note_of([](const Tensor& x) { return is_recording() ? x * (1 + 4e-16) : x * 1.0; }) ==
             "non-deterministic: the values differ from those without a tape");
}

// All units stand at 0 with slope 0, as where all of them are off: a piece so narrow that no look around may find it.
BOOST_AUTO_TEST_CASE(a_network_of_relus_at_zero_is_not_called_wrong) {
  int wrong = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Tensor w = normal({8, 8}, seed), v = normal({8, 1}, 100 + seed);
    const auto f = [&](const Tensor& x) { return matmul(relu(matmul(x, w)), v); };
    const Tensor x = zeros({1, 8}, {.dtype = float64});
    if (tapegrad::gradcheck(f, x, {.order = 1, .seed = seed}).verdict() == Verdict::wrong) ++wrong;
  }
  BOOST_TEST(wrong <= 1);  // half of them, where any slope that is not found is taken for none
}

BOOST_AUTO_TEST_CASE(what_is_made_of_sorted_ties_is_not_called_wrong) {
  for (const DType dtype : {float64, float32})
    for (const std::int64_t n : {3, 4, 7}) {
      const Tensor ties = full({n}, 1.0, {.dtype = dtype});
      const auto sorted = [](const Tensor& x) { return sort(x, 0)[0]; };
      BOOST_TEST((tapegrad::gradcheck(sorted, ties, {.order = 1}).verdict() == Verdict::kink), n);
      for (std::uint64_t seed = 0; seed < 10; ++seed) {
        const Tensor y = normal({n}, seed).to(dtype);
        const auto f = [&](const Tensor& x) { return sum(square(sort(x, 0)[0]) * y); };
        BOOST_TEST((tapegrad::gradcheck(f, ties, {.order = 1, .seed = seed}).verdict() != Verdict::wrong),
                   n << ", " << seed);
      }
    }
}

BOOST_AUTO_TEST_SUITE_END()
