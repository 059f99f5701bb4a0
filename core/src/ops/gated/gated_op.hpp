// What the gated linear units share: y = a act(b) of the two halves of x. A binary formula gives the value and both
// slopes; the kernels read the halves where they lie.
#pragma once

#include <limits>
#include <string_view>

#include "ops/axis_errors.hpp"
#include "ops/pointwise/formula_functions.hpp"
#include "ops/pointwise/pointwise_calls.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/gated.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

template <class Self, class Formula, const kernels::BinaryKernels& Kernels>
struct GatedOp : Op<Self> {
  static constexpr Keep keep = Keep::inputs;
  static constexpr bool recomputable = true;
  int axis;

  explicit GatedOp(int d) : axis(d) {}

  Tensor forward(const Tensor& x) const {
    const Halves half(x, axis);
    return binary_forward(Self::name, Kernels, nullptr, half.value, half.gate);
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Halves half(s.input(0), axis);
    return cat({dy * Formula{}.slope_a(half.value, half.gate, Tensor()),
                dy * Formula{}.slope_b(half.value, half.gate, Tensor())},
               axis);
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const Halves half(s.input(0), axis);
    const Shape& shape = dy.shape();
    const Tensor dvalue = empty(shape, {.dtype = dy.dtype()});
    const Tensor dgate = empty(shape, {.dtype = dy.dtype()});
    kernels::binary_backward(Kernels, nullptr, dy.dtype(), shape, operand(half.value, shape), operand(half.gate, shape),
                             {nullptr, {}}, operand(dy, shape), array_of(dvalue).data(), array_of(dgate).data());
    sink.add(0, cat({dvalue, dgate}, axis));
  }
  Tensor jvp(const Saved& s, const Tensor& dx) const {
    const Halves half(s.input(0), axis);
    const Halves change(dx, axis);
    return change.value * Formula{}.slope_a(half.value, half.gate, Tensor()) +
           change.gate * Formula{}.slope_b(half.value, half.gate, Tensor());
  }
  void describe(AttributeVisitor& visitor) const { visitor("axis", axis); }

 private:
  struct Halves {
    Tensor value, gate;
    Halves(const Tensor& x, int axis) {
      const std::int64_t n = x.size(axis) / 2;
      value = slice(x, axis, {.stop = n});
      gate = slice(x, axis, {.start = n});
    }
  };
};

/// Checks x, then runs the op.
template <class Gated>
Tensor gated(const Tensor& x, Axis axis) {
  expect_floating(Gated::name, x);
  const int d = normalize_axis(Gated::name, axis, x.shape());
  if (x.size(d) % 2 != 0)
    throw ShapeError(std::string("[").append(Gated::name).append("] expected an even size along axis ") +
                     std::to_string(d) + ", got " + to_string(x.shape()));
  return apply(Gated(d), x);
}

/// The samples and errors of each, for its function f(x, axis).
inline catalogue::Samples gated_samples(Generator& g, Tensor (*f)(const Tensor& x, Axis axis)) {
  using catalogue::uniform;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto along = [f](int axis) { return catalogue::of([=](const Tensor& x) { return f(x, axis); }); };
  return {{"last axis", {uniform(g, {3, 4}, -2, 2)}, along(-1)},
          {"first axis", {uniform(g, {4, 3}, -2, 2)}, along(0)},
          {"middle axis", {uniform(g, {2, 6, 2}, -2, 2)}, along(1)},
          {"shut gates", {catalogue::vector64({1.5, -0.5, 2.0, -infinity, -1.0, -infinity})}, along(0)},
          {"one gate", {uniform(g, {2}, -2, 2)}, along(0)},
          {"tails",
           {catalogue::vector64({1.5, -0.5, 2.0, -1e3, -40.0, 1e3})},
           along(0),
           {.order = 0, .reason = "the gate's slope is 0 or 1 to rounding"}},
          {"no features", {uniform(g, {2, 0}, -2, 2)}, along(-1)}};
}
inline catalogue::ErrorSamples gated_errors(std::string_view name, Tensor (*f)(const Tensor& x, Axis axis)) {
  const std::string begin = std::string("[").append(name).append("] ");
  catalogue::ErrorSamples list = axis_errors(name, f);
  list.push_back({"odd",
                  [f] {
                    (void)f(zeros({2, 5}), -1);
                  },
                  begin + "expected an even size along axis 1, got [2, 5]"});
  list.push_back({"integers", [f] { (void)f(arange(4), 0); }, begin + "expected a floating tensor, got int64 [4]"});
  return list;
}
inline catalogue::Sample gated_benchmark(Generator& g, Tensor (*f)(const Tensor& x, Axis axis)) {
  return {"[512, 1024]", {catalogue::uniform(g, {512, 1024}, -2, 2)}, catalogue::of([f](const Tensor& x) {
            return f(x, -1);
          })};
}

}  // namespace tapegrad
