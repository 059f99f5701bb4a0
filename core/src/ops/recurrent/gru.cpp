#include "ops/recurrent/gru_rule.hpp"
#include "ops/recurrent/sequence.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

namespace tapegrad {

/// Inputs: from_input, weight_hh, bias_hh, h0, valid. Output: h.
struct Gru : SequenceOp<Gru, 3, 1> {
  using SequenceOp::SequenceOp;
  static constexpr std::string_view name = "gru";
  static constexpr std::string_view math =
      R"(h_t = \mathrm{cell}(a_t, u_t, h_{t-1}),\ u_t = h_{t-1} W^\top + b;\quad \bar a_t, \bar u_t \text{ and the update gate } z_t \text{ as in } \mathrm{gru\_cell},\ \bar h_{t-1} \mathrel{+}= \bar h_t \odot z_t + \bar u_t W,\ \bar W = \sum_t \bar u_t^\top h_{t-1},\ \bar b = \sum_{t, n} \bar u_{tn})";
  static constexpr Names<5> input_names = {"from_input", "weight_hh", "bias_hh", "h0", "valid"};
  static constexpr Names<1> residual_names = {"from_state"};
  static constexpr bool kPartsAdd = false;

  template <class T>
  static void forward_step(const kernels::RecurrentStep<T>& step) {
    kernels::gru_forward(step);
  }
  template <class T>
  static void backward_step(const kernels::RecurrentStep<T>& step) {
    kernels::gru_backward(step);
  }
  static StepCotangents<1> cotangents(const SequenceStep<1>& step, const States& of_after) {
    const GruRule rule(step.from_input, step.from_state, step.before[0]);
    const GruRule::GateCotangents d = rule.gates(of_after[0]);
    return {rule.from_input(d), rule.from_state(d), {rule.old_state(of_after[0])}};
  }
  static States tangents(const SequenceStep<1>& step, const Tensor& of_from_input, const Tensor& of_from_state,
                         const States& of_before) {
    const GruRule rule(step.from_input, step.from_state, step.before[0]);
    return {rule.tangent(of_from_input, of_from_state, of_before[0])};
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(u_t = h_{t-1} W^\top + b,\quad (r, z)_t = \sigma(a_t + u_t)_{r, z},\quad n_t = \tanh(a_{t,n} + r_t \odot u_{t,n}),\quad h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1})",
         "$a_t$ is what the input gives at position t, a row for each sequence; $h_{t-1}$ is the state before (run "
         "backwards: the state of position $t + 1$)"},
        {"State", R"(\bar h_t = \bar h_t^{(\mathrm{out})} + \bar h_t^{(t+1)})",
         "a state is used twice: as an output, and by step $t + 1$"},
        {"Step", R"((\bar a_t, \bar u_t) = \mathrm{gru\_cell}^{*}(\bar h_t))",
         "a star is the reverse rule: that of one cell, see gru_cell; forward keeps r, z and the state's part of n "
         "where the product stood"},
        {"Into the state before", R"(\bar h_{t-1}^{(t)} = \bar h_t \odot z_t + \bar u_t W)",
         "$h_{t-1}$ is used twice by the step: as it is, and by the product"},
        {"Weight and bias",
         R"(\bar W = \sum_t \bar u_t^\top h_{t-1} = \bar U^\top H_{-1},\quad \bar b = \sum_{t, n} \bar u_{tn})",
         "the rows of all positions stand below each other, $H_{-1}$ those of the states before, so the sum is one "
         "product; only the first step's state is not a row of the output"},
        {"Padding", R"(h_t = h_{t-1} \Rightarrow \bar a_t = \bar u_t = 0,\ \bar h_{t-1}^{(t)} = \bar h_t)",
         "in a row that is not valid the state stays, and its cotangent passes by"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto inputs = [&g](std::int64_t length, std::int64_t n, std::int64_t hidden) {
      return catalogue::Arguments{uniform(g, {length, n, 3 * hidden}, -2, 2), uniform(g, {3 * hidden, hidden}, -1, 1),
                                  uniform(g, {3 * hidden}, -1, 1), uniform(g, {n, hidden}, -1, 1)};
    };
    const auto with = [](const Mask& mask, const SequenceOptions& options = {}) {
      return catalogue::of<4>([=](const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& h) {
        return gru(x, w, b, h, mask, options);
      });
    };
    const Mask holes = Mask::keep_positions(from_vector<bool>({true, false, true, false, true, true}, {2, 3}));
    const catalogue::SampleOptions first_order{.order = 1, .reason = "order 2 is checked on the small ones"};
    return {{"forward", inputs(3, 2, 2), with({})},
            {"reverse, without bias", without_bias(inputs(3, 1, 2)), with({}, {.reverse = true})},
            {"padded", inputs(3, 2, 2), with(Mask::from_lengths({1, 3}, 3)), first_order},
            {"padded, reverse", inputs(3, 2, 1), with(Mask::from_lengths({1, 2}, 3), {.reverse = true})},
            {"holes", without_bias(inputs(3, 2, 1)), with(holes)},
            {"a sequence of padding", inputs(2, 2, 1), with(Mask::from_lengths({0, 2}, 2))},
            {"one step", inputs(1, 2, 2), with({})},
            {"wider than a vector", inputs(2, 1, 19), with({}), first_order},
            {"no steps", inputs(0, 2, 2), with({})},
            {"no sequences", inputs(2, 0, 2), with({})},
            {"no features", inputs(2, 2, 0), with({})}};
  }
  static catalogue::ErrorSamples errors() {
    const auto at = [](const Shape& x, const Shape& w, const Shape& h, const Tensor& bias = {}, const Mask& mask = {}) {
      return [=] { (void)gru(zeros(x), zeros(w), bias, zeros(h), mask); };
    };
    return {{"gates", at({5, 2, 12}, {12, 3}, {2, 3}),
             "[gru] expected from_input [L, N, 3H] and weight_hh [3H, H], got [5, 2, 12] and [12, 3]"},
            {"width", at({5, 2, 12}, {9, 3}, {2, 3}),
             "[gru] expected from_input [L, N, 3H] and weight_hh [3H, H], got [5, 2, 12] and [9, 3]"},
            {"bias", at({5, 2, 9}, {9, 3}, {2, 3}, zeros({9, 1})), "[gru] expected a bias [9], got [9, 1]"},
            {"h0", at({5, 2, 9}, {9, 3}, {1, 2, 3}), "[gru] expected h0 to be [N, H] = [2, 3], got [1, 2, 3]"},
            {"positions", at({5, 2, 9}, {9, 3}, {2, 3}, {}, Mask::from_lengths({2, 4}, 4)),
             "[gru] expected the mask's positions to be [N, L] = [2, 5], got [2, 4]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"12 x 64, width 128",
            {uniform(g, {12, 64, 384}, -2, 2), uniform(g, {384, 128}, -0.1, 0.1), uniform(g, {384}, -0.1, 0.1),
             uniform(g, {64, 128}, -1, 1)},
            catalogue::of<4>(
                [](const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& h) { return gru(x, w, b, h); })};
  }
};

Tensor gru(const Tensor& from_input, const Tensor& weight_hh, const Tensor& bias_hh, const Tensor& h0, const Mask& mask,
           const SequenceOptions& options) {
  expect_sequence(Gru::name, 3, from_input, weight_hh, bias_hh, {{"h0", h0}}, mask);
  const Tensor valid = valid_steps(mask);
  return tapegrad::apply(Gru(options.reverse, bias_hh, valid),
                         std::vector<Tensor>{from_input, weight_hh, bias_hh, h0, valid})[0];
}

TAPEGRAD_CATALOGUE(recurrent, gru, Gru)

}  // namespace tapegrad
