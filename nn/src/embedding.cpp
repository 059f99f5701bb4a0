#include "tapegrad/nn/embedding.hpp"

#include <fmt/format.h>

#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/init.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::nn {

Embedding::Embedding(std::int64_t count, std::int64_t features, EmbeddingOptions options)
    : padding_idx_(options.padding_idx) {
  if (count < 0 || features < 0)
    throw ValueError(fmt::format("[Embedding] expected sizes of at least 0, got {} and {}", count, features));
  const Tensor rows = zeros({count, features}, {.dtype = options.dtype});
  init::normal(rows);
  if (padding_idx_.has_value()) {
    if (*padding_idx_ < -count || *padding_idx_ >= count)
      throw IndexError(fmt::format("[Embedding] padding_idx {} is outside a table of {} rows", *padding_idx_, count));
    init::constant(select(rows, 0, *padding_idx_), 0.0);
  }
  weight = Parameter(rows);
}

Tensor Embedding::operator()(const Tensor& tokens) const {
  const Scope scope(path());
  return embedding(weight, tokens, padding_idx_);
}

}  // namespace tapegrad::nn
