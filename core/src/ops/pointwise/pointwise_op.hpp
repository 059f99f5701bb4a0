// What all pointwise ops share: a diagonal Jacobian, so that vjp, jvp and every higher order follow from the slope
// alone.
//
//   struct Tanh : UnaryOp<Tanh, TanhFormula, TanhFormulaKernels> {
//     static constexpr std::string_view name = "tanh";
//     static constexpr std::string_view math = R"(y = \tanh x;\quad \bar x = \frac{\bar y}{\cosh^2 x})";
//     static constexpr Keep keep = Keep::inputs;            // all that the slope reads
//   };
#pragma once

#include <algorithm>
#include <array>

#include "ops/pointwise/formula_functions.hpp"
#include "ops/pointwise/pointwise_calls.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad {

/// What a rule reads of a tensor that its op does not keep.
inline const Tensor kUndefined;

/// d slope, as the kernels compute it; a slope is a number where it is the same everywhere.
template <class Formula, class Slope>
Tensor times_slope(const Tensor& d, const Slope& slope) {
  if constexpr (requires { Formula::kZeroBlocks; }) {
    return where(slope == 0.0, 0.0, d * slope);
  } else {
    return d * slope;
  }
}

template <class Self, class Formula, const kernels::UnaryKernels& Kernels>
struct UnaryOp : Op<Self> {
  Formula formula{};

  UnaryOp() = default;
  explicit UnaryOp(const Formula& f) : formula(f) {}

  Tensor forward(const Tensor& x) const { return unary_forward(Self::name, Kernels, &formula, x); }

  Tensor vjp(const Saved& s, const Tensor& dy) const {
    return times_slope<Formula>(dy, formula.slope(kept_input(s), kept_output(s)));
  }
  Tensor jvp(const Saved& s, const Tensor& dx) const { return vjp(s, dx); }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    unary_backward(Kernels, &formula, kept_input(s), kept_output(s), dy, sink);
  }

 private:
  static const Tensor& kept_input(const Saved& s) { return (Self::keep.input_set & 1U) != 0 ? s.input(0) : kUndefined; }
  static const Tensor& kept_output(const Saved& s) {
    return (Self::keep.output_set & 1U) != 0 ? s.output() : kUndefined;
  }
};

/// A function that is constant between jumps: sign, floor, ceil, round.
template <class Self, const kernels::UnaryKernels& Kernels>
struct StepOp : Op<Self> {
  static constexpr Keep keep = Keep::nothing;

  Tensor forward(const Tensor& x) const { return unary_forward(Self::name, Kernels, nullptr, x); }
  /// Undefined is zero, and costs nothing.
  Tensor vjp(const Saved&, const Tensor&) const { return {}; }
  Tensor jvp(const Saved&, const Tensor&) const { return {}; }
};

/// The choice at a kink: of the slopes between those on either side the one of least norm.
inline double least_norm_slope(double left, double right) {
  return std::clamp(0.0, std::min(left, right), std::max(left, right));
}

/// Two operands. The op says what each slope reads, `slope_a_reads` and `slope_b_reads`: only the slopes that are
/// wanted are computed, and only what those read is kept. An op with `int64_value(a, b)` takes integers too.
template <class Self, class Formula, const kernels::BinaryKernels& Kernels>
struct BinaryOp : Op<Self> {
  Formula formula{};

  BinaryOp() = default;
  explicit BinaryOp(const Formula& f) : formula(f) {}

  Keep keep_for(Wants wants) const {
    return (wants(0) ? Self::slope_a_reads : Keep::nothing) | (wants(1) ? Self::slope_b_reads : Keep::nothing);
  }

  Tensor forward(const Tensor& a, const Tensor& b) const {
    if constexpr (requires { Self::int64_value(1, 1); }) {
      return binary_forward(Self::name, Kernels, &formula, a, b, kInt64Row<Self::int64_value>);
    } else {
      return binary_forward(Self::name, Kernels, &formula, a, b);
    }
  }

  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {s.wants(0) ? times_slope_a(s, dy) : Tensor(), s.wants(1) ? times_slope_b(s, dy) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    if (!dx[1].defined()) return times_slope_a(s, dx[0]);
    if (!dx[0].defined()) return times_slope_b(s, dx[1]);
    return times_slope_a(s, dx[0]) + times_slope_b(s, dx[1]);
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const Kept k(s, keep_for(Wants((s.wants(0) ? 1U : 0U) | (s.wants(1) ? 2U : 0U))));
    binary_backward(Kernels, &formula, s, k.a, k.b, k.y, dy, sink);
  }

 private:
  struct Kept {
    const Tensor &a, &b, &y;
    Kept(const Saved& s, Keep keep)
        : a((keep.input_set & 1U) != 0 ? s.input(0) : kUndefined),
          b((keep.input_set & 2U) != 0 ? s.input(1) : kUndefined),
          y((keep.output_set & 1U) != 0 ? s.output() : kUndefined) {}
  };
  Tensor times_slope_a(const Saved& s, const Tensor& d) const {
    const Kept k(s, Self::slope_a_reads);
    return times_slope<Formula>(d, formula.slope_a(k.a, k.b, k.y));
  }
  Tensor times_slope_b(const Saved& s, const Tensor& d) const {
    const Kept k(s, Self::slope_b_reads);
    return times_slope<Formula>(d, formula.slope_b(k.a, k.b, k.y));
  }
};

}  // namespace tapegrad
