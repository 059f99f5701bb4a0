#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

namespace tapegrad {

/// Between the floating dtypes. Other conversions carry no gradient and are not recorded.
struct Cast : Op<Cast> {
  static constexpr std::string_view name = "cast";
  static constexpr std::string_view math =
      R"(y = x \text{ in the new dtype};\quad \bar x = \bar y \text{ in the old one})";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  DType to;

  explicit Cast(DType dtype) : to(dtype) {}

  Tensor forward(const Tensor& x) const {
    array::Array y = array::Array::empty(x.shape(), to);
    array::assign(y, array_of(x));
    return wrap(std::move(y));
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return dy.to(s.input_dtype(0)); }
  void describe(AttributeVisitor& visitor) const { visitor("to", to_string(to)); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_i = x_i \text{ in the new dtype})", "in a floating dtype the nearest number that it has"},
        {"Cotangent", R"(\bar x_i = \bar y_i \text{ in the old dtype})",
         "rounding is treated as the identity: its true derivative, 0 almost everywhere, is of no use"},
        {"To integers", R"(y_i = \mathrm{trunc}\, x_i \text{ in int64},\quad y_i = [x_i \ne 0] \text{ in bool})",
         "the integer part, piecewise constant: such a cast is not recorded, and no gradient passes"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto there_and_back = catalogue::of([](const Tensor& x) { return x.to(float32).to(float64); });
    constexpr std::string_view kRounded = "differences see the steps between float32 numbers";
    return {{"there and back", {uniform(g, {3, 4}, -2, 2)}, there_and_back, {.order = 0, .reason = kRounded}},
            {"scalar", {uniform(g, {}, -2, 2)}, there_and_back, {.order = 0, .reason = kRounded}},
            {"no elements", {uniform(g, {0, 2}, -1, 1)}, there_and_back, {.order = 0, .reason = kRounded}}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"undefined", [] { (void)Tensor().to(float32); }, "[cast] an input is undefined"},
            {"no dtype", [] { (void)ones({3}).to(static_cast<DType>(9)); }, "[cast] 9 is no dtype"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] float64 to float32",
            {catalogue::uniform(g, {512, 512}, -2, 2)},
            catalogue::of([](const Tensor& x) { return x.to(float32); })};
  }
};

Tensor Tensor::to(DType dtype) const {
  expect_defined(Cast::name, *this);
  expect_dtype(Cast::name, dtype);
  if (this->dtype() == dtype) return *this;
  const Cast cast(dtype);
  return is_floating(this->dtype()) && is_floating(dtype) ? apply(cast, *this) : cast.forward(*this);
}

TAPEGRAD_CATALOGUE(convert, cast, Cast)
}  // namespace tapegrad
