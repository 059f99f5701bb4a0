#include <fmt/format.h>

#include "base/dispatch.hpp"
#include "ops/conv/trilinear.hpp"
#include "ops/rows.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// Inputs: x [N, C, L], weight [O, C / groups, K], bias [O] or undefined.
struct Conv1d : TrilinearOp<Conv1d> {
  static constexpr std::string_view name = "conv1d";
  static constexpr std::string_view math =
      R"(y_{not} = b_o + \sum_{c,k} w_{ock}\, x_{n,c,\,ts + kd - p};\quad \bar x_{ncl} = \sum_{o,k,t} w_{ock}\, \bar y_{not}\,[ts + kd - p = l],\ \bar w_{ock} = \sum_{n,t} \bar y_{not}\, x_{n,c,\,ts + kd - p},\ \bar b_o = \sum_{n,t} \bar y_{not})";
  static constexpr Names<3> input_names = {"x", "weight", "bias"};
  using TrilinearOp::TrilinearOp;

  Tensor forward(const Tensor& x, const Tensor& weight, const Tensor& bias) const {
    const array::Array in = contiguous_array(x);
    const array::Array w = contiguous_array(weight);
    const OptionalElements b(bias);
    Tensor y = empty({in.shape[0], w.shape[0], how.steps}, {.dtype = in.dtype});
    with_floating(in.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::convolve(how.with(in.shape[0], in.shape[1], w.shape[0]), in.as<T>(), w.as<T>(), b.as<T>(),
                        written<T>(y));
    });
    return y;
  }
  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    return {s.wants(0) ? convolve_adjoint(how, dy, s.input(1)) : Tensor(),
            s.wants(1) ? correlate(how, s.input(0), dy) : Tensor(), s.wants(2) ? channel_sums(dy) : Tensor()};
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    if (s.wants(2)) sink.add(2, channel_sums(dy));
    if (!s.wants(0) && !s.wants(1)) return;
    const array::Array g = contiguous_array(dy);
    const kernels::Convolution facts = how.with(g.shape[0], s.input_shape(0)[1], g.shape[1]);
    with_floating(g.dtype, [&](auto zero) {
      using T = decltype(zero);
      if (s.wants(0)) {
        const array::Array w = contiguous_array(s.input(1));
        const GradientBuffer dx = sink.buffer(0);
        kernels::convolve_adjoint<T>(facts, g.as<T>(), w.as<T>(), nullptr, written<T>(dx.tensor), dx.holds_sum);
      }
      if (s.wants(1)) {
        const array::Array x = contiguous_array(s.input(0));
        const GradientBuffer dw = sink.buffer(1);
        kernels::correlate(facts, x.as<T>(), g.as<T>(), written<T>(dw.tensor), dw.holds_sum);
      }
    });
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    return with_bias(product_rule(s, dx, [&](const Tensor& a, const Tensor& b) { return convolve(how, a, b); }), dx[2],
                     s.output_shape());
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_{not} = b_o + \sum_{c,k} w_{ock}\, x_{n,c,\,ts + kd - p})",
         "stride s, dilation d, p zeros in front; x is 0 outside 0 ... L - 1, and t runs over the T steps of the "
         "output. With groups, c runs over the channels of "
         "o's group"},
        {"One form with three arguments",
         R"(F(x, w, g) = \sum_{n,o,t} g_{not} \sum_{c,k} w_{ock}\, x_{n,c,\,ts + kd - p})",
         "the layer without its bias is the derivative of F with respect to g: F is linear in each argument, so the "
         "three partial derivatives say everything"},
        {"Input",
         R"(\bar x_{ncl} = \frac{\partial F}{\partial x}(w, \bar y) = \sum_{o,k,t} w_{ock}\, \bar y_{not}\,[ts + kd - p = l])",
         "position l was read by tap k of each step t with $ts + kd - p = l$: the transposed convolution, which "
         "spreads "
         "each step's cotangent back over its window"},
        {"Which steps those are", R"(t = \frac{l + p - kd}{s})",
         "a whole number between 0 and $T - 1$, or nothing. The taps that fit depend on $(l + p) \\bmod s$ alone: so a "
         "stride "
         "cuts the input into s phases, each a convolution of stride 1 with its own taps. With $s = 1$ it is one "
         "convolution with the kernel turned around"},
        {"Weight",
         R"(\bar w_{ock} = \frac{\partial F}{\partial w}(x, \bar y) = \sum_{n,t} \bar y_{not}\, x_{n,c,\,ts + kd - p})",
         "tap k is used at every step of every sequence: input and cotangent are correlated, stride and dilation "
         "having "
         "changed places"},
        {"Bias", R"(\bar b_o = \sum_{n,t} \bar y_{not})", "it is added at each step"},
        {"Second order",
         R"(\left\langle u, \bar x \right\rangle = F(u, w, \bar y) \;\Rightarrow\; \frac{\partial \langle u, \bar x \rangle}{\partial w} = \frac{\partial F}{\partial w}(u, \bar y),\ \frac{\partial \langle u, \bar x \rangle}{\partial \bar y} = \frac{\partial F}{\partial g}(u, w))",
         "differentiating a partial derivative of F gives the other two again"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with = [](const Conv1dOptions& options) {
      return catalogue::of<3>(
          [=](const Tensor& x, const Tensor& w, const Tensor& b) { return conv1d(x, w, b, options); });
    };
    const auto inputs = [&g](const Shape& x, const Shape& w) {
      return catalogue::Arguments{uniform(g, x, -2, 2), uniform(g, w, -1, 1), uniform(g, {w[0]}, -1, 1)};
    };
    return {{"plain", inputs({2, 3, 5}, {2, 3, 3}), with({})},
            {"without bias",
             {uniform(g, {2, 2, 4}, -2, 2), uniform(g, {3, 2, 2}, -1, 1)},
             catalogue::of<2>([](const Tensor& x, const Tensor& w) { return conv1d(x, w); })},
            {"stride", inputs({2, 2, 7}, {3, 2, 3}), with({.stride = 2})},
            {"a stride that leaves positions out", inputs({1, 2, 8}, {2, 2, 2}), with({.stride = 3, .padding = 1})},
            {"padding", inputs({2, 2, 4}, {2, 2, 3}), with({.padding = 2})},
            {"dilation", inputs({1, 2, 6}, {2, 2, 3}), with({.padding = 1, .dilation = 2})},
            {"dilation and stride share a factor", inputs({1, 1, 9}, {1, 1, 3}), with({.stride = 2, .dilation = 2})},
            {"groups", inputs({2, 4, 4}, {6, 2, 2}), with({.groups = 2})},
            {"depthwise", inputs({2, 3, 4}, {3, 1, 3}), with({.padding = 1, .groups = 3})},
            {"causal", inputs({2, 2, 4}, {2, 2, 3}), with({.causal = true})},
            {"everything, causal", inputs({2, 4, 7}, {2, 2, 3}),
             with({.stride = 2, .dilation = 2, .groups = 2, .causal = true})},
            {"one sequence", inputs({2, 5}, {3, 2, 2}), with({})},
            {"one tap", inputs({2, 3, 4}, {2, 3, 1}), with({})},
            {"longer than the sequence", inputs({1, 2, 2}, {1, 2, 4}), with({.padding = 2})},
            {"no channels", inputs({2, 0, 4}, {2, 0, 3}), with({})},
            {"no sequences", inputs({0, 2, 4}, {3, 2, 3}), with({})}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"rank",
             [] {
               (void)conv1d(zeros({4}), zeros({2, 4, 3}));
             },
             "[conv1d] expected x [N, C, L] or [C, L] and weight [O, C / groups, K], got [4] and [2, 4, 3]"},
            {"channels",
             [] {
               (void)conv1d(zeros({2, 7, 40}), zeros({3, 40, 3}));
             },
             "[conv1d] weight [3, 40, 3] takes 40 channels, each of the 1 groups of x [2, 7, 40] has 7"},
            {"groups of x",
             [] {
               (void)conv1d(zeros({2, 5, 8}), zeros({4, 2, 3}), {}, {.groups = 2});
             },
             "[conv1d] the 5 channels of x [2, 5, 8] do not fall into 2 groups"},
            {"groups of the weight",
             [] {
               (void)conv1d(zeros({2, 4, 8}), zeros({3, 2, 3}), {}, {.groups = 2});
             },
             "[conv1d] the 3 channels of weight [3, 2, 3] do not fall into 2 groups"},
            {"bias",
             [] {
               (void)conv1d(zeros({2, 4, 8}), zeros({3, 4, 3}), zeros({4}));
             },
             "[conv1d] expected a bias [3], got [4]"},
            {"length",
             [] {
               (void)conv1d(zeros({2, 4, 2}), zeros({3, 4, 3}), {}, {.padding = 1, .dilation = 2});
             },
             "[conv1d] the kernel spans 5 positions, x [2, 4, 2] with its padding has 4"},
            {"no taps",
             [] {
               (void)conv1d(zeros({2, 4, 2}), zeros({3, 4, 0}));
             },
             "[conv1d] expected a kernel of at least one tap, got 0"},
            {"causal and padding",
             [] {
               (void)conv1d(zeros({2, 4, 8}), zeros({3, 4, 3}), {}, {.padding = 1, .causal = true});
             },
             "[conv1d] causal pads by itself, but padding is 1"},
            {"groups of no channels",
             [] {
               (void)conv1d(zeros({1, 0, 4}), zeros({0, 0, 1}), {}, {.groups = std::int64_t{1} << 61});
             },
             "[conv1d] the 0 channels of x [1, 0, 4] do not fall into 2305843009213693952 groups"},
            {"stride",
             [] {
               (void)conv1d(zeros({2, 4, 8}), zeros({3, 4, 3}), {}, {.stride = 0});
             },
             "[conv1d] expected a stride of at least 1, got 0"},
            {"dtypes",
             [] {
               (void)conv1d(zeros({2, 4, 8}), zeros({3, 4, 3}, {.dtype = float64}));
             },
             "[conv1d] float32 [2, 4, 8] with float64 [3, 4, 3]"},
            {"integers",
             [] {
               (void)conv1d(zeros({2, 4, 8}, {.dtype = int64}), zeros({3, 4, 3}));
             },
             "[conv1d] expected a floating tensor, got int64 [2, 4, 8]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[16, 64, 96] with 5 taps to 64 channels",
            {uniform(g, {16, 64, 96}, -2, 2), uniform(g, {64, 64, 5}, -1, 1), uniform(g, {64}, -1, 1)},
            catalogue::of<3>(
                [](const Tensor& x, const Tensor& w, const Tensor& b) { return conv1d(x, w, b, {.padding = 2}); })};
  }
};

Tensor convolve(const Meeting& how, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return with_strong_zeros(apply(Conv1d(how), x, weight, bias), x, weight, bias,
                           [&how](const Tensor& a, const Tensor& b) { return convolve(how, a, b); });
}

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv1dOptions& options) {
  constexpr std::string_view op = Conv1d::name;
  expect_operands(op, x, "x [N, C, L] or [C, L] and weight [O, C / groups, K]", weight, bias);
  const Meeting how = meeting_of(op, x.shape(), weight.size(2), options);
  if (weight.size(1) != x.size(-2) / how.groups) {
    const bool channels_last = x.size(-1) % how.groups == 0 && weight.size(1) == x.size(-1) / how.groups;
    throw ShapeError(fmt::format(
        "[{}] weight {} takes {} channels, each of the {} groups of x {} has {}{}", op, to_string(weight.shape()),
        weight.size(1), how.groups, to_string(x.shape()), x.size(-2) / how.groups,
        channels_last ? ": channels stand before positions, transpose(-1, -2) a [.., L, C]" : ""));
  }
  expect_groups(op, weight.size(0), "weight", weight.shape(), how.groups);
  expect_bias(op, bias, weight.size(0));
  return batched(x, [&](const Tensor& sequences) { return convolve(how, sequences, weight, bias); });
}

TAPEGRAD_CATALOGUE(conv, conv1d, Conv1d)

}  // namespace tapegrad
