// One trilinear form of a sequence, a kernel and a cotangent, whose three partial derivatives are the ops of this
// family: each one's reverse rule is made of the other two, so that every order of derivative stays among them.
#pragma once

#include <string_view>

#include "kernels/conv.hpp"
#include "ops/bilinear.hpp"
#include "ops/groups.hpp"
#include "ops/strong_zero.hpp"
#include "tape/recorder.hpp"
#include "tapegrad/ops/conv.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// How steps meet positions: step t and tap k meet position t stride + k dilation - before.
struct Meeting {
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t before = 0;
  std::int64_t groups = 1;
  std::int64_t length = 0;  ///< of x
  std::int64_t steps = 0;   ///< of the cotangent
  std::int64_t taps = 0;

  /// The kernel's operands for shapes x [N, C, length], g [N, O, steps].
  kernels::Convolution with(std::int64_t sequences, std::int64_t channels, std::int64_t outputs) const;
  void describe(AttributeVisitor& visitor) const;
};

/// y = d F / d g (+ bias): conv1d.
Tensor convolve(const Meeting& how, const Tensor& x, const Tensor& weight, const Tensor& bias = {});
/// x = d F / d x (+ bias): conv_transpose1d.
Tensor convolve_adjoint(const Meeting& how, const Tensor& g, const Tensor& weight, const Tensor& bias = {});
/// w = d F / d w: conv1d_weight.
Tensor correlate(const Meeting& how, const Tensor& x, const Tensor& g);

/// What the three share: each is bilinear in its first two inputs, and the gradient of one reads the other.
template <class Self>
struct TrilinearOp : BilinearOp<Self> {
  Meeting how;

  explicit TrilinearOp(const Meeting& meeting) : how(meeting) {}

  void describe(AttributeVisitor& visitor) const { how.describe(visitor); }

 protected:
  /// dy with the tangent of a bias added to each channel.
  static Tensor with_bias(const Tensor& dy, const Tensor& dbias, const Shape& shape) {
    if (!dbias.defined()) return dy;
    const Tensor each = dbias.reshape({dbias.size(0), 1});
    return dy.defined() ? dy + each : each.expand(shape);
  }
};

/// y = f(a, b) + bias as it is, or with strong zeros while a rule runs that was asked for them.
template <class F>
Tensor with_strong_zeros(const Tensor& y, const Tensor& a, const Tensor& b, const Tensor& bias, const F& f) {
  if (!recorder.strong_zero) return y;
  return bias.defined() ? f(a, b) + bias.reshape({bias.size(0), 1}) : bilinear_with_strong_zeros(y, a, b, f);
}

/// What a bias that is added to each channel of [N, C, L] collects.
Tensor channel_sums(const Tensor& dy);

// The checks; messages begin with [op].

/// Floating, of one dtype, and of rank 3 (`operand` may have rank 2: one sequence).
void expect_operands(std::string_view op, const Tensor& operand, std::string_view shape, const Tensor& weight,
                     const Tensor& bias);
void expect_bias(std::string_view op, const Tensor& bias, std::int64_t channels);
/// How many positions a kernel reaches over. REQUIRES: taps >= 1, dilation >= 1.
std::int64_t span_of(std::string_view op, std::int64_t taps, std::int64_t dilation);
/// conv1d's meeting of a sequence with a kernel of so many taps.
Meeting meeting_of(std::string_view op, const Shape& x, std::int64_t taps, const Conv1dOptions& options);

/// f of a batch of one for a single sequence [C, L], f itself for [N, C, L].
template <class F>
Tensor batched(const Tensor& x, const F& f) {
  return x.dim() == 2 ? squeeze(f(unsqueeze(x, 0)), 0) : f(x);
}

}  // namespace tapegrad
