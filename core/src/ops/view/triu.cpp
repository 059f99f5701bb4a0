#include "ops/view/triangle.hpp"

namespace tapegrad {

struct TriU : TriangleOp<TriU> {
  static constexpr std::string_view name = "triu";
  static constexpr std::string_view math =
      R"(y_{ij} = [j - i \ge k]\, x_{ij};\quad \bar x_{ij} = [j - i \ge k]\, \bar y_{ij})";
  using TriangleOp::TriangleOp;

  static Range kept(std::int64_t i, std::int64_t columns, std::int64_t offset) {
    return {crossing(i, columns, offset), columns};
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_{ij} = [j - i \ge k]\, x_{ij})", "row i, column j, offset k; for each matrix of a batch"},
        {"Cotangent", R"(\bar x_{ij} = [j - i \ge k]\, \bar y_{ij})",
         "a projection onto the upper triangle is its own transpose"}};
  }
  static catalogue::Samples samples(Generator& g) { return triangle_samples(g, triu); }
  static catalogue::ErrorSamples errors() { return triangle_errors(name, triu); }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[8, 256, 256]", {catalogue::uniform(g, {8, 256, 256}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return triu(x);
            })};
  }
};

Tensor triu(const Tensor& x, std::int64_t offset) { return triangle<TriU>(x, offset); }

TAPEGRAD_CATALOGUE(view, triu, TriU)

}  // namespace tapegrad
