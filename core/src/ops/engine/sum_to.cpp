#include "kernels/reduce.hpp"
#include "ops/reduce/reduction.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/tape/engine_ops.hpp"

namespace tapegrad {

/// The adjoint of expand: what the engine uses to bring a gradient back to the shape of a broadcast input.
struct SumTo : Op<SumTo> {
  static constexpr std::string_view name = "sum_to";
  static constexpr std::string_view math = R"(y_j = \sum_{i \mapsto j} x_i;\quad \bar x_i = \bar y_{j(i)})";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  Shape shape;

  explicit SumTo(const Shape& to) : shape(to) {}

  Tensor forward(const Tensor& x) const {
    expect_floating(name, x);
    if (!broadcasts_to(shape, x.shape()))
      throw ShapeError("[sum_to] " + to_string(shape) + " does not broadcast to " + to_string(x.shape()));
    const int lead = x.dim() - shape.rank();
    AxisSet axes = 0;
    for (int d = 0; d < x.dim(); ++d)
      if (d < lead || (shape[d - lead] == 1 && x.shape()[d] != 1)) axes |= AxisSet{1} << d;
    const ReductionPlan r = plan_reduction(array_of(x), axes);
    Tensor y = empty(shape, {.dtype = x.dtype()});
    if (x.dtype() == float32) {
      kernels::reduce_sum(r.input.as<float>(), r.slices, array_of(y).as<float>());
    } else {
      kernels::reduce_sum(r.input.as<double>(), r.slices, array_of(y).as<double>());
    }
    return y;
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return expand(dy, s.input_shape(0)); }
  void describe(AttributeVisitor& visitor) const { visitor("shape", shape); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_j = \sum_{i:\, j(i) = j} x_i)", "j(i) drops the coordinates that were broadcast"},
            {"Cotangent", R"(\bar x_i = \bar y_{j(i)})", "each $x_i$ stands in exactly one sum, with coefficient 1"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    return {{"leading dimension", {uniform(g, {2, 3}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return sum_to(x, {3});
             })},
            {"middle dimension", {uniform(g, {2, 4, 3}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return sum_to(x, {2, 1, 3});
             })},
            {"first and last", {uniform(g, {2, 4, 3}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return sum_to(x, {1, 4, 1});
             })},
            {"to a scalar", {uniform(g, {2, 2}, -2, 2)}, catalogue::of([](const Tensor& x) { return sum_to(x, {}); })},
            {"from no elements", {uniform(g, {0, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return sum_to(x, {2});
             })}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"shape", [] { (void)sum_to(zeros({3}), {2}); }, "[sum_to] [2] does not broadcast to [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] to [512]", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return sum_to(x, {512});
            })};
  }
};

Tensor sum_to(const Tensor& x, const Shape& shape) { return apply(SumTo(shape), x); }

TAPEGRAD_CATALOGUE(engine, sum_to, SumTo)

}  // namespace tapegrad
