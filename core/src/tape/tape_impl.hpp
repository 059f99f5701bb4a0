// How a tape is kept. See docs/design.md, "The tape".
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "array/recycled.hpp"
#include "tape/arena.hpp"
#include "tape/home_thread.hpp"
#include "tape/leaf_map.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/tape/op_table.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad {

/// An op and what it runs on.
struct OpCall {
  const OpTable& table;
  const void* op;
  Inputs inputs;
  Inputs originals;  // the inputs with their tangents
  std::span<Tensor> outputs;
};

/// Where an input of a node came from.
struct Edge {
  static constexpr std::uint32_t kConstant = UINT32_MAX;
  std::uint32_t node = kConstant;
  std::uint32_t output = 0;
  bool tracked() const { return node != kConstant; }
};

struct OutputMeta {
  Shape shape;
  DType dtype;
  std::uint32_t version = 0;  // of what a node gave that recomputes it
};

struct SavedSlot {
  enum class Kind : std::uint8_t { input, output, residual };
  Tensor tensor;
  std::uint32_t version;
  std::uint16_t index;
  Kind kind;
  bool comes_again = false;  // an input that is there only while its node's rule runs
};

/// "input 1 (gamma)", or "input 1" where the op gives no names.
std::string name_of(const OpTable& table, SavedSlot::Kind kind, int index);

/// One recorded operation; it and its arrays lie in the tape's arena. A leaf has no table and saves the leaf itself as
/// output 0.
struct Node {
  const OpTable* table = nullptr;
  const void* state = nullptr;  // the op struct
  Edge* edges = nullptr;
  OutputMeta* outputs = nullptr;
  SavedSlot* saved = nullptr;
  const TapeImpl* tape = nullptr;
  std::uint64_t wanted = 0;  // which of the first 64 inputs are tracked
  std::uint32_t position = 0;
  std::uint32_t era = 0;   // how often nodes had been taken off its tape when it was recorded
  std::uint32_t slot = 0;  // first of its outputs among all outputs of the tape
  std::uint32_t scope = 0;
  std::uint32_t edge_count = 0;
  std::uint32_t saved_count = 0;
  std::uint32_t output_count = 0;
  bool recomputes = false;  // keeps all that its output can be made of again, which is large enough to be worth it
  bool reads_recomputed = false;  // one of its inputs comes again when its rule runs

  bool is_leaf() const { return table == nullptr; }
  std::string_view name() const { return is_leaf() ? std::string_view("leaf") : table->name; }
};

/// What a sweep works in, kept for the next one: as large as the tape was, no tensor defined, nothing marked.
struct SweepRoom {
  array::RecycledVector<Tensor> cotangents;  // by slot
  array::RecycledVector<char> reaches;       // by node
};

/// Values that study mode keeps beside a node.
struct StudyValues {
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  std::vector<Tensor> cotangents;  // of the last sweep
};

struct TapeImpl {
  TapeImpl(Tape& owner, TapeOptions options);
  TapeImpl(const TapeImpl&) = delete;
  TapeImpl& operator=(const TapeImpl&) = delete;
  ~TapeImpl();

  /// The node an op's input comes from: its own, or its leaf's (appended at first use), or constant. Throws TapeError
  /// for a stale input.
  Edge edge_of(const Tensor& x, std::string_view op) {
    if (!x.defined()) return {};
    const TapePlace& place = x.impl()->place;
    if (lies_here(place)) return {place.node, place.output};
    return edge_of_other(x, op);
  }
  /// Appends a node for an op that has run on inputs from `edges`, of which the tracked ones are `wanted`. The edges
  /// lie in the arena, one for each input.
  void record(const OpCall& call, Edge* first_edge, std::uint64_t wanted, std::span<const Tensor> residuals);
  /// Whether a place is one of this tape's, of this generation, and its node still there.
  bool lies_here(const TapePlace& place) const {
    return place.serial == serial && place.generation == generation && stands(place);
  }
  /// Whether the node that a place of this generation means is still there.
  bool stands(const TapePlace& place) const {
    return place.node < undisturbed || (place.node < nodes.size() && nodes[place.node]->era == place.era);
  }
  /// The node of a tensor on this tape. Throws TapeError that says why it is not and, of several, which of them.
  const Node& node_of(const Tensor& x, const char* what, std::size_t index = 0, std::size_t count = 1) const;
  /// Releases every node and starts the next generation.
  void consume();
  void release_saved(Node& node) {
    if (node.saved_count == 0) return;
    std::destroy_n(node.saved, node.saved_count);
    node.saved_count = 0;
    --unreleased;
  }
  /// Takes the nodes from position `size` on off the tape again; tensors recorded there are stale from then on.
  void truncate(std::size_t size);
  std::string_view scope_name(const Node& node) const { return scopes[node.scope]; }
  /// The scope that a node recorded now would have: an index of `scopes`.
  std::uint32_t current_scope();
  NodeInfo info(const Node& node) const;

  /// Throws TapeError when the Tape was destroyed on another thread; this one records nowhere then.
  void expect_owned(std::string_view op) {
    if (left_behind.load(std::memory_order_relaxed)) [[unlikely]]
      give_up(op);
  }
  Tape& handle() {
    expect_owned("tape");
    return *owner;
  }

  Tape* owner;
  std::shared_ptr<HomeThread> home = HomeThread::here();  // null for a tape that may die anywhere: a private one
  std::atomic<bool> left_behind{false};                   // owner is gone
  TapeOptions options;
  std::uint64_t serial;
  std::uint32_t generation = 1;
  Arena arena;
  array::RecycledVector<Node*> nodes;
  std::uint32_t era = 0;                   // how often nodes have been taken off
  std::uint32_t undisturbed = UINT32_MAX;  // in this generation, none below this position
  std::uint32_t slots = 0;
  bool some_recompute = false;   // of the nodes
  std::uint64_t unreleased = 0;  // lists of saved tensors, and states of ops that have a destructor
  LeafMap leaves;
  std::vector<std::string> scopes{""};
  std::vector<StudyValues> study;                  // by position, in study mode
  std::unordered_map<std::uint32_t, Hooks> hooks;  // by slot
  SweepObserver observer;
  bool sweeping = false;
  std::vector<SweepRoom> rooms;  // of sweeps that have ended

 private:
  [[noreturn]] void give_up(std::string_view op);
  /// Of a tensor that lies nowhere on this tape: a leaf, a constant, or a stranger.
  Edge edge_of_other(const Tensor& x, std::string_view op);
  /// Of one that was recorded elsewhere: constant while its tape is suspended.
  [[gnu::noinline]] Edge edge_of_stranger(const Tensor& x, std::string_view op);
  /// A node that `nodes` has room for, with room for its outputs, for at most `saved` tensors, and for the op's state,
  /// if it has one.
  Node* make_node(const OpTable* table, std::span<Edge> edges, std::uint64_t wanted, std::size_t outputs,
                  std::size_t saved);
  /// Makes room for more nodes.
  [[gnu::noinline]] void make_room();
  /// Appends a node that is complete.
  void append(Node& node) {
    if (node.saved_count > 0) ++unreleased;
    if (!node.is_leaf() && node.table->destroy != nullptr) ++unreleased;
    slots += node.output_count;
    nodes.push_back(&node);
  }
  /// Releases all that a node holds; it is no more to be used then.
  void release(Node& node) {
    release_saved(node);
    if (node.is_leaf() || node.table->destroy == nullptr) return;
    node.table->destroy(const_cast<void*>(node.state));
    --unreleased;
  }
  /// Keeps where a node was recorded, and what it has read and given.
  [[gnu::noinline]] void keep_for_study(Node& node, const OpCall& call);
  /// Whether what can be made again need not be kept: a tape that is studied, and tangents, want it at hand.
  bool may_recompute() const;
  /// Whether the output of a recomputable op is worth it. REQUIRES: it has run.
  [[gnu::noinline]] bool recomputes(const OpCall& call) const;
  /// Of what a node that is being recorded has saved, lets go of the inputs that their nodes recompute.
  [[gnu::noinline]] void drop_what_comes_again(Node& node) const;
  [[gnu::noinline]] std::uint32_t append_leaf(const Tensor& x);
};

/// "node 3, matmul [2, 3]": how errors name a node.
std::string describe(const Node& node);

}  // namespace tapegrad
