#include "base/dispatch.hpp"
#include "kernels/recurrent.hpp"
#include "ops/recurrent/cell.hpp"
#include "ops/recurrent/gru_rule.hpp"
#include "ops/rows.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/recurrent.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// Inputs: from_input, from_state, h.
struct GruCell : Op<GruCell> {
  static constexpr std::string_view name = "gru_cell";
  static constexpr std::string_view math =
      R"(h' = (1 - z) n + z h,\ r = \sigma(a_r + b_r),\ z = \sigma(a_z + b_z),\ n = \tanh(a_n + r b_n);\quad \bar h = \bar h' z,\ \bar a = \left(\bar a_n b_n r (1 - r),\ \bar h' (h - n) z (1 - z),\ \bar h' (1 - z) (1 - n^2)\right),\ \bar b = (\bar a_r, \bar a_z, \bar a_n r))";
  static constexpr Names<3> input_names = {"from_input", "from_state", "h"};

  Tensor forward(const Tensor& from_input, const Tensor& from_state, const Tensor& h) const {
    const Contiguous in(from_input, from_state, h);
    Tensor next = empty(h.shape(), {.dtype = h.dtype()});
    with_floating(h.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::RecurrentStep<T> step = in.step<T>();
      step.to_h = written<T>(next);
      kernels::gru_forward(step);
    });
    return next;
  }

  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    const GruRule rule(s.input(0), s.input(1), s.input(2));
    const Tensor dh = s.wants(2) ? rule.old_state(dy) : Tensor();
    if (!s.wants(0) && !s.wants(1)) return {Tensor(), Tensor(), dh};
    const GruRule::GateCotangents d = rule.gates(dy);
    return {s.wants(0) ? rule.from_input(d) : Tensor(), s.wants(1) ? rule.from_state(d) : Tensor(), dh};
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const Contiguous in(s.input(0), s.input(1), s.input(2));
    const array::Array dh_next = contiguous_array(dy);
    std::array<Tensor, 3> dx;
    for (int i = 0; i < 3; ++i)
      if (s.wants(i)) dx[static_cast<std::size_t>(i)] = empty(s.input(i).shape(), {.dtype = dh_next.dtype});
    with_floating(dh_next.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::RecurrentStep<T> step = in.step<T>();
      step.dh_next = dh_next.as<T>();
      step.dfrom_input = written<T>(dx[0]);
      step.dfrom_state = written<T>(dx[1]);
      step.dh = written<T>(dx[2]);
      kernels::gru_backward(step);
    });
    for (int i = 0; i < 3; ++i) sink.add(i, dx[static_cast<std::size_t>(i)]);
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    return GruRule(s.input(0), s.input(1), s.input(2)).tangent(dx[0], dx[1], dx[2]);
  }

  static catalogue::Derivation derivation() {
    return {
        {"What comes in", R"(a = W_{ih} x + b_{ih},\quad b = W_{hh} h + b_{hh})",
         "three gates each; unlike the LSTM's they may not be added up beforehand, since the reset gate takes hold of "
         "$b_n$ alone. The products are ops of their own: below, $\\bar h$ is what reaches h past them; what comes "
         "through b is added by the product's rule"},
        {"Gates", R"(r = \sigma(a_r + b_r),\quad z = \sigma(a_z + b_z),\quad n = \tanh(a_n + r \odot b_n))",
         "reset, update and new; as in PyTorch, and version 1 of Cho et al. 2014 (arXiv:1406.1078v1), whose reset gate "
         "stands behind the product $W_{hn} h$"},
        {"State", R"(h' = (1 - z) \odot n + z \odot h = n + z \odot (h - n))", "$z = 1$ keeps the old state as it is"},
        {"Into state, update and new",
         R"(\bar h = \bar h' \odot z,\quad \bar z = \bar h' \odot (h - n),\quad \bar n = \bar h' \odot (1 - z))",
         "h' is linear in each of them"},
        {"Through the activations", R"(\bar a_n = \bar n\, (1 - n^2),\quad \bar a_z = \bar b_z = \bar z\, z (1 - z))",
         "the slopes of tanh and sigmoid from their values"},
        {"Through the reset gate",
         R"(\bar b_n = \bar a_n \odot r,\quad \bar r = \bar a_n \odot b_n,\quad \bar a_r = \bar b_r = \bar r\, r (1 - r))",
         "the product $r b_n$ is bilinear; here the cotangents of a and b part"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto inputs = [&g](std::int64_t n, std::int64_t hidden) {
      return catalogue::Arguments{uniform(g, {n, 3 * hidden}, -2, 2), uniform(g, {n, 3 * hidden}, -2, 2),
                                  uniform(g, {n, hidden}, -2, 2)};
    };
    const auto call = catalogue::of<3>(gru_cell);
    return {
        {"a batch", inputs(2, 3), call},
        {"wider than a vector", inputs(1, 19), call, {.order = 1, .reason = "order 2 is checked on the narrow ones"}},
        {"saturated gates",
         {catalogue::full64({1, 6}, 400.0), catalogue::full64({1, 6}, 400.0), uniform(g, {1, 2}, -2, 2)},
         call,
         {.order = 0, .reason = "the slopes of the gates are 0 to rounding"}},
        {"no sequences", inputs(0, 2), call},
        {"no features", inputs(2, 0), call}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"gates",
             [] {
               (void)gru_cell(zeros({2, 8}), zeros({2, 8}), zeros({2, 3}));
             },
             "[gru_cell] expected from_input and from_state [N, 3H] and h [N, H], got [2, 8], [2, 8] and [2, 3]"},
            {"batch",
             [] {
               (void)gru_cell(zeros({2, 9}), zeros({2, 9}), zeros({1, 3}));
             },
             "[gru_cell] expected from_input and from_state [N, 3H] and h [N, H], got [2, 9], [2, 9] and [1, 3]"},
            {"dtype",
             [] {
               (void)gru_cell(zeros({2, 9}), zeros({2, 9}, {.dtype = float64}), zeros({2, 3}));
             },
             "[gru_cell] float32 [2, 9] with float64 [2, 9]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[64, 128]",
            {uniform(g, {64, 384}, -2, 2), uniform(g, {64, 384}, -2, 2), uniform(g, {64, 128}, -2, 2)},
            catalogue::of<3>(gru_cell)};
  }

 private:
  struct Contiguous {
    array::Array from_input, from_state, h;

    Contiguous(const Tensor& input, const Tensor& state, const Tensor& old)
        : from_input(contiguous_array(input)), from_state(contiguous_array(state)), h(contiguous_array(old)) {}
    template <class T>
    kernels::RecurrentStep<T> step() const {
      return {.rows = h.shape[0],
              .hidden = h.shape[1],
              .from_input = from_input.as<T>(),
              .from_state = from_state.as<T>(),
              .h = h.as<T>()};
    }
  };
};

Tensor gru_cell(const Tensor& from_input, const Tensor& from_state, const Tensor& h) {
  expect_cell(GruCell::name, 3, "h", from_input, from_state, h);
  return apply(GruCell{}, from_input, from_state, h);
}

TAPEGRAD_CATALOGUE(recurrent, gru_cell, GruCell)

}  // namespace tapegrad
