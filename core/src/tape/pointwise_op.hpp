// What all pointwise ops share: a diagonal Jacobian, so that vjp, jvp and every higher order follow from the slope
// alone.
//
//   struct Tanh : UnaryOp<Tanh, TanhFormula, TanhFormulaKernels> {
//     static constexpr std::string_view name = "tanh";
//     static constexpr std::string_view math = R"(y = \tanh x;\quad \bar x = \bar y\,(1 - y^2))";
//     static constexpr Keep keep = Keep::output;            // all that the slope reads
//   };
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "kernels/pointwise.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// Throws DTypeError "[op] expected a floating tensor, got int64 [2, 3]".
void expect_floating(std::string_view op, const Tensor& x);
/// Throws DTypeError "[op] float32 [2, 3] with float64 [3]: convert one of them with to()".
void expect_same_dtype(std::string_view op, const Tensor& a, const Tensor& b);

/// A tensor's memory read in `shape`, to which it broadcasts; null data for an undefined tensor.
kernels::Operand operand(const Tensor& x, const Shape& shape);

Tensor unary_forward(std::string_view op, const kernels::UnaryKernels& kernels, const void* formula, const Tensor& x);
Tensor unary_backward(const kernels::UnaryKernels& kernels, const void* formula, const Tensor& x, const Tensor& y,
                      const Tensor& dy);
/// `int64_row` computes int64 operands; without it they are refused.
Tensor binary_forward(std::string_view op, const kernels::BinaryKernels& kernels, const void* formula, const Tensor& a,
                      const Tensor& b, kernels::BinaryRow int64_row = nullptr);
void binary_backward(const kernels::BinaryKernels& kernels, const void* formula, const Saved& s, const Tensor& a,
                     const Tensor& b, const Tensor& y, const Tensor& dy, GradientSink& sink);

template <class Self, class Formula, const kernels::UnaryKernels& Kernels>
struct UnaryOp : Op<Self> {
  Formula formula{};

  UnaryOp() = default;
  explicit UnaryOp(const Formula& f) : formula(f) {}

  Tensor forward(const Tensor& x) const { return unary_forward(Self::name, Kernels, &formula, x); }

  Tensor vjp(const Saved& s, const Tensor& dy) const { return dy * formula.slope(kept_input(s), kept_output(s)); }
  Tensor jvp(const Saved& s, const Tensor& dx) const { return dx * formula.slope(kept_input(s), kept_output(s)); }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    sink.add(0, unary_backward(Kernels, &formula, kept_input(s), kept_output(s), dy));
  }

 private:
  static Tensor kept_input(const Saved& s) { return (Self::keep.input_set & 1U) != 0 ? s.input(0) : Tensor(); }
  static Tensor kept_output(const Saved& s) { return (Self::keep.output_set & 1U) != 0 ? s.output() : Tensor(); }
};

/// The row of an integer function of two operands.
template <auto f>
inline constexpr kernels::BinaryRow kInt64Row = kernels::binary_row<f, std::int64_t, std::int64_t>;

/// int64 arithmetic wraps around, as NumPy's does.
constexpr std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
constexpr std::int64_t wrapping_sub(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
constexpr std::int64_t wrapping_mul(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
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
    Tensor a, b, y;
    Kept(const Saved& s, Keep keep) {
      if ((keep.input_set & 1U) != 0) a = s.input(0);
      if ((keep.input_set & 2U) != 0) b = s.input(1);
      if ((keep.output_set & 1U) != 0) y = s.output();
    }
  };
  Tensor times_slope_a(const Saved& s, const Tensor& d) const {
    const Kept k(s, Self::slope_a_reads);
    return d * formula.slope_a(k.a, k.b, k.y);
  }
  Tensor times_slope_b(const Saved& s, const Tensor& d) const {
    const Kept k(s, Self::slope_b_reads);
    return d * formula.slope_b(k.a, k.b, k.y);
  }
};

}  // namespace tapegrad
