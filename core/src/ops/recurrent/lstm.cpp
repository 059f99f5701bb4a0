#include "ops/recurrent/lstm_rule.hpp"
#include "ops/recurrent/sequence.hpp"
#include "ops/sum_of.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

namespace tapegrad {

/// Inputs: from_input, weight_hh, bias_hh, h0, c0, valid. Outputs: h, c.
struct Lstm : SequenceOp<Lstm, 4, 2> {
  using SequenceOp::SequenceOp;
  static constexpr std::string_view name = "lstm";
  static constexpr std::string_view math =
      R"(h_t, c_t = \mathrm{cell}(z_t, c_{t-1}),\ z_t = a_t + h_{t-1} W^\top + b;\quad \bar s_t = \bar c_t + \bar h_t \odot o_t \odot (1 - \tanh^2 c_t),\ \bar c_{t-1} \mathrel{+}= \bar s_t \odot f_t,\ \bar z_t \text{ as in } \mathrm{lstm\_cell},\ \bar h_{t-1} \mathrel{+}= \bar z_t W,\ \bar a_t = \bar z_t,\ \bar W = \sum_t \bar z_t^\top h_{t-1},\ \bar b = \sum_{t, n} \bar z_{tn})";
  static constexpr Names<6> input_names = {"from_input", "weight_hh", "bias_hh", "h0", "c0", "valid"};
  static constexpr Names<1> residual_names = {"from_state"};
  static constexpr bool kPartsAdd = true;

  template <class T>
  static void forward_step(const kernels::RecurrentStep<T>& step) {
    kernels::lstm_forward(step);
  }
  template <class T>
  static void backward_step(const kernels::RecurrentStep<T>& step) {
    kernels::lstm_backward(step);
  }
  static StepCotangents<2> cotangents(const SequenceStep<2>& step, const States& of_after) {
    const LstmRule rule = rule_of(step);
    const Tensor s = rule.cell_cotangent(of_after[0], of_after[1]);
    const Tensor dz = rule.gates(s, of_after[0]);
    return {dz, dz, {Tensor(), rule.old_cell(s)}};
  }
  static States tangents(const SequenceStep<2>& step, const Tensor& of_from_input, const Tensor& of_from_state,
                         const States& of_before) {
    return rule_of(step).tangents(sum_of(of_from_input, of_from_state), of_before[1]);
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(z_t = a_t + h_{t-1} W^\top + b,\quad (i, f, g, o)_t = (\sigma, \sigma, \tanh, \sigma)(z_t),\quad c_t = f_t \odot c_{t-1} + i_t \odot g_t,\quad h_t = o_t \odot \tanh c_t)",
         "$a_t$ is what the input gives at position t, a row for each sequence; $h_{t-1}$ is the state before (run "
         "backwards: the state of position $t + 1$)"},
        {"States",
         R"(\bar h_t = \bar h_t^{(\mathrm{out})} + \bar h_t^{(t+1)},\quad \bar c_t = \bar c_t^{(\mathrm{out})} + \bar c_t^{(t+1)})",
         "a state is used twice: as an output, and by step $t + 1$"},
        {"Step", R"((\bar z_t, \bar c_{t-1}^{(t)}) = \mathrm{lstm\_cell}^{*}(\bar h_t, \bar c_t))",
         "a star is the reverse rule: that of one cell, see lstm_cell; forward keeps the gates where the products "
         "stood, so that it needs no exponential but one"},
        {"Into the state before", R"(\bar h_{t-1}^{(t)} = \bar z_t W)", "$z_t$ is linear in it"},
        {"Weight", R"(\bar W = \sum_t \bar z_t^\top h_{t-1} = \bar Z^\top H_{-1})",
         "the rows of all positions stand below each other, $H_{-1}$ those of the states before, so the sum is one "
         "product; only the first step's state is not a row of the output"},
        {"Input and bias", R"(\bar a_t = \bar z_t,\quad \bar b = \sum_{t, n} \bar z_{tn})", "both are added to z"},
        {"Padding",
         R"(h_t = h_{t-1},\ c_t = c_{t-1} \Rightarrow \bar z_t = 0,\ \bar h_{t-1}^{(t)} = \bar h_t,\ \bar c_{t-1}^{(t)} = \bar c_t)",
         "in a row that is not valid the state stays, and its cotangent passes by"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto inputs = [&g](std::int64_t length, std::int64_t n, std::int64_t hidden) {
      return catalogue::Arguments{uniform(g, {length, n, 4 * hidden}, -2, 2), uniform(g, {4 * hidden, hidden}, -1, 1),
                                  uniform(g, {4 * hidden}, -1, 1), uniform(g, {n, hidden}, -1, 1),
                                  uniform(g, {n, hidden}, -2, 2)};
    };
    const auto with = [](const Mask& mask, const SequenceOptions& options = {}) {
      return catalogue::of<5>([=](const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& h, const Tensor& c) {
        return lstm(x, w, b, h, c, mask, options);
      });
    };
    const auto output = [](std::size_t which) {
      return catalogue::of<5>([which](const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& h,
                                      const Tensor& c) { return Tensor(lstm(x, w, b, h, c)[which]); });
    };
    const Mask holes = Mask::keep_positions(from_vector<bool>({true, false, true, false, true, true}, {2, 3}));
    const catalogue::SampleOptions first_order{.order = 1, .reason = "order 2 is checked on the small ones"};
    return {{"forward", inputs(3, 2, 2), with({})},
            {"reverse, without bias", without_bias(inputs(3, 1, 2)), with({}, {.reverse = true})},
            {"h alone", inputs(2, 1, 2), output(0)},
            {"c alone", inputs(2, 1, 2), output(1)},
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
    const auto at = [](const Shape& x, const Shape& w, const Shape& h, const Shape& c, const Tensor& bias = {},
                       const Mask& mask = {}) {
      return [=] { (void)lstm(zeros(x), zeros(w), bias, zeros(h), zeros(c), mask); };
    };
    return {{"rank", at({2, 12}, {12, 3}, {2, 3}, {2, 3}),
             "[lstm] expected from_input [L, N, 4H] and weight_hh [4H, H], got [2, 12] and [12, 3]"},
            {"gates", at({5, 2, 9}, {9, 3}, {2, 3}, {2, 3}),
             "[lstm] expected from_input [L, N, 4H] and weight_hh [4H, H], got [5, 2, 9] and [9, 3]"},
            {"bias", at({5, 2, 12}, {12, 3}, {2, 3}, {2, 3}, zeros({3})), "[lstm] expected a bias [12], got [3]"},
            {"h0", at({5, 2, 12}, {12, 3}, {1, 3}, {2, 3}), "[lstm] expected h0 to be [N, H] = [2, 3], got [1, 3]"},
            {"c0", at({5, 2, 12}, {12, 3}, {2, 3}, {3}), "[lstm] expected c0 to be [N, H] = [2, 3], got [3]"},
            {"positions", at({5, 2, 12}, {12, 3}, {2, 3}, {2, 3}, {}, Mask::from_lengths({5}, 5)),
             "[lstm] expected the mask's positions to be [N, L] = [2, 5], got [1, 5]"},
            {"dtype",
             [] {
               (void)lstm(zeros({5, 2, 12}), zeros({12, 3}, {.dtype = float64}), {}, zeros({2, 3}), zeros({2, 3}));
             },
             "[lstm] float32 [5, 2, 12] with float64 [12, 3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"12 x 64, width 128",
            {uniform(g, {12, 64, 512}, -2, 2), uniform(g, {512, 128}, -0.1, 0.1), uniform(g, {512}, -0.1, 0.1),
             uniform(g, {64, 128}, -1, 1), uniform(g, {64, 128}, -1, 1)},
            catalogue::of<5>([](const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& h, const Tensor& c) {
              return lstm(x, w, b, h, c);
            })};
  }

 private:
  static LstmRule rule_of(const SequenceStep<2>& step) {
    return {step.from_input + step.from_state, step.before[1], step.after[1]};
  }
};

std::array<Tensor, 2> lstm(const Tensor& from_input, const Tensor& weight_hh, const Tensor& bias_hh, const Tensor& h0,
                           const Tensor& c0, const Mask& mask, const SequenceOptions& options) {
  expect_sequence(Lstm::name, 4, from_input, weight_hh, bias_hh, {{"h0", h0}, {"c0", c0}}, mask);
  const Tensor valid = valid_steps(mask);
  return tapegrad::apply(Lstm(options.reverse, bias_hh, valid),
                         std::vector<Tensor>{from_input, weight_hh, bias_hh, h0, c0, valid});
}

TAPEGRAD_CATALOGUE(recurrent, lstm, Lstm)

}  // namespace tapegrad
