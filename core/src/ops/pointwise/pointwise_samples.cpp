#include "ops/pointwise/pointwise_samples.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace tapegrad::catalogue {
namespace {

Samples joined(Samples samples, Samples own) {
  std::move(own.begin(), own.end(), std::back_inserter(samples));
  return samples;
}

}  // namespace

Samples unary_samples(Generator& g, double low, double high, Samples own) {
  return joined({{"plain", {uniform(g, {3, 4}, low, high)}},
                 {"scalar", {uniform(g, {}, low, high)}},
                 {"no elements", {uniform(g, {0, 2}, low, high)}}},
                std::move(own));
}

Samples step_samples(Generator& g) {
  return {{"plain", {uniform(g, {3, 4}, 0.1, 0.4)}},
          {"jumps",
           {vector64({-1.5, -1, -0.5, 0, 0.5, 1, 2.5})},
           {.order = 0, .reason = "the gradient is exactly 0 where the function jumps"}},
          {"no elements", {uniform(g, {0, 2}, -1, 1)}}};
}

Samples binary_samples(Generator& g, double b_low, double b_high, Samples own) {
  return joined({{"plain", {uniform(g, {3, 4}, -2, 2), uniform(g, {3, 4}, b_low, b_high)}},
                 {"broadcast rows", {uniform(g, {2, 3, 4}, -2, 2), uniform(g, {4}, b_low, b_high)}},
                 {"broadcast both", {uniform(g, {3, 1}, -2, 2), uniform(g, {1, 4}, b_low, b_high)}},
                 {"scalar", {uniform(g, {}, -2, 2), uniform(g, {2, 2}, b_low, b_high)}},
                 {"no elements", {uniform(g, {0, 3}, -2, 2), uniform(g, {3}, b_low, b_high)}}},
                std::move(own));
}

ErrorSamples unary_errors(std::string_view name, UnaryFunction f) {
  return {
      {"integers", [f] { (void)f(arange(3)); }, fmt::format("[{}] expected a floating tensor, got int64 [3]", name)}};
}

ErrorSamples binary_errors(std::string_view name, BinaryFunction f, Integers integers) {
  ErrorSamples errors{{"shapes",
                       [f] {
                         (void)f(zeros({3, 4}), zeros({5}));
                       },
                       fmt::format("[{}] cannot broadcast [3, 4] with [5]", name)},
                      {"dtypes", [f] { (void)f(zeros({2}), zeros({2}, {.dtype = float64})); },
                       fmt::format("[{}] float32 [2] with float64 [2]", name)}};
  if (integers == Integers::refused) {
    errors.push_back({"integers", [f] { (void)f(arange(2), arange(2)); },
                      fmt::format("[{}] expected a floating tensor, got int64 [2]", name)});
  }
  return errors;
}

Sample unary_benchmark(Generator& g, double low, double high) {
  return {"[512, 512]", {uniform(g, {512, 512}, low, high)}};
}

}  // namespace tapegrad::catalogue
