#include <fmt/format.h>

#include "array/recycled.hpp"
#include "array/walk.hpp"
#include "base/dispatch.hpp"
#include "kernels/gemm.hpp"
#include "ops/bilinear.hpp"
#include "ops/strong_zero.hpp"
#include "tape/expect.hpp"
#include "tape/recorder.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad {
namespace {

/// The last two axes of an array as a matrix operand; the batch axes are walked by offsets.
template <class T, class A>
kernels::MatrixRef<T> matrix(const A& a) {
  const int r = a.shape.rank();
  return {a.template as<std::remove_const_t<T>>(), a.strides[r - 2], a.strides[r - 1]};
}

Shape batch_of(const Shape& shape) {
  Shape batch = shape;
  batch.erase(batch.rank() - 1);
  batch.erase(batch.rank() - 1);
  return batch;
}

/// What the batch axes of the operands broadcast to.
Shape common_batch(const Shape& a, const Shape& b) {
  try {
    return broadcast_shapes("matmul", batch_of(a), batch_of(b));
  } catch (const ShapeError&) {  // which names the batch axes alone
    throw ShapeError(fmt::format("[matmul] batches do not broadcast: {} x {}", to_string(a), to_string(b)));
  }
}

/// Where each product of a batch starts in the three arrays.
void batch_offsets(const Shape& batch, const Shape& a, const Shape& b, const Shape& c,
                   array::RecycledVector<kernels::BatchOffset>& offsets) {
  offsets.reserve(static_cast<std::size_t>(batch.numel()));
  array::Walk<3> product(batch, {a, b, c});
  for (std::int64_t i = 0, n = batch.numel(); i < n; ++i, product.advance())
    offsets.push_back({product.offset(0), product.offset(1), product.offset(2)});
}

/// c = a b (or c += a b) for operands of rank >= 2 whose batch axes broadcast to those of c.
void multiply(const array::Array& a, const array::Array& b, const array::Array& c, bool accumulate) {
  if (c.shape.numel() == 0) return;
  const int r = c.shape.rank();
  const std::int64_t m = c.shape[r - 2];
  const std::int64_t n = c.shape[r - 1];
  const std::int64_t k = a.shape[a.shape.rank() - 1];
  const Shape batch = batch_of(c.shape);
  const Shape a_strides = broadcast_strides(batch_of(a.shape), batch_of(a.strides), batch);
  const Shape b_strides = broadcast_strides(batch_of(b.shape), batch_of(b.strides), batch);
  array::RecycledVector<kernels::BatchOffset> offsets;
  batch_offsets(batch, a_strides, b_strides, batch_of(c.strides), offsets);
  with_floating(c.dtype, [&](auto zero) {
    using T = decltype(zero);
    kernels::gemm_batched<T>(offsets, m, n, k, matrix<const T>(a), matrix<const T>(b), matrix<T>(c),
                             {.accumulate = accumulate});
  });
}

}  // namespace

/// Both operands of rank >= 2; the public function gives vectors their second dimension.
struct MatMul : BilinearOp<MatMul> {
  static constexpr std::string_view name = "matmul";
  static constexpr std::string_view math = R"(Y = A B;\quad \bar A = \bar Y B^\top,\ \bar B = A^\top \bar Y)";

  Tensor forward(const Tensor& a, const Tensor& b) const {
    Shape shape = common_batch(a.shape(), b.shape());
    shape.push_back(a.size(-2));
    shape.push_back(b.size(-1));
    Tensor y = empty(shape, {.dtype = a.dtype()});
    multiply(array_of(a), array_of(b), array_of(y), false);
    return y;
  }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {s.wants(0) ? matmul(dy, s.input(1).transpose(-1, -2)) : Tensor(),
            s.wants(1) ? matmul(s.input(0).transpose(-1, -2), dy) : Tensor()};
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const array::Array& g = array_of(dy);
    if (s.wants(0)) put(sink, 0, s.input_shape(0), g, transposed(array_of(s.input(1))));
    if (s.wants(1)) put(sink, 1, s.input_shape(1), transposed(array_of(s.input(0))), g);
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    return product_rule(s, dx, [](const Tensor& a, const Tensor& b) { return matmul(a, b); });
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(Y_{ij} = \sum_k A_{ik} B_{kj})", "for each matrix of the batch"},
        {"Differential", R"(dY = dA\,B + A\,dB)", "the product rule; matrices do not commute"},
        {"Cotangents",
         R"(\langle \bar Y, dA\,B \rangle = \mathrm{tr}(\bar Y^\top dA\,B) = \langle \bar Y B^\top, dA \rangle,\quad \langle \bar Y, A\,dB \rangle = \mathrm{tr}(\bar Y^\top A\,dB) = \langle A^\top \bar Y, dB \rangle)",
         "the trace is cyclic: what multiplies dA, and dB, is its cotangent"},
        {"So", R"(\bar A = \bar Y B^\top,\quad \bar B = A^\top \bar Y)",
         "and for a broadcast batch the engine sums over the copies"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto call = catalogue::of<2>([](const Tensor& a, const Tensor& b) { return matmul(a, b); });
    return {{"matrices", {uniform(g, {3, 4}, -2, 2), uniform(g, {4, 2}, -2, 2)}, call},
            {"batch", {uniform(g, {2, 3, 4}, -2, 2), uniform(g, {2, 4, 2}, -2, 2)}, call},
            {"broadcast right", {uniform(g, {2, 3, 4}, -2, 2), uniform(g, {4, 2}, -2, 2)}, call},
            {"broadcast both", {uniform(g, {2, 1, 3, 2}, -2, 2), uniform(g, {3, 2, 2}, -2, 2)}, call},
            {"row times matrix", {uniform(g, {3}, -2, 2), uniform(g, {3, 2}, -2, 2)}, call},
            {"matrix times column", {uniform(g, {2, 3}, -2, 2), uniform(g, {3}, -2, 2)}, call},
            {"inner product", {uniform(g, {3}, -2, 2), uniform(g, {3}, -2, 2)}, call},
            {"batch times column", {uniform(g, {2, 2, 3}, -2, 2), uniform(g, {3}, -2, 2)}, call},
            {"empty inner dimension", {uniform(g, {2, 0}, -2, 2), uniform(g, {0, 3}, -2, 2)}, call},
            {"no rows", {uniform(g, {0, 2}, -2, 2), uniform(g, {2, 3}, -2, 2)}, call}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"inner",
             [] {
               (void)matmul(zeros({16, 7, 40}), zeros({41, 3}));
             },
             "[matmul] inner dimensions differ: [16, 7, 40] x [41, 3]"},
            {"batch",
             [] {
               (void)matmul(zeros({2, 3, 4}), zeros({3, 4, 2}));
             },
             "[matmul] batches do not broadcast: [2, 3, 4] x [3, 4, 2]"},
            {"scalar",
             [] {
               (void)matmul(zeros({}), zeros({2, 2}));
             },
             "[matmul] a scalar is no matrix: [] x [2, 2]"},
            {"dtypes",
             [] {
               (void)matmul(zeros({2, 2}), zeros({2, 2}, {.dtype = float64}));
             },
             "[matmul] float32 [2, 2] with float64"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[256, 256] x [256, 256]",
            {catalogue::uniform(g, {256, 256}, -2, 2), catalogue::uniform(g, {256, 256}, -2, 2)}};
  }

 private:
  static array::Array transposed(const array::Array& a) {
    Shape shape = a.shape;
    Shape strides = a.strides;
    const int r = shape.rank();
    std::swap(shape[r - 2], shape[r - 1]);
    std::swap(strides[r - 2], strides[r - 1]);
    return a.view(shape, strides);
  }
  /// The product straight into the gradient's buffer where its batch is not broadcast; else whole, for the engine to
  /// sum.
  static void put(GradientSink& sink, int input, const Shape& shape, const array::Array& a, const array::Array& b) {
    Shape full = common_batch(a.shape, b.shape);
    full.push_back(a.shape[a.shape.rank() - 2]);
    full.push_back(b.shape.back());
    if (full == shape) {
      const GradientBuffer gathered = sink.buffer(input);
      multiply(a, b, array_of(gathered.tensor), gathered.holds_sum);
      return;
    }
    const Tensor whole = empty(full, {.dtype = a.dtype});
    multiply(a, b, array_of(whole), false);
    sink.add(input, whole);
  }
};

namespace {

Tensor product_of_matrices(const Tensor& a, const Tensor& b) {
  Tensor product = apply(MatMul{}, a, b);
  if (recorder.strong_zero) product = bilinear_with_strong_zeros(product, a, b, product_of_matrices);
  return product;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  expect_defined(MatMul::name, a, "input 0 (a)");
  expect_defined(MatMul::name, b, "input 1 (b)");
  expect_floating(MatMul::name, a);
  expect_same_dtype(MatMul::name, a, b);
  if (a.dim() == 0 || b.dim() == 0)
    throw ShapeError(
        fmt::format("[matmul] a scalar is no matrix: {} x {}", to_string(a.shape()), to_string(b.shape())));
  if (a.size(-1) != b.size(b.dim() == 1 ? 0 : -2))
    throw ShapeError(
        fmt::format("[matmul] inner dimensions differ: {} x {}", to_string(a.shape()), to_string(b.shape())));
  if (a.dim() > 1 && b.dim() > 1) return product_of_matrices(a, b);
  const Tensor left = a.dim() > 1 ? a : a.reshape({1, a.size(0)});
  const Tensor right = b.dim() > 1 ? b : b.reshape({b.size(0), 1});
  const Tensor y = product_of_matrices(left, right);
  Shape shape = y.shape();
  if (b.dim() == 1) shape.erase(shape.rank() - 1);
  if (a.dim() == 1) shape.erase(shape.rank() - (b.dim() == 1 ? 1 : 2));
  return y.reshape(shape);
}

TAPEGRAD_CATALOGUE(linalg, matmul, MatMul)

}  // namespace tapegrad
