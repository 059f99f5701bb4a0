// Operations: how an op is written, and apply(), which runs one.
//
// An op is a small struct. This is a whole one:
//
//   struct Cube : tapegrad::Op<Cube> {
//     static constexpr std::string_view name = "cube";
//     static constexpr std::string_view math = R"(y = x^3;\ \bar x = 3 x^2 \bar y)";
//     Tensor forward(const Tensor& x) const { return x * x * x; }
//     Tensor vjp(const Saved& s, const Tensor& dy) const { return 3.0 * dy * square(s.input(0)); }
//   };
//   Tensor cube(const Tensor& x) { return apply(Cube{}, x); }
//
// What an op may say. Only name, forward and vjp are needed.
//
// forward(x...), or forward(keeper, x...) to save residuals
//   The function itself. Runs unrecorded.
//   x... are Tensors, or one Inputs for any number of them; undefined ones stand for absent optional inputs.
//   Returns a Tensor, std::array<Tensor, N> for N outputs, or std::vector<Tensor> for as many as outputs() says.
//
//   Tensors that the struct holds as members are constants: what is to have a gradient, a Parameter too, is an input.
//
// vjp(s, dy)
//   The reverse rule, linear in dy, out of differentiable operations on s.input(i), s.output(i) and dy; residuals would
//   be constants to whoever differentiates it.
//   For N outputs dy is Cotangents, of which undefined ones are zero.
//   Returns a Tensor, or std::array / std::vector with one for each input; undefined means zero. Inputs at the end
//   that carry no gradient (indices) may be left out.
//   A gradient may have a shape that broadcasts with its input's: the engine brings it to the input's.
//
// fused_vjp(s, dy, sink)
//   A faster reverse rule for when nobody differentiates it again: raw kernels, s.residual(i), sink.add(i, dx).
//
// jvp(s, dx)
//   The forward rule. dx is a Tensor, or Tangents for more than one input, of which undefined ones are zero.
//   Returns what forward does, in its dtype; a tangent may be undefined (zero), or broadcast with its output.
//   Here s holds all inputs and outputs. Without this rule the engine differentiates vjp.
//
// keep, or keep_for(wants)
//   What the reverse rules read; all inputs when not said. The tape frees the rest.
//
// linear = true
//   The forward function is linear in all its inputs together: it is its own forward rule.
//
// recomputable = true
//   Where its output is large, the ops that read it do not keep it: the sweep runs forward again for each. All inputs
//   are kept for it then, whatever `keep` says. For an op that gives one Tensor, costs about one pass over inputs which
//   its reverse rule reads anyway, and depends on nothing else.
//
// outputs()
//   How many tensors forward returns, where that is a std::vector: std::size_t, at least 1.
//
// differentiable = false
//   The outputs carry no gradient (comparisons, indices).
//
// describe(visitor)
//   Names the attributes: visitor("axis", axis).
//
// input_names, residual_names
//   Names<N>: what listings and errors call them beside their numbers, as in "input 1 (gamma)".
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

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

template <std::size_t N>
using Names = std::array<std::string_view, N>;

template <class Self>
struct Op {
  static constexpr std::string_view math = "";
  static constexpr Keep keep = Keep::inputs;
  static constexpr bool linear = false;
  static constexpr bool recomputable = false;
  static constexpr bool differentiable = true;
  static constexpr Names<0> input_names = {};
  static constexpr Names<0> residual_names = {};
};

/// An op type seen from the engine: derived from the struct, one constant per type.
struct OpTable {
  std::string_view name;
  std::string_view math;
  bool linear;
  bool recomputable;
  bool differentiable;
  void (*forward)(const void* op, Keeper& keeper, Inputs inputs, std::span<Tensor> outputs);
  void (*vjp)(const void* op, const Saved& saved, Cotangents dys,
              GradientSink& sink);  // or nullptr: differentiable once
  void (*fused_vjp)(const void* op, const Saved& saved, Cotangents dys, GradientSink& sink);  // or nullptr
  void (*jvp)(const void* op, const Saved& saved, Tangents dxs, std::span<Tensor> dys);       // or nullptr
  Keep keep;                                                    // where keep_for is nullptr
  Keep (*keep_for)(const void* op, Wants wants);                // or nullptr
  void (*describe)(const void* op, AttributeVisitor& visitor);  // or nullptr
  void (*copy)(const void* op, void* to);
  void (*destroy)(void* op);  // nullptr when trivial
  std::size_t size;
  std::size_t alignment;
  std::span<const std::string_view> input_names;  ///< empty, or of the first inputs
  std::span<const std::string_view> residual_names;

  Keep kept(const void* op, Wants wants) const { return keep_for != nullptr ? keep_for(op, wants) : keep; }
};

namespace engine {

/// Runs, records and pushes tangents: the one place that does. `outputs` has an entry for each of the op's.
void apply(const OpTable& table, const void* op, Inputs inputs, std::span<Tensor> outputs);

inline constexpr int kAnyNumber = -1;

/// Whether O's forward function takes so many tensors.
template <class O, std::size_t... I>
constexpr bool fits_forward(std::index_sequence<I...>) {
  return requires(const O& op, Keeper& keeper, Inputs in) { op.forward(keeper, in[static_cast<int>(I)]...); }
  || requires(const O& op, Inputs in) { op.forward(in[static_cast<int>(I)]...); };
}

/// Calls op.forward with the arguments it takes.
template <class O, std::size_t... I>
auto call_forward(const O& op, Keeper& keeper, Inputs in, std::index_sequence<I...>) {
  if constexpr (requires { op.forward(keeper, in[static_cast<int>(I)]...); }) {
    return op.forward(keeper, in[static_cast<int>(I)]...);
  } else {
    return op.forward(in[static_cast<int>(I)]...);
  }
}

template <class O, int Arity>
auto call_forward(const O& op, Keeper& keeper, Inputs in) {
  if constexpr (Arity != kAnyNumber) {
    return call_forward(op, keeper, in, std::make_index_sequence<static_cast<std::size_t>(Arity)>{});
  } else if constexpr (requires { op.forward(keeper, in); }) {
    return op.forward(keeper, in);
  } else {
    return op.forward(in);
  }
}

template <class O, int Arity>
using ForwardResult =
    decltype(call_forward<O, Arity>(std::declval<const O&>(), std::declval<Keeper&>(), std::declval<Inputs>()));

inline void put(Tensor&& result, std::span<Tensor> out, std::string_view) { out[0] = std::move(result); }
template <std::size_t N>
void put(std::array<Tensor, N>&& results, std::span<Tensor> out, std::string_view) {
  for (std::size_t i = 0; i < N; ++i) out[i] = std::move(results[i]);
}
/// Throws TapeError unless there are as many results as the op said, and one or more.
void put(std::vector<Tensor>&& results, std::span<Tensor> out, std::string_view op);

/// How many gradients a reverse rule of this type of result gives; as many as it likes for a std::vector.
template <class Result>
inline constexpr int kGradients = kAnyNumber;
template <>
inline constexpr int kGradients<Tensor> = 1;
template <std::size_t N>
inline constexpr int kGradients<std::array<Tensor, N>> = static_cast<int>(N);

/// Throws TapeError where a reverse rule that gave the gradients of so many inputs, the first, has left out one that
/// wants a gradient, or gave more than there are inputs.
void expect_gradient_of_each(std::string_view op, const Saved& saved, std::size_t given);

/// Hands the engine what a reverse rule gave. That it is one for each input is known when the op is compiled, where the
/// types say it, and counted elsewhere.
template <class O, int Arity, class Result>
void give(GradientSink& sink, const Saved& saved, Result&& gradients) {
  constexpr int kGiven = kGradients<Result>;
  static_assert(kGiven <= Arity || Arity == kAnyNumber, "vjp gives more gradients than the op has inputs");
  std::span<Tensor> each;
  if constexpr (std::same_as<Result, Tensor>) {
    each = {&gradients, 1};
  } else {
    each = gradients;
  }
  if constexpr (kGiven == kAnyNumber || kGiven != Arity) expect_gradient_of_each(O::name, saved, each.size());
  for (std::size_t i = 0; i < each.size(); ++i) sink.add(static_cast<int>(i), std::move(each[i]));
}

template <class O, int Arity>
struct TableOf {
  static const O& self(const void* op) { return *static_cast<const O*>(op); }

  static void forward(const void* op, Keeper& keeper, Inputs in, std::span<Tensor> out) {
    put(call_forward<O, Arity>(self(op), keeper, in), out, O::name);
  }
  static void vjp(const void* op, const Saved& s, Cotangents dys, GradientSink& sink) {
    if constexpr (requires { self(op).vjp(s, dys[0]); }) {
      give<O, Arity>(sink, s, self(op).vjp(s, dys[0]));
    } else if constexpr (requires { self(op).vjp(s, dys); }) {
      give<O, Arity>(sink, s, self(op).vjp(s, dys));
    }
  }
  static void fused_vjp(const void* op, const Saved& s, Cotangents dys, GradientSink& sink) {
    if constexpr (requires { self(op).fused_vjp(s, dys[0], sink); }) {
      self(op).fused_vjp(s, dys[0], sink);
    } else if constexpr (requires { self(op).fused_vjp(s, dys, sink); }) {
      self(op).fused_vjp(s, dys, sink);
    }
  }
  static void jvp(const void* op, const Saved& s, Tangents dxs, std::span<Tensor> dys) {
    if constexpr (requires { self(op).jvp(s, dxs[0]); }) {
      put(self(op).jvp(s, dxs[0]), dys, O::name);
    } else if constexpr (requires { self(op).jvp(s, dxs); }) {
      put(self(op).jvp(s, dxs), dys, O::name);
    }
  }
  static constexpr bool kKeepsFor = requires(const O& o, Wants wants) { o.keep_for(wants); };
  static Keep keep_for(const void* op, Wants wants) {
    if constexpr (kKeepsFor) return self(op).keep_for(wants);
    return O::keep;
  }
  static constexpr bool kDescribes = requires(const O& o, AttributeVisitor& visitor) { o.describe(visitor); };
  static void describe(const void* op, AttributeVisitor& visitor) {
    if constexpr (kDescribes) self(op).describe(visitor);
  }
  static void copy(const void* op, void* to) { new (to) O(self(op)); }
  static void destroy(void* op) { static_cast<O*>(op)->~O(); }

  static constexpr bool kHasFused =
      requires(const O& o, const Saved& s, const Tensor& d, Cotangents c, GradientSink& g) {
    o.fused_vjp(s, d, g);
  }
  || requires(const O& o, const Saved& s, Cotangents c, GradientSink& g) { o.fused_vjp(s, c, g); };
  static constexpr bool kHasJvp = requires(const O& o, const Saved& s, const Tensor& d) { o.jvp(s, d); }
  || requires(const O& o, const Saved& s, Tangents d) { o.jvp(s, d); };
  static constexpr bool kHasVjp = requires(const O& o, const Saved& s, const Tensor& d) { o.vjp(s, d); }
  || requires(const O& o, const Saved& s, Cotangents d) { o.vjp(s, d); };
  static_assert(kHasVjp || kHasFused || !O::differentiable,
                "an op needs vjp(const Saved&, const Tensor& dy), or `differentiable = false`");
  // A member of another signature would be passed over without a word.
  static_assert(
      kHasVjp || !requires { &O::vjp; }, "vjp is not vjp(const Saved&, const Tensor& dy) const, nor with Cotangents");
  static_assert(
      kHasFused || !requires { &O::fused_vjp; },
      "fused_vjp is not fused_vjp(const Saved&, const Tensor& dy, GradientSink&) const, nor with Cotangents");
  static_assert(
      kHasJvp || !requires { &O::jvp; }, "jvp is not jvp(const Saved&, const Tensor& dx) const, nor with Tangents");
  static_assert(
      kDescribes || !requires { &O::describe; }, "describe is not describe(AttributeVisitor&) const");
  static_assert(
      kKeepsFor || !requires { &O::keep_for; }, "keep_for is not keep_for(Wants) const");
  static_assert(Arity == kAnyNumber || O::input_names.empty() ||
                    O::input_names.size() == static_cast<std::size_t>(Arity),
                "input_names has a name for each input, or none");
  static_assert(alignof(O) <= 64, "a tape keeps a copy of the op, which it aligns to 64 bytes at most");
  static_assert(!O::recomputable || std::same_as<ForwardResult<O, Arity>, Tensor>,
                "an op that is recomputable gives one Tensor");

  static constexpr OpTable table{
      .name = O::name,
      .math = O::math,
      .linear = O::linear,
      .recomputable = O::recomputable,
      .differentiable = O::differentiable,
      .forward = &forward,
      .vjp = kHasVjp ? &vjp : nullptr,
      .fused_vjp = kHasFused ? &fused_vjp : nullptr,
      .jvp = kHasJvp ? &jvp : nullptr,
      .keep = O::keep,
      .keep_for = kKeepsFor ? &keep_for : nullptr,
      .describe = kDescribes ? &describe : nullptr,
      .copy = &copy,
      .destroy = std::is_trivially_destructible_v<O> ? nullptr : &destroy,
      .size = sizeof(O),
      .alignment = alignof(O),
      .input_names = O::input_names,
      .residual_names = O::residual_names,
  };
};

template <class O, int Arity>
auto apply(const O& op, Inputs inputs) {
  using Result = ForwardResult<O, Arity>;
  Result result;
  if constexpr (std::same_as<Result, Tensor>) {
    apply(TableOf<O, Arity>::table, &op, inputs, std::span<Tensor>(&result, 1));
  } else {
    if constexpr (std::same_as<Result, std::vector<Tensor>>) result.resize(op.outputs());
    apply(TableOf<O, Arity>::table, &op, inputs, result);
  }
  return result;
}

}  // namespace engine

/// A Tensor, or what owns one and stands for it in expressions (nn::Parameter).
template <class T>
concept TensorOrOwner = std::same_as<T, Tensor> || requires(const T& t) {
  { t.operator const Tensor&() } -> std::same_as<const Tensor&>;
};

/// Runs an op on its inputs: the Tensor (or array or vector of Tensors) that its forward function computes, recorded on
/// the live tape when an input is tracked, with tangents pushed. Throws TapeError for an input of an earlier step, and
/// whatever forward throws.
template <class O, TensorOrOwner... Ts>
auto apply(const O& op, const Ts&... inputs) {
  constexpr bool kFits = engine::fits_forward<O>(std::index_sequence_for<Ts...>{});
  static_assert(kFits,
                "apply() gives more or fewer tensors than the op's forward(x...) const takes (one that takes Inputs is "
                "given them as a std::vector<Tensor>), or forward is not const, or takes no const Tensor&");
  if constexpr (kFits) {
    const std::array<const Tensor*, sizeof...(Ts)> in = {&static_cast<const Tensor&>(inputs)...};
    return engine::apply<O, static_cast<int>(sizeof...(Ts))>(op, Inputs(in.data(), in.size()));
  } else {
    return Tensor();
  }
}

/// The same for an op that takes any number of inputs. (Its arguments are those of std::apply, which a call with a
/// std::vector finds too: of two that fit alike, the one that asks for more is taken.)
template <class O, class List>
requires std::same_as<std::remove_cvref_t<List>, std::vector<Tensor>>
auto apply(O&& op, List&& inputs) {
  std::vector<const Tensor*> in;
  in.reserve(inputs.size());
  for (const Tensor& t : inputs) in.push_back(&t);
  return engine::apply<std::remove_cvref_t<O>, engine::kAnyNumber>(op, Inputs(in.data(), in.size()));
}

}  // namespace tapegrad
