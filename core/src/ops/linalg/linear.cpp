#include <fmt/format.h>

#include "base/dispatch.hpp"
#include "kernels/gemm.hpp"
#include "kernels/reduce.hpp"
#include "ops/bilinear.hpp"
#include "ops/sum_of.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

/// One product for all rows of x, the bias in its epilogue; gradients go straight into their buffers.
struct Linear : BilinearOp<Linear> {
  static constexpr std::string_view name = "linear";
  static constexpr std::string_view math =
      R"(Y = X W^\top + b;\quad \bar X = \bar Y W,\ \bar W = \bar Y^\top X,\ \bar b = \sum_r \bar Y_r)";
  static constexpr Names<3> input_names = {"x", "weight", "bias"};

  Tensor forward(const Tensor& x, const Tensor& weight, const Tensor& bias) const {
    check(x, weight, bias);
    Shape shape = x.shape();
    shape[shape.rank() - 1] = weight.size(0);
    Tensor y = empty(shape, {.dtype = x.dtype()});
    const array::Array xs = contiguous_array(x);
    const array::Array bs = bias.defined() ? contiguous_array(bias) : array::Array();
    const array::Array& ws = array_of(weight);
    with_floating(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const std::int64_t in = weight.size(1);
      const std::int64_t out = weight.size(0);
      kernels::gemm<T>(rows_of(shape), out, in, {xs.as<T>(), in, 1}, {ws.as<T>(), ws.strides[1], ws.strides[0]},
                       {array_of(y).as<T>(), out, 1}, {.bias = bias.defined() ? bs.as<T>() : nullptr});
    });
    return y;
  }
  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    const auto rows = [](const Tensor& t) { return t.dim() == 1 ? unsqueeze(t, 0) : flatten(t, 0, -2); };
    return {s.wants(0) ? matmul(dy, s.input(1)) : Tensor(),
            s.wants(1) ? matmul(rows(dy).transpose(0, 1), rows(s.input(0))) : Tensor(), s.wants(2) ? dy : Tensor()};
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const array::Array g = contiguous_array(dy);
    with_floating(dy.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const std::int64_t out = dy.size(-1);
      const std::int64_t rows = rows_of(dy.shape());
      if (s.wants(1)) {
        const array::Array x = contiguous_array(s.input(0));
        const std::int64_t in = x.shape.back();
        const GradientBuffer dw = sink.buffer(1);
        kernels::gemm<T>(out, in, rows, {g.as<T>(), 1, out}, {x.as<T>(), in, 1}, {array_of(dw.tensor).as<T>(), in, 1},
                         {.accumulate = dw.holds_sum});
      }
      s.release_input(0);
      if (s.wants(2)) {
        const Tensor db = empty({out}, {.dtype = dy.dtype()});
        kernels::reduce_sum(g.as<T>(), {.outer = 1, .n = rows, .inner = out}, array_of(db).as<T>());
        sink.add(2, db);
      }
      if (s.wants(0)) {
        const array::Array& w = array_of(s.input(1));
        const GradientBuffer dx = sink.buffer(0);
        kernels::gemm<T>(rows, w.shape[1], out, {g.as<T>(), out, 1}, {w.as<T>(), w.strides[0], w.strides[1]},
                         {array_of(dx.tensor).as<T>(), w.shape[1], 1}, {.accumulate = dx.holds_sum});
      }
    });
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    // By matmul, whose zeros are strong where a transform asks for it.
    Tensor dy =
        product_rule(s, dx, [](const Tensor& x, const Tensor& weight) { return matmul(x, weight.transpose(0, 1)); });
    if (dx[2].defined()) add_to(dy, expand(dx[2], s.output_shape()));
    return dy;
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(Y_{ro} = \sum_i X_{ri} W_{oi} + b_o)", "r runs over all leading dimensions of x at once"},
            {"Input", R"(\bar X_{ri} = \sum_o \bar Y_{ro} W_{oi})",
             "$X_{ri}$ enters $Y_{ro}$ with coefficient $W_{oi}$: a product without transposition"},
            {"Weight", R"(\bar W_{oi} = \sum_r \bar Y_{ro} X_{ri})",
             "$W_{oi}$ enters every row: the sum over rows is the inner dimension of the product"},
            {"Bias", R"(\bar b_o = \sum_r \bar Y_{ro})", "it is broadcast over the rows"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with_bias =
        catalogue::of<3>([](const Tensor& x, const Tensor& w, const Tensor& b) { return tapegrad::linear(x, w, b); });
    const auto plain = catalogue::of<2>([](const Tensor& x, const Tensor& w) { return tapegrad::linear(x, w); });
    return {{"rows", {uniform(g, {3, 4}, -2, 2), uniform(g, {2, 4}, -2, 2), uniform(g, {2}, -2, 2)}, with_bias},
            {"sequences", {uniform(g, {2, 3, 4}, -2, 2), uniform(g, {5, 4}, -2, 2), uniform(g, {5}, -2, 2)}, with_bias},
            {"one vector", {uniform(g, {4}, -2, 2), uniform(g, {2, 4}, -2, 2), uniform(g, {2}, -2, 2)}, with_bias},
            {"without bias", {uniform(g, {3, 4}, -2, 2), uniform(g, {2, 4}, -2, 2)}, plain},
            {"no features", {uniform(g, {3, 0}, -2, 2), uniform(g, {2, 0}, -2, 2), uniform(g, {2}, -2, 2)}, with_bias},
            {"no results", {uniform(g, {3, 4}, -2, 2), uniform(g, {0, 4}, -2, 2), uniform(g, {0}, -2, 2)}, with_bias},
            {"no rows", {uniform(g, {0, 4}, -2, 2), uniform(g, {2, 4}, -2, 2), uniform(g, {2}, -2, 2)}, with_bias}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"features",
             [] {
               (void)tapegrad::linear(zeros({16, 7, 40}), zeros({3, 41}));
             },
             "[linear] x [16, 7, 40] has 40 features, weight [3, 41] takes 41"},
            {"weight",
             [] {
               (void)tapegrad::linear(zeros({2, 3}), zeros({3}));
             },
             "[linear] expected x [.., in] and weight [out, in], got [2, 3] and [3]"},
            {"bias",
             [] {
               (void)tapegrad::linear(zeros({2, 3}), zeros({4, 3}), zeros({3}));
             },
             "[linear] expected a bias [4], got [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {
        "[112, 40] to 160",
        {uniform(g, {112, 40}, -2, 2), uniform(g, {160, 40}, -2, 2), uniform(g, {160}, -2, 2)},
        catalogue::of<3>([](const Tensor& x, const Tensor& w, const Tensor& b) { return tapegrad::linear(x, w, b); })};
  }

 private:
  /// Of x or y: what stands before the features, of which there may be none.
  static std::int64_t rows_of(const Shape& shape) {
    std::int64_t rows = 1;
    for (int d = 0; d + 1 < shape.rank(); ++d) rows *= shape[d];
    return rows;
  }
  static void check(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    expect_floating(name, x);
    expect_same_dtype(name, x, weight);
    if (x.dim() == 0 || weight.dim() != 2)
      throw ShapeError(fmt::format("[linear] expected x [.., in] and weight [out, in], got {} and {}",
                                   to_string(x.shape()), to_string(weight.shape())));
    if (x.size(-1) != weight.size(1))
      throw ShapeError(fmt::format("[linear] x {} has {} features, weight {} takes {}", to_string(x.shape()),
                                   x.size(-1), to_string(weight.shape()), weight.size(1)));
    if (!bias.defined()) return;
    expect_same_dtype(name, x, bias);
    if (bias.shape() != Shape{weight.size(0)})
      throw ShapeError(fmt::format("[linear] expected a bias [{}], got {}", weight.size(0), to_string(bias.shape())));
  }
};

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) { return apply(Linear{}, x, weight, bias); }

TAPEGRAD_CATALOGUE(linalg, linear, Linear)

}  // namespace tapegrad
