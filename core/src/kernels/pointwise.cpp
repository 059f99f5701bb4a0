#include "kernels/pointwise.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ceil_div.hpp"
#include "kernels/parallel.hpp"

namespace tapegrad::kernels {
namespace {

static_assert(kChunkElements < kFarRow);
/// Elements gathered at a time from an operand that cannot be read in place.
constexpr std::int64_t kGathered = 1024;

constexpr std::size_t at(int d) { return static_cast<std::size_t>(d); }

using Dims = std::array<std::int64_t, kMaxRank>;

/// The loop over a shape and the strides of N operands, with dimensions merged wherever every operand allows it:
/// outermost first, rank >= 1. Operands with null data have no strides.
template <std::size_t N>
struct Loop {
  int rank = 0;
  Dims sizes;
  std::array<Dims, N> strides;

  Loop(const Shape& shape, const std::array<const Operand*, N>& operands) {
    for (int d = 0; d < shape.rank(); ++d) {
      if (shape[d] == 1) continue;
      bool merges = rank > 0;
      for (std::size_t k = 0; merges && k < N; ++k)
        merges = operands[k]->data == nullptr || strides[k][at(rank - 1)] == operands[k]->strides[d] * shape[d];
      if (!merges) sizes[at(rank++)] = 1;
      sizes[at(rank - 1)] *= shape[d];
      for (std::size_t k = 0; k < N; ++k)
        if (operands[k]->data != nullptr) strides[k][at(rank - 1)] = operands[k]->strides[d];
    }
    if (rank > 0) return;
    rank = 1;
    sizes[0] = 1;
    for (auto& of_operand : strides) of_operand[0] = 1;
  }

  std::int64_t row_length() const { return sizes[at(rank - 1)]; }

  /// Whether operand k lies in memory in the order of the loop.
  bool contiguous(std::size_t k) const {
    std::int64_t expected = 1;
    for (int d = rank - 1; d >= 0; expected *= sizes[at(d--)])
      if (strides[k][at(d)] != expected) return false;
    return true;
  }
  /// Whether operand k is one value.
  bool constant(std::size_t k) const {
    return std::all_of(strides[k].begin(), strides[k].begin() + rank, [](std::int64_t stride) { return stride == 0; });
  }
  /// Whether operand k has the same values in every row.
  bool same_rows(std::size_t k) const {
    return std::all_of(strides[k].begin(), strides[k].begin() + rank - 1,
                       [](std::int64_t stride) { return stride == 0; });
  }
  /// Where operand k has element i of the loop.
  std::int64_t offset(std::size_t k, std::int64_t i) const {
    std::int64_t sum = 0;
    for (int d = rank - 1; d >= 0; i /= sizes[at(d--)]) sum += i % sizes[at(d)] * strides[k][at(d)];
    return sum;
  }
};

template <class Element>
void gather_row(const Element* from, std::int64_t stride, Element* to, std::int64_t count) {
  if (stride == 1) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(Element));
  } else if (stride == 0) {
    std::fill_n(to, count, *from);
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
  }
}

/// Copies elements begin ... begin + count - 1 of the loop from an array of these strides.
template <class Element>
void gather(const Element* from, int rank, const Dims& sizes, const Dims& strides, std::int64_t begin,
            std::int64_t count, Element* to) {
  const std::size_t last = at(rank - 1);
  Dims index;
  for (int d = rank - 1; d >= 0; begin /= sizes[at(d--)]) {
    index[at(d)] = begin % sizes[at(d)];
    from += index[at(d)] * strides[at(d)];
  }
  for (;;) {
    const std::int64_t in_row = std::min(count, sizes[last] - index[last]);
    gather_row(from, strides[last], to, in_row);
    count -= in_row;
    if (count == 0) return;
    to += in_row;
    from -= index[last] * strides[last];
    index[last] = 0;
    for (int d = rank - 2; d >= 0; --d) {  // the next row, counted like an odometer
      from += strides[at(d)];
      if (++index[at(d)] < sizes[at(d)]) break;
      from -= sizes[at(d)] * strides[at(d)];
      index[at(d)] = 0;
    }
  }
}

/// The same for operand k of a loop, whose elements are moved as bits.
template <class Bits, std::size_t N>
void gather_as(const void* from, const Loop<N>& loop, std::size_t k, std::int64_t begin, std::int64_t count, void* to) {
  gather(static_cast<const Bits*>(from), loop.rank, loop.sizes, loop.strides[k], begin, count, static_cast<Bits*>(to));
}

/// The sizes of N operands of one dtype.
template <std::size_t N>
constexpr std::array<std::size_t, N> sizes_of(DType dtype) {
  std::array<std::size_t, N> sizes{};
  sizes.fill(size_of(dtype));
  return sizes;
}

/// How a piece of an operand comes to a row kernel.
enum class Access {
  absent,      // null data
  contiguous,  // in place, in the order of the loop
  constant,    // one value, step 0
  row,         // in place, row by row, step 1 or 0
  gathered,    // through a buffer on the stack
  repeated     // so too, but every row is the same: gathered once for all pieces of a chunk
};

/// A piece of an operand as the row kernels take it.
struct Piece {
  const void* data;
  int step;
};

constexpr int kNoStep = -1;

/// The step at which an operand is read in the order of the output: 1 where it lies so or is absent, 0 where it is one
/// value, kNoStep else.
int step_in_order(const Shape& shape, const Operand& x) {
  if (x.data == nullptr) return 1;
  bool contiguous = true, constant = true;
  std::int64_t expected = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    if (shape[d] == 1) continue;
    contiguous = contiguous && x.strides[d] == expected;
    constant = constant && x.strides[d] == 0;
    expected *= shape[d];
  }
  return contiguous ? 1 : constant ? 0 : kNoStep;
}

/// Walks the output in pieces: row(pieces, begin, n) computes its elements [begin, begin + n). Only the first
/// `stepping` operands may be given with step 0. `element_sizes` gives the bytes of each operand's elements: 1, 4 or 8.
template <std::size_t N, class Row>
void for_each_piece(const std::array<std::size_t, N>& element_sizes, const Shape& shape,
                    const std::array<const Operand*, N>& operands, std::size_t stepping, std::int64_t cost,
                    const Row& row) {
  const std::int64_t n = shape.numel();
  if (n == 0) return;
  if (n <= kChunkElements) {  // one piece, where there is no loop to plan
    std::array<Piece, N> pieces{};
    bool in_order = true;
    for (std::size_t k = 0; in_order && k < N; ++k) {
      pieces[k] = {operands[k]->data, step_in_order(shape, *operands[k])};
      in_order = pieces[k].step == 1 || (pieces[k].step == 0 && k < stepping);
    }
    if (in_order) return row(pieces, 0, n);
  }

  const Loop<N> loop(shape, operands);
  const std::int64_t length = loop.row_length();
  // Short rows are gathered, several to a piece; of long ones each is a piece, read in place if its stride is 1 or 0.
  const bool row_by_row = loop.rank == 1 || length >= kGathered / 2;
  std::array<Access, N> access;
  std::array<std::int64_t, N> row_stride;
  bool gathers = false;
  for (std::size_t k = 0; k < N; ++k) {
    if (operands[k]->data == nullptr) {
      access[k] = Access::absent;
      continue;
    }
    row_stride[k] = loop.strides[k][at(loop.rank - 1)];
    if (loop.contiguous(k)) {
      access[k] = Access::contiguous;
    } else if (k < stepping && loop.constant(k)) {
      access[k] = Access::constant;
    } else if (row_by_row && (row_stride[k] == 1 || (k < stepping && row_stride[k] == 0))) {
      access[k] = Access::row;
    } else {
      access[k] = !row_by_row && loop.same_rows(k) ? Access::repeated : Access::gathered;
      gathers = true;
    }
  }

  parallel_for(n, n < kFarArray ? kChunkElements : kFarRow, n * cost, [&](std::int64_t begin, std::int64_t end) {
    alignas(64) std::byte buffers[N][static_cast<std::size_t>(kGathered) * sizeof(double)];
    std::array<Piece, N> pieces{};
    for (std::int64_t i = begin, count; i < end; i += count) {
      count = end - i;
      if (row_by_row) count = std::min(count, length - i % length);
      if (gathers)
        count = std::min(count, row_by_row ? kGathered : kGathered / length * length);  // whole rows keep their phase
      for (std::size_t k = 0; k < N; ++k) {
        const auto* const data = static_cast<const std::byte*>(operands[k]->data);
        switch (access[k]) {
          case Access::absent: pieces[k] = {nullptr, 1}; break;
          case Access::contiguous: pieces[k] = {data + i * static_cast<std::int64_t>(element_sizes[k]), 1}; break;
          case Access::constant: pieces[k] = {data, 0}; break;
          case Access::row:
            pieces[k] = {data + loop.offset(k, i) * static_cast<std::int64_t>(element_sizes[k]),
                         static_cast<int>(row_stride[k])};
            break;
          case Access::repeated:
            if (i != begin) break;
            [[fallthrough]];
          case Access::gathered:
            pieces[k] = {buffers[k], 1};
            switch (element_sizes[k]) {
              case 1: gather_as<std::uint8_t>(data, loop, k, i, count, buffers[k]); break;
              case 4: gather_as<std::uint32_t>(data, loop, k, i, count, buffers[k]); break;
              default: gather_as<std::uint64_t>(data, loop, k, i, count, buffers[k]);
            }
        }
      }
      row(pieces, i, count);
    }
  });
}

/// Element i of an output; null stays null.
std::byte* element(void* data, DType dtype, std::int64_t i) {
  return data == nullptr ? nullptr : static_cast<std::byte*>(data) + i * static_cast<std::int64_t>(size_of(dtype));
}

/// Square tiles in which a transposing copy goes, so that the cache lines of both sides are used whole.
constexpr std::int64_t kTile = 16;

/// Copies a matrix whose columns are contiguous (strides 1 and column_stride) to rows `to_stride` apart.
template <class Element>
void transpose(const Element* from, std::int64_t column_stride, Element* to, std::int64_t to_stride, std::int64_t rows,
               std::int64_t columns) {
  for (std::int64_t i0 = 0; i0 < rows; i0 += kTile)
    for (std::int64_t j0 = 0; j0 < columns; j0 += kTile)
      for (std::int64_t i = i0; i < std::min(rows, i0 + kTile); ++i)
        for (std::int64_t j = j0; j < std::min(columns, j0 + kTile); ++j)
          to[i * to_stride + j] = from[i + j * column_stride];
}

template <class Element>
void copy(const Shape& shape, const Operand& x, Element* to) {
  const std::int64_t n = shape.numel();
  if (n == 0) return;
  const auto* const from = static_cast<const Element*>(x.data);
  const Loop<1> loop(shape, {&x});
  const Dims &sizes = loop.sizes, &strides = loop.strides[0];
  const int last = loop.rank - 1;
  if (last > 0 && strides[at(last)] != 1 && strides[at(last - 1)] == 1) {  // the last two dimensions are transposed
    const std::int64_t rows = sizes[at(last - 1)], columns = sizes[at(last)];
    const std::int64_t band = std::max(kTile, kChunkElements / columns / kTile * kTile);  // rows to a chunk
    const std::int64_t bands = ceil_div(rows, band);
    parallel_for(n / (rows * columns) * bands, 1, n * 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c) {
        const std::int64_t i = c / bands * rows * columns + c % bands * band * columns;
        transpose(from + loop.offset(0, i), strides[at(last)], to + i, columns, std::min(band, rows - c % bands * band),
                  columns);
      }
    });
    return;
  }
  parallel_for(n, kChunkElements, n * 2, [&](std::int64_t begin, std::int64_t end) {
    gather(from, loop.rank, sizes, strides, begin, end - begin, to + begin);
  });
}

}  // namespace

void unary_forward(const UnaryKernels& kernels, const void* formula, DType dtype, const Shape& shape, const Operand& x,
                   void* y) {
  const auto forward = kernels.forward();
  for_each_piece<1>(sizes_of<1>(dtype), shape, {&x}, 0, kernels.cost,
                    [&](const auto& pieces, std::int64_t i, std::int64_t n) {
                      forward(formula, dtype, pieces[0].data, element(y, dtype, i), n);
                    });
}

void unary_backward(const UnaryKernels& kernels, const void* formula, DType dtype, const Shape& shape, const Operand& x,
                    const Operand& y, const Operand& dy, void* dx) {
  const auto backward = kernels.backward();
  for_each_piece<3>(sizes_of<3>(dtype), shape, {&x, &y, &dy}, 0, kernels.cost,
                    [&](const auto& pieces, std::int64_t i, std::int64_t n) {
                      backward(formula, dtype, pieces[0].data, pieces[1].data, pieces[2].data, element(dx, dtype, i),
                               n);
                    });
}

void binary_forward(const BinaryKernels& kernels, const void* formula, DType dtype, const Shape& shape,
                    const Operand& a, const Operand& b, void* y) {
  const auto forward = kernels.forward();
  for_each_piece<2>(sizes_of<2>(dtype), shape, {&a, &b}, 2, kernels.cost,
                    [&](const auto& pieces, std::int64_t i, std::int64_t n) {
                      forward(formula, dtype, pieces[0].data, pieces[0].step, pieces[1].data, pieces[1].step,
                              element(y, dtype, i), n);
                    });
}

void binary_backward(const BinaryKernels& kernels, const void* formula, DType dtype, const Shape& shape,
                     const Operand& a, const Operand& b, const Operand& y, const Operand& dy, void* da, void* db) {
  const auto backward = kernels.backward();
  for_each_piece<4>(sizes_of<4>(dtype), shape, {&a, &b, &y, &dy}, 2, kernels.cost,
                    [&](const auto& pieces, std::int64_t i, std::int64_t n) {
                      backward(formula, dtype, pieces[0].data, pieces[0].step, pieces[1].data, pieces[1].step,
                               pieces[2].data, pieces[3].data, element(da, dtype, i), element(db, dtype, i), n);
                    });
}

void binary_rows(BinaryRow row, std::size_t element_size, std::size_t output_size, const Shape& shape, const Operand& a,
                 const Operand& b, void* y) {
  for_each_piece<2>({element_size, element_size}, shape, {&a, &b}, 2, kCostOfMost,
                    [&](const auto& pieces, std::int64_t i, std::int64_t n) {
                      row(pieces[0].data, pieces[0].step, pieces[1].data, pieces[1].step,
                          static_cast<std::byte*>(y) + i * static_cast<std::int64_t>(output_size), n);
                    });
}

namespace {

/// f(std::integral_constant<int, step>()) for a step of 0 or 1: a loop whose steps are known runs on vectors.
template <class F>
void with_step(int step, const F& f) {
  if (step == 0) {
    f(std::integral_constant<int, 0>());
  } else {
    f(std::integral_constant<int, 1>());
  }
}

template <class Bits>
void choose(const Shape& shape, const Operand& condition, const Operand& a, const Operand& b, Bits* y) {
  const auto choose_piece = [y](const auto& pieces, std::int64_t begin, std::int64_t n) {
    const auto* const c = static_cast<const std::uint8_t*>(pieces[0].data);
    const auto* const if_true = static_cast<const Bits*>(pieces[1].data);
    const auto* const if_false = static_cast<const Bits*>(pieces[2].data);
    Bits* const to = y + begin;
    with_step(pieces[0].step, [=](auto c_step) {
      with_step(pieces[1].step, [=](auto true_step) {
        with_step(pieces[2].step, [=](auto false_step) {
          for (std::int64_t i = 0; i < n; ++i) {
            const Bits all_if_true =
                static_cast<Bits>(-static_cast<Bits>(c[i * c_step] != 0));  // no branch to mispredict
            to[i] = static_cast<Bits>((if_true[i * true_step] & all_if_true) |
                                      (if_false[i * false_step] & static_cast<Bits>(~all_if_true)));
          }
        });
      });
    });
  };
  for_each_piece<3>({1, sizeof(Bits), sizeof(Bits)}, shape, {&condition, &a, &b}, 3, 2, choose_piece);
}

}  // namespace

void choose_rows(std::size_t element_size, const Shape& shape, const Operand& condition, const Operand& a,
                 const Operand& b, void* y) {
  switch (element_size) {
    case 1: return choose(shape, condition, a, b, static_cast<std::uint8_t*>(y));
    case 4: return choose(shape, condition, a, b, static_cast<std::uint32_t*>(y));
    default: return choose(shape, condition, a, b, static_cast<std::uint64_t*>(y));
  }
}

void copy_strided(std::size_t element_size, const Shape& shape, const Operand& x, void* y) {
  switch (element_size) {
    case 1: return copy(shape, x, static_cast<std::uint8_t*>(y));
    case 4: return copy(shape, x, static_cast<std::uint32_t*>(y));
    default: return copy(shape, x, static_cast<std::uint64_t*>(y));
  }
}

}  // namespace tapegrad::kernels
