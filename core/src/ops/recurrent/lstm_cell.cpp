#include "ops/recurrent/cell.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/recurrent.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/recurrent/lstm_cell.cpp"
#include "kernels/pointwise-inl.hpp"
// After pointwise-inl.hpp.
#include "ops/recurrent/gates-inl.hpp"

#ifndef TAPEGRAD_OPS_RECURRENT_LSTM_MEMORY
#define TAPEGRAD_OPS_RECURRENT_LSTM_MEMORY
namespace tapegrad {

/// Contiguous memory of a step: gates [N, 4H], all else [N, H]. Null cotangents are zeros, null results are not wanted.
struct LstmMemory {
  std::int64_t hidden = 0;
  const void *from_input = nullptr, *from_state = nullptr, *c = nullptr;
  const void *c_next = nullptr, *dh_next = nullptr, *dc_next = nullptr;  // read by the reverse rule
  void *to_h = nullptr, *to_c = nullptr;                                 // written by the forward function
  void *dgates = nullptr, *dc = nullptr;                                 // written by the reverse rule
};

}  // namespace tapegrad
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {

template <class D>
struct LstmRow {
  using T = hn::TFromD<D>;
  GateRow<D> input, forget, candidate, output;
  InputRow<D> c;

  HWY_INLINE LstmRow(const LstmMemory& m, std::int64_t r)
      : input(gate(m.from_input, m, r, 0), gate(m.from_state, m, r, 0)),
        forget(gate(m.from_input, m, r, 1), gate(m.from_state, m, r, 1)),
        candidate(gate(m.from_input, m, r, 2), gate(m.from_state, m, r, 2)),
        output(gate(m.from_input, m, r, 3), gate(m.from_state, m, r, 3)),
        c(row_at<T>(m.c, r, m.hidden), 1) {}

 private:
  static HWY_INLINE const T* gate(const void* memory, const LstmMemory& m, std::int64_t r, std::int64_t k) {
    return row_at<T>(memory, r, 4 * m.hidden, k * m.hidden);
  }
};

template <class D>
struct LstmForwardStep {
  using T = hn::TFromD<D>;
  const LstmRow<D>& row;
  T *h, *c_next;

  template <class... Count>
  HWY_INLINE void operator()(std::size_t k, Count... count) const {
    const Lanes<D> i = sigmoid(row.input.load(k, count...));
    const Lanes<D> f = sigmoid(row.forget.load(k, count...));
    const Lanes<D> g = tanh(row.candidate.load(k, count...));
    const Lanes<D> o = sigmoid(row.output.load(k, count...));
    const Lanes<D> next = mul_add(f, row.c.load(k, count...), i * g);
    store<D>(next, c_next + k, count...);
    store<D>(o * tanh(next), h + k, count...);
  }
};

template <class D>
struct LstmBackwardStep {
  using T = hn::TFromD<D>;
  const LstmRow<D>& row;
  const InputRow<D>&c_next, &dh_next, &dc_next;
  std::int64_t hidden;
  T *dgates, *dc;

  template <class... Count>
  HWY_INLINE void operator()(std::size_t k, Count... count) const {
    const Lanes<D> i = sigmoid(row.input.load(k, count...));
    const Lanes<D> f = sigmoid(row.forget.load(k, count...));
    const Lanes<D> g = tanh(row.candidate.load(k, count...));
    const Lanes<D> o = sigmoid(row.output.load(k, count...));
    const Lanes<D> t = tanh(c_next.load(k, count...));
    const Lanes<D> u = dh_next.load(k, count...);
    const Lanes<D> s = mul_add(u * o, 1.0 - t * t, dc_next.load(k, count...));
    if (dc != nullptr) store<D>(s * f, dc + k, count...);
    if (dgates == nullptr) return;
    store<D>(s * g * (i * (1.0 - i)), dgates + k, count...);
    store<D>(s * row.c.load(k, count...) * (f * (1.0 - f)), dgates + hidden + k, count...);
    store<D>(s * i * (1.0 - g * g), dgates + 2 * hidden + k, count...);
    store<D>(u * t * (o * (1.0 - o)), dgates + 3 * hidden + k, count...);
  }
};

template <class T>
HWY_NOINLINE void lstm_forward(const LstmMemory& m, std::int64_t begin, std::int64_t end) {
  using D = hn::ScalableTag<T>;
  for (std::int64_t r = begin; r < end; ++r) {
    const LstmRow<D> row(m, r);
    over_row<D>(LstmForwardStep<D>{row, row_at<T>(m.to_h, r, m.hidden), row_at<T>(m.to_c, r, m.hidden)}, m.hidden);
  }
}

template <class T>
HWY_NOINLINE void lstm_backward(const LstmMemory& m, std::int64_t begin, std::int64_t end) {
  using D = hn::ScalableTag<T>;
  for (std::int64_t r = begin; r < end; ++r) {
    const LstmRow<D> row(m, r);
    const InputRow<D> c_next(row_at<T>(m.c_next, r, m.hidden), 1);
    const InputRow<D> dh_next(row_at<T>(m.dh_next, r, m.hidden), 1);
    const InputRow<D> dc_next(row_at<T>(m.dc_next, r, m.hidden), 1);
    over_row<D>(LstmBackwardStep<D>{row, c_next, dh_next, dc_next, m.hidden, row_at<T>(m.dgates, r, 4 * m.hidden),
                                    row_at<T>(m.dc, r, m.hidden)},
                m.hidden);
  }
}

static void lstm_cell_forward(DType dtype, const LstmMemory& m, std::int64_t begin, std::int64_t end) {
  dtype == float32 ? lstm_forward<float>(m, begin, end) : lstm_forward<double>(m, begin, end);
}
static void lstm_cell_backward(DType dtype, const LstmMemory& m, std::int64_t begin, std::int64_t end) {
  dtype == float32 ? lstm_backward<float>(m, begin, end) : lstm_backward<double>(m, begin, end);
}

}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {

HWY_EXPORT(lstm_cell_forward);
HWY_EXPORT(lstm_cell_backward);

/// Inputs: from_input, from_state, c. Outputs: h', c'.
struct LstmCell : Op<LstmCell> {
  static constexpr std::string_view name = "lstm_cell";
  static constexpr std::string_view math =
      R"(c' = f c + i g,\ h' = o \tanh c',\ (i, f, g, o) = (\sigma, \sigma, \tanh, \sigma)(z);\quad \bar s = \bar c' + \bar h' o (1 - \tanh^2 c'),\ \bar c = \bar s f,\ \bar z = \left(\bar s\, g\, i (1 - i),\ \bar s\, c f (1 - f),\ \bar s\, i (1 - g^2),\ \bar h' \tanh(c')\, o (1 - o)\right))";
  static constexpr Keep keep{7, 2};  // the gates are computed again: cheaper than reading four more arrays

  std::array<Tensor, 2> forward(const Tensor& from_input, const Tensor& from_state, const Tensor& c) const {
    const Contiguous in(from_input, from_state, c);
    std::array<Tensor, 2> next = {empty(c.shape(), {.dtype = c.dtype()}), empty(c.shape(), {.dtype = c.dtype()})};
    LstmMemory memory = in.memory();
    memory.to_h = array_of(next[0]).data();
    memory.to_c = array_of(next[1]).data();
    for_cell_rows(c.size(0), c.size(1), [&](std::int64_t begin, std::int64_t end) {
      HWY_DYNAMIC_DISPATCH(lstm_cell_forward)(c.dtype(), memory, begin, end);
    });
    return next;
  }

  std::array<Tensor, 3> vjp(const Saved& s, Cotangents dys) const {
    const Gates y(s);
    const Tensor through_h = dys[0].defined() ? dys[0] * y.output * tanh_slope(y.tanh_c) : Tensor();
    const Tensor dc_next = sum_of(dys[1], through_h);
    const Tensor dc = s.wants(2) ? dc_next * y.forget : Tensor();
    if (!s.wants(0) && !s.wants(1)) return {Tensor(), Tensor(), dc};
    const Tensor doutput = dys[0].defined() ? dys[0] * y.tanh_c * sigmoid_slope(y.output) : zeros_like(dc_next);
    const Tensor dgates =
        cat({dc_next * y.candidate * sigmoid_slope(y.input), dc_next * s.input(2) * sigmoid_slope(y.forget),
             dc_next * y.input * tanh_slope(y.candidate), doutput},
            -1);
    return {s.wants(0) ? dgates : Tensor(), s.wants(1) ? dgates : Tensor(), dc};
  }
  void fused_vjp(const Saved& s, Cotangents dys, GradientSink& sink) const {
    const Contiguous in(s.input(0), s.input(1), s.input(2));
    const array::Array c_next = contiguous_array(s.output(1));
    const bool wants_gates = s.wants(0) || s.wants(1);
    const Tensor dgates = wants_gates ? empty(s.input(0).shape(), {.dtype = c_next.dtype}) : Tensor();
    const Tensor dc = s.wants(2) ? empty(c_next.shape, {.dtype = c_next.dtype}) : Tensor();
    std::array<array::Array, 2> cotangents;
    LstmMemory memory = in.memory();
    memory.c_next = c_next.data();
    for (std::size_t k = 0; k < 2; ++k) {
      if (!dys[k].defined()) continue;
      cotangents[k] = contiguous_array(dys[k]);
      (k == 0 ? memory.dh_next : memory.dc_next) = cotangents[k].data();
    }
    if (dgates.defined()) memory.dgates = array_of(dgates).data();
    if (dc.defined()) memory.dc = array_of(dc).data();
    for_cell_rows(c_next.shape[0], c_next.shape[1], [&](std::int64_t begin, std::int64_t end) {
      HWY_DYNAMIC_DISPATCH(lstm_cell_backward)(c_next.dtype, memory, begin, end);
    });
    if (s.wants(0)) sink.add(0, dgates);
    if (s.wants(1)) sink.add(1, dgates);
    sink.add(2, dc);
  }
  std::array<Tensor, 2> jvp(const Saved& s, Tangents dx) const {
    const Gates y(s);
    const Tensor dz = sum_of(dx[0], dx[1]);
    Tensor dc_next = dx[2].defined() ? dx[2] * y.forget : Tensor();
    Tensor dh;
    if (dz.defined()) {
      const std::vector<Tensor> parts = gates_of(dz, 4);
      dc_next = sum_of(dc_next, parts[0] * sigmoid_slope(y.input) * y.candidate +
                                    parts[1] * sigmoid_slope(y.forget) * s.input(2) +
                                    parts[2] * tanh_slope(y.candidate) * y.input);
      dh = parts[3] * sigmoid_slope(y.output) * y.tanh_c;
    }
    return {sum_of(dh, y.output * tanh_slope(y.tanh_c) * dc_next), dc_next};
  }

  static catalogue::Derivation derivation() {
    return {
        {"Gates",
         R"(z = W_{ih} x + b_{ih} + W_{hh} h + b_{hh},\quad i = \sigma(z_i),\ f = \sigma(z_f),\ g = \tanh(z_g),\ o = \sigma(z_o))",
         "z is the sum of what the input and what the state give, so both get the same cotangent; the products are ops "
         "of their own"},
        {"Cell", R"(c' = f \odot c + i \odot g,\quad h' = o \odot \tanh c')",
         "each element of the state for itself; all that follows is a product of elements"},
        {"Into the new cell", R"(\bar s = \bar c' + \bar h' \odot o \odot (1 - \tanh^2 c'))",
         "c' is used twice: by the next step, which gives its cotangent, and by h'; the contributions add up"},
        {"Into the old cell", R"(\bar c = \bar s \odot f)",
         "c' is linear in c: over many steps the cotangent is multiplied by forget gates alone, which is why the "
         "gradient lives longer than in a plain recurrent network"},
        {"Into the gates",
         R"(\bar i = \bar s \odot g,\quad \bar f = \bar s \odot c,\quad \bar g = \bar s \odot i,\quad \bar o = \bar h' \odot \tanh c')",
         "c' and h' are bilinear"},
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
               lstm_cell(zeros({2, 9}), zeros({2, 9}), zeros({2, 3}));
             },
             "[lstm_cell] expected from_input and from_state [N, 4H] and c [N, H], got [2, 9], [2, 9] and [2, 3]"},
            {"batch",
             [] {
               lstm_cell(zeros({2, 12}), zeros({1, 12}), zeros({2, 3}));
             },
             "[lstm_cell] expected from_input and from_state [N, 4H] and c [N, H], got [2, 12], [1, 12] and [2, 3]"},
            {"rank", [] { lstm_cell(zeros({12}), zeros({12}), zeros({3})); },
             "[lstm_cell] expected from_input and from_state [N, 4H] and c [N, H], got [12], [12] and [3]"},
            {"dtype",
             [] {
               lstm_cell(zeros({2, 12}), zeros({2, 12}), zeros({2, 3}, {.dtype = float64}));
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
    LstmMemory memory() const {
      return {.hidden = c.shape[1], .from_input = from_input.data(), .from_state = from_state.data(), .c = c.data()};
    }
  };

  /// The gates and tanh c', out of differentiable operations.
  struct Gates {
    Tensor input, forget, candidate, output, tanh_c;

    explicit Gates(const Saved& s) {
      const std::vector<Tensor> z = gates_of(s.input(0) + s.input(1), 4);
      input = sigmoid(z[0]);
      forget = sigmoid(z[1]);
      candidate = tanh(z[2]);
      output = sigmoid(z[3]);
      tanh_c = tanh(s.output(1));
    }
  };
};

std::array<Tensor, 2> lstm_cell(const Tensor& from_input, const Tensor& from_state, const Tensor& c) {
  check_cell(LstmCell::name, 4, "c", from_input, from_state, c);
  return apply(LstmCell{}, from_input, from_state, c);
}

TAPEGRAD_CATALOGUE(recurrent, lstm_cell, LstmCell)

}  // namespace tapegrad
#endif
