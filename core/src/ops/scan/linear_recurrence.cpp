#include <fmt/format.h>

#include "ops/scan/recurrence.hpp"
#include "ops/scan/scan_op.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {

struct LinearRecurrence : Op<LinearRecurrence> {
  static constexpr std::string_view name = "linear_recurrence";
  static constexpr std::string_view math =
      R"(h_i = a_i h_{i-1} + b_i,\ h_{-1} = 0;\quad \bar b_i = \bar h_i + a_{i+1} \bar b_{i+1},\ \bar b_n = 0,\ \bar a_i = \bar b_i h_{i-1}\ (\text{backward: from the other end}))";
  int axis;
  kernels::Direction direction;

  LinearRecurrence(int d, kernels::Direction way) : axis(d), direction(way) {}

  Keep keep_for(Wants wants) const { return Keep::input(0) | (wants(0) ? Keep::output : Keep::nothing); }

  Tensor forward(const Tensor& a, const Tensor& b) const {
    expect_floating(name, a);
    expect_same_dtype(name, a, b);
    if (a.shape() != b.shape())
      throw ShapeError(fmt::format("[linear_recurrence] expected two tensors of one shape, got {} and {}",
                                   to_string(a.shape()), to_string(b.shape())));
    const array::Array factors = contiguous_array(a);
    const array::Array terms = contiguous_array(b);
    Tensor h = empty(a.shape(), {.dtype = a.dtype()});
    with_floating(a.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::linear_recurrence(factors.as<T>(), terms.as<T>(), kernels::slices_along(factors.shape, axis), direction,
                                 array_of(h).as<T>());
    });
    return h;
  }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dh) const {
    const Tensor db = recurrence(shifted(s.input(0), axis, opposite(direction), 0.0), dh, axis, opposite(direction));
    return {s.wants(0) ? times_before(db, s) : Tensor(), db};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    if (!dx[0].defined()) return recurrence(s.input(0), dx[1], axis, direction);
    const Tensor forced = times_before(dx[0], s);
    return recurrence(s.input(0), dx[1].defined() ? forced + dx[1] : forced, axis, direction);
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("axis", axis);
    visitor("direction", to_string(direction));
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(h_i = a_i h_{i-1} + b_i,\quad h_{-1} = 0)", "along one axis"},
            {"Fan-out", R"(\lambda_i = \bar h_i + a_{i+1} \lambda_{i+1},\quad \lambda_n = 0)",
             "of n elements, counted from 0: $h_i$ is read by the result and by $h_{i+1}$, with coefficient $a_{i+1}$: "
             "$\\lambda_i$ is its whole cotangent"},
            {"Cotangents", R"(\bar b_i = \lambda_i,\quad \bar a_i = \lambda_i h_{i-1})",
             "from the one step in which they stand; $a_0$ meets $h_{-1} = 0$"},
            {"Closed", R"(\lambda = \text{the recurrence of } (a_{\cdot + 1}, \bar h) \text{ from the other end})",
             "so the reverse rule is differentiated by itself, to any order"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto along = [](int d) {
      return catalogue::of<2>([d](const Tensor& a, const Tensor& b) { return linear_recurrence(a, b, d); });
    };
    return {{"vector", {uniform(g, {5}, -2, 2), uniform(g, {5}, -2, 2)}, along(0)},
            {"last axis", {uniform(g, {2, 4}, -2, 2), uniform(g, {2, 4}, -2, 2)}, along(-1)},
            {"first axis", {uniform(g, {4, 3}, -2, 2), uniform(g, {4, 3}, -2, 2)}, along(0)},
            {"middle axis", {uniform(g, {2, 3, 2}, -2, 2), uniform(g, {2, 3, 2}, -2, 2)}, along(1)},
            {"a state that is cut", {catalogue::vector64({0.5, 0.0, 2.0, 0.0}), uniform(g, {4}, -2, 2)}, along(0)},
            {"one entry", {uniform(g, {3, 1}, -2, 2), uniform(g, {3, 1}, -2, 2)}, along(1)},
            {"no lines", {uniform(g, {0, 3}, -2, 2), uniform(g, {0, 3}, -2, 2)}, along(1)},
            {"empty lines", {uniform(g, {3, 0}, -2, 2), uniform(g, {3, 0}, -2, 2)}, along(1)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"axis",
             [] {
               (void)linear_recurrence(zeros({2, 3}), zeros({2, 3}), 2);
             },
             "[linear_recurrence] axis 2 is out of range for rank 2"},
            {"scalar", [] { (void)linear_recurrence(zeros({}), zeros({}), -1); },
             "[linear_recurrence] axis -1 is out of range for rank 0"},
            {"shapes",
             [] {
               (void)linear_recurrence(zeros({2, 3}), zeros({3}), 1);
             },
             "[linear_recurrence] expected two tensors of one shape, got [2, 3] and [3]"},
            {"dtypes", [] { (void)linear_recurrence(zeros({2}), zeros({2}, {.dtype = float64}), 0); },
             "[linear_recurrence] float32 [2] with float64 [2]"},
            {"integers", [] { (void)linear_recurrence(arange(3), arange(3), 0); },
             "[linear_recurrence] expected a floating tensor"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[16, 256, 64] along 1",
            {catalogue::uniform(g, {16, 256, 64}, -1, 1), catalogue::uniform(g, {16, 256, 64}, -2, 2)},
            catalogue::of<2>([](const Tensor& a, const Tensor& b) { return linear_recurrence(a, b, 1); })};
  }

 private:
  /// x[i] h[i - 1], and 0 in the first place, whatever x[0] is.
  Tensor times_before(const Tensor& x, const Saved& s) const {
    return shifted(shifted(x, axis, opposite(direction), 0.0) * s.output(), axis, direction, 0.0);
  }
};

Tensor recurrence(const Tensor& a, const Tensor& b, int axis, kernels::Direction direction) {
  return apply(LinearRecurrence(axis, direction), a, b);
}

Tensor linear_recurrence(const Tensor& a, const Tensor& b, Axis axis) {
  return recurrence(a, b, axis_of(LinearRecurrence::name, axis, a, "input 0 (a)"), kernels::Direction::forward);
}

TAPEGRAD_CATALOGUE(scan, linear_recurrence, LinearRecurrence)

}  // namespace tapegrad
