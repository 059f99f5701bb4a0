#include "tape/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <optional>

#include "base/counted.hpp"
#include "tape/accumulate.hpp"
#include "tape/anomaly.hpp"
#include "tape/expect.hpp"
#include "tape/fetch_ahead.hpp"
#include "tape/forward_mode.hpp"
#include "tape/handed_out.hpp"
#include "tape/leaf_guard.hpp"
#include "tape/recomputed.hpp"
#include "tape/recorder.hpp"
#include "tape/saved_versions.hpp"
#include "tape/sweep_targets.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine_ops.hpp"

namespace tapegrad {

namespace {

/// Checks what there is to sweep, and tells the highest node among it.
std::uint32_t top_of(TapeImpl& tape, const std::vector<Tensor>& ys, const std::vector<Tensor>& seeds, const char* name,
                     const SweepOptions& options) {
  const std::string op = std::string("[") + name + "] ";
  if (recorder.tape != &tape) throw TapeError(op + "the tape belongs to another thread, or is suspended");
  if (tape.sweeping && !options.retain && !options.create_graph)
    throw TapeError(op + "a sweep of this tape is already running");
  if (ys.empty()) throw TapeError(op + "there is no tensor to differentiate");
  if (ys.size() != seeds.size())
    throw ShapeError(fmt::format("[{}] expected {}, got {}", name, counted(ys.size(), "cotangent"), seeds.size()));
  std::uint32_t top = 0;
  for (const Tensor& y : ys) {
    if (y.requires_grad()) tape.edge_of(y, name);  // a leaf may be swept before any op has used it: dx/dx = 1
    top = std::max(top, tape.node_of(y, name).position);
  }
  return top;
}

}  // namespace

Sweep::Sweep(TapeImpl& tape, const std::vector<Tensor>& ys, const std::vector<Tensor>& seeds, const char* name,
             SweepOptions options)
    : tape_(tape), name_(name), options_(options), top_(top_of(tape, ys, seeds, name, options)), lease_(tape) {
  if (cotangents().size() < slots()) cotangents().resize(slots());
  if (!lease_.nested())
    for (StudyValues& values : tape.study) values.cotangents.clear();
  seed(ys, seeds);
}

namespace {

/// A gradient brought to the shape of the input that it is of.
Tensor fit_gradient(const Tensor& gradient, const Shape& shape, const Node& from) {
  if (broadcasts_to(shape, gradient.shape())) return sum_to(gradient, shape);
  if (broadcasts_to(gradient.shape(), shape)) return expand(gradient, shape);
  throw TapeError("its rule (" + std::string(from.name()) + ") gave a gradient of shape " +
                  to_string(gradient.shape()) + " for an input of shape " + to_string(shape));
}

[[noreturn, gnu::noinline]] void throw_wrong_dtype(DType given, DType expected) {
  throw TapeError("its rule gave a gradient of dtype " + std::string(to_string(given)) + " for an input of dtype " +
                  std::string(to_string(expected)));
}

}  // namespace

inline bool Sweep::fits(const Tensor& gradient, const OutputMeta& target) {
  const array::Array& array = gradient.impl()->array;
  return array.dtype == target.dtype && array.shape == target.shape;
}

void Sweep::fit(Tensor& gradient, const OutputMeta& target, const Node& from) {
  const array::Array& array = gradient.impl()->array;
  if (array.dtype != target.dtype) throw_wrong_dtype(array.dtype, target.dtype);
  if (array.shape != target.shape) gradient = fit_gradient(gradient, target.shape, from);
}

// The usual ways through these functions call nobody, or somebody at their end, so that they need no frame: a small
// tensor's gradient is added in less time than one is made.

inline void Sweep::accumulate(std::uint32_t slot, const OutputMeta& target, Tensor&& gradient, const Node& from) {
  if (!fits(gradient, target)) return accumulate_fitted(slot, target, std::move(gradient), from);
  Tensor& sum = cotangents()[slot];
  if (!sum.defined()) {
    sum = std::move(gradient);
  } else if (!options_.create_graph && is_exclusive(sum) && innermost_level(gradient) == 0) {
    add_in_place(sum.impl()->array, gradient.impl()->array);
  } else {
    add_to(sum, gradient);
  }
}

void Sweep::accumulate_fitted(std::uint32_t slot, const OutputMeta& target, Tensor&& gradient, const Node& from) {
  fit(gradient, target, from);
  accumulate(slot, target, std::move(gradient), from);
}

void Sweep::add_to(Tensor& sum, const Tensor& gradient) { sum = add(sum, gradient); }

void Sweep::seed(const std::vector<Tensor>& ys, const std::vector<Tensor>& seeds) {
  std::optional<NoRecord> pause;
  if (!options_.create_graph) pause.emplace();
  for (std::size_t i = 0; i < ys.size(); ++i) {
    const Tensor& y = ys[i];
    const Node& node = tape_.node_of(y, name_);
    Tensor cotangent = seeds[i];
    if (!cotangent.defined()) {
      if (y.numel() != 1)
        throw ShapeError(
            fmt::format("[{}] a tensor of shape {} ({}) is no scalar: give dL/dy as .cotangent, or reduce "
                        "it first",
                        name_, to_string(y.shape()), describe(node)));
      cotangent = ones_like(y);
    }
    if (!is_like(cotangent, y)) throw_unlike(name_, "cotangent (of " + describe(node) + ")", cotangent, y);
    if (tape_.options.anomaly) expect_finite_seed(name_, describe(node), cotangent);
    const std::uint32_t output = y.impl()->place.output;
    lowest_seed_ = std::min(lowest_seed_, node.slot);
    accumulate(node.slot + output, node.outputs[output], std::move(cotangent), node);
  }
}

std::size_t Sweep::slots() const {
  const Node& top = *tape_.nodes[top_];
  return top.slot + top.output_count;
}

void Sweep::finish() {
  lease_.succeed();
  if (!options_.retain && !options_.create_graph) tape_.consume();
}

inline GradientBuffer Sweep::gathered_in(Tensor& sum, const OutputMeta& target) {
  if (sum.defined() && is_exclusive(sum)) return {share(sum), true};
  return newly_gathered_in(sum, target);
}

GradientBuffer Sweep::newly_gathered_in(Tensor& sum, const OutputMeta& target) {
  const bool holds_sum = sum.defined();
  sum = holds_sum ? wrap(contiguous_copy(array_of(sum))) : make_tensor(target.shape, target.dtype);
  return {sum, holds_sum};
}

/// Receives a node's gradients and accumulates them in the cotangents of the nodes below.
class Sweep::Sink final : public GradientSink {
 public:
  /// What an observer sees: each input's gradient as the rule gave it, or the sum where it gave several. It joins what
  /// other nodes have given when the rule is done.
  struct Seen {
    std::vector<Tensor> gradients;
    std::vector<int> order;  // inputs as their first gradients came
  };

  /// `seen` is null when nobody looks on.
  explicit Sink(Sweep& sweep, Seen* seen = nullptr) : sweep_(sweep), seen_(seen) {}

  /// Receives this node's gradients from here on, of the wanted ones of its first 64 inputs.
  void receive(const Node& node, std::uint64_t wanted) {
    node_ = &node;
    wanted_ = wanted;
  }

  void add(int i, Tensor dx) override {
    if (!wants(i) || !dx.defined()) {
      expect_input(i);
      return;
    }
    if (seen_ != nullptr) {
      add_to_seen(i, std::move(dx));
    } else {
      accumulate(i, std::move(dx));
    }
  }

  GradientBuffer buffer(int i) override {
    if (!wants(i)) throw_no_buffer(i);
    const Edge& edge = node_->edges[i];
    const Node& below = *sweep_.tape_.nodes[edge.node];
    const OutputMeta& meta = below.outputs[edge.output];
    if (seen_ == nullptr) return gathered_in(sweep_.cotangents()[below.slot + edge.output], meta);
    return gathered_in_seen(i, meta);
  }

  Tensor in_place_of(const Tensor& dy) override {
    // An observer sees cotangents when the rule is done.
    if (seen_ == nullptr && is_exclusive(dy)) return share(dy);
    const array::Array& array = array_of(dy);
    return make_tensor(array.shape, array.dtype);
  }

  void accumulate_seen() {
    for (const int i : seen_->order) accumulate(i, Tensor(seen_->gradients[static_cast<std::size_t>(i)]));
  }

 private:
  void accumulate(int i, Tensor&& dx) {
    const Edge& edge = node_->edges[i];
    const Node& below = *sweep_.tape_.nodes[edge.node];
    sweep_.accumulate(below.slot + edge.output, below.outputs[edge.output], std::move(dx), *node_);
  }
  [[gnu::noinline]] GradientBuffer gathered_in_seen(int i, const OutputMeta& meta) {
    Tensor& own = seen_->gradients[static_cast<std::size_t>(i)];
    if (own.defined()) {
      fit(own, meta, *node_);
    } else {
      seen_->order.push_back(i);
    }
    return gathered_in(own, meta);
  }
  [[gnu::noinline]] void add_to_seen(int i, Tensor&& dx) {
    Tensor& sum = seen_->gradients[static_cast<std::size_t>(i)];
    if (!sum.defined()) {
      seen_->order.push_back(i);
      sum = std::move(dx);
      return;
    }
    // Both in the input's shape: one may lack dimensions that the other has still to be summed over.
    const Edge& edge = node_->edges[i];
    const OutputMeta& meta = sweep_.tape_.nodes[edge.node]->outputs[edge.output];
    fit(sum, meta, *node_);
    fit(dx, meta, *node_);
    sum = tapegrad::add(sum, dx);
  }
  void expect_input(int i) const {
    if (static_cast<std::uint32_t>(i) >= node_->edge_count) throw_no_input(i);
  }
  [[noreturn, gnu::noinline]] void throw_no_input(int i) const {
    throw TapeError("its rule gave a gradient of input " + std::to_string(i) + " of " +
                    std::to_string(node_->edge_count));
  }
  [[noreturn, gnu::noinline]] void throw_no_buffer(int i) const {
    expect_input(i);
    throw TapeError("its rule asked for the buffer of input " + std::to_string(i) + ", which wants no gradient");
  }
  /// False for what is no input.
  bool wants(int i) const {
    if (static_cast<unsigned>(i) < 64) [[likely]]
      return (wanted_ >> i & 1U) != 0;
    return static_cast<std::uint32_t>(i) < node_->edge_count && node_->edges[i].tracked();
  }

  Sweep& sweep_;
  const Node* node_ = nullptr;
  std::uint64_t wanted_ = 0;
  Seen* seen_;
};

void Sweep::study(const Node& node) const {
  const std::span<const Tensor> dys(cotangents().data() + node.slot, node.output_count);
  std::vector<Tensor>& kept = tape_.study[node.position].cotangents;
  kept.clear();
  for (const Tensor& dy : dys) kept.push_back(dy.defined() ? dy.detach() : dy);
  if (tape_.options.anomaly) expect_finite_cotangents(dys);
}

bool Sweep::carries_tangents(const Node& node, Cotangents dys) const {
  for (const SavedSlot& slot : std::span(node.saved, node.saved_count))
    if (!slot.comes_again && innermost_level(slot.tensor) != 0) return true;
  // A fused rule would add into what has come so far, past its tangents.
  for (const Edge& edge : std::span(node.edges, node.edge_count))
    if (edge.tracked() && innermost_level(cotangents()[tape_.nodes[edge.node]->slot + edge.output]) != 0) return true;
  return std::any_of(dys.begin(), dys.end(), [](const Tensor& t) { return innermost_level(t) != 0; });
}

namespace {

[[noreturn, gnu::noinline]] void throw_destroyed() {
  throw TapeError("the Tape was destroyed during its sweep: by a hook, an observer, a rule or another thread");
}

}  // namespace

inline void Sweep::expect_not_destroyed() const {
  if (tape_.left_behind.load(std::memory_order_relaxed)) [[unlikely]]
    throw_destroyed();
}

void Sweep::fire(const Hooks& hooks, Tensor& gradient) const {
  const StrongZero outside(strong_outside_);
  hooks.fire(gradient);
}

void Sweep::apply_hooks(std::uint32_t slot) {
  const auto found = tape_.hooks.find(slot);
  if (found == tape_.hooks.end() || !cotangents()[slot].defined()) return;
  fire(found->second, cotangents()[slot]);
  expect_not_destroyed();
}

std::uint64_t Sweep::wanted_among(std::span<const char> reaches, const Node& node) {
  std::uint64_t wanted = node.wanted;
  for (std::uint32_t i = 0; i < node.edge_count && i < 64; ++i)
    if (node.edges[i].tracked() && reaches[node.edges[i].node] == 0) wanted &= ~(std::uint64_t{1} << i);
  beyond_reach_ = beyond_reach_ || node.edge_count > 64;
  return wanted;
}

namespace {

inline bool any_defined(std::span<const Tensor> tensors) {
  for (const Tensor& t : tensors)
    if (t.defined()) return true;
  return false;
}

[[noreturn, gnu::noinline]] void throw_differentiable_once(std::string_view op) {
  throw TapeError(std::string(op) + " is differentiable only once");
}

}  // namespace

Sweep::Rule Sweep::rule_of(const Node& node, Cotangents dys) const {
  // The fused rule serves where nobody differentiates it again.
  const OpTable& table = *node.table;
  const bool again = options_.create_graph || (recorder.level_count > 0 && carries_tangents(node, dys));
  if (again && table.vjp == nullptr) throw_differentiable_once(table.name);
  const bool fused = table.fused_vjp != nullptr && ((!again && !options_.strong_zero) || table.vjp == nullptr);
  return fused ? table.fused_vjp : table.vjp;
}

inline void Sweep::run_rule(Rule rule, const Node& node, std::uint64_t wanted, Cotangents dys, Sink& sink) {
  sink.receive(node, wanted);
  rule(node.state, Saved(node, Wants(wanted), rule != node.table->vjp), dys, sink);
}

[[gnu::always_inline]] inline void Sweep::step(Node& node, std::span<const char> reaches, Sink& sink) {
  const std::span<Tensor> dys(cotangents().data() + node.slot, node.output_count);
  if (!any_defined(dys)) return;
  check_versions(node);
  const std::uint64_t wanted = reaches.empty() ? node.wanted : wanted_among(reaches, node);
  if (wanted == 0 && node.edge_count <= 64) return;
  const Rule fused = node.table->fused_vjp;
  const Rule rule = fuses_ && fused != nullptr ? fused : rule_of(node, dys);
  if (node.reads_recomputed || tape_.observer || tape_.options.anomaly) [[unlikely]] {
    run_rule_with_care(rule, node, wanted, dys);
  } else {
    run_rule(rule, node, wanted, dys, sink);
  }
  // Nobody else's from here on, so that a gradient passed through unchanged may be accumulated in place further down.
  for (Tensor& dy : dys) dy = Tensor();
}

void Sweep::run_rule_with_care(Rule rule, Node& node, std::uint64_t wanted, Cotangents dys) {
  std::optional<Sink::Seen> seen;
  if (tape_.observer || tape_.options.anomaly) seen.emplace().gradients.resize(node.edge_count);
  Sink sink(*this, seen ? &*seen : nullptr);
  {
    std::optional<Recomputed> recomputed;
    if (node.reads_recomputed) recomputed.emplace(node, Wants(wanted));
    run_rule(rule, node, wanted, dys, sink);
  }
  if (!seen) return;
  sink.accumulate_seen();
  show(node, dys, seen->gradients);
}

void Sweep::show(const Node& node, Cotangents dys, std::span<const Tensor> gradients) const {
  const NodeInfo info = tape_.info(node);
  if (tape_.options.anomaly) expect_finite_gradients(*node.table, info, dys, gradients);
  const SweepObserver observer = tape_.observer;
  const StrongZero outside(strong_outside_);
  if (observer) observer({info, dys, gradients});
}

template <class AtNode>
void Sweep::run(std::uint32_t lowest, std::span<const char> reaches, const AtNode& at_node) {
  const bool consuming = !options_.retain && !options_.create_graph;
  std::optional<NoRecord> pause;  // rules, hooks and observers alike
  if (!options_.create_graph) pause.emplace();
  const StrongZero strong(options_.strong_zero);  // of the rules
  fuses_ = !options_.create_graph && !options_.strong_zero && recorder.level_count == 0;
  Sink sink(*this);
  lease_.begin();
  for (std::int64_t i = top_; i >= static_cast<std::int64_t>(lowest); --i) {
    Node& node = *tape_.nodes[static_cast<std::size_t>(i)];
    fetch_ahead(tape_.nodes, i);
    if (!reaches.empty() && reaches[static_cast<std::size_t>(i)] == 0) continue;
    try {
      if (tape_.options.study && !lease_.nested()) study(node);
      at_node(node);
      if (!node.is_leaf()) step(node, reaches, sink);
      expect_not_destroyed();
    } catch (const std::exception& e) {
      std::throw_with_nested(TapeError(
          std::string("[") + name_ + "] at " + describe(node) +
          (tape_.scope_name(node).empty() ? "" : " in " + std::string(tape_.scope_name(node))) + ": " + e.what()));
    }
    if (consuming && !node.is_leaf()) tape_.release_saved(node);
  }
}

Tensor Sweep::on_tape(const Tensor& sum) const {
  const TapePlace& place = sum.impl()->place;
  return place.serial == 0 || tape_.lies_here(place) ? sum : sum.detach();
}

void Sweep::into_leaves() {
  const LeafGuard guard(tape_, top_, lease_.nested());
  const Node* unnamed = nullptr;
  bool named = false;
  run(0, {}, [&](const Node& node) {
    if (!tape_.hooks.empty())
      for (std::uint32_t j = 0; j < node.output_count; ++j) apply_hooks(node.slot + j);
    if (!node.is_leaf()) return;
    Tensor& gradient = cotangents()[node.slot];
    if (!gradient.defined()) return;
    LeafState& leaf = *node.saved[0].tensor.impl()->leaf;
    if (!leaf.requires_grad) return;
    const LeafState::Role role = leaf.role;
    named = named || role == LeafState::Role::named_parameter;
    if (role == LeafState::Role::unnamed_parameter) unnamed = &node;
    fire(leaf.hooks, gradient);
    if (options_.create_graph || innermost_level(gradient) > 0) {  // with what it depends on, or its tangents
      leaf.grad = leaf.grad.defined() ? add(on_tape(leaf.grad), gradient) : as_own(std::move(gradient));
    } else if (!leaf.grad.defined()) {
      leaf.grad = to_be_kept(std::move(gradient));
    } else if (is_exclusive(leaf.grad)) {
      add_in_place(array_of(leaf.grad), array_of(gradient));
    } else {
      leaf.grad = add(leaf.grad.detach(), gradient);
    }
    gradient = Tensor();
  });
  if (named && unnamed != nullptr) {
    const std::string shape = to_string(unnamed->outputs[0].shape);
    throw TapeError("[backward] a parameter of shape " + shape +
                    " received a gradient but is named by no module and held by no optimiser: is a member missing in "
                    "TAPEGRAD_MODULE(...), does it belong to a copy (a layer taken by value), was it replaced or added "
                    "after the optimiser was made, or is a part of a model trained alone? What is not to be trained is "
                    "frozen by set_requires_grad(false), or named by calling parameters() of the whole model once");
  }
  finish();
}

std::vector<Tensor> Sweep::run_towards(const SweepTargets& targets) {
  std::vector<Tensor> gradients(targets.size());
  const std::vector<std::size_t> order = targets.from_the_top();
  auto next = order.begin();
  run(targets.lowest(), targets.marks(), [&](const Node& node) {
    while (next != order.end() && targets[*next].node > node.position) ++next;
    const auto first = next;
    for (; next != order.end() && targets[*next].node == node.position; ++next)
      gradients[*next] = cotangents()[targets[*next].slot];
    if (!options_.block) return;
    for (auto here = first; here != next; ++here) cotangents()[targets[*here].slot] = Tensor();
  });
  for (; next != order.end(); ++next)  // below the block
    if (targets[*next].node <= top_) gradients[*next] = cotangents()[targets[*next].slot];
  return gradients;
}

void Sweep::empty_room(SweepTargets& targets) {
  const std::uint32_t lowest = targets.lowest();
  const std::size_t first_slot =
      std::min<std::size_t>(lowest_seed_, lowest <= top_ ? tape_.nodes[lowest]->slot : slots());
  const auto at = [this](std::size_t i) { return cotangents().begin() + static_cast<std::ptrdiff_t>(i); };
  std::fill(at(first_slot), at(slots()), Tensor());
  for (std::size_t k = 0; k < targets.size(); ++k)
    if (targets[k].node <= top_) cotangents()[targets[k].slot] = Tensor();
  targets.unmark();
  if (!beyond_reach_) lease_.room_is_empty();
}

Tensor Sweep::as_result(Tensor gradient) const {
  if (options_.create_graph || innermost_level(gradient) > 0) return as_own(std::move(gradient));
  return to_be_kept(std::move(gradient));
}

std::vector<Tensor> Sweep::towards(const std::vector<Tensor>& xs, bool allow_unused) {
  SweepTargets targets(tape_, xs, name_, options_.block.value_or(0), top_, lease_.reaches());
  std::vector<Tensor> gradients = run_towards(targets);
  empty_room(targets);
  for (std::size_t k = 0; k < xs.size(); ++k) {
    if (!gradients[k].defined() && !allow_unused)
      throw TapeError(std::string("[") + name_ + "] the result does not depend on tensor " + std::to_string(k) + " " +
                      to_string(xs[k].shape()) + " (say .allow_unused = true for a zero gradient)");
    gradients[k] = gradients[k].defined() ? as_result(std::move(gradients[k])) : zeros_like(xs[k]);
  }
  finish();
  return gradients;
}

}  // namespace tapegrad
