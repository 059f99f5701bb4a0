// Drawing at random from given probabilities.
#pragma once

#include <cstdint>

#include "tapegrad/base/random.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

struct MultinomialOptions {
  /// Whether an index may be drawn again.
  bool replacement = false;
};
/// `count` indices of each row of `weights` [.., n], index i with probability weights[i] / sum(weights): int64
/// [.., count]. Without replacement each is drawn from those that are left, and no row has fewer weights above 0 than
/// that (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006: by the smallest
/// Exponential(1) / weight). Nothing is recorded.
///
///   const Tensor next = multinomial(softmax(logits / temperature, -1), 1);  // [N, V] -> [N, 1]
///
/// Drawn from `generator`, or this thread's default generator; the same indices at any number of threads. Throws
/// DTypeError unless the weights are floating, ShapeError for a scalar, ValueError for a negative count, for weights
/// that are negative or not finite or of which a row has too few.
Tensor multinomial(const Tensor& weights, std::int64_t count, MultinomialOptions options = {});
Tensor multinomial(const Tensor& weights, std::int64_t count, Generator& generator, MultinomialOptions options = {});

/// 1 with the probability that stands in its place, else 0, each element by itself: of the shape and dtype of
/// `probabilities`. Nothing is recorded. Drawn from `generator`, or this thread's default generator; the same for
/// float32 and float64 probabilities that are equal. Throws DTypeError unless they are floating, ValueError for one
/// outside [0, 1].
Tensor bernoulli(const Tensor& probabilities);
Tensor bernoulli(const Tensor& probabilities, Generator& generator);

}  // namespace tapegrad
