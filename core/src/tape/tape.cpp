#include "tapegrad/tape/tape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <unordered_set>

#include "tape/private_tape.hpp"
#include "tape/recorder.hpp"
#include "tape/sweep.hpp"
#include "tape/tape_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/scope.hpp"

namespace tapegrad {

std::string describe(const Node& node) {
  return "node " + std::to_string(node.position) + ", " + std::string(node.name()) + " " +
         to_string(node.outputs[0].shape);
}

std::string name_of(const OpTable& table, SavedSlot::Kind kind, int index) {
  const auto named = [index](const char* what, std::span<const std::string_view> names) {
    const auto at = static_cast<std::size_t>(index);
    return fmt::format("{} {}{}", what, index, at < names.size() ? fmt::format(" ({})", names[at]) : "");
  };
  switch (kind) {
    case SavedSlot::Kind::input: return named("input", table.input_names);
    case SavedSlot::Kind::output: return named("output", {});
    case SavedSlot::Kind::residual: return named("residual", table.residual_names);
  }
  return "?";
}

// ---- recording

namespace {
std::atomic<std::uint64_t> last_serial{0};
}

TapeImpl::TapeImpl(Tape& tape, TapeOptions tape_options) : owner(&tape), options(tape_options), serial(++last_serial) {
  options.study = options.study || options.anomaly;
}

TapeImpl::~TapeImpl() { consume(); }

[[gnu::always_inline]] inline Node* TapeImpl::make_node(const OpTable* table, std::span<Edge> edges,
                                                        std::uint64_t wanted, std::size_t outputs, std::size_t saved) {
  if (nodes.size() == nodes.capacity()) make_room();
  static_assert(alignof(Node) == 8 && alignof(OutputMeta) == 8 && alignof(SavedSlot) == 8);
  const std::size_t outputs_at = sizeof(Node);
  const std::size_t saved_at = outputs_at + outputs * sizeof(OutputMeta);
  const std::size_t arrays_end = saved_at + saved * sizeof(SavedSlot);
  const std::size_t alignment = table != nullptr ? std::max(table->alignment, alignof(Node)) : alignof(Node);
  const std::size_t state_at = (arrays_end + alignment - 1) & ~(alignment - 1);
  auto* const block =
      static_cast<std::byte*>(arena.allocate(table != nullptr ? state_at + table->size : arrays_end, alignment));
  return new (block) Node{
      .table = table,
      .state = table != nullptr ? block + state_at : nullptr,
      .edges = edges.data(),
      .outputs = reinterpret_cast<OutputMeta*>(block + outputs_at),
      .saved = reinterpret_cast<SavedSlot*>(block + saved_at),
      .tape = this,
      .wanted = wanted,
      .position = static_cast<std::uint32_t>(nodes.size()),
      .era = era,
      .slot = slots,
      .edge_count = static_cast<std::uint32_t>(edges.size()),
      .output_count = static_cast<std::uint32_t>(outputs),
  };
}

void TapeImpl::make_room() {
  if (nodes.size() >= Edge::kConstant) throw TapeError("[tape] more than 4,294,967,294 nodes");
  nodes.reserve(std::max<std::size_t>(256, 2 * nodes.size()));
}

std::uint32_t TapeImpl::current_scope() {
  std::string path = scope_path();
  if (scopes.back() != path) scopes.push_back(std::move(path));
  return static_cast<std::uint32_t>(scopes.size() - 1);
}

std::uint32_t TapeImpl::append_leaf(const Tensor& x) {
  Node* node = make_node(nullptr, {}, 0, 1, 1);
  Tensor leaf = alias(x);
  if (options.study) {
    node->scope = current_scope();
    study.push_back({.inputs = {}, .outputs = {x.detach()}, .cotangents = {}});
  }
  leaves.insert(x.impl()->leaf.get(), node->position);
  // Nothing below throws.
  new (node->outputs) OutputMeta{x.shape(), x.dtype()};
  new (node->saved) SavedSlot{std::move(leaf), array_of(x).storage->version(), 0, SavedSlot::Kind::output};
  node->saved_count = 1;
  append(*node);
  return node->position;
}

namespace {
constexpr const char* kWithinCheckpoint =
    "recorded within a checkpointed block, of which the tape keeps the result alone: return it from the block, or use "
    "detach() to carry its value out";
}

Edge TapeImpl::edge_of_other(const Tensor& x, std::string_view op) {
  const TensorImpl& impl = *x.impl();
  if (impl.place.serial != 0) return edge_of_stranger(x, op);
  if (!impl.leaf || !impl.leaf->requires_grad) return {};
  const std::uint32_t node = leaves.find(impl.leaf.get());
  return {node != LeafMap::kNone ? node : append_leaf(x), 0};
}

Edge TapeImpl::edge_of_stranger(const Tensor& x, std::string_view op) {
  const TapePlace& place = x.impl()->place;
  if (place.serial == serial && place.generation == generation)
    throw TapeError(fmt::format("[{}] an input {} was {}", op, to_string(x.shape()), kWithinCheckpoint));
  if (recorder.aside != nullptr && recorder.aside->holds(place.serial, place.generation)) return {};
  throw TapeError(fmt::format(
      "[{}] an input {} was recorded {}use detach() to carry its value over", op, to_string(x.shape()),
      place.serial == serial ? fmt::format("in an earlier step of this tape, as its node {}, which a sweep has "
                                           "consumed: say .retain = true there to go on from it with gradients, or ",
                                           place.node)
                             : fmt::format("on another tape, as its node {}: ", place.node)));
}

namespace {

/// Whether a set of Keep's holds i: what lies beyond its 32 bits is kept with all or not at all.
bool holds(std::uint32_t set, std::size_t i) { return i < 32 ? (set >> i & 1U) != 0 : set == ~std::uint32_t{0}; }

/// Throws TapeError unless the saved slots' indices have room for what is kept.
[[gnu::noinline]] void expect_few(const OpCall& call, Keep keep) {
  const auto expect = [&](std::uint32_t set, std::size_t count, const char* what) {
    if (count > UINT16_MAX && set != 0)
      throw TapeError(fmt::format("[{}] an op that keeps {} has {} of them at most, not {}", call.table.name, what,
                                  UINT16_MAX, count));
  };
  expect(keep.input_set, static_cast<std::size_t>(call.originals.size()), "inputs");
  expect(keep.output_set, call.outputs.size(), "outputs");
}

[[noreturn, gnu::noinline]] void throw_undefined_residual(std::string_view op) {
  throw TapeError(fmt::format("[{}] its forward function saved an undefined tensor", op));
}

}  // namespace

void TapeImpl::keep_for_study(Node& node, const OpCall& call) {
  node.scope = current_scope();
  StudyValues values;
  for (int i = 0; i < call.originals.size(); ++i)
    values.inputs.push_back(call.originals[i].defined() ? call.originals[i].detach() : Tensor());
  for (const Tensor& y : call.outputs) values.outputs.push_back(y.detach());
  study.push_back(std::move(values));
}

bool TapeImpl::may_recompute() const { return !options.study && recorder.level_count == 0; }

bool TapeImpl::recomputes(const OpCall& call) const {
  const array::Array& output = array_of(call.outputs[0]);
  return may_recompute() &&
         static_cast<std::size_t>(output.shape.numel()) * size_of(output.dtype) >= options.recompute_from;
}

void TapeImpl::drop_what_comes_again(Node& node) const {
  if (!may_recompute()) return;
  for (SavedSlot& slot : std::span(node.saved, node.saved_count)) {
    if (slot.kind != SavedSlot::Kind::input || slot.index >= 32) continue;
    const Edge& edge = node.edges[slot.index];
    if (!edge.tracked()) continue;
    const Node& producer = *nodes[edge.node];
    if (!producer.recomputes || slot.version != producer.outputs[0].version) continue;
    slot = {Tensor(), 0, slot.index, slot.kind, true};
    node.recomputes = false;
    node.reads_recomputed = true;
  }
}

void TapeImpl::record(const OpCall& call, Edge* first_edge, std::uint64_t wanted, std::span<const Tensor> residuals) {
  const OpTable& table = call.table;
  const Inputs inputs = call.originals;
  const std::span edges(first_edge, static_cast<std::size_t>(inputs.size()));
  const std::span<Tensor> outputs = call.outputs;
  const bool recomputed = table.recomputable && recomputes(call);
  Keep keep = table.kept(call.op, Wants(wanted));
  if (recomputed) keep = keep | Keep::inputs;
  if (std::max(edges.size(), outputs.size()) > UINT16_MAX) [[unlikely]]
    expect_few(call, keep);
  for (const Tensor& t : residuals)
    if (!t.defined()) throw_undefined_residual(table.name);

  const std::size_t most_saved =
      (keep.input_set != 0 ? edges.size() : 0) + (keep.output_set != 0 ? outputs.size() : 0) + residuals.size();
  Node* node = make_node(&table, edges, wanted, outputs.size(), most_saved);
  if (options.study) [[unlikely]]
    keep_for_study(*node, call);
  table.copy(call.op, const_cast<void*>(node->state));
  // Nothing below throws: the tape is whole before and after.
  for (std::size_t j = 0; j < outputs.size(); ++j) {
    TensorImpl& y = *outputs[j].impl();
    new (node->outputs + j) OutputMeta{y.array.shape, y.array.dtype};
    if (is_floating(y.array.dtype)) y.place = {serial, generation, era, node->position, static_cast<std::uint32_t>(j)};
  }
  SavedSlot* slot = node->saved;
  const auto save = [&slot](const Tensor& t, SavedSlot::Kind kind, std::size_t index) {
    new (slot++) SavedSlot{share(t), t.impl()->array.storage->version(), static_cast<std::uint16_t>(index), kind};
  };
  if (keep.input_set != 0)
    for (std::size_t i = 0; i < edges.size(); ++i)
      if (const Tensor& x = inputs[static_cast<int>(i)]; holds(keep.input_set, i) && x.defined())
        save(x, SavedSlot::Kind::input, i);
  if (keep.output_set != 0)
    for (std::size_t j = 0; j < outputs.size(); ++j)
      if (holds(keep.output_set, j)) save(outputs[j], SavedSlot::Kind::output, j);
  for (std::size_t r = 0; r < residuals.size(); ++r) save(residuals[r], SavedSlot::Kind::residual, r);
  node->saved_count = static_cast<std::uint32_t>(slot - node->saved);
  if (recomputed) {
    node->recomputes = keep.output_set == 0;  // an output that it keeps is there anyway
    node->outputs[0].version = outputs[0].impl()->array.storage->version();
    some_recompute = true;
  }
  if (some_recompute) drop_what_comes_again(*node);
  append(*node);
}

void TapeImpl::consume() {
  // A sweep has released nearly all, and of a long tape has seen the top last: its nodes have left the near caches.
  for (Node* node : nodes) {
    if (unreleased == 0) break;
    release(*node);
  }
  nodes.clear();
  slots = 0;
  some_recompute = false;
  leaves.clear();
  arena.reset();
  study.clear();
  hooks.clear();
  scopes.resize(1);
  ++generation;
  undisturbed = UINT32_MAX;
  if (recorder.tape == this) recorder.generation = generation;
}

void TapeImpl::truncate(std::size_t size) {
  if (study.size() > size) study.resize(size);  // of a node that was not completed, too
  if (size >= nodes.size()) return;
  slots = nodes[size]->slot;
  bool leaf = false;
  for (std::size_t i = size; i < nodes.size(); ++i) {
    Node& node = *nodes[i];
    leaf = leaf || node.is_leaf();
    release(node);
  }
  nodes.resize(size);
  ++era;
  undisturbed = std::min(undisturbed, static_cast<std::uint32_t>(size));
  std::erase_if(hooks, [this](const auto& entry) { return entry.first >= slots; });
  if (!leaf) return;
  leaves.clear();
  for (const Node* node : nodes)
    if (node->is_leaf()) leaves.insert(node->saved[0].tensor.impl()->leaf.get(), node->position);
}

const Node& TapeImpl::node_of(const Tensor& x, const char* what, std::size_t index, std::size_t count) const {
  const auto refuse = [&](std::string_view kind, std::string_view why) {
    throw TapeError(fmt::format("[{}] {}{} {} {}", what,
                                count > 1 ? fmt::format("tensor {} of {}: ", index, count) : "", kind,
                                to_string(x.shape()), why));
  };
  if (!x.defined()) throw ValueError(fmt::format("[{}] the tensor is undefined", what));
  const TapePlace& place = x.impl()->place;
  if (place.serial == 0) {
    const std::uint32_t leaf = x.impl()->leaf ? leaves.find(x.impl()->leaf.get()) : LeafMap::kNone;
    if (x.requires_grad()) {
      if (leaf != LeafMap::kNone) return *nodes[leaf];
      refuse("the leaf", "has not been used on this tape");
    }
    if (leaf != LeafMap::kNone)
      refuse("the leaf", "has been frozen by set_requires_grad(false) since it was used on this tape");
    if (x.impl()->leaf) refuse("the leaf", "is frozen: set_requires_grad(true) before it is used on this tape");
    refuse("the tensor",
           fmt::format("is not on this tape: it is a leaf that requires no gradient (set_requires_grad(true) before it "
                       "is used), or it was computed while no tape recorded{}, from inputs none of which requires a "
                       "gradient, from a gradient taken without .create_graph, or by an operation that carries none (a "
                       "comparison, an index)",
                       recorder.paused > 0 ? " (a NoRecord lives now)" : " or a NoRecord lived"));
  }
  if (place.serial != serial)
    refuse("the tensor",
           fmt::format("lies on another tape, as its node {}: compute it while this one lives", place.node));
  if (place.generation != generation)
    refuse(
        "the tensor",
        fmt::format("belongs to an earlier step, where it was node {}: the tape was consumed by a sweep (say .retain = "
                    "true to sweep twice)",
                    place.node));
  if (!stands(place)) refuse("the tensor", fmt::format("was {}", kWithinCheckpoint));
  return *nodes[place.node];
}

void TapeImpl::give_up(std::string_view op) {
  recorder.detach();
  const std::shared_ptr<HomeThread> thread = home;  // which this tape must not take along
  if (!sweeping) thread->sweep_up(this);            // else its sweep does
  throw TapeError(fmt::format(
      "[{}] the Tape that records on this thread was destroyed on another thread, or inside a transform: a Tape is "
      "destroyed where it was made",
      op));
}

// ---- the public face

Tape::Tape(TapeOptions options) {
  if (recorder.tape != nullptr) recorder.tape->expect_owned("tape");
  if (recorder.tape != nullptr)
    throw TapeError(
        "[tape] a Tape already lives on this thread, where one records at a time: end its block first, evaluate under "
        "NoRecord, or differentiate by grad() and its like, which nest");
  impl_ = new TapeImpl(*this, options);
  recorder.attach(*impl_);
}

Tape::~Tape() {
  std::unique_ptr<TapeImpl> impl(impl_);
  const bool live = recorder.tape == impl_;
  if (live) recorder.detach();
  if (live && !impl->sweeping) return;
  if (const std::shared_ptr<HomeThread> home = impl->home) home->leave_behind(std::move(impl));
}

void Tape::backward(const Tensor& y, const BackwardOptions& options) {
  Sweep sweep(*impl_, {y}, {options.cotangent}, "backward",
              {.retain = options.retain, .create_graph = options.create_graph, .strong_zero = options.strong_zero});
  sweep.into_leaves();
}

namespace {

/// The gradients of ys with these cotangents, to whoever is called `what`.
std::vector<Tensor> gradients(TapeImpl& tape, const std::vector<Tensor>& ys, const std::vector<Tensor>& cotangents,
                              const std::vector<Tensor>& xs, const char* what, const PullBackOptions& options) {
  Sweep sweep(tape, ys, cotangents, what,
              {.retain = options.retain, .create_graph = options.create_graph, .strong_zero = options.strong_zero});
  return sweep.towards(xs, options.allow_unused);
}

}  // namespace

std::vector<Tensor> Tape::gradient(const Tensor& y, const std::vector<Tensor>& xs, const GradientOptions& options) {
  return gradients(*impl_, {y}, {options.cotangent}, xs, "gradient",
                   {.retain = options.retain,
                    .create_graph = options.create_graph,
                    .allow_unused = options.allow_unused,
                    .strong_zero = options.strong_zero});
}

Tensor Tape::gradient(const Tensor& y, const Tensor& x, const GradientOptions& options) {
  return gradient(y, std::vector<Tensor>{x}, options)[0];
}

std::vector<Tensor> Tape::pull_back(const std::vector<Tensor>& ys, const std::vector<Tensor>& cotangents,
                                    const std::vector<Tensor>& xs, const PullBackOptions& options) {
  return gradients(*impl_, ys, cotangents, xs, "pull_back", options);
}

HookId Tape::register_hook(const Tensor& y, GradientHook hook) {
  const Node& node = impl_->node_of(y, "register_hook");
  if (recorder.in_block)
    throw TapeError(
        "[register_hook] the values of a checkpointed block do not stay on the tape: register the hook on "
        "what checkpoint() gives");
  return impl_->hooks[node.slot + y.impl()->place.output].add(std::move(hook));
}

bool Tape::remove_hook(HookId id) {
  return std::any_of(impl_->hooks.begin(), impl_->hooks.end(), [id](auto& of) { return of.second.remove(id); });
}

void Tape::observe(SweepObserver observer) { impl_->observer = std::move(observer); }

std::int64_t Tape::position(const Tensor& y) const { return impl_->node_of(y, "position").position; }
std::int64_t Tape::size() const { return static_cast<std::int64_t>(impl_->nodes.size()); }
std::uint64_t Tape::generation() const { return impl_->generation; }
void Tape::clear() {
  if (recorder.tape != impl_) throw TapeError("[clear] the tape belongs to another thread, or is suspended");
  if (impl_->sweeping) throw TapeError("[clear] a sweep of this tape is running");
  impl_->consume();
}

NodeInfo Tape::node(std::int64_t position) const {
  if (position < 0 || position >= size())
    throw IndexError("[tape] node " + std::to_string(position) + " of a tape with " + std::to_string(size()) +
                     " nodes");
  return impl_->info(*impl_->nodes[static_cast<std::size_t>(position)]);
}

std::size_t Tape::bytes_kept() const {
  std::unordered_set<const array::Storage*> seen;
  std::size_t bytes = 0;
  for (const Node* node : impl_->nodes) {
    if (node->is_leaf()) continue;
    for (const SavedSlot& slot : std::span(node->saved, node->saved_count)) {
      if (slot.comes_again) continue;
      const array::Storage* const storage = slot.tensor.impl()->array.storage.get();
      if (seen.insert(storage).second) bytes += storage->bytes();
    }
  }
  return bytes;
}

namespace {

class AttributeList final : public AttributeVisitor {
 public:
  void text(std::string_view name, std::string_view value) override { entries.emplace_back(name, value); }
  std::vector<std::pair<std::string, std::string>> entries;
};

}  // namespace

NodeInfo TapeImpl::info(const Node& node) const {
  NodeInfo n;
  n.position = node.position;
  n.op = node.name();
  n.math = node.is_leaf() ? std::string_view() : node.table->math;
  n.scope = scope_name(node);
  for (const Edge& e : std::span(node.edges, node.edge_count))
    n.inputs.push_back({e.tracked() ? static_cast<std::int64_t>(e.node) : -1, static_cast<int>(e.output)});
  for (const OutputMeta& o : std::span(node.outputs, node.output_count)) {
    n.shapes.push_back(o.shape);
    n.dtypes.push_back(o.dtype);
  }
  if (!node.is_leaf()) {
    for (const SavedSlot& slot : std::span(node.saved, node.saved_count)) {
      if (slot.comes_again) {
        n.recomputed.push_back(slot.index);
        continue;
      }
      const array::Array& a = slot.tensor.impl()->array;
      const bool only = slot.kind == SavedSlot::Kind::output && node.output_count == 1;
      n.kept.push_back({only ? "output" : name_of(*node.table, slot.kind, slot.index),
                        static_cast<std::size_t>(a.shape.numel()) * size_of(a.dtype),
                        options.study ? slot.tensor.detach() : Tensor()});
    }
    if (node.table->describe != nullptr) {
      AttributeList list;
      node.table->describe(node.state, list);
      n.attributes = std::move(list.entries);
    }
  }
  if (options.study) {
    n.values = study[node.position].outputs;
    n.input_values = study[node.position].inputs;
    n.cotangents = study[node.position].cotangents;
  }
  return n;
}

}  // namespace tapegrad
