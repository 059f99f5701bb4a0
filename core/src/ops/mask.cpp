#include "tapegrad/ops/mask.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {
namespace {

Tensor both(const Tensor& a, const Tensor& b) {
  if (!a.defined()) return b;
  if (!b.defined()) return a;
  return logical_and(a, b);
}

}  // namespace

Mask Mask::from_lengths(const std::vector<std::int64_t>& lengths, std::int64_t length) {
  Tensor keep = tapegrad::empty({static_cast<std::int64_t>(lengths.size()), length}, {.dtype = boolean});
  bool* row = keep.mutable_data<bool>().data();
  for (std::size_t n = 0; n < lengths.size(); ++n, row += length) {
    if (lengths[n] < 0 || lengths[n] > length)
      throw ValueError(fmt::format("[mask] sequence {} has length {}, expected 0 to {}", n, lengths[n], length));
    std::fill_n(row, length, false);
    std::fill_n(row, lengths[n], true);
  }
  return keep_positions(keep);
}

Mask Mask::from_lengths(const Tensor& lengths, std::int64_t length) {
  expect_defined("mask", lengths);
  if (lengths.dim() != 1)
    throw ShapeError(fmt::format("[mask] expected lengths [N], got {}", to_string(lengths.shape())));
  if (lengths.dtype() != int64)
    throw DTypeError(fmt::format("[mask] expected int64 lengths, got {}", to_string(lengths.dtype())));
  return from_lengths(lengths.to_vector<std::int64_t>(), length);
}

Mask Mask::causal() {
  Mask m;
  m.causal_ = true;
  return m;
}

Mask Mask::keep_positions(const Tensor& keep) {
  expect_bool("mask", keep);
  if (keep.dim() != 2)
    throw ShapeError(fmt::format("[mask] expected positions [N, L], got {}", to_string(keep.shape())));
  Mask m;
  m.positions_ = keep;
  return m;
}

Mask Mask::keep_pairs(const Tensor& keep) {
  expect_bool("mask", keep);
  if (keep.dim() < 2 || keep.dim() > 4)
    throw ShapeError(
        fmt::format("[mask] expected pairs [Lq, Lk], [N, Lq, Lk] or [N, H, Lq, Lk], got {}", to_string(keep.shape())));
  Mask m;
  m.pairs_ = keep;
  return m;
}

Mask operator&(const Mask& a, const Mask& b) {
  Mask m;
  m.positions_ = both(a.positions_, b.positions_);
  // [N, Lq, Lk] stands for [N, 1, Lq, Lk]: aligned with [N, H, Lq, Lk] by giving it its head dimension, never by
  // guessing.
  const auto aligned = [](const Tensor& pairs, const Tensor& other) {
    return pairs.defined() && other.defined() && pairs.dim() == 3 && other.dim() == 4
               ? pairs.reshape({pairs.size(0), 1, pairs.size(1), pairs.size(2)})
               : pairs;
  };
  m.pairs_ = both(aligned(a.pairs_, b.pairs_), aligned(b.pairs_, a.pairs_));
  m.causal_ = a.causal_ || b.causal_;
  return m;
}

std::int64_t Mask::valid_count(std::int64_t n, std::int64_t length) const {
  if (!positions_.defined()) return n * length;
  const std::vector<bool> keep = positions_.to_vector<bool>();
  return std::count(keep.begin(), keep.end(), true);
}

}  // namespace tapegrad
