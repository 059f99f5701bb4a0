// What tril and triu share: matrices of which one side of a diagonal is kept.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "kernels/parallel.hpp"
#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// Self says which columns of row i stay: static Range kept(i, columns, offset).
template <class Self>
struct TriangleOp : Op<Self> {
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  struct Range {
    std::int64_t begin;
    std::int64_t end;
  };
  std::int64_t offset;

  explicit TriangleOp(std::int64_t k) : offset(k) {}

  Tensor forward(const Tensor& x) const {
    const array::Array y = contiguous_copy(array_of(x));
    const std::int64_t columns = y.shape.back();
    const std::int64_t rows = y.shape[y.shape.rank() - 2];
    const std::int64_t lines = columns == 0 ? 0 : y.shape.numel() / columns;
    const auto element = static_cast<std::int64_t>(size_of(y.dtype));
    const std::int64_t bytes = columns * element;
    constexpr std::int64_t kGrainBytes = 32 * 1024;
    kernels::parallel_for(lines, std::max<std::int64_t>(1, kGrainBytes / std::max<std::int64_t>(1, bytes)),
                          lines * (50 + bytes / 2), [&](std::int64_t begin, std::int64_t end) {
                            for (std::int64_t line = begin; line < end; ++line) {
                              const Range range = Self::kept(line % rows, columns, offset);
                              std::byte* const row = y.data() + line * bytes;
                              clear(row, range.begin * element);
                              clear(row + range.end * element, (columns - range.end) * element);
                            }
                          });
    return wrap(y);
  }
  Tensor vjp(const Saved&, const Tensor& dy) const { return apply(Self(offset), dy); }
  void describe(AttributeVisitor& visitor) const { visitor("offset", offset); }

 protected:
  /// Where the diagonal crosses row i, within [0, columns].
  static std::int64_t crossing(std::int64_t i, std::int64_t columns, std::int64_t offset) {
    if (offset > columns) return columns;
    return offset < -i ? 0 : std::min(columns, i + offset);
  }

 private:
  /// Zeros of every dtype are zero bytes.
  static void clear(std::byte* first, std::int64_t bytes) { std::memset(first, 0, static_cast<std::size_t>(bytes)); }
};

template <class O>
Tensor triangle(const Tensor& x, std::int64_t offset) {
  expect_defined(O::name, x);
  if (x.dim() < 2)
    throw ShapeError(fmt::format("[{}] expected matrices [.., m, n], got {}", O::name, to_string(x.shape())));
  return apply(O(offset), x);
}

/// The shapes and offsets on which both are checked.
inline catalogue::Samples triangle_samples(Generator& g, Tensor (*f)(const Tensor&, std::int64_t)) {
  using catalogue::uniform;
  const auto with = [f](std::int64_t offset) {
    return catalogue::of([f, offset](const Tensor& x) { return f(x, offset); });
  };
  return {{"square", {uniform(g, {3, 3}, -2, 2)}, with(0)},
          {"wide, above", {uniform(g, {2, 4}, -2, 2)}, with(1)},
          {"tall, below", {uniform(g, {4, 2}, -2, 2)}, with(-2)},
          {"batch", {uniform(g, {2, 3, 2}, -2, 2)}, with(-1)},
          {"all above", {uniform(g, {2, 3}, -2, 2)}, with(INT64_MAX)},
          {"all below", {uniform(g, {2, 3}, -2, 2)}, with(INT64_MIN)},
          {"no rows", {uniform(g, {0, 3}, -2, 2)}, with(0)},
          {"no columns", {uniform(g, {3, 0}, -2, 2)}, with(0)}};
}

inline catalogue::ErrorSamples triangle_errors(std::string_view name, Tensor (*f)(const Tensor&, std::int64_t)) {
  return {{"vector", [f] { (void)f(zeros({3}), 0); }, fmt::format("[{}] expected matrices [.., m, n], got [3]", name)},
          {"scalar", [f] { (void)f(zeros({}), 0); }, fmt::format("[{}] expected matrices [.., m, n], got []", name)}};
}

}  // namespace tapegrad
