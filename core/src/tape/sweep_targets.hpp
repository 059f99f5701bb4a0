// The tensors whose gradients a sweep is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "array/recycled.hpp"
#include "tape/tape_impl.hpp"

namespace tapegrad {

/// Where they stand on the tape, and which nodes are to be swept for them.
class SweepTargets {
 public:
  struct Target {
    static constexpr std::uint32_t kUnused = UINT32_MAX;  // not on the tape
    std::uint32_t node;
    std::uint32_t slot;
  };

  /// Marks the nodes of [first, top] from which one of `xs` can be reached, and the nodes of `xs` wherever they stand.
  /// Errors begin with `name`: ValueError for an undefined tensor, TapeError for one that is neither on the tape nor a
  /// leaf. REQUIRES: nothing is marked; `marks` outlives this.
  SweepTargets(const TapeImpl& tape, const std::vector<Tensor>& xs, const char* name, std::uint32_t first,
               std::uint32_t top, array::RecycledVector<char>& marks);
  SweepTargets(const SweepTargets&) = delete;
  SweepTargets& operator=(const SweepTargets&) = delete;

  std::size_t size() const { return targets_.size(); }
  const Target& operator[](std::size_t k) const { return targets_[k]; }
  /// The targets' numbers as a sweep comes by them: from the top down, with what is unused above all nodes.
  std::vector<std::size_t> from_the_top() const;
  /// The lowest node that is to be swept; above the top where there is none.
  std::uint32_t lowest() const { return lowest_; }
  std::span<const char> marks() const { return marks_; }
  /// Takes all marks away.
  void unmark();

 private:
  std::vector<Target> targets_;
  array::RecycledVector<char>& marks_;  // by node
  std::uint32_t top_;
  std::uint32_t lowest_;
};

}  // namespace tapegrad
