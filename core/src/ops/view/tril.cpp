#include "ops/view/triangle.hpp"

namespace tapegrad {

struct TriL : TriangleOp<TriL> {
  static constexpr std::string_view name = "tril";
  static constexpr std::string_view math =
      R"(y_{ij} = [j - i \le k]\, x_{ij};\quad \bar x_{ij} = [j - i \le k]\, \bar y_{ij})";
  using TriangleOp::TriangleOp;

  static Range kept(std::int64_t i, std::int64_t columns, std::int64_t offset) {
    return {0, crossing(i + 1, columns, offset)};
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_{ij} = [j - i \le k]\, x_{ij})", "row i, column j, offset k; for each matrix of a batch"},
        {"Cotangent", R"(\bar x_{ij} = [j - i \le k]\, \bar y_{ij})",
         "a projection onto the lower triangle is its own transpose"}};
  }
  static catalogue::Samples samples(Generator& g) { return triangle_samples(g, tril); }
  static catalogue::ErrorSamples errors() { return triangle_errors(name, tril); }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[8, 256, 256]", {catalogue::uniform(g, {8, 256, 256}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return tril(x);
            })};
  }
};

Tensor tril(const Tensor& x, std::int64_t offset) { return triangle<TriL>(x, offset); }

TAPEGRAD_CATALOGUE(view, tril, TriL)

}  // namespace tapegrad
