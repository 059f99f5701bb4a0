// Gates of a recurrent cell on SIMD lanes. Included once per Highway target, after pointwise-inl.hpp.
#if defined(TAPEGRAD_OPS_RECURRENT_GATES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_OPS_RECURRENT_GATES_INL_HPP
#undef TAPEGRAD_OPS_RECURRENT_GATES_INL_HPP
#else
#define TAPEGRAD_OPS_RECURRENT_GATES_INL_HPP
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {

/// Row r of contiguous [N, width] memory, from a column on; null memory reads as zeros.
template <class T>
HWY_INLINE const T* row_at(const void* memory, std::int64_t r, std::int64_t width, std::int64_t column = 0) {
  return memory != nullptr ? static_cast<const T*>(memory) + r * width + column : nullptr;
}
template <class T>
HWY_INLINE T* row_at(void* memory, std::int64_t r, std::int64_t width, std::int64_t column = 0) {
  return memory != nullptr ? static_cast<T*>(memory) + r * width + column : nullptr;
}

/// A gate's pre-activation in one row: what the input gives and what the state gives.
template <class D>
class GateRow {
 public:
  using T = hn::TFromD<D>;

  HWY_INLINE GateRow(const T* from_input, const T* from_state) : input_(from_input, 1), state_(from_state, 1) {}

  template <class... Count>
  HWY_INLINE Lanes<D> load(std::size_t i, Count... count) const {
    return input_.load(i, count...) + state_.load(i, count...);
  }

 private:
  InputRow<D> input_, state_;
};

/// Calls step(i) for each full vector of a row of n elements, and step(i, count) once for the tail.
template <class D, class Step>
HWY_INLINE void over_row(const Step& step, std::int64_t n) {
  const auto size = static_cast<std::size_t>(n);
  const std::size_t lanes = hn::Lanes(D());
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes) step(i);
  if (i < size) step(i, size - i);
}

}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
