#include "ops/attention/pair_mask.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/dispatch.hpp"
#include "ops/expect_positions.hpp"
#include "ops/strong_zero.hpp"
#include "ops/sum_of.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

Tensor aligned_pairs(const Tensor& pairs) { return pairs.defined() && pairs.dim() == 3 ? unsqueeze(pairs, 1) : pairs; }

Tensor keep_of(const Mask& mask, const Tensor& bias, std::int64_t queries, std::int64_t keys) {
  Tensor keep = aligned_pairs(mask.pairs());
  const auto meet = [&keep](const Tensor& part) { keep = keep.defined() ? logical_and(keep, part) : part; };
  if (mask.positions().defined()) meet(unsqueeze(unsqueeze(mask.positions(), 1), 1));
  if (mask.is_causal()) {
    Tensor earlier = empty({queries, keys}, {.dtype = boolean});
    bool* row = earlier.mutable_data<bool>("keep_of").data();
    for (std::int64_t i = 0; i < queries; ++i, row += keys)
      for (std::int64_t j = 0; j < keys; ++j) row[j] = j <= i;
    meet(earlier);
  }
  if (bias.defined()) {
    const Tensor shown = bias != -std::numeric_limits<double>::infinity();
    if (!all(shown).item<bool>()) meet(shown);
  }
  return keep;
}

namespace {

enum class Side { queries, keys };

/// x [N, H, L, D] of the queries or of the keys, with 0 for those that `keep` pairs with none of the `others`, if one
/// of them holds NaN or inf.
Tensor without_unpaired(const Tensor& x, const Tensor& keep, std::int64_t others, Side side) {
  if (!keep.defined()) return x;
  const array::Array& values = array_of(x);
  const array::Array& mask = array_of(keep);
  const std::int64_t count = x.size(2);
  const Shape pairs =
      side == Side::keys ? Shape{x.size(0), x.size(1), others, count} : Shape{x.size(0), x.size(1), count, others};
  const Shape strides = broadcast_strides(mask.shape, mask.strides, pairs);
  const std::int64_t own_step = strides[side == Side::keys ? 3 : 2], other_step = strides[side == Side::keys ? 2 : 3];
  const std::int64_t distinct = other_step == 0 ? std::min<std::int64_t>(others, 1) : others;
  // With a causal mask the last query sees every key, and every query the first key.
  const auto is_paired = [&](const bool* own) {
    for (std::int64_t i = 0; i < distinct; ++i)
      if (own[(side == Side::keys ? distinct - 1 - i : i) * other_step]) return true;
    return false;
  };
  const std::int64_t width = x.size(3);
  Tensor paired = empty({x.size(0), x.size(1), count, 1}, {.dtype = boolean});
  bool* out = paired.mutable_data<bool>("without_unpaired").data();
  bool poisoned = false;
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t n = 0; n < x.size(0); ++n)
      for (std::int64_t h = 0; h < x.size(1); ++h)
        for (std::int64_t j = 0; j < count; ++j, ++out) {
          *out = is_paired(mask.as<bool>() + n * strides[0] + h * strides[1] + j * own_step);
          const T* row = values.as<T>() + n * values.strides[0] + h * values.strides[1] + j * values.strides[2];
          for (std::int64_t c = 0; !*out && c < width; ++c)
            poisoned = poisoned || !std::isfinite(row[c * values.strides[3]]);
        }
  });
  return poisoned ? where(paired, x, 0.0) : x;
}

bool is_finite(const Tensor& x) { return all(isfinite(x)).item<bool>(); }

}  // namespace

Tensor without_unseen(const Tensor& x, const Tensor& keep, std::int64_t queries) {
  return without_unpaired(x, keep, queries, Side::keys);
}

Tensor without_blind(const Tensor& x, const Tensor& keep, std::int64_t keys) {
  return without_unpaired(x, keep, keys, Side::queries);
}

Tensor weights_of_kept(const Tensor& q, const Tensor& k, const Tensor& keep, const Tensor& bias, double scale) {
  const auto scores = [&](const Tensor& a, const Tensor& b) {
    return sum_of(matmul(a * scale, transpose(b, 2, 3)), bias);
  };
  if (!keep.defined() || is_finite(k)) return softmax(scores(q, k), -1, keep);
  // A key that is not finite would reach the gradients of queries that do not see it, as 0 times NaN.
  const Tensor poisoned = ~all(isfinite(k), -1);
  const Tensor sees = any(keep & unsqueeze(poisoned, 2), -1, true);
  const Tensor others = scores(q, where(unsqueeze(poisoned, -1), 0.0, k));
  return softmax(where(sees, scores(where(sees, q, 0.0), k), others), -1, keep);
}

Tensor product_of_seen(const Tensor& pairs, const Tensor& vectors, const Tensor& keep) {
  if (!keep.defined()) return matmul(pairs, vectors);
  const auto product = [&] {
    if (is_finite(vectors)) return matmul(pairs, vectors);
    const Tensor shown = where(keep, pairs, 0.0);
    return bilinear_with_strong_zeros(matmul(shown, vectors), shown, vectors,
                                      [](const Tensor& a, const Tensor& b) { return matmul(a, b); });
  };
  const Tensor sees = any(keep, -1, true);
  return all(sees).item<bool>() ? product() : where(sees, product(), 0.0);  // which stops a blind query's cotangent
}

void expect_attention(std::string_view op, const Tensor& q, const Tensor& k, const Mask& mask, const Tensor& bias) {
  expect_defined(op, q, "input 0 (q)");
  expect_defined(op, k, "input 1 (k)");
  expect_floating(op, q);
  expect_same_dtype(op, q, k);
  if (q.dim() != 4 || k.dim() != 4 || q.size(0) != k.size(0) || q.size(1) != k.size(1) || q.size(3) != k.size(3))
    throw ShapeError(fmt::format("[{}] expected q [N, H, Lq, D] and k [N, H, Lk, D], got {} and {}", op,
                                 to_string(q.shape()), to_string(k.shape())));
  expect_positions(op, mask, "[N, Lk]", {q.size(0), k.size(2)});
  const Shape pairs{q.size(0), q.size(1), q.size(2), k.size(2)};
  if (mask.pairs().defined() && !broadcasts_to(aligned_pairs(mask.pairs()).shape(), pairs))
    throw ShapeError(fmt::format("[{}] expected the mask's pairs to broadcast to [N, H, Lq, Lk] = {}, got {}", op,
                                 to_string(pairs), to_string(mask.pairs().shape())));
  if (!bias.defined()) return;
  expect_same_dtype(op, q, bias);
  if (bias.dim() < 2 || !broadcasts_to(bias.shape(), pairs))
    throw ShapeError(fmt::format("[{}] expected a bias [.., Lq, Lk] that broadcasts to [N, H, Lq, Lk] = {}, got {}", op,
                                 to_string(pairs), to_string(bias.shape())));
}

double scale_of_scores(const Tensor& q, std::optional<double> asked) {
  return asked ? *asked : 1.0 / std::sqrt(static_cast<double>(std::max<std::int64_t>(1, q.size(3))));
}

}  // namespace tapegrad
