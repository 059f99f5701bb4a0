#include "tapegrad/diff/checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/ref.hpp"
#include "diff/argument.hpp"
#include "tape/recorder.hpp"
#include "tape/sweep.hpp"
#include "tape/tape_impl.hpp"
#include "tape/tape_mark.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/tape/engine/substitutes.hpp"

namespace tapegrad {
namespace {

/// Of a tensor's elements (FNV-1a, over words instead of bytes): tells whether a replay has computed them again.
std::uint64_t fingerprint(const Tensor& x) {
  const array::Array a = contiguous_array(x);
  const std::size_t size = static_cast<std::size_t>(x.numel()) * size_of(x.dtype());
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (std::size_t i = 0; i < size; i += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, a.data() + i, std::min(sizeof word, size - i));
    hash = (hash ^ word) * 0x100000001b3ULL;
  }
  return hash;
}

/// Elements that a block reads and does not make itself, as it found them.
struct Found {
  Ref<array::Storage> storage;
  std::uint32_t version;
};

/// A block and what its replay needs.
struct Block {
  TensorFunction run;
  RandomStream random;           // the default generator as the block found it
  std::size_t arguments;         // how many of the node's inputs are arguments; the rest are captured
  std::vector<Tensor> captured;  // tensors of the tape, outside the block, that it reads
  std::vector<engine::Substitutes::Place> substituted;  // what stood in the places of parameters
  std::shared_ptr<const ArgumentList> around = {};      // of the functions it ran in, to which it may refer
  std::vector<bool> given_arguments = {};
  std::vector<Found> found = {};
  std::uint64_t given = 0;  // fingerprint of what the block gave
  Tensor value = {};        // while the node is recorded: what the block gave
};

/// A leaf that required a gradient when the block ran.
bool is_frozen(const Tensor& x) { return x.impl()->place.serial == 0 && !x.requires_grad(); }

Tensor run_block(const TensorFunction& run, const std::vector<Tensor>& arguments) {
  std::vector<Tensor> ys = run(arguments);
  if (ys.size() != 1) throw ValueError(fmt::format("[checkpoint] expected a block with one result, got {}", ys.size()));
  if (!ys.front().defined()) throw ValueError("[checkpoint] expected a block with one result, got an undefined tensor");
  return std::move(ys.front());
}

/// While it lives, a block runs again, and is recorded although the sweep pauses recording.
class BlockReplay {
 public:
  explicit BlockReplay(const RandomStream& random) : replay_(random), paused_(std::exchange(recorder.paused, 0)) {}
  BlockReplay(const BlockReplay&) = delete;
  BlockReplay& operator=(const BlockReplay&) = delete;
  ~BlockReplay() { recorder.paused = paused_; }

 private:
  Replay replay_;
  int paused_;
  StrongZero plain_{false};  // the block computes what it did; the sweep through it is told apart
};

/// While it lives, a block is recorded of which nothing will stay on the tape.
class InBlock {
 public:
  InBlock() : before_(std::exchange(recorder.in_block, true)) {}
  InBlock(const InBlock&) = delete;
  InBlock& operator=(const InBlock&) = delete;
  ~InBlock() { recorder.in_block = before_; }

 private:
  bool before_;
};

void expect_tape(const TapeMark& before) {
  if (before.is_gone()) throw TapeError("[checkpoint] its block swept, cleared or destroyed the tape that records it");
}

/// While it lives, a tape may be recorded on: what was is taken off again.
class Aside {
 public:
  explicit Aside(TapeImpl& tape) : before_(tape) {}
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;
  ~Aside() { before_.restore(); }
  const TapeMark& before() const { return before_; }

 private:
  TapeMark before_;
};

struct Checkpoint : Op<Checkpoint> {
  static constexpr std::string_view name = "checkpoint";
  static constexpr std::string_view math = R"(y = f(h);\quad \bar h = (\partial f / \partial h)^\top \bar y)";
  std::shared_ptr<const Block> block;

  Keep keep_for(Wants) const { return {(std::uint32_t{1} << block->arguments) - 1, 0}; }
  Tensor forward(Inputs) const {
    if (!block->value.defined())
      throw TapeError("[checkpoint] a block that has been recorded runs again only in a reverse sweep");
    return block->value;
  }

  std::vector<Tensor> vjp(const Saved& s, const Tensor& dy) const {
    const bool strong_zero = recorder.strong_zero;
    // A sweep with strong zeros comes here too when nobody differentiates it again.
    const bool again = is_recording();
    const BlockReplay replay(block->random);
    std::optional<Aside> aside;
    if (!again) aside.emplace(*recorder.tape);
    return pull_back(s, dy, {.retain = true, .create_graph = again, .strong_zero = strong_zero});
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    std::vector<Tensor> gradients;
    {
      const BlockReplay replay(block->random);
      const Aside aside(*recorder.tape);
      gradients = pull_back(s, dy, {.retain = true});
    }
    for (std::size_t i = 0; i < gradients.size(); ++i) sink.add(static_cast<int>(i), std::move(gradients[i]));
  }

 private:
  std::vector<Tensor> pull_back(const Saved& s, const Tensor& dy, SweepOptions options) const {
    TapeImpl& tape = *recorder.tape;
    const TapeMark before(tape);
    options.block = static_cast<std::uint32_t>(before.size());
    const auto list = std::make_shared<ArgumentList>();
    list->outer = block->around;
    std::vector<Tensor>& arguments = list->tensors;
    std::vector<Tensor> wanted;
    std::vector<std::size_t> places;
    for (const Found& f : block->found)
      if (f.storage->version() != f.version)
        throw TapeError(std::string("[checkpoint] a tensor that the block reads was changed in place by ") +
                        f.storage->last_writer() + " since it ran");
    for (std::size_t i = 0; i < block->arguments; ++i) {
      if (!block->given_arguments[i]) {
        arguments.emplace_back();
        continue;
      }
      const Tensor& h = s.input(static_cast<int>(i));
      const bool tracked = h.is_tracked();
      arguments.push_back(tracked ? apply(Argument{}, h) : h);
      if (!tracked) continue;
      wanted.push_back(arguments.back());
      places.push_back(i);
    }
    for (std::size_t i = 0; i < block->captured.size(); ++i) {
      if (is_frozen(block->captured[i])) continue;
      wanted.push_back(block->captured[i]);
      places.push_back(block->arguments + i);
    }
    const engine::Substitutes as_before(block->substituted);
    Tensor y;
    {
      const FunctionRun run(list);
      y = run_block(block->run, arguments);
    }
    expect_tape(before);
    if (fingerprint(y) != block->given)
      throw TapeError(
          "[checkpoint] the block gave other values when it ran again: what it reads has been changed since, or it "
          "draws random numbers of another generator than the default one");
    std::vector<Tensor> gradients(block->arguments + block->captured.size());
    if (!y.is_tracked()) return gradients;  // all that it depends on has been frozen
    Sweep sweep(tape, {y}, {dy}, "checkpoint", options);
    const std::vector<Tensor> found = sweep.towards(wanted, true);
    for (std::size_t k = 0; k < found.size(); ++k) gradients[places[k]] = found[k];
    return gradients;
  }
};

/// A stand-in for a tensor of the tape: its place and shape, and in study mode its elements.
Tensor stand_in(const TapeImpl& tape, const Edge& edge) {
  const Node& node = *tape.nodes[edge.node];
  if (node.is_leaf()) return alias(node.saved[0].tensor);
  const OutputMeta& meta = node.outputs[edge.output];
  const array::Array one = array::Array::empty(Shape{}, meta.dtype);
  Tensor t = tape.options.study ? tape.study[edge.node].outputs[edge.output].detach()
                                : wrap(one.view(meta.shape, Shape::filled(meta.shape.rank(), 0)));
  t.impl()->place = {tape.serial, tape.generation, node.era, edge.node, edge.output};
  return t;
}

/// What the nodes from `first` on keep: some of it their block has made itself.
std::vector<Found> kept_since(const TapeImpl& tape, std::size_t first) {
  std::vector<Found> found;
  for (std::size_t i = first; i < tape.nodes.size(); ++i)
    for (const SavedSlot& slot : std::span(tape.nodes[i]->saved, tape.nodes[i]->saved_count))
      if (slot.tensor.defined()) found.push_back({array_of(slot.tensor).storage, slot.version});
  // Several nodes keep what several of them read.
  const auto storage = [](const Found& f) { return f.storage.get(); };
  std::stable_sort(found.begin(), found.end(),
                   [&](const Found& a, const Found& b) { return std::less<>()(storage(a), storage(b)); });
  found.erase(
      std::unique(found.begin(), found.end(), [&](const Found& a, const Found& b) { return storage(a) == storage(b); }),
      found.end());
  return found;
}

/// What the nodes from `first` on read from before, and the leaves among them; the block's result, if that is such a
/// tensor itself.
std::vector<Tensor> captured_since(const TapeImpl& tape, std::size_t first, const Edge& result) {
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
  std::vector<Tensor> captured;
  const auto read = [&](const Edge& edge) {
    if (!edge.tracked() || (edge.node >= first && !tape.nodes[edge.node]->is_leaf())) return;
    if (seen.insert({edge.node, edge.output}).second) captured.push_back(stand_in(tape, edge));
  };
  for (std::size_t i = first; i < tape.nodes.size(); ++i)
    for (const Edge& edge : std::span(tape.nodes[i]->edges, tape.nodes[i]->edge_count)) read(edge);
  read(result);
  return captured;
}

}  // namespace

namespace engine {

Tensor checkpoint(TensorFunction run, const std::vector<Tensor>& hs) {
  if (!is_recording() || recorder.level_count > 0) return run_block(run, hs);
  if (hs.empty() || hs.size() > 31)
    throw ValueError(fmt::format("[checkpoint] expected 1 to 31 arguments, got {}", hs.size()));
  TapeImpl& tape = *recorder.tape;
  auto block = std::make_shared<Block>();
  block->run = std::move(run);
  block->random = default_generator().state();
  block->arguments = hs.size();
  block->substituted = engine::Substitutes::current();
  block->around = running_arguments;
  Tensor value;
  bool depends = false;
  {
    // Recorded once to learn what it reads, then taken off again: no more than one block is ever kept whole.
    std::vector<Tensor> arguments;
    const Aside with_arguments(tape);
    for (const Tensor& h : hs) {
      arguments.push_back(h.is_tracked() ? apply(Argument{}, h) : h);
      block->given_arguments.push_back(h.defined());
    }
    const Aside aside(tape);
    const InBlock within;
    const Tensor y = run_block(block->run, arguments);
    expect_tape(aside.before());
    value = y.detach();
    depends = y.is_tracked();
    if (depends) {
      for (Tensor& t : captured_since(tape, aside.before().size(), tape.edge_of(y, Checkpoint::name)))
        if (t.impl()->place.serial == 0 || t.impl()->place.node < with_arguments.before().size())
          block->captured.push_back(std::move(t));
      block->found = kept_since(tape, aside.before().size());
    }
  }
  if (!depends) return value;
  // What nobody else holds now has died with the block's nodes. The arguments are kept by the checkpoint's node, which
  // looks at them itself, and with the result they may die as the sweep goes on.
  std::erase_if(block->found, [&](const Found& f) {
    const auto is_of = [&f](const Tensor& x) { return x.defined() && array_of(x).storage.get() == f.storage.get(); };
    return f.storage->unique() || is_of(value) || std::any_of(hs.begin(), hs.end(), is_of);
  });
  block->given = fingerprint(value);
  std::vector<Tensor> inputs = hs;
  inputs.insert(inputs.end(), block->captured.begin(), block->captured.end());
  Checkpoint op;
  op.block = block;
  block->value = std::move(value);
  Tensor y = tapegrad::apply(op, inputs);
  block->value = Tensor();
  return y;
}

}  // namespace engine
}  // namespace tapegrad
