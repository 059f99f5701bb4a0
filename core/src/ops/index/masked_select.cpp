#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

/// x and mask of one shape; the public function broadcasts them.
struct MaskedSelect : Op<MaskedSelect> {
  static constexpr std::string_view name = "masked_select";
  static constexpr std::string_view math =
      R"(y_j = x_{k_j},\ k = \text{the places where the mask is true};\quad \bar x_{k_j} = \bar y_j,\ \text{else } 0)";
  static constexpr Names<2> input_names = {"x", "mask"};
  static constexpr Keep keep = Keep::input(1);

  Tensor forward(const Tensor& x, const Tensor& mask) const { return index_select(reshape(x, {-1}), 0, chosen(mask)); }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    const Shape& shape = s.input_shape(0);
    const Tensor nothing = zeros({shape.numel()}, {.dtype = dy.dtype()});
    return {reshape(index_add(nothing, 0, chosen(s.input(1)), dy), shape), Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const { return index_select(reshape(dx[0], {-1}), 0, chosen(s.input(1))); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_j = x_{k_j},\quad k_1 < k_2 < \ldots \text{ with } m_{k_j} \text{ true})",
             "in row-major order; the mask decides the length of y"},
            {"Cotangent", R"(\bar x_i = \sum_j \bar y_j [i = k_j])",
             "each chosen element stands in one place of y, the others in none"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto call = catalogue::of<2>([](const Tensor& x, const Tensor& mask) { return masked_select(x, mask); });
    const auto mask = [](const std::vector<bool>& values, const Shape& shape) { return from_vector(values, shape); };
    return {{"plain", {uniform(g, {2, 3}, -2, 2), mask({true, false, true, false, false, true}, {2, 3})}, call},
            {"mask of rows", {uniform(g, {3, 2}, -2, 2), mask({true, false, true}, {3, 1})}, call},
            {"mask of columns", {uniform(g, {2, 3}, -2, 2), mask({false, true, true}, {3})}, call},
            {"x broadcasts", {uniform(g, {3}, -2, 2), mask({true, false, true, true, true, false}, {2, 3})}, call},
            {"scalars", {uniform(g, {}, -2, 2), mask({true}, {})}, call},
            {"nothing chosen", {uniform(g, {2, 2}, -2, 2), mask({false}, {1})}, call},
            {"no elements", {uniform(g, {0, 2}, -2, 2), mask({true, false}, {2})}, call}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"mask's dtype", [] { (void)masked_select(zeros({2}), zeros({2})); },
             "[masked_select] expected a bool mask, got float32 [2]"},
            {"shapes",
             [] {
               (void)masked_select(zeros({2, 3}), zeros({2}, {.dtype = boolean}));
             },
             "[masked_select] cannot broadcast [2, 3] with [2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    const Tensor x = catalogue::uniform(g, {512, 512}, -2, 2);
    return {"half of [512, 512]", {x, x > 0}, catalogue::of<2>([](const Tensor& v, const Tensor& mask) {
              return masked_select(v, mask);
            })};
  }

 private:
  static Tensor chosen(const Tensor& mask) { return reshape(nonzero(reshape(mask, {-1})), {-1}); }
};

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  expect_defined(MaskedSelect::name, x, "input 0 (x)");
  expect_defined(MaskedSelect::name, mask, "input 1 (mask)");
  expect_bool(MaskedSelect::name, mask, "mask");
  const Shape shape = broadcast_shapes(MaskedSelect::name, x.shape(), mask.shape());
  return apply(MaskedSelect{}, expand(x, shape), expand(mask, shape));
}

TAPEGRAD_CATALOGUE(index, masked_select, MaskedSelect)

}  // namespace tapegrad
