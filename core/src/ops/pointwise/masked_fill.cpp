#include "ops/pointwise/pointwise_calls.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad {

struct MaskedFill : Op<MaskedFill> {
  static constexpr std::string_view name = "masked_fill";
  static constexpr std::string_view math = R"(y = m \,?\, c : x;\quad \bar x = m \,?\, 0 : \bar y)";
  static constexpr Names<2> input_names = {"x", "mask"};
  static constexpr Keep keep = Keep::input(1);
  double value;  // c

  explicit MaskedFill(double with) : value(with) {}

  Tensor forward(const Tensor& x, const Tensor& mask) const {
    expect_bool(name, mask, "mask");
    const Shape shape = broadcast_shapes(name, x.shape(), mask.shape());
    const Tensor number = number_like(value, x, name);
    Tensor y = empty(shape, {.dtype = x.dtype()});
    kernels::choose_rows(size_of(x.dtype()), shape, operand(mask, shape), operand(number, shape), operand(x, shape),
                         array_of(y).data());
    return y;
  }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {apply(MaskedFill(0.0), dy, s.input(1)), Tensor()};
  }
  /// Affine: the value drops out.
  Tensor jvp(const Saved& s, Tangents dx) const { return apply(MaskedFill(0.0), dx[0], s.input(1)); }
  void describe(AttributeVisitor& visitor) const { visitor("value", value); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_i = c \text{ if } m_i \text{ else } x_i)", "after broadcasting both"},
            {"Cotangent", R"(\bar x_i = [\lnot m_i]\, \bar y_i)",
             "an exact 0 where x was covered, even where the cotangent is inf or NaN; only the mask is kept"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with = [](double c) {
      return catalogue::of<2>([c](const Tensor& x, const Tensor& mask) { return masked_fill(x, mask, c); });
    };
    const auto mask = [](const std::vector<bool>& values, const Shape& shape) { return from_vector(values, shape); };
    return {{"plain", {uniform(g, {2, 3}, -2, 2), mask({true, false, true, false, false, true}, {2, 3})}, with(1.5)},
            {"mask of rows", {uniform(g, {3, 2}, -2, 2), mask({true, false, true}, {3, 1})}, with(-2)},
            {"mask of columns", {uniform(g, {2, 3}, -2, 2), mask({false, true, true}, {3})}, with(0)},
            {"x broadcasts", {uniform(g, {3}, -2, 2), mask({true, false, true, true, false, false}, {2, 3})}, with(1)},
            {"scalars", {uniform(g, {}, -2, 2), mask({false}, {})}, with(1)},
            {"no elements", {uniform(g, {0, 2}, -2, 2), mask({true, false}, {2})}, with(1)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"mask's dtype", [] { (void)masked_fill(zeros({2}), zeros({2}), 0); },
             "[masked_fill] expected a bool mask, got float32 [2]"},
            {"shapes",
             [] {
               (void)masked_fill(zeros({2, 3}), zeros({2}, {.dtype = boolean}), 0);
             },
             "[masked_fill] cannot broadcast [2, 3] with [2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512]",
            {catalogue::uniform(g, {512, 512}, -2, 2), catalogue::uniform(g, {512, 512}, -1, 1) > 0},
            catalogue::of<2>([](const Tensor& x, const Tensor& mask) { return masked_fill(x, mask, 0); })};
  }
};

Tensor masked_fill(const Tensor& x, const Tensor& mask, double value) { return apply(MaskedFill(value), x, mask); }

TAPEGRAD_CATALOGUE(pointwise, masked_fill, MaskedFill)

}  // namespace tapegrad
