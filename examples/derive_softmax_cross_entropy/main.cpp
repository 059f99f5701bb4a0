// Softmax with cross-entropy backwards: derived step by step, written by hand, got wrong in two classic ways, found
// out, and mended.
#include <fmt/format.h>
#include <tapegrad/tapegrad.hpp>

#include <array>

#include "lesson/lesson.hpp"
namespace tg = tapegrad;

namespace {

/// [k = t], a row for each target.
tg::Tensor truth(const tg::Tensor& targets, const tg::Tensor& logits) {
  return tg::one_hot(targets, logits.size(-1), logits.dtype());
}

tg::Tensor probabilities(const tg::Tensor& logits) {
  // Shifted by the largest logit: the quotient is the same, and e^1000 is never computed.
  const tg::Tensor weights = tg::exp(logits - tg::max(logits, -1, true));
  return weights / tg::sum(weights, -1, true);
}

/// What all have in common: the mean loss over the rows.
template <class Self>
struct CrossEntropy : tg::Op<Self> {
  tg::Tensor forward(const tg::Tensor& logits, const tg::Tensor& targets) const {
    return tg::mean(tg::logsumexp(logits, -1) - tg::sum(logits * truth(targets, logits), -1));
  }
  std::array<tg::Tensor, 2> vjp(const tg::Saved& s, const tg::Tensor& dy) const {
    const tg::Tensor& logits = s.input(0);
    const tg::Tensor p = probabilities(logits);
    return {dy * Self::gradient(p, truth(s.input(1), logits)), tg::Tensor()};  // targets have no gradient
  }
};

/// Mistake 1: each probability is taken to depend on its own logit alone.
struct WithDiagonalSoftmax : CrossEntropy<WithDiagonalSoftmax> {
  static constexpr std::string_view name = "cross_entropy_with_diagonal_softmax";
  static constexpr std::string_view math = R"(\bar x_k = -\tfrac1N [k = t] (1 - p_k)\, \bar L)";
  static tg::Tensor gradient(const tg::Tensor& p, const tg::Tensor& y) {
    return (y * p - y) / static_cast<double>(p.size(0));  // 0, not -0, for the other classes
  }
};

/// Mistake 2: the mean over the rows is forgotten.
struct WithoutTheMean : CrossEntropy<WithoutTheMean> {
  static constexpr std::string_view name = "cross_entropy_without_the_mean";
  static constexpr std::string_view math = R"(\bar x_k = (p_k - [k = t])\, \bar L)";
  static tg::Tensor gradient(const tg::Tensor& p, const tg::Tensor& y) { return p - y; }
};

/// The rule that the derivation gives.
struct ByHand : CrossEntropy<ByHand> {
  static constexpr std::string_view name = "cross_entropy_by_hand";
  static constexpr std::string_view math = R"(\bar x_k = \tfrac1N (p_k - [k = t])\, \bar L)";
  static tg::Tensor gradient(const tg::Tensor& p, const tg::Tensor& y) {
    return (p - y) / static_cast<double>(p.size(0));
  }
};

void derive(lesson::Lesson& lesson) {
  lesson.section("The derivation");
  lesson.say(
      "One row of logits x with the true class t and the loss ℓ, then N rows with the mean loss L; a bar is a "
      "cotangent, the gradient of the final result, and [k = t] is 1 or 0.");
  lesson.step("What runs forward",
              R"(p_k = e^{x_k} / Z,\quad Z = \sum_j e^{x_j},\quad \ell = -\log p_t = \log Z - x_t)",
              "the quotient and the logarithm cancel: no log(0) occurs. Z would still overflow for large logits, so "
              "the code subtracts their maximum m: log Z = m + log ∑ⱼ e^(xⱼ − m).");
  lesson.step("A small change of x moves log Z", R"(d \log Z = \frac{dZ}{Z} = \sum_k p_k\, dx_k)",
              "the derivative of log-sum-exp is the softmax itself");
  lesson.step("Together", R"(d\ell = \sum_k (p_k - [k = t])\, dx_k)",
              "every logit counts, also those of other classes");
  lesson.step("The mean over N rows", R"(L = \tfrac1N \sum_n \ell_n,\quad \bar\ell_n = \tfrac1N \bar L)",
              "each row's loss has an N-th part in the mean; from here on x, p and t are those of any one row.");
  lesson.step("Back to the logits", R"(\bar x_k = (p_k - [k = t])\, \bar\ell_n = \tfrac1N (p_k - [k = t])\, \bar L)",
              "step 3 read backwards: what was predicted, minus what is true");
  lesson.step("The long way: a small change of x moves the true class's probability",
              R"(dp_t = \frac{e^{x_t}\, dx_t}{Z} - \frac{e^{x_t}}{Z} \frac{dZ}{Z} = p_t \sum_k ([k = t] - p_k)\, dx_k)",
              "the rule for quotients, and dZ/Z from step 2. So softmax has a full Jacobian: each probability depends "
              "on every logit, through Z.");
  lesson.step("It leads to the same", R"(d\ell = -\frac{dp_t}{p_t} = \sum_k (p_k - [k = t])\, dx_k)",
              "step 3 again; but where pₜ underflows to 0, this way divides 0 by 0.");
}

bool compute(lesson::Lesson& lesson, const tg::Tensor& x, const tg::Tensor& t) {
  lesson.section("The numbers of a small example: 3 rows, 4 classes, true classes 0, 2 and 1");
  const tg::Tensor p = probabilities(x);
  const tg::Tensor dx = ByHand::gradient(p, truth(t, x));
  lesson.show("x", x);
  lesson.show("p", p);
  lesson.show("[k = t]", truth(t, x));
  lesson.show("L", ByHand().forward(x, t));
  lesson.show(R"(\bar L)", tg::tensor(1.0, {.dtype = tg::float64}));
  lesson.show(R"(\bar x)", dx);
  tg::Tensor leaf = x.detach().set_requires_grad(true);
  tg::Tape tape;
  const tg::Tensor library = tape.gradient(tg::cross_entropy(leaf, t), leaf);
  const double difference = tg::max(tg::abs(dx - library)).item();
  fmt::print("\n");
  lesson.remark(fmt::format("tapegrad's own cross_entropy gives the same to {:.1e}.", difference));
  lesson.remark(fmt::format("Each row of x\u0304 adds up to {:.1e}: what the true class gains, the others pay.",
                            tg::max(tg::abs(tg::sum(dx, -1))).item()));
  return difference < 1e-14;
}

template <class O>
tg::GradcheckReport check(const tg::Tensor& x, const tg::Tensor& t, int order) {
  return tg::gradcheck([](const tg::Tensor& a, const tg::Tensor& b) { return tg::apply(O{}, a, b); }, {x, t},
                       {.order = order, .forward_mode = false, .input_names = {"x", "t"}});
}

/// Whether the checker says what the lesson teaches.
bool teach() {
  lesson::Lesson lesson("Softmax with cross-entropy backwards, by hand");
  derive(lesson);

  const tg::Tensor x =
      tg::tensor({{2.0, 1.0, -1.0, 0.0}, {0.5, 0.0, -0.5, 1.0}, {-1.0, 0.25, 1.5, 0.0}}, {.dtype = tg::float64});
  const tg::Tensor t = tg::tensor({0, 2, 1}, {.dtype = tg::int64});
  const bool same = compute(lesson, x, t);

  lesson.section("The first mistake: the diagonal of softmax's Jacobian alone");
  lesson.say("p (1 - p) is the sigmoid's derivative, and softmax looks like one. Only the true class learns then:");
  lesson.formula(WithDiagonalSoftmax::math);
  const tg::GradcheckReport diagonal = check<WithDiagonalSoftmax>(x, t, 1);
  fmt::print("\n{}\n", diagonal);
  lesson.say(
      "The checker sees the gradient alone: right at the true class and 0 at all others, as a mask would leave it. "
      "Here "
      "the reason is the coupling through Z, which the rule lacks. A diagnosis says what an error looks like and where "
      "to look; the derivation tells why it is there.");

  lesson.section("The second mistake: the mean is forgotten");
  lesson.say("Training still works with another learning rate, which is why this one survives so long:");
  lesson.formula(WithoutTheMean::math);
  const tg::GradcheckReport factor = check<WithoutTheMean>(x, t, 1);
  fmt::print("\n{}\n", factor);
  lesson.say(
      "3 is the number of rows, and so the diagnosis hits: with 2 rows a lost 2 of a square would look the same.");

  lesson.section("The fix");
  fmt::print("\n");
  lesson.formula(ByHand::math);
  lesson.say("The same check, now to second order:");
  const tg::GradcheckReport right = check<ByHand>(x, t, 2);
  fmt::print("\n{}\n", right);

  const bool found = diagonal.verdict() == tg::Verdict::wrong && factor.verdict() == tg::Verdict::wrong;
  return found && right.ok() && same;
}

}  // namespace

int main(int argc, char** argv) { return lesson::run(argc, argv, "derive_softmax_cross_entropy", teach); }
