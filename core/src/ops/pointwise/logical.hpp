// What the logical operations share: bool in, bool out, no gradient.
#pragma once

#include "ops/pointwise/comparison.hpp"

namespace tapegrad {

/// Function is std::logical_and<> or std::logical_or<>.
template <class Self, class Function>
struct Logical : Op<Self> {
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool differentiable = false;

  Tensor forward(const Tensor& a, const Tensor& b) const {
    expect_bool(Self::name, a);
    expect_bool(Self::name, b);
    return compare(Self::name, kComparisonRows<Function>, a, b);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", Self::math, "element by element after broadcasting; no gradient"}};
  }
  static catalogue::Samples samples(Generator&) {
    const Tensor a = from_vector<bool>({true, true, false, false}, {4});
    const Tensor b = from_vector<bool>({true, false, true, false}, {4});
    return {{"table", {a, b}},
            {"broadcast", {a, from_vector<bool>({true, false}, {2, 1})}},
            {"no elements", {from_vector<bool>({}, {0, 4}), b}}};
  }
  static catalogue::ErrorSamples errors() {
    const std::string op = "[" + std::string(Self::name) + "] ";
    return {{"numbers", [] { (void)apply(Self{}, zeros({2}), zeros({2})); },
             op + "expected a bool tensor, got float32 [2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 512]", {uniform(g, {512, 512}, -1, 1) > 0, uniform(g, {512, 512}, -1, 1) > 0}};
  }
};

}  // namespace tapegrad
