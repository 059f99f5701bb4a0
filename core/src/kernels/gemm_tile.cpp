// The register kernel, packing and blocking of gemm, once per instruction set (Goto and van de Geijn 2008, with the
// panel of B innermost).
#include "kernels/gemm_tile.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // g++ 12's AVX-512 headers
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm_tile.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/cache_control.h>

#include "kernels/pack-inl.hpp"

#ifndef TAPEGRAD_KERNELS_GEMM_TILE_ONCE
#define TAPEGRAD_KERNELS_GEMM_TILE_ONCE
#include "base/ceil_div.hpp"
#include "kernels/scratch.hpp"

namespace tapegrad::kernels {

/// Steps of k between visits to a tile of C: a panel of B, 48 or 64 columns, stays in the first two cache levels.
inline constexpr std::int64_t kMaxDepth = 384;
/// The same where each step of k reads A in another cache line and there are more rows than that: the next rows' tiles
/// find the lines again.
inline constexpr std::int64_t kMaxStridedDepth = 128, kMinStridedRows = 64;
/// Up to this many rows a panel of B is used too rarely to be worth a copy; nor is one whose rows lie this close, in
/// bytes.
inline constexpr std::int64_t kMaxUnpackedRows = 64, kMaxUnpackedStride = 768;
/// Panels of B per tile from which on a copy of A pays, if its rows are not contiguous; and if each of a row's elements
/// lies in a page of its own, kPage bytes from the one before.
inline constexpr std::int64_t kMinPackedPanels = 8, kMinPackedPanelsOfPages = 2, kPage = 4096;
/// Elements of A per tile from which on it may come from beyond the first cache level.
inline constexpr std::int64_t kMinPrefetched = 64 * 1024;

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A register tile is kRows x kVectors vectors of accumulators, plus one row of B and one element of A: 28 of 32
// registers, or 16 of 16. Where there is room, a tile of C that is just one vector wider takes one that is lower.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
inline constexpr int kRows = 8, kVectors = 3, kLowRows = 6, kWideVectors = 4;
#else
inline constexpr int kRows = 4, kVectors = 3, kLowRows = 4, kWideVectors = 3;
#endif
/// Rows of a register tile that is so many vectors wide, at most.
constexpr int most_rows(std::int64_t vectors) { return vectors > kVectors ? kLowRows : kRows; }

/// Whether there are registers for masks: with AVX2 a mask would take one of the sixteen above, and partial vectors go
/// through a buffer.
inline constexpr bool kMasks = tapegrad::HWY_NAMESPACE::kMaskedMemory && HWY_TARGET <= HWY_AVX3;

/// One register tile: C = start + A B over `depth` steps of k.
template <class T>
struct TileArgs {
  std::int64_t depth;
  const T* HWY_RESTRICT a;
  std::int64_t a_row_stride, a_depth_stride;
  const T* HWY_RESTRICT b;
  std::int64_t b_depth_stride;
  const T* start;
  std::int64_t start_row_stride;
  T* c;
  std::int64_t c_row_stride;
  bool relu;
  std::int64_t last_count;  // columns of a partial last vector
};

template <class T, int kTileRows, int kTileVectors, bool kPartial>
void register_tile(const TileArgs<T>& t) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr std::size_t kLanes = hn::MaxLanes(d);
  const auto mask = hn::FirstN(d, static_cast<std::size_t>(kPartial ? t.last_count : 0));
  const auto load = [&](int v, const T* from) HWY_ATTR {
    if constexpr (kPartial) {
      if (v == kTileVectors - 1) return hn::MaskedLoad(mask, d, from + static_cast<std::size_t>(v) * kLanes);
    }
    return hn::LoadU(d, from + static_cast<std::size_t>(v) * kLanes);
  };
  V sums[kTileRows][kTileVectors];
  HWY_UNROLL(8)
  for (int i = 0; i < kTileRows; ++i) {
    HWY_UNROLL(4)
    for (int v = 0; v < kTileVectors; ++v) sums[i][v] = load(v, t.start + i * t.start_row_stride);
  }
  const T* HWY_RESTRICT a = t.a;
  const T* HWY_RESTRICT b = t.b;
  const std::int64_t a_row_stride = t.a_row_stride, a_depth_stride = t.a_depth_stride,
                     b_depth_stride = t.b_depth_stride;
  for (std::int64_t p = t.depth; p > 0; --p) {
    V row[kTileVectors];
    HWY_UNROLL(4)
    for (int v = 0; v < kTileVectors; ++v) row[v] = load(v, b);
    HWY_UNROLL(8)
    for (int i = 0; i < kTileRows; ++i) {
      const V factor = hn::Set(d, a[i * a_row_stride]);
      HWY_UNROLL(4)
      for (int v = 0; v < kTileVectors; ++v) sums[i][v] = hn::MulAdd(factor, row[v], sums[i][v]);
    }
    a += a_depth_stride;
    b += b_depth_stride;
  }
  if (t.relu) {
    const V zero = hn::Zero(d);
    HWY_UNROLL(8)
    for (int i = 0; i < kTileRows; ++i) {
      HWY_UNROLL(4)
      for (int v = 0; v < kTileVectors; ++v)
        sums[i][v] = hn::IfThenZeroElse(hn::Lt(sums[i][v], zero), sums[i][v]);  // keeps NaN
    }
  }
  HWY_UNROLL(8)
  for (int i = 0; i < kTileRows; ++i) {
    HWY_UNROLL(4)
    for (int v = 0; v < kTileVectors; ++v) {
      T* const to = t.c + i * t.c_row_stride + static_cast<std::size_t>(v) * kLanes;
      if (kPartial && v == kTileVectors - 1)
        hn::BlendedStore(sums[i][v], mask, d, to);
      else
        hn::StoreU(sums[i][v], d, to);
    }
  }
}

template <class T>
using RegisterTile = void (*)(const TileArgs<T>&);

/// kernels[partial][vectors - 1][rows - 1]
template <class T>
struct RegisterTiles {
  RegisterTile<T> kernels[2][kWideVectors][kRows];

  template <int kTileVectors, int... kIndex>
  constexpr void fill(std::integer_sequence<int, kIndex...>) {
    ((kernels[0][kTileVectors - 1][kIndex] = &register_tile<T, kIndex + 1, kTileVectors, false>,
      kernels[1][kTileVectors - 1][kIndex] = &register_tile<T, kIndex + 1, kTileVectors, kMasks>),
     ...);
  }
  template <int... kIndex>
  static constexpr RegisterTiles make(std::integer_sequence<int, kIndex...>) {
    RegisterTiles table{};
    (table.fill<kIndex + 1>(std::make_integer_sequence<int, most_rows(kIndex + 1)>()), ...);
    return table;
  }
};
template <class T>
inline constexpr RegisterTiles<T> kRegisterTiles =
    RegisterTiles<T>::make(std::make_integer_sequence<int, kWideVectors>());

/// Writes all panels of A for a tile, out[panel][depth][kRows], `step` rows each (the last may have fewer).
template <class D, class T = hn::TFromD<D>>
void pack_rows(D d, std::int64_t depth, std::int64_t rows, std::int64_t step, MatrixRef<const T> a,
               T* HWY_RESTRICT out) {
  if (a.row_stride != 1) {
    for (std::int64_t row = 0; row < rows; row += step, out += kRows * depth)
      pack_panel(d, depth, std::min(step, rows - row), kRows, a.data + row * a.row_stride, a.col_stride, a.row_stride,
                 out);
    return;
  }
  // The steps of k may be pages apart: each is read by whole cache lines, which are fetched some steps ahead.
  constexpr std::int64_t kTogether = 4, kAhead = 8, kLine = 64 / sizeof(T);
  for (std::int64_t begin = 0; begin < rows; begin += kTogether * step, out += kTogether * kRows * depth) {
    const std::int64_t count = std::min(kTogether * step, rows - begin);
    for (std::int64_t p = 0; p < depth; ++p) {
      const T* const from = a.data + begin + p * a.col_stride;
      for (std::int64_t row = 0; row < count; row += kLine) hwy::Prefetch(from + kAhead * a.col_stride + row);
      T* to = out + p * kRows;
      for (std::int64_t row = 0; row < count; row += step, to += kRows * depth)
        copy_row(d, std::min(step, count - row), from + row, to);
    }
  }
}

/// A panel of C for a block of k steps: `cols` columns, in register tiles of `row_step` rows by `vectors` vectors.
template <class T>
struct Panel {
  std::int64_t rows, row_step, cols, vectors;
  std::int64_t c_row_stride, c_col_stride;
  MatrixRef<const T> bias;  // from the panel's first element on; data is null where none is added
  bool starts_at_c, relu;
};

/// Runs one register tile by way of a buffer: C cannot be addressed by whole vectors, or begins at more than one array.
template <class T>
HWY_NOINLINE void run_buffered(const Panel<T>& panel, TileArgs<T>& args, RegisterTile<T> kernel, std::int64_t row,
                               std::int64_t rows, T* c) {
  const hn::ScalableTag<T> d;
  constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(d));
  constexpr std::int64_t kWidth = kWideVectors * kLanes;
  alignas(64) T buffer[kRows * kWidth];
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < panel.vectors * kLanes; ++j) {
      T start{0};
      if (j < panel.cols && panel.starts_at_c) start = c[i * panel.c_row_stride + j * panel.c_col_stride];
      if (j < panel.cols && panel.bias.data != nullptr)
        start += panel.bias.data[(row + i) * panel.bias.row_stride + j * panel.bias.col_stride];
      buffer[i * kWidth + j] = start;
    }
  }
  args.start = args.c = buffer;
  args.start_row_stride = args.c_row_stride = kWidth;
  kernel(args);
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* const from = buffer + i * kWidth;
    T* const to = c + i * panel.c_row_stride;
    if (panel.c_col_stride == 1) {
      std::int64_t j = 0;
      for (; j + kLanes <= panel.cols; j += kLanes) hn::StoreU(hn::Load(d, from + j), d, to + j);
      if (j < panel.cols) hn::SafeCopyN(static_cast<std::size_t>(panel.cols - j), d, from + j, to + j);
    } else {
      for (std::int64_t j = 0; j < panel.cols; ++j) to[j * panel.c_col_stride] = from[j];
    }
  }
}

/// Starts to fetch rows whose reading is too scattered for the processor's own prefetchers.
template <class T>
HWY_INLINE void prefetch_rows(const T* from, std::int64_t rows, std::int64_t cols, std::int64_t row_stride) {
  constexpr auto kLine = static_cast<std::int64_t>(64 / sizeof(T));
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < cols; j += kLine) hwy::Prefetch(from + i * row_stride + j);
}

/// Runs the register tiles of a panel, for one product after another: what they have in common is found once.
template <class T>
class PanelRunner {
 public:
  /// A register tile's rows of A are `a_step` elements after those of the one before.
  PanelRunner(const Panel<T>& panel, std::int64_t depth, std::int64_t a_row_stride, std::int64_t a_depth_stride,
              std::int64_t a_step, std::int64_t b_depth_stride, bool prefetch_a, bool prefetch_c)
      : panel_(panel), a_step_(a_step), prefetch_a_(prefetch_a), prefetch_c_(prefetch_c) {
    const bool adds_bias = panel.bias.data != nullptr;
    args_.depth = depth;
    args_.a_row_stride = a_row_stride;
    args_.a_depth_stride = a_depth_stride;
    args_.b_depth_stride = b_depth_stride;
    args_.start = adds_bias ? panel.bias.data : kZeros;
    args_.start_row_stride = panel.starts_at_c ? panel.c_row_stride : 0;
    args_.c_row_stride = panel.c_row_stride;
    args_.relu = panel.relu;
    args_.last_count = panel.cols - (panel.vectors - 1) * kLanes;
    const bool partial = args_.last_count < kLanes;
    buffered_ = (partial && !kMasks) || panel.c_col_stride != 1 ||
                (adds_bias && (panel.starts_at_c || panel.bias.row_stride != 0));
    const auto& kernels = kRegisterTiles<T>.kernels[kMasks && partial ? 1 : 0][panel.vectors - 1];
    const std::int64_t last_rows = (panel.rows - 1) % panel.row_step + 1;
    kernel_ = kernels[panel.row_step - 1];
    last_kernel_ = kernels[last_rows - 1];
  }

  void run(const T* a, const T* b, T* c) {
    args_.b = b;
    std::int64_t row = 0;
    for (; row + panel_.row_step < panel_.rows; row += panel_.row_step) {
      const std::int64_t next_rows = std::min(panel_.row_step, panel_.rows - row - panel_.row_step);
      if (prefetch_a_) prefetch_a(a + a_step_, next_rows);
      if (prefetch_c_)
        prefetch_rows(c + panel_.row_step * panel_.c_row_stride, next_rows, panel_.cols, panel_.c_row_stride);
      run_tile(kernel_, row, panel_.row_step, a, c);
      a += a_step_;
      c += panel_.row_step * panel_.c_row_stride;
    }
    run_tile(last_kernel_, row, panel_.rows - row, a, c);
  }

 private:
  static constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
  alignas(64) static constexpr T kZeros[kWideVectors * kLanes] = {};

  HWY_INLINE void prefetch_a(const T* from, std::int64_t rows) const {
    if (args_.a_row_stride == 1)  // a step's rows lie side by side, and those of the tile before have fetched the first
      prefetch_rows(from + rows - 1, args_.depth, 1, args_.a_depth_stride);
    else
      prefetch_rows(from, rows, args_.depth, args_.a_row_stride);
  }

  HWY_INLINE void run_tile(RegisterTile<T> kernel, std::int64_t row, std::int64_t rows, const T* a, T* c) {
    args_.a = a;
    if (buffered_) {
      run_buffered(panel_, args_, kernel, row, rows, c);
      return;
    }
    args_.c = c;
    if (panel_.starts_at_c) args_.start = c;
    kernel(args_);
  }

  Panel<T> panel_;
  TileArgs<T> args_{};
  RegisterTile<T> kernel_, last_kernel_;
  std::int64_t a_step_;
  bool prefetch_a_, prefetch_c_, buffered_;
};

/// How a tile of C is worked through: by blocks of k, panels of columns and, in a panel, register tiles.
template <class T>
struct TilePlan {
  static constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));

  std::int64_t rows;
  std::int64_t panels, narrow, wide_panels;  // the first have a vector more than the others, which have `narrow`
  std::int64_t row_step;                     // of a register tile
  std::int64_t depth_blocks, depth_step;
  bool pack_a, prefetch_a;
  bool read_b_in_place;  // where a panel's columns are whole vectors, or can be masked

  TilePlan(const GemmFacts<T>& facts, const GemmTile& tile) : rows(tile.row_end - tile.row_begin) {
    constexpr auto kBytes = static_cast<std::int64_t>(sizeof(T));
    const MatrixRef<const T>&a = facts.a, &b = facts.b;
    // Register tiles are as even as can be: 9 rows are 5 and 4, 5 vectors are 3 and 2.
    const std::int64_t vectors = ceil_div(tile.col_end - tile.col_begin, kLanes);
    panels = vectors <= kWideVectors ? 1 : ceil_div(vectors, kVectors);
    narrow = vectors / panels;
    wide_panels = vectors % panels;
    row_step = ceil_div(rows, ceil_div(rows, most_rows(ceil_div(vectors, panels))));

    const bool a_strided = a.col_stride != 1;
    const bool a_in_pages = a.col_stride * kBytes >= kPage;
    pack_a = a_strided && panels >= (a_in_pages ? kMinPackedPanelsOfPages : kMinPackedPanels);
    const std::int64_t max_depth = a_strided && !pack_a && rows > kMinStridedRows ? kMaxStridedDepth : kMaxDepth;
    depth_blocks = std::max<std::int64_t>(1, ceil_div(facts.k, max_depth));
    depth_step = ceil_div(facts.k, depth_blocks);
    prefetch_a = !pack_a && (a_strided ? a.row_stride == 1 && facts.prefetches_a
                                       : facts.prefetches_a || depth_step * rows >= kMinPrefetched);
    read_b_in_place =
        b.col_stride == 1 && (rows <= kMaxUnpackedRows || (!a_strided && b.row_stride * kBytes <= kMaxUnpackedStride));
  }

  std::int64_t vectors_of(std::int64_t panel) const { return narrow + (panel < wide_panels ? 1 : 0); }
};

template <class T>
void tile_of_each(const GemmFacts<T>& facts, std::span<const BatchOffset> batches, const GemmTile& tile) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, kRows> rows_tag;
  constexpr std::int64_t kLanes = TilePlan<T>::kLanes;
  thread_local Scratch packed_a_memory, packed_b_memory;

  const TilePlan<T> plan(facts, tile);
  const std::int64_t rows = plan.rows, row_step = plan.row_step, depth_step = plan.depth_step;
  const bool pack_a = plan.pack_a;
  const MatrixRef<const T>&a = facts.a, &b = facts.b, &bias = facts.bias;
  T* const packed_a = pack_a ? packed_a_memory.get<T>(ceil_div(rows, row_step) * kRows * depth_step) : nullptr;
  T* const packed_b = packed_b_memory.get<T>(kWideVectors * kLanes * depth_step);

  // Products that have one panel each run within it; else each product is done before the next begins.
  const std::size_t together = plan.panels == 1 && plan.depth_blocks == 1 ? batches.size() : 1;
  for (std::size_t first = 0; first < batches.size(); first += together) {
    for (std::int64_t block = 0; block < plan.depth_blocks; ++block) {
      const std::int64_t depth_begin = block * depth_step, depth = std::min(depth_step, facts.k - depth_begin);
      const std::int64_t a_begin = tile.row_begin * a.row_stride + depth_begin * a.col_stride;
      const bool adds_bias = block == 0 && bias.data != nullptr;
      std::int64_t col = tile.col_begin;
      for (std::int64_t index = 0; index < plan.panels; ++index) {
        const std::int64_t panel_vectors = plan.vectors_of(index), width = panel_vectors * kLanes;
        const std::int64_t panel_cols = std::min(width, tile.col_end - col);
        const bool b_in_place = plan.read_b_in_place && (kMasks || panel_cols == width);
        const std::int64_t b_begin = depth_begin * b.row_stride + col * b.col_stride;
        const std::int64_t c_begin = tile.row_begin * facts.c.row_stride + col * facts.c.col_stride;
        const Panel<T> panel{
            rows,
            row_step,
            panel_cols,
            panel_vectors,
            facts.c.row_stride,
            facts.c.col_stride,
            {adds_bias ? bias.data + tile.row_begin * bias.row_stride + col * bias.col_stride : nullptr,
             bias.row_stride, bias.col_stride},
            block > 0 || facts.accumulate,
            block + 1 == plan.depth_blocks && facts.activation == Activation::relu};
        PanelRunner<T> runner(panel, depth, pack_a ? 1 : a.row_stride, pack_a ? kRows : a.col_stride,
                              pack_a ? kRows * depth : row_step * a.row_stride, b_in_place ? b.row_stride : width,
                              plan.prefetch_a && index == 0, facts.prefetches_c);
        for (const BatchOffset& offset : batches.subspan(first, together)) {
          const T* a_here = a.data + (facts.swapped ? offset.b : offset.a) + a_begin;
          const T* b_here = b.data + (facts.swapped ? offset.a : offset.b) + b_begin;
          if (pack_a) {
            if (index == 0) pack_rows(rows_tag, depth, rows, row_step, {a_here, a.row_stride, a.col_stride}, packed_a);
            a_here = packed_a;
          }
          if (!b_in_place) {
            pack_panel(d, depth, panel_cols, width, b_here, b.row_stride, b.col_stride, packed_b);
            b_here = packed_b;
          }
          runner.run(a_here, b_here, facts.c.data + offset.c + c_begin);
        }
        col += panel_cols;
      }
    }
  }
}

void tile_of_each_float(const GemmFacts<float>& facts, std::span<const BatchOffset> batches, const GemmTile& tile) {
  tile_of_each(facts, batches, tile);
}
void tile_of_each_double(const GemmFacts<double>& facts, std::span<const BatchOffset> batches, const GemmTile& tile) {
  tile_of_each(facts, batches, tile);
}

}  // namespace HWY_NAMESPACE
}  // namespace tapegrad::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {

HWY_EXPORT(tile_of_each_float);
HWY_EXPORT(tile_of_each_double);

void gemm_tile(const GemmFacts<float>& facts, std::span<const BatchOffset> batches, const GemmTile& tile) {
  HWY_DYNAMIC_DISPATCH(tile_of_each_float)(facts, batches, tile);
}
void gemm_tile(const GemmFacts<double>& facts, std::span<const BatchOffset> batches, const GemmTile& tile) {
  HWY_DYNAMIC_DISPATCH(tile_of_each_double)(facts, batches, tile);
}

}  // namespace tapegrad::kernels
#endif
