// The loops over strided and broadcast operands, against plain index arithmetic. Values are small integers, so that
// equality is exact.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/always_teams.hpp"
#include "tapegrad/base/threads.hpp"

#define HWY_TARGET_INCLUDE "kernels/pointwise_loops.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
/// Has attributes, and a slope that reads both x and y.
struct TestAffine {
  double factor, offset;
  template <class T>
  T value(const T& x) const {
    return factor * x + offset;
  }
  template <class T>
  T slope(const T& x, const T& y) const {
    return factor * x + y;
  }
};
TAPEGRAD_UNARY_KERNELS(TestAffine)

/// Not symmetric, so that exchanged operands are noticed.
struct TestMix {
  template <class T>
  T value(const T& a, const T& b) const {
    return a - 2.0 * b;
  }
  template <class T>
  T slope_a(const T& a, const T& b, const T& y) const {
    return a + b * y;
  }
  template <class T>
  T slope_b(const T& a, const T& b, const T& y) const {
    return a * b - y;
  }
};
TAPEGRAD_BINARY_KERNELS(TestMix)

/// Slopes that read neither y nor the other operand.
struct TestSum {
  template <class T>
  T value(const T& a, const T& b) const {
    return a + b;
  }
  template <class T>
  T slope_a(const T&, const T&, const T&) const {
    return 1.0;
  }
  template <class T>
  T slope_b(const T&, const T&, const T&) const {
    return 3.0;
  }
};
TAPEGRAD_BINARY_KERNELS(TestSum)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(TestAffine)
TAPEGRAD_EXPORT_BINARY_KERNELS(TestMix)
TAPEGRAD_EXPORT_BINARY_KERNELS(TestSum)

namespace {
using namespace kernels;

/// Where element i (in row-major order) of `shape` lies by `strides`.
std::size_t offset(const Shape& shape, const Shape& strides, std::int64_t i) {
  std::int64_t sum = 0;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    sum += i % shape[d] * strides[d];
    i /= shape[d];
  }
  return static_cast<std::size_t>(sum);
}

/// Memory that holds just the elements which (shape, strides) reaches: ASan sees any read beyond.
template <class T>
std::vector<T> memory_for(const Shape& shape, const Shape& strides, int seed) {
  std::int64_t last = 0;
  for (int d = 0; d < shape.rank(); ++d) last += (shape[d] - 1) * strides[d];
  std::vector<T> values(shape.numel() == 0 ? 0 : static_cast<std::size_t>(last) + 1);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<T>(static_cast<int>(i * 7 + static_cast<std::size_t>(seed)) % 13 - 6);
  return values;
}

struct Layout {
  const char* what;
  Shape shape, a, b;  // strides of the two operands
};

const Layout kLayouts[] = {
    {"scalar", {}, {}, {}},
    {"one element", {1, 1}, {1, 1}, {5, 9}},
    {"empty", {3, 0, 2}, {0, 2, 1}, {0, 0, 0}},
    {"contiguous", {5, 7}, {7, 1}, {7, 1}},
    {"long contiguous", {3, 9000}, {9000, 1}, {9000, 1}},
    {"by a scalar", {20000}, {1}, {0}},
    {"beyond the caches", {1100, 1000}, {1000, 1}, {1000, 1}},
    {"beyond the caches, by a scalar", {1100, 1000}, {1000, 1}, {0, 0}},
    {"scalar first", {4, 30}, {0, 0}, {30, 1}},
    {"row over batches", {16, 7, 40}, {280, 40, 1}, {0, 0, 1}},
    {"column over rows", {16, 40}, {40, 1}, {1, 0}},
    {"long rows", {5, 3000}, {0, 1}, {3000, 1}},
    {"long rows by a column", {5, 3000}, {3000, 1}, {1, 0}},
    {"transposed", {33, 47}, {47, 1}, {1, 33}},
    {"long rows transposed", {3, 2000}, {1, 3}, {2000, 1}},
    {"every other", {1500}, {2}, {1}},
    {"permuted", {4, 5, 6}, {1, 24, 4}, {30, 6, 1}},
    {"middle broadcast", {6, 1, 5, 1, 9}, {45, 45, 9, 9, 1}, {9, 0, 0, 0, 1}},
    {"rank 8", {2, 3, 1, 2, 3, 2, 1, 5}, {180, 60, 60, 30, 10, 5, 5, 1}, {1, 2, 0, 6, 0, 12, 0, 24}},
};

template <class T>
void check_layout(const Layout& layout) {
  const DType dtype = dtype_of<T>();
  const auto n = layout.shape.numel();
  const auto size = static_cast<std::size_t>(n);
  const auto a = memory_for<T>(layout.shape, layout.a, 1), b = memory_for<T>(layout.shape, layout.b, 2);
  const Operand in_a{a.data(), layout.a}, in_b{b.data(), layout.b}, absent{nullptr, {}};
  const auto a_at = [&](std::size_t i) { return a[offset(layout.shape, layout.a, static_cast<std::int64_t>(i))]; };
  const auto b_at = [&](std::size_t i) { return b[offset(layout.shape, layout.b, static_cast<std::int64_t>(i))]; };
  const Shape contiguous = contiguous_strides(layout.shape);
  std::vector<T> y(size + 1, T(99)), da(size + 1, T(99)), db(size + 1, T(99)), sum_da(size), copied(size + 1, T(99));
  const TestAffine affine{2.0, 5.0};

  unary_forward(TestAffineKernels, &affine, dtype, layout.shape, in_a, y.data());
  // dy comes with the strides of b: a broadcast cotangent.
  unary_backward(TestAffineKernels, &affine, dtype, layout.shape, in_a, {y.data(), contiguous}, in_b, da.data());
  bool forward = true, backward = true;
  for (std::size_t i = 0; i < size; ++i) {
    forward &= y[i] == 2 * a_at(i) + 5;
    backward &= da[i] == b_at(i) * (2 * a_at(i) + (2 * a_at(i) + 5));
  }
  BOOST_TEST(forward);
  BOOST_TEST(backward);

  binary_forward(TestMixKernels, nullptr, dtype, layout.shape, in_a, in_b, y.data());
  binary_backward(TestMixKernels, nullptr, dtype, layout.shape, in_a, in_b, {y.data(), contiguous}, in_a, da.data(),
                  db.data());
  bool value = true, slope_a = true, slope_b = true;
  for (std::size_t i = 0; i < size; ++i) {
    const T expected = a_at(i) - 2 * b_at(i);
    value &= y[i] == expected;
    slope_a &= da[i] == a_at(i) * (a_at(i) + b_at(i) * expected);
    slope_b &= db[i] == a_at(i) * (a_at(i) * b_at(i) - expected);
  }
  BOOST_TEST(value);
  BOOST_TEST(slope_a);
  BOOST_TEST(slope_b);

  binary_backward(TestSumKernels, nullptr, dtype, layout.shape, absent, absent, absent, in_b, sum_da.data(), nullptr);
  bool sum_a = true, sum_b = true;
  for (std::size_t i = 0; i < size; ++i) sum_a &= sum_da[i] == b_at(i);
  binary_backward(TestSumKernels, nullptr, dtype, layout.shape, absent, absent, absent, in_b, nullptr, sum_da.data());
  for (std::size_t i = 0; i < size; ++i) sum_b &= sum_da[i] == 3 * b_at(i);
  BOOST_TEST(sum_a);
  BOOST_TEST(sum_b);

  for (const auto* operand : {&layout.a, &layout.b}) {
    const auto& source = operand == &layout.a ? a : b;
    copy_strided(sizeof(T), layout.shape, {source.data(), *operand}, copied.data());
    bool same = true;
    for (std::size_t i = 0; i < size; ++i)
      same &= copied[i] == source[offset(layout.shape, *operand, static_cast<std::int64_t>(i))];
    BOOST_TEST(same);
    std::vector<std::uint8_t> bytes(source.size()), copied_bytes(size);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    copy_strided(1, layout.shape, {bytes.data(), *operand}, copied_bytes.data());
    for (std::size_t i = 0; i < size; ++i)
      same &= copied_bytes[i] == bytes[offset(layout.shape, *operand, static_cast<std::int64_t>(i))];
    BOOST_TEST(same);
  }
  for (const auto* output : {&y, &da, &db, &copied}) BOOST_TEST(output->back() == T(99), "written past the end");
}

}  // namespace
}  // namespace tapegrad

BOOST_AUTO_TEST_SUITE(pointwise_loops)
using namespace tapegrad;
using namespace tapegrad::kernels;

BOOST_AUTO_TEST_CASE(any_layout_gives_the_values_of_plain_indexing) {
  for (const Layout& layout : kLayouts) {
    BOOST_TEST_CONTEXT(layout.what << ", float32") check_layout<float>(layout);
    BOOST_TEST_CONTEXT(layout.what << ", float64") check_layout<double>(layout);
  }
}

BOOST_AUTO_TEST_CASE(large_transposes_copy_right) {
  const Shape shape{3, 517, 1030}, strides{517 * 1030, 1, 517};
  std::vector<float> x(static_cast<std::size_t>(shape.numel())), y(x.size());
  std::iota(x.begin(), x.end(), 0.0f);
  copy_strided(4, shape, {x.data(), strides}, y.data());
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < shape.numel(); ++i)
    wrong += y[static_cast<std::size_t>(i)] != x[offset(shape, strides, i)];
  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_bits) {
  const Shape shape{50, 3, 777}, strides{777, 0, 1}, other{0, 1, 3};
  const auto a = memory_for<float>(shape, strides, 1), b = memory_for<float>(shape, other, 2);
  std::vector<float> first;
  const kernels::AlwaysTeams always;
  for (const int threads : {1, 2, 4}) {
    set_num_threads(threads);
    std::vector<float> y(static_cast<std::size_t>(shape.numel()));
    binary_forward(TestMixKernels, nullptr, float32, shape, {a.data(), strides}, {b.data(), other}, y.data());
    if (first.empty()) first = y;
    BOOST_TEST(std::memcmp(first.data(), y.data(), y.size() * sizeof(float)) == 0, threads << " threads");
  }
  set_num_threads(0);
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    const float expected = a[offset(shape, strides, i)] - 2 * b[offset(shape, other, i)];
    BOOST_REQUIRE(first[static_cast<std::size_t>(i)] == expected);
  }
}
BOOST_AUTO_TEST_SUITE_END()
#endif
