#include <fmt/format.h>

#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct Roll : Op<Roll> {
  static constexpr std::string_view name = "roll";
  static constexpr std::string_view math =
      R"(y_{\cdot\, (i + s) \bmod n\, \cdot} = x_{\cdot i \cdot};\quad \bar x = \mathrm{roll}(\bar y, -s))";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  Shape shifts;  // one for each dimension, 0 <= shift < size

  explicit Roll(const Shape& by_dimension) : shifts(by_dimension) {}

  Tensor forward(const Tensor& x) const {
    const array::Array& from = array_of(x);
    const array::Array to = array::Array::empty(from.shape, from.dtype);
    copy_parts(from, to, 0);
    return wrap(to);
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    Shape back = shifts;
    for (int d = 0; d < back.rank(); ++d)
      if (back[d] != 0) back[d] = s.output_shape()[d] - back[d];
    return apply(Roll(back), dy);
  }
  void describe(AttributeVisitor& visitor) const { visitor("shifts", shifts); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_{\cdot\, (i + s) \bmod n\, \cdot} = x_{\cdot i \cdot})", "along each of the dimensions"},
        {"Cotangent", R"(\bar x_{\cdot i \cdot} = \bar y_{\cdot\, (i + s) \bmod n\, \cdot})",
         "a bijection: its transpose is its inverse, the roll by -s"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::of;
    using catalogue::uniform;
    return {{"vector", {uniform(g, {5}, -2, 2)}, of([](const Tensor& x) { return roll(x, 2, 0); })},
            {"towards the front", {uniform(g, {2, 4}, -2, 2)}, of([](const Tensor& x) { return roll(x, -1, -1); })},
            {"two dimensions", {uniform(g, {3, 2, 4}, -2, 2)}, of([](const Tensor& x) {
               return roll(x, {1, -3}, {0, 2});
             })},
            {"more than once around", {uniform(g, {3, 2}, -2, 2)}, of([](const Tensor& x) { return roll(x, 7, 0); })},
            {"a dimension twice", {uniform(g, {4}, -2, 2)}, of([](const Tensor& x) {
               return roll(x, {1, 2}, {0, -1});
             })},
            {"not at all", {uniform(g, {}, -2, 2)}, of([](const Tensor& x) {
               return roll(x, std::vector<std::int64_t>(), Axes{});
             })},
            {"no elements", {uniform(g, {0, 2}, -2, 2)}, of([](const Tensor& x) {
               return roll(x, {1, 1}, {0, 1});
             })}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"axis",
             [] {
               (void)roll(zeros({2, 3}), 1, 2);
             },
             "[roll] axis 2 is out of range for rank 2"},
            {"counts",
             [] {
               (void)roll(zeros({2, 3}), {1, 2}, {0});
             },
             "[roll] 2 shifts for 1 axes of [2, 3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512]", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return roll(x, {100, 100}, {0, 1});
            })};
  }

 private:
  /// `from` and `to` agree in the place of dimensions before d; each later one moves in two parts.
  void copy_parts(const array::Array& from, const array::Array& to, int d) const {
    while (d < shifts.rank() && shifts[d] == 0) ++d;
    if (d == shifts.rank()) {
      array::assign(to, from);
      return;
    }
    const std::int64_t kept = from.shape[d] - shifts[d];
    copy_parts(part(from, d, 0, kept), part(to, d, shifts[d], kept), d + 1);
    copy_parts(part(from, d, kept, shifts[d]), part(to, d, 0, shifts[d]), d + 1);
  }
  static array::Array part(const array::Array& a, int d, std::int64_t start, std::int64_t count) {
    Shape shape = a.shape;
    shape[d] = count;
    return a.view(shape, a.strides, start * a.strides[d]);
  }
};

Tensor roll(const Tensor& x, const std::vector<std::int64_t>& shifts, const Axes& axes) {
  expect_defined(Roll::name, x);
  if (shifts.size() != axes.size())
    throw ShapeError(
        fmt::format("[roll] {} shifts for {} axes of {}", shifts.size(), axes.size(), to_string(x.shape())));
  Shape by_dimension = Shape::filled(x.dim(), 0);
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const int d = normalize_axis(Roll::name, axes[k], x.shape());
    const std::int64_t n = x.shape()[d];
    if (n != 0) by_dimension[d] = (by_dimension[d] + shifts[k] % n + n) % n;
  }
  return apply(Roll(by_dimension), x);
}

Tensor roll(const Tensor& x, std::int64_t shift, Axis axis) {
  return roll(x, std::vector<std::int64_t>{shift}, Axes(axis));
}

TAPEGRAD_CATALOGUE(view, roll, Roll)

}  // namespace tapegrad
