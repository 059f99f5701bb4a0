// What the losses share that are a formula of each entry and its target.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "ops/loss/reduced.hpp"
#include "ops/pointwise/pointwise_op.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

namespace tapegrad {

/// loss(x, t, LossOptions) as a sample's function.
template <class Loss>
catalogue::Call reduced_pair(Loss loss, Reduction how) {
  return catalogue::of<2>([=](const Tensor& x, const Tensor& t) { return loss(x, t, {.reduction = how}); });
}

/// Each reduction, no entries, and the op's own. Entries keep a distance to their targets, and to a distance of 1.
template <class Loss>
catalogue::Samples pair_samples(Generator& g, Loss loss, catalogue::Samples own) {
  const auto pair = [&g](const Shape& shape) {
    const Tensor target = catalogue::uniform(g, shape, -2, 2);
    return catalogue::Arguments{target + catalogue::signed_scattered(g, shape, 2.0), target};
  };
  catalogue::Samples samples = {{"mean", pair({3, 4}), reduced_pair(loss, Reduction::mean)},
                                {"sum", pair({2, 3}), reduced_pair(loss, Reduction::sum)},
                                {"each", pair({2, 3}), reduced_pair(loss, Reduction::none)},
                                {"no elements", pair({0, 3}), reduced_pair(loss, Reduction::sum)}};
  samples.insert(samples.end(), own.begin(), own.end());
  return samples;
}

inline catalogue::ErrorSamples pair_errors(std::string_view name,
                                           const std::function<Tensor(const Tensor& x, const Tensor& t)>& loss) {
  const std::string begin = std::string("[").append(name).append("] ");
  return {
      {"shapes",
       [loss] {
         (void)loss(zeros({3, 1}), zeros({3}));
       },
       begin + "expected a target [3, 1], got [3]"},
      {"dtypes", [loss] { (void)loss(zeros({3}), zeros({3}, {.dtype = float64})); },
       begin + "float32 [3] with float64 [3]"},
      {"integers", [loss] { (void)loss(arange(3), arange(3)); }, begin + "expected a floating tensor, got int64 [3]"}};
}

inline catalogue::Sample pair_benchmark(Generator& g, catalogue::Call call) {
  using catalogue::uniform;
  return {"[512, 64]", {uniform(g, {512, 64}, -2, 2), uniform(g, {512, 64}, -2, 2)}, std::move(call)};
}

}  // namespace tapegrad
