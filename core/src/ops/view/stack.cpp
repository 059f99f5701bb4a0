#include <fmt/format.h>

#include "ops/view/axis_range.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

struct Stack : Op<Stack> {
  static constexpr std::string_view name = "stack";
  static constexpr std::string_view math =
      R"(y_{\cdot i \cdot} = x^{(i)}_{\cdot\cdot};\quad \bar x^{(i)}_{\cdot\cdot} = \bar y_{\cdot i \cdot})";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  int axis;

  explicit Stack(int d) : axis(d) {}

  Tensor forward(Inputs parts) const {
    Shape shape = parts[0].shape();
    shape.insert(axis, parts.size());
    Tensor y = empty(shape, {.dtype = parts[0].dtype()});
    for (int i = 0; i < parts.size(); ++i) write_range(array_of(y), {.axis = axis, .start = i, .count = 1}, parts[i]);
    return y;
  }
  std::vector<Tensor> vjp(const Saved& s, Cotangents dys) const {
    std::vector<Tensor> dx(static_cast<std::size_t>(s.inputs()));
    for (int i = 0; i < s.inputs(); ++i)
      if (s.wants(i)) dx[static_cast<std::size_t>(i)] = select(dys[0], axis, i);
    return dx;
  }
  void describe(AttributeVisitor& visitor) const { visitor("axis", axis); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{\cdot i \cdot} = x^{(i)}_{\cdot\cdot})", "the new dimension counts the tensors"},
            {"Cotangents", R"(\bar x^{(i)}_{\cdot\cdot} = \bar y_{\cdot i \cdot})",
             "each element stands in one place of y: views of its cotangent, no copies"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto along = [](int d) -> catalogue::Call {
      return [d](const catalogue::Arguments& x) -> std::vector<Tensor> { return {stack(x, d)}; };
    };
    return {{"first", {uniform(g, {2, 3}, -2, 2), uniform(g, {2, 3}, -2, 2)}, along(0)},
            {"middle", {uniform(g, {2, 2}, -2, 2), uniform(g, {2, 2}, -2, 2), uniform(g, {2, 2}, -2, 2)}, along(1)},
            {"last", {uniform(g, {2, 2}, -2, 2), uniform(g, {2, 2}, -2, 2), uniform(g, {2, 2}, -2, 2)}, along(-1)},
            {"scalars", {uniform(g, {}, -2, 2), uniform(g, {}, -2, 2)}, along(0)},
            {"the same tensor twice", {uniform(g, {3}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return stack({x, x}, 1);
             })},
            {"no elements", {uniform(g, {0, 2}, -2, 2), uniform(g, {0, 2}, -2, 2)}, along(0)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"nothing", [] { (void)stack({}); }, "[stack] expected at least one tensor"},
            {"shapes",
             [] {
               (void)stack({zeros({2, 3}), zeros({3, 2})});
             },
             "[stack] expected tensors of one shape, got [2, 3] and [3, 2]"},
            {"dtypes",
             [] {
               (void)stack({zeros({2}), zeros({2}, {.dtype = float64})});
             },
             "[stack] float32 [2] with float64 [2]"},
            {"axis", [] { (void)stack({zeros({2})}, 2); }, "[stack] a new axis 2 is out of range for [2]"},
            {"room",
             [] {
               const Tensor full = zeros({1, 1, 1, 1, 1, 1, 1, 1});
               (void)stack({full, full});
             },
             "[stack] [1, 1, 1, 1, 1, 1, 1, 1] has no room for another dimension"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"4 x [512, 128] first",
            {catalogue::uniform(g, {512, 128}, -2, 2), catalogue::uniform(g, {512, 128}, -2, 2),
             catalogue::uniform(g, {512, 128}, -2, 2), catalogue::uniform(g, {512, 128}, -2, 2)},
            [](const catalogue::Arguments& x) -> std::vector<Tensor> { return {stack(x, 0)}; }};
  }
};

Tensor stack(const std::vector<Tensor>& tensors, Axis axis) {
  expect_all_defined(Stack::name, tensors);
  if (tensors.empty()) throw ValueError("[stack] expected at least one tensor");
  const Tensor& first = tensors.front();
  for (const Tensor& t : tensors) {
    expect_same_dtype(Stack::name, first, t);
    if (t.shape() != first.shape())
      throw ShapeError(fmt::format("[stack] expected tensors of one shape, got {} and {}", to_string(first.shape()),
                                   to_string(t.shape())));
  }
  return tapegrad::apply(Stack(new_axis_of(Stack::name, axis, first.shape())), tensors);
}

TAPEGRAD_CATALOGUE(view, stack, Stack)

}  // namespace tapegrad
