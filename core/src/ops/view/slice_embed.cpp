#include <fmt/format.h>

#include "ops/view/axis_range.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// The adjoint of slice: how its gradient is differentiated again.
struct SliceEmbed : Op<SliceEmbed> {
  static constexpr std::string_view name = "slice_embed";
  static constexpr std::string_view math =
      R"(y_{\cdot\, a + k s\, \cdot} = x_{\cdot k \cdot},\ \text{else } 0;\quad \bar x_{\cdot k \cdot} = \bar y_{\cdot\, a + k s\, \cdot})";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  Shape shape;
  AxisRange range;

  SliceEmbed(const Shape& whole, const AxisRange& entries) : shape(whole), range(entries) {}

  Tensor forward(const Tensor& x) const {
    Shape part = shape;
    part[range.axis] = range.count;
    if (x.shape() != part)
      throw ShapeError(fmt::format("[slice_embed] the slice of {} has the shape {}, got {}", to_string(shape),
                                   to_string(part), to_string(x.shape())));
    Tensor y = zeros(shape, {.dtype = x.dtype()});
    write_range(array_of(y), range, x);
    return y;
  }
  Tensor vjp(const Saved&, const Tensor& dy) const {
    return slice(dy, range.axis, {range.start, range.start + range.count * range.step, range.step});
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("shape", shape);
    visitor("axis", range.axis);
    visitor("start", range.start);
    visitor("step", range.step);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{\cdot j \cdot} = x_{\cdot k \cdot} \text{ if } j = a + k s \text{ else } 0)",
             "start a, step s"},
            {"Cotangent", R"(\bar x_{\cdot k \cdot} = \bar y_{\cdot\, a + k s\, \cdot})",
             "slice and slice_embed are each other's transpose"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    return {{"first dimension", {uniform(g, {3, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return slice_embed(x, {5, 2}, 0, {.start = 1, .stop = 4});
             })},
            {"step", {uniform(g, {2, 3, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return slice_embed(x, {2, 7, 2}, 1, {.start = 1, .stop = 6, .step = 2});
             })},
            {"negative axis and bounds", {uniform(g, {2, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return slice_embed(x, {2, 4}, -1, {.start = -2});
             })},
            {"nothing embedded", {uniform(g, {0, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return slice_embed(x, {3, 2}, 0, {.start = 2, .stop = 2});
             })}};
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"shape",
         [] {
           (void)slice_embed(zeros({2, 2}), {5, 2}, 0, {.start = 1, .stop = 4});
         },
         "[slice_embed] the slice of [5, 2] has the shape [3, 2], got [2, 2]"},
        {"axis", [] { (void)slice_embed(zeros({2}), {3}, 1, {}); }, "[slice_embed] axis 1 is out of range for rank 1"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"half of [512, 512]", {catalogue::uniform(g, {512, 256}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return slice_embed(x, {512, 512}, 1, {.start = 128, .stop = 384});
            })};
  }
};

Tensor slice_embed(const Tensor& x, const Shape& shape, Axis axis, Slice range) {
  return apply(SliceEmbed(shape, resolve(SliceEmbed::name, shape, axis, range)), x);
}

TAPEGRAD_CATALOGUE(view, slice_embed, SliceEmbed)

}  // namespace tapegrad
