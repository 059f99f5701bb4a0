// An op type as the engine calls it: a table of functions, made of the op's struct. Writers of ops need none of it.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tapegrad/tape/op_arguments.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

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

/// The rule returned gradients for inputs 0 ... given - 1. Throws TapeError if there are fewer inputs, or if a later
/// input wants a gradient.
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

}  // namespace tapegrad
