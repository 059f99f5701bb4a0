#include "tapegrad/ops/sample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "base/counted.hpp"
#include "base/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {
namespace {

constexpr const char* kName = "multinomial";

/// With replacement: draw d takes the index at which the running sum of the weights passes the d-th number's share of
/// their total. It is never one of weight 0: weights are scaled to the size of 1, where a share is less than the total.
template <class T>
void draw_again(const T* weights, std::int64_t n, std::span<std::int64_t> drawn, const RandomStream& stream,
                std::uint64_t first) {
  if (drawn.empty()) return;
  const int scale = -std::ilogb(*std::max_element(weights, weights + n));
  std::vector<double> sums(static_cast<std::size_t>(n));
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i)
    sums[static_cast<std::size_t>(i)] = sum += std::scalbn(static_cast<double>(weights[i]), scale);
  for (std::int64_t& index : drawn)
    index = std::upper_bound(sums.begin(), sums.end(), stream.uniform64(first++) * sum) - sums.begin();
}

/// Without: index i has the key ln(Exponential(1) / weights[i]), and the smallest keys come first.
template <class T>
void draw_once(const T* weights, std::int64_t n, std::span<std::int64_t> drawn, const RandomStream& stream,
               std::uint64_t first) {
  std::vector<std::pair<double, std::int64_t>> keys;
  for (std::int64_t i = 0; i < n; ++i)
    if (weights[i] > T{0})
      keys.emplace_back(std::log(-std::log1p(-stream.uniform64(first + static_cast<std::uint64_t>(i)))) -
                            std::log(static_cast<double>(weights[i])),
                        i);
  const auto end = keys.begin() + static_cast<std::ptrdiff_t>(drawn.size());
  std::partial_sort(keys.begin(), end, keys.end());
  std::transform(keys.begin(), end, drawn.begin(), [](const auto& key) { return key.second; });
}

/// Throws ValueError unless the row's weights are probabilities up to a factor, `least` of them above 0.
template <class T>
void expect_weights(const T* weights, std::int64_t n, std::int64_t row, std::int64_t least) {
  std::int64_t possible = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (!(weights[i] >= T{0}) || std::isinf(weights[i]))
      throw ValueError(fmt::format(
          "[{}] weights must be finite and at least 0, got {} at {} of row {}: softmax(logits) makes weights "
          "of logits",
          kName, weights[i], i, row));
    possible += weights[i] > T{0} ? 1 : 0;
  }
  if (possible < least)
    throw ValueError(fmt::format("[{}] row {} has {} above 0, needed are {}", kName, row,
                                 counted(static_cast<std::size_t>(possible), "weight"), least));
}

}  // namespace

Tensor multinomial(const Tensor& weights, std::int64_t count, Generator& generator, MultinomialOptions options) {
  expect_floating(kName, weights);
  if (weights.dim() == 0) throw ShapeError(fmt::format("[{}] expected weights [.., n], got a scalar", kName));
  if (count < 0) throw ValueError(fmt::format("[{}] expected a count of at least 0, got {}", kName, count));
  const std::int64_t n = weights.size(-1);
  Shape shape = weights.shape();
  shape.erase(shape.rank() - 1);
  const std::int64_t rows = shape.numel();
  shape.push_back(count);
  Tensor indices = empty(shape, {.dtype = int64});
  const bool again = options.replacement || count == 1;  // one draw is the same with and without replacement
  const std::int64_t numbers = again ? count : n;        // of a row
  const auto fill = [&]<class T>(T) {
    const array::Array values = contiguous_array(weights);
    const T* const w = values.as<T>();
    for (std::int64_t row = 0; row < rows; ++row)
      expect_weights(w + row * n, n, row, again ? std::min<std::int64_t>(count, 1) : count);
    const RandomStream stream = generator.reserve(static_cast<std::uint64_t>(rows * numbers));
    std::int64_t* const out = array_of(indices).as<std::int64_t>();
    const auto draw = again ? draw_again<T> : draw_once<T>;
    kernels::parallel_for(rows, 1, rows * (n + numbers) * 100, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row)
        draw(w + row * n, n, std::span<std::int64_t>(out + row * count, static_cast<std::size_t>(count)), stream,
             static_cast<std::uint64_t>(row * numbers));
    });
  };
  with_floating(weights.dtype(), fill);
  return indices;
}

Tensor multinomial(const Tensor& weights, std::int64_t count, MultinomialOptions options) {
  return multinomial(weights, count, default_generator(), options);
}

Tensor bernoulli(const Tensor& probabilities, Generator& generator) {
  constexpr const char* kBernoulli = "bernoulli";
  expect_floating(kBernoulli, probabilities);
  const array::Array given = contiguous_array(probabilities);
  const std::int64_t n = given.shape.numel();
  Tensor drawn = empty(given.shape, {.dtype = given.dtype});
  with_floating(given.dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* const p = given.as<T>();
    const T* const wrong = std::find_if(p, p + n, [](T value) { return !(value >= T{0} && value <= T{1}); });
    if (wrong != p + n)
      throw ValueError(fmt::format("[{}] expected probabilities in [0, 1], got {} at position {} of {}", kBernoulli,
                                   *wrong, wrong - p, to_string(given.shape)));
    const RandomStream stream = generator.reserve(static_cast<std::uint64_t>(n));
    T* const out = array_of(drawn).as<T>();
    for (std::int64_t i = 0; i < n; ++i)
      out[i] = stream.uniform64(static_cast<std::uint64_t>(i)) < static_cast<double>(p[i]) ? T{1} : T{0};
  });
  return drawn;
}

Tensor bernoulli(const Tensor& probabilities) { return bernoulli(probabilities, default_generator()); }

}  // namespace tapegrad
