#include "tapegrad/gradcheck/check_gradient.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/counted.hpp"
#include "gradcheck/compare.hpp"
#include "gradcheck/subject.hpp"
#include "gradcheck/wording.hpp"
#include "tapegrad/base/error.hpp"
#include "text/unicode.hpp"

namespace tapegrad::engine {
namespace {

using checker::Extents;
using checker::Part;
using checker::Values;

bool same_bits(const Values& a, const Values& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

/// The number of elements of a shape; nothing when it has none that can be counted.
std::optional<std::size_t> elements_of(const Extents& shape) {
  std::size_t count = 1;
  for (const std::int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(count, static_cast<std::size_t>(size), &count)) return std::nullopt;
  return count;
}

/// x cut into the parts that the options name.
std::vector<Part> parts_of(const char* name, Point x, const GradcheckOptions& options) {
  std::vector<Extents> shapes = options.input_shapes;
  if (shapes.empty()) shapes.push_back({static_cast<std::int64_t>(x.size())});
  std::vector<Part> parts;
  std::size_t begin = 0;
  for (const Extents& shape : shapes) {
    const std::size_t number = parts.size();
    const std::optional<std::size_t> count = elements_of(shape);
    if (!count || *count > x.size() - begin) break;
    const std::size_t size = *count;
    parts.push_back({.number = static_cast<int>(number),
                     .name = number < options.input_names.size() ? on_one_line(options.input_names[number])
                             : shapes.size() == 1                ? std::string("x")
                                                                 : fmt::format("part {}", number),
                     .shape = shape,
                     .values = {x.begin() + static_cast<std::ptrdiff_t>(begin),
                                x.begin() + static_cast<std::ptrdiff_t>(begin + size)}});
    begin += size;
  }
  if (parts.size() != shapes.size() || begin != x.size())
    throw ValueError(fmt::format("[{}] input_shapes do not add up to the {} elements of x", name, x.size()));
  if (options.input_names.size() > parts.size())
    throw ValueError(fmt::format("[{}] {} input_names for {} of x: input_shapes cuts it into parts", name,
                                 options.input_names.size(), counted(parts.size(), "part")));
  return parts;
}

class PlainSubject : public checker::Subject {
 public:
  PlainSubject(const PlainFunction& f, const PlainDerivatives& derivatives, Point x, const GradcheckOptions& options)
      : f_(f), derivatives_(derivatives), x_(x.begin(), x.end()), output_shape_(options.output_shape) {
    parts = parts_of(derivatives.name, x, options);
    std::size_t begin = 0;
    for (const Part& part : parts) {
      begins_.push_back(begin);
      begin += part.values.size();
    }
    value_epsilon = std::max(value_epsilon, options.accuracy);
    if (derivatives.push_forward) rule_mode = GradcheckMode::forward;
  }

  /// Calls once and once more, and files what may not differ. Whether there is anything to compare.
  bool prepare(GradcheckReport& report) {
    const auto file = [&](Verdict verdict, std::string note) {
      Subject::file(report, 1, GradcheckMode::call, verdict, std::move(note));
    };
    Values given = x_;
    outputs = f_(given);
    output_shapes = {output_shape_};
    if (output_shape_.empty() && outputs.size() != 1) output_shapes = {{static_cast<std::int64_t>(outputs.size())}};
    if (elements_of(output_shapes.front()) != outputs.size())
      throw ValueError(fmt::format("[{}] output_shape does not have the {} elements that the function returns",
                                   derivatives_.name, outputs.size()));
    // Copies: who writes them may not change the point that everything is compared at.
    if (!same_bits(given, x_)) {
      file(Verdict::wrong, "the function changes its input");
      return false;
    }
    if (!same_bits(outputs, f_(given))) {
      file(Verdict::non_deterministic,
           std::string("two calls of the function with the same numbers differ") + checker::kDrawnAnew);
      return false;
    }
    const Values first = everything(given);
    if (!same_bits(given, x_)) {
      file(Verdict::wrong, "the derivative changes its input");
      return false;
    }
    if (!same_bits(first, everything(given))) {
      file(Verdict::non_deterministic,
           std::string("two calls of the derivative with the same numbers differ") + checker::kDrawnAnew);
      return false;
    }
    if (derivatives_.push_forward && !linear_in_the_tangent(first))
      file(Verdict::wrong, "the derivative is not linear in the tangent: it forgets or distorts it");
    // A derivative that keeps what the last call of f computed answers for the point of that call.
    Values elsewhere = x_;
    for (double& v : elsewhere) v += 0.01 * std::max(1.0, std::abs(v));
    (void)unless_refused([&] { return f_(elsewhere); });  // outside the domain: nothing was kept
    if (!same_bits(first, everything(given))) {
      file(Verdict::non_deterministic,
           "the derivative at x changes when the function was called elsewhere before: it uses a stale value of that "
           "call");
      return false;
    }
    return true;
  }

  Values call_with(std::size_t part, const Values& values) override {
    Values x = x_;
    place(x, part, values);
    return values_at(x);
  }
  Values call_at(const std::vector<Values>& by_part) override {
    Values x = x_;
    for (std::size_t i = 0; i < by_part.size(); ++i) place(x, i, by_part[i]);
    return values_at(x);
  }

  std::vector<Values> pull_back(const Values& u) override {
    Values gradient(x_.size(), 0.0);
    if (derivatives_.pull_back) {
      gradient = sized(derivatives_.pull_back(x_, u), x_.size());
    } else {
      const Values& jacobian = whole_jacobian();
      for (std::size_t o = 0; o < u.size(); ++o) {
        if (u[o] == 0.0) continue;  // a zero hides what is not finite
        for (std::size_t j = 0; j < x_.size(); ++j) gradient[j] += u[o] * jacobian[o * x_.size() + j];
      }
    }
    std::vector<Values> by_part;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto begin = gradient.begin() + static_cast<std::ptrdiff_t>(begins_[i]);
      by_part.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(parts[i].values.size()));
    }
    return by_part;
  }

 private:
  static constexpr double kProbe = -0.7;  // a cotangent and a tangent of another size and sign than unit ones

  Values sized(Values values, std::size_t expected) const {
    if (values.size() != expected)
      throw ShapeError(
          fmt::format("[{}] expected a derivative of {} elements, got {} (x has {}, the function returns {})",
                      derivatives_.name, expected, values.size(), x_.size(), outputs.size()));
    return values;
  }

  /// All that the derivative says at x in one call.
  Values everything(Point x) const {
    if (derivatives_.jacobian) return sized(derivatives_.jacobian(x), outputs.size() * x_.size());
    if (derivatives_.pull_back) return sized(derivatives_.pull_back(x, Values(outputs.size(), kProbe)), x_.size());
    return sized(derivatives_.push_forward(x, Values(x_.size(), kProbe)), outputs.size());
  }

  /// Whether J v for the probe, `at_once`, is what the columns for unit tangents add up to.
  bool linear_in_the_tangent(const Values& at_once) {
    const Values& jacobian = whole_jacobian();
    for (std::size_t o = 0; o < at_once.size(); ++o) {
      double expected = 0.0;
      double reach = 0.0;
      for (std::size_t j = 0; j < x_.size(); ++j) {
        expected += kProbe * jacobian[o * x_.size() + j];
        reach += std::abs(kProbe * jacobian[o * x_.size() + j]);
      }
      const double tolerance = std::pow(derivative_epsilon, 0.7) * reach;
      if (std::isfinite(expected) && !(std::abs(at_once[o] - expected) <= tolerance)) return false;
    }
    return true;
  }

  const Values& whole_jacobian() {
    if (!jacobian_.empty() || x_.empty() || outputs.empty()) return jacobian_;
    if (derivatives_.jacobian) {
      jacobian_ = sized(derivatives_.jacobian(x_), outputs.size() * x_.size());
      return jacobian_;
    }
    jacobian_.resize(outputs.size() * x_.size());
    for (std::size_t j = 0; j < x_.size(); ++j) {
      Values unit(x_.size(), 0.0);
      unit[j] = 1.0;
      const Values column = sized(derivatives_.push_forward(x_, unit), outputs.size());
      for (std::size_t o = 0; o < outputs.size(); ++o) jacobian_[o * x_.size() + j] = column[o];
    }
    return jacobian_;
  }

  void place(Values& x, std::size_t part, const Values& values) const {
    std::copy(values.begin(), values.end(), x.begin() + static_cast<std::ptrdiff_t>(begins_[part]));
  }

  Values values_at(const Values& x) {
    return values_unless_refused([&] {
      Values y = f_(x);
      if (y.size() == outputs.size()) return y;
      std::vector<Extents> shapes = {{static_cast<std::int64_t>(y.size())}};
      return comparable(std::move(y), std::move(shapes));
    });
  }

  const PlainFunction& f_;
  const PlainDerivatives& derivatives_;
  Values x_;
  Extents output_shape_;             // empty where none was given
  std::vector<std::size_t> begins_;  // of the parts in x
  Values jacobian_;                  // row-major, once it was asked for
};

}  // namespace

GradcheckReport check_plain(const PlainFunction& f, const PlainDerivatives& derivatives, Point x,
                            const GradcheckOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  checker::expect_options(derivatives.name, options);
  if (options.differences_in_float64)
    throw ValueError(
        fmt::format("[{}] differences_in_float64 is for tensors: plain callables compute in double", derivatives.name));
  if (options.strong_zero)
    throw ValueError(fmt::format("[{}] strong_zero is for tensors: plain callables have no sweeps", derivatives.name));
  GradcheckReport report;
  report.allowed = options.allow;
  report.seed = options.seed;
  PlainSubject subject(f, derivatives, x, options);
  GradcheckOptions first_order = options;
  first_order.order = 1;  // or the comparison would measure what only the order above asks for
  if (subject.prepare(report)) checker::compare(subject, 1, first_order, report);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace tapegrad::engine
