#include "ops/view/axis_range.hpp"
#include "tape/expect.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct SliceOp : Op<SliceOp> {
  static constexpr std::string_view name = "slice";
  static constexpr std::string_view math =
      R"(y_{\cdot k \cdot} = x_{\cdot\, a + k s\, \cdot};\quad \bar x_{\cdot\, a + k s\, \cdot} \mathrel{+}= \bar y_{\cdot k \cdot})";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  AxisRange range;

  explicit SliceOp(const AxisRange& entries) : range(entries) {}

  Tensor forward(const Tensor& x) const { return wrap(view_of(array_of(x), range)); }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    return slice_embed(dy, s.input_shape(0), range.axis,
                       {range.start, range.start + range.count * range.step, range.step});
  }
  void fused_vjp(const Saved&, const Tensor& dy, GradientSink& sink) const {
    add_to_range(sink.accumulate_into(0), range, dy);
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("axis", range.axis);
    visitor("start", range.start);
    visitor("step", range.step);
    visitor("count", range.count);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{\cdot k \cdot} = x_{\cdot\, a + k s\, \cdot},\quad 0 \le k < n)",
             "start a, step s, n entries"},
            {"Cotangent", R"(\bar x_{\cdot j \cdot} = \bar y_{\cdot k \cdot} \text{ if } j = a + k s \text{ else } 0)",
             "each y comes from one x with coefficient 1; entries outside the range are not read"},
            {"In place", R"(\bar x_{\cdot\, a + k s\, \cdot} \mathrel{+}= \bar y_{\cdot k \cdot})",
             "the zeros need not be written: many slices of one x share one buffer"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto range_of = [](int d, Slice entries) {
      return catalogue::of([d, entries](const Tensor& x) { return slice(x, d, entries); });
    };
    return {{"first dimension", {uniform(g, {5, 3}, -2, 2)}, range_of(0, {.start = 1, .stop = 4})},
            {"last dimension", {uniform(g, {3, 5}, -2, 2)}, range_of(-1, {.start = 2})},
            {"step", {uniform(g, {2, 7, 2}, -2, 2)}, range_of(1, {.start = 1, .stop = 6, .step = 2})},
            {"negative bounds", {uniform(g, {6}, -2, 2)}, range_of(0, {.start = -4, .stop = -1})},
            {"clamped bounds", {uniform(g, {3}, -2, 2)}, range_of(0, {.start = -9, .stop = 9})},
            {"overlapping slices", {uniform(g, {4, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return add(slice(x, 0, {.stop = 3}), slice(x, 0, {.start = 1}));
             })},
            {"nothing left", {uniform(g, {4}, -2, 2)}, range_of(0, {.start = 3, .stop = 1})},
            {"no elements", {uniform(g, {0, 2}, -2, 2)}, range_of(0, {.start = 0, .stop = 2})}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"axis",
             [] {
               (void)slice(zeros({2, 3}), 2, {});
             },
             "[slice] axis 2 is out of range for rank 2"},
            {"scalar", [] { (void)slice(zeros({}), 0, {}); }, "[slice] axis 0 is out of range for rank 0"},
            {"step", [] { (void)slice(zeros({2}), 0, {.step = 0}); }, "[slice] expected a step of at least 1, got 0"},
            {"backwards", [] { (void)slice(zeros({2}), 0, {.step = -1}); },
             "[slice] expected a step of at least 1, got -1"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"half of [512, 512]", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return slice(x, 1, {.start = 128, .stop = 384});
            })};
  }
};

Tensor slice(const Tensor& x, Axis axis, Slice range) {
  expect_defined(SliceOp::name, x);
  return apply(SliceOp(resolve(SliceOp::name, x.shape(), axis, range)), x);
}
Tensor Tensor::slice(Axis axis, Slice range) const { return tapegrad::slice(*this, axis, range); }

TAPEGRAD_CATALOGUE(view, slice, SliceOp)

}  // namespace tapegrad
