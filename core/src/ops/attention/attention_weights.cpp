// The weights of attention, out of matmul and softmax.
#include <fmt/format.h>

#include "ops/attention/pair_mask.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/attention.hpp"

namespace tapegrad {

Tensor attention_weights(const Tensor& q, const Tensor& k, const Mask& mask, const AttentionOptions& options) {
  const Tensor& bias = options.bias;
  expect_attention("attention_weights", q, k, mask, bias);
  if (options.dropout_p != 0.0)
    throw ValueError(fmt::format("[attention_weights] gives the weights before dropout: expected dropout_p = 0, got {}",
                                 options.dropout_p));
  const double factor = scale_of_scores(q, options.scale);
  const Tensor keep = keep_of(mask, bias, q.size(2), k.size(2));
  return weights_of_kept(without_blind(q, keep, k.size(2)), without_unseen(k, keep, q.size(2)), keep, bias, factor);
}

}  // namespace tapegrad
