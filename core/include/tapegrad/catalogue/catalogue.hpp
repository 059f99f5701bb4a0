// The catalogue: what an op's struct says beside its computation (derivation, samples, errors, a benchmark case).
// The gradient suite, the op table, what `tapegrad ops` shows and the benchmarks of ops are made from it. No list of
// ops is kept by hand: the build lists the op files.
//
// An op joins by four static members of its struct, and one line below it:
//
// clang-format off
//   static Derivation derivation() {
//     return {{"Definition", R"(y = \tanh x)", ""},
//             {"Slope", R"(\frac{dy}{dx} = 1 - y^2)", "quotient rule"},
//             {"Without cancellation", R"(1 - y^2 = 4\,\sigma(2x)\,\sigma(-2x))", "$1 - y^2$ vanishes where y has rounded to 1"}};
//   }
//   static Samples samples(Generator& g) {
//     return {{"plain", {uniform(g, {3, 4}, -2, 2)}},
//             {"saturated", {vector64({-30.0, 30.0})}, {.order = 0, .reason = "the slope is 0 to rounding"}}};
//   }
//   static ErrorSamples errors() {
//     return {{"integers", [] { tanh(arange(3)); }, "[tanh] expected a floating tensor"}};
//   }
//   static Sample benchmark(Generator& g) { return {"[512, 512]", {uniform(g, {512, 512}, -2, 2)}}; }
//
//   TAPEGRAD_CATALOGUE(pointwise, tanh, Tanh)      // the room, the name (the file's too), the struct
// clang-format on
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::catalogue {

/// What the formulas of all ops have in common.
inline constexpr std::string_view kNotation =
    "A bar is a cotangent: x\u0304 = ∂L/∂x, the gradient of the loss. ⟨a⟩ is a mean, ⟨a, b⟩ an inner product, [c] is 1 "
    "where c holds and else 0, δᵢⱼ is [i = j], ⊙ multiplies element by element. i ↦ j: element i takes part in "
    "result j, which is j(i) where it is the only one; a dot among indices stands for the other axes', one above a "
    "letter makes it a tangent. Φ and φ are the normal distribution and its density, σ(x) is the logistic function, "
    "σ² a variance.";

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
  std::string_view room;  ///< the family: a folder
  std::string_view name;
  std::string_view math;
  std::span<const std::string_view> input_names;  ///< empty where the op gives none
  bool differentiable;
  Derivation (*derivation)();
  std::function<Samples(Generator&)> samples;
  ErrorSamples (*errors)();
  std::function<Sample(Generator&)> benchmark;
};

/// Every op of this build, by name. Link tapegrad::catalogue.
std::span<const OpEntry* const> all_ops();

/// float64 tensors for samples.
inline Tensor uniform(Generator& g, const Shape& shape, double low, double high) {
  Tensor t = rand(shape, g, {.dtype = float64});
  for (double& v : t.mutable_data<double>("uniform")) v = low + (high - low) * v;
  return t;
}
/// As uniform(), but no two elements are nearer than half of what lies between neighbours on average: for functions
/// with kinks where elements are equal.
inline Tensor scattered(Generator& g, const Shape& shape, double low, double high) {
  Tensor t = uniform(g, shape, 0.25, 0.75);
  const std::span<double> values = t.mutable_data<double>("scattered");
  const auto count = static_cast<double>(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = low + (high - low) * (static_cast<double>(i) + values[i]) / count;
  for (std::size_t left = values.size(); left > 1; --left)
    std::swap(values[left - 1], values[static_cast<std::size_t>(g.below(static_cast<std::int64_t>(left)))]);
  return t;
}
/// scattered() magnitudes up to `most`, signs at random: for functions with kinks at 0 or where magnitudes are equal.
/// No element is near 0 or `most`; of an even number none is near the middle between.
inline Tensor signed_scattered(Generator& g, const Shape& shape, double most) {
  Tensor t = scattered(g, shape, 0.0, most);
  for (double& v : t.mutable_data<double>("signed_scattered")) v = g.below(2) == 0 ? v : -v;
  return t;
}
inline Tensor full64(const Shape& shape, double value) { return full(shape, value, {.dtype = float64}); }
/// A float64 vector of the given values.
inline Tensor vector64(const std::vector<double>& values) {
  return from_vector(values, {static_cast<std::int64_t>(values.size())});
}

/// Makes a Call of a function of tensors: of(softplus), or of two:
/// of<2>([](const Tensor& a, const Tensor& b) { return matmul(a, b); }).
template <std::size_t Count = 1, class F>
Call of(F f) {
  return [f](const Arguments& x) -> std::vector<Tensor> {
    return [&]<std::size_t... I>(std::index_sequence<I...>)->std::vector<Tensor> {
      if constexpr (requires { std::tuple_size<decltype(f(x[I]...))>::value; }) {
        auto results = f(x[I]...);
        return std::vector<Tensor>(results.begin(), results.end());
      } else {
        return {f(x[I]...)};
      }
    }
    (std::make_index_sequence<Count>{});
  };
}

/// Fills in the default call for samples that have none. Throws ValueError for an op that has no default, or takes
/// other numbers of inputs than one, two, three or any.
template <class O>
Sample with_default_call(Sample sample) {
  if (sample.call) return sample;
  if constexpr (std::is_default_constructible_v<O>) {
    if constexpr (
        requires(Tensor t) { O{}.forward(t); } || requires(Keeper & k, Tensor t) { O{}.forward(k, t); }) {
      sample.call = of<1>([](const Tensor& x) { return tapegrad::apply(O{}, x); });
    } else if constexpr (
        requires(Tensor t) { O{}.forward(t, t); } || requires(Keeper & k, Tensor t) { O{}.forward(k, t, t); }) {
      sample.call = of<2>([](const Tensor& a, const Tensor& b) { return tapegrad::apply(O{}, a, b); });
    } else if constexpr (
        requires(Tensor t) { O{}.forward(t, t, t); } || requires(Keeper & k, Tensor t) { O{}.forward(k, t, t, t); }) {
      sample.call =
          of<3>([](const Tensor& a, const Tensor& b, const Tensor& c) { return tapegrad::apply(O{}, a, b, c); });
    } else if constexpr (
        requires(Inputs in) { O{}.forward(in); } || requires(Keeper & k, Inputs in) { O{}.forward(k, in); }) {
      sample.call = [](const Arguments& x) -> std::vector<Tensor> { return {tapegrad::apply(O{}, x)}; };
    }
  }
  if (!sample.call)
    throw ValueError("[" + std::string(O::name) + "] its sample \"" + sample.name +
                     "\" must say how it is called: of(...)");
  return sample;
}

/// Reads an op struct's static members into an entry.
template <class O>
OpEntry make_entry(std::string_view room) {
  return {.room = room,
          .name = O::name,
          .math = O::math,
          .input_names = O::input_names,
          .differentiable = O::differentiable,
          .derivation = [] { return O::derivation(); },
          .samples =
              [](Generator& g) {
                Samples samples;
                for (Sample& sample : O::samples(g)) samples.push_back(with_default_call<O>(std::move(sample)));
                return samples;
              },
          .errors = [] { return O::errors(); },
          .benchmark = [](Generator& g) { return with_default_call<O>(O::benchmark(g)); }};
}

}  // namespace tapegrad::catalogue

/// Puts an op into the catalogue. `op_name` is the op's name, and its file's.
#define TAPEGRAD_CATALOGUE(room, op_name, Struct)                              \
  namespace catalogue {                                                        \
  const OpEntry& entry_##op_name();                                            \
  const OpEntry& entry_##op_name() {                                           \
    static_assert(Struct::name == #op_name, "an entry goes by its op's name"); \
    static const OpEntry entry = make_entry<Struct>(#room);                    \
    return entry;                                                              \
  }                                                                            \
  }
