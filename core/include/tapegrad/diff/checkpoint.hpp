// Trades time for memory: a block whose intermediate values are computed again in the reverse sweep instead of kept.
#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include "tapegrad/diff/function.hpp"
#include "tapegrad/diff/replay.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

namespace engine {
Tensor checkpoint(TensorFunction block, const std::vector<Tensor>& hs);

template <class F>
inline constexpr bool has_parameters = requires(std::remove_cvref_t<F>& block) {
  block.parameters();
};
}  // namespace engine

/// block(h), of whose values the tape keeps h alone. When the reverse sweep comes by, the block runs again, with the
/// same random numbers, and is swept; parameters and other tensors that it reads get their gradients too (Chen, Xu,
/// Zhang, Guestrin, "Training deep nets with sublinear memory cost", 2016). The block returns one tensor and may be run
/// up to once per sweep: it must compute the same each time (TapeError in the sweep when it does not: a tensor that it
/// reads was written in between, or it draws from a generator of its own), and leave its state (running statistics)
/// alone while is_replaying(). It registers no hooks (TapeError). Other tensors that are computed in the block are not
/// on the tape: an operation on one outside is a TapeError unless it is detached (a transform takes its value). Without
/// a recording tape, and in forward mode, the block just runs.
///
/// Takes 1 to 31 arguments, each of which has a bit in what the node keeps (Keep): ValueError for none and for more, on
/// a recording tape. What the block reads beside its arguments is not counted. ValueError also unless the block returns
/// one tensor.
///
/// The block is copied or moved; a layer, which has parameters(), is referred to: a copy would have parameters of its
/// own, which nobody trains.
///
/// REQUIRES: what the block refers to lives until the tape is consumed.
template <class F>
Tensor checkpoint(F&& block, const std::vector<Tensor>& hs) {
  if constexpr (std::is_lvalue_reference_v<F> && engine::has_parameters<F>) {
    return engine::checkpoint([&block](const std::vector<Tensor>& xs) { return engine::call("checkpoint", block, xs); },
                              hs);
  } else {
    return engine::checkpoint(
        [held = std::forward<F>(block)](const std::vector<Tensor>& xs) mutable {
          return engine::call("checkpoint", held, xs);
        },
        hs);
  }
}
template <class F>
Tensor checkpoint(F&& block, const Tensor& h) {
  return checkpoint(std::forward<F>(block), std::vector<Tensor>{h});
}

}  // namespace tapegrad
