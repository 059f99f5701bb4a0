// Forward mode: its levels, and the tangents that tensors have at them.
#pragma once

#include <cstdint>

#include "tape/tensor_impl.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// A level of forward mode, live for the guard's lifetime. Tangents of levels that have ended are ignored.
class ForwardLevel {
 public:
  explicit ForwardLevel(bool strong_zero);
  ForwardLevel(const ForwardLevel&) = delete;
  ForwardLevel& operator=(const ForwardLevel&) = delete;
  ~ForwardLevel();
  std::uint64_t id() const { return id_; }

 private:
  std::uint64_t id_;
};

/// x with a tangent at a level: an alias. REQUIRES: same shape and dtype.
Tensor with_tangent(const Tensor& x, std::uint64_t level, Tensor tangent);
/// The tangent of x at a level; undefined when it has none.
Tensor tangent_of(const Tensor& x, std::uint64_t level);
/// x without its tangent at a level: itself when it has none.
Tensor without_tangent(const Tensor& x, std::uint64_t level);
/// The innermost live level at which x has a tangent; 0 when there is none.
std::uint64_t innermost_level_of_tangents(const Tensor& x);
inline std::uint64_t innermost_level(const Tensor& x) {
  return x.defined() && x.impl()->tangents != nullptr ? innermost_level_of_tangents(x) : 0;
}
/// Throws TapeError "[writer] ..." for a tensor with a live tangent, which a change of its elements would not reach.
void expect_no_tangent(const Tensor& x, const char* writer);
/// Whether a live level's forward rules have strong zeros.
bool has_strong_zeros(std::uint64_t level);

}  // namespace tapegrad
