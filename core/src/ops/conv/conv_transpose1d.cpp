#include <fmt/format.h>

#include "base/dispatch.hpp"
#include "ops/conv/trilinear.hpp"
#include "ops/rows.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/engine/conv_options.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// Inputs: x [N, O, T], weight [O, C / groups, K], bias [C] or undefined.
struct ConvTranspose1d : TrilinearOp<ConvTranspose1d> {
  static constexpr std::string_view name = "conv_transpose1d";
  static constexpr std::string_view math =
      R"(y_{ncl} = b_c + \sum_{o,k,t} w_{ock}\, x_{not}\,[ts + kd - p = l];\quad \bar x_{not} = \sum_{c,k} w_{ock}\, \bar y_{n,c,\,ts + kd - p},\ \bar w_{ock} = \sum_{n,t} x_{not}\, \bar y_{n,c,\,ts + kd - p},\ \bar b_c = \sum_{n,l} \bar y_{ncl})";
  static constexpr Names<3> input_names = {"x", "weight", "bias"};
  using TrilinearOp::TrilinearOp;

  Tensor forward(const Tensor& x, const Tensor& weight, const Tensor& bias) const {
    const array::Array in = contiguous_array(x);
    const array::Array w = contiguous_array(weight);
    const OptionalElements b(bias);
    const std::int64_t channels = w.shape[1] * how.groups;
    Tensor y = empty({in.shape[0], channels, how.length}, {.dtype = in.dtype});
    with_floating(in.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::convolve_adjoint(how.with(in.shape[0], channels, in.shape[1]), in.as<T>(), w.as<T>(), b.as<T>(),
                                written<T>(y), false);
    });
    return y;
  }
  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    return {s.wants(0) ? convolve(how, dy, s.input(1)) : Tensor(),
            s.wants(1) ? correlate(how, dy, s.input(0)) : Tensor(), s.wants(2) ? channel_sums(dy) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    return with_bias(product_rule(s, dx, [&](const Tensor& a, const Tensor& b) { return convolve_adjoint(how, a, b); }),
                     dx[2], s.output_shape());
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{ncl} = b_c + \sum_{o,k,t} w_{ock}\, x_{not}\,[ts + kd - p = l])",
             "o and t belong to the input, c and l to the result: each step t spreads over the window that conv1d "
             "would have read it from. With groups, o runs over the channels of c's group"},
            {"The form", R"(F(u, w, x) = \sum_{n,o,t} x_{not} \sum_{c,k} w_{ock}\, u_{n,c,\,ts + kd - p})",
             "without its bias y is the derivative of conv1d's form with respect to the sequence u"},
            {"Input",
             R"(\bar x = \frac{\partial F}{\partial x}(\bar y, w) = \sum_{c,k} w_{ock}\, \bar y_{n,c,\,ts + kd - p})",
             "the transpose of a transpose: a plain convolution of the cotangent"},
            {"Weight",
             R"(\bar w = \frac{\partial F}{\partial w}(\bar y, x) = \sum_{n,t} x_{not}\, \bar y_{n,c,\,ts + kd - p})",
             "as for conv1d, with input and cotangent in each other's place"},
            {"Bias", R"(\bar b_c = \sum_{n,l} \bar y_{ncl})", "it is added at each position"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with = [](const ConvTranspose1dOptions& options) {
      return catalogue::of<3>(
          [=](const Tensor& x, const Tensor& w, const Tensor& b) { return conv_transpose1d(x, w, b, options); });
    };
    const auto inputs = [&g](const Shape& x, const Shape& w, std::int64_t groups = 1) {
      return catalogue::Arguments{uniform(g, x, -2, 2), uniform(g, w, -1, 1), uniform(g, {groups * w[1]}, -1, 1)};
    };
    return {{"plain", inputs({2, 3, 4}, {3, 2, 3}), with({})},
            {"without bias",
             {uniform(g, {1, 2, 4}, -2, 2), uniform(g, {2, 3, 2}, -1, 1)},
             catalogue::of<2>([](const Tensor& x, const Tensor& w) { return conv_transpose1d(x, w); })},
            {"stride", inputs({2, 2, 3}, {2, 2, 3}), with({.stride = 2, .padding = 1, .output_padding = 1})},
            {"a stride beyond the kernel", inputs({1, 2, 3}, {2, 2, 2}), with({.stride = 3})},
            {"groups and dilation", inputs({2, 4, 3}, {4, 1, 2}, 2), with({.dilation = 2, .groups = 2})},
            {"one sequence", inputs({2, 3}, {2, 2, 2}), with({})},
            {"no sequences", inputs({0, 2, 3}, {2, 2, 2}), with({})}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"rank",
             [] {
               (void)conv_transpose1d(zeros({4}), zeros({2, 4, 3}));
             },
             "[conv_transpose1d] expected x [N, O, T] or [O, T] and weight [O, C / groups, K], got [4] and [2, 4, 3]"},
            {"channels",
             [] {
               (void)conv_transpose1d(zeros({2, 3, 8}), zeros({4, 2, 3}));
             },
             "[conv_transpose1d] weight [4, 2, 3] takes 4 channels, x [2, 3, 8] has 3"},
            {"groups",
             [] {
               (void)conv_transpose1d(zeros({2, 3, 8}), zeros({3, 2, 3}), {}, {.groups = 2});
             },
             "[conv_transpose1d] the 3 channels of x [2, 3, 8] do not fall into 2 groups"},
            {"bias",
             [] {
               (void)conv_transpose1d(zeros({2, 4, 8}), zeros({4, 2, 3}), zeros({2}), {.groups = 2});
             },
             "[conv_transpose1d] expected a bias [4], got [2]"},
            {"output padding",
             [] {
               (void)conv_transpose1d(zeros({2, 4, 8}), zeros({4, 2, 3}), {}, {.stride = 2, .output_padding = 2});
             },
             "[conv_transpose1d] expected an output_padding from 0 to below stride 2 or dilation 1, got 2"},
            {"nothing left",
             [] {
               (void)conv_transpose1d(zeros({2, 4, 1}), zeros({4, 2, 2}), {}, {.padding = 2});
             },
             "[conv_transpose1d] x [2, 4, 1] gives a sequence of length -2"},
            {"stride",
             [] {
               (void)conv_transpose1d(zeros({2, 4, 8}), zeros({4, 2, 3}), {}, {.stride = 0});
             },
             "[conv_transpose1d] expected a stride of at least 1, got 0"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[16, 64, 48], stride 2, with 4 taps to 64 channels",
            {uniform(g, {16, 64, 48}, -2, 2), uniform(g, {64, 64, 4}, -1, 1), uniform(g, {64}, -1, 1)},
            catalogue::of<3>([](const Tensor& x, const Tensor& w, const Tensor& b) {
              return conv_transpose1d(x, w, b, {.stride = 2, .padding = 1});
            })};
  }
};

Tensor convolve_adjoint(const Meeting& how, const Tensor& g, const Tensor& weight, const Tensor& bias) {
  return with_strong_zeros(apply(ConvTranspose1d(how), g, weight, bias), g, weight, bias,
                           [&how](const Tensor& a, const Tensor& b) { return convolve_adjoint(how, a, b); });
}

Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const ConvTranspose1dOptions& options) {
  constexpr std::string_view op = ConvTranspose1d::name;
  expect_operands(op, x, "x [N, O, T] or [O, T] and weight [O, C / groups, K]", weight, bias);
  engine::expect_convolution(op, options);
  if (weight.size(0) != x.size(-2))
    throw ShapeError(fmt::format("[{}] weight {} takes {} channels, x {} has {}", op, to_string(weight.shape()),
                                 weight.size(0), to_string(x.shape()), x.size(-2)));
  expect_groups(op, x.size(-2), "x", x.shape(), options.groups);
  expect_bias(op, bias, weight.size(1) * options.groups);
  if (weight.size(2) < 1) throw ShapeError(fmt::format("[{}] expected a kernel of at least one tap, got 0", op));
  std::int64_t length = span_of(op, weight.size(2), options.dilation);
  std::int64_t steps = 0;
  if (__builtin_mul_overflow(x.size(-1) - 1, options.stride, &steps) ||
      __builtin_add_overflow(length, steps, &length) || __builtin_add_overflow(length, options.output_padding, &length))
    throw ShapeError(
        fmt::format("[{}] a stride of {} is too large for x {}", op, options.stride, to_string(x.shape())));
  if (__builtin_sub_overflow(length, options.padding, &length) ||
      __builtin_sub_overflow(length, options.padding, &length))
    throw ShapeError(
        fmt::format("[{}] a padding of {} is too large for x {}", op, options.padding, to_string(x.shape())));
  if (length < 0)
    throw ShapeError(fmt::format("[{}] x {} gives a sequence of length {}", op, to_string(x.shape()), length));
  const Meeting how{.stride = options.stride,
                    .dilation = options.dilation,
                    .before = options.padding,
                    .groups = options.groups,
                    .length = length,
                    .steps = x.size(-1),
                    .taps = weight.size(2)};
  return batched(x, [&](const Tensor& sequences) { return convolve_adjoint(how, sequences, weight, bias); });
}

TAPEGRAD_CATALOGUE(conv, conv_transpose1d, ConvTranspose1d)

}  // namespace tapegrad
