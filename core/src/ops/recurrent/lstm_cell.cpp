#include "base/dispatch.hpp"
#include "kernels/recurrent.hpp"
#include "ops/recurrent/cell.hpp"
#include "ops/recurrent/lstm_rule.hpp"
#include "ops/rows.hpp"
#include "ops/sum_of.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/recurrent.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// Inputs: from_input, from_state, c. Outputs: h', c'.
struct LstmCell : Op<LstmCell> {
  static constexpr std::string_view name = "lstm_cell";
  static constexpr std::string_view math =
      R"(c' = s = f c + i g,\ h' = o \tanh s,\ (i, f, g, o) = (\sigma, \sigma, \tanh, \sigma)(z);\quad \bar s = \bar c' + \bar h' o (1 - \tanh^2 s),\ \bar c = \bar s f,\ \bar z = \left(\bar s\, g\, i (1 - i),\ \bar s\, c f (1 - f),\ \bar s\, i (1 - g^2),\ \bar h' \tanh(s)\, o (1 - o)\right))";
  static constexpr Names<3> input_names = {"from_input", "from_state", "c"};
  static constexpr Keep keep =
      Keep::inputs | Keep::output_at(1);  // the gates are computed again: cheaper than reading four more arrays

  std::array<Tensor, 2> forward(const Tensor& from_input, const Tensor& from_state, const Tensor& c) const {
    const Contiguous in(from_input, from_state, c);
    std::array<Tensor, 2> next = {empty(c.shape(), {.dtype = c.dtype()}), empty(c.shape(), {.dtype = c.dtype()})};
    with_floating(c.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::RecurrentStep<T> step = in.step<T>();
      step.to_h = written<T>(next[0]);
      step.to_c = written<T>(next[1]);
      kernels::lstm_forward(step);
    });
    return next;
  }

  std::array<Tensor, 3> vjp(const Saved& s, Cotangents dys) const {
    const LstmRule rule = rule_of(s);
    const Tensor dc_next = rule.cell_cotangent(dys[0], dys[1]);
    const Tensor dgates = s.wants(0) || s.wants(1) ? rule.gates(dc_next, dys[0]) : Tensor();
    return {s.wants(0) ? dgates : Tensor(), s.wants(1) ? dgates : Tensor(),
            s.wants(2) ? rule.old_cell(dc_next) : Tensor()};
  }
  void fused_vjp(const Saved& s, Cotangents dys, GradientSink& sink) const {
    const Contiguous in(s.input(0), s.input(1), s.input(2));
    const array::Array c_next = contiguous_array(s.output(1));
    const OptionalElements dh_next(dys[0]), dc_next(dys[1]);
    const bool wants_gates = s.wants(0) || s.wants(1);
    const Tensor dgates = wants_gates ? empty(s.input(0).shape(), {.dtype = c_next.dtype}) : Tensor();
    const Tensor dc = s.wants(2) ? empty(c_next.shape, {.dtype = c_next.dtype}) : Tensor();
    with_floating(c_next.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::RecurrentStep<T> step = in.step<T>();
      step.c_next = c_next.as<T>();
      step.dh_next = dh_next.as<T>();
      step.dc_next = dc_next.as<T>();
      step.dfrom_state = written<T>(dgates);
      step.dc = written<T>(dc);
      kernels::lstm_backward(step);
    });
    if (s.wants(0)) sink.add(0, dgates);
    if (s.wants(1)) sink.add(1, dgates);
    sink.add(2, dc);
  }
  std::array<Tensor, 2> jvp(const Saved& s, Tangents dx) const {
    return rule_of(s).tangents(sum_of(dx[0], dx[1]), dx[2]);
  }

  static catalogue::Derivation derivation() {
    return {
        {"Gates",
         R"(z = W_{ih} x + b_{ih} + W_{hh} h + b_{hh},\quad i = \sigma(z_i),\ f = \sigma(z_f),\ g = \tanh(z_g),\ o = \sigma(z_o))",
         "Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000; z is the sum of "
         "what the input and what the state give, so both get the same cotangent; the products are ops of their own"},
        {"Cell", R"(s = f \odot c + i \odot g,\quad c' = s,\quad h' = o \odot \tanh s)",
         "each element of the state for itself; all that follows is a product of elements. s is the new cell, whose "
         "value goes two ways: on to the next step as $c'$, and into $h'$"},
        {"Into the new cell", R"(\bar s = \bar c' + \bar h' \odot o \odot (1 - \tanh^2 s))",
         "what comes back both ways adds up: $\\bar c'$ is the next step's part alone"},
        {"Into the old cell", R"(\bar c = \bar s \odot f)",
         "s is linear in c: from cell to cell the cotangent is multiplied by forget gates alone, which is why the "
         "gradient lives longer than in a plain recurrent network"},
        {"Into the gates",
         R"(\bar i = \bar s \odot g,\quad \bar f = \bar s \odot c,\quad \bar g = \bar s \odot i,\quad \bar o = \bar h' \odot \tanh s)",
         "s and h' are bilinear"},
        {"Through the activations",
         R"(\bar z_i = \bar i\, i (1 - i),\quad \bar z_f = \bar f\, f (1 - f),\quad \bar z_g = \bar g\, (1 - g^2),\quad \bar z_o = \bar o\, o (1 - o))",
         "the slopes of sigmoid and tanh from their values"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto inputs = [&g](std::int64_t n, std::int64_t hidden) {
      return catalogue::Arguments{uniform(g, {n, 4 * hidden}, -2, 2), uniform(g, {n, 4 * hidden}, -2, 2),
                                  uniform(g, {n, hidden}, -2, 2)};
    };
    const auto output = [](std::size_t which) {
      return catalogue::of<3>(
          [which](const Tensor& x, const Tensor& h, const Tensor& c) { return Tensor(lstm_cell(x, h, c)[which]); });
    };
    const auto both = catalogue::of<3>(lstm_cell);
    return {
        {"both states", inputs(2, 3), both},
        {"h alone", inputs(2, 2), output(0)},
        {"c alone", inputs(2, 2), output(1)},
        {"wider than a vector", inputs(1, 19), both, {.order = 1, .reason = "order 2 is checked on the narrow ones"}},
        {"saturated gates",
         {catalogue::full64({1, 8}, 400.0), catalogue::full64({1, 8}, 400.0), uniform(g, {1, 2}, -2, 2)},
         both,
         {.order = 0, .reason = "the slopes of the gates are 0 to rounding"}},
        {"no sequences", inputs(0, 2), both},
        {"no features", inputs(2, 0), both}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"gates",
             [] {
               (void)lstm_cell(zeros({2, 9}), zeros({2, 9}), zeros({2, 3}));
             },
             "[lstm_cell] expected from_input and from_state [N, 4H] and c [N, H], got [2, 9], [2, 9] and [2, 3]"},
            {"batch",
             [] {
               (void)lstm_cell(zeros({2, 12}), zeros({1, 12}), zeros({2, 3}));
             },
             "[lstm_cell] expected from_input and from_state [N, 4H] and c [N, H], got [2, 12], [1, 12] and [2, 3]"},
            {"rank", [] { (void)lstm_cell(zeros({12}), zeros({12}), zeros({3})); },
             "[lstm_cell] expected from_input and from_state [N, 4H] and c [N, H], got [12], [12] and [3]"},
            {"dtype",
             [] {
               (void)lstm_cell(zeros({2, 12}), zeros({2, 12}), zeros({2, 3}, {.dtype = float64}));
             },
             "[lstm_cell] float32 [2, 12] with float64 [2, 3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[64, 128]",
            {uniform(g, {64, 512}, -2, 2), uniform(g, {64, 512}, -2, 2), uniform(g, {64, 128}, -2, 2)},
            catalogue::of<3>(lstm_cell)};
  }

 private:
  struct Contiguous {
    array::Array from_input, from_state, c;

    Contiguous(const Tensor& input, const Tensor& state, const Tensor& cell)
        : from_input(contiguous_array(input)), from_state(contiguous_array(state)), c(contiguous_array(cell)) {}
    template <class T>
    kernels::RecurrentStep<T> step() const {
      return {.rows = c.shape[0],
              .hidden = c.shape[1],
              .from_input = from_input.as<T>(),
              .from_state = from_state.as<T>(),
              .c = c.as<T>()};
    }
  };

  static LstmRule rule_of(const Saved& s) { return {s.input(0) + s.input(1), s.input(2), s.output(1)}; }
};

std::array<Tensor, 2> lstm_cell(const Tensor& from_input, const Tensor& from_state, const Tensor& c) {
  expect_cell(LstmCell::name, 4, "c", from_input, from_state, c);
  return apply(LstmCell{}, from_input, from_state, c);
}

TAPEGRAD_CATALOGUE(recurrent, lstm_cell, LstmCell)

}  // namespace tapegrad
