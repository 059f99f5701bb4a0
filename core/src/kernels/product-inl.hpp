// Products whose tile of the result stays in registers, of operands that are small enough to be read as they lie: a
// part of a larger kernel, on one thread. Those that stand alone are gemm's.
//
// Included once per Highway target, like every -inl file.

#if defined(TAPEGRAD_KERNELS_PRODUCT_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_PRODUCT_INL_HPP
#undef TAPEGRAD_KERNELS_PRODUCT_INL_HPP
#else
#define TAPEGRAD_KERNELS_PRODUCT_INL_HPP
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "kernels/gemm.hpp"
#include "kernels/rows-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {

/// Rows and vectors of a product that stay in registers, beside one row of its right factor.
inline constexpr int kTileRows = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64 ? 8 : 4, kTileVectors = 2;

/// A matrix with contiguous rows.
template <class T>
struct Rows {
  T* data;
  std::int64_t stride;
  T* at(std::int64_t r) const { return data + r * stride; }
  Rows from(std::int64_t r) const { return {at(r), stride}; }
  operator Rows<const T>() const { return {data, stride}; }
};

template <class T>
MatrixRef<const T> plain(Rows<T> x) {
  return {x.data, x.stride, 1};
}
template <class T>
MatrixRef<const T> transposed(Rows<T> x) {
  return {x.data, 1, x.stride};
}

/// c = a b (or c += a b): each element is one sum over `depth` in order, whichever tile it falls in. a is read one
/// element at a time.
template <class T>
struct Product {
  std::int64_t depth;
  MatrixRef<const T> a;
  Rows<const T> b;
  Rows<T> c;
  bool accumulate;
};

template <class T, int rows, int vectors, class Access>
HWY_INLINE void multiply_tile(const Product<T>& p, std::int64_t i, std::int64_t j, Access lanes) {
  constexpr std::int64_t N = lane_count<T>();
  const T* a = p.a.data + i * p.a.row_stride;
  const T* b = p.b.data + j;
  T* c = p.c.at(i) + j;
  const std::int64_t a_row = p.a.row_stride, a_column = p.a.col_stride, b_stride = p.b.stride, c_stride = p.c.stride;
  alignas(64) static constexpr T kZeros[kTileVectors * N] = {};
  const T* start = p.accumulate ? c : kZeros;
  const std::int64_t start_stride = p.accumulate ? c_stride : 0;
  Vector<T> sums[rows][vectors];
  HWY_UNROLL(8)
  for (int r = 0; r < rows; ++r) {
    HWY_UNROLL(2)
    for (int v = 0; v < vectors; ++v) sums[r][v] = lanes.load(start + r * start_stride + v * N);
  }
  for (std::int64_t k = p.depth; k > 0; --k) {
    Vector<T> right[vectors];
    HWY_UNROLL(2)
    for (int v = 0; v < vectors; ++v) right[v] = lanes.load(b + v * N);
    HWY_UNROLL(8)
    for (int r = 0; r < rows; ++r) {
      const Vector<T> left = splat(a[r * a_row]);
      HWY_UNROLL(2)
      for (int v = 0; v < vectors; ++v) sums[r][v] = hn::MulAdd(left, right[v], sums[r][v]);
    }
    a += a_column;
    b += b_stride;
  }
  HWY_UNROLL(8)
  for (int r = 0; r < rows; ++r) {
    HWY_UNROLL(2)
    for (int v = 0; v < vectors; ++v) lanes.store(sums[r][v], c + r * c_stride + v * N);
  }
}

/// The rows [i, i + rows) of c, n elements each.
template <class T, int rows>
HWY_NOINLINE void multiply_rows(const Product<T>& p, std::int64_t i, std::int64_t n) {
  constexpr std::int64_t N = lane_count<T>();
  std::int64_t j = 0;
  for (; j + kTileVectors * N <= n; j += kTileVectors * N) multiply_tile<T, rows, kTileVectors>(p, i, j, AllLanes<T>());
  if (j + N <= n) {
    multiply_tile<T, rows, 1>(p, i, j, AllLanes<T>());
    j += N;
  }
  if (j < n) multiply_tile<T, rows, 1>(p, i, j, FirstLanes<T>{n % N});
}

/// The rows of c [m, n] from i on: as many at a time as a tile may have, then what is left.
template <class T, int rows = kTileRows>
HWY_INLINE void multiply(std::int64_t m, std::int64_t n, const Product<T>& p, std::int64_t i = 0) {
  for (; i + rows <= m; i += rows) multiply_rows<T, rows>(p, i, n);
  if constexpr (rows > 1) multiply<T, rows - 1>(m, n, p, i);
}

}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
