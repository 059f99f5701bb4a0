#include <fmt/format.h>

#include "ops/view/axis_range.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct Select : Op<Select> {
  static constexpr std::string_view name = "select";
  static constexpr std::string_view math =
      R"(y_{\cdot\cdot} = x_{\cdot i \cdot};\quad \bar x_{\cdot i \cdot} \mathrel{+}= \bar y_{\cdot\cdot})";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  AxisRange entry;  // of one entry

  explicit Select(const AxisRange& selected) : entry(selected) {}

  Tensor forward(const Tensor& x) const {
    const array::Array& a = array_of(x);
    Shape shape = a.shape;
    Shape strides = a.strides;
    shape.erase(entry.axis);
    strides.erase(entry.axis);
    return wrap(a.view(shape, strides, entry.start * a.strides[entry.axis]));
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    return slice_embed(unsqueeze(dy, entry.axis), s.input_shape(0), entry.axis, {entry.start, entry.start + 1});
  }
  void fused_vjp(const Saved&, const Tensor& dy, GradientSink& sink) const {
    add_to_range(sink.accumulate_into(0), entry, dy);
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("axis", entry.axis);
    visitor("index", entry.start);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{\cdot\cdot} = x_{\cdot i \cdot})", "a slice of one entry, without its dimension"},
            {"Cotangent", R"(\bar x_{\cdot j \cdot} = \delta_{ij}\, \bar y_{\cdot\cdot})",
             "entries other than i are not read"},
            {"In place", R"(\bar x_{\cdot i \cdot} \mathrel{+}= \bar y_{\cdot\cdot})",
             "a loop over all L entries adds L small pieces into one buffer"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    return {{"first dimension", {uniform(g, {3, 4}, -2, 2)}, catalogue::of([](const Tensor& x) { return x[1]; })},
            {"middle dimension", {uniform(g, {2, 3, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return select(x, 1, 2);
             })},
            {"negative axis and index", {uniform(g, {2, 3}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return select(x, -1, -1);
             })},
            {"the same entry twice", {uniform(g, {3, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return add(x[1], x[1]);
             })},
            {"element", {uniform(g, {3}, -2, 2)}, catalogue::of([](const Tensor& x) { return x[2]; })},
            {"no elements", {uniform(g, {2, 0}, -2, 2)}, catalogue::of([](const Tensor& x) { return x[1]; })}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"index",
             [] {
               (void)select(zeros({2, 3}), 1, 3);
             },
             "[select] index 3 is out of range for axis 1 of [2, 3]"},
            {"negative index",
             [] {
               (void)zeros({2, 3})[-3];
             },
             "[select] index -3 is out of range for axis 0 of [2, 3]"},
            {"scalar", [] { (void)zeros({})[0]; }, "[select] axis 0 is out of range for rank 0"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"a row of [512, 512]", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return select(x, 0, 7);
            })};
  }
};

Tensor select(const Tensor& x, Axis axis, std::int64_t i) {
  const int d = axis_of(Select::name, axis, x);
  const std::int64_t size = x.shape()[d];
  if (i < -size || i >= size)
    throw IndexError(fmt::format("[select] index {} is out of range for axis {} of {}", i, d, to_string(x.shape())));
  return apply(Select({.axis = d, .start = i < 0 ? i + size : i, .count = 1}), x);
}
Tensor Tensor::operator[](std::int64_t i) const { return select(*this, 0, i); }

TAPEGRAD_CATALOGUE(view, select, Select)

}  // namespace tapegrad
