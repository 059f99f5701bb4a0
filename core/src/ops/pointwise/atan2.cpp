#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/atan2.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct Atan2Formula {
  /// p / (a^2 + b^2) where p is a or b, in units of the larger: the squares would overflow or vanish. 0 at the origin
  /// and at infinity.
  template <class T>
  static T over_square(const T& p, const T& a, const T& b) {
    const T zero = number_like(0.0, a), one = number_like(1.0, a);
    const T larger = select(abs(a) < abs(b), abs(b), abs(a));
    const T unit = select(larger == 0.0, one, larger);
    const T u = a / unit, v = b / unit;
    const T square = select(abs(a) + abs(b) == 0.0, one, u * u + v * v);  // NaN where either is
    return select(larger == kInfinity, zero, p / unit / square / unit);
  }

  template <class T>
  T value(const T& a, const T& b) const {
    return atan2(a, b);
  }
  template <class T>
  T slope_a(const T& a, const T& b, const T&) const {
    return over_square(b, a, b);
  }
  template <class T>
  T slope_b(const T& a, const T& b, const T&) const {
    return -over_square(a, a, b);
  }
};
TAPEGRAD_BINARY_KERNELS(Atan2Formula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(Atan2Formula)

struct Atan2 : BinaryOp<Atan2, Atan2Formula, Atan2FormulaKernels> {
  static constexpr std::string_view name = "atan2";
  static constexpr std::string_view math =
      R"(y = \mathrm{atan2}(a, b);\quad \bar a = \bar y\,\frac{b}{a^2 + b^2},\ \bar b = -\bar y\,\frac{a}{a^2 + b^2})";
  static constexpr Keep slope_a_reads = Keep::inputs;
  static constexpr Keep slope_b_reads = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(a = r \sin y,\quad b = r \cos y,\quad r = \sqrt{a^2 + b^2})",
             "the angle of the point (b, a), between -pi and pi"},
            {"Turning", R"(b\,da - a\,db = r^2 (\cos^2 y + \sin^2 y)\,dy = r^2\,dy)",
             "differentiate both equations and eliminate dr"},
            {"Slopes",
             R"(\frac{\partial y}{\partial a} = \frac{b}{r^2},\quad \frac{\partial y}{\partial b} = -\frac{a}{r^2})",
             "in units of the larger operand, so that $r^2$ neither overflows nor vanishes"},
            {"At the origin", R"(\bar a = \bar b = 0)",
             "no direction is preferred, as for the norm; PyTorch and JAX give NaN"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return binary_samples(g, 0.4, 2,
                          {{"every quadrant", {vector64({1, 1, -1, -1, 0.5}), vector64({2, -2, 2, -2, 0})}},
                           {"far from 1",
                            {vector64({3e160, 2e-170}), vector64({1e160, -1e-170})},
                            {.order = 0, .reason = "steps of ordinary size see nothing"}},
                           {"at the origin",
                            {full64({1}, 0.0), full64({1}, 0.0)},
                            {.order = 0, .reason = "no derivative; the gradient is 0"}}});
  }
  static catalogue::ErrorSamples errors() {
    return catalogue::binary_errors(name, atan2, catalogue::Integers::refused);
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 512], [512]", {uniform(g, {512, 512}, -2, 2), uniform(g, {512}, -2, 2)}};
  }
};

Tensor atan2(const Tensor& y, const Tensor& x) { return apply(Atan2{}, y, x); }

TAPEGRAD_CATALOGUE(pointwise, atan2, Atan2)
}  // namespace tapegrad
#endif
