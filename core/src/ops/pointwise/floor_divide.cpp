#include <cmath>
#include <concepts>

#include "kernels/wrapping.hpp"
#include "ops/pointwise/floor_division.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct FloorDivide : Op<FloorDivide> {
  static constexpr std::string_view name = "floor_divide";
  static constexpr std::string_view math = R"(y = \lfloor a / b \rfloor;\quad \bar a = \bar b = 0)";
  static constexpr Keep keep = Keep::nothing;

  Tensor forward(const Tensor& a, const Tensor& b) const { return divide_rows(name, kDivisionRows<FloorDivide>, a, b); }
  /// Undefined is zero, and costs nothing.
  std::array<Tensor, 2> vjp(const Saved&, const Tensor&) const { return {}; }
  Tensor jvp(const Saved&, Tangents) const { return {}; }

  template <class T>
  static T of(T a, T b) {
    if constexpr (std::floating_point<T>) {
      return of_numbers(a, b);
    } else {
      if (b == -1) return kernels::wrapping_sub(0, a);  // C++ does not divide the lowest integer by it
      return a / b - (lies_beyond(a % b, b) ? 1 : 0);
    }
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \lfloor a / b \rfloor)", "the largest integer not above the exact quotient"},
            {"By the remainder", R"(y = (a - r) / b)",
             "r is fmod(a, b), plus b where that is not 0 and has not the sign of b. It is exact, as the rounded "
             "quotient is not: 1 / 0.1 rounds to 10, and the floor is 9"},
            {"Slope", R"(\frac{\partial y}{\partial a} = \frac{\partial y}{\partial b} = 0)",
             "constant but for the jumps, where the gradient is taken as 0 too"}};
  }
  static catalogue::Samples samples(Generator&) {
    using catalogue::vector64;
    return catalogue::division_samples(
        {{"jumps",
          {vector64({-4, 0, 6}), vector64({2, 3, -3})},
          {.order = 0, .reason = "the gradient is exactly 0 where the function jumps"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::division_errors(name, floor_divide); }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 512]", {uniform(g, {512, 512}, -9, 9), uniform(g, {512, 512}, 1, 2)}};
  }

 private:
  template <class T>
  static T of_numbers(T a, T b) {
    if (b == T{0}) return a / b;
    const T rest = std::fmod(a, b);
    const T quotient = (a - rest) / b - (lies_beyond(rest, b) ? T{1} : T{0});
    if (quotient == T{0}) return std::copysign(T{0}, a / b);
    const T below = std::floor(quotient);  // an integer but for rounding, which may have gone either way
    return quotient - below > T{0.5} ? below + T{1} : below;
  }
};

Tensor floor_divide(const Tensor& a, const Tensor& b) { return apply(FloorDivide{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, floor_divide, FloorDivide)

}  // namespace tapegrad
