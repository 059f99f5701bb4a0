#include "tapegrad/nn/pooling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <vector>

#include "expect_options.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::nn {

namespace {

/// [N, 1, L]: 1 / (number of valid positions) at the valid ones, 0 elsewhere.
Tensor shares(const Tensor& positions, DType dtype) {
  const std::int64_t length = positions.size(1);
  const Tensor packed = positions.contiguous();
  const std::span<const bool> keep = packed.data<bool>();
  std::vector<double> values(keep.size(), 0.0);
  for (std::size_t row = 0; row < keep.size(); row += static_cast<std::size_t>(length)) {
    const std::span<const bool> valid = keep.subspan(row, static_cast<std::size_t>(length));
    const double share =
        1.0 / static_cast<double>(std::max<std::ptrdiff_t>(1, std::count(valid.begin(), valid.end(), true)));
    for (std::size_t p = 0; p < valid.size(); ++p)
      if (valid[p]) values[row + p] = share;
  }
  return from_vector(values, {positions.size(0), 1, length}).to(dtype);
}

}  // namespace

Tensor masked_mean(const Tensor& x, const Mask& mask) {
  expect_defined("masked_mean", x);
  if (x.dim() != 3) throw ShapeError(fmt::format("[masked_mean] expected [N, L, E], got {}", to_string(x.shape())));
  const Tensor& positions = mask.positions();
  if (!positions.defined()) return x.size(1) == 0 ? sum(x, 1) : mean(x, 1);
  if (positions.shape() != Shape{x.size(0), x.size(1)})
    throw ShapeError(fmt::format("[masked_mean] expected positions [{}, {}] for {}, got {}", x.size(0), x.size(1),
                                 to_string(x.shape()), to_string(positions.shape())));
  // Padding may hold NaN, of which a share of 0 would still be NaN.
  return squeeze(matmul(shares(positions, x.dtype()), where(unsqueeze(positions, -1), x, 0.0)), 1);
}

namespace {

struct MaskedMeanEntry {
  static constexpr std::string_view math =
      R"(y_n = \frac{1}{|V_n|} \sum_{p \in V_n} x_{np},\ V_n \text{ the valid positions of sequence } n)";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    const auto with = [](const Mask& mask) { return [mask](const Tensor& x) { return masked_mean(x, mask); }; };
    return {
        function_sample("all positions", with({}), {uniform(g, {2, 4, 3}, -2, 2)}),
        function_sample("valid positions", with(Mask::from_lengths({4, 1}, 4)), {uniform(g, {2, 4, 3}, -2, 2)}),
        function_sample("a sequence of padding", with(Mask::from_lengths({0, 2}, 3)), {uniform(g, {2, 3, 2}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"rank",
             [] {
               (void)masked_mean(ones({2, 3}));
             },
             "[masked_mean] expected [N, L, E], got [2, 3]"},
            {"positions",
             [] {
               (void)masked_mean(ones({2, 3, 4}), Mask::from_lengths({1, 2}, 4));
             },
             "[masked_mean] expected positions [2, 3] for [2, 3, 4], got [2, 4]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    std::vector<std::int64_t> lengths(64);
    for (std::int64_t& length : lengths) length = 1 + g.below(32);
    const Mask mask = Mask::from_lengths(lengths, 32);
    return catalogue::function_sample("[64, 32, 64]", [mask](const Tensor& x) { return masked_mean(x, mask); },
                                      {catalogue::uniform(g, {64, 32, 64}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(pooling, masked_mean, MaskedMeanEntry)

}  // namespace tapegrad::nn
