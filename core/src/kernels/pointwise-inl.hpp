// From a formula to vectorised kernels, once per Highway target. An op file reads:
//
//   #define HWY_TARGET_INCLUDE "ops/pointwise/tanh.cpp"    // its own path: it is included once per target
//   #include "kernels/pointwise-inl.hpp"
//
//   HWY_BEFORE_NAMESPACE();
//   namespace tapegrad::HWY_NAMESPACE {
//   struct TanhFormula {                                   // trivially copyable, its attributes too
//     template <class T> T value(const T& x) const { return tanh(x); }
//     template <class T> T slope(const T& x, const T&) const { return 4.0 * logistic_density(2.0 * x); }
//   };
//   TAPEGRAD_UNARY_KERNELS(TanhFormula)
//   }  // namespace tapegrad::HWY_NAMESPACE
//   HWY_AFTER_NAMESPACE();
//
//   #if HWY_ONCE
//   namespace tapegrad {
//   TAPEGRAD_EXPORT_UNARY_KERNELS(TanhFormula)             // the type TanhFormula, the constant TanhFormulaKernels
//   ... the op itself ...
//   }  // namespace tapegrad
//   #endif
//
// Says a formula `static constexpr bool kZeroBlocks = true`, where its slope is 0 nothing passes, not even an infinite
// cotangent: it chooses. A binary formula has value(a, b), slope_a(a, b, y) and slope_b(a, b, y). What may stand in a
// value and what in a slope, and how to add a function: docs/design.md, "An op". Other headers of the op go above the
// #define. No lambdas and no std:: templates inside a formula: they would be compiled for the wide target and shared
// with code that runs on any machine.

#include <hwy/cache_control.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/pointwise.hpp"

// clang-format off
#include <hwy/foreach_target.h>  // must come before highway.h; stands outside the guard because it includes the op file again
#include "kernels/lanes-inl.hpp"
#include "kernels/lanes_math-inl.hpp"
#include "kernels/tails-inl.hpp"
// clang-format on

#if defined(TAPEGRAD_KERNELS_POINTWISE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_POINTWISE_INL_HPP
#undef TAPEGRAD_KERNELS_POINTWISE_INL_HPP
#else
#define TAPEGRAD_KERNELS_POINTWISE_INL_HPP
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {

/// The spelling that formulas share with tensors: a number of x's type, and x between two numbers.
template <class D>
HWY_INLINE Lanes<D> number_like(double value, Lanes<D>) {
  return value;
}
template <class D>
HWY_INLINE Lanes<D> clamp(Lanes<D> x, double low, double high) {
  return clamp_keep_nan(x, low, high);
}

/// Begins to fetch the lines of `count` elements, which may lie beyond an array's end.
template <class T>
HWY_INLINE void fetch_lines(const T* from, std::size_t count) {
  const auto* const first = reinterpret_cast<const char*>(from);
  for (std::size_t b = 0; b < count * sizeof(T); b += 64) hwy::Prefetch(first + b);
}

/// The first `count` elements, fewer than a vector has, of a row that is contiguous (step 1), one value for all (step
/// 0), or absent (null: zeros); the other lanes hold a value that is safe to compute with.
template <class D>
HWY_INLINE Lanes<D> load_few(const hn::TFromD<D>* from, int step, std::size_t count) {
  if (from == nullptr) return hn::Zero(D());
  if (HWY_LIKELY(count == 1) || step == 0) return hn::Set(D(), *from);
  return load_first(D(), count, from);
}

/// A row of n elements to read vector by vector: contiguous (step 1), one value for all (step 0), or absent (null:
/// zeros). The last two are served from a small buffer that is read again and again, so that the loop has no branch.
template <class D>
class InputRow {
 public:
  using T = hn::TFromD<D>;

  HWY_INLINE InputRow(const void* data, int step) : data_(static_cast<const T*>(data)), step_(1) {
    if (data_ != nullptr && step != 0) return;
    hn::Store(hn::Set(D(), data_ != nullptr ? *data_ : T(0)), D(), buffer_);
    data_ = buffer_;
    step_ = 0;
  }
  InputRow(const InputRow&) = delete;
  InputRow& operator=(const InputRow&) = delete;

  /// Elements i, i + 1, ...: a full vector.
  HWY_INLINE Lanes<D> load(std::size_t i) const { return hn::LoadU(D(), data_ + i * step_); }
  /// Elements i ... i + count - 1, as load_few().
  HWY_INLINE Lanes<D> load(std::size_t i, std::size_t count) const {
    return load_few<D>(data_ + i * step_, static_cast<int>(step_), count);
  }

  /// Begins to fetch the lines of elements i ... i + count - 1.
  HWY_INLINE void fetch(std::size_t i, std::size_t count) const {
    if (step_ != 0) fetch_lines(data_ + i, count);
  }

 private:
  HWY_ALIGN T buffer_[kLanes<D>];
  const T* data_;
  std::size_t step_;
};

template <class D>
HWY_INLINE void store(Lanes<D> value, hn::TFromD<D>* to) {
  hn::StoreU(value.v, D(), to);
}

/// The first `count` lanes alone. A single one is written, and read by load_few(), as a number: what a masked store has
/// written reaches a load that follows only through the cache, and of small tensors it is read at once.
template <class D>
HWY_INLINE void store(Lanes<D> value, hn::TFromD<D>* to, std::size_t count) {
  if (HWY_LIKELY(count == 1)) {
    *to = hn::GetLane(value.v);
  } else {
    store_first(value.v, D(), count, to);
  }
}

/// Whether n elements are fewer than a vector has.
template <class D>
HWY_INLINE bool are_few(std::int64_t n) {
  return static_cast<std::size_t>(n) < hn::Lanes(D());
}

/// Calls step(i), which gives the lanes to store at i, for each full vector of n elements, and tells how many these
/// are; step.fetch(i, count) begins to fetch what it reads there.
template <class D, class Step>
HWY_INLINE std::size_t for_each_vector(const Step& step, void* output, std::int64_t n) {
  auto* const out = static_cast<hn::TFromD<D>*>(output);
  const auto size = static_cast<std::size_t>(n);
  const std::size_t lanes = hn::Lanes(D());
  std::size_t i = 0;
  while (i + lanes <= size) {  // all full vectors at once, or block by block
    // The processor's own prefetchers stop where a page ends, and know nothing of an output.
    constexpr std::size_t kBlock = 1024 / sizeof(hn::TFromD<D>);
    std::size_t end = size - lanes + 1;
    if (n >= kernels::kFarRow && i + kBlock < end) {
      step.fetch(i + 2 * kBlock, kBlock);
      fetch_lines(out + i + 2 * kBlock, kBlock);
      end = i + kBlock;
    }
    for (; i < end; i += lanes) store<D>(step(i), out + i);
  }
  return i;
}

template <class Formula>
HWY_INLINE Formula formula_from(const void* bytes) {
  static_assert(std::is_trivially_copyable_v<Formula> && std::is_default_constructible_v<Formula>);
  Formula formula{};
  if constexpr (!std::is_empty_v<Formula>) std::memcpy(&formula, bytes, sizeof(Formula));
  return formula;
}

/// dy slope; of a formula with kZeroBlocks a slope of 0 stops an infinite or NaN cotangent too.
template <class Formula, class D>
HWY_INLINE Lanes<D> times_slope(Lanes<D> dy, Lanes<D> slope) {
  if constexpr (requires { Formula::kZeroBlocks; }) {
    return select(slope == 0.0, number_like(0.0, dy), dy * slope);
  } else {
    return dy * slope;
  }
}

template <class Formula, class D>
struct UnaryValue {
  Formula formula;
  const InputRow<D>& x;
  HWY_INLINE Lanes<D> operator()(std::size_t i) const { return formula.value(x.load(i)); }
  HWY_INLINE void fetch(std::size_t i, std::size_t count) const { x.fetch(i, count); }
};

template <class Formula, class D>
struct UnarySlope {
  Formula formula;
  const InputRow<D>&x, &y, &dy;
  HWY_INLINE Lanes<D> operator()(std::size_t i) const {
    return times_slope<Formula, D>(dy.load(i), formula.slope(x.load(i), y.load(i)));
  }
  HWY_INLINE void fetch(std::size_t i, std::size_t count) const {
    x.fetch(i, count);
    y.fetch(i, count);
    dy.fetch(i, count);
  }
};

template <class Formula, class D>
struct BinaryValue {
  Formula formula;
  const InputRow<D>&a, &b;
  HWY_INLINE Lanes<D> operator()(std::size_t i) const { return formula.value(a.load(i), b.load(i)); }
  HWY_INLINE void fetch(std::size_t i, std::size_t count) const {
    a.fetch(i, count);
    b.fetch(i, count);
  }
};

/// The gradient of operand a, or of b.
template <class Formula, class D, bool of_a>
struct BinarySlope {
  Formula formula;
  const InputRow<D>&a, &b, &y, &dy;
  HWY_INLINE Lanes<D> operator()(std::size_t i) const {
    if constexpr (of_a) {
      return times_slope<Formula, D>(dy.load(i), formula.slope_a(a.load(i), b.load(i), y.load(i)));
    } else {
      return times_slope<Formula, D>(dy.load(i), formula.slope_b(a.load(i), b.load(i), y.load(i)));
    }
  }
  HWY_INLINE void fetch(std::size_t i, std::size_t count) const {
    a.fetch(i, count);
    b.fetch(i, count);
    y.fetch(i, count);
    dy.fetch(i, count);
  }
};

// Each kernel below computes what is fewer elements than a vector has, all of a small tensor often, without getting
// rows ready for a loop; of more elements the full vectors are a function's of its own, which hands back the rest.

/// What lies `count` elements from `data`, which may be null.
template <class T, class Bytes>
HWY_INLINE Bytes* beyond(Bytes* data, std::size_t count) {
  using Elements = std::conditional_t<std::is_const_v<Bytes>, const T, T>;
  return data == nullptr ? nullptr : static_cast<Elements*>(data) + count;
}

template <class Formula>
HWY_NOINLINE void unary_forward(const void* formula, DType dtype, const void* x, void* y, std::int64_t n);
template <class Formula>
HWY_NOINLINE void unary_backward(const void* formula, DType dtype, const void* x, const void* y, const void* dy,
                                 void* dx, std::int64_t n);
template <class Formula>
HWY_NOINLINE void binary_forward(const void* formula, DType dtype, const void* a, int a_step, const void* b, int b_step,
                                 void* y, std::int64_t n);
template <class Formula>
HWY_NOINLINE void binary_backward(const void* formula, DType dtype, const void* a, int a_step, const void* b,
                                  int b_step, const void* y, const void* dy, void* da, void* db, std::int64_t n);

template <class Formula, class T>
HWY_NOINLINE void unary_forward_vectors(const void* formula, const void* x_data, void* y, std::int64_t n) {
  using D = hn::ScalableTag<T>;
  HWY_ASSUME(x_data != nullptr);
  const InputRow<D> x(x_data, 1);
  const std::size_t done = for_each_vector<D>(UnaryValue<Formula, D>{formula_from<Formula>(formula), x}, y, n);
  const std::int64_t left = n - static_cast<std::int64_t>(done);
  if (left > 0) unary_forward<Formula>(formula, dtype_of<T>(), beyond<T>(x_data, done), beyond<T>(y, done), left);
}

template <class Formula, class T>
HWY_INLINE void unary_forward_of(const void* formula, const void* x_data, void* y, std::int64_t n) {
  using D = hn::ScalableTag<T>;
  HWY_ASSUME(x_data != nullptr);
  if (!are_few<D>(n)) return unary_forward_vectors<Formula, T>(formula, x_data, y, n);
  const auto count = static_cast<std::size_t>(n);
  const Lanes<D> x = load_few<D>(static_cast<const T*>(x_data), 1, count);
  store<D>(formula_from<Formula>(formula).value(x), static_cast<T*>(y), count);
}

template <class Formula, class T>
HWY_NOINLINE void unary_backward_vectors(const void* formula, const void* x_data, const void* y_data,
                                         const void* dy_data, void* dx, std::int64_t n) {
  using D = hn::ScalableTag<T>;
  HWY_ASSUME(dy_data != nullptr);
  const InputRow<D> x(x_data, 1), y(y_data, 1), dy(dy_data, 1);
  const std::size_t done = for_each_vector<D>(UnarySlope<Formula, D>{formula_from<Formula>(formula), x, y, dy}, dx, n);
  const std::int64_t left = n - static_cast<std::int64_t>(done);
  if (left > 0)
    unary_backward<Formula>(formula, dtype_of<T>(), beyond<T>(x_data, done), beyond<T>(y_data, done),
                            beyond<T>(dy_data, done), beyond<T>(dx, done), left);
}

template <class Formula, class T>
HWY_INLINE void unary_backward_of(const void* formula, const void* x_data, const void* y_data, const void* dy_data,
                                  void* dx, std::int64_t n) {
  using D = hn::ScalableTag<T>;
  HWY_ASSUME(dy_data != nullptr);
  if (!are_few<D>(n)) return unary_backward_vectors<Formula, T>(formula, x_data, y_data, dy_data, dx, n);
  const auto count = static_cast<std::size_t>(n);
  const Lanes<D> x = load_few<D>(static_cast<const T*>(x_data), 1, count);
  const Lanes<D> y = load_few<D>(static_cast<const T*>(y_data), 1, count);
  const Lanes<D> dy = load_few<D>(static_cast<const T*>(dy_data), 1, count);
  store<D>(times_slope<Formula, D>(dy, formula_from<Formula>(formula).slope(x, y)), static_cast<T*>(dx), count);
}

template <class Formula, class T>
HWY_NOINLINE void binary_forward_vectors(const void* formula, const void* a_data, int a_step, const void* b_data,
                                         int b_step, void* y, std::int64_t n) {
  using D = hn::ScalableTag<T>;
  HWY_ASSUME(a_data != nullptr && b_data != nullptr);
  const InputRow<D> a(a_data, a_step), b(b_data, b_step);
  const std::size_t done = for_each_vector<D>(BinaryValue<Formula, D>{formula_from<Formula>(formula), a, b}, y, n);
  const std::int64_t left = n - static_cast<std::int64_t>(done);
  if (left > 0)
    binary_forward<Formula>(formula, dtype_of<T>(), beyond<T>(a_data, a_step != 0 ? done : 0), a_step,
                            beyond<T>(b_data, b_step != 0 ? done : 0), b_step, beyond<T>(y, done), left);
}

template <class Formula, class T>
HWY_INLINE void binary_forward_of(const void* formula, const void* a_data, int a_step, const void* b_data, int b_step,
                                  void* y, std::int64_t n) {
  using D = hn::ScalableTag<T>;
  HWY_ASSUME(a_data != nullptr && b_data != nullptr);
  if (!are_few<D>(n)) return binary_forward_vectors<Formula, T>(formula, a_data, a_step, b_data, b_step, y, n);
  const auto count = static_cast<std::size_t>(n);
  const Lanes<D> a = load_few<D>(static_cast<const T*>(a_data), a_step, count);
  const Lanes<D> b = load_few<D>(static_cast<const T*>(b_data), b_step, count);
  store<D>(formula_from<Formula>(formula).value(a, b), static_cast<T*>(y), count);
}

template <class Formula, class T>
HWY_NOINLINE void binary_backward_vectors(const void* formula, const void* a_data, int a_step, const void* b_data,
                                          int b_step, const void* y_data, const void* dy_data, void* da, void* db,
                                          std::int64_t n) {
  using D = hn::ScalableTag<T>;
  HWY_ASSUME(dy_data != nullptr);
  const Formula f = formula_from<Formula>(formula);
  const InputRow<D> a(a_data, a_step), b(b_data, b_step), y(y_data, 1), dy(dy_data, 1);
  std::size_t done = 0;
  if (da != nullptr) done = for_each_vector<D>(BinarySlope<Formula, D, true>{f, a, b, y, dy}, da, n);   // before db,
  if (db != nullptr) done = for_each_vector<D>(BinarySlope<Formula, D, false>{f, a, b, y, dy}, db, n);  // maybe dy
  const std::int64_t left = n - static_cast<std::int64_t>(done);
  if (left > 0)
    binary_backward<Formula>(formula, dtype_of<T>(), beyond<T>(a_data, a_step != 0 ? done : 0), a_step,
                             beyond<T>(b_data, b_step != 0 ? done : 0), b_step, beyond<T>(y_data, done),
                             beyond<T>(dy_data, done), beyond<T>(da, done), beyond<T>(db, done), left);
}

template <class Formula, class T>
HWY_INLINE void binary_backward_of(const void* formula, const void* a_data, int a_step, const void* b_data, int b_step,
                                   const void* y_data, const void* dy_data, void* da, void* db, std::int64_t n) {
  using D = hn::ScalableTag<T>;
  HWY_ASSUME(dy_data != nullptr);
  if (!are_few<D>(n))
    return binary_backward_vectors<Formula, T>(formula, a_data, a_step, b_data, b_step, y_data, dy_data, da, db, n);
  const auto count = static_cast<std::size_t>(n);
  const Formula f = formula_from<Formula>(formula);
  const Lanes<D> a = load_few<D>(static_cast<const T*>(a_data), a_step, count);
  const Lanes<D> b = load_few<D>(static_cast<const T*>(b_data), b_step, count);
  const Lanes<D> y = load_few<D>(static_cast<const T*>(y_data), 1, count);
  const Lanes<D> dy = load_few<D>(static_cast<const T*>(dy_data), 1, count);
  if (da != nullptr) store<D>(times_slope<Formula, D>(dy, f.slope_a(a, b, y)), static_cast<T*>(da), count);
  if (db != nullptr) store<D>(times_slope<Formula, D>(dy, f.slope_b(a, b, y)), static_cast<T*>(db), count);
}

template <class Formula>
void unary_forward(const void* formula, DType dtype, const void* x, void* y, std::int64_t n) {
  dtype == float32 ? unary_forward_of<Formula, float>(formula, x, y, n)
                   : unary_forward_of<Formula, double>(formula, x, y, n);
}
template <class Formula>
void unary_backward(const void* formula, DType dtype, const void* x, const void* y, const void* dy, void* dx,
                    std::int64_t n) {
  dtype == float32 ? unary_backward_of<Formula, float>(formula, x, y, dy, dx, n)
                   : unary_backward_of<Formula, double>(formula, x, y, dy, dx, n);
}
template <class Formula>
void binary_forward(const void* formula, DType dtype, const void* a, int a_step, const void* b, int b_step, void* y,
                    std::int64_t n) {
  dtype == float32 ? binary_forward_of<Formula, float>(formula, a, a_step, b, b_step, y, n)
                   : binary_forward_of<Formula, double>(formula, a, a_step, b, b_step, y, n);
}
template <class Formula>
void binary_backward(const void* formula, DType dtype, const void* a, int a_step, const void* b, int b_step,
                     const void* y, const void* dy, void* da, void* db, std::int64_t n) {
  dtype == float32 ? binary_backward_of<Formula, float>(formula, a, a_step, b, b_step, y, dy, da, db, n)
                   : binary_backward_of<Formula, double>(formula, a, a_step, b, b_step, y, dy, da, db, n);
}

}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#undef TAPEGRAD_UNARY_KERNELS
#undef TAPEGRAD_BINARY_KERNELS
#undef TAPEGRAD_EXPORT_UNARY_KERNELS
#undef TAPEGRAD_EXPORT_BINARY_KERNELS
#undef TAPEGRAD_EXPORT_KERNELS

/// In namespace tapegrad::HWY_NAMESPACE: compiles a unary formula for this target, float and double.
#define TAPEGRAD_UNARY_KERNELS(Formula)                                                                         \
  static void Formula##Forward(const void* formula, DType dtype, const void* x, void* y, std::int64_t n) {      \
    unary_forward<Formula>(formula, dtype, x, y, n);                                                            \
  }                                                                                                             \
  static void Formula##Backward(const void* formula, DType dtype, const void* x, const void* y, const void* dy, \
                                void* dx, std::int64_t n) {                                                     \
    unary_backward<Formula>(formula, dtype, x, y, dy, dx, n);                                                   \
  }

/// In namespace tapegrad::HWY_NAMESPACE: compiles a binary formula for this target, float and double.
#define TAPEGRAD_BINARY_KERNELS(Formula)                                                                               \
  static void Formula##Forward(const void* formula, DType dtype, const void* a, int a_step, const void* b, int b_step, \
                               void* y, std::int64_t n) {                                                              \
    binary_forward<Formula>(formula, dtype, a, a_step, b, b_step, y, n);                                               \
  }                                                                                                                    \
  static void Formula##Backward(const void* formula, DType dtype, const void* a, int a_step, const void* b,            \
                                int b_step, const void* y, const void* dy, void* da, void* db, std::int64_t n) {       \
    binary_backward<Formula>(formula, dtype, a, a_step, b, b_step, y, dy, da, db, n);                                  \
  }

/// In namespace tapegrad, under HWY_ONCE: the name Formula (compiled for the baseline target, so usable anywhere) and
/// the constant FormulaKernels, which chooses the target at run time.
#define TAPEGRAD_EXPORT_UNARY_KERNELS(Formula) TAPEGRAD_EXPORT_KERNELS(Formula, kernels::UnaryKernels)
#define TAPEGRAD_EXPORT_BINARY_KERNELS(Formula) TAPEGRAD_EXPORT_KERNELS(Formula, kernels::BinaryKernels)
#define TAPEGRAD_EXPORT_KERNELS(Formula, Type)                 \
  using HWY_NAMESPACE::Formula;                                \
  HWY_EXPORT(Formula##Forward);                                \
  HWY_EXPORT(Formula##Backward);                               \
  [[maybe_unused]] static constexpr Type Formula##Kernels = {  \
      [] { return &HWY_DYNAMIC_DISPATCH(Formula##Forward); },  \
      [] { return &HWY_DYNAMIC_DISPATCH(Formula##Backward); }, \
      kernels::cost_of<Formula>(),                             \
  };

#endif
