#include "tapegrad/diff/gradcheck.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

#include "base/dispatch.hpp"
#include "gradcheck/compare.hpp"
#include "gradcheck/directions.hpp"
#include "gradcheck/streams.hpp"
#include "gradcheck/subject.hpp"
#include "gradcheck/wording.hpp"
#include "tape/private_tape.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/replay.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "text/unicode.hpp"

namespace tapegrad {
namespace {

using checker::Values;

void append_values(const Tensor& x, Values& values) {
  if (!carries_gradient(x)) return;
  const array::Array a = contiguous_array(x);
  const std::int64_t count = a.shape.numel();
  with_floating(a.dtype, [&](auto zero) {
    const auto* elements = a.as<decltype(zero)>();
    values.insert(values.end(), elements, elements + count);
  });
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

/// Of those that carry a gradient.
std::vector<checker::Extents> shapes_of(const std::vector<Tensor>& xs) {
  std::vector<checker::Extents> shapes;
  for (const Tensor& x : xs)
    if (carries_gradient(x)) shapes.emplace_back(x.shape().begin(), x.shape().end());
  return shapes;
}

Tensor with_values(std::span<const double> values, const Shape& shape, DType dtype) {
  Tensor x = empty(shape, {.dtype = dtype});
  with_floating(dtype, [&](auto zero) {
    using T = decltype(zero);
    std::copy(values.begin(), values.end(), x.mutable_data<T>("gradcheck").begin());
  });
  return x;
}

std::vector<Tensor> copies(std::vector<Tensor> xs) {
  for (Tensor& x : xs)
    if (x.defined()) x = wrap(contiguous_copy(array_of(x)));
  return xs;
}

std::vector<Tensor> in_float64(std::vector<Tensor> xs) {
  for (Tensor& x : xs)
    if (carries_gradient(x)) x = with_values(values_of(x), x.shape(), float64);
  return xs;
}

double epsilon_of(DType dtype) {
  return dtype == float64 ? std::numeric_limits<double>::epsilon()
                          : static_cast<double>(std::numeric_limits<float>::epsilon());
}

/// Whether values differ by no more than rounding leaves of terms as large as the largest of them, or as 1.
bool same_but_for_rounding(const Tensor& a, const Tensor& b) {
  if (!carries_gradient(a) || !carries_gradient(b) || a.shape() != b.shape() || a.dtype() != b.dtype())
    return same_bits(a, b);
  const Values x = values_of(a), y = values_of(b);
  const double allowed = 1e4 * epsilon_of(a.dtype()) * std::max(1.0, checker::largest(x));
  return std::equal(x.begin(), x.end(), y.begin(), [allowed](double p, double q) {
    return p == q || std::abs(p - q) <= allowed || (std::isnan(p) && std::isnan(q));
  });
}
bool same_but_for_rounding(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tensor& x, const Tensor& y) { return same_but_for_rounding(x, y); });
}

/// A tensor function at a point. Random numbers of the default generator are the same in each call, and what the
/// function remembers stays as it is.
class TensorSubject : public checker::Subject {
 public:
  TensorSubject(const TensorFunction& f, std::vector<Tensor> inputs, const std::vector<std::string>& names,
                const GradcheckOptions& options)
      : f_(f), inputs_(std::move(inputs)), options_(options) {
    in_float64_ = options.differences_in_float64;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const Tensor& x = inputs_[i];
      if (!carries_gradient(x)) continue;
      derivative_epsilon = std::max(derivative_epsilon, epsilon_of(x.dtype()));
      if (!in_float64_) value_epsilon = derivative_epsilon;
      parts.push_back({.number = static_cast<int>(i),
                       .name = names[i],
                       .shape = {x.shape().begin(), x.shape().end()},
                       .values = values_of(x),
                       .single = x.dtype() == float32 && !in_float64_});
    }
    value_epsilon = std::max(value_epsilon, options.accuracy);
    if (in_float64_) wide_ = in_float64(inputs_);
  }

  TensorSubject(const TensorSubject&) = delete;
  TensorSubject& operator=(const TensorSubject&) = delete;

  /// Random numbers are again those of the first call.
  void rewind() const { replay_.rewind(); }

  /// Calls and sweeps once and once more, and files what may not differ. Whether there is anything to compare.
  bool prepare(int order, GradcheckReport& report) {
    const std::vector<Tensor> given = copies(inputs_);
    const std::vector<Tensor> first = call(inputs_);
    for (const Tensor& y : first) results_.push_back(carries_gradient(y) ? y.detach() : Tensor());
    output_shapes = shapes_of(first);
    const auto file = [&](Verdict verdict, GradcheckMode mode, std::string note) {
      Subject::file(report, order, mode, verdict, std::move(note));
    };
    const std::vector<Tensor> again = call(inputs_);
    if (!same_bits(given, inputs_)) {
      file(Verdict::wrong, GradcheckMode::call, "the function changes its inputs");
      return false;
    }
    if (!same_bits(first, again)) {
      file(Verdict::non_deterministic, GradcheckMode::call,
           std::string("two calls with the same numbers differ") + checker::kDrawnAnew);
      return false;
    }
    replay_.rewind();
    point_.emplace("gradcheck", f_, copies(inputs_), how());
    // Of a function that takes gradients, by fused rules without a tape and by the differentiable ones with it, the
    // roundings differ; the differences of the one are compared with the derivatives of the other. At order 2 each
    // function is such a one.
    if (order == 1 && !same_but_for_rounding(first, point_->outputs()))
      file(Verdict::non_deterministic, GradcheckMode::call, "the values differ from those without a tape");
    const std::vector<Tensor> u =
        random_cotangents(checker::Streams(options_.seed, order).of(checker::Purpose::repeated_sweep));
    if (!same_bits(point_->pull_back(u), point_->pull_back(u)))
      file(Verdict::non_deterministic, GradcheckMode::reverse,
           std::string("two reverse sweeps differ") + checker::kDrawnAnew);
    const std::vector<Tensor> ys = in_float64_ ? wide_results() : first;
    if (const std::vector<checker::Extents> shapes = shapes_of(ys); shapes != output_shapes) {
      file(Verdict::unreliable, GradcheckMode::call,
           fmt::format("in float64 the function's results have the shapes {} at this point, in the inputs' dtypes {}: "
                       "the differences would be another function's",
                       checker::shapes_text(shapes), checker::shapes_text(output_shapes)));
      return false;
    }
    outputs = values_of(ys);
    return true;
  }

  std::vector<Tensor> random_cotangents(Generator generator) const {
    std::vector<Tensor> u;
    for (const Tensor& y : results_)
      u.push_back(y.defined() ? with_values(checker::normal_values(static_cast<std::size_t>(y.numel()), generator),
                                            y.shape(), y.dtype())
                              : Tensor());
    return u;
  }

  Values call_with(std::size_t part, const Values& values) override {
    std::vector<Tensor> xs = inputs_of_differences();
    replace(xs, part, values);
    return values_at(xs);
  }
  Values call_at(const std::vector<Values>& by_part) override {
    std::vector<Tensor> xs = inputs_of_differences();
    for (std::size_t i = 0; i < by_part.size(); ++i) replace(xs, i, by_part[i]);
    return values_at(xs);
  }

  std::vector<Values> pull_back(const Values& u) override { return by_part(point_->pull_back(cotangents(u))); }

  std::vector<Values> fine_pull_back(const Values& u) override {
    if (!in_float64_) return {};
    if (!fine_point_) {
      replay_.rewind();
      fine_point_.emplace("gradcheck", f_, wide_, how());
    }
    return by_part(fine_point_->pull_back(cotangents(u, float64)));
  }

  bool has_other_points() const override { return true; }
  std::vector<Values> pull_back_at(const std::vector<Values>& values, const Values& u) override {
    std::vector<Tensor> xs = copies(inputs_);
    for (std::size_t i = 0; i < values.size(); ++i) replace(xs, i, values[i]);
    replay_.rewind();
    const auto gradients = unless_refused(
        [&] { return by_part(engine::Linearization("gradcheck", f_, xs, how()).pull_back(cotangents(u))); });
    return gradients.value_or(std::vector<Values>());
  }

  bool has_push_forward() const override { return true; }
  Values push_forward(std::size_t part, const Values& v) override {
    const auto i = static_cast<std::size_t>(parts[part].number);
    std::vector<Tensor> tangents(inputs_.size());
    tangents[i] = with_values(v, inputs_[i].shape(), inputs_[i].dtype());
    replay_.rewind();
    return values_of(engine::jvp(f_, inputs_, tangents, how()).second);
  }

 private:
  TransformOptions how() const { return {.strong_zero = options_.strong_zero}; }

  std::vector<Tensor> call(const std::vector<Tensor>& xs) {
    replay_.rewind();
    return f_(xs);
  }

  Values values_at(const std::vector<Tensor>& xs) {
    return values_unless_refused([&] {
      const std::vector<Tensor> ys = call(xs);
      return comparable(values_of(ys), shapes_of(ys));
    });
  }

  void replace(std::vector<Tensor>& xs, std::size_t part, const Values& values) const {
    Tensor& x = xs[static_cast<std::size_t>(parts[part].number)];
    x = with_values(values, x.shape(), x.dtype());
  }

  const std::vector<Tensor>& inputs_of_differences() const { return in_float64_ ? wide_ : inputs_; }

  std::vector<Tensor> wide_results() {
    try {
      return call(wide_);
    } catch (const DTypeError& e) {
      throw DTypeError(
          std::string("[gradcheck] differences_in_float64 calls the function with float64 inputs, which it "
                      "does not take: ") +
          e.what());
    }
  }

  std::vector<Values> by_part(const std::vector<Tensor>& gradients) const {
    std::vector<Values> values;
    for (const checker::Part& part : parts)
      values.push_back(values_of(gradients[static_cast<std::size_t>(part.number)]));
    return values;
  }

  /// In the outputs' dtypes, or in another.
  std::vector<Tensor> cotangents(std::span<const double> values, std::optional<DType> dtype = std::nullopt) const {
    std::vector<Tensor> u;
    for (const Tensor& y : results_) {
      if (!y.defined()) {
        u.emplace_back();
        continue;
      }
      const auto count = static_cast<std::size_t>(y.numel());
      u.push_back(with_values(values.first(count), y.shape(), dtype.value_or(y.dtype())));
      values = values.subspan(count);
    }
    return u;
  }

  const TensorFunction& f_;
  std::vector<Tensor> inputs_;
  const GradcheckOptions& options_;
  Replay replay_{default_generator().state()};
  bool in_float64_ = false;
  std::vector<Tensor> results_;  // at the point; undefined where they carry no gradient
  std::optional<engine::Linearization> point_;
  std::vector<Tensor> wide_;  // the inputs in float64, where differences are taken in it
  std::optional<engine::Linearization> fine_point_;
};

std::vector<std::string> names_of(std::size_t inputs, std::size_t cotangents, const GradcheckOptions& options) {
  std::vector<std::string> names = options.input_names;
  for (std::size_t i = names.size(); i < inputs; ++i) names.push_back(std::to_string(i));
  for (std::string& name : names) name = on_one_line(name);
  for (std::size_t j = 0; j < cotangents; ++j)
    names.push_back(cotangents == 1 ? std::string("cotangent") : fmt::format("cotangent {}", j));
  return names;
}

}  // namespace

namespace engine {

GradcheckReport gradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  if (std::none_of(inputs.begin(), inputs.end(), carries_gradient))
    throw DTypeError("[gradcheck] expected at least one floating input");
  checker::expect_options("gradcheck", options);
  if (!options.input_shapes.empty())
    throw ValueError("[gradcheck] input_shapes are for plain callables: tensors have shapes of their own");
  if (!options.output_shape.empty())
    throw ValueError("[gradcheck] output_shape is for plain callables: tensors have shapes of their own");
  if (options.input_names.size() > inputs.size())
    throw ValueError(fmt::format("[gradcheck] expected names of at most {} inputs, got {}", inputs.size(),
                                 options.input_names.size()));
  const TapeAside aside;
  GradcheckReport report;
  report.allowed = options.allow;
  report.seed = options.seed;
  std::vector<Tensor> point = copies(inputs);
  TensorSubject first(f, point, names_of(point.size(), 0, options), options);
  const bool comparable = first.prepare(1, report);
  checker::FirstOrder known;
  if (comparable) known = checker::compare(first, 1, options, report);
  if (comparable && options.order == 2) {
    const std::size_t count = point.size();
    const TensorFunction gradient = [&f, &options, count](const std::vector<Tensor>& all) {
      const std::vector<Tensor> xs(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
      const std::vector<Tensor> us(all.begin() + static_cast<std::ptrdiff_t>(count), all.end());
      return Linearization("gradcheck", f, xs, {.strong_zero = options.strong_zero}).pull_back(us, true);
    };
    const Generator generator = checker::Streams(options.seed, 1).of(checker::Purpose::second_order);
    for (const Tensor& u : first.random_cotangents(generator)) point.push_back(u);
    first.rewind();
    TensorSubject second(gradient, point, names_of(count, point.size() - count, options), options);
    if (second.prepare(2, report)) checker::compare(second, 2, options, report, known);
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace engine
}  // namespace tapegrad
