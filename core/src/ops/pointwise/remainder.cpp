#include <cmath>
#include <concepts>

#include "ops/pointwise/floor_division.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct Remainder : Op<Remainder> {
  static constexpr std::string_view name = "remainder";
  static constexpr std::string_view math =
      R"(y = a - b \lfloor a / b \rfloor;\quad \bar a = \bar y,\ \bar b = -\bar y\,\lfloor a / b \rfloor)";

  Tensor forward(const Tensor& a, const Tensor& b) const { return divide_rows(name, kDivisionRows<Remainder>, a, b); }
  Keep keep_for(Wants wants) const { return wants(1) ? Keep::inputs : Keep::nothing; }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {dy, s.wants(1) ? by_divisor(s, dy) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    if (!dx[1].defined()) return dx[0];
    return dx[0].defined() ? dx[0] + by_divisor(s, dx[1]) : by_divisor(s, dx[1]);
  }

  template <class T>
  static T of(T a, T b) {
    if constexpr (std::floating_point<T>) {
      const T rest = std::fmod(a, b);
      if (rest == T{0}) return std::copysign(T{0}, b);
      return lies_beyond(rest, b) ? rest + b : rest;
    } else {
      if (b == -1) return 0;  // C++ does not divide the lowest integer by it
      const T rest = a % b;
      return lies_beyond(rest, b) ? rest + b : rest;
    }
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y = a - b \lfloor a / b \rfloor)",
         "what is left of a, between 0 and b: it has b's sign, where std::fmod's has a's"},
        {"Slopes", R"(\frac{\partial y}{\partial a} = 1,\quad \frac{\partial y}{\partial b} = -\lfloor a / b \rfloor)",
         "the floor is constant but for the jumps; on a jump these are the slopes of the piece that a / b begins"}};
  }
  static catalogue::Samples samples(Generator&) {
    using catalogue::vector64;
    return catalogue::division_samples({{"jumps",
                                         {vector64({-4, 0, 6}), vector64({2, 3, -3})},
                                         {.order = 0, .reason = "no slope where the function jumps"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::division_errors(name, remainder); }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 512]", {uniform(g, {512, 512}, -9, 9), uniform(g, {512, 512}, 1, 2)}};
  }

 private:
  static Tensor by_divisor(const Saved& s, const Tensor& d) { return -(d * floor_divide(s.input(0), s.input(1))); }
};

Tensor remainder(const Tensor& a, const Tensor& b) { return apply(Remainder{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, remainder, Remainder)

}  // namespace tapegrad
