// Embedding: a table of vectors, one for each token.
#pragma once

#include <cstdint>
#include <optional>

#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn {

struct EmbeddingOptions {
  /// The token whose row is 0 at first and is not trained (negative ones count from the end).
  std::optional<std::int64_t> padding_idx = {};
  DType dtype = float32;
};

/// Rows of weight [count, features] for int64 tokens of any shape [..]: [.., features]. Starts standard normal, as
/// PyTorch's. Throws IndexError for a token outside 0 ... count - 1, DTypeError for tokens that are not int64.
class Embedding : public Module {
 public:
  /// Throws ValueError for a negative size, IndexError for a padding_idx outside the table, DTypeError for a dtype that
  /// is not floating.
  Embedding(std::int64_t count, std::int64_t features, EmbeddingOptions options = {});

  Tensor operator()(const Tensor& tokens) const;

  Parameter weight;
  TAPEGRAD_MODULE(weight)

 private:
  std::optional<std::int64_t> padding_idx_;
};

}  // namespace tapegrad::nn
