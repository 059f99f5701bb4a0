// Scaled dot-product attention (Vaswani et al. 2017) over heads that lie anywhere in memory.
//
// The scores of a few queries at a time exist, in memory of the thread; the reverse sweep computes them again from the
// kept maximum and sum. A (batch, head) pair depends on nothing else, and its gradients are summed on one thread: the
// same bits in any batch and at any number of threads. Chains of multiply-adds, over keys or queries, are never cut,
// however long. Instantiated for float and double.
#pragma once

#include <cstdint>

#include "tapegrad/base/random.hpp"

namespace tapegrad::kernels {

/// Queries whose scores exist at a time.
inline constexpr std::int64_t kTileQueries = 32;

/// Element (batch, head, position, c) stands at data[batch * .batch + head * .head + position * .position + c].
struct HeadStrides {
  std::int64_t batch = 0;
  std::int64_t head = 0;
  std::int64_t position = 0;
};

/// T may be const.
template <class T>
struct Heads {
  T* data = nullptr;
  HeadStrides strides = {};

  T* at(std::int64_t batch, std::int64_t head) const { return data + batch * strides.batch + head * strides.head; }
};

/// Something of each (query, key) pair: the strides of [batch, heads, queries, keys], which may be 0.
template <class T>
struct OfPairs {
  T* data = nullptr;
  std::int64_t batch = 0, head = 0, query = 0, key = 0;

  T* at(std::int64_t b, std::int64_t h, std::int64_t i) const { return data + b * batch + h * head + i * query; }
};

template <class T>
struct Attention {
  std::int64_t batch = 0;
  std::int64_t heads = 0;
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  std::int64_t width = 0;        ///< of q and k
  std::int64_t value_width = 0;  ///< of v and o
  Heads<const T> q = {};         ///< [batch, heads, queries, width]
  Heads<const T> k = {};         ///< [batch, heads, keys, width]
  Heads<const T> v = {};         ///< [batch, heads, keys, value_width]
  double scale = 1;
  const bool* valid_keys = nullptr;  ///< [batch, keys]; null: all
  bool causal = false;               ///< query i sees the keys j <= i
  OfPairs<const bool> pairs = {};    ///< which take part; null: all
  OfPairs<const T> bias = {};        ///< added to their scores; -inf hides a pair; null: 0
  /// Of the weights p, after the softmax: pair (b, h, i, j) is dropped where stream.uniform64(((b heads + h) queries +
  /// i) keys + j) < dropout, and else divided by 1 - dropout.
  double dropout = 0;
  RandomStream stream = {};
};

/// What is kept of each query's scores, [batch, heads, queries]: p_ij = exp(score_ij - max_i) / sum_i. The logarithm of
/// the sum, added to the maximum, would be one number instead of two, and lose digits to a large maximum.
template <class T>
struct RowSoftmax {
  T* max;          ///< -inf where no key is seen
  T* inverse_sum;  ///< 1 / sum_i
};

/// o_i = sum_j r_ij p_ij v_j with p_i the softmax of scale q_i . k_j + bias_ij over the keys that i sees and r_ij what
/// dropout makes of 1; 0 where it sees none. What a hidden key holds, NaN and inf too, reaches neither o_i nor dq_i.
template <class T>
void attention_forward(const Attention<T>& facts, const Heads<T>& o, const RowSoftmax<T>& kept);

/// With dp_ij = r_ij do_i . v_j and dS_ij = p_ij (dp_ij - sum_l p_il dp_il): dq_i = scale sum_j dS_ij k_j; dk_j = scale
/// sum_i dS_ij q_i; dv_j = sum_i r_ij p_ij do_i. Gradients whose data is null are not computed; those written may not
/// overlap each other or the inputs. To a bias's gradient, alone, dS_ij are added: to dbias where each element stands
/// for one pair; to shared_dbias where some stand for several, whose sum is taken in double precision and in a fixed
/// order (heads that share elements follow each other on one thread).
template <class T>
void attention_backward(const Attention<T>& facts, const RowSoftmax<const T>& kept, const Heads<const T>& dout,
                        const Heads<T>& dq, const Heads<T>& dk, const Heads<T>& dv, const OfPairs<T>& dbias = {},
                        const OfPairs<double>& shared_dbias = {});

}  // namespace tapegrad::kernels
