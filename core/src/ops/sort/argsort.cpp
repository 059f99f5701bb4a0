#include "ops/sort/chosen.hpp"
#include "tape/expect.hpp"

namespace tapegrad {

struct ArgSort : ChosenOp<ArgSort> {
  static constexpr std::string_view name = "argsort";
  static constexpr std::string_view math = R"(y = k,\ x_{k_1} \le x_{k_2} \le \ldots\ (\text{descending: } \ge))";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool differentiable = false;
  bool descending;

  ArgSort(int d, const SortOptions& options) : ChosenOp(d), descending(options.descending) {}

  Tensor forward(const Tensor& x) const { return choose(x, {.k = x.shape()[axis], .descending = descending})[1]; }
  void describe(AttributeVisitor& visitor) const {
    visitor("axis", axis);
    visitor("descending", descending);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition",
             R"(y = k,\quad x_{k_j} \le x_{k_{j+1}},\quad k_j < k_{j+1} \text{ where } x_{k_j} = x_{k_{j+1}})",
             "the permutation that sorts; equal elements keep their order, NaN counts as the largest"},
            {"Cotangent", R"(\bar x = 0)", "an index is piecewise constant: it carries no gradient"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::scattered;
    const auto along = [](int d, SortOptions options = {}) {
      return catalogue::of([d, options](const Tensor& x) { return argsort(x, d, options); });
    };
    return {{"last axis", {scattered(g, {3, 4}, -2, 2)}, along(-1)},
            {"first axis, descending", {scattered(g, {4, 2}, -2, 2)}, along(0, {.descending = true})},
            {"integers", {tensor({3, 1, 2, 1}, {.dtype = int64})}, along(0)},
            {"empty rows", {scattered(g, {3, 0}, -2, 2)}, along(1)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"axis",
             [] {
               (void)argsort(zeros({2, 3}), 2);
             },
             "[argsort] axis 2 is out of range for rank 2"},
            {"bool", [] { (void)argsort(zeros({2}, {.dtype = boolean})); }, "[argsort] bool [2] has no order"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[256, 512]", {catalogue::uniform(g, {256, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return argsort(x);
            })};
  }
};

Tensor argsort(const Tensor& x, Axis axis, SortOptions options) {
  return apply(ArgSort(axis_of(ArgSort::name, axis, x), options), x);
}

TAPEGRAD_CATALOGUE(sort, argsort, ArgSort)

}  // namespace tapegrad
