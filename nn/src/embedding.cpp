#include "tapegrad/nn/embedding.hpp"

#include <fmt/format.h>

#include "expect_options.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/nn/init.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::nn {

Embedding::Embedding(std::int64_t count, std::int64_t features, EmbeddingOptions options)
    : padding_idx_(options.padding_idx) {
  expect_not_negative("Embedding", count, features);
  expect_floating("Embedding", options.dtype);
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
  const Scope scope = entered();
  return embedding(weight, tokens, padding_idx_);
}

namespace {

struct EmbeddingEntry {
  static constexpr std::string_view math = R"(y_p = W_{t_p},\ t_p \text{ the index at place } p)";
  static catalogue::LayerSamples samples(Generator& /*g*/) {
    using catalogue::layer_sample;
    const Tensor tokens = from_vector(std::vector<std::int64_t>{1, 4, 1, 2, 2, 3}, {2, 3});
    return {layer_sample("repeated tokens", Embedding(5, 3, {.dtype = float64}), {tokens}),
            layer_sample("a padding token", Embedding(5, 3, {.padding_idx = 2, .dtype = float64}), {tokens},
                         {.order = 0, .reason = "the padding row stays as it is: its gradient is 0 by choice"})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"sizes", [] { Embedding(3, -1); }, "[Embedding] expected sizes of at least 0, got 3 and -1"},
            {"padding_idx", [] { Embedding(4, 3, {.padding_idx = 4}); },
             "[Embedding] padding_idx 4 is outside a table of 4 rows"},
            {"token", [] { (void)Embedding(4, 3)(full({1}, 4, {.dtype = int64})); }, "[embedding]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    std::vector<std::int64_t> tokens(4096);
    for (std::int64_t& t : tokens) t = g.below(64);
    return catalogue::layer_sample("4096 of 64 tokens, width 40", Embedding(64, 40, {.dtype = float64}),
                                   {from_vector(tokens, {128, 32})});
  }
};

}  // namespace

TAPEGRAD_LAYER(embedding, Embedding, EmbeddingEntry)

}  // namespace tapegrad::nn
