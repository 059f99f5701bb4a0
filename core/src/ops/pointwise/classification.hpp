// What isnan, isinf and isfinite share: a number in, bool out, no gradient.
#pragma once

#include <limits>
#include <string>
#include <type_traits>

#include "ops/pointwise/comparison.hpp"

namespace tapegrad {

/// Self::holds(x) answers for a floating number.
template <class Self>
struct Classification : Op<Self> {
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool differentiable = false;

  Tensor forward(const Tensor& x) const { return compare(Self::name, kComparisonRows<OfFirst>, x, x); }

  static catalogue::Derivation derivation() {
    return {{"Definition", Self::math, "a truth value for each element; of integers and bool none is NaN or infinite"}};
  }
  static catalogue::Samples samples(Generator& g) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    return {{"one of each", {catalogue::vector64({1.5, kInfinity, -kInfinity, kNan, 0.0})}},
            {"plain", {catalogue::uniform(g, {3, 4}, -2, 2)}},
            {"integers", {arange(4)}},
            {"no elements", {catalogue::uniform(g, {0, 3}, -2, 2)}}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"undefined", [] { (void)apply(Self{}, Tensor()); },
             "[" + std::string(Self::name) + "] an input is undefined"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512]", {catalogue::uniform(g, {512, 512}, -2, 2)}};
  }

 private:
  struct OfFirst {
    template <class T>
    constexpr bool operator()(T x, T) const {
      if constexpr (std::is_floating_point_v<T>) {
        return Self::holds(x);
      } else {
        return Self::holds(0.0);
      }
    }
  };
};

}  // namespace tapegrad
