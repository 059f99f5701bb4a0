#include "ops/reduce/arg_extremum.hpp"
#include "tape/expect.hpp"

namespace tapegrad {

struct ArgMax : ArgExtremumOp<ArgMax> {
  static constexpr std::string_view name = "argmax";
  static constexpr std::string_view math = R"(y_j = \min \{ i : x_i = \max_k x_k \})";
  using ArgExtremumOp::ArgExtremumOp;

  Tensor forward(const Tensor& x) const {
    return positions(x, [](const auto* in, const kernels::Slices& slices, std::int64_t* out) {
      kernels::reduce_argmax(in, slices, out);
    });
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \min \{ i : x_i = \max_k x_k \})",
             "of ties the first; a NaN counts as the largest element"},
            {"Cotangent", R"(\bar x = 0)", "an index is piecewise constant: it carries no gradient"}};
  }
  static catalogue::Samples samples(Generator& g) {
    return {{"last axis", {catalogue::uniform(g, {3, 4}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return argmax(x, -1);
             })},
            {"first axis, kept", {catalogue::uniform(g, {3, 4}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return argmax(x, 0, true);
             })},
            {"integers", {tensor({3, 7, 7, 2}, {.dtype = int64})}, catalogue::of([](const Tensor& x) {
               return argmax(x, 0);
             })}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"no elements",
             [] {
               argmax(zeros({2, 0}), 1);
             },
             "[argmax] no elements to choose from in [2, 0]"},
            {"bool", [] { argmax(ones({3}, {.dtype = boolean}), 0); }, "[argmax] expected a floating tensor"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 1", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return argmax(x, 1);
            })};
  }
};

Tensor argmax(const Tensor& x, int axis, bool keepdim) {
  return apply(ArgMax(Axes(axis).set("argmax", rank_of("argmax", x)), keepdim), x);
}

TAPEGRAD_CATALOGUE(reduce, argmax, ArgMax)

}  // namespace tapegrad
