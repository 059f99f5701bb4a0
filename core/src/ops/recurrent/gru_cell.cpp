#include "ops/recurrent/cell.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/recurrent.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/recurrent/gru_cell.cpp"
#include "kernels/pointwise-inl.hpp"
// After pointwise-inl.hpp.
#include "ops/recurrent/gates-inl.hpp"

#ifndef TAPEGRAD_OPS_RECURRENT_GRU_MEMORY
#define TAPEGRAD_OPS_RECURRENT_GRU_MEMORY
namespace tapegrad {

/// Contiguous memory of a step: gates [N, 3H], states [N, H]. Null results are not wanted.
struct GruMemory {
  std::int64_t hidden = 0;
  const void *from_input = nullptr, *from_state = nullptr, *h = nullptr;
  const void* dh_next = nullptr;                                       // read by the reverse rule
  void* to_h = nullptr;                                                // written by the forward function
  void *dfrom_input = nullptr, *dfrom_state = nullptr, *dh = nullptr;  // written by the reverse rule
};

}  // namespace tapegrad
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {

template <class D>
struct GruRow {
  using T = hn::TFromD<D>;
  GateRow<D> reset, update;
  InputRow<D> new_input, new_state, h;

  HWY_INLINE GruRow(const GruMemory& m, std::int64_t r)
      : reset(gate(m.from_input, m, r, 0), gate(m.from_state, m, r, 0)),
        update(gate(m.from_input, m, r, 1), gate(m.from_state, m, r, 1)),
        new_input(gate(m.from_input, m, r, 2), 1),
        new_state(gate(m.from_state, m, r, 2), 1),
        h(row_at<T>(m.h, r, m.hidden), 1) {}

 private:
  static HWY_INLINE const T* gate(const void* memory, const GruMemory& m, std::int64_t r, std::int64_t k) {
    return row_at<T>(memory, r, 3 * m.hidden, k * m.hidden);
  }
};

template <class D>
struct GruForwardStep {
  using T = hn::TFromD<D>;
  const GruRow<D>& row;
  T* to_h;

  template <class... Count>
  HWY_INLINE void operator()(std::size_t k, Count... count) const {
    const Lanes<D> r = sigmoid(row.reset.load(k, count...));
    const Lanes<D> z = sigmoid(row.update.load(k, count...));
    const Lanes<D> n = tanh(mul_add(r, row.new_state.load(k, count...), row.new_input.load(k, count...)));
    store<D>(mul_add(z, row.h.load(k, count...), (1.0 - z) * n), to_h + k, count...);
  }
};

template <class D>
struct GruBackwardStep {
  using T = hn::TFromD<D>;
  const GruRow<D>& row;
  const InputRow<D>& dh_next;
  std::int64_t hidden;
  T *dfrom_input, *dfrom_state, *dh;

  template <class... Count>
  HWY_INLINE void operator()(std::size_t k, Count... count) const {
    const Lanes<D> from_state = row.new_state.load(k, count...);
    const Lanes<D> r = sigmoid(row.reset.load(k, count...));
    const Lanes<D> z = sigmoid(row.update.load(k, count...));
    const Lanes<D> n = tanh(mul_add(r, from_state, row.new_input.load(k, count...)));
    const Lanes<D> u = dh_next.load(k, count...);
    const Lanes<D> dn = u * (1.0 - z) * (1.0 - n * n);
    const Lanes<D> dr = dn * from_state * (r * (1.0 - r));
    const Lanes<D> dz = u * (row.h.load(k, count...) - n) * (z * (1.0 - z));
    if (dh != nullptr) store<D>(u * z, dh + k, count...);
    put(dfrom_input, dr, dz, dn, k, count...);
    put(dfrom_state, dr, dz, dn * r, k, count...);
  }

 private:
  template <class... Count>
  HWY_INLINE void put(T* gates, Lanes<D> reset, Lanes<D> update, Lanes<D> candidate, std::size_t k,
                      Count... count) const {
    if (gates == nullptr) return;
    store<D>(reset, gates + k, count...);
    store<D>(update, gates + hidden + k, count...);
    store<D>(candidate, gates + 2 * hidden + k, count...);
  }
};

template <class T>
HWY_NOINLINE void gru_forward(const GruMemory& m, std::int64_t begin, std::int64_t end) {
  using D = hn::ScalableTag<T>;
  for (std::int64_t r = begin; r < end; ++r) {
    const GruRow<D> row(m, r);
    over_row<D>(GruForwardStep<D>{row, row_at<T>(m.to_h, r, m.hidden)}, m.hidden);
  }
}

template <class T>
HWY_NOINLINE void gru_backward(const GruMemory& m, std::int64_t begin, std::int64_t end) {
  using D = hn::ScalableTag<T>;
  for (std::int64_t r = begin; r < end; ++r) {
    const GruRow<D> row(m, r);
    const InputRow<D> dh_next(row_at<T>(m.dh_next, r, m.hidden), 1);
    over_row<D>(GruBackwardStep<D>{row, dh_next, m.hidden, row_at<T>(m.dfrom_input, r, 3 * m.hidden),
                                   row_at<T>(m.dfrom_state, r, 3 * m.hidden), row_at<T>(m.dh, r, m.hidden)},
                m.hidden);
  }
}

static void gru_cell_forward(DType dtype, const GruMemory& m, std::int64_t begin, std::int64_t end) {
  dtype == float32 ? gru_forward<float>(m, begin, end) : gru_forward<double>(m, begin, end);
}
static void gru_cell_backward(DType dtype, const GruMemory& m, std::int64_t begin, std::int64_t end) {
  dtype == float32 ? gru_backward<float>(m, begin, end) : gru_backward<double>(m, begin, end);
}

}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {

HWY_EXPORT(gru_cell_forward);
HWY_EXPORT(gru_cell_backward);

/// Inputs: from_input, from_state, h.
struct GruCell : Op<GruCell> {
  static constexpr std::string_view name = "gru_cell";
  static constexpr std::string_view math =
      R"(h' = (1 - z) n + z h,\ r = \sigma(a_r + b_r),\ z = \sigma(a_z + b_z),\ n = \tanh(a_n + r b_n);\quad \bar h = \bar h' z,\ \bar a = \left(\bar a_n b_n r (1 - r),\ \bar h' (h - n) z (1 - z),\ \bar h' (1 - z) (1 - n^2)\right),\ \bar b = (\bar a_r, \bar a_z, \bar a_n r))";

  Tensor forward(const Tensor& from_input, const Tensor& from_state, const Tensor& h) const {
    const Contiguous in(from_input, from_state, h);
    Tensor next = empty(h.shape(), {.dtype = h.dtype()});
    GruMemory memory = in.memory();
    memory.to_h = array_of(next).data();
    for_cell_rows(h.size(0), h.size(1), [&](std::int64_t begin, std::int64_t end) {
      HWY_DYNAMIC_DISPATCH(gru_cell_forward)(h.dtype(), memory, begin, end);
    });
    return next;
  }

  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    const Gates y(s);
    const Tensor dh = s.wants(2) ? dy * y.update : Tensor();
    if (!s.wants(0) && !s.wants(1)) return {Tensor(), Tensor(), dh};
    const Tensor dn = dy * (1.0 - y.update) * tanh_slope(y.candidate);
    const Tensor dr = dn * y.from_state * sigmoid_slope(y.reset);
    const Tensor dz = dy * (s.input(2) - y.candidate) * sigmoid_slope(y.update);
    return {s.wants(0) ? cat({dr, dz, dn}, -1) : Tensor(), s.wants(1) ? cat({dr, dz, dn * y.reset}, -1) : Tensor(), dh};
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const Contiguous in(s.input(0), s.input(1), s.input(2));
    const array::Array dh_next = contiguous_array(dy);
    std::array<Tensor, 3> dx;
    for (int i = 0; i < 3; ++i)
      if (s.wants(i)) dx[static_cast<std::size_t>(i)] = empty(s.input(i).shape(), {.dtype = dh_next.dtype});
    const auto to = [](const Tensor& x) -> void* { return x.defined() ? array_of(x).data() : nullptr; };
    GruMemory memory = in.memory();
    memory.dh_next = dh_next.data();
    memory.dfrom_input = to(dx[0]);
    memory.dfrom_state = to(dx[1]);
    memory.dh = to(dx[2]);
    for_cell_rows(dh_next.shape[0], dh_next.shape[1], [&](std::int64_t begin, std::int64_t end) {
      HWY_DYNAMIC_DISPATCH(gru_cell_backward)(dh_next.dtype, memory, begin, end);
    });
    for (int i = 0; i < 3; ++i) sink.add(i, dx[static_cast<std::size_t>(i)]);
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    const Gates y(s);
    Tensor dy = dx[2].defined() ? dx[2] * y.update : Tensor();
    if (!dx[0].defined() && !dx[1].defined()) return dy;
    const std::vector<Tensor> both = gates_of(sum_of(dx[0], dx[1]), 3);
    const Tensor dr = both[0] * sigmoid_slope(y.reset);
    const Tensor dz = both[1] * sigmoid_slope(y.update);
    Tensor inner = dr * y.from_state;
    if (dx[0].defined()) inner = inner + gates_of(dx[0], 3)[2];
    if (dx[1].defined()) inner = inner + y.reset * gates_of(dx[1], 3)[2];
    return sum_of(dy, dz * (s.input(2) - y.candidate) + (1.0 - y.update) * tanh_slope(y.candidate) * inner);
  }

  static catalogue::Derivation derivation() {
    return {
        {"What comes in", R"(a = W_{ih} x + b_{ih},\quad b = W_{hh} h + b_{hh})",
         "three gates each; unlike the LSTM's they may not be added up beforehand, since the reset gate takes hold of "
         "b_n alone"},
        {"Gates", R"(r = \sigma(a_r + b_r),\quad z = \sigma(a_z + b_z),\quad n = \tanh(a_n + r \odot b_n))",
         "reset, update and new; this is version 1 of the paper, whose reset gate stands behind the product W_hn h"},
        {"State", R"(h' = (1 - z) \odot n + z \odot h = n + z \odot (h - n))", "z = 1 keeps the old state as it is"},
        {"Into state, update and new",
         R"(\bar h = \bar h' \odot z,\quad \bar z = \bar h' \odot (h - n),\quad \bar n = \bar h' \odot (1 - z))",
         "h' is linear in each of them"},
        {"Through the activations", R"(\bar a_n = \bar n\, (1 - n^2),\quad \bar a_z = \bar b_z = \bar z\, z (1 - z))",
         "the slopes of tanh and sigmoid from their values"},
        {"Through the reset gate",
         R"(\bar b_n = \bar a_n \odot r,\quad \bar r = \bar a_n \odot b_n,\quad \bar a_r = \bar b_r = \bar r\, r (1 - r))",
         "the product r b_n is bilinear; here the cotangents of a and b part"}};
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
               gru_cell(zeros({2, 8}), zeros({2, 8}), zeros({2, 3}));
             },
             "[gru_cell] expected from_input and from_state [N, 3H] and h [N, H], got [2, 8], [2, 8] and [2, 3]"},
            {"batch",
             [] {
               gru_cell(zeros({2, 9}), zeros({2, 9}), zeros({1, 3}));
             },
             "[gru_cell] expected from_input and from_state [N, 3H] and h [N, H], got [2, 9], [2, 9] and [1, 3]"},
            {"dtype",
             [] {
               gru_cell(zeros({2, 9}), zeros({2, 9}, {.dtype = float64}), zeros({2, 3}));
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
    GruMemory memory() const {
      return {.hidden = h.shape[1], .from_input = from_input.data(), .from_state = from_state.data(), .h = h.data()};
    }
  };

  /// The gates, out of differentiable operations.
  struct Gates {
    Tensor reset, update, from_state, candidate;

    explicit Gates(const Saved& s) {
      const std::vector<Tensor> a = gates_of(s.input(0), 3);
      const std::vector<Tensor> b = gates_of(s.input(1), 3);
      reset = sigmoid(a[0] + b[0]);
      update = sigmoid(a[1] + b[1]);
      from_state = b[2];
      candidate = tanh(a[2] + reset * from_state);
    }
  };
};

Tensor gru_cell(const Tensor& from_input, const Tensor& from_state, const Tensor& h) {
  check_cell(GruCell::name, 3, "h", from_input, from_state, h);
  return apply(GruCell{}, from_input, from_state, h);
}

TAPEGRAD_CATALOGUE(recurrent, gru_cell, GruCell)

}  // namespace tapegrad
#endif
