// An entry of the catalogue: what an op's struct says beside its computation (derivation, samples, errors, a benchmark
// case). Whoever reads the catalogue needs no more; an op's file includes catalogue.hpp.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tapegrad/base/random.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::catalogue {

/// What the formulas of all ops have in common: prose with formulas between dollars.
inline constexpr std::string_view kNotation =
    "A bar is a cotangent: $\\bar x = \\partial L/\\partial x$, the gradient of the loss, summed over the copies where "
    "an operand is broadcast. $\\langle a \\rangle$ is a mean, $\\langle a, b \\rangle$ an inner product, $[c]$ is 1 "
    "where $c$ holds and else 0, $\\delta_{ij}$ is $[i = j]$, $\\odot$ multiplies element by element. $i \\mapsto j$: "
    "element $i$ takes part in result $j$, which is $j(i)$ where it is the only one; a dot among indices stands for "
    "the other axes', one above a letter makes it a tangent. $\\Phi$ and $\\varphi$ are the normal distribution and "
    "its density, $\\sigma(x)$ is the logistic function, $\\sigma^2$ a variance.";

/// One step of a derivation: what it is, the formula (LaTeX), and why it follows.
struct Step {
  std::string_view title;
  std::string_view latex;
  std::string_view why;
};
using Derivation = std::vector<Step>;

using Arguments = std::vector<Tensor>;
/// A sample's function: from its inputs to the op's output(s).
using Call = std::function<std::vector<Tensor>(const Arguments&)>;

struct SampleOptions {
  /// Orders of derivative that are compared with finite differences: 2, 1, or 0 where differences cannot tell (say
  /// why).
  int order = 2;
  std::string_view reason = {};
  /// Whether the sample stands on a kink, where the gradient is a choice: checked against the subgradient interval
  /// only.
  bool kink = false;
};

/// Inputs (float64; other dtypes are passed through and not differentiated; undefined ones stand for absent optional
/// inputs).
struct Sample {
  std::string name;
  Arguments inputs;
  Call call;  ///< when empty: the op, default-constructed
  SampleOptions options;

  Sample(std::string sample_name, Arguments sample_inputs, SampleOptions sample_options = {})
      : name(std::move(sample_name)), inputs(std::move(sample_inputs)), options(sample_options) {}
  Sample(std::string sample_name, Arguments sample_inputs, Call sample_call, SampleOptions sample_options = {})
      : name(std::move(sample_name)),
        inputs(std::move(sample_inputs)),
        call(std::move(sample_call)),
        options(sample_options) {}
};
using Samples = std::vector<Sample>;

/// A misuse, and the beginning of the message it must be answered with.
struct ErrorSample {
  std::string name;
  std::function<void()> call;
  std::string message;
};
using ErrorSamples = std::vector<ErrorSample>;

struct OpEntry {
  std::string_view family;  ///< its folder; of one's own op, any word
  std::string_view name;
  std::string_view math;
  std::span<const std::string_view> input_names;  ///< empty where the op gives none
  bool differentiable;
  bool twice_differentiable;  ///< whether its reverse rule is made of tensor functions, not a fused one alone
  bool keeps_nothing;         ///< whether its reverse rule reads no input, output or residual
  Derivation (*derivation)();
  std::function<Samples(Generator&)> samples;
  ErrorSamples (*errors)();
  std::function<Sample(Generator&)> benchmark;  ///< may be empty for one's own op
};

/// Every op of this build, by name. Link tapegrad::catalogue.
std::span<const OpEntry* const> all_ops();

}  // namespace tapegrad::catalogue
