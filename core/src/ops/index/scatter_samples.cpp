#include "ops/index/scatter_samples.hpp"

#include <fmt/format.h>

#include "tapegrad/tape/create.hpp"

namespace tapegrad::catalogue {
namespace {

Tensor indices(const std::vector<std::int64_t>& values, const Shape& shape) { return from_vector(values, shape); }

auto along(ScatterFunction f, int d) {
  return of<3>([f, d](const Tensor& x, const Tensor& index, const Tensor& source) { return f(x, d, index, source); });
}

}  // namespace

Samples scatter_samples(Generator& g, ScatterFunction f) {
  return {
      {"last dimension",
       {uniform(g, {2, 4}, -2, 2), indices({3, 0, 1, 2, 1, 0}, {2, 3}), uniform(g, {2, 3}, -2, 2)},
       along(f, 1)},
      {"first dimension",
       {uniform(g, {4, 2}, -2, 2), indices({3, 0, 1, 2}, {2, 2}), uniform(g, {2, 2}, -2, 2)},
       along(f, 0)},
      {"repeated index", {uniform(g, {3}, -2, 2), indices({1, 1, 0, 1}, {4}), uniform(g, {4}, -2, 2)}, along(f, -1)},
      {"smaller elsewhere",
       {uniform(g, {3, 2, 2}, -2, 2), indices({1, 0, 1}, {1, 3, 1}), uniform(g, {1, 3, 1}, -2, 2)},
       along(f, 1)},
      {"no indices", {uniform(g, {2, 3}, -2, 2), indices({}, {2, 0}), uniform(g, {2, 0}, -2, 2)}, along(f, 1)}};
}

ErrorSamples scatter_errors(std::string_view name, ScatterFunction f) {
  const auto says = [name](std::string_view what) { return fmt::format("[{}] {}", name, what); };
  return {{"out of range",
           [f] {
             (void)f(zeros({2, 3}), 1, indices({0, 1, 2, 3}, {2, 2}), zeros({2, 2}));
           },
           says("index 3 at [1, 1] is out of range for size 3")},
          {"shapes",
           [f] {
             (void)f(zeros({2, 3}), 1, zeros({2, 1}, {.dtype = int64}), zeros({2, 2}));
           },
           says("an index [2, 1] and a source [2, 2] do not fit [2, 3] along axis 1")},
          {"index dtype", [f] { (void)f(zeros({2}), 0, zeros({2}), zeros({2})); },
           says("expected int64 indices, got float32 [2]")},
          {"dtypes", [f] { (void)f(zeros({2}), 0, zeros({2}, {.dtype = int64}), zeros({2}, {.dtype = float64})); },
           says("float32 [2] with float64 [2]")},
          {"axis", [f] { (void)f(zeros({2}), 1, zeros({2}, {.dtype = int64}), zeros({2})); },
           says("axis 1 is out of range for rank 1")}};
}

Sample scatter_benchmark(Generator& g, ScatterFunction f) {
  return {"[512, 512] along 1",
          {uniform(g, {512, 512}, -2, 2), randint(0, 512, {512, 512}, g), uniform(g, {512, 512}, -2, 2)},
          along(f, 1)};
}

}  // namespace tapegrad::catalogue
