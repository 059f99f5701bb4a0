// What an op's functions are given: inputs, what was kept of them, and where gradients and attributes go.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// The inputs of an op: a view of tensors that live elsewhere.
class Inputs {
 public:
  Inputs(const Tensor* const* first, std::size_t count) : first_(first), count_(count) {}
  const Tensor& operator[](int i) const { return *first_[i]; }
  int size() const { return static_cast<int>(count_); }

 private:
  const Tensor* const* first_;
  std::size_t count_;
};

/// One per output (cotangents) or per input (tangents); an undefined tensor is a zero.
using Cotangents = std::span<const Tensor>;
using Tangents = std::span<const Tensor>;

/// Which inputs an op's caller wants gradients of.
class Wants {
 public:
  explicit Wants(std::uint64_t mask) : mask_(mask) {}
  bool operator()(int i) const { return i >= 64 || ((mask_ >> i) & 1U) != 0; }

 private:
  std::uint64_t mask_;
};

/// What an op keeps for the reverse sweep, as sets of inputs and outputs.
struct Keep {
  std::uint32_t input_set = 0;
  std::uint32_t output_set = 0;

  static constexpr Keep input(int i) { return {only(i), 0}; }
  static constexpr Keep output_at(int i) { return {0, only(i)}; }
  friend constexpr Keep operator|(Keep a, Keep b) { return {a.input_set | b.input_set, a.output_set | b.output_set}; }

  static const Keep nothing;
  static const Keep inputs;   ///< every input
  static const Keep output;   ///< the first output
  static const Keep outputs;  ///< every output

 private:
  /// Sets hold the first 32. Throws TapeError for one beyond, which in a constant does not compile.
  static constexpr std::uint32_t only(int i) { return 0 <= i && i < 32 ? std::uint32_t{1} << i : throw_beyond(i); }
  [[noreturn]] static std::uint32_t throw_beyond(int i);
};
inline constexpr Keep Keep::nothing{0, 0};
inline constexpr Keep Keep::inputs{~std::uint32_t{0}, 0};
inline constexpr Keep Keep::output{0, 1};
inline constexpr Keep Keep::outputs{0, ~std::uint32_t{0}};

struct Node;

/// What forward may hand to the reverse sweep beside inputs and outputs.
class Keeper {
 public:
  explicit Keeper(bool recording) : recording_(recording) {}
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  ~Keeper() {
    for (Tensor& residual : residuals()) residual.~Tensor();
  }
  /// Whether the op is being recorded: if not, residuals need not be computed.
  bool recording() const { return recording_; }
  /// The i-th call saves what s.residual(i) gives back. Throws TapeError when there are kMost already.
  void save(Tensor residual);

  static constexpr std::size_t kMost = 4;
  std::span<Tensor> residuals() { return {residuals_.data(), count_}; }

 private:
  bool recording_;
  union {
    std::array<Tensor, kMost> residuals_;  // of which there are the first count_
  };
  std::size_t count_ = 0;
};

/// What a rule may read. Reading what the op does not keep, or does not have, throws TapeError.
class Saved {
 public:
  /// An op that has run.
  struct Run {
    std::string_view op;
    Inputs inputs;
    std::span<const Tensor> outputs;
  };

  /// The reverse sweep's view of a node, for its fused rule or the other.
  Saved(const Node& node, Wants wants, bool fused) : node_(&node), wants_(wants), fused_(fused) {}
  /// The forward rule's view: everything at hand.
  Saved(const Run& run, Wants wants) : run_(&run), wants_(wants) {}

  const Tensor& input(int i) const;
  const Tensor& output(int i = 0) const;
  /// For the fused rule alone: what it depends on is not recorded.
  const Tensor& residual(int i) const;
  /// Known for each input that wants a gradient, kept or not.
  const Shape& input_shape(int i) const;
  DType input_dtype(int i) const;
  const Shape& output_shape(int i = 0) const;
  int inputs() const;
  /// Says that the rule reads input i no more: if it was recomputed for the rule, its memory is free from here on.
  void release_input(int i) const;
  /// Whether a gradient of input i is asked for: compute no other.
  bool wants(int i) const { return wants_(i) && (i < 64 || carries_gradient_of(i)); }

 private:
  /// For an input beyond those that Wants tells apart.
  bool carries_gradient_of(int i) const;

  const Node* node_ = nullptr;
  const Run* run_ = nullptr;  // where there is no node
  Wants wants_;
  bool fused_ = false;
};

/// Memory in which an input's gradient is gathered. Let go of one before asking for the next: both may be of the same
/// tensor.
struct GradientBuffer {
  Tensor tensor;   ///< contiguous, of the input's shape, of memory that nobody reads: write it through mutable_data()
  bool holds_sum;  ///< whether something has come so far: add to it. If not, its elements are not set: write them all
};

/// Where a fused reverse rule puts its gradients. Only the engine accumulates and un-broadcasts.
class GradientSink {
 public:
  /// Adds dx to the gradient of input i. An undefined dx is a zero.
  virtual void add(int i, Tensor dx) = 0;
  /// The memory of input i's gradient itself.
  virtual GradientBuffer buffer(int i) = 0;
  /// The same for a rule that only adds: zeros where nothing has come so far.
  Tensor accumulate_into(int i);
  /// Memory for a gradient of the shape and dtype of dy, one of the rule's own cotangents: dy's, where nobody will read
  /// dy any more, else new. For the rule's last reader of dy, which writes an element only after it has read it.
  virtual Tensor in_place_of(const Tensor& dy) = 0;

 protected:
  ~GradientSink() = default;
};

/// Receives an op's attributes.
class AttributeVisitor {
 public:
  virtual void text(std::string_view name, std::string_view value) = 0;
  void operator()(std::string_view name, double value);
  void operator()(std::string_view name, std::int64_t value);
  void operator()(std::string_view name, int value) { (*this)(name, static_cast<std::int64_t>(value)); }
  void operator()(std::string_view name, bool value);
  void operator()(std::string_view name, const Shape& value);
  void operator()(std::string_view name, std::string_view value) { text(name, value); }
  void operator()(std::string_view name, const char* value) { text(name, value); }

 protected:
  ~AttributeVisitor() = default;
};

}  // namespace tapegrad
