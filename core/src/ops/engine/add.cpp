#include "kernels/wrapping.hpp"
#include "tapegrad/tape/engine_ops.hpp"

#include <utility>

#include "ops/pointwise/pointwise_calls.hpp"
#include "tape/accumulate.hpp"
#include "tape/recorder.hpp"
#include "tape/tape_impl.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/engine/add.cpp"
#include "base/dispatch.hpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct AddFormula {
  template <class T>
  T value(const T& a, const T& b) const {
    return a + b;
  }
  template <class T>
  double slope_a(const T&, const T&, const T&) const {
    return 1.0;
  }
  template <class T>
  double slope_b(const T&, const T&, const T&) const {
    return 1.0;
  }
};
TAPEGRAD_BINARY_KERNELS(AddFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(AddFormula)

namespace {

/// Whether a + b may be written over b, which its owner gives away. Its place on the tape is another matter.
bool may_hold_sum(const Tensor& a, const Tensor& b) {
  return a.defined() && carries_gradient(b) && is_sole_owner(b) && a.dtype() == b.dtype() && a.shape() == b.shape();
}

}  // namespace

/// Addition hands its cotangent on as it is: no arithmetic, no copy. The engine sums over broadcast dimensions.
struct Add : Op<Add> {
  mutable bool b_is_given_away = false;  // for one run: what a tape keeps may be run again, and owns no operand

  static constexpr std::string_view name = "add";
  static constexpr std::string_view math = R"(y = a + b;\quad \bar a = \bar y,\ \bar b = \bar y)";
  static constexpr Keep keep = Keep::nothing;

  Tensor forward(const Tensor& a, const Tensor& b) const {
    if (std::exchange(b_is_given_away, false) && may_hold_sum(a, b)) {
      add_in_place(array_of(b), array_of(a));
      return wrap(array_of(b));
    }
    return binary_forward(name, AddFormulaKernels, nullptr, a, b, kInt64Row<kernels::wrapping_add>);
  }
  std::array<Tensor, 2> vjp(const Saved&, const Tensor& dy) const { return {dy, dy}; }
  void fused_vjp(const Saved&, const Tensor& dy, GradientSink& sink) const {
    sink.add(0, dy);
    sink.add(1, dy);
  }
  Tensor jvp(const Saved&, Tangents dx) const {
    return !dx[0].defined() ? dx[1] : !dx[1].defined() ? dx[0] : add(dx[0], dx[1]);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_i = a_i + b_i)", "after broadcasting both to one shape"},
            {"Cotangents", R"(\bar a_i = \bar y_i \,\partial y_i / \partial a_i = \bar y_i,\quad \bar b_i = \bar y_i)",
             "both partial derivatives are 1"},
            {"Broadcasting", R"(\bar a_i = \sum_{j:\, i \mapsto j} \bar y_j)",
             "an element used many times collects a cotangent from each use"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    return {{"plain", {uniform(g, {3, 4}, -2, 2), uniform(g, {3, 4}, -2, 2)}},
            {"broadcast rows", {uniform(g, {2, 3, 4}, -2, 2), uniform(g, {4}, -2, 2)}},
            {"broadcast both", {uniform(g, {3, 1}, -2, 2), uniform(g, {1, 4}, -2, 2)}},
            {"scalar", {uniform(g, {}, -2, 2), uniform(g, {2, 2}, -2, 2)}},
            {"no elements", {uniform(g, {0, 3}, -2, 2), uniform(g, {3}, -2, 2)}}};
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"shapes",
         [] {
           (void)add(zeros({3, 4}), zeros({5}));
         },
         "[add] cannot broadcast [3, 4] with [5]"},
        {"dtypes", [] { (void)add(zeros({2}), zeros({2}, {.dtype = float64})); }, "[add] float32 [2] with float64 [2]"},
        {"truth values", [] { (void)add(ones({2}, {.dtype = boolean}), arange(2)); },
         "[add] bool [2] has no arithmetic: convert it with to(int64) or to(float32), or take logical_and, "
         "logical_or, logical_not"},
        {"numbers and truth values",
         [] {
           (void)add(zeros({2}), ones({3, 2}, {.dtype = boolean}));
         },
         "[add] bool [3, 2] has no arithmetic"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] + [512]", {catalogue::uniform(g, {512, 512}, -2, 2), catalogue::uniform(g, {512}, -2, 2)}};
  }
};

Tensor add(const Tensor& a, const Tensor& b) { return apply(Add{}, a, b); }

Tensor operator+(const Tensor& a, Tensor&& b) {
  Add op;
  op.b_is_given_away = !recorder.records() || !recorder.tape->options.anomaly;  // which tells of operands
  Tensor sum = apply(op, a, b);
  b = Tensor();
  return sum;
}

void add_in_place(const array::Array& target, const array::Array& source) {
  if (target.shape.numel() == 1) {
    with_floating(target.dtype, [&](auto zero) { *target.as<decltype(zero)>() += *source.as<decltype(zero)>(); });
    return;
  }
  kernels::binary_forward(AddFormulaKernels, nullptr, target.dtype, target.shape, {target.data(), target.strides},
                          {source.data(), source.strides}, target.data());
}

TAPEGRAD_CATALOGUE(engine, add, Add)
}  // namespace tapegrad
#endif
