// What cummax and cummin share: {values, int64 indices}, of which the values are a gather along one axis.
#pragma once

#include <array>
#include <limits>

#include "base/dispatch.hpp"
#include "kernels/scan.hpp"
#include "ops/axis_errors.hpp"
#include "ops/index/gathered_op.hpp"
#include "tape/expect.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/scan.hpp"

namespace tapegrad {

template <class Self>
struct RunningExtremumOp : GatheredOp<Self> {
  using GatheredOp<Self>::GatheredOp;

  void describe(AttributeVisitor& visitor) const { visitor("axis", this->axis); }

 protected:
  std::array<Tensor, 2> run(const Tensor& x, kernels::Extremum which) const {
    expect_ordered(Self::name, x);
    const array::Array in = contiguous_array(x);
    const Tensor values = empty(in.shape, {.dtype = in.dtype});
    const Tensor indices = empty(in.shape, {.dtype = int64});
    with_number(in.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::cumulative_extremum(in.as<T>(), kernels::slices_along(in.shape, this->axis), which,
                                   array_of(values).as<T>(), array_of(indices).as<std::int64_t>());
    });
    return {values, indices};
  }
};

namespace catalogue {

using RunningExtremum = ValuesAndIndices (*)(const Tensor& x, Axis axis);

inline Samples running_extremum_samples(Generator& g, RunningExtremum f) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  const auto along = [f](int axis) { return of([f, axis](const Tensor& x) { return f(x, axis); }); };
  return {{"vector", {scattered(g, {7}, -2, 2)}, along(0)},
          {"last axis", {scattered(g, {3, 5}, -2, 2)}, along(-1)},
          {"first axis", {scattered(g, {5, 3}, -2, 2)}, along(0)},
          {"middle axis", {scattered(g, {2, 4, 2}, -2, 2)}, along(1)},
          {"ties", {vector64({1.0, 2.0, 2.0, 1.0})}, along(0), {.order = 1, .reason = "a kink", .kink = true}},
          {"NaN", {vector64({1.0, kNaN, 3.0, -1.0})}, along(0), {.order = 0, .reason = "differences of NaN"}},
          {"integers", {tensor({2, 7, 1, 7}, {.dtype = int64})}, along(0)},
          {"one entry", {scattered(g, {3, 1}, -2, 2)}, along(1)},
          {"no lines", {scattered(g, {0, 3}, -2, 2)}, along(1)},
          {"empty lines", {scattered(g, {3, 0}, -2, 2)}, along(1)}};
}

inline ErrorSamples running_extremum_errors(std::string_view name, RunningExtremum f) {
  ErrorSamples list = axis_errors(name, f);
  list.push_back({"bool", [f] { (void)f(zeros({2}, {.dtype = boolean}), 0); },
                  std::string("[").append(name).append("] bool [2] has no order")});
  return list;
}

inline Sample running_extremum_benchmark(Generator& g, RunningExtremum f) {
  return {"[512, 512] along 1", {uniform(g, {512, 512}, -2, 2)}, of([f](const Tensor& x) { return f(x, 1); })};
}

}  // namespace catalogue
}  // namespace tapegrad
