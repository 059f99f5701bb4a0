#include "ops/index/gathered_op.hpp"
#include "ops/reduce/reduce_op.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/index.hpp"

namespace tapegrad {

/// Two outputs: values, which carry the gradient, and int64 indices, which do not.
struct MaxWithIndices : Op<MaxWithIndices> {
  static constexpr std::string_view name = "max_with_indices";
  static constexpr std::string_view math =
      R"(y_j = x_{k_j},\ k_j = \mathrm{argmax}_{i \mapsto j}\, x_i;\quad \bar x_i = \bar y_{j(i)} [i = k_{j(i)}])";
  static constexpr Keep keep = Keep::output_at(1);
  int axis;
  bool keepdim;

  MaxWithIndices(int d, bool keep_axis) : axis(d), keepdim(keep_axis) {}

  std::array<Tensor, 2> forward(const Tensor& x) const {
    const Tensor indices = argmax(x, axis, true);
    const Tensor values = gather(x, axis, indices);
    return {restore(values, x.shape()), restore(indices, x.shape())};
  }
  Tensor vjp(const Saved& s, Cotangents dys) const {
    if (!dys[0].defined()) return {};
    const Shape& shape = s.input_shape(0);
    return scatter_add(zeros(shape, {.dtype = dys[0].dtype()}), axis, kept_axis(s.output(1), shape),
                       kept_axis(dys[0], shape));
  }
  std::array<Tensor, 2> jvp(const Saved& s, const Tensor& dx) const {
    return {restore(gather(dx, axis, kept_axis(s.output(1), dx.shape())), dx.shape()), Tensor()};
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("axis", axis);
    visitor("keepdim", keepdim);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(k_j = \mathrm{argmax}_i\, x_i,\quad y_j = x_{k_j})", "of ties the first"},
            {"Cotangent", R"(\bar x_i = \sum_j \bar y_j [i = k_j])",
             "the index is locally constant, so y is a gather: its adjoint scatters"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::of;
    return {{"last axis", {catalogue::scattered(g, {3, 4}, -2, 2)}, of([](const Tensor& x) {
               return max_with_indices(x, -1);
             })},
            {"first axis, kept", {catalogue::scattered(g, {3, 4}, -2, 2)}, of([](const Tensor& x) {
               return max_with_indices(x, 0, true);
             })},
            {"ties",
             {catalogue::vector64({1.0, 2.0, 2.0})},
             of([](const Tensor& x) { return max_with_indices(x, 0); }),
             {.order = 1, .reason = "a kink", .kink = true}}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"no elements",
             [] {
               (void)max_with_indices(zeros({2, 0}), 1);
             },
             "[max_with_indices] no elements to choose from in [2, 0]"},
            {"bool", [] { (void)max_with_indices(ones({3}, {.dtype = boolean}), 0); },
             "[max_with_indices] expected a floating tensor, got bool [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 1", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return max_with_indices(x, 1);
            })};
  }

 private:
  Shape kept_shape(const Shape& input) const { return reduced_shape(input, AxisSet{1} << axis, true); }
  Tensor kept_axis(const Tensor& t, const Shape& input) const { return keepdim ? t : t.reshape(kept_shape(input)); }
  Tensor restore(const Tensor& t, const Shape& input) const {
    return keepdim ? t : t.reshape(reduced_shape(input, AxisSet{1} << axis, false));
  }
};

ValuesAndIndices max_with_indices(const Tensor& x, Axis axis, bool keepdim) {
  const int d = axis_of(MaxWithIndices::name, axis, x);
  if (x.dtype() != int64) expect_floating(MaxWithIndices::name, x);
  if (x.shape()[d] == 0) throw ShapeError("[max_with_indices] no elements to choose from in " + to_string(x.shape()));
  return named(apply(MaxWithIndices(d, keepdim), x));
}

TAPEGRAD_CATALOGUE(reduce, max_with_indices, MaxWithIndices)

}  // namespace tapegrad
