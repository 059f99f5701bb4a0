#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/tape/engine_ops.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct Clone : Op<Clone> {
  static constexpr std::string_view name = "clone";
  static constexpr std::string_view math = R"(y = x;\quad \bar x = \bar y)";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;

  Tensor forward(const Tensor& x) const { return wrap(contiguous_copy(array_of(x))); }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy; }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_i = x_i)", "in memory of its own, in row-major order"},
            {"Cotangent", R"(\bar x_i = \bar y_i)", "the identity is its own adjoint"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    return {{"plain", {uniform(g, {3, 4}, -2, 2)}},
            {"expanded", {uniform(g, {3, 1}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return expand(x, {2, 3, 4}).clone();
             })},
            {"scalar", {uniform(g, {}, -2, 2)}},
            {"no elements", {uniform(g, {0, 2}, -1, 1)}}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"undefined", [] { (void)Tensor().clone(); }, "[clone] an input is undefined"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512]", {catalogue::uniform(g, {512, 512}, -2, 2)}};
  }
};

Tensor Tensor::clone() const { return apply(Clone{}, *this); }
Tensor Tensor::contiguous() const {
  expect_defined("contiguous", *this);
  return is_contiguous() ? *this : clone();
}

TAPEGRAD_CATALOGUE(engine, clone, Clone)
}  // namespace tapegrad
