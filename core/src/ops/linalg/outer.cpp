#include <fmt/format.h>

#include "ops/bilinear.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

struct Outer : BilinearOp<Outer> {
  static constexpr std::string_view name = "outer";
  static constexpr std::string_view math = R"(Y_{ij} = a_i b_j;\quad \bar a = \bar Y b,\ \bar b = \bar Y^\top a)";

  Tensor forward(const Tensor& a, const Tensor& b) const {
    if (a.dim() != 1 || b.dim() != 1)
      throw ShapeError(
          fmt::format("[outer] expected two vectors, got {} and {}", to_string(a.shape()), to_string(b.shape())));
    expect_floating(name, a);
    expect_same_dtype(name, a, b);
    return reshape(a, {a.size(0), 1}) * b;
  }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {s.wants(0) ? matmul(dy, s.input(1)) : Tensor(), s.wants(1) ? matmul(s.input(0), dy) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    return product_rule(s, dx, [](const Tensor& a, const Tensor& b) { return outer(a, b); });
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(Y = a\, b^\top)", "a column times a row"},
        {"Differential", R"(dY = da\, b^\top + a\, db^\top)", "product rule"},
        {"Cotangents",
         R"(\langle \bar Y, da\, b^\top \rangle = \langle \bar Y b, da \rangle,\quad \langle \bar Y, a\, db^\top \rangle = \langle \bar Y^\top a, db \rangle)",
         "a product of a matrix and a vector each"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    return {
        {"plain", {uniform(g, {3}, -2, 2), uniform(g, {2}, -2, 2)}},
        {"one entry", {uniform(g, {1}, -2, 2), uniform(g, {3}, -2, 2)}},
        {"a vector with itself", {uniform(g, {3}, -2, 2)}, catalogue::of([](const Tensor& a) { return outer(a, a); })},
        {"no rows", {uniform(g, {0}, -2, 2), uniform(g, {3}, -2, 2)}}};
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"matrix",
         [] {
           (void)outer(zeros({2, 3}), zeros({3}));
         },
         "[outer] expected two vectors, got [2, 3] and [3]"},
        {"dtypes", [] { (void)outer(zeros({2}), zeros({2}, {.dtype = float64})); },
         "[outer] float32 [2] with float64 [2]"},
        {"integers", [] { (void)outer(arange(3), arange(3)); }, "[outer] expected a floating tensor, got int64 [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512] x [512]", {catalogue::uniform(g, {512}, -2, 2), catalogue::uniform(g, {512}, -2, 2)}};
  }
};

Tensor outer(const Tensor& a, const Tensor& b) { return apply(Outer{}, a, b); }

TAPEGRAD_CATALOGUE(linalg, outer, Outer)

}  // namespace tapegrad
