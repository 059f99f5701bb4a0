#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct BinCount : Op<BinCount> {
  static constexpr std::string_view name = "bincount";
  static constexpr std::string_view math = R"(y_m = \sum_i [x_i = m])";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool differentiable = false;
  std::int64_t min_count = 0;

  BinCount() = default;
  explicit BinCount(std::int64_t least) : min_count(least) {}

  Tensor forward(const Tensor& x) const {
    if (x.dtype() != int64)
      throw DTypeError(
          fmt::format("[bincount] expected int64 x, got {} {}", to_string(x.dtype()), to_string(x.shape())));
    if (min_count < 0)
      throw ValueError(fmt::format("[bincount] expected a min_count of at least 0, got {}", min_count));
    const array::Array a = contiguous_array(x);
    const std::int64_t* const first = a.as<std::int64_t>();
    const std::int64_t* const last = first + a.shape.numel();
    if (first == last) return zeros({min_count}, {.dtype = int64});
    const auto [least, most] = std::minmax_element(first, last);
    if (*least < 0) throw IndexError(fmt::format("[bincount] {} of x {} is negative", *least, to_string(x.shape())));
    if (*most == std::numeric_limits<std::int64_t>::max())
      throw IndexError(
          fmt::format("[bincount] {} of x {} is too large to be counted up to", *most, to_string(x.shape())));
    Tensor y = zeros({std::max(min_count, *most + 1)}, {.dtype = int64});
    auto* const counts = array_of(y).as<std::int64_t>();
    std::for_each(first, last, [counts](std::int64_t m) { ++counts[m]; });
    return y;
  }
  void describe(AttributeVisitor& visitor) const { visitor("min_count", min_count); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_m = \sum_i [x_i = m])",
             "counts of integers: constant in everything that could carry a gradient"}};
  }
  static catalogue::Samples samples(Generator&) {
    const auto at_least = [](std::int64_t count) {
      return catalogue::of([count](const Tensor& x) { return bincount(x, count); });
    };
    const Tensor x = tensor({{3, 1}, {1, 0}}, {.dtype = int64});
    return {{"matrix", {x}},
            {"more counts than x needs", {x}, at_least(6)},
            {"fewer counts than x needs", {x}, at_least(2)},
            {"scalar", {tensor(2, {.dtype = int64})}},
            {"no elements", {zeros({0}, {.dtype = int64})}, at_least(2)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"negative",
             [] {
               (void)bincount(tensor({0, -2}, {.dtype = int64}));
             },
             "[bincount] -2 of x [2] is negative"},
            {"too large", [] { (void)bincount(tensor({INT64_MAX}, {.dtype = int64})); },
             "[bincount] 9223372036854775807 of x [1] is too large to be counted up to"},
            {"dtype", [] { (void)bincount(zeros({2})); }, "[bincount] expected int64 x, got float32 [2]"},
            {"min_count", [] { (void)bincount(zeros({2}, {.dtype = int64}), -1); },
             "[bincount] expected a min_count of at least 0, got -1"}};
  }
  static catalogue::Sample benchmark(Generator& g) { return {"[65536] of 64", {randint(0, 64, {65536}, g)}}; }
};

Tensor bincount(const Tensor& x, std::int64_t min_count) { return apply(BinCount(min_count), x); }

TAPEGRAD_CATALOGUE(index, bincount, BinCount)

}  // namespace tapegrad
