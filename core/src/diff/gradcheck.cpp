#include "tapegrad/diff/gradcheck.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#include "tape/recorder.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {
namespace {

using Values = std::vector<double>;

bool carries_gradient(const Tensor& x) { return x.defined() && is_floating(x.dtype()); }

void append_values(const Tensor& x, Values& values) {
  if (!carries_gradient(x)) return;
  if (x.dtype() == float64) {
    const std::vector<double> v = x.to_vector<double>();
    values.insert(values.end(), v.begin(), v.end());
  } else {
    for (const float v : x.to_vector<float>()) values.push_back(static_cast<double>(v));
  }
}

/// All floating elements, in order.
Values values_of(const std::vector<Tensor>& xs) {
  Values values;
  for (const Tensor& x : xs) append_values(x, values);
  return values;
}
Values values_of(const Tensor& x) {
  Values values;
  append_values(x, values);
  return values;
}

Tensor with_values(const Values& values, const Tensor& like) {
  Tensor x = empty(like.shape(), {.dtype = like.dtype()});
  if (like.dtype() == float64) {
    std::copy(values.begin(), values.end(), x.mutable_data<double>("gradcheck").begin());
  } else {
    std::transform(values.begin(), values.end(), x.mutable_data<float>("gradcheck").begin(),
                   [](double v) { return static_cast<float>(v); });
  }
  return x;
}

Values random_values(std::int64_t count, Generator& generator) {
  Values values(static_cast<std::size_t>(count));
  for (double& v : values) v = generator.normal();
  return values;
}

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Tensor& x, const Tensor& y) {
    if (x.defined() != y.defined()) return false;
    if (!x.defined()) return true;
    if (x.shape() != y.shape() || x.dtype() != y.dtype()) return false;
    const array::Array p = contiguous_array(x);
    const array::Array q = contiguous_array(y);
    return std::memcmp(p.data(), q.data(), static_cast<std::size_t>(x.numel()) * size_of(x.dtype())) == 0;
  });
}

double largest(const Values& values) {
  double most = 0.0;
  for (const double v : values)
    if (std::isfinite(v)) most = std::max(most, std::abs(v));
  return most;
}

double dot(const Values& a, const Values& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// What rounding and steps depend on.
struct Precision {
  double epsilon;
  double first_step;  // for an input of size 1: where truncation and rounding of the extrapolated differences balance
  int families;       // of steps, each starting 32 times smaller than the last
};

Precision precision_of(DType dtype) {
  if (dtype == float64) return {std::numeric_limits<double>::epsilon(), 0x1p-7, 4};
  return {static_cast<double>(std::numeric_limits<float>::epsilon()), 0x1p-3, 2};
}

/// The slope of one output along a line through the point.
struct Slope {
  double value = 0.0;
  double error = std::numeric_limits<double>::infinity();  // estimated; infinite where the function is not finite
  double below = 0.0;                                      // one-sided slopes
  double above = 0.0;
  bool kink = false;
};

/// Values of all outputs at distance t from the point, and the distance that rounding left of t.
struct Shifted {
  double t;
  Values y;
};

constexpr std::size_t kSteps = 5;

struct Family {
  std::array<Shifted, kSteps> above, below;
};

/// Ridders' tableau for output `o`: central differences at steps h, h/2, h/4 ... extrapolated in h^2.
void extrapolate(const Family& family, std::size_t o, double y, double noise, Slope& best) {
  std::array<std::array<double, kSteps>, kSteps> a;
  for (std::size_t k = 0; k < kSteps; ++k) {
    const double up = family.above[k].y[o];
    const double down = family.below[k].y[o];
    if (!std::isfinite(up) || !std::isfinite(down)) return;
    const double width = family.above[k].t - family.below[k].t;
    a[0][k] = (up - down) / width;
    double power = 1.0;
    for (std::size_t m = 1; m <= k; ++m) {
      power *= 4.0;
      a[m][k] = (power * a[m - 1][k] - a[m - 1][k - 1]) / (power - 1.0);
      const double difference = std::max(std::abs(a[m][k] - a[m - 1][k]), std::abs(a[m][k] - a[m - 1][k - 1]));
      const double error = difference + noise / width;
      if (error < best.error) {
        best.error = error;
        best.value = a[m][k];
      }
    }
  }
  // One-sided slopes, extrapolated in h; their difference shrinks with h where the function is smooth.
  const auto sides = [&](std::size_t k) {
    return std::pair((y - family.below[k].y[o]) / -family.below[k].t, (family.above[k].y[o] - y) / family.above[k].t);
  };
  const auto [below2, above2] = sides(kSteps - 2);
  const auto [below, above] = sides(kSteps - 1);
  best.below = 2.0 * below - below2;
  best.above = 2.0 * above - above2;
  const double gap = std::abs(best.above - best.below);
  const double rounding = 8.0 * noise / family.above[kSteps - 1].t;
  best.kink = gap > rounding && gap > 1e-3 * std::max(std::abs(best.above), std::abs(best.below)) &&
              std::abs(above - below) > 0.75 * std::abs(above2 - below2);
}

/// Slopes of all outputs along a line. `thorough` goes through all families of steps, else only as far as needed.
template <class Along>
std::vector<Slope> slopes_along(const Along& along, const Values& y, const Values& magnitude, double x_scale,
                                const Precision& precision, bool thorough) {
  std::vector<Slope> slopes(y.size());
  double first = precision.first_step * std::exp2(std::round(std::log2(std::max(1.0, x_scale))));
  for (int f = 0; f < precision.families; ++f, first /= 32.0) {
    Family family;
    double h = first;
    for (std::size_t k = 0; k < kSteps; ++k, h *= 0.5) {
      family.above[k] = along(h);
      family.below[k] = along(-h);
    }
    double scale = 0.0;
    double error = 0.0;
    for (std::size_t o = 0; o < y.size(); ++o) {
      if (!std::isfinite(y[o])) continue;
      const double moved = std::abs(family.above[0].y[o] - family.below[0].y[o]) / first;
      const double noise = 4.0 * precision.epsilon * (magnitude[o] + (std::isfinite(moved) ? x_scale * moved : 0.0));
      extrapolate(family, o, y[o], noise, slopes[o]);
      scale = std::max({scale, std::abs(slopes[o].value), noise / x_scale});
      error = std::max(error, slopes[o].error);
    }
    if (!thorough && error <= 1e-2 * std::sqrt(precision.epsilon) * scale) break;
  }
  return slopes;
}

/// One comparison's outcome.
struct Compared {
  Verdict verdict;
  double tolerance;
  double excess;     // the error in units of the tolerance
  bool significant;  // whether either side differs from zero by more than the tolerance
};

/// `scale` is the size of the derivatives around, `natural` that of outputs per input; `floor` is the derivative's own
/// rounding.
Compared compare(double analytic, const Slope& slope, double scale, double natural, double floor) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!std::isfinite(slope.error))
    return {std::isnan(analytic) ? Verdict::wrong : Verdict::out_of_domain, 0.0, kInfinity, true};
  const double tolerance = 10.0 * slope.error + floor;
  const double error = std::abs(analytic - slope.value);
  const bool close = error <= tolerance;
  const double excess = error == 0.0 ? 0.0 : std::isfinite(error) ? error / tolerance : kInfinity;
  Compared c{Verdict::ok, tolerance, excess, !(std::max(std::abs(analytic), std::abs(slope.value)) <= tolerance)};
  const double doubt = 10.0 * slope.error;
  const bool rough = doubt > 1e-3 * scale;
  if (close && (!rough || doubt <= 1e-6 * std::max(natural, 1.0))) return c;
  if (slope.kink) {
    const double slack = floor + 1e-3 * std::max(std::abs(slope.below), std::abs(slope.above));
    const bool inside = analytic >= std::min(slope.below, slope.above) - slack &&
                        analytic <= std::max(slope.below, slope.above) + slack;
    c.verdict = inside ? Verdict::kink : Verdict::wrong;
  } else {
    c.verdict = rough && std::isfinite(analytic) ? Verdict::unreliable : Verdict::wrong;
  }
  return c;
}

std::vector<std::int64_t> unravel(std::int64_t index, const Shape& shape) {
  std::vector<std::int64_t> at(shape.size());
  for (int d = shape.rank() - 1; d >= 0; --d) {
    at[static_cast<std::size_t>(d)] = index % shape[d];
    index /= shape[d];
  }
  return at;
}

/// Compares the derivatives of one function at one point.
class Comparison {
 public:
  Comparison(const TensorFunction& f, std::vector<Tensor> inputs, int order, const GradcheckOptions& options,
             GradcheckReport& report)
      : f_(f),
        inputs_(std::move(inputs)),
        order_(order),
        options_(options),
        report_(report),
        random_(default_generator().state()),
        generator_(2 * options.seed + static_cast<std::uint64_t>(order)) {
    for (const Tensor& x : inputs_) {
      values_.push_back(values_of(x));
      count_ += static_cast<std::int64_t>(values_.back().size());
      if (carries_gradient(x)) precision_ = precision_of(x.dtype());
    }
    floor_ = std::pow(precision_.epsilon, 0.6);
  }

  ~Comparison() { default_generator().set_state(random_); }
  Comparison(const Comparison&) = delete;
  Comparison& operator=(const Comparison&) = delete;

  void run() {
    const std::vector<Tensor> first = call(inputs_);
    y_ = values_of(first);
    for (const Tensor& y : first) outputs_.push_back(carries_gradient(y) ? y.detach() : Tensor());
    if (!same_bits(first, call(inputs_))) {
      add({.verdict = Verdict::non_deterministic, .order = order_, .mode = "call", .note = "two calls differ"});
      return;
    }
    std::vector<Tensor> given = inputs_;
    for (Tensor& x : given)
      if (x.defined()) x = wrap(array::copy(array_of(x)));
    default_generator().set_state(random_);
    const engine::Linearization point("gradcheck", f_, given);
    // At order 2 the values are gradients: by fused rules without a tape, by the differentiable ones with it. Their
    // roundings differ; the differences of the one are compared with the derivatives of the other.
    if (order_ == 1 && !same_bits(first, point.outputs()))
      add({.verdict = Verdict::non_deterministic,
           .order = order_,
           .mode = "call",
           .note = "the values differ from those without a tape"});
    const std::vector<Tensor> u = random_cotangents();
    const std::vector<Tensor> gradient = point.pull_back(u);
    if (!same_bits(gradient, point.pull_back(u)))
      add({.verdict = Verdict::non_deterministic, .order = order_, .note = "two reverse sweeps differ"});
    if (!same_bits(given, inputs_))
      add({.verdict = Verdict::wrong, .order = order_, .mode = "call", .note = "the function changes its inputs"});

    const auto outputs = static_cast<std::int64_t>(y_.size());
    if (count_ * 2 * static_cast<std::int64_t>(kSteps) + outputs <= options_.budget) {
      full(point);
    } else {
      directional(point);
    }
    if (options_.forward_mode) forward(u, gradient);
  }

  const std::vector<Tensor>& outputs() const { return outputs_; }
  std::vector<Tensor> random_cotangents() {
    std::vector<Tensor> u;
    for (const Tensor& y : outputs_)
      u.push_back(y.defined() ? with_values(random_values(y.numel(), generator_), y) : Tensor());
    return u;
  }

 private:
  void add(GradcheckFinding finding) { report_.findings.push_back(std::move(finding)); }

  std::vector<Tensor> call(const std::vector<Tensor>& xs) {
    default_generator().set_state(random_);
    return f_(xs);
  }

  Shifted shifted(std::size_t i, const Values& values, double t) {
    std::vector<Tensor> xs = inputs_;
    xs[i] = with_values(values, inputs_[i]);
    return {t, values_of(call(xs))};
  }

  /// Zeros, with one element of one output 1.
  std::vector<Tensor> unit_cotangent(std::int64_t o) const {
    std::vector<Tensor> u;
    for (const Tensor& y : outputs_) {
      if (!y.defined()) {
        u.emplace_back();
        continue;
      }
      Values values(static_cast<std::size_t>(y.numel()), 0.0);
      if (o >= 0 && o < y.numel()) values[static_cast<std::size_t>(o)] = 1.0;
      u.push_back(with_values(values, y));
      o -= y.numel();
    }
    return u;
  }

  /// Every element of the Jacobian.
  void full(const engine::Linearization& point) {
    std::vector<std::vector<Values>> rows(inputs_.size());  // by input, output: the row of the Jacobian
    for (std::size_t o = 0; o < y_.size(); ++o) {
      const std::vector<Tensor> row = point.pull_back(unit_cotangent(static_cast<std::int64_t>(o)));
      for (std::size_t i = 0; i < row.size(); ++i) rows[i].push_back(values_of(row[i]));
    }
    Values magnitude = y_;
    // Outputs that are zero by cancellation carry the rounding of what cancelled, of which the others tell.
    for (double& m : magnitude) m = std::max(std::abs(m), 0.01 * largest(y_));
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (!carries_gradient(inputs_[i])) continue;
      GradcheckFinding worst = fresh_finding(i);
      double worst_excess = -1.0;
      double scale = 0.0;
      for (const Values& row : rows[i]) scale = std::max(scale, largest(row));
      const double natural = natural_scale(i);
      bool compared = false;
      bool significant = false;
      double steepest = 0.0;
      for (std::size_t j = 0; j < values_[i].size(); ++j) {
        const double x = values_[i][j];
        const auto along = [&](double t) {
          Values moved = values_[i];
          moved[j] = inputs_[i].dtype() == float32 ? static_cast<double>(static_cast<float>(x + t)) : x + t;
          return shifted(i, moved, moved[j] - x);
        };
        std::vector<Slope> slopes(y_.size());
        if (std::isfinite(x))
          slopes = slopes_along(along, y_, magnitude, std::max(std::abs(x), 1.0), precision_, false);
        bool thorough = false;
        for (std::size_t o = 0; o < y_.size(); ++o) {
          const double analytic = rows[i][o][j];
          if (!std::isfinite(y_[o])) continue;
          if (!std::isfinite(x) && !std::isnan(analytic)) continue;  // masked by an infinity: 0, or any limit
          const double block = std::max(scale, std::isfinite(slopes[o].error) ? std::abs(slopes[o].value) : 0.0);
          Compared c =
              compare(analytic, slopes[o], block, natural, floor_ * block + 100.0 * precision_.epsilon * natural);
          if (c.verdict != Verdict::ok && std::isfinite(x) && !thorough) {
            thorough = true;
            slopes = slopes_along(along, y_, magnitude, std::max(std::abs(x), 1.0), precision_, true);
            c = compare(analytic, slopes[o], block, natural, floor_ * block + 100.0 * precision_.epsilon * natural);
          }
          compared = true;
          significant = significant || c.significant;
          ++report_.comparisons;
          steepest = std::max(steepest, std::abs(slopes[o].value));
          if (c.verdict > worst.verdict || (c.verdict == worst.verdict && c.excess > worst_excess)) {
            worst_excess = c.excess;
            worst.verdict = c.verdict;
            worst.index = unravel(static_cast<std::int64_t>(j), inputs_[i].shape());
            worst.output = static_cast<std::int64_t>(o);
            set_values(worst, analytic, slopes[o], c.tolerance);
          }
        }
      }
      judge_vacuity(worst, compared, significant && std::max(scale, steepest) > 1e3 * precision_.epsilon * natural);
      add(std::move(worst));
    }
    rows_ = std::move(rows);
  }

  /// Products <u, J d> with random u and d.
  void directional(const engine::Linearization& point) {
    std::vector<std::pair<Values, std::vector<Values>>> sweeps;  // u, and J^T u by input
    for (int k = 0; k < options_.directions; ++k) {
      const std::vector<Tensor> u = random_cotangents();
      std::vector<Values> gradients;
      for (const Tensor& g : point.pull_back(u)) gradients.push_back(values_of(g));
      sweeps.emplace_back(values_of(u), std::move(gradients));
    }
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (!carries_gradient(inputs_[i])) continue;
      GradcheckFinding worst = fresh_finding(i);
      double worst_excess = -1.0;
      bool significant = false;
      double steepest = 0.0;
      for (const auto& [u, gradients] : sweeps) {
        const Values d = random_values(inputs_[i].numel(), generator_);
        const auto product = [&weights = u](const Values& y) {
          double sum = 0.0;
          for (std::size_t o = 0; o < y.size(); ++o)
            if (std::isfinite(y[o])) sum += weights[o] * y[o];
          return sum;
        };
        const auto along = [&](double t) {
          Values moved = values_[i];
          for (std::size_t j = 0; j < moved.size(); ++j) moved[j] += t * d[j];
          Shifted s = shifted(i, moved, t);
          s.y = {product(s.y)};
          return s;
        };
        double magnitude = 0.0;
        for (std::size_t o = 0; o < y_.size(); ++o)
          if (std::isfinite(y_[o])) magnitude += std::abs(u[o] * y_[o]);
        double scale = 0.0;
        for (std::size_t j = 0; j < d.size(); ++j) scale += std::abs(gradients[i][j] * d[j]);
        const double analytic = dot(gradients[i], d);
        const double x_scale = std::max(1.0, largest(values_[i]));
        Slope slope = slopes_along(along, {product(y_)}, {magnitude}, x_scale, precision_, false).front();
        Compared c = compare(analytic, slope, std::max(scale, std::abs(slope.value)), magnitude / x_scale,
                             floor_ * scale + 100.0 * precision_.epsilon * magnitude / x_scale);
        if (c.verdict != Verdict::ok) {
          slope = slopes_along(along, {product(y_)}, {magnitude}, x_scale, precision_, true).front();
          c = compare(analytic, slope, std::max(scale, std::abs(slope.value)), magnitude / x_scale,
                      floor_ * scale + 100.0 * precision_.epsilon * magnitude / x_scale);
        }
        ++report_.comparisons;
        significant = significant || c.significant;
        steepest = std::max({steepest, largest(gradients[i]), std::abs(slope.value)});
        if (c.verdict > worst.verdict || (c.verdict == worst.verdict && c.excess > worst_excess)) {
          worst_excess = c.excess;
          worst.verdict = c.verdict;
          set_values(worst, analytic, slope, c.tolerance);
        }
      }
      judge_vacuity(worst, !values_[i].empty() && !y_.empty(),
                    significant && steepest > 1e3 * precision_.epsilon * natural_scale(i));
      add(std::move(worst));
    }
  }

  /// Forward mode against reverse mode: J v against the Jacobian's rows where they are known, else <u, J v> = <J^T u,
  /// v>.
  void forward(const std::vector<Tensor>& u, const std::vector<Tensor>& gradient) {
    constexpr int kTangents = 3;
    const double rounding = std::pow(precision_.epsilon, 0.7);
    const Values weights = values_of(u);
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (!carries_gradient(inputs_[i])) continue;
      GradcheckFinding worst = fresh_finding(i);
      worst.mode = "forward";
      double worst_excess = -1.0;
      const Values g = values_of(gradient[i]);
      for (int k = 0; k < kTangents; ++k) {
        const Values v = random_values(inputs_[i].numel(), generator_);
        std::vector<Tensor> tangents(inputs_.size());
        tangents[i] = with_values(v, inputs_[i]);
        default_generator().set_state(random_);
        const Values dy = values_of(engine::jvp(f_, inputs_, tangents).second);
        const auto check = [&](double forward_value, const Values& row, std::int64_t output) {
          double scale = 0.0;
          double expected = 0.0;
          for (std::size_t j = 0; j < v.size(); ++j) {
            expected += row[j] * v[j];
            scale += std::abs(row[j] * v[j]);
          }
          // Where a slope is infinite both modes give infinities or NaN: the same kind will do.
          if (!std::isfinite(expected) && !std::isfinite(forward_value)) return;
          const double tolerance = rounding * std::max(scale, reach_) + 1e3 * precision_.epsilon * natural_scale(i);
          const double error = std::abs(forward_value - expected);
          const double excess = error <= tolerance ? (tolerance > 0 ? error / tolerance : 0.0) : 1e300;
          ++report_.comparisons;
          if (excess <= worst_excess) return;
          worst_excess = excess;
          worst.verdict = error <= tolerance ? Verdict::ok : Verdict::wrong;
          worst.output = output;
          worst.analytic = forward_value;
          worst.numeric = expected;
          worst.tolerance = tolerance;
        };
        reach_ = 0.0;
        if (!rows_.empty()) {
          for (const Values& row : rows_[i]) reach_ = std::max(reach_, largest(row));
          for (std::size_t o = 0; o < y_.size(); ++o)
            if (std::isfinite(y_[o])) check(dy[o], rows_[i][o], static_cast<std::int64_t>(o));
        } else {
          for (std::size_t o = 0; o < dy.size(); ++o) reach_ += std::abs(weights[o] * dy[o]);
          check(dot(weights, dy), g, -1);
        }
      }
      add(std::move(worst));
    }
  }

  GradcheckFinding fresh_finding(std::size_t i) const {
    return {.order = order_,
            .input = static_cast<int>(i),
            .input_name = i < options_.input_names.size() ? options_.input_names[i] : std::to_string(i)};
  }

  static void set_values(GradcheckFinding& finding, double analytic, const Slope& slope, double tolerance) {
    finding.analytic = analytic;
    finding.numeric = std::isfinite(slope.error) ? slope.value : std::numeric_limits<double>::quiet_NaN();
    finding.tolerance = tolerance;
    finding.slope_below = slope.below;
    finding.slope_above = slope.above;
  }

  /// The size of the outputs per size of an input.
  double natural_scale(std::size_t i) const {
    const double x = largest(values_[i]);
    return largest(y_) / (x > 0.0 ? x : 1.0);
  }

  /// At order 1 a gradient that is zero to rounding proves nothing. (At order 2 it is what linear functions have.)
  void judge_vacuity(GradcheckFinding& finding, bool compared, bool differs_from_zero) const {
    if (order_ != 1 || finding.verdict != Verdict::ok || differs_from_zero) return;
    finding.verdict = Verdict::vacuous;
    finding.note = "the gradient is zero to rounding";
    if (compared) return;
    const bool finite = std::all_of(y_.begin(), y_.end(), [](double y) { return std::isfinite(y); });
    finding.verdict = finite ? Verdict::vacuous : Verdict::out_of_domain;
    finding.note = finite ? "there is nothing to compare" : "the function is not finite here";
  }

  const TensorFunction& f_;
  std::vector<Tensor> inputs_;
  int order_;
  const GradcheckOptions& options_;
  GradcheckReport& report_;
  RandomStream random_;
  Generator generator_;
  Precision precision_ = precision_of(float64);
  double floor_ = 0.0;
  double reach_ = 0.0;
  std::int64_t count_ = 0;
  std::vector<Values> values_;
  Values y_;
  std::vector<Tensor> outputs_;
  std::vector<std::vector<Values>> rows_;
};

}  // namespace

namespace engine {

GradcheckReport gradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  if (std::none_of(inputs.begin(), inputs.end(), carries_gradient))
    throw DTypeError("[gradcheck] expected at least one floating input");
  if (options.order < 1 || options.order > 2)
    throw ValueError(fmt::format("[gradcheck] expected order 1 or 2, got {}", options.order));
  const TapeAside aside;
  GradcheckReport report;
  report.allowed = options.allow;
  std::vector<Tensor> point;
  for (const Tensor& x : inputs) point.push_back(x.defined() ? wrap(array::copy(array_of(x))) : x);
  Comparison first(f, point, 1, options, report);
  first.run();
  if (options.order == 2) {
    const std::size_t count = point.size();
    const TensorFunction gradient = [&f, count](const std::vector<Tensor>& all) {
      const std::vector<Tensor> xs(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
      const std::vector<Tensor> us(all.begin() + static_cast<std::ptrdiff_t>(count), all.end());
      return Linearization("gradcheck", f, xs).pull_back(us, true);
    };
    for (const Tensor& u : first.random_cotangents()) point.push_back(u);
    Comparison(gradient, point, 2, options, report).run();
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace engine

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok: return "ok";
    case Verdict::kink: return "kink";
    case Verdict::vacuous: return "vacuous";
    case Verdict::out_of_domain: return "out of domain";
    case Verdict::unreliable: return "unreliable";
    case Verdict::non_deterministic: return "non-deterministic";
    case Verdict::wrong: return "wrong";
  }
  return "?";
}

double GradcheckFinding::absolute_error() const { return std::abs(analytic - numeric); }
double GradcheckFinding::relative_error() const {
  const double size = std::max(std::abs(analytic), std::abs(numeric));
  return size > 0.0 ? absolute_error() / size : 0.0;
}

Verdict GradcheckReport::verdict() const {
  Verdict worst = Verdict::ok;
  for (const GradcheckFinding& f : findings) worst = std::max(worst, f.verdict);
  return worst;
}

bool GradcheckReport::ok() const {
  return std::all_of(findings.begin(), findings.end(), [&](const GradcheckFinding& f) {
    return f.verdict == Verdict::ok || f.verdict == Verdict::kink ||
           std::any_of(allowed.begin(), allowed.end(), [&](const Allowance& a) { return a.verdict == f.verdict; });
  });
}

std::string to_string(const GradcheckReport& report) {
  std::string text = fmt::format("gradcheck: {} ({} comparisons, {:.3f} s)\n", to_string(report.verdict()),
                                 report.comparisons, report.seconds);
  text += fmt::format("{:17} {:5} {:7} {:5} {:12} {:>6} {:>20} {:>20} {:>9} {:>9} {:>9}\n", "verdict", "order", "mode",
                      "input", "element", "output", "analytic", "numeric", "abs. err.", "rel. err.", "tolerance");
  for (const GradcheckFinding& f : report.findings) {
    std::string element;
    for (const std::int64_t i : f.index) element += (element.empty() ? "" : ", ") + std::to_string(i);
    element = f.output < 0 && f.index.empty() ? (f.input < 0 ? "" : "direction")
              : f.mode == "forward"           ? "direction"
                                              : "[" + element + "]";
    text += fmt::format("{:17} {:5} {:7} {:5} {:12} {:>6} {:>20.12g} {:>20.12g} {:>9.2g} {:>9.2g} {:>9.2g}",
                        to_string(f.verdict), f.order, f.mode, f.input_name, element,
                        f.output < 0 ? "" : std::to_string(f.output), f.analytic, f.numeric, f.absolute_error(),
                        f.relative_error(), f.tolerance);
    if (f.verdict == Verdict::kink)
      text += fmt::format("  slopes {:.6g} below, {:.6g} above", f.slope_below, f.slope_above);
    if (f.mode == "forward") text += "  (numeric: by reverse mode)";
    if (!f.note.empty()) text += "  " + f.note;
    text += "\n";
  }
  for (const Allowance& a : report.allowed)
    text += fmt::format("allowed: {}, because {}\n", to_string(a.verdict), a.reason);
  return text;
}

}  // namespace tapegrad
