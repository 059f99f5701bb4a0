#include <fmt/format.h>

#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct Pad : Op<Pad> {
  static constexpr std::string_view name = "pad";
  static constexpr std::string_view math = R"(y_{i + b} = x_i,\ \text{else } c;\quad \bar x_i = \bar y_{i + b})";
  static constexpr Keep keep = Keep::nothing;
  Shape before;  // b, by dimension
  Shape after;
  double value;  // c

  Pad(const Shape& first, const Shape& last, double with) : before(first), after(last), value(with) {}

  Tensor forward(const Tensor& x) const {
    Shape shape = x.shape();
    for (int d = 0; d < shape.rank(); ++d) shape[d] += before[d] + after[d];
    Tensor y = full(shape, value, {.dtype = x.dtype()});
    const array::Array& whole = array_of(y);
    std::int64_t start = 0;
    for (int d = 0; d < shape.rank(); ++d) start += before[d] * whole.strides[d];
    array::assign(whole.view(x.shape(), whole.strides, start), array_of(x));
    return y;
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    Tensor dx = dy;
    const Shape& shape = s.input_shape(0);
    for (int d = 0; d < shape.rank(); ++d)
      if (before[d] != 0 || after[d] != 0) dx = slice(dx, d, {before[d], before[d] + shape[d]});
    return dx;
  }
  /// Affine: the value drops out.
  Tensor jvp(const Saved&, const Tensor& dx) const { return apply(Pad(before, after, 0.0), dx); }
  void describe(AttributeVisitor& visitor) const {
    visitor("before", before);
    visitor("after", after);
    visitor("value", value);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{i + b} = x_i,\quad y_j = c \text{ elsewhere})", "$b_d$ entries before dimension d"},
            {"Cotangent", R"(\bar x_i = \bar y_{i + b})", "what surrounds x is constant: a view of its middle"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    return {{"both dimensions", {uniform(g, {2, 3}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return pad(x, {{1, 0}, {2, 1}});
             })},
            {"with a value", {uniform(g, {2, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return pad(x, {{0, 0}, {0, 2}}, 1.5);
             })},
            {"nothing added", {uniform(g, {2, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return pad(x, {{0, 0}, {0, 0}});
             })},
            {"scalar", {uniform(g, {}, -2, 2)}, catalogue::of([](const Tensor& x) { return pad(x, {}); })},
            {"no elements", {uniform(g, {0, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return pad(x, {{1, 1}, {0, 1}});
             })}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"a number that the dtype has not",
             [] {
               (void)pad(arange(3), {{1, 0}}, 1.5);
             },
             "[pad] int64 has no 1.5"},
            {"count",
             [] {
               (void)pad(zeros({2, 3}), {{1, 1}});
             },
             "[pad] expected a width for each axis of [2, 3], got 1"},
            {"overflow",
             [] {
               (void)pad(zeros({5}), {{INT64_MAX, INT64_MAX}});
             },
             "[pad] the widths (9223372036854775807, 9223372036854775807) for axis 0 of [5] are too large"},
            {"negative",
             [] {
               (void)pad(zeros({2}), {{1, -1}});
             },
             "[pad] expected widths of at least 0, got (1, -1) for axis 0 of [2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] by 1", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return pad(x, {{1, 1}, {1, 1}});
            })};
  }
};

Tensor pad(const Tensor& x, const std::vector<PadWidth>& widths, double value) {
  expect_defined(Pad::name, x);
  if (widths.size() != x.shape().size())
    throw ShapeError(
        fmt::format("[pad] expected a width for each axis of {}, got {}", to_string(x.shape()), widths.size()));
  engine::expect_number_of(Pad::name, x.dtype(), value);
  Shape before;
  Shape after;
  for (const PadWidth& width : widths) {
    if (width.before < 0 || width.after < 0)
      throw ValueError(fmt::format("[pad] expected widths of at least 0, got ({}, {}) for axis {} of {}", width.before,
                                   width.after, before.rank(), to_string(x.shape())));
    std::int64_t size = x.shape()[before.rank()];
    if (__builtin_add_overflow(size, width.before, &size) || __builtin_add_overflow(size, width.after, &size))
      throw ShapeError(fmt::format("[pad] the widths ({}, {}) for axis {} of {} are too large", width.before,
                                   width.after, before.rank(), to_string(x.shape())));
    before.push_back(width.before);
    after.push_back(width.after);
  }
  return apply(Pad(before, after, value), x);
}

TAPEGRAD_CATALOGUE(view, pad, Pad)

}  // namespace tapegrad
