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
/// [.., count]. Without replacement each index is drawn from those that are left, and every row must have `count`
/// weights above 0 (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006: by the smallest
/// Exponential(1) / weight). A count of 1 takes one number of the generator for a row either way. Nothing is recorded.
///
///   const Tensor next = multinomial(softmax(logits / temperature, -1), 1);  // [N, V] -> [N, 1]
///
/// Drawn from `generator`, or this thread's default generator; the same indices at any number of threads. Throws
/// DTypeError unless the weights are floating, ShapeError for a scalar, ValueError for a negative count, and for
/// weights that are negative, not finite or, in some row, too few.
Tensor multinomial(const Tensor& weights, std::int64_t count, MultinomialOptions options = {});
Tensor multinomial(const Tensor& weights, std::int64_t count, Generator& generator, MultinomialOptions options = {});

/// Each element is independently 1 with the given probability, else 0; shape and dtype are those of `probabilities`.
/// Nothing is recorded. Drawn from `generator`, or this thread's default generator; the same for float32 and float64
/// probabilities that are equal. Throws DTypeError unless they are floating, ValueError for one outside [0, 1].
Tensor bernoulli(const Tensor& probabilities);
Tensor bernoulli(const Tensor& probabilities, Generator& generator);

}  // namespace tapegrad
