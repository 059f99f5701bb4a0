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
Tensor binary_forward(std::string_view op, const kernels::BinaryKernels& kernels, const void* formula, const Tensor& a,
                      const Tensor& b);
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

template <class Self, class Formula, const kernels::BinaryKernels& Kernels>
struct BinaryOp : Op<Self> {
  Formula formula{};

  BinaryOp() = default;
  explicit BinaryOp(const Formula& f) : formula(f) {}

  Tensor forward(const Tensor& a, const Tensor& b) const { return binary_forward(Self::name, Kernels, &formula, a, b); }

  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    const Kept k(s);
    return {s.wants(0) ? dy * formula.slope_a(k.a, k.b, k.y) : Tensor(),
            s.wants(1) ? dy * formula.slope_b(k.a, k.b, k.y) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    const Kept k(s);
    if (!dx[1].defined()) return dx[0] * formula.slope_a(k.a, k.b, k.y);
    if (!dx[0].defined()) return dx[1] * formula.slope_b(k.a, k.b, k.y);
    return dx[0] * formula.slope_a(k.a, k.b, k.y) + dx[1] * formula.slope_b(k.a, k.b, k.y);
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const Kept k(s);
    binary_backward(Kernels, &formula, s, k.a, k.b, k.y, dy, sink);
  }

 private:
  struct Kept {
    Tensor a, b, y;
    explicit Kept(const Saved& s) {
      if ((Self::keep.input_set & 1U) != 0) a = s.input(0);
      if ((Self::keep.input_set & 2U) != 0) b = s.input(1);
      if ((Self::keep.output_set & 1U) != 0) y = s.output();
    }
  };
};

}  // namespace tapegrad
