#include <limits>

#include "ops/sort/chosen.hpp"
#include "tape/expect.hpp"
#include "tapegrad/ops/reduce.hpp"

namespace tapegrad {

/// Two outputs: values, which carry the gradient, and int64 indices, which do not.
struct Sort : ChosenOp<Sort> {
  static constexpr std::string_view name = "sort";
  static constexpr std::string_view math =
      R"(y_j = x_{k_j},\ y_1 \le y_2 \le \ldots\ (\text{descending: } \ge);\quad \bar x_{k_j} = \bar y_j)";
  bool descending;

  Sort(int d, const SortOptions& options) : ChosenOp(d), descending(options.descending) {}

  std::array<Tensor, 2> forward(const Tensor& x) const {
    return choose(x, {.k = x.shape()[axis], .descending = descending});
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("axis", axis);
    visitor("descending", descending);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_j = x_{k_j},\quad y_j \le y_{j+1},\quad k_j < k_{j+1} \text{ where } y_j = y_{j+1})",
             "k is a permutation; equal elements keep their order, NaN counts as the largest. In descending order $y_j "
             "\\ge y_{j+1}$, and equal elements keep their order too"},
            {"Cotangent", R"(\bar x_{k_j} = \bar y_j)",
             "while no two elements trade places the permutation is constant: its transpose is its inverse"},
            {"Ties", R"(x_a = x_b)",
             "either order is a permutation that sorts; the cotangents go back by the indices that were returned"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::scattered;
    constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
    const auto along = [](int d, SortOptions options = {}) {
      return catalogue::of([d, options](const Tensor& x) { return sort(x, d, options); });
    };
    return {{"vector", {scattered(g, {7}, -2, 2)}, along(0)},
            {"last axis", {scattered(g, {3, 4}, -2, 2)}, along(-1)},
            {"first axis, descending", {scattered(g, {4, 2}, -2, 2)}, along(0, {.descending = true})},
            {"middle axis", {scattered(g, {2, 3, 2}, -2, 2)}, along(1)},
            {"ties", {catalogue::vector64({2.0, 1.0, 2.0})}, along(0), {.order = 1, .reason = "a kink", .kink = true}},
            {"NaN", {catalogue::vector64({kNaN, 1.0, -2.0})}, along(0), {.order = 0, .reason = "differences of NaN"}},
            {"quantile", {scattered(g, {2, 3, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return quantile(x, 0.3, {0, 2});
             })},
            {"median of an even number", {scattered(g, {4, 3}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return median(x, 0, true);
             })},
            {"one entry", {scattered(g, {3, 1}, -2, 2)}, along(1)},
            {"no rows", {scattered(g, {0, 3}, -2, 2)}, along(1)},
            {"empty rows", {scattered(g, {3, 0}, -2, 2)}, along(1)}};
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"axis",
         [] {
           (void)sort(zeros({2, 3}), 2);
         },
         "[sort] axis 2 is out of range for rank 2"},
        {"scalar", [] { (void)sort(zeros({})); }, "[sort] axis -1 is out of range for rank 0"},
        {"bool", [] { (void)sort(zeros({2}, {.dtype = boolean})); }, "[sort] bool [2] has no order"},
        {"quantile: q", [] { (void)quantile(zeros({2}), 1.5); }, "[quantile] expected q in [0, 1], got 1.5"},
        {"median: no elements",
         [] {
           (void)median(zeros({2, 0}), 1);
         },
         "[median] no elements to choose from in [2, 0]"},
        {"median: integers", [] { (void)median(arange(3)); }, "[median] expected a floating tensor, got int64 [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[256, 512]", {catalogue::uniform(g, {256, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return sort(x);
            })};
  }
};

ValuesAndIndices sort(const Tensor& x, Axis axis, SortOptions options) {
  return named(apply(Sort(axis_of(Sort::name, axis, x), options), x));
}

TAPEGRAD_CATALOGUE(sort, sort, Sort)

}  // namespace tapegrad
