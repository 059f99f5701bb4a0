#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/reduce.hpp"
#include "ops/reduce/reduce_op.hpp"
#include "tape/expect.hpp"

namespace tapegrad {
namespace {

/// Variances that T holds with all its digits, and the squares that they are made of in double precision.
template <class T>
bool is_exact_variance(T v) {
  constexpr T kSmallest = std::is_same_v<T, float> ? std::numeric_limits<T>::min() : T(0x1p-900);
  return v >= kSmallest && v <= std::numeric_limits<T>::max();
}

/// The deviation of n elements, `stride` apart, whose variance T does not hold: in units of about their largest
/// magnitude.
template <class T>
T scaled_deviation(const T* x, std::int64_t n, std::int64_t stride, double correction) {
  const double freedom = static_cast<double>(n) - correction;
  if (!(freedom > 0.0)) return std::numeric_limits<T>::quiet_NaN();
  double least = std::numeric_limits<double>::infinity(), greatest = -least;
  for (std::int64_t i = 0; i < n; ++i) {
    const double v = static_cast<double>(x[i * stride]);
    if (!std::isfinite(v)) return std::numeric_limits<T>::quiet_NaN();
    least = std::min(least, v);
    greatest = std::max(greatest, v);
  }
  if (least == greatest) return 0;
  const int exponent = std::ilogb(std::max(-least, greatest));
  // From the least of them: where they are close together, their differences are exact.
  const double start = std::scalbn(least, -exponent);
  const auto at = [&](std::int64_t i) { return std::scalbn(static_cast<double>(x[i * stride]), -exponent) - start; };
  double sum = 0.0, squares = 0.0;
  for (std::int64_t i = 0; i < n; ++i) sum += at(i);
  const double mean = sum / static_cast<double>(n);
  for (std::int64_t i = 0; i < n; ++i) squares += (at(i) - mean) * (at(i) - mean);
  return static_cast<T>(std::scalbn(std::sqrt(squares / freedom), exponent));
}

}  // namespace

struct Std : ReduceOp<Std> {
  static constexpr std::string_view name = "std";
  static constexpr std::string_view math =
      R"(y_j = \Big(\frac{1}{n - c} \sum_{i \mapsto j} (x_i - \mu_j)^2\Big)^{1/2};\quad \bar x_i = \frac{x_i - \mu_{j(i)}}{(n - c)\, y_{j(i)}}\, \bar y_{j(i)})";
  static constexpr Keep keep = Keep::inputs | Keep::output;
  double correction;

  Std(AxisSet set, const VarOptions& options) : ReduceOp(set, options.keepdim), correction(options.correction) {}

  Tensor forward(const Tensor& x) const {
    return reduce(x, [&](const auto* in, const kernels::Slices& slices, auto* out) {
      kernels::reduce_variance(in, slices, correction, out);
      const auto [outer, n, inner] = slices;
      for (std::int64_t s = 0; s < outer * inner; ++s)
        out[s] = is_exact_variance(out[s])
                     ? std::sqrt(out[s])
                     : scaled_deviation(in + s / inner * n * inner + s % inner, n, inner, correction);
    });
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return unreduce(dy, s.input_shape(0)) * slope(s); }
  Tensor jvp(const Saved& s, const Tensor& dx) const { return sum(slope(s) * dx, axis_list(), keepdim); }
  void describe(AttributeVisitor& visitor) const {
    ReduceOp::describe(visitor);
    visitor("correction", correction);
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y = \sqrt v,\quad v = \frac{1}{n - c} \sum_i (x_i - \mu)^2,\quad \mu = \frac1n \sum_i x_i)",
         "for each result; c is the correction"},
        {"Variance", R"(dv = \frac{2}{n - c} \sum_i (x_i - \mu)\, dx_i)",
         "deviations from the mean sum to zero, so the mean's own dependence on x drops out"},
        {"Root", R"(dy = \frac{dv}{2y})", "chain rule"},
        {"Cotangent", R"(\bar x_i = \frac{x_i - \mu}{(n - c)\, y}\, \bar y)",
         "what multiplies $dx_i$ in $\\bar y\\, dy$"},
        {"A constant", R"(y = 0 \Rightarrow \bar x = 0)",
         "a length at its tip: of all subgradients 0 is the shortest; $\\sqrt{\\mathrm{var}\\, x}$ would give 0 times "
         "infinity"}};
  }
  static catalogue::Samples samples(Generator& g) {
    catalogue::Samples s = reduction_samples(
        g, [](const Tensor& x, const Axes& axes, bool keepdim) { return std(x, axes, {.keepdim = keepdim}); });
    s.push_back({"biased", {catalogue::uniform(g, {3, 4}, -2, 2)}, catalogue::of([](const Tensor& x) {
                   return std(x, -1, {.correction = 0});
                 })});
    s.push_back({"constant rows",
                 {catalogue::full64({2, 3}, 1.5)},
                 catalogue::of([](const Tensor& x) { return std(x, -1); }),
                 {.order = 1, .reason = "a kink", .kink = true}});
    s.push_back({"n = correction",
                 {catalogue::uniform(g, {3, 1}, -2, 2)},
                 catalogue::of([](const Tensor& x) { return std(x, 1); }),
                 {.order = 0, .reason = "0 / 0: the value is NaN by definition"}});
    return s;
  }
  static catalogue::ErrorSamples errors() {
    return {{"axis",
             [] {
               (void)std(zeros({2, 3}), 5);
             },
             "[std] axis 5 is out of range for rank 2"},
            {"integers", [] { (void)std(arange(3)); }, "[std] expected a floating tensor"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 1", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return std(x, 1);
            })};
  }

 private:
  Tensor slope(const Saved& s) const {
    const Tensor& x = s.input(0);
    return over_or_zero(centred(x), unreduce(s.output(), x.shape())) / (count(x.shape()) - correction);
  }
};

Tensor std(const Tensor& x, const Axes& axes, VarOptions options) {
  return apply(Std(axes_of(Std::name, axes, x), options), x);
}

TAPEGRAD_CATALOGUE(reduce, std, Std)

}  // namespace tapegrad
