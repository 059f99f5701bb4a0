#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct Flip : Op<Flip> {
  static constexpr std::string_view name = "flip";
  static constexpr std::string_view math =
      R"(y_{\cdot i \cdot} = x_{\cdot\, n - 1 - i\, \cdot};\quad \bar x = \mathrm{flip}(\bar y))";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  Shape axes;

  explicit Flip(const Shape& dimensions) : axes(dimensions) {}

  /// A copy: kernels read no negative strides.
  Tensor forward(const Tensor& x) const {
    const array::Array& a = array_of(x);
    if (a.shape.numel() == 0) return wrap(contiguous_copy(a));
    Shape strides = a.strides;
    std::int64_t start = 0;
    for (const std::int64_t axis : axes) {
      const int d = static_cast<int>(axis);
      start += (a.shape[d] - 1) * a.strides[d];
      strides[d] = -a.strides[d];
    }
    return wrap(contiguous_copy(a.view(a.shape, strides, start)));
  }
  Tensor vjp(const Saved&, const Tensor& dy) const { return apply(Flip(axes), dy); }
  void describe(AttributeVisitor& visitor) const { visitor("axes", axes); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{\cdot i \cdot} = x_{\cdot\, n - 1 - i\, \cdot})", "along each of the dimensions"},
            {"Cotangent", R"(\bar x_{\cdot\, n - 1 - i\, \cdot} = \bar y_{\cdot i \cdot})",
             "a bijection that is its own inverse"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    return {{"one dimension", {uniform(g, {3, 2}, -2, 2)}, catalogue::of([](const Tensor& x) { return flip(x, {0}); })},
            {"two dimensions", {uniform(g, {2, 2, 3}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return flip(x, {0, -1});
             })},
            {"no dimension", {uniform(g, {2}, -2, 2)}, catalogue::of([](const Tensor& x) { return flip(x, {}); })},
            {"no elements", {uniform(g, {0, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return flip(x, {0, 1});
             })}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"twice",
             [] {
               (void)flip(zeros({2, 3}), {1, -1});
             },
             "[flip] axis -1 is given twice: [2, 3]"},
            {"axis",
             [] {
               (void)flip(zeros({2, 3}), {2});
             },
             "[flip] axis 2 is out of range for rank 2"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512]", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return flip(x, {0});
            })};
  }
};

Tensor flip(const Tensor& x, const Axes& axes) {
  expect_defined(Flip::name, x);
  return apply(Flip(axes.in_order(Flip::name, x.shape())), x);
}

TAPEGRAD_CATALOGUE(view, flip, Flip)

}  // namespace tapegrad
