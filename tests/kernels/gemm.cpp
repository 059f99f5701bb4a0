#include "kernels/gemm.hpp"

#include <hwy/targets.h>

#include <algorithm>
#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <random>
#include <vector>

#include "kernels/reference.hpp"
#include "tapegrad/base/threads.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine_ops.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad::kernels;
using Int = std::int64_t;
using Types = boost::mpl::list<float, double>;

namespace {

struct ProductSize {
  Int m, n, k;
};
// Nothing to do, one element, vectors, tails of the register tiles, several panels of B (packed A).
const std::vector<ProductSize> kSmallSizes = {{0, 3, 2},    {3, 0, 2},    {2, 3, 0},    {1, 1, 1},   {1, 1, 97},
                                              {1, 113, 31}, {113, 1, 31}, {7, 7, 10},   {7, 10, 7},  {2, 3, 5},
                                              {8, 48, 16},  {9, 49, 17},  {17, 47, 13}, {16, 96, 8}, {31, 29, 3},
                                              {23, 65, 2},  {5, 500, 21}, {64, 64, 32}, {13, 55, 9}, {20, 64, 400}};
// Several blocks of k, several tiles of C.
const std::vector<ProductSize> kLargeSizes = {
    {112, 40, 40}, {37, 193, 389}, {41, 53, 769}, {261, 491, 11}, {520, 130, 40}};

/// Elements stand in a larger memory filled with NaN, so that whatever reads outside them shows.
template <class T>
struct Matrix {
  Int rows, cols, row_stride, col_stride;
  std::vector<T> memory;
  static constexpr Int kOffset = 3;

  Matrix(Int rows_, Int cols_, Int row_stride_, Int col_stride_)
      : rows(rows_),
        cols(cols_),
        row_stride(row_stride_),
        col_stride(col_stride_),
        memory(static_cast<std::size_t>(kOffset + rows * row_stride + cols * col_stride + 70),
               std::numeric_limits<T>::quiet_NaN()) {}

  static Matrix random(Int rows, Int cols, Int row_stride, Int col_stride, std::mt19937& g) {
    Matrix x(rows, cols, row_stride, col_stride);
    std::normal_distribution<T> normal;
    for (Int i = 0; i < rows; ++i)
      for (Int j = 0; j < cols; ++j) x.at(i, j) = normal(g);
    return x;
  }
  T* data() { return memory.data() + kOffset; }
  const T* data() const { return memory.data() + kOffset; }
  T& at(Int i, Int j) { return data()[i * row_stride + j * col_stride]; }
  const T& at(Int i, Int j) const { return data()[i * row_stride + j * col_stride]; }
  MatrixRef<T> ref() { return {data(), row_stride, col_stride}; }
  MatrixRef<const T> ref() const { return {data(), row_stride, col_stride}; }
};

enum class Layout { rows, columns, padded_rows, padded_columns, sparse };
constexpr std::initializer_list<Layout> kLayouts = {Layout::rows, Layout::columns, Layout::padded_rows,
                                                    Layout::padded_columns, Layout::sparse};

std::pair<Int, Int> strides(Layout layout, Int rows, Int cols) {
  switch (layout) {
    case Layout::rows: return {std::max<Int>(1, cols), 1};
    case Layout::columns: return {1, std::max<Int>(1, rows)};
    case Layout::padded_rows: return {cols + 5, 1};
    case Layout::padded_columns: return {1, rows + 5};
    case Layout::sparse: return {3 * cols + 2, 3};
  }
  return {};
}

template <class T>
Matrix<T> random_matrix(Layout layout, Int rows, Int cols, std::mt19937& g) {
  const auto [row_stride, col_stride] = strides(layout, rows, cols);
  return Matrix<T>::random(rows, cols, row_stride, col_stride, g);
}

/// A B by three loops in double, and |A| |B|, which bounds what any order of its sums rounds away: both [m, n].
struct Reference {
  std::vector<double> product, magnitude;
};

template <class T>
Reference reference_product(const Matrix<T>& a, const Matrix<T>& b) {
  const auto columns = static_cast<std::size_t>(b.cols);
  const std::size_t size = static_cast<std::size_t>(a.rows) * columns;
  Reference r{std::vector<double>(size), std::vector<double>(size)};
  std::vector<double> row(columns);
  for (Int p = 0; p < a.cols; ++p) {
    for (std::size_t j = 0; j < columns; ++j) row[j] = static_cast<double>(b.at(p, static_cast<Int>(j)));
    for (Int i = 0; i < a.rows; ++i) {
      const double x = static_cast<double>(a.at(i, p));
      double* product = r.product.data() + static_cast<std::size_t>(i) * columns;
      double* magnitude = r.magnitude.data() + static_cast<std::size_t>(i) * columns;
      for (std::size_t j = 0; j < columns; ++j) {
        product[j] += x * row[j];
        magnitude[j] += std::abs(x * row[j]);
      }
    }
  }
  return r;
}

/// Largest |got - expected| / bound over the elements, where it is above 1. Higham (2002), equation 3.5: a sum of k
/// products in any order errs by at most gamma_(k+2) (|A||B| + |bias| + |C|), the 2 for the two starting terms; the
/// reference errs by the same bound in double. One rounding more is allowed for.
template <class T>
double worst_error(const Reference& reference, Int k, const Matrix<T>& start, const Matrix<T>& got, GemmEpilogue<T> e) {
  const auto roundoff = [k](double unit) {
    const double terms = static_cast<double>(k + 3) * unit;
    return terms / (1 - terms);
  };
  const double relative =
      roundoff(std::numeric_limits<T>::epsilon() / 2) + roundoff(std::numeric_limits<double>::epsilon() / 2);
  double worst = 0;
  for (Int i = 0; i < got.rows; ++i) {
    for (Int j = 0; j < got.cols; ++j) {
      const auto at = static_cast<std::size_t>(i * got.cols + j);
      const double before = e.accumulate ? static_cast<double>(start.at(i, j)) : 0.0;
      const double bias = e.bias != nullptr ? static_cast<double>(e.bias[j]) : 0.0;
      double expected = before + bias + reference.product[at];
      if (e.activation == Activation::relu && expected < 0) expected = 0;
      const double bound = relative * (reference.magnitude[at] + std::abs(before) + std::abs(bias));
      const double error = std::abs(static_cast<double>(got.at(i, j)) - expected);
      if (!(error <= bound))
        worst = std::max(worst,
                         std::isfinite(error) && bound > 0 ? error / bound : std::numeric_limits<double>::infinity());
    }
  }
  return worst;
}

/// Everything that is no element of C keeps the NaN it was born with.
template <class T>
bool padding_untouched(Matrix<T> c) {
  for (Int i = 0; i < c.rows; ++i)
    for (Int j = 0; j < c.cols; ++j) c.at(i, j) = std::numeric_limits<T>::quiet_NaN();
  return std::all_of(c.memory.begin(), c.memory.end(), [](T x) { return std::isnan(x); });
}

template <class T>
void check_against_reference(const Matrix<T>& a, const Matrix<T>& b, const Reference& reference, Layout layout_c,
                             GemmEpilogue<T> e, std::mt19937& g) {
  const Int m = a.rows, n = b.cols, k = a.cols;
  const auto start = random_matrix<T>(layout_c, m, n, g);
  auto got = start;
  gemm<T>(m, n, k, a.ref(), b.ref(), got.ref(), e);
  const double worst = worst_error(reference, k, start, got, e);
  BOOST_TEST_CONTEXT("m " << m << " n " << n << " k " << k << " strides of A " << a.row_stride << ' ' << a.col_stride
                          << " of B " << b.row_stride << ' ' << b.col_stride << " of C " << got.row_stride << ' '
                          << got.col_stride << " bias " << (e.bias != nullptr) << " accumulate " << e.accumulate
                          << " relu " << (e.activation == Activation::relu)) {
    BOOST_TEST(worst == 0);
    BOOST_TEST(padding_untouched(got));
  }
}

/// Into C of each of these layouts.
template <class T>
void check_layouts(ProductSize size, Layout layout_a, Layout layout_b, std::initializer_list<Layout> layouts_c,
                   std::mt19937& g) {
  const auto a = random_matrix<T>(layout_a, size.m, size.k, g), b = random_matrix<T>(layout_b, size.k, size.n, g);
  const Reference reference = reference_product(a, b);
  for (const Layout c : layouts_c) check_against_reference<T>(a, b, reference, c, {}, g);
}

/// What is done besides the product: with and without each of bias, accumulation and activation; or a half of these in
/// which any two of the three meet in every way.
struct EpilogueKind {
  bool bias, accumulate;
  Activation activation;
};
const std::vector<EpilogueKind> kHalfOfEpilogues = {{false, false, Activation::none},
                                                    {true, true, Activation::none},
                                                    {true, false, Activation::relu},
                                                    {false, true, Activation::relu}};
const std::vector<EpilogueKind> kEveryEpilogue = [] {
  std::vector<EpilogueKind> kinds;
  for (const bool bias : {false, true})
    for (const bool accumulate : {false, true})
      for (const Activation activation : {Activation::none, Activation::relu})
        kinds.push_back({bias, accumulate, activation});
  return kinds;
}();

template <class T>
void check_epilogues(const std::vector<EpilogueKind>& kinds, ProductSize size, Layout layout_b,
                     std::initializer_list<Layout> layouts_c, std::mt19937& g) {
  const auto a = random_matrix<T>(Layout::padded_rows, size.m, size.k, g);
  const auto b = random_matrix<T>(layout_b, size.k, size.n, g);
  const Reference reference = reference_product(a, b);
  std::normal_distribution<T> normal;
  std::vector<T> bias(static_cast<std::size_t>(size.n));
  for (T& x : bias) x = normal(g);
  for (const Layout c : layouts_c)
    for (const auto& [with_bias, accumulate, activation] : kinds)
      check_against_reference<T>(a, b, reference, c, {with_bias ? bias.data() : nullptr, accumulate, activation}, g);
}

/// The product added to C, by teams of these sizes: the first agrees with the reference, the others with its bits.
template <class T>
void check_threads(ProductSize size, Layout layout_a, Layout layout_b, std::initializer_list<int> teams,
                   std::mt19937& g) {
  constexpr GemmEpilogue<T> kAdded{nullptr, true, Activation::none};
  const auto a = random_matrix<T>(layout_a, size.m, size.k, g), b = random_matrix<T>(layout_b, size.k, size.n, g);
  const auto start = random_matrix<T>(Layout::rows, size.m, size.n, g);
  const Reference reference = reference_product(a, b);
  std::vector<std::vector<T>> results;
  for (int threads : teams) {
    tapegrad::set_num_threads(threads);
    auto c = start;
    tapegrad::kernels::gemm<T>(size.m, size.n, size.k, a.ref(), b.ref(), c.ref(), kAdded);
    if (results.empty()) BOOST_TEST(worst_error(reference, size.k, start, c, kAdded) == 0);
    results.push_back(c.memory);
    tapegrad::testing::check_same_bits(results.front(), results.back());
  }
  tapegrad::set_num_threads(0);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gemm)

BOOST_AUTO_TEST_CASE_TEMPLATE(agrees_with_the_reference_in_every_layout, T, Types) {
  std::mt19937 g(1);
  for (ProductSize size : kSmallSizes)
    for (Layout a : kLayouts)
      for (Layout b : kLayouts) check_layouts<T>(size, a, b, kLayouts, g);
  for (ProductSize size : kLargeSizes) {
    check_layouts<T>(size, Layout::rows, Layout::rows, {Layout::rows}, g);
    check_layouts<T>(size, Layout::rows, Layout::columns, {Layout::columns}, g);
    check_layouts<T>(size, Layout::columns, Layout::padded_rows, {Layout::padded_rows}, g);
    check_layouts<T>(size, Layout::sparse, Layout::sparse, {Layout::sparse}, g);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(every_epilogue_agrees_with_the_reference, T, Types) {
  std::mt19937 g(2);
  for (ProductSize size : kSmallSizes) check_epilogues<T>(kEveryEpilogue, size, Layout::rows, kLayouts, g);
  check_epilogues<T>(kEveryEpilogue, {35, 193, 389}, Layout::rows, {Layout::rows, Layout::columns}, g);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(every_instruction_set_agrees_with_the_reference, T, Types) {
  for (std::int64_t target : {HWY_AVX2, HWY_SCALAR}) {
    if (target != HWY_SCALAR && (HWY_TARGETS & target) == 0) continue;  // the build is for one processor
    hwy::SetSupportedTargetsForTest(target | HWY_STATIC_TARGET);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    std::mt19937 g(3);
    for (Layout b : {Layout::rows, Layout::columns}) {
      for (ProductSize size : kSmallSizes) check_epilogues<T>(kEveryEpilogue, size, b, {Layout::rows}, g);
      for (ProductSize size : kLargeSizes) check_epilogues<T>(kHalfOfEpilogues, size, b, {Layout::rows}, g);
    }
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(small_integers_are_exact, T, Types) {
  // A(i, p) = i + p, B(p, j) = p - j: the sum over p < k has a closed form, exact in float32.
  const Int m = 19, n = 53, k = 25;
  Matrix<T> a(m, k, k, 1), b(k, n, n, 1), c(m, n, n, 1);
  for (Int i = 0; i < m; ++i)
    for (Int p = 0; p < k; ++p) a.at(i, p) = static_cast<T>(i + p);
  for (Int p = 0; p < k; ++p)
    for (Int j = 0; j < n; ++j) b.at(p, j) = static_cast<T>(p - j);
  tapegrad::kernels::gemm<T>(m, n, k, std::as_const(a).ref(), std::as_const(b).ref(), c.ref());
  const Int sum1 = k * (k - 1) / 2, sum2 = k * (k - 1) * (2 * k - 1) / 6;
  Int wrong = 0;
  for (Int i = 0; i < m; ++i)
    for (Int j = 0; j < n; ++j) wrong += c.at(i, j) != static_cast<T>(i * sum1 - i * j * k + sum2 - j * sum1);
  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(batches_broadcast_by_repeated_offsets, T, Types) {
  std::mt19937 g(4);
  // One column: C is read as a row. The last is wide enough for packed columns of A, in two blocks of k; alone it is
  // cut into narrower tiles.
  for (ProductSize size : {ProductSize{7, 7, 10}, ProductSize{7, 10, 7}, ProductSize{6, 1, 5}, ProductSize{40, 70, 33},
                           ProductSize{11, 400, 401}}) {
    const auto [m, n, k] = size;
    const Int count = 17;
    const auto a = Matrix<T>::random(count * m, k, k, 1, g);
    const auto b = Matrix<T>::random(n, k, k, 1, g);  // one B for all, stored transposed
    for (auto [row_stride, col_stride] : {std::pair<Int, Int>{k, 1}, {1, m}}) {
      Matrix<T> c(count * m, n, n, 1);
      std::vector<BatchOffset> offsets;
      for (Int i = 0; i < count; ++i) offsets.push_back({i * m * k, 0, (count - 1 - i) * m * n});
      gemm_batched<T>(offsets, m, n, k, {a.data(), row_stride, col_stride}, {b.data(), 1, k}, c.ref());
      for (Int i = 0; i < count; ++i) {
        Matrix<T> alone(m, n, n, 1);
        tapegrad::kernels::gemm<T>(m, n, k, {a.data() + i * m * k, row_stride, col_stride}, {b.data(), 1, k},
                                   alone.ref());
        BOOST_TEST(std::memcmp(alone.data(), c.data() + (count - 1 - i) * m * n,
                               static_cast<std::size_t>(m * n) * sizeof(T)) == 0);
      }
      BOOST_TEST(padding_untouched(c));
    }
  }
  gemm_batched<T>({}, 3, 3, 3, {nullptr, 3, 1}, {nullptr, 3, 1}, {nullptr, 3, 1});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(zero_strides_repeat_an_element, T, Types) {
  std::mt19937 g(5);
  const Int m = 21, n = 50, k = 19;
  const auto row = Matrix<T>::random(1, 64, 64, 1, g);
  for (auto [row_stride, col_stride] : {std::pair<Int, Int>{0, 1}, {1, 0}, {0, 0}}) {
    const MatrixRef<const T> repeated{row.data(), row_stride, col_stride};
    const auto full = Matrix<T>::random(64, 64, 64, 1, g);
    Matrix<T> got(m, n, n, 1), expected(m, n, n, 1);
    for (bool left : {true, false}) {
      tapegrad::kernels::gemm<T>(m, n, k, left ? repeated : full.ref(), left ? full.ref() : repeated, got.ref());
      // A copy of the repeated operand must give the same bits.
      Matrix<T> copy(64, 64, 64, 1);
      for (Int i = 0; i < 50; ++i)
        for (Int j = 0; j < 50; ++j) copy.at(i, j) = row.data()[i * row_stride + j * col_stride];
      tapegrad::kernels::gemm<T>(m, n, k, left ? std::as_const(copy).ref() : full.ref(),
                                 left ? full.ref() : std::as_const(copy).ref(), expected.ref());
      tapegrad::testing::check_same_bits(got.memory, expected.memory);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(same_bits_at_any_number_of_threads, T, Types) {
  std::mt19937 g(6);
  for (ProductSize size :
       {ProductSize{300, 500, 97}, ProductSize{112, 160, 400}, ProductSize{1, 2000, 700}, ProductSize{2000, 1, 700}})
    check_threads<T>(size, Layout::rows, Layout::columns, {1, 2, 4}, g);
}

// A weight gradient: A's rows are not contiguous, C is small or large, and k deeper than a block.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_gradient_has_the_same_bits_at_any_number_of_threads, T, Types) {
  std::mt19937 g(8);
  for (ProductSize size :
       {ProductSize{128, 128, 768}, ProductSize{130, 90, 500}, ProductSize{300, 128, 300}, ProductSize{700, 800, 20}})
    check_threads<T>(size, Layout::columns, Layout::rows, {1, 2, 5}, g);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_row_does_not_depend_on_its_batch_nor_a_column_on_its_neighbours, T, Types) {
  std::mt19937 g(7);
  for (ProductSize size : {ProductSize{41, 101, 40}, ProductSize{300, 70, 800}, ProductSize{9, 33, 7}}) {
    const auto [m, n, k] = size;
    for (Layout layout_a : {Layout::rows, Layout::columns}) {
      for (Layout layout_b : {Layout::rows, Layout::columns}) {
        const auto a = random_matrix<T>(layout_a, m, k, g), b = random_matrix<T>(layout_b, k, n, g);
        const auto bias = Matrix<T>::random(1, n, n, 1, g);
        Matrix<T> all(m, n, n, 1);
        tapegrad::kernels::gemm<T>(m, n, k, a.ref(), b.ref(), all.ref(), {bias.data(), false, Activation::none});
        for (Int i : {Int{0}, m / 2, m - 1}) {
          for (Int rows : {Int{1}, std::min<Int>(3, m - i)}) {
            Matrix<T> part(rows, n, n, 1);
            tapegrad::kernels::gemm<T>(rows, n, k, {&a.at(i, 0), a.row_stride, a.col_stride}, b.ref(), part.ref(),
                                       {bias.data(), false, Activation::none});
            BOOST_TEST(std::memcmp(part.data(), &all.at(i, 0), static_cast<std::size_t>(rows * n) * sizeof(T)) == 0);
          }
        }
        for (Int j : {Int{0}, n / 2, n - 1}) {
          Matrix<T> column(m, 1, 1, 1);
          tapegrad::kernels::gemm<T>(m, 1, k, a.ref(), {&b.at(0, j), b.row_stride, b.col_stride}, column.ref(),
                                     {bias.data() + j, false, Activation::none});
          Int different = 0;
          for (Int i = 0; i < m; ++i) different += column.at(i, 0) != all.at(i, j);
          BOOST_TEST(different == 0);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_long_chain_stagnates_nowhere, T, Types) {
  // Equal terms are the worst: all are rounded the same way. 0.1 is no number of either type.
  for (const Int k : {kLongestChain, kLongestChain + 1, Int{1} << 20}) {
    const T term = static_cast<T>(0.1);
    const std::vector<T> a(static_cast<std::size_t>(k), term), b(static_cast<std::size_t>(k), T(1));
    T c = 0;
    tapegrad::kernels::gemm<T>(1, 1, k, {a.data(), k, 1}, {b.data(), 1, 1}, {&c, 1, 1});
    const double exact = static_cast<double>(term) * static_cast<double>(k);
    BOOST_TEST(std::abs(static_cast<double>(c) - exact) <= 1e-4 * exact, "k = " << k << ": " << c);
  }
  // Every operand, epilogue and number of threads, as for short ones.
  std::mt19937 g(3);
  const ProductSize size{11, 53, 3 * kLongestChain + 5};
  for (const Layout layout_b : {Layout::rows, Layout::columns})
    check_epilogues<T>(kHalfOfEpilogues, size, layout_b, {Layout::padded_rows}, g);
  check_threads<T>(size, Layout::columns, Layout::rows, {1, 2, 3, 8}, g);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_nan_stays_in_its_row_and_column, T, Types) {
  std::mt19937 g(8);
  const Int m = 29, n = 75, k = 20;
  auto a = Matrix<T>::random(m, k, k, 1, g), b = Matrix<T>::random(k, n, n, 1, g);
  a.at(28, 3) = std::numeric_limits<T>::quiet_NaN();
  b.at(19, 74) = std::numeric_limits<T>::infinity();
  Matrix<T> c(m, n, n, 1);
  tapegrad::kernels::gemm<T>(m, n, k, std::as_const(a).ref(), std::as_const(b).ref(), c.ref(),
                             {nullptr, false, Activation::relu});
  for (Int i = 0; i < m; ++i)
    for (Int j = 0; j < n; ++j)
      if (std::isnan(c.at(i, j)) != (i == 28) || (std::isinf(c.at(i, j)) && j != 74))
        BOOST_ERROR("element " << i << ", " << j);
}

// Chains of more than 8,192 products are summed in parts: the bias, and what has come so far, count once.
BOOST_AUTO_TEST_CASE(long_sums_keep_what_they_are_added_to) {
  using namespace tapegrad;
  const Tensor y = linear(ones({1, 8193}), ones({2, 8193}), from_vector<float>({1, 2}, {2}));
  BOOST_TEST((y.to_vector<float>() == std::vector<float>{8194, 8195}));
  const Tensor w = zeros({1, 1}, {.requires_grad = true});
  const Tensor x = ones({8193, 1});
  Tape tape;
  tape.backward(sum(linear(x, w)) + sum(linear(x, w)));
  BOOST_TEST(w.grad().item() == 2 * 8193.0);
}

BOOST_AUTO_TEST_SUITE_END()
