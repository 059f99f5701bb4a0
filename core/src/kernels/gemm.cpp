#include "kernels/gemm.hpp"

#include <algorithm>
#include <utility>

#include "base/ceil_div.hpp"
#include "kernels/gemm_tile.hpp"
#include "kernels/parallel.hpp"
#include "kernels/scratch.hpp"

namespace tapegrad::kernels {
namespace {

/// Multiply-adds that one task should have at least: about 4 us.
constexpr std::int64_t kTaskWork = 512 * 1024;
/// A tile's C and its rows of A share a second-level cache of 1 MiB.
constexpr std::int64_t kMaxTileRows = 256, kMaxTileCols = 960;
/// Tiles are cut at multiples of these, whole register tiles on every target.
constexpr std::int64_t kRowUnit = 8, kColUnit = 48;
/// Few large tiles are halved until there are this many for each thread of a team, of which all get the same number: a
/// large tile reads its operands less often, and what is left over holds everybody up. Beyond the most it weighs
/// little.
constexpr std::int64_t kTasksPerThread = 2, kMostTasksPerThread = 8;
/// Bytes from which on C comes from beyond the second cache level, to be added to or written over.
constexpr std::int64_t kLargeC = 2 * 1024 * 1024;
/// The same for A, of which a tile's rows are read by one panel of B after another.
constexpr std::int64_t kLargeA = 8 * 1024 * 1024;
/// Columns from which on a strided A is copied, about; tiles from which on they are kept as wide.
constexpr std::int64_t kMinCopiedCols = 336, kFewTiles = 4;

constexpr std::int64_t chunk_of(std::int64_t n, std::int64_t parts, std::int64_t unit) {
  return ceil_div(ceil_div(n, parts), unit) * unit;
}

/// How one product's C is cut into tiles. Which tile computes an element does not change its bits.
struct TileGrid {
  std::int64_t rows, cols;            // of a tile
  std::int64_t row_tiles, col_tiles;  // number of tiles

  TileGrid(std::int64_t batches, std::int64_t m, std::int64_t n, std::int64_t k, bool a_strided) {
    std::int64_t row_parts = ceil_div(m, kMaxTileRows), col_parts = ceil_div(n, kMaxTileCols);
    const std::int64_t work = batches * m * n * k, threads = max_threads();
    const auto too_few = [threads](std::int64_t tasks) {
      return tasks < kTasksPerThread * threads || (tasks % threads != 0 && tasks < kMostTasksPerThread * threads);
    };
    while (threads > 1 && too_few(batches * row_parts * col_parts) &&
           work / (2 * batches * row_parts * col_parts) >= kTaskWork) {
      // Narrow tiles cost little where A is read in place, low tiles share a packed panel of B between fewer rows. An A
      // that is copied is worth wide tiles, once there are some for every thread of a small team.
      const bool copies_a = a_strided && n >= kMinCopiedCols && row_parts * col_parts >= kFewTiles;
      const bool narrower = ceil_div(n, col_parts) >= (copies_a ? 16 : 4) * kColUnit;
      const bool threads_idle = batches * row_parts * col_parts < threads;
      const bool lower = ceil_div(m, row_parts) >= (copies_a ? 16 : threads_idle ? 6 : 24) * kRowUnit;
      if (!narrower && !lower) break;
      (narrower ? col_parts : row_parts) *= 2;
    }
    rows = chunk_of(m, row_parts, kRowUnit);
    cols = chunk_of(n, col_parts, kColUnit);
    row_tiles = ceil_div(m, rows);
    col_tiles = ceil_div(n, cols);
  }
};

template <class T>
MatrixRef<T> transpose(MatrixRef<T> x) {
  return {x.data, x.col_stride, x.row_stride};
}

/// One product of a long k, a band of rows of C after the other.
template <class T>
void gemm_in_pieces(const BatchOffset& at, std::int64_t m, std::int64_t n, std::int64_t k, MatrixRef<const T> a,
                    MatrixRef<const T> b, MatrixRef<T> c, GemmEpilogue<T> e) {
  constexpr std::int64_t kPiece = kLongestChain / 2;
  constexpr std::int64_t kBandElements = 1024 * 1024;
  static thread_local Scratch pieces;
  static thread_local Scratch sums;
  const std::int64_t band = std::clamp<std::int64_t>(kBandElements / n / kRowUnit * kRowUnit, 1, m);
  T* const piece = pieces.get<T>(band * n);
  double* const sum = sums.get<double>(band * n);
  for (std::int64_t row = 0; row < m; row += band) {
    const std::int64_t rows = std::min(band, m - row);
    // f(element of the band, its column, its place in C)
    const auto for_each_element = [&](const auto& f) {
      parallel_for(rows, rows_per_chunk(n), rows * n, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
          for (std::int64_t j = 0; j < n; ++j)
            f(i * n + j, j, c.data + at.c + (row + i) * c.row_stride + j * c.col_stride);
      });
    };
    for_each_element([&](std::int64_t i, std::int64_t j, const T* start) {
      sum[i] = (e.accumulate ? static_cast<double>(*start) : 0.0) + (e.bias ? static_cast<double>(e.bias[j]) : 0.0);
    });
    for (std::int64_t p = 0; p < k; p += kPiece) {
      const BatchOffset from{at.a + row * a.row_stride + p * a.col_stride, at.b + p * b.row_stride, 0};
      gemm_batched<T>({&from, 1}, rows, n, std::min(kPiece, k - p), a, b, {piece, n, 1});
      for_each_element([&](std::int64_t i, std::int64_t, const T*) { sum[i] += static_cast<double>(piece[i]); });
    }
    const bool relu = e.activation == Activation::relu;
    for_each_element(
        [&](std::int64_t i, std::int64_t, T* out) { *out = static_cast<T>(relu && sum[i] < 0.0 ? 0.0 : sum[i]); });
  }
}

}  // namespace

template <class T>
void gemm_batched(std::span<const BatchOffset> batches, std::int64_t m, std::int64_t n, std::int64_t k,
                  MatrixRef<const T> a, MatrixRef<const T> b, MatrixRef<T> c, GemmEpilogue<T> e) {
  if (batches.empty() || m <= 0 || n <= 0) return;
  if (is_cut<T>(k)) {
    for (const BatchOffset& at : batches) gemm_in_pieces(at, m, n, k, a, b, c, e);
    return;
  }
  GemmFacts<T> facts{k, a, b, c, {e.bias, 0, 1}, e.accumulate, e.activation};
  if (c.row_stride == 1 && (c.col_stride != 1 || n == 1)) {  // C^T = B^T A^T has unit column stride
    facts = {k, transpose(b), transpose(a), transpose(c), {e.bias, 1, 0}, e.accumulate, e.activation, true};
    std::swap(m, n);
  }
  const auto count = static_cast<std::int64_t>(batches.size());
  facts.prefetches_c = facts.c.col_stride == 1 && count * m * n * static_cast<std::int64_t>(sizeof(T)) >= kLargeC;
  facts.prefetches_a = count * m * k * static_cast<std::int64_t>(sizeof(T)) >= kLargeA;
  const TileGrid grid(count, m, n, k, facts.a.col_stride != 1);
  const std::int64_t tiles = grid.row_tiles * grid.col_tiles;
  const std::int64_t tile_work = std::max<std::int64_t>(1, m * n * k / tiles);
  const std::int64_t grain = std::max<std::int64_t>(1, kTaskWork / tile_work);
  // Elementary steps of 0.1 ns: a core does about eight float or four double multiply-adds in that time.
  const std::int64_t work = count * m * n * k * static_cast<std::int64_t>(sizeof(T)) / 32;
  parallel_for(count * tiles, grain, work, [&](std::int64_t begin, std::int64_t end) {
    if (tiles == 1) {
      gemm_tile(facts, batches.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)),
                {0, m, 0, n});
      return;
    }
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t row = task % grid.row_tiles * grid.rows, col = task % tiles / grid.row_tiles * grid.cols;
      gemm_tile(facts, batches.subspan(static_cast<std::size_t>(task / tiles), 1),
                {row, std::min(m, row + grid.rows), col, std::min(n, col + grid.cols)});
    }
  });
}

template <class T>
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, MatrixRef<const T> a, MatrixRef<const T> b, MatrixRef<T> c,
          GemmEpilogue<T> e) {
  const BatchOffset origin{0, 0, 0};
  gemm_batched<T>({&origin, 1}, m, n, k, a, b, c, e);
}

template void gemm(std::int64_t, std::int64_t, std::int64_t, MatrixRef<const float>, MatrixRef<const float>,
                   MatrixRef<float>, GemmEpilogue<float>);
template void gemm(std::int64_t, std::int64_t, std::int64_t, MatrixRef<const double>, MatrixRef<const double>,
                   MatrixRef<double>, GemmEpilogue<double>);
template void gemm_batched(std::span<const BatchOffset>, std::int64_t, std::int64_t, std::int64_t,
                           MatrixRef<const float>, MatrixRef<const float>, MatrixRef<float>, GemmEpilogue<float>);
template void gemm_batched(std::span<const BatchOffset>, std::int64_t, std::int64_t, std::int64_t,
                           MatrixRef<const double>, MatrixRef<const double>, MatrixRef<double>, GemmEpilogue<double>);

}  // namespace tapegrad::kernels
