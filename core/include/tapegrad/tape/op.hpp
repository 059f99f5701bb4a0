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
// What is not a tensor is an attribute: a member, which a constructor sets. (Power{.exponent = 2.5} has no value for
// the base, of which g++ warns.)
//
//   struct Power : tapegrad::Op<Power> {
//     explicit Power(double of) : exponent(of) {}
//     double exponent;
//     static constexpr std::string_view name = "power";
//     Tensor forward(const Tensor& x) const { return pow(x, exponent); }
//     Tensor vjp(const Saved& s, const Tensor& dy) const { return exponent * pow(s.input(0), exponent - 1.0) * dy; }
//     void describe(AttributeVisitor& visit) const { visit("exponent", exponent); }
//   };
//   Tensor power(const Tensor& x, double exponent) { return apply(Power(exponent), x); }
//
// What an op may say. Only name, forward and vjp are needed. What its functions are given: op_arguments.hpp.
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
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tapegrad/tape/op_arguments.hpp"
#include "tapegrad/tape/op_table.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

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
