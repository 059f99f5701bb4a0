// Lanes over rows of any length, and sums in double precision: the vocabulary of the row kernels, included once per
// SIMD target.
//
// A tail runs through the same instructions as a full vector (masked), so an element's result does not depend on where
// it lies in its row, and nothing outside the row is read or written.
#if defined(TAPEGRAD_KERNELS_ROWS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_ROWS_INL
#undef TAPEGRAD_KERNELS_ROWS_INL
#else
#define TAPEGRAD_KERNELS_ROWS_INL
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // g++ 12's own AVX-512 headers
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/lanes_exponential-inl.hpp"
#include "kernels/tails-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Tag = hn::ScalableTag<T>;
template <class T>
using Vector = hn::Vec<Tag<T>>;
using DoubleVector = Vector<double>;

template <class T>
constexpr std::int64_t lane_count() {
  return static_cast<std::int64_t>(hn::MaxLanes(Tag<T>()));
}

template <class T>
HWY_INLINE Vector<T> splat(T value) {
  return hn::Set(Tag<T>(), value);
}

/// The function of the formulas' lanes on a bare vector.
template <class T>
HWY_INLINE Vector<T> exponential(Vector<T> v) {
  return exp(tapegrad::HWY_NAMESPACE::Lanes<Tag<T>>(v)).v;
}

/// Below this, first moments and velocities of optimisers and weights of attention are set to zero. Subnormal numbers,
/// over which processors take ten times as long and more, would come of them in every later step or product: where
/// gradients have stopped, a moment would shrink to the smallest of them and stay there, for 0.9 of that rounds to
/// itself.
template <class T>
inline constexpr T kFaded = std::is_same_v<T, float> ? T(0x1p-100) : T(0x1p-960);

template <class T>
HWY_INLINE Vector<T> unless_faded(Vector<T> v) {
  return hn::IfThenZeroElse(hn::Lt(hn::Abs(v), splat(kFaded<T>)), v);
}

/// All lanes of a vector.
template <class T>
struct AllLanes {
  HWY_INLINE Vector<T> load(const T* p) const { return hn::LoadU(Tag<T>(), p); }
  HWY_INLINE void store(Vector<T> v, T* p) const { hn::StoreU(v, Tag<T>(), p); }
  HWY_INLINE Vector<T> or_else(Vector<T> v, T) const { return v; }
  /// For a pass that meets memory for the first time, in order, to read or write it: begins to fetch what lies 2 KiB
  /// on. The processor's own prefetchers stop where a page ends, and know nothing of what is only written.
  HWY_INLINE void fetch_ahead(const T* p) const { hwy::Prefetch(reinterpret_cast<const char*>(p) + 2048); }
};

/// The first `count` lanes; the others load as 0 and are not stored.
template <class T>
struct FirstLanes {
  std::int64_t count;

  HWY_INLINE auto mask() const { return hn::FirstN(Tag<T>(), static_cast<std::size_t>(count)); }
  HWY_INLINE Vector<T> load(const T* p) const {
    return tapegrad::HWY_NAMESPACE::load_first(Tag<T>(), static_cast<std::size_t>(count), p);
  }
  HWY_INLINE void store(Vector<T> v, T* p) const {
    tapegrad::HWY_NAMESPACE::store_first(v, Tag<T>(), static_cast<std::size_t>(count), p);
  }
  /// v in these lanes, `value` in the others.
  HWY_INLINE Vector<T> or_else(Vector<T> v, T value) const { return hn::IfThenElse(mask(), v, splat<T>(value)); }
  HWY_INLINE void fetch_ahead(const T*) const {}  // the next vector's is near enough
};

template <int k>
using Index = std::integral_constant<int, k>;

/// Calls f(i, lanes, k) for i = 0, N, 2N, ... below n; k alternates between Index<0> and Index<1>, to choose one of two
/// accumulators.
template <class T, class F>
HWY_INLINE void each_vector(std::int64_t n, const F& f) {
  constexpr std::int64_t N = lane_count<T>();
  std::int64_t i = 0;
  for (; i + 2 * N <= n; i += 2 * N) {
    f(i, AllLanes<T>(), Index<0>());
    f(i + N, AllLanes<T>(), Index<1>());
  }
  if (i + N <= n) {
    f(i, AllLanes<T>(), Index<0>());
    i += N;
  }
  if (i < n) f(i, FirstLanes<T>{n % N}, Index<1>());  // n - i, as a number that is plainly less than N
}

/// y = factor y.
template <class T>
HWY_INLINE void scale_row(T* y, std::int64_t n, T factor) {
  each_vector<T>(n, [&](std::int64_t i, auto lanes, auto)
                        HWY_ATTR { lanes.store(hn::Mul(lanes.load(y + i), splat<T>(factor)), y + i); });
}

/// One vector of T in double precision.
template <class T>
struct Wide;

template <>
struct Wide<double> {
  DoubleVector all;
};

template <>
struct Wide<float> {
  DoubleVector low, high;
};

HWY_INLINE Wide<double> widen(DoubleVector v) { return {v}; }
HWY_INLINE Wide<float> widen(Vector<float> v) {
  const Tag<double> d;
#if HWY_TARGET == HWY_SCALAR  // a vector is one lane, and `high` stays 0
  return {hn::PromoteTo(d, v), splat(0.0)};
#else
  const hn::Half<Tag<float>> half;
  return {hn::PromoteTo(d, hn::LowerHalf(half, v)), hn::PromoteTo(d, hn::UpperHalf(half, v))};
#endif
}

HWY_INLINE DoubleVector narrow(Wide<double> v) { return v.all; }
HWY_INLINE Vector<float> narrow(Wide<float> v) {
#if HWY_TARGET == HWY_SCALAR
  return hn::DemoteTo(Tag<float>(), v.low);
#else
  const hn::Half<Tag<float>> half;
  return hn::Combine(Tag<float>(), hn::DemoteTo(half, v.high), hn::DemoteTo(half, v.low));
#endif
}

template <class T>
HWY_INLINE Wide<T> wide_zero() {
  if constexpr (std::is_same_v<T, float>) {
    return {splat(0.0), splat(0.0)};
  } else {
    return {splat(0.0)};
  }
}

HWY_INLINE Wide<double> add(Wide<double> a, Wide<double> b) { return {hn::Add(a.all, b.all)}; }
HWY_INLINE Wide<float> add(Wide<float> a, Wide<float> b) { return {hn::Add(a.low, b.low), hn::Add(a.high, b.high)}; }

HWY_INLINE Wide<double> multiply_add(Wide<double> a, Wide<double> b, Wide<double> c) {
  return {hn::MulAdd(a.all, b.all, c.all)};
}
HWY_INLINE Wide<float> multiply_add(Wide<float> a, Wide<float> b, Wide<float> c) {
  return {hn::MulAdd(a.low, b.low, c.low), hn::MulAdd(a.high, b.high, c.high)};
}

HWY_INLINE double total(Wide<double> v) { return hn::GetLane(hn::SumOfLanes(Tag<double>(), v.all)); }
HWY_INLINE double total(Wide<float> v) { return hn::GetLane(hn::SumOfLanes(Tag<double>(), hn::Add(v.low, v.high))); }

HWY_INLINE void store(Wide<double> v, double* p) { hn::StoreU(v.all, Tag<double>(), p); }
HWY_INLINE void store(Wide<float> v, double* p) {
  hn::StoreU(v.low, Tag<double>(), p);
#if HWY_TARGET != HWY_SCALAR
  hn::StoreU(v.high, Tag<double>(), p + lane_count<double>());
#endif
}

/// A double as the sum of two T, so that x - value can be taken lane by lane without losing what T cannot hold: the
/// subtraction of `high` is exact when x is near it.
template <class T>
struct Split {
  T high, low;
  explicit Split(double value) : high(static_cast<T>(value)), low(static_cast<T>(value - static_cast<double>(high))) {}
};

/// The larger; NaN if either is NaN.
template <class T>
HWY_INLINE Vector<T> larger(Vector<T> best, Vector<T> v) {
  return hn::IfThenElse(hn::Or(hn::Gt(v, best), hn::IsNaN(v)), v, best);
}
template <class T>
HWY_INLINE Vector<T> smaller(Vector<T> best, Vector<T> v) {
  return hn::IfThenElse(hn::Or(hn::Lt(v, best), hn::IsNaN(v)), v, best);
}

template <class T>
HWY_INLINE T largest_lane(Vector<T> v) {
  if (!hn::AllFalse(Tag<T>(), hn::IsNaN(v))) return std::numeric_limits<T>::quiet_NaN();
  return hn::GetLane(hn::MaxOfLanes(Tag<T>(), v));
}
template <class T>
HWY_INLINE T smallest_lane(Vector<T> v) {
  if (!hn::AllFalse(Tag<T>(), hn::IsNaN(v))) return std::numeric_limits<T>::quiet_NaN();
  return hn::GetLane(hn::MinOfLanes(Tag<T>(), v));
}

}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#undef TAPEGRAD_KERNEL_TABLE
#undef TAPEGRAD_EXPORT_KERNEL_TABLE

/// In some HWY_NAMESPACE: compiles a table of functions for this target, float and double. Table is a
/// template by the number type; after it come its members, in which T is that type.
#define TAPEGRAD_KERNEL_TABLE(Table, ...)                         \
  template <class T>                                              \
  Table<T> table_of_target() {                                    \
    return {__VA_ARGS__};                                         \
  }                                                               \
  Table<float> float_table() { return table_of_target<float>(); } \
  Table<double> double_table() { return table_of_target<double>(); }

/// In the namespace around it, under HWY_ONCE: table<T>() is the table of the target that is chosen at run time.
#define TAPEGRAD_EXPORT_KERNEL_TABLE(Table)        \
  HWY_EXPORT(float_table);                         \
  HWY_EXPORT(double_table);                        \
  template <class T>                               \
  Table<T> table() {                               \
    if constexpr (std::is_same_v<T, float>) {      \
      return HWY_DYNAMIC_DISPATCH(float_table)();  \
    } else {                                       \
      return HWY_DYNAMIC_DISPATCH(double_table)(); \
    }                                              \
  }

#endif  // per-target include guard
