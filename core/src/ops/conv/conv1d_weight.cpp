#include <fmt/format.h>

#include "base/dispatch.hpp"
#include "ops/conv/trilinear.hpp"
#include "ops/rows.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// Inputs: x [N, C, L] and a cotangent g [N, O, T].
struct Conv1dWeight : TrilinearOp<Conv1dWeight> {
  static constexpr std::string_view name = "conv1d_weight";
  static constexpr std::string_view math =
      R"(w_{ock} = \sum_{n,t} g_{not}\, x_{n,c,\,ts + kd - p};\quad \bar x_{ncl} = \sum_{o,k,t} \bar w_{ock}\, g_{not}\,[ts + kd - p = l],\ \bar g_{not} = \sum_{c,k} \bar w_{ock}\, x_{n,c,\,ts + kd - p})";
  static constexpr Names<2> input_names = {"x", "g"};
  using TrilinearOp::TrilinearOp;

  Tensor forward(const Tensor& x, const Tensor& g) const {
    const array::Array in = contiguous_array(x);
    const array::Array cotangent = contiguous_array(g);
    Tensor w = empty({cotangent.shape[1], in.shape[1] / how.groups, how.taps}, {.dtype = in.dtype});
    with_floating(in.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::correlate(how.with(in.shape[0], in.shape[1], cotangent.shape[1]), in.as<T>(), cotangent.as<T>(),
                         written<T>(w), false);
    });
    return w;
  }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dw) const {
    return {s.wants(0) ? convolve_adjoint(how, s.input(1), dw) : Tensor(),
            s.wants(1) ? convolve(how, s.input(0), dw) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    return product_rule(s, dx, [&](const Tensor& a, const Tensor& b) { return correlate(how, a, b); });
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(w_{ock} = \frac{\partial F}{\partial w}(x, g) = \sum_{n,t} g_{not}\, x_{n,c,\,ts + kd - p})",
         "F is conv1d's form of a sequence, a kernel and a cotangent; this is the gradient of the kernel"},
        {"Sequence", R"(\bar x = \frac{\partial F}{\partial x}(\bar w, g))",
         "the transposed convolution of g with the cotangent for a kernel"},
        {"Cotangent", R"(\bar g = \frac{\partial F}{\partial g}(x, \bar w))",
         "the convolution of x with it: the form is linear in each argument"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with = [](std::int64_t taps, const Conv1dOptions& options = {}) {
      return catalogue::of<2>([=](const Tensor& x, const Tensor& dy) { return conv1d_weight(x, dy, taps, options); });
    };
    return {{"plain", {uniform(g, {2, 3, 5}, -2, 2), uniform(g, {2, 2, 3}, -2, 2)}, with(3)},
            {"stride and padding",
             {uniform(g, {2, 2, 7}, -2, 2), uniform(g, {2, 3, 4}, -2, 2)},
             with(3, {.stride = 2, .padding = 1})},
            {"groups and dilation",
             {uniform(g, {2, 4, 6}, -2, 2), uniform(g, {2, 2, 4}, -2, 2)},
             with(2, {.dilation = 2, .groups = 2})},
            {"causal", {uniform(g, {1, 2, 4}, -2, 2), uniform(g, {1, 2, 4}, -2, 2)}, with(3, {.causal = true})},
            {"no sequences", {uniform(g, {0, 2, 4}, -2, 2), uniform(g, {0, 3, 3}, -2, 2)}, with(2)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"rank",
             [] {
               (void)conv1d_weight(zeros({3, 5}), zeros({2, 2, 3}), 3);
             },
             "[conv1d_weight] expected x [N, C, L] and dy [N, O, T], got [3, 5] and [2, 2, 3]"},
            {"steps",
             [] {
               (void)conv1d_weight(zeros({2, 3, 5}), zeros({2, 2, 4}), 3);
             },
             "[conv1d_weight] expected dy [2, O, 3] for x [2, 3, 5] and 3 taps, got [2, 2, 4]"},
            {"kernel size",
             [] {
               (void)conv1d_weight(zeros({2, 3, 5}), zeros({2, 2, 6}), 0);
             },
             "[conv1d_weight] expected a kernel size of at least 1, got 0"},
            {"groups",
             [] {
               (void)conv1d_weight(zeros({2, 4, 5}), zeros({2, 3, 3}), 3, {.groups = 2});
             },
             "[conv1d_weight] the 3 channels of dy [2, 3, 3] do not fall into 2 groups"},
            {"dtypes",
             [] {
               (void)conv1d_weight(zeros({2, 4, 8}), zeros({2, 4, 8}, {.dtype = float64}), 1);
             },
             "[conv1d_weight] float32 [2, 4, 8] with float64 [2, 4, 8]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {
        "5 taps of [16, 64, 96] and as much",
        {uniform(g, {16, 64, 96}, -2, 2), uniform(g, {16, 64, 96}, -2, 2)},
        catalogue::of<2>([](const Tensor& x, const Tensor& dy) { return conv1d_weight(x, dy, 5, {.padding = 2}); })};
  }
};

Tensor correlate(const Meeting& how, const Tensor& x, const Tensor& g) {
  return with_strong_zeros(apply(Conv1dWeight(how), x, g), x, g, {},
                           [&how](const Tensor& a, const Tensor& b) { return correlate(how, a, b); });
}

Tensor conv1d_weight(const Tensor& x, const Tensor& dy, std::int64_t kernel_size, const Conv1dOptions& options) {
  constexpr std::string_view op = Conv1dWeight::name;
  expect_defined(op, x, "input 0 (x)");
  expect_defined(op, dy, "input 1 (dy)");
  expect_floating(op, x);
  expect_same_dtype(op, x, dy);
  if (x.dim() != 3 || dy.dim() != 3)
    throw ShapeError(fmt::format("[{}] expected x [N, C, L] and dy [N, O, T], got {} and {}", op, to_string(x.shape()),
                                 to_string(dy.shape())));
  if (kernel_size < 1)
    throw ValueError(fmt::format("[{}] expected a kernel size of at least 1, got {}", op, kernel_size));
  const Meeting how = meeting_of(op, x.shape(), kernel_size, options);
  if (dy.size(0) != x.size(0) || dy.size(2) != how.steps)
    throw ShapeError(fmt::format("[{}] expected dy [{}, O, {}] for x {} and {} taps, got {}", op, x.size(0), how.steps,
                                 to_string(x.shape()), kernel_size, to_string(dy.shape())));
  expect_groups(op, dy.size(1), "dy", dy.shape(), how.groups);
  return correlate(how, x, dy);
}

TAPEGRAD_CATALOGUE(conv, conv1d_weight, Conv1dWeight)

}  // namespace tapegrad
