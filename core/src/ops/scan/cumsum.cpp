#include "ops/axis_errors.hpp"
#include "ops/scan/scan_op.hpp"
#include "tape/expect.hpp"

namespace tapegrad {

struct CumSum : Op<CumSum> {
  static constexpr std::string_view name = "cumsum";
  static constexpr std::string_view math =
      R"(y_i = \sum_{j \le i} x_j;\quad \bar x_j = \sum_{i \ge j} \bar y_i\ (\text{backward: from the other end}))";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  int axis;
  kernels::Direction direction;

  CumSum(int d, kernels::Direction way) : axis(d), direction(way) {}

  Tensor forward(const Tensor& x) const {
    const array::Array in = contiguous_array(x);
    Tensor y = empty(x.shape(), {.dtype = x.dtype()});
    const auto sum_up = [&](auto zero) {
      using T = decltype(zero);
      kernels::cumulative_sum(in.as<T>(), kernels::slices_along(in.shape, axis), direction, array_of(y).as<T>());
    };
    x.dtype() == int64 ? sum_up(std::int64_t{0}) : with_floating(x.dtype(), sum_up);
    return y;
  }
  Tensor vjp(const Saved&, const Tensor& dy) const { return apply(CumSum(axis, opposite(direction)), dy); }
  void describe(AttributeVisitor& visitor) const {
    visitor("axis", axis);
    visitor("direction", to_string(direction));
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_i = \sum_j [j \le i]\, x_j)", "a product with a lower triangle of ones"},
            {"Cotangent", R"(\bar x_j = \sum_i [j \le i]\, \bar y_i)",
             "its transpose, the upper triangle: the running sum from the other end"}};
  }
  static catalogue::Samples samples(Generator& g) { return scan_samples(g, cumsum); }
  static catalogue::ErrorSamples errors() { return axis_errors(name, cumsum); }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] along 1", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return cumsum(x, 1);
            })};
  }
};

Tensor cumsum(const Tensor& x, Axis axis) {
  const int along = axis_of(CumSum::name, axis, x);
  return apply(CumSum(along, kernels::Direction::forward), x.dtype() == boolean ? x.to(int64) : x);
}

TAPEGRAD_CATALOGUE(scan, cumsum, CumSum)

}  // namespace tapegrad
