#include "suite/sample_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "kernels/thread_count.hpp"
#include "suite/gradients.hpp"
#include "suite/measured.hpp"
#include "suite/tensors.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/format.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/same_bits.hpp"

namespace tapegrad::suite {
namespace {

using catalogue::Arguments;
using catalogue::Sample;

constexpr double kRounding = 1e-12;
/// What rounding leaves of a gradient that is zero (attention to a single key), in units of the other gradients.
constexpr double kLeftOfZero = 1e-14;

bool all_finite(const std::vector<Tensor>& xs) {
  return std::all_of(xs.begin(), xs.end(), [](const Tensor& x) {
    if (!x.defined()) return true;
    const std::vector<double> values = doubles(x);
    return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
  });
}

bool has_elements(const std::vector<Tensor>& xs) {
  return std::none_of(xs.begin(), xs.end(), [](const Tensor& x) { return x.defined() && x.numel() == 0; });
}

bool has_floating_input(const Sample& sample) {
  return std::any_of(sample.inputs.begin(), sample.inputs.end(), carries_gradient);
}

Arguments map(const Arguments& xs, Tensor (*f)(const Tensor&)) {
  Arguments result;
  std::transform(xs.begin(), xs.end(), std::back_inserter(result), f);
  return result;
}

/// Memory order is nobody's business, but the values are.
CheckResult check_memory_of_values(const Sample& sample) {
  return measured("memory order", sample.name, [&](CheckResult& result) {
    const Gradients plain{sample.call(sample.inputs), {}};
    const std::string found = difference(plain, {sample.call(scattered(sample.inputs)), {}}, kRounding);
    if (!found.empty()) fail(result, "with non-contiguous inputs " + found);
  });
}

CheckResult check_memory_of_gradients(const Sample& sample, const Gradients& plain, std::vector<Tensor> us) {
  return measured("memory order of cotangents", sample.name, [&](CheckResult& result) {
    const std::string found = difference(
        plain, gradients(sample.call, scattered(sample.inputs), us, {.scattered_cotangents = true}), kRounding);
    if (!found.empty()) fail(result, "with non-contiguous inputs and cotangents " + found);
  });
}

CheckResult check_gradient_kind(const Sample& sample, const Gradients& plain, Differentiable differentiable) {
  return measured("gradient's kind", sample.name, [&](CheckResult& result) {
    for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
      const Tensor& x = sample.inputs[i];
      const Tensor& dx = plain.dxs[i];
      if (!dx.defined()) continue;
      if (differentiable == Differentiable::never) {
        fail(result, fmt::format("an op without derivative gave input {} a gradient", i));
      } else if (dx.shape() != x.shape() || dx.dtype() != x.dtype()) {
        fail(result, fmt::format("input {} is {} {}, its gradient {} {}", i, to_string(x.dtype()), x.shape(),
                                 to_string(dx.dtype()), dx.shape()));
      }
    }
  });
}

/// A zero cotangent gives exactly zero, wherever the gradient is finite.
CheckResult check_zero_cotangent(const Sample& sample, const Gradients& plain, const std::vector<Tensor>& us) {
  return measured("zero cotangent", sample.name, [&](CheckResult& result) {
    if (!all_finite(plain.dxs)) return skip(result, "the gradient is not finite");
    std::vector<Tensor> zero;
    for (const Tensor& u : us) zero.push_back(u.defined() ? zeros_like(u) : u);
    for (const Tensor& dx : gradients(sample.call, sample.inputs, zero).dxs) {
      if (!dx.defined()) continue;
      for (const double v : doubles(dx))
        if (v != 0.0) return fail(result, fmt::format("a zero cotangent gave {}", v));
    }
  });
}

CheckResult check_rules(const Sample& sample, const Gradients& plain, std::vector<Tensor> us,
                        Differentiable differentiable) {
  return measured("both rules", sample.name, [&](CheckResult& result) {
    if (differentiable == Differentiable::once) {
      if (sample.options.order == 2) return fail(result, "differentiable only once, but the sample says order 2");
      return skip(result, "differentiable only once");
    }
    // The two add in different orders, and where terms cancel more than rounding of the result remains.
    const std::string found =
        difference(plain, gradients(sample.call, sample.inputs, us, {.differentiable_rules = true}), 100.0 * kRounding,
                   kLeftOfZero);
    if (!found.empty()) fail(result, "fused and differentiable reverse rule: " + found);
  });
}

/// float32 computes what float64 does on the same numbers.
CheckResult check_precision(const Sample& sample, const std::vector<Tensor>& us) {
  return measured("float32", sample.name, [&](CheckResult& result) {
    if (sample.options.kink) return skip(result, "stands on a kink");
    if (sample.options.order == 0) return skip(result, std::string(sample.options.reason));
    std::vector<Tensor> narrow_us = map(us, in_float32);
    std::vector<Tensor> wide_us = map(us, rounded_to_float32);
    try {
      const std::string found =
          difference(gradients(sample.call, map(sample.inputs, in_float32), narrow_us),
                     gradients(sample.call, map(sample.inputs, rounded_to_float32), wide_us), 2e-4, 1e-6);
      if (!found.empty()) fail(result, "float32 and float64: " + found);
    } catch (const DTypeError& e) {
      skip(result, fmt::format("its function holds a float64 tensor: {}", e.what()));
    }
  });
}

CheckResult check_differences(const Sample& sample, const CheckOptions& options, bool forward_mode) {
  return measured("differences", sample.name, [&](CheckResult& result) {
    // On a kink the gradient is a choice, and its own derivative none.
    GradcheckOptions how{.order = std::min(options.order, sample.options.kink ? 1 : sample.options.order),
                         .forward_mode = forward_mode,
                         .seed = options.seed};
    Arguments inputs = sample.inputs;
    if (options.dtype == float32) {
      inputs = map(inputs, in_float32);
      how.allow = {{Verdict::unreliable, "differences in float32 are rough; float64 decides"},
                   {Verdict::vacuous, "in float32 it is zero to rounding; float64 decides"}};
    }
    try {
      result.report = gradcheck(sample.call, inputs, how);
    } catch (const DTypeError& e) {
      if (options.dtype != float32) throw;
      return skip(result, fmt::format("its function holds a float64 tensor: {}", e.what()));
    }
    if (!passes(*result.report, sample, options)) fail(result, to_string(*result.report));
  });
}

void restart_random_numbers(std::uint64_t seed) { default_generator().set_state(default_numbers(seed)); }

}  // namespace

bool passes(const GradcheckReport& report, const Sample& sample, const CheckOptions& options) {
  bool elements = has_elements(sample.inputs);
  if (elements) {
    restart_random_numbers(options.seed);
    elements = has_elements(sample.call(sample.inputs));
  }
  return std::all_of(report.findings.begin(), report.findings.end(), [&](const GradcheckFinding& f) {
    return f.verdict == Verdict::ok || (f.verdict == Verdict::kink && sample.options.kink) ||
           (f.verdict == Verdict::vacuous && (!elements || (f.analytic == 0.0 && f.numeric == 0.0))) ||
           std::any_of(report.allowed.begin(), report.allowed.end(),
                       [&](const Allowance& a) { return a.verdict == f.verdict; });
  });
}

CheckResult check_differences(const Sample& sample, const CheckOptions& options) {
  restart_random_numbers(options.seed);
  return check_differences(sample, options, true);
}

std::vector<CheckResult> check_sample(const Sample& sample, Differentiable differentiable,
                                      const CheckOptions& options) {
  restart_random_numbers(options.seed);
  std::vector<CheckResult> results;
  results.push_back(check_memory_of_values(sample));
  if (!has_floating_input(sample)) return results;

  std::vector<Tensor> us;
  Gradients plain;
  CheckResult computed =
      measured("gradient", sample.name, [&](CheckResult&) { plain = gradients(sample.call, sample.inputs, us); });
  if (computed.outcome == Outcome::failed) {
    results.push_back(std::move(computed));
    return results;
  }
  results.push_back(check_gradient_kind(sample, plain, differentiable));
  if (differentiable == Differentiable::never) return results;
  results.push_back(check_memory_of_gradients(sample, plain, us));
  results.push_back(check_zero_cotangent(sample, plain, us));
  results.push_back(check_rules(sample, plain, us, differentiable));
  results.push_back(check_precision(sample, us));
  if (sample.options.order > 0) {
    results.push_back(check_differences(sample, options, differentiable == Differentiable::always));
  } else {
    results.push_back(measured("differences", sample.name, [&](CheckResult& result) {
      if (sample.options.reason.empty()) return fail(result, "order 0 needs its reason");
      skip(result, std::string(sample.options.reason));
    }));
  }
  return results;
}

CheckResult check_error(const catalogue::ErrorSample& error) {
  return measured("errors", error.name, [&](CheckResult& result) {
    try {
      error.call();
      fail(result, fmt::format("no error; expected \"{}\"", error.message));
    } catch (const Error& e) {
      if (std::string_view(e.what()).substr(0, error.message.size()) != error.message)
        fail(result, fmt::format("got \"{}\", expected \"{}\"", e.what(), error.message));
    }
  });
}

CheckResult check_threads(const Sample& sample) {
  return measured("threads", sample.name, [&](CheckResult& result) {
    std::vector<Tensor> us;
    const kernels::ThreadCount alone(1);
    const Gradients expected = gradients(sample.call, sample.inputs, us);
    for (const int threads : {2, 8}) {
      const kernels::ThreadCount team(threads);
      const Gradients got = gradients(sample.call, sample.inputs, us);
      for (std::size_t j = 0; j < got.ys.size(); ++j)
        if (!same_bits(got.ys[j], expected.ys[j]))
          fail(result, fmt::format("output {} differs with {} threads", j, threads));
      for (std::size_t i = 0; i < got.dxs.size(); ++i)
        if (!same_bits(got.dxs[i], expected.dxs[i]))
          fail(result, fmt::format("gradient {} differs with {} threads", i, threads));
    }
  });
}

}  // namespace tapegrad::suite
