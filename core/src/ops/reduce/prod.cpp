#include "kernels/scan.hpp"
#include "ops/reduce/reduce_op.hpp"
#include "tape/expect.hpp"
#include "tapegrad/ops/scan.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

struct Prod : ReduceOp<Prod> {
  static constexpr std::string_view name = "prod";
  static constexpr std::string_view math =
      R"(y_j = \prod_{i \mapsto j} x_i;\quad \bar x_i = \bar y_{j(i)} \prod_{k \mapsto j(i),\, k \ne i} x_k)";
  using ReduceOp::ReduceOp;

  Tensor forward(const Tensor& x) const {
    return reduce(
        x, [](const auto* in, const kernels::Slices& slices, auto* out) { kernels::reduce_product(in, slices, out); });
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    return unreduce(dy, s.input_shape(0)) * product_of_others(s.input(0));
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const Tensor& x = s.input(0);
    const Rows rows(x.shape(), axes);
    const array::Array factors = contiguous_array(rows.of(x));
    const Tensor others = empty(factors.shape, {.dtype = x.dtype()});
    with_floating(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::exclusive_product(factors.as<T>(), {.outer = factors.shape[0], .n = factors.shape[1]},
                                 array_of(others).as<T>());
    });
    sink.add(0, unreduce(dy, x.shape()) * rows.back(others));
  }
  Tensor jvp(const Saved& s, const Tensor& dx) const {
    return sum(dx * product_of_others(s.input(0)), axis_list(), keepdim);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \prod_k x_k)", "for each result"},
            {"Slope", R"(\frac{\partial y}{\partial x_i} = \prod_{k \ne i} x_k)",
             "y is linear in each element; written as $y / x_i$ it would fail at $x_i = 0$"},
            {"Before and behind", R"(\prod_{k \ne i} x_k = \prod_{k < i} x_k \cdot \prod_{k > i} x_k)",
             "running products from both ends: two passes, no division, and zeros need no case of their own"},
            {"Second order", R"(\frac{\partial^2 y}{\partial x_i \partial x_j} = \prod_{k \ne i, j} x_k)",
             "right with two zeros too: the running products are cumprod, whose rule has no division either"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::of;
    using catalogue::uniform;
    using catalogue::vector64;
    catalogue::Samples s =
        reduction_samples(g, [](const Tensor& x, const Axes& over, bool keep) { return prod(x, over, keep); });
    const auto all = of([](const Tensor& x) { return prod(x); });
    s.push_back({"a zero", {vector64({1.5, 0.0, -2.0, 0.5})}, all});
    s.push_back({"two zeros", {vector64({1.5, 0.0, -2.0, 0.0})}, all});
    s.push_back({"three zeros", {vector64({0.0, 0.0, -2.0, 0.0})}, all});
    s.push_back({"a scalar", {uniform(g, {}, -2, 2)}, all});
    s.push_back({"one element each", {uniform(g, {3, 1}, -2, 2)}, of([](const Tensor& x) { return prod(x, 1); })});
    s.push_back({"over no elements", {uniform(g, {3, 0}, -2, 2)}, of([](const Tensor& x) { return prod(x, 1); })});
    return s;
  }
  static catalogue::ErrorSamples errors() {
    return {{"axis",
             [] {
               (void)prod(zeros({2, 3}), 2);
             },
             "[prod] axis 2 is out of range for rank 2"},
            {"twice",
             [] {
               (void)prod(zeros({2, 3}), {1, -1});
             },
             "[prod] axis -1 is given twice"},
            {"integers", [] { (void)prod(arange(3)); }, "[prod] expected a floating tensor"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 1", {catalogue::uniform(g, {512, 512}, 0.9, 1.1)}, catalogue::of([](const Tensor& x) {
              return prod(x, 1);
            })};
  }

 private:
  /// x as a matrix whose rows are the factors of one result each, and the way back.
  class Rows {
   public:
    Rows(const Shape& shape, AxisSet reduced)
        : order_(reduced_last(shape.rank(), reduced)), inverse_(order_.size()), permuted_(shape) {
      for (int k = 0; k < shape.rank(); ++k) {
        const int d = order_[static_cast<std::size_t>(k)];
        inverse_[static_cast<std::size_t>(d)] = k;
        permuted_[k] = shape[d];
        (contains(reduced, d) ? factors_ : results_) *= shape[d];
      }
    }
    Tensor of(const Tensor& x) const { return reshape(permute(x, order_), {results_, factors_}); }
    Tensor back(const Tensor& rows) const { return permute(reshape(rows, permuted_), inverse_); }

   private:
    std::vector<int> order_;
    std::vector<int> inverse_;
    Shape permuted_;
    std::int64_t results_ = 1;
    std::int64_t factors_ = 1;
  };

  /// In double precision, as the kernel: what lies before or behind may overflow where the whole does not.
  Tensor product_of_others(const Tensor& x) const {
    const Rows rows(x.shape(), axes);
    const Tensor factors = rows.of(x.to(float64));
    const Tensor behind = flip(product_before(flip(factors, {1})), {1});
    return rows.back(product_before(factors) * behind).to(x.dtype());
  }
  /// For each factor the product of those before it in its row.
  static Tensor product_before(const Tensor& rows) {
    const std::int64_t n = rows.size(1);
    return n == 0 ? rows : cumprod(pad(slice(rows, 1, {0, n - 1}), {{}, {1, 0}}, 1.0), 1);
  }
};

Tensor prod(const Tensor& x, const Axes& axes, bool keepdim) { return Prod::over(x, axes, keepdim); }

TAPEGRAD_CATALOGUE(reduce, prod, Prod)

}  // namespace tapegrad
