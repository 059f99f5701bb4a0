#include "kernels/recurrent.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/recurrent.cpp"
#include "kernels/pointwise-inl.hpp"
#include "kernels/rows-inl.hpp"

#ifndef TAPEGRAD_KERNELS_RECURRENT_TABLE
#define TAPEGRAD_KERNELS_RECURRENT_TABLE
#include <algorithm>

#include "kernels/parallel.hpp"

namespace tapegrad {

/// Functions on a range of rows.
template <class T>
struct RecurrentTable {
  using Rows = void (*)(const kernels::RecurrentStep<T>& step, std::int64_t begin, std::int64_t end);
  Rows lstm_forward, lstm_backward, gru_forward, gru_backward;
};

}  // namespace tapegrad
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
namespace {

using kernels::RecurrentStep;

/// Row r of contiguous [rows, width] memory, from a column on; null memory reads as zeros.
template <class T>
HWY_INLINE T* row_at(T* memory, std::int64_t r, std::int64_t width, std::int64_t column = 0) {
  return memory != nullptr ? memory + r * width + column : nullptr;
}

/// The sum of two rows: a gate's pre-activation, or a cotangent.
template <class D>
class SumRow {
 public:
  using T = hn::TFromD<D>;

  HWY_INLINE SumRow(const T* a, const T* b) : a_(a, 1), b_(b, 1), absent_(a == nullptr && b == nullptr) {}

  /// Whether there is neither row: the sum is 0 then, times whatever.
  HWY_INLINE bool absent() const { return absent_; }

  template <class... Count>
  HWY_INLINE Lanes<D> load(std::size_t i, Count... count) const {
    return a_.load(i, count...) + b_.load(i, count...);
  }

 private:
  InputRow<D> a_, b_;
  bool absent_;
};

/// The elements after a row's last full vector: rare, and as much code as the others.
template <class Step>
HWY_NOINLINE void tail_step(const Step& step, std::size_t i, std::size_t count) {
  step(i, count);
}

/// Calls step(i) for each full vector of a row of n elements, and step(i, count) once for the tail.
template <class D, class Step>
HWY_INLINE void over_row(const Step& step, std::int64_t n) {
  const auto size = static_cast<std::size_t>(n);
  const std::size_t lanes = hn::Lanes(D());
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes) step(i);
  if (i < size) tail_step(step, i, size - i);
}

/// dh or dc of a row that is not valid: its state is the old one. `to` may be null.
template <class D>
struct SumStep {
  const SumRow<D>& sum;
  hn::TFromD<D>* to;

  template <class... Count>
  HWY_INLINE void operator()(std::size_t k, Count... count) const {
    store<D>(sum.load(k, count...), to + k, count...);
  }
};

template <class T>
HWY_INLINE void keep_row(const T* from, T* to, std::int64_t r, std::int64_t width) {
  if (to != nullptr && from != to) std::copy_n(from + r * width, width, to + r * width);
}
template <class T>
HWY_INLINE void clear_row(T* to, std::int64_t r, std::int64_t width) {
  if (to != nullptr) std::fill_n(to + r * width, width, T(0));
}
template <class T>
HWY_INLINE void pass_row(const T* next, const T* later, T* to, std::int64_t r, std::int64_t width) {
  using D = hn::ScalableTag<T>;
  if (to == nullptr) return;
  const SumRow<D> sum(row_at(next, r, width), row_at(later, r, width));
  over_row<D>(SumStep<D>{sum, to + r * width}, width);
}

/// What a row that is not valid does in either direction.
template <class T>
HWY_INLINE void keep_state(const RecurrentStep<T>& s, std::int64_t r) {
  keep_row(s.h, s.to_h, r, s.hidden);
  keep_row(s.c, s.to_c, r, s.hidden);
}
template <class T>
HWY_INLINE void pass_cotangents(const RecurrentStep<T>& s, std::int64_t r, std::int64_t gates) {
  clear_row(s.dfrom_input, r, gates * s.hidden);
  clear_row(s.dfrom_state, r, gates * s.hidden);
  pass_row(s.dh_next, s.dh_later, s.dh, r, s.hidden);
  pass_row(s.dc_next, s.dc_later, s.dc, r, s.hidden);
}

/// Gate number `which` of the G gates of a row: as forward kept it, or before its function.
template <class D, bool kept, class T>
HWY_INLINE auto row_of_gate(const RecurrentStep<T>& s, std::int64_t r, std::int64_t gates, std::int64_t which) {
  const std::int64_t width = gates * s.hidden, column = which * s.hidden;
  if constexpr (kept) {
    return InputRow<D>(row_at(s.kept, r, width, column), 1);
  } else {
    return SumRow<D>(row_at(s.from_input, r, width, column), row_at(s.from_state, r, width, column));
  }
}

// ---- LSTM

template <class D>
struct LstmGates {
  Lanes<D> i, f, g, o;
};

/// The gates of a row, from what the products give; with `kept`, as forward kept them.
template <class D, bool kept>
struct LstmSource {
  using Gate = std::conditional_t<kept, InputRow<D>, SumRow<D>>;
  Gate i, f, g, o;

  template <class T>
  HWY_INLINE LstmSource(const RecurrentStep<T>& s, std::int64_t r)
      : i(row_of_gate<D, kept>(s, r, 4, 0)),
        f(row_of_gate<D, kept>(s, r, 4, 1)),
        g(row_of_gate<D, kept>(s, r, 4, 2)),
        o(row_of_gate<D, kept>(s, r, 4, 3)) {}

  template <class... Count>
  HWY_INLINE LstmGates<D> load(std::size_t k, Count... count) const {
    if constexpr (kept) {
      return {i.load(k, count...), f.load(k, count...), g.load(k, count...), o.load(k, count...)};
    } else {
      return {sigmoid(i.load(k, count...)), sigmoid(f.load(k, count...)), tanh(g.load(k, count...)),
              sigmoid(o.load(k, count...))};
    }
  }
};

template <class D>
struct LstmForwardStep {
  using T = hn::TFromD<D>;
  const LstmSource<D, false>& gates;
  const InputRow<D>& c;
  std::int64_t hidden;
  T *to_h, *to_c, *to_kept;

  template <class... Count>
  HWY_INLINE void operator()(std::size_t k, Count... count) const {
    const LstmGates<D> v = gates.load(k, count...);
    const Lanes<D> next = mul_add(v.f, c.load(k, count...), v.i * v.g);
    store<D>(next, to_c + k, count...);
    store<D>(v.o * tanh(next), to_h + k, count...);
    if (to_kept == nullptr) return;
    store<D>(v.i, to_kept + k, count...);
    store<D>(v.f, to_kept + hidden + k, count...);
    store<D>(v.g, to_kept + 2 * hidden + k, count...);
    store<D>(v.o, to_kept + 3 * hidden + k, count...);
  }
};

template <class D, class Gates>
struct LstmBackwardStep {
  using T = hn::TFromD<D>;
  const Gates& gates;
  const InputRow<D>&c, &c_next;
  const SumRow<D>&dh_next, &dc_next;
  std::int64_t hidden;
  T *dgates, *dc;

  template <class... Count>
  HWY_INLINE void operator()(std::size_t k, Count... count) const {
    const LstmGates<D> v = gates.load(k, count...);
    const Lanes<D> t = tanh(c_next.load(k, count...));
    const Lanes<D> u = dh_next.load(k, count...);
    const Lanes<D> dc_then = dc_next.load(k, count...);
    const Lanes<D> s = dh_next.absent() ? dc_then : mul_add(u * v.o, 1.0 - t * t, dc_then);
    if (dc != nullptr) store<D>(s * v.f, dc + k, count...);
    if (dgates == nullptr) return;
    store<D>(s * v.g * (v.i * (1.0 - v.i)), dgates + k, count...);
    store<D>(s * c.load(k, count...) * (v.f * (1.0 - v.f)), dgates + hidden + k, count...);
    store<D>(s * v.i * (1.0 - v.g * v.g), dgates + 2 * hidden + k, count...);
    store<D>(dh_next.absent() ? u : u * t * (v.o * (1.0 - v.o)), dgates + 3 * hidden + k, count...);
  }
};

template <class T>
HWY_NOINLINE void lstm_forward(const RecurrentStep<T>& s, std::int64_t begin, std::int64_t end) {
  using D = hn::ScalableTag<T>;
  for (std::int64_t r = begin; r < end; ++r) {
    if (s.valid != nullptr && !s.valid[r]) {
      keep_state(s, r);
      continue;
    }
    const LstmSource<D, false> gates(s, r);
    const InputRow<D> c(row_at(s.c, r, s.hidden), 1);
    over_row<D>(LstmForwardStep<D>{gates, c, s.hidden, s.to_h + r * s.hidden, s.to_c + r * s.hidden,
                                   row_at(s.to_kept, r, 4 * s.hidden)},
                s.hidden);
  }
}

template <class Gates, class T>
HWY_INLINE void lstm_backward_rows(const RecurrentStep<T>& s, std::int64_t begin, std::int64_t end) {
  using D = hn::ScalableTag<T>;
  for (std::int64_t r = begin; r < end; ++r) {
    if (s.valid != nullptr && !s.valid[r]) {
      pass_cotangents(s, r, 4);
      continue;
    }
    const Gates gates(s, r);
    const InputRow<D> c(row_at(s.c, r, s.hidden), 1);
    const InputRow<D> c_next(row_at(s.c_next, r, s.hidden), 1);
    const SumRow<D> dh_next(row_at(s.dh_next, r, s.hidden), row_at(s.dh_later, r, s.hidden));
    const SumRow<D> dc_next(row_at(s.dc_next, r, s.hidden), row_at(s.dc_later, r, s.hidden));
    over_row<D>(LstmBackwardStep<D, Gates>{gates, c, c_next, dh_next, dc_next, s.hidden,
                                           row_at(s.dfrom_state, r, 4 * s.hidden), row_at(s.dc, r, s.hidden)},
                s.hidden);
    clear_row(s.dh, r, s.hidden);
  }
}

template <class T>
HWY_NOINLINE void lstm_backward(const RecurrentStep<T>& s, std::int64_t begin, std::int64_t end) {
  using D = hn::ScalableTag<T>;
  s.kept != nullptr ? lstm_backward_rows<LstmSource<D, true>>(s, begin, end)
                    : lstm_backward_rows<LstmSource<D, false>>(s, begin, end);
}

// ---- GRU

template <class D>
struct GruGates {
  Lanes<D> r, z, n, from_state;  // the last is the state's part of n
};

/// The gates of a row. With `kept`, r and z are at hand.
template <class D, bool kept>
struct GruSource {
  using Gate = std::conditional_t<kept, InputRow<D>, SumRow<D>>;
  Gate reset, update;
  InputRow<D> new_input, new_state;

  template <class T>
  HWY_INLINE GruSource(const RecurrentStep<T>& s, std::int64_t r)
      : reset(row_of_gate<D, kept>(s, r, 3, 0)),
        update(row_of_gate<D, kept>(s, r, 3, 1)),
        new_input(row_at(s.from_input, r, 3 * s.hidden, 2 * s.hidden), 1),
        new_state(row_at(kept ? s.kept : s.from_state, r, 3 * s.hidden, 2 * s.hidden), 1) {}

  template <class... Count>
  HWY_INLINE GruGates<D> load(std::size_t k, Count... count) const {
    const Lanes<D> from_state = new_state.load(k, count...);
    const Lanes<D> r = activated(reset.load(k, count...));
    const Lanes<D> z = activated(update.load(k, count...));
    return {r, z, tanh(mul_add(r, from_state, new_input.load(k, count...))), from_state};
  }

 private:
  static HWY_INLINE Lanes<D> activated(Lanes<D> gate) {
    if constexpr (kept) {
      return gate;
    } else {
      return sigmoid(gate);
    }
  }
};

template <class D>
struct GruForwardStep {
  using T = hn::TFromD<D>;
  const GruSource<D, false>& gates;
  const InputRow<D>& h;
  std::int64_t hidden;
  T *to_h, *to_kept;

  template <class... Count>
  HWY_INLINE void operator()(std::size_t k, Count... count) const {
    const GruGates<D> v = gates.load(k, count...);
    store<D>(mul_add(v.z, h.load(k, count...), (1.0 - v.z) * v.n), to_h + k, count...);
    if (to_kept == nullptr) return;
    store<D>(v.r, to_kept + k, count...);
    store<D>(v.z, to_kept + hidden + k, count...);
    store<D>(v.from_state, to_kept + 2 * hidden + k, count...);
  }
};

template <class D, class Gates>
struct GruBackwardStep {
  using T = hn::TFromD<D>;
  const Gates& gates;
  const InputRow<D>& h;
  const SumRow<D>& dh_next;
  std::int64_t hidden;
  T *dfrom_input, *dfrom_state, *dh;

  template <class... Count>
  HWY_INLINE void operator()(std::size_t k, Count... count) const {
    const GruGates<D> v = gates.load(k, count...);
    const Lanes<D> u = dh_next.load(k, count...);
    const Lanes<D> dn = u * (1.0 - v.z) * (1.0 - v.n * v.n);
    const Lanes<D> dr = dn * v.from_state * (v.r * (1.0 - v.r));
    const Lanes<D> dz = u * (h.load(k, count...) - v.n) * (v.z * (1.0 - v.z));
    if (dh != nullptr) store<D>(u * v.z, dh + k, count...);
    put(dfrom_input, dr, dz, dn, k, count...);
    put(dfrom_state, dr, dz, dn * v.r, k, count...);
  }

 private:
  template <class... Count>
  HWY_INLINE void put(T* to, Lanes<D> reset, Lanes<D> update, Lanes<D> candidate, std::size_t k, Count... count) const {
    if (to == nullptr) return;
    store<D>(reset, to + k, count...);
    store<D>(update, to + hidden + k, count...);
    store<D>(candidate, to + 2 * hidden + k, count...);
  }
};

template <class T>
HWY_NOINLINE void gru_forward(const RecurrentStep<T>& s, std::int64_t begin, std::int64_t end) {
  using D = hn::ScalableTag<T>;
  for (std::int64_t r = begin; r < end; ++r) {
    if (s.valid != nullptr && !s.valid[r]) {
      keep_state(s, r);
      continue;
    }
    const GruSource<D, false> gates(s, r);
    const InputRow<D> h(row_at(s.h, r, s.hidden), 1);
    over_row<D>(GruForwardStep<D>{gates, h, s.hidden, s.to_h + r * s.hidden, row_at(s.to_kept, r, 3 * s.hidden)},
                s.hidden);
  }
}

template <class Gates, class T>
HWY_INLINE void gru_backward_rows(const RecurrentStep<T>& s, std::int64_t begin, std::int64_t end) {
  using D = hn::ScalableTag<T>;
  for (std::int64_t r = begin; r < end; ++r) {
    if (s.valid != nullptr && !s.valid[r]) {
      pass_cotangents(s, r, 3);
      continue;
    }
    const Gates gates(s, r);
    const InputRow<D> h(row_at(s.h, r, s.hidden), 1);
    const SumRow<D> dh_next(row_at(s.dh_next, r, s.hidden), row_at(s.dh_later, r, s.hidden));
    over_row<D>(GruBackwardStep<D, Gates>{gates, h, dh_next, s.hidden, row_at(s.dfrom_input, r, 3 * s.hidden),
                                          row_at(s.dfrom_state, r, 3 * s.hidden), row_at(s.dh, r, s.hidden)},
                s.hidden);
  }
}

template <class T>
HWY_NOINLINE void gru_backward(const RecurrentStep<T>& s, std::int64_t begin, std::int64_t end) {
  using D = hn::ScalableTag<T>;
  s.kept != nullptr ? gru_backward_rows<GruSource<D, true>>(s, begin, end)
                    : gru_backward_rows<GruSource<D, false>>(s, begin, end);
}

TAPEGRAD_KERNEL_TABLE(RecurrentTable, lstm_forward<T>, lstm_backward<T>, gru_forward<T>, gru_backward<T>)

}  // namespace
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
namespace {

TAPEGRAD_EXPORT_KERNEL_TABLE(RecurrentTable)

template <class T>
void for_rows(const kernels::RecurrentStep<T>& step, typename RecurrentTable<T>::Rows rows) {
  constexpr std::int64_t kStepsPerElement = 60;  // of 0.1 ns: a handful of exponentials
  if (step.hidden == 0) return;
  // A step is short, and its rows are shared out anew at each.
  kernels::parallel_for(step.rows, kernels::rows_per_chunk(step.hidden, 1024),
                        step.rows * step.hidden * kStepsPerElement,
                        [&](std::int64_t begin, std::int64_t end) { rows(step, begin, end); });
}

}  // namespace

namespace kernels {

template <class T>
void lstm_forward(const RecurrentStep<T>& step) {
  for_rows(step, table<T>().lstm_forward);
}
template <class T>
void lstm_backward(const RecurrentStep<T>& step) {
  for_rows(step, table<T>().lstm_backward);
}
template <class T>
void gru_forward(const RecurrentStep<T>& step) {
  for_rows(step, table<T>().gru_forward);
}
template <class T>
void gru_backward(const RecurrentStep<T>& step) {
  for_rows(step, table<T>().gru_backward);
}

#define TAPEGRAD_RECURRENT(T)                           \
  template void lstm_forward(const RecurrentStep<T>&);  \
  template void lstm_backward(const RecurrentStep<T>&); \
  template void gru_forward(const RecurrentStep<T>&);   \
  template void gru_backward(const RecurrentStep<T>&)
TAPEGRAD_RECURRENT(float);
TAPEGRAD_RECURRENT(double);
#undef TAPEGRAD_RECURRENT

}  // namespace kernels
}  // namespace tapegrad
#endif  // HWY_ONCE
