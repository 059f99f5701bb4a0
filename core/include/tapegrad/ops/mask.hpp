// Mask: which positions and which pairs of positions take part. A type of its own, because a bare bool tensor does not
// say whether true keeps or hides. Here true always keeps.
#pragma once

#include <concepts>
#include <cstdint>
#include <vector>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// What is kept, in up to three parts: valid positions [N, L], causality, and pairs [N?, H?, Lq, Lk]. `&` keeps what
/// both keep, part by part. A default Mask keeps everything.
///
/// Attention hides a key that is not valid, that is later than its query (causal), or whose pair is not kept; a query
/// row with no key left gives 0 with gradient 0. BatchNorm and pooling use the valid positions alone.
class [[nodiscard]] Mask {
 public:
  Mask() = default;

  /// Position p of sequence n is valid when p < lengths[n]. Throws ValueError for a length outside 0 ... length.
  static Mask from_lengths(const std::vector<std::int64_t>& lengths, std::int64_t length);
  template <std::integral T>
  requires(!std::same_as<T, bool>) static Mask from_lengths(const std::vector<T>& lengths, std::int64_t length) {
    return from_lengths(std::vector<std::int64_t>(lengths.begin(), lengths.end()), length);
  }
  /// The same from an int64 tensor [N]. Throws ShapeError, DTypeError, too.
  static Mask from_lengths(const Tensor& lengths, std::int64_t length);
  /// Queries see keys up to their own position.
  static Mask causal();
  /// keep: bool [N, L], true where a position is valid. Throws ShapeError, DTypeError.
  static Mask keep_positions(const Tensor& keep);
  /// keep: bool [Lq, Lk], [N, Lq, Lk] or [N, H, Lq, Lk], true where the query sees the key. Throws ShapeError,
  /// DTypeError.
  static Mask keep_pairs(const Tensor& keep);

  /// Throws ShapeError when a part is in both with shapes that do not broadcast.
  friend Mask operator&(const Mask& a, const Mask& b);

  /// Whether nothing is hidden.
  bool empty() const { return !positions_.defined() && !pairs_.defined() && !causal_; }
  /// bool [N, L], or undefined when every position is valid.
  const Tensor& positions() const& { return positions_; }
  Tensor positions() const&& { return positions_; }
  /// bool of rank 2, 3 or 4, or undefined.
  const Tensor& pairs() const& { return pairs_; }
  Tensor pairs() const&& { return pairs_; }
  bool is_causal() const { return causal_; }
  /// The number of valid positions among [n, length]; n * length when all are.
  std::int64_t valid_count(std::int64_t n, std::int64_t length) const;

 private:
  Tensor positions_;
  Tensor pairs_;
  bool causal_ = false;
};

}  // namespace tapegrad
