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

/// block(h), of which the tape keeps h alone. In the reverse sweep the block runs again, with the same random numbers,
/// and is swept; parameters and other tensors that it reads get their gradients too (Chen, Xu, Zhang, Guestrin,
/// "Training deep nets with sublinear memory cost", 2016). Without a recording tape, and in forward mode, the block
/// just runs.
///
/// The block runs again in each sweep. It must compute the same each time (TapeError in the sweep when it does not,
/// because a tensor that it reads was written in between or it draws from a generator of its own), leave its state
/// (running statistics) alone while is_replaying(), and register no hooks (TapeError). Other tensors that are computed
/// in the block are not on the tape: using one outside is a TapeError unless it is detached (a transform takes its
/// value).
///
/// On a recording tape ValueError for no or more than 31 arguments (tensors that the block reads besides do not count),
/// and unless the block returns one tensor.
///
/// The block is copied or moved. A layer, which has parameters(), is referred to instead: a copy would have parameters
/// of its own, which nobody trains.
///
/// REQUIRES: what the block refers to lives until the tape is consumed. The arguments that a transform gives to the
/// function in which the block runs, and those of a block around it, the tape keeps as long itself, where the function
/// takes them by reference; a parameter by value, or a temporary, is its own: capture that by value.
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
