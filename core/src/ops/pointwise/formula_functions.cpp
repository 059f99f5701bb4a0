#include "ops/pointwise/formula_functions.hpp"

#include "tapegrad/tape/op.hpp"

namespace tapegrad {
namespace {

struct LogisticDensity : Op<LogisticDensity> {
  static constexpr std::string_view name = "logistic_density";
  static constexpr std::string_view math = R"(y = \sigma(x)\,\sigma(-x);\quad \bar x = -\bar y\, y \tanh \frac{x}{2})";
  static constexpr Keep keep = Keep::inputs;

  Tensor forward(const Tensor& x) const { return sigmoid(x) * sigmoid(-x); }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Tensor& x = s.input(0);
    return dy * (logistic_density(x) * -tanh(0.5 * x));
  }
  Tensor jvp(const Saved& s, const Tensor& dx) const { return vjp(s, dx); }
};

struct OneMinusSquare : Op<OneMinusSquare> {
  static constexpr std::string_view name = "one_minus_square";
  static constexpr std::string_view math = R"(y = (1 - x)(1 + x);\quad \bar x = -2 x \bar y)";
  static constexpr Keep keep = Keep::inputs;

  Tensor forward(const Tensor& x) const { return (1.0 - x) * (1.0 + x); }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return dy * (-2.0 * s.input(0)); }
  Tensor jvp(const Saved& s, const Tensor& dx) const { return vjp(s, dx); }
};

}  // namespace

Tensor logistic_density(const Tensor& x) { return apply(LogisticDensity{}, x); }
Tensor one_minus_square(const Tensor& x) { return apply(OneMinusSquare{}, x); }

}  // namespace tapegrad
