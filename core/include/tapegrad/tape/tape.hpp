// The tape: an append-only list of the operations performed while it lives, swept backwards for gradients.
//
//   Tape tape;
//   Tensor loss = mean(square(model(x) - y));
//   tape.backward(loss);          // gradients of the leaves accumulate in .grad()
//
// Thread safety: a Tape belongs to the thread that made it, and is destroyed there. One that is destroyed elsewhere
// while its thread lives is detected: the next operation that would be recorded on it, or the next Tape of that thread,
// throws TapeError (once; the thread has no tape then). So is one that a hook, an observer or a rule destroys during
// its own sweep, which throws. Tapes on different threads are independent; backward() into the same leaves from two
// threads at once is detected and throws, gradient() is safe from any number of threads.
//
// Invariants:
// 1. at most one live Tape per thread;
// 2. nodes stand in execution order, so the reverse sweep is a loop;
// 3. a failed operation leaves the tape as it was;
// 4. consuming the tape empties it and starts a new generation: tensors of an earlier one are stale.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tapegrad/base/callable.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

struct TapeImpl;

struct TapeOptions {
  /// Keeps every value, and every cotangent of the last sweep, for inspection, and names nodes by their Scope.
  bool study = false;
  /// Stops at the first value that is not finite, with a TapeError that names the op, its node and scope, and the
  /// ranges of its inputs: in the op that made it (a NaN, or an infinity that none of its inputs holds: masks of -inf
  /// are meant), or in the reverse sweep at the node whose rule made it. Looks at what is done while the tape records.
  /// Implies study.
  bool anomaly = false;
  /// Outputs of activations and norms of at least this many bytes are not kept for other ops' reverse rules. The sweep
  /// recomputes them from their inputs, with the same bits, at the cost of one pass for each op that reads one. Do not
  /// write those inputs before the sweep, which throws TapeError then. Off in study mode and under forward mode.
  std::size_t recompute_from = std::size_t{4} << 20;
};

struct BackwardOptions {
  /// dL/dy of the swept tensor; needed unless it has one element.
  Tensor cotangent = {};
  /// Keeps the tape for another sweep.
  bool retain = false;
  /// Records the sweep itself, so that gradients can be differentiated again. Implies retain.
  bool create_graph = false;
  /// In the reverse rules a product with a factor of exactly zero is zero, whatever the other factor (0 inf = 0), and
  /// so is 0 / 0: a branch that where() did not choose contributes nothing, even where its slope is infinite or NaN.
  /// A gradient that is finite without this is the same with it. Runs the differentiable rules, not the fused ones.
  /// The option holds for this sweep alone: a second sweep, through gradients made with create_graph, asks again.
  /// (The kernels that run a whole recurrence, of cumprod, linear_recurrence, lstm and gru, do not have it: an infinite
  /// coefficient still gives NaN there.)
  bool strong_zero = false;
};

struct GradientOptions {
  /// As in BackwardOptions.
  Tensor cotangent = {};
  /// As in BackwardOptions.
  bool retain = false;
  /// As in BackwardOptions.
  bool create_graph = false;
  /// When false, a tensor that the result does not depend on is a TapeError instead of a zero gradient.
  bool allow_unused = true;
  /// As in BackwardOptions.
  bool strong_zero = false;
};

/// GradientOptions without the cotangent: Tape::pull_back takes one for each result as an argument.
struct PullBackOptions {
  bool retain = false;
  bool create_graph = false;
  bool allow_unused = true;
  bool strong_zero = false;
};

/// One node, for reading. Its tensors have the same elements as those that were computed with, no copies: what is
/// written to them later, as an optimiser's step writes to a parameter, shows here.
struct NodeInfo {
  struct Input {
    std::int64_t node = -1;  ///< position of the node that made it; -1 when it is a constant
    int output = 0;
  };
  struct Kept {
    std::string what;  ///< "input 0 (x)", "output", "residual 1 (r)"
    std::size_t bytes = 0;
    Tensor value = {};  ///< in study mode, of the same elements: clone() to keep them
  };
  std::int64_t position = 0;
  std::string_view op;    ///< "leaf" for a leaf
  std::string_view math;  ///< formula, LaTeX
  std::string scope;      ///< module path, in study mode
  std::vector<Input> inputs;
  std::vector<Shape> shapes;  ///< of the outputs
  std::vector<DType> dtypes;
  std::vector<Kept> kept;
  std::vector<int> recomputed;  ///< inputs that the reverse rule reads and the sweep computes again
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<Tensor> values;        ///< the outputs, in study mode
  std::vector<Tensor> input_values;  ///< in study mode, of the same elements
  /// Of the outputs, as the last sweep brought them (before hooks), in study mode; undefined where it brought none.
  std::vector<Tensor> cotangents;
};

/// What an observer is shown at each node of a reverse sweep, after its rule has run.
struct SweepEvent {
  const NodeInfo& node;
  std::span<const Tensor> cotangents;  ///< one per output; undefined is zero
  std::span<const Tensor>
      input_gradients;  ///< this node's own contributions, one per input; undefined where not wanted or zero
};
using SweepObserver = Callable<void(const SweepEvent&)>;

class Tape {
 public:
  /// Starts recording on this thread. Throws TapeError when a Tape already lives here: what is to be differentiated
  /// meanwhile is, by grad() and its like.
  [[nodiscard]] explicit Tape(TapeOptions options = {});
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;
  ~Tape();

  /// One reverse sweep from `y`, which must be on this tape: gradients accumulate in the leaves' .grad(), hooks fire.
  /// Consumes the tape unless .retain (or .create_graph).
  ///
  /// Throws before anything is swept, and the tape stays whole: ValueError for an undefined tensor; ShapeError for a
  /// cotangent of another shape, or none unless y has one element; DTypeError for one of another dtype; and TapeError
  /// for a tensor that is not on this tape or of an earlier generation; for a tape of another thread, one that a
  /// transform has suspended, or one that is being swept, unless this sweep retains it; and where another backward(),
  /// of another thread or around this one, holds a leaf of this tape.
  ///
  /// Throws TapeError on the way for a saved tensor that was changed in place, and when a rule, a hook or an observer
  /// fails. The tape is consumed then, .retain or not (a sweep inside a hook or an observer leaves that to the sweep
  /// around it), and leaves keep what was added: zero_grad(). The same holds where the sweep has reached a module's
  /// parameters and one that no module names, which shows when all has been added.
  void backward(const Tensor& y, const BackwardOptions& options = {});

  /// The gradients of `y` with respect to any tensors on this tape (leaves and intermediates), without touching .grad()
  /// or hooks. Throws as backward() does, and TapeError for an x that is not on this tape; an x that y does not depend
  /// on gets zeros, or TapeError unless .allow_unused (which the end of the sweep shows: the tape is consumed then,
  /// .retain or not).
  [[nodiscard]] std::vector<Tensor> gradient(const Tensor& y, const std::vector<Tensor>& xs,
                                             const GradientOptions& options = {});
  Tensor gradient(const Tensor& y, const Tensor& x, const GradientOptions& options = {});
  /// The same for several results at once, each with its cotangent (undefined: the result has one element, and its
  /// cotangent is 1). Throws ShapeError for another number of cotangents than results.
  [[nodiscard]] std::vector<Tensor> pull_back(const std::vector<Tensor>& ys, const std::vector<Tensor>& cotangents,
                                              const std::vector<Tensor>& xs, const PullBackOptions& options = {});

  /// A hook on any tensor of this tape: fires when its gradient is complete in a backward(). Throws TapeError when
  /// it is not on this tape, ValueError for an undefined tensor and for an empty hook.
  HookId register_hook(const Tensor& y, GradientHook hook);
  /// Takes a hook of a tensor of this tape away. Whether it was there: what is consumed has none.
  bool remove_hook(HookId id);
  /// Called at each node of every sweep. An empty function removes it. While somebody looks on, each node's share of a
  /// gradient is made by itself and added afterwards: sums may differ in their last bits.
  void observe(SweepObserver observer);

  /// Position of the node that made a tensor. Throws TapeError when it is not on this tape, ValueError for an
  /// undefined one.
  std::int64_t position(const Tensor& y) const;
  std::int64_t size() const;
  std::uint64_t generation() const;
  /// Throws IndexError beyond size().
  NodeInfo node(std::int64_t position) const;
  /// Bytes of the tensors kept for the reverse sweep: each storage counted once, and whole where a view of it is kept.
  std::size_t bytes_kept() const;
  /// Empties the tape without a sweep; its tensors become stale. Throws TapeError during a sweep, and where the tape is
  /// not the live one: on another thread, or while a transform has suspended it.
  void clear();

 private:
  TapeImpl* impl_ = nullptr;  // its own
};

/// A table of the nodes: op, shapes, what is kept and its bytes; in study mode scopes, constants, residuals and values
/// too, and beside these the cotangents of the last sweep (say .retain = true: a consumed tape is empty); then the
/// rules of the ops. Of more than 1000 nodes the first and the last 50. Fits in 100 columns where names allow. What
/// fmt::print("{}", tape) prints.
std::string to_string(const Tape& tape);
std::ostream& operator<<(std::ostream& stream, const Tape& tape);

/// Whether a Tape lives on this thread and is not paused.
[[nodiscard]] bool is_recording();

/// Pauses recording on this thread while it lives.
class NoRecord {
 public:
  [[nodiscard]] NoRecord();
  NoRecord(const NoRecord&) = delete;
  NoRecord& operator=(const NoRecord&) = delete;
  ~NoRecord();
};

}  // namespace tapegrad
