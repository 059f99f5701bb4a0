// The reverse sweep: a loop over the tape from the swept tensors down to the leaves.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "array/recycled.hpp"
#include "tape/recorder.hpp"
#include "tape/sweep_lease.hpp"
#include "tape/tape_impl.hpp"

namespace tapegrad {

struct SweepOptions {
  bool retain = false;
  bool create_graph = false;
  bool strong_zero = false;
  /// The first node of a block, which is swept alone: what reaches a node further down, or one of the tensors asked
  /// for, stays there.
  std::optional<std::uint32_t> block = {};
};

class SweepTargets;

class Sweep {
 public:
  /// Checks the roots and seeds their cotangents. `name` begins error messages: "backward" or "gradient".
  Sweep(TapeImpl& tape, const std::vector<Tensor>& ys, const std::vector<Tensor>& seeds, const char* name,
        SweepOptions options);
  Sweep(const Sweep&) = delete;
  Sweep& operator=(const Sweep&) = delete;

  /// Gradients of every leaf, accumulated; hooks fire.
  void into_leaves();
  /// Gradients of `xs`, returned.
  std::vector<Tensor> towards(const std::vector<Tensor>& xs, bool allow_unused);

 private:
  class Sink;
  using Rule = decltype(OpTable::vjp);

  void seed(const std::vector<Tensor>& ys, const std::vector<Tensor>& seeds);
  /// Calls at_node(node), then the node's rule, from the top down; with `reaches`, only at the nodes marked in it.
  template <class AtNode>
  void run(std::uint32_t lowest, std::span<const char> reaches, const AtNode& at_node);
  /// Runs a node's reverse rule on what has come to it.
  void step(Node& node, std::span<const char> reaches, Sink& sink);
  /// The reverse rule that serves here.
  [[gnu::noinline]] Rule rule_of(const Node& node, Cotangents dys) const;
  static void run_rule(Rule rule, const Node& node, std::uint64_t wanted, Cotangents dys, Sink& sink);
  /// The same where somebody looks on, or an input comes again for the rule.
  [[gnu::noinline]] void run_rule_with_care(Rule rule, Node& node, std::uint64_t wanted, Cotangents dys);
  /// Which of the first 64 inputs of a node are wanted and come from a marked node.
  [[gnu::noinline]] std::uint64_t wanted_among(std::span<const char> reaches, const Node& node);
  /// Adds a gradient, which is defined, to what has come to a slot.
  void accumulate(std::uint32_t slot, const OutputMeta& target, Tensor&& gradient, const Node& from);
  /// The same for one that is to be brought to its target's shape first.
  [[gnu::noinline]] void accumulate_fitted(std::uint32_t slot, const OutputMeta& target, Tensor&& gradient,
                                           const Node& from);
  [[gnu::noinline]] static void add_to(Tensor& sum, const Tensor& gradient);
  /// Whether a gradient has the dtype and shape of its target.
  static bool fits(const Tensor& gradient, const OutputMeta& target);
  /// Brings a gradient, which is defined, to the shape of its target. Throws TapeError for one of another dtype, or
  /// that does not broadcast.
  [[gnu::noinline]] static void fit(Tensor& gradient, const OutputMeta& target, const Node& from);
  /// The memory of a sum of gradients, which may be undefined so far.
  static GradientBuffer gathered_in(Tensor& sum, const OutputMeta& target);
  /// The same where there is no memory yet, or it is not to be written.
  [[gnu::noinline]] static GradientBuffer newly_gathered_in(Tensor& sum, const OutputMeta& target);
  /// Keeps the cotangents that have come to a node for who studies the tape, and looks for anomalies among them.
  void study(const Node& node) const;
  /// Shows an observer what a node's rule has made of its cotangents, and looks for anomalies there.
  void show(const Node& node, Cotangents dys, std::span<const Tensor> gradients) const;
  /// Whether what a node's rule reads or adds to has tangents: the rule is differentiated again then.
  bool carries_tangents(const Node& node, Cotangents dys) const;
  /// Calls hooks, outside of the rules.
  void fire(const Hooks& hooks, Tensor& gradient) const;
  void apply_hooks(std::uint32_t slot);
  /// Sweeps the marked nodes and tells what has come to each target; undefined where nothing has.
  std::vector<Tensor> run_towards(const SweepTargets& targets);
  /// Empties what this sweep has filled, and no more: one of a few nodes costs nothing for the others that the tape
  /// has.
  void empty_room(SweepTargets& targets);
  /// A gradient as its asker gets it: two never share elements that a user could change through one of them.
  Tensor as_result(Tensor gradient) const;
  /// Throws where the Tape has been destroyed by what a node's visit has called.
  void expect_not_destroyed() const;
  /// A gradient that has come before as far as this tape knows it: what an earlier generation made it of is gone.
  Tensor on_tape(const Tensor& sum) const;
  /// The number of slots of the nodes up to the top one.
  std::size_t slots() const;
  array::RecycledVector<Tensor>& cotangents() { return lease_.cotangents(); }  // by slot
  const array::RecycledVector<Tensor>& cotangents() const { return lease_.cotangents(); }
  /// Ends a sweep that has succeeded.
  void finish();

  TapeImpl& tape_;
  const char* name_;
  SweepOptions options_;
  std::uint32_t top_;
  SweepLease lease_;
  std::uint32_t lowest_seed_ = UINT32_MAX;      // slot
  bool strong_outside_ = recorder.strong_zero;  // as hooks and observers find it: the sweep's are for its rules
  bool fuses_ = false;                          // whether fused rules serve, where there are some
  bool beyond_reach_ = false;                   // whether cotangents may have gone where nobody asked
};

}  // namespace tapegrad
