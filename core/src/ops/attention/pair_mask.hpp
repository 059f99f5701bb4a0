// A Mask on queries and keys, and a bias of their scores, in the form of one bool tensor.
#pragma once

#include <optional>

#include "tapegrad/ops/mask.hpp"

namespace tapegrad {

/// [N, Lq, Lk] as [N, 1, Lq, Lk]; other ranks as they are.
Tensor aligned_pairs(const Tensor& pairs);

/// All parts of the mask, and where the bias (which may be undefined) is not -inf, in one tensor that broadcasts to [N,
/// H, Lq, Lk]; undefined when nothing is hidden.
Tensor keep_of(const Mask& mask, const Tensor& bias, std::int64_t queries, std::int64_t keys);

/// x [N, H, Lk, D], with 0 for the keys that no query sees if one of them holds NaN or inf: their weight is 0, and 0
/// times that is NaN. REQUIRES: keep as keep_of makes it.
Tensor without_unseen(const Tensor& x, const Tensor& keep, std::int64_t queries);

/// x [N, H, Lq, D], with 0 for the queries that see no key if one of them holds NaN or inf. REQUIRES: as there.
Tensor without_blind(const Tensor& x, const Tensor& keep, std::int64_t keys);

/// softmax(scale q k^T + bias) over the keys that are kept: attention_weights() with its mask in one tensor, for q
/// without_blind and k without_unseen. The bias may be undefined.
Tensor weights_of_kept(const Tensor& q, const Tensor& k, const Tensor& keep, const Tensor& bias, double scale);

/// The product of weights (or their changes) over pairs, and of vectors: what is hidden adds nothing, even where a
/// vector that others see is infinite or NaN.
Tensor product_of_seen(const Tensor& pairs, const Tensor& vectors, const Tensor& keep);

/// Throws ShapeError unless q [N, H, Lq, D], k [N, H, Lk, D], the mask and the bias, if it is defined, fit; DTypeError
/// unless q, k and the bias are of one floating dtype.
void expect_attention(std::string_view op, const Tensor& q, const Tensor& k, const Mask& mask, const Tensor& bias);

/// What scores are multiplied by: what was asked for, else 1 / sqrt(D); 1 where there are no features.
double scale_of_scores(const Tensor& q, std::optional<double> asked);

}  // namespace tapegrad
