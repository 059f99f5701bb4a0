// LayerNorm's backward: derived step by step, written by hand, got wrong in the classic way, found out, and mended.
#include <fmt/format.h>
#include <tapegrad/tapegrad.hpp>

#include <algorithm>
#include <array>
#include <vector>

#include "lesson/lesson.hpp"
namespace tg = tapegrad;

namespace {

constexpr double kEps = 1e-5;

/// < a >, the mean over the features; kept as a column so that it broadcasts.
tg::Tensor average(const tg::Tensor& a) { return tg::mean(a, -1, true); }

struct Statistics {
  tg::Tensor mu, r, xhat;
  explicit Statistics(const tg::Tensor& x) : mu(average(x)) {
    const tg::Tensor centered = x - mu;
    r = tg::rsqrt(average(tg::square(centered)) + kEps);
    xhat = r * centered;
  }
};

/// What both have in common: the forward run, and what gamma and beta receive.
template <class Self>
struct LayerNorm : tg::Op<Self> {
  tg::Tensor forward(const tg::Tensor& x, const tg::Tensor& gamma, const tg::Tensor& beta) const {
    return gamma * Statistics(x).xhat + beta;
  }
  std::array<tg::Tensor, 3> vjp(const tg::Saved& s, const tg::Tensor& dy) const {
    const Statistics at(s.input(0));
    const tg::Tensor g = s.input(1) * dy;
    // gamma and beta are broadcast over the rows: the engine sums what each row sends them.
    return {Self::gradient_of_x(at, g), dy * at.xhat, dy};
  }
};

/// The classic mistake: r and the mean are taken for constants.
struct WithConstantStatistics : LayerNorm<WithConstantStatistics> {
  static constexpr std::string_view name = "layer_norm_with_constant_statistics";
  static constexpr std::string_view math = R"(\bar x = r g)";
  static tg::Tensor gradient_of_x(const Statistics& at, const tg::Tensor& g) { return at.r * g; }
};

/// The rule that the derivation gives.
struct ByHand : LayerNorm<ByHand> {
  static constexpr std::string_view name = "layer_norm_by_hand";
  static constexpr std::string_view math = R"(\bar x = r (g - \langle g \rangle - \hat x \langle g \hat x \rangle))";
  static tg::Tensor gradient_of_x(const Statistics& at, const tg::Tensor& g) {
    return at.r * (g - average(g) - at.xhat * average(g * at.xhat));
  }
};

void derive(lesson::Lesson& lesson) {
  lesson.section("The derivation");
  lesson.say(
      "Angle brackets are the mean over the n features of one row; a bar is a cotangent, the gradient of the loss.");
  lesson.step(
      "What runs forward",
      R"(\mu = \langle x \rangle,\quad \sigma^2 = \langle (x - \mu)^2 \rangle,\quad r = (\sigma^2 + \epsilon)^{-1/2},\quad \hat x = r (x - \mu),\quad y = \gamma \hat x + \beta)",
      "x enters three times: by itself, through the mean, and through r.");
  lesson.step("Back through the last line",
              R"(g = \gamma \bar y,\quad \bar\gamma = \sum \bar y \hat x,\quad \bar\beta = \sum \bar y)",
              "g is the cotangent of x\u0302; the sums run over the rows that share γ and β.");
  lesson.step("A small change of x moves the mean", R"(d\mu = \langle dx \rangle)", "the mean is linear");
  lesson.step(
      "... and the scale",
      R"(dr = -\tfrac12 r^3\, d\sigma^2,\quad d\sigma^2 = 2 \langle (x - \mu) dx \rangle\quad \Rightarrow\quad dr = -r^2 \langle \hat x\, dx \rangle)",
      "⟨(x - μ) dμ⟩ vanishes: deviations from a mean add up to zero.");
  lesson.step(
      "Together",
      R"(d\hat x = r (dx - d\mu) + (x - \mu)\, dr = r \left(dx - \langle dx \rangle - \hat x \langle \hat x\, dx \rangle\right))",
      "the change of x, without its part along (1, ..., 1) and (up to ε) without its part along x\u0302");
  lesson.step("Transpose", R"(\bar x = r \left(g - \langle g \rangle - \hat x \langle g \hat x \rangle\right))",
              "dx ↦ dx\u0302 is the matrix r (I - 1 1ᵀ/n - x\u0302 x\u0302ᵀ/n), which is symmetric: the same formula "
              "takes g back to x.");
}

/// The largest difference between two tensors.
double distance(const tg::Tensor& a, const tg::Tensor& b) { return tg::max(tg::abs(a - b)).item(); }

bool compute(lesson::Lesson& lesson, const tg::Tensor& x, const tg::Tensor& gamma, const tg::Tensor& beta,
             const tg::Tensor& dy) {
  lesson.section("The numbers of a small example: 2 rows, 4 features");
  const Statistics at(x);
  const tg::Tensor g = gamma * dy;
  lesson.show("x", x);
  lesson.show(R"(\gamma)", gamma);
  lesson.show(R"(\bar y)", dy);
  lesson.remark(fmt::format("{} = 1e-5", tg::readable_math(R"(\epsilon)")));
  lesson.show(R"(\mu)", at.mu);
  lesson.show("r", at.r);
  lesson.show(R"(\hat x)", at.xhat);
  lesson.show("g", g);
  lesson.show(R"(\langle g \rangle)", average(g));
  lesson.show(R"(\hat x \langle g \hat x \rangle)", at.xhat * average(g * at.xhat));
  const tg::Tensor dx = ByHand::gradient_of_x(at, g);
  lesson.show(R"(\bar x)", dx);
  const tg::Tensor dgamma = tg::sum(dy * at.xhat, 0), dbeta = tg::sum(dy, 0);
  lesson.show(R"(\bar\gamma)", dgamma);
  lesson.show(R"(\bar\beta)", dbeta);

  std::vector<tg::Tensor> leaves;
  for (const tg::Tensor& input : {x, gamma, beta}) leaves.push_back(input.detach().set_requires_grad(true));
  tg::Tape tape;
  const std::vector<tg::Tensor> library =
      tape.gradient(tg::layer_norm(leaves[0], leaves[1], leaves[2], kEps), leaves, {.cotangent = dy});
  const double difference =
      std::max({distance(dx, library[0]), distance(dgamma, library[1]), distance(dbeta, library[2])});
  fmt::print("\n");
  lesson.remark(fmt::format("tapegrad's own layer_norm gives the same to {:.1e}.", difference));
  lesson.remark(fmt::format(
      "Each row of x\u0304 adds up to {:.1e}: moving all features alike changes nothing, and the gradient knows.",
      tg::max(tg::abs(tg::sum(dx, -1))).item()));
  return difference < 1e-12;
}

/// Whether the checker says what the lesson teaches.
bool teach() {
  lesson::Lesson lesson("LayerNorm backwards, by hand");
  derive(lesson);

  tg::manual_seed(1);
  const tg::TensorOptions wide{.dtype = tg::float64};
  const tg::Tensor x = tg::tensor({{1.0, 2.0, 4.0, 5.0}, {-1.0, 0.5, 0.0, 2.5}}, wide);
  const tg::Tensor gamma = tg::tensor({1.0, 0.5, 2.0, 1.5}, wide);
  const tg::Tensor beta = tg::tensor({0.0, 0.1, 0.2, 0.3}, wide);
  const bool same = compute(lesson, x, gamma, beta, tg::tensor({{1.0, 0.0, -1.0, 2.0}, {0.5, 1.0, 0.0, -1.0}}, wide));

  lesson.section("The classic mistake");
  lesson.say(
      "The mean and r look like constants once they are computed. Then only the first of the three terms is left:");
  lesson.formula(WithConstantStatistics::math);
  lesson.say("Shapes fit, a network still trains, more or less. Differences tell:");
  const tg::GradcheckReport wrong =
      tg::gradcheck([](const tg::Tensor& a, const tg::Tensor& b,
                       const tg::Tensor& c) { return tg::apply(WithConstantStatistics{}, a, b, c); },
                    {x, gamma, beta}, {.order = 1, .forward_mode = false, .input_names = {"x", "gamma", "beta"}});
  fmt::print("\n{}\n", wrong);

  lesson.section("The fix");
  lesson.say("All three terms:");
  lesson.formula(ByHand::math);
  lesson.say("The same check, now to second order (the rule is made of tensor functions, so it has a derivative too):");
  const tg::GradcheckReport right = tg::gradcheck(
      [](const tg::Tensor& a, const tg::Tensor& b, const tg::Tensor& c) { return tg::apply(ByHand{}, a, b, c); },
      {x, gamma, beta}, {.forward_mode = false, .input_names = {"x", "gamma", "beta"}});
  fmt::print("\n{}\n", right);

  lesson.say(
      "A last trap: with L = sum of y (and γ = 1) g is 1 everywhere, so that g - ⟨g⟩ and ⟨g x\u0302⟩ are zero. The "
      "right gradient of x is zero then, and so is any wrong one that is r (g - ⟨g⟩), or adds a multiple of "
      "⟨g x\u0302⟩ to it. Never test a normalisation with a plain sum. What the checker says of it, and of the "
      "library's own layer_norm:");
  const tg::GradcheckReport summed =
      tg::gradcheck([](const tg::Tensor& a) { return tg::sum(tg::layer_norm(a, {}, {}, kEps)); }, {x},
                    {.order = 1, .forward_mode = false, .input_names = {"x"}});
  fmt::print("\n{}\n", summed);
  return wrong.verdict() == tg::Verdict::wrong && right.ok() && summed.verdict() == tg::Verdict::vacuous && same;
}

}  // namespace

int main(int argc, char** argv) { return lesson::run(argc, argv, "derive_layer_norm", teach); }
