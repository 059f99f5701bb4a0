#include <array>
#include <exception>
#include <memory>
#include <thread>
#include <utility>

#include "tape_test.hpp"
#include "tapegrad/array/memory.hpp"
#include "tapegrad/diff/checkpoint.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/attention.hpp"
#include "tapegrad/ops/conv.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/recurrent.hpp"
#include "tapegrad/tape/same_bits.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

namespace {

struct FailsForward : Op<FailsForward> {
  static constexpr std::string_view name = "fails_forward";
  Tensor forward(const Tensor& a, const Tensor& b) const {
    [[maybe_unused]] const Tensor done_before = a * b;
    throw ValueError("[fails_forward] on purpose");
  }
  std::array<Tensor, 2> vjp(const Saved&, const Tensor&) const { return {}; }
};

/// Its input is none that is undefined.
struct SqueezesNothing : Op<SqueezesNothing> {
  static constexpr std::string_view name = "squeezes_nothing";
  Tensor forward(const Tensor& x) const { return x + squeeze(Tensor()); }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy; }
};

struct FailsInForwardMode : Op<FailsInForwardMode> {
  static constexpr std::string_view name = "fails_in_forward_mode";
  Tensor forward(const Tensor& x) const { return x * 2.0; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return 2.0 * dy; }
  Tensor jvp(const Saved&, const Tensor& dx) const {
    [[maybe_unused]] const Tensor done_before = dx * dx;
    throw ValueError("on purpose");
  }
};

struct FailsBackward : Op<FailsBackward> {
  static constexpr std::string_view name = "fails_backward";
  static constexpr Keep keep = Keep::nothing;
  Tensor forward(const Tensor& x) const { return x * 2.0; }
  Tensor vjp(const Saved&, const Tensor&) const { throw ValueError("on purpose"); }
};

/// Cannot be copied to the tape.
struct FailsToCopy : Op<FailsToCopy> {
  FailsToCopy() = default;
  FailsToCopy(const FailsToCopy&) { throw ValueError("on purpose"); }
  static constexpr std::string_view name = "fails_to_copy";
  Tensor forward(const Tensor& x) const { return x * 2.0; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return 2.0 * dy; }
};

/// Sweeps the tape that records it.
struct SweepsWithin : Op<SweepsWithin> {
  Tensor y;
  Tape* tape = nullptr;
  static constexpr std::string_view name = "sweeps_within";
  Tensor forward(const Tensor& x) const {
    tape->backward(y);
    return x * 2.0;
  }
  Tensor vjp(const Saved&, const Tensor& dy) const { return 2.0 * dy; }
};

/// Reads what it does not keep.
struct Forgetful : Op<Forgetful> {
  static constexpr std::string_view name = "forgetful";
  static constexpr Keep keep = Keep::output;
  Tensor forward(const Tensor& x) const { return x * x; }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return 2.0 * dy * s.input(0); }
};

struct ForgetsOutput : Op<ForgetsOutput> {
  static constexpr std::string_view name = "forgets_output";
  Tensor forward(const Tensor& x) const { return exp(x); }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return dy * s.output(); }
};

struct ForgetsSlope : Op<ForgetsSlope> {
  static constexpr std::string_view name = "forgets_slope";
  Tensor forward(const Tensor& x) const { return x * x; }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const { sink.add(0, dy * s.residual(0)); }
};

static_assert(engine::fits_forward<Forgetful>(std::make_index_sequence<1>{}) &&
                  !engine::fits_forward<Forgetful>(std::make_index_sequence<2>{}) &&
                  !engine::fits_forward<Forgetful>(std::make_index_sequence<0>{}),
              "apply() says how many tensors the op's forward function takes");

/// Returns a gradient of no possible shape.
struct Misshapen : Op<Misshapen> {
  static constexpr std::string_view name = "misshapen";
  Tensor forward(const Tensor& x) const { return x * 1.0; }
  Tensor vjp(const Saved&, const Tensor&) const { return zeros({7}, {.dtype = float64}); }
};

struct GivesNothing : Op<GivesNothing> {
  static constexpr std::string_view name = "gives_nothing";
  Tensor forward(const Tensor&) const { return {}; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy; }
};

/// Gives one output fewer than it says.
struct Miscounts : Op<Miscounts> {
  static constexpr std::string_view name = "miscounts";
  std::size_t said;
  explicit Miscounts(std::size_t count) : said(count) {}
  std::size_t outputs() const { return said; }
  std::vector<Tensor> forward(const Tensor& x) const {
    std::vector<Tensor> ys;
    for (std::size_t j = 1; j < said; ++j) ys.push_back(x * 2.0);
    return ys;
  }
  Tensor vjp(const Saved&, Cotangents) const { return {}; }
};

struct SavesNothing : Op<SavesNothing> {
  static constexpr std::string_view name = "saves_nothing";
  Tensor forward(Keeper& keeper, const Tensor& x) const {
    keeper.save(Tensor());
    return x * 2.0;
  }
  Tensor vjp(const Saved&, const Tensor& dy) const { return 2.0 * dy; }
};

struct SavesTooMuch : Op<SavesTooMuch> {
  static constexpr std::string_view name = "saves_too_much";
  Tensor forward(Keeper& keeper, const Tensor& x) const {
    for (std::size_t i = 0; i <= Keeper::kMost; ++i) keeper.save(x);
    return x * 2.0;
  }
  Tensor vjp(const Saved&, const Tensor& dy) const { return 2.0 * dy; }
};

/// Asks for buffers without asking what is wanted.
struct Greedy : Op<Greedy> {
  static constexpr std::string_view name = "greedy";
  Tensor forward(const Tensor& a, const Tensor& b) const { return a + b; }
  std::array<Tensor, 2> vjp(const Saved&, const Tensor& dy) const { return {dy, dy}; }
  void fused_vjp(const Saved&, const Tensor&, GradientSink& sink) const { (void)sink.accumulate_into(1); }
};

/// Returns more gradients than there are inputs.
struct Generous : Op<Generous> {
  static constexpr std::string_view name = "generous";
  Tensor forward(const Tensor& x) const { return x * 2.0; }
  std::vector<Tensor> vjp(const Saved&, const Tensor& dy) const { return std::vector<Tensor>(50, dy); }
};

/// Reads what it does not have.
struct Miscounting : Op<Miscounting> {
  enum class What { input_shape, input_dtype, output_shape, jvp_input, jvp_output };
  What what;
  explicit Miscounting(What of) : what(of) {}
  static constexpr std::string_view name = "miscounting";
  Tensor forward(const Tensor& x) const { return x * 1.0; }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    if (what == What::input_shape) return reshape(dy, s.input_shape(100000));
    if (what == What::input_dtype) return dy.to(s.input_dtype(1));
    if (what == What::output_shape) return reshape(dy, s.output_shape(1));
    return dy;
  }
  Tensor jvp(const Saved& s, const Tensor& dx) const {
    return dx * (what == What::jvp_input ? s.input(1) : what == What::jvp_output ? s.output(-1) : s.input(0));
  }
};

/// x^2 with 2 x kept, which nobody can differentiate.
struct KeepsSlope : Op<KeepsSlope> {
  static constexpr std::string_view name = "keeps_slope";
  Tensor forward(Keeper& keeper, const Tensor& x) const {
    if (keeper.recording()) keeper.save(2.0 * x);
    return x * x;
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return dy * s.residual(0); }
};

/// Its forward rule gives another dtype, or another shape.
struct OddTangent : Op<OddTangent> {
  bool narrow;
  explicit OddTangent(bool of_dtype) : narrow(of_dtype) {}
  static constexpr std::string_view name = "odd_tangent";
  Tensor forward(const Tensor& x) const { return x * 1.0; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy; }
  Tensor jvp(const Saved&, const Tensor& dx) const { return narrow ? dx.to(float32) : zeros({4}, {.dtype = float64}); }
};

/// a b c..., whose rule gives the gradient of the first alone.
struct OnlyFirst : Op<OnlyFirst> {
  static constexpr std::string_view name = "only_first";
  Tensor forward(Inputs in) const {
    Tensor y = in[0];
    for (int i = 1; i < in.size(); ++i) y = y * in[i];
    return y;
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    Tensor dx = dy;
    for (int i = 1; i < s.inputs(); ++i) dx = dx * s.input(i);
    return dx;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(failures)

BOOST_AUTO_TEST_CASE(what_is_studied_stays_in_step_with_the_nodes) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape({.study = true});
  BOOST_CHECK_THROW((void)apply(FailsToCopy{}, x), ValueError);
  const Tensor y = x * 3.0;
  BOOST_TEST(tape.size() == 2);
  BOOST_TEST(same_bits(tape.node(1).values.at(0), y));
}

// Untracked inputs are recorded nowhere, however many there are (their edges fill more than a chunk of the tape's
// room).
BOOST_AUTO_TEST_CASE(what_is_not_recorded_takes_no_room) {
  const std::vector<Tensor> many(40000, tensor({1.0}));
  Tape tape;
  (void)cat(many, 0);
  const std::size_t before = memory_statistics().bytes_in_use;
  for (int i = 0; i < 20; ++i) (void)cat(many, 0);
  BOOST_TEST(memory_statistics().bytes_in_use == before);
}

BOOST_AUTO_TEST_CASE(promise_a_failed_op_leaves_the_tape_as_it_was) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor fresh = leaf({1.0, 2.0});
  const Tensor misfit = leaf({1.0, 2.0, 3.0});
  Tape tape;
  const Tensor y = square(x);
  BOOST_CHECK_THROW((void)apply(FailsForward{}, y, fresh), ValueError);
  BOOST_CHECK_EXCEPTION((void)(y + misfit), ShapeError, says("[add]"));
  BOOST_CHECK_THROW((void)matmul(y, misfit), ShapeError);
  BOOST_TEST(tape.size() == 2);  // without the leaves that only the failed ops used
  BOOST_CHECK_THROW(tape.position(fresh), TapeError);
  const Tensor z = sum(y * fresh);
  const auto g = tape.gradient(z, {x, fresh});
  BOOST_TEST(g[0].to_vector<double>() == (Values{2.0, 8.0}));
  BOOST_TEST(g[1].to_vector<double>() == (Values{1.0, 4.0}));
}

BOOST_AUTO_TEST_CASE(promise_an_op_that_fails_in_forward_mode_leaves_the_tape_as_it_was) {
  const Tensor x = tensor(3.0, {.dtype = float64}).set_requires_grad(true);
  Tape tape;
  const Tensor y = x * x;
  const std::int64_t before = tape.size();
  const auto tangent = tensor(1.0, {.dtype = float64}).set_requires_grad(true);  // itself on the tape once it is used
  BOOST_CHECK_THROW((void)jvp([](const Tensor& a) { return apply(FailsInForwardMode{}, a); }, y, tangent), ValueError);
  BOOST_TEST(tape.size() == before);
  BOOST_TEST(tape.gradient(y, x).item() == 6.0);
}

BOOST_AUTO_TEST_CASE(promise_a_failed_sweep_consumes_the_tape_and_names_the_node) {
  Tensor x = leaf({1.0, 2.0});
  Tape tape;
  const Tensor y = sum(apply(FailsBackward{}, tanh(x)));
  const std::uint64_t generation = tape.generation();
  BOOST_CHECK_EXCEPTION(tape.backward(y, {.retain = true}), TapeError,
                        says("[backward] at node 2, fails_backward [2]: on purpose"));
  BOOST_TEST(tape.size() == 0);
  BOOST_TEST(tape.generation() == generation + 1);
  BOOST_TEST(!x.has_grad());
  tape.backward(sum(square(x)));  // the tape is as good as new
  BOOST_TEST(x.grad().to_vector<double>() == (Values{2.0, 4.0}));
}

BOOST_AUTO_TEST_CASE(promise_an_error_of_a_sweep_holds_its_cause) {
  const Tensor x = leaf({1.0});
  Tape tape;
  const Tensor y = apply(FailsBackward{}, x);
  try {
    tape.backward(y);
    BOOST_FAIL("no error");
  } catch (const TapeError& e) {
    BOOST_CHECK_THROW(std::rethrow_if_nested(e), ValueError);
  }
}

BOOST_AUTO_TEST_CASE(promise_a_mistake_of_an_op_is_told_by_name) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape;
  BOOST_CHECK_EXCEPTION(
      tape.backward(sum(apply(Forgetful{}, x))), TapeError,
      says("[backward] at node 1, forgetful [2]: [forgetful] its reverse rule reads input 0, which the "
           "op does not keep (or which was not given): say static constexpr Keep keep = Keep::inputs"));
  BOOST_CHECK_EXCEPTION(
      tape.backward(sum(apply(ForgetsOutput{}, x))), TapeError,
      says("[forgets_output] its reverse rule reads output 0, which the op does not keep (or which "
           "was not given): say static constexpr Keep keep = Keep::output, or Keep::outputs for all"));
  BOOST_CHECK_EXCEPTION(tape.backward(sum(apply(ForgetsSlope{}, x))), TapeError,
                        says("[forgets_slope] its reverse rule reads residual 0, which the op does not keep (or which "
                             "was not given): save it in forward(keeper, ...) with keeper.save()"));
  BOOST_CHECK_EXCEPTION(tape.backward(sum(apply(Misshapen{}, x))), TapeError,
                        says("(misshapen) gave a gradient of shape [7] for an input of shape [2]"));
}

BOOST_AUTO_TEST_CASE(an_undefined_input_is_told_by_its_number) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor none;
  const auto refused = [](const auto& call, const std::string& message) {
    BOOST_CHECK_EXCEPTION((void)call(), ValueError, says(message));
    const Tape tape;
    BOOST_CHECK_EXCEPTION((void)call(), ValueError, says(message));
  };
  Tensor total;
  refused([&] { return total += x; },
          "[add] input 0 is undefined, as a default-constructed Tensor is: give it elements, as tensor(0.0) or "
          "zeros(shape) do");
  BOOST_TEST(!total.defined());
  refused([&] { return x * none; }, "[mul] input 1 is undefined, ");
  refused([&] { return linear(none, ones({3, 2})); }, "[linear] input 0 (x) is undefined, ");  // without a bias, too
  refused([&] { return linear(x, none); }, "[linear] input 1 (weight) is undefined, ");
  refused([&] { return cat({x, none}); }, "[cat] input 1 is undefined, ");
  refused([&] { return stack({x, none}); }, "[stack] input 1 is undefined, ");
  refused([&] { return stack({none, x}); }, "[stack] input 0 is undefined, ");
  refused([&] { return einsum("i,i->i", {x, none}); }, "[einsum] input 1 is undefined, ");
  refused([&] { return pad_sequence({x, none}).padded; }, "[pad_sequence] input 1 is undefined, ");
  // These ask before they are applied.
  refused([&] { return matmul(none, x); }, "[matmul] input 0 (a) is undefined, ");
  refused([&] { return matmul(x, none); }, "[matmul] input 1 (b) is undefined, ");
  refused([&] { return dot(x, none); }, "[dot] input 1 (b) is undefined, ");
  refused([&] { return cross_entropy(none, x); }, "[cross_entropy] input 0 (logits) is undefined, ");
  refused([&] { return cross_entropy(x, none); }, "[cross_entropy] input 1 (targets) is undefined, ");
  refused([&] { return nll_loss(none, x); }, "[nll_loss] input 0 (log_probs) is undefined, ");
  refused([&] { return huber_loss(x, none); }, "[huber_loss] input 1 (target) is undefined, ");
  refused([&] { return bce_with_logits(x, none); }, "[bce_with_logits] input 1 (targets) is undefined, ");
  refused([&] { return ctc_loss(none, none); }, "[ctc_loss] input 0 (log_probs) is undefined, ");
  refused([&] { return cosine_similarity(x, none); }, "[cosine_similarity] input 1 (b) is undefined, ");
  const Tensor heads = ones({1, 1, 2, 2});
  refused([&] { return scaled_dot_product_attention(heads, none, heads); },
          "[scaled_dot_product_attention] input 1 (k) is undefined, ");
  refused([&] { return scaled_dot_product_attention(heads, heads, none); },
          "[scaled_dot_product_attention] input 2 (v) is undefined, ");
  refused([&] { return gru_cell(ones({1, 3}), ones({1, 3}), none); }, "[gru_cell] input 2 (h) is undefined, ");
  refused([&] { return conv1d(heads, none); }, "[conv1d] input 1 (weight) is undefined, ");
  refused([&] { return layer_norm(none); }, "[layer_norm] input 0 (x) is undefined, ");
  refused([&] { return group_norm(none, 1); }, "[group_norm] input 0 (x) is undefined, ");
  refused([&] { return embedding(none, x); }, "[embedding] input 0 (weight) is undefined, ");
  refused([&] { return isclose(x, none); }, "[isclose] input 1 (b) is undefined, ");
  refused([&] { return conv1d_weight(heads, none, 1); }, "[conv1d_weight] input 1 (dy) is undefined, ");
  refused([&] { return index_put(x, {ones({1}, {.dtype = int64})}, none); },
          "[index_put] input 2 (values) is undefined, ");
  refused([&] { return masked_select(x, none); }, "[masked_select] input 1 (mask) is undefined, ");
  refused([&] { return exp(none); }, "[exp] an input is undefined, ");  // there is one
  refused([&] { return apply(SqueezesNothing{}, x); },
          "[squeezes_nothing] its forward function met an undefined tensor: [squeeze] an input is undefined, ");
  refused([&] { return jvp([&](const Tensor& t) { return t * none; }, x.detach(), x.detach()).second; },
          "[mul] input 1 is undefined, ");
}

BOOST_AUTO_TEST_CASE(promise_an_op_that_breaks_its_contract_cannot_crash) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape;
  BOOST_CHECK_EXCEPTION((void)apply(GivesNothing{}, x), TapeError,
                        says("[gives_nothing] its forward function gave an undefined tensor"));
  BOOST_CHECK_EXCEPTION((void)apply(SavesNothing{}, x), TapeError,
                        says("[saves_nothing] its forward function saved an undefined tensor"));
  BOOST_CHECK_EXCEPTION((void)apply(SavesTooMuch{}, x), TapeError, says("saves at most 4 residuals"));
  BOOST_CHECK_EXCEPTION(apply(Miscounts(2), x), TapeError, says("[miscounts] outputs() says 2, a rule gave 1"));
  BOOST_CHECK_EXCEPTION(apply(Miscounts(0), x), TapeError, says("[miscounts] outputs() says 0, a rule gave 0"));
  BOOST_TEST(tape.size() == 0);
  BOOST_CHECK_EXCEPTION(tape.backward(sum(apply(Greedy{}, x, tensor({1.0, 1.0}, {.dtype = float64})))), TapeError,
                        says("its rule asked for the buffer of input 1, which wants no gradient"));
  BOOST_CHECK_EXCEPTION(tape.backward(sum(apply(Generous{}, x))), TapeError,
                        says("[backward] at node 1, generous [2]: [generous] its reverse rule gave 50 gradients for 1 "
                             "input"));
  BOOST_CHECK_EXCEPTION((void)jvp([](const Tensor& t) { return apply(Generous{}, t); }, x.detach(), x.detach()),
                        TapeError, says("[generous] its reverse rule gave 50 gradients for 1 input"));
}

BOOST_AUTO_TEST_CASE(promise_a_rule_reads_only_what_its_op_has) {
  const Tensor x = leaf({1.0, 2.0});
  const auto sweep = [&](auto op) {
    Tape tape;
    tape.backward(sum(apply(op, x)));
  };
  const auto push = [&](auto op) {
    return jvp([&](const Tensor& t) { return apply(op, t); }, x.detach(), ones_like(x)).second;
  };
  using What = Miscounting::What;
  BOOST_CHECK_EXCEPTION(sweep(Miscounting(What::input_shape)), TapeError,
                        says("[miscounting] its rule reads input 100000 of 1"));
  BOOST_CHECK_EXCEPTION(sweep(Miscounting(What::input_dtype)), TapeError, says("its rule reads input 1 of 1"));
  BOOST_CHECK_EXCEPTION(sweep(Miscounting(What::output_shape)), TapeError, says("its rule reads output 1 of 1"));
  BOOST_CHECK_EXCEPTION((void)push(Miscounting(What::jvp_input)), TapeError, says("its rule reads input 1 of 1"));
  BOOST_CHECK_EXCEPTION((void)push(Miscounting(What::jvp_output)), TapeError, says("its rule reads output -1 of 1"));
  BOOST_CHECK_EXCEPTION(
      sweep(KeepsSlope{}), TapeError,
      says("[keeps_slope] residuals are for the fused reverse rule alone: another would not be differentiated "
           "through them (save in forward(keeper, ...), read in fused_vjp)"));
  BOOST_CHECK_EXCEPTION((void)push(OddTangent(true)), TapeError,
                        says("[odd_tangent] its forward rule gave a tangent float32 [2] for an output float64 [2]"));
  BOOST_CHECK_EXCEPTION((void)push(OddTangent(false)), TapeError,
                        says("[odd_tangent] its forward rule gave a tangent float64 [4] for an output float64 [2]"));
}

BOOST_AUTO_TEST_CASE(promise_a_gradient_that_a_rule_leaves_out_is_no_zero) {
  const Tensor a = leaf({1.0, 2.0});
  const Tensor b = leaf({3.0, 4.0});
  Tape tape;
  const auto says_which = says("[only_first] its reverse rule gave 1 gradient for 2 inputs: input 1 wants one too");
  BOOST_CHECK_EXCEPTION(tape.backward(sum(apply(OnlyFirst{}, std::vector{a, b}))), TapeError, says_which);
  BOOST_CHECK_EXCEPTION((void)tape.gradient(sum(apply(OnlyFirst{}, std::vector{a, b})), b), TapeError, says_which);
  const auto of_b = [&](const Tensor& t) { return apply(OnlyFirst{}, std::vector{a.detach(), t}); };
  BOOST_CHECK_EXCEPTION((void)jvp(of_b, b.detach(), b.detach()), TapeError, says_which);
  // Nothing is missing of what wants no gradient, however many inputs there are.
  const Tensor y = sum(apply(OnlyFirst{}, std::vector{a, b.detach()}));
  BOOST_TEST(tape.gradient(y, a).to_vector<double>() == (Values{3.0, 4.0}));
  std::vector<Tensor> many(70, ones_like(b));
  many.front() = a;
  BOOST_TEST(tape.gradient(sum(apply(OnlyFirst{}, many)), a).to_vector<double>() == (Values{1.0, 1.0}));
  many.back() = b;
  BOOST_CHECK_EXCEPTION((void)tape.gradient(sum(apply(OnlyFirst{}, many)), a), TapeError,
                        says("its reverse rule gave 1 gradient for 70 inputs: input 69 wants one too"));
}

BOOST_AUTO_TEST_CASE(promise_a_mistaken_call_leaves_the_tape_whole) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape;
  BOOST_CHECK_EXCEPTION((void)tape.pull_back({}, {}, {x}), TapeError,
                        says("[pull_back] there is no tensor to differentiate"));
  const Tensor y = sum(square(x));
  BOOST_CHECK_THROW((void)tape.pull_back({}, {}, {x}), TapeError);
  BOOST_CHECK_THROW((void)tape.gradient(y, zeros({2})), TapeError);
  BOOST_TEST(tape.gradient(y, x).to_vector<double>() == (Values{2.0, 4.0}));
}

BOOST_AUTO_TEST_CASE(promise_the_tape_cannot_be_cleared_under_a_sweep) {
  Tensor x = leaf({1.0, 2.0});
  Tape tape;
  x.register_hook([&](const Tensor&) {
    tape.clear();
    return Tensor();
  });
  BOOST_CHECK_EXCEPTION(tape.backward(sum(square(x))), TapeError, says("[clear] a sweep of this tape is running"));
  tape.clear();
}

BOOST_AUTO_TEST_CASE(promise_a_tape_is_cleared_where_it_is_live) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape;
  const Tensor y = square(x);
  const auto says_why = says("[clear] the tape belongs to another thread, or is suspended");
  std::thread([&] { BOOST_CHECK_EXCEPTION(tape.clear(), TapeError, says_why); }).join();
  {
    const NoRecord pause;  // grad() has a tape of its own
    const auto clears = [&](const Tensor& v) {
      tape.clear();
      return sum(square(v));
    };
    BOOST_CHECK_EXCEPTION((void)grad(clears)(ones({2})), TapeError, says_why);
  }
  BOOST_TEST(tape.gradient(sum(y), x).to_vector<double>() == (Values{2.0, 4.0}));
  tape.clear();
}

/// Destroys the tape that records it.
struct Destroys : Op<Destroys> {
  std::unique_ptr<Tape>* tape = nullptr;
  static constexpr std::string_view name = "destroys";
  Tensor forward(const Tensor& x) const {
    tape->reset();
    return x * 2.0;
  }
  Tensor vjp(const Saved&, const Tensor& dy) const { return 2.0 * dy; }
};

BOOST_AUTO_TEST_CASE(promise_a_tape_destroyed_while_something_runs_on_it) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor v = ones({2}, {.dtype = float64});
  using Owner = std::unique_ptr<Tape>;
  const auto check = [&](const auto& what, const char* message) {
    Owner tape = std::make_unique<Tape>();
    const Tensor y = square(x);
    BOOST_CHECK_EXCEPTION((void)what(tape, y), TapeError, says(message));
    BOOST_TEST(!is_recording());
    Tape next;
    BOOST_TEST(next.gradient(sum(square(x)), x).to_vector<double>() == (Values{2.0, 4.0}));
  };
  const auto here = [](Owner& tape) { tape.reset(); };
  const auto elsewhere = [](Owner& tape) { std::thread([&] { tape.reset(); }).join(); };
  const char* const elsewhere_says = "was destroyed on another thread";
  check(
      [](Owner& tape, const Tensor& y) {
        Destroys op;
        op.tape = &tape;
        return apply(op, y);
      },
      "[destroys] its forward function swept, cleared or destroyed the tape");
  const auto in_block = [&](const auto& destroy) {
    return [&](Owner& tape, const Tensor& y) {
      return checkpoint(
          [&](const Tensor& h) {
            destroy(tape);
            return square(h);
          },
          y);
    };
  };
  check(in_block(here), "[checkpoint] its block swept, cleared or destroyed the tape");
  check(in_block(elsewhere), elsewhere_says);
  // In the sweep, where the block runs again.
  const auto in_replay = [&](Owner& tape, const Tensor& y) {
    const auto block = [&](const Tensor& h) {
      if (is_replaying()) tape.reset();
      return square(h);
    };
    const Tensor z = checkpoint(block, y);
    tape->backward(sum(z));
  };
  check(in_replay, "[checkpoint] its block swept, cleared or destroyed the tape");
  const auto in_forward_mode = [&](Owner& tape, const Tensor& y) {
    const auto f = [&](const Tensor& h) {
      elsewhere(tape);
      return h * y;
    };
    return jvp(f, v, v);
  };
  check(in_forward_mode, elsewhere_says);
}

BOOST_AUTO_TEST_CASE(promise_an_op_cannot_sweep_the_tape_that_records_it) {
  Tensor x = leaf({3.0});
  Tape tape;
  SweepsWithin op;
  op.y = square(x);
  op.tape = &tape;
  BOOST_CHECK_EXCEPTION((void)apply(op, tanh(x)), TapeError,
                        says("[sweeps_within] its forward function swept, cleared or destroyed the tape"));
  BOOST_TEST(x.grad().to_vector<double>() == Values{6.0});
  x.zero_grad();
  tape.backward(square(x));  // the tape is as good as new
  BOOST_TEST(x.grad().to_vector<double>() == Values{6.0});
}

BOOST_AUTO_TEST_CASE(promise_a_backward_inside_another_is_told_so) {
  Tensor x = leaf({1.0});
  Tape tape;
  const Tensor y = square(x);
  x.register_hook([&](const Tensor&) {
    tape.backward(y, {.retain = true});
    return Tensor();
  });
  BOOST_CHECK_EXCEPTION(tape.backward(y), TapeError, says("a sweep around this one is running backward() into"));
}

BOOST_AUTO_TEST_CASE(promise_an_error_of_a_hook_or_observer_names_the_node) {
  Tensor x = leaf({1.0});
  Tape tape;
  tape.observe([](const SweepEvent& event) {
    if (event.node.op == "tanh") throw ValueError("stop here");
  });
  BOOST_CHECK_EXCEPTION(tape.backward(tanh(x)), TapeError, says("[backward] at node 1, tanh [1]: stop here"));
  tape.observe({});
  BOOST_CHECK_EXCEPTION(x.register_hook({}), ValueError, says("[register_hook] there is no function to call"));
  x.register_hook([](const Tensor&) -> Tensor { throw ValueError("no"); });
  BOOST_CHECK_EXCEPTION(tape.backward(tanh(x)), TapeError, says("[backward] at node 0, leaf [1]: no"));
  BOOST_TEST(!x.has_grad());
}

/// A way to lose the tape in its own sweep: what is hung on x, or on y = checkpoint(tanh, x), before the sweep runs.
struct Destruction {
  const char* where;
  void (*arrange)(std::unique_ptr<Tape>& tape, Tensor& x, const Tensor& y);
};

const Destruction kDestructions[] = {
    {"in a leaf's hook",
     [](std::unique_ptr<Tape>& tape, Tensor& x, const Tensor&) {
       x.register_hook([&](const Tensor& g) {
         tape.reset();
         return g * x;
       });
     }},
    {"in a result's hook",
     [](std::unique_ptr<Tape>& tape, Tensor&, const Tensor& y) {
       tape->register_hook(y, [&](const Tensor& g) {
         tape.reset();
         return 2.0 * g;
       });
     }},
    {"in a result's hook that reads a leaf",
     [](std::unique_ptr<Tape>& tape, Tensor& x, const Tensor& y) {
       tape->register_hook(y, [&](const Tensor& g) {
         tape.reset();
         return g * x;
       });
     }},
    {"in a hook that makes another",
     [](std::unique_ptr<Tape>& tape, Tensor&, const Tensor& y) {
       tape->register_hook(y, [&](const Tensor&) {
         tape.reset();
         Tape another;
         return Tensor();
       });
     }},
    {"in an observer",
     [](std::unique_ptr<Tape>& tape, Tensor&, const Tensor&) {
       tape->observe([&](const SweepEvent& event) {
         if (event.node.op == "tanh") tape.reset();
       });
     }},
    {"in a sweep within the sweep, whose error the hook keeps to itself",
     [](std::unique_ptr<Tape>& tape, Tensor& x, const Tensor& y) {
       tape->register_hook(y, [&](const Tensor&) {
         tape->observe([&](const SweepEvent&) { tape.reset(); });
         BOOST_CHECK_EXCEPTION((void)tape->gradient(y, x, {.cotangent = ones_like(y), .retain = true}), TapeError,
                               says(": the Tape was destroyed during its sweep"));
         return Tensor();
       });
     }},
    {"in a transform, which may have set the tape aside",
     [](std::unique_ptr<Tape>& tape, Tensor& x, const Tensor&) {
       x.register_hook([&](const Tensor& g) {
         const auto f = [&](const Tensor& t) {
           tape.reset();
           return sum(square(t));
         };
         try {
           (void)grad(f)(x.detach());
         } catch (const TapeError&) {
         }
         return g;
       });
     }},
    {"on another thread; what the hook computes then is refused where it would be recorded",
     [](std::unique_ptr<Tape>& tape, Tensor& x, const Tensor&) {
       x.register_hook([&](const Tensor& g) {
         std::thread([&tape] { tape.reset(); }).join();
         try {
           (void)square(x);
         } catch (const TapeError&) {
         }
         return g;
       });
     }},
};

BOOST_AUTO_TEST_CASE(promise_a_tape_destroyed_under_its_sweep_is_noticed) {
  for (const Destruction& destroyed : kDestructions) {
    for (const bool differentiable : {false, true}) {
      BOOST_TEST_CONTEXT(destroyed.where << (differentiable ? ", in a sweep that is recorded" : "")) {
        Tensor x = leaf({1.0, 2.0});
        auto tape = std::make_unique<Tape>();
        const Tensor y = checkpoint([](const Tensor& h) { return tanh(h); }, x);  // whose rule asks for the tape
        destroyed.arrange(tape, x, y);
        BOOST_CHECK_EXCEPTION(tape->backward(sum(square(y)), {.create_graph = differentiable}), TapeError,
                              says(": the Tape was destroyed during its sweep"));
        BOOST_TEST(!tape);
        BOOST_TEST(!is_recording());
        BOOST_TEST(square(x).to_vector<double>() == (Values{1.0, 4.0}));
        Tape next;
        BOOST_TEST(next.gradient(sum(square(x)), x).to_vector<double>() == (Values{2.0, 4.0}));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(promise_what_a_sweep_around_has_released_is_told) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape;
  const Tensor m = x * x;
  const Tensor y = sum(m * m);
  tape.register_hook(m, [&](const Tensor& g) {
    (void)tape.gradient(y, x, {.retain = true});
    return g;
  });
  BOOST_CHECK_EXCEPTION(tape.backward(y), TapeError, [](const TapeError& e) {
    return std::string(e.what()).find("what it keeps has been released") != std::string::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()
