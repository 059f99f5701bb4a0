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
//     return {{"integers", [] { (void)tanh(arange(3)); }, "[tanh] expected a floating tensor"}};
//   }
//   static Sample benchmark(Generator& g) { return {"[512, 512]", {uniform(g, {512, 512}, -2, 2)}}; }
//
//   TAPEGRAD_CATALOGUE(pointwise, tanh, Tanh)      // the family, the name (the file's too), the struct
// clang-format on
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/catalogue/samples.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::catalogue {

/// How many tensors O's forward function takes, one to eight; else engine::kAnyNumber.
template <class O, int Count = 1>
constexpr int forward_count() {
  if constexpr (engine::fits_forward<O>(std::make_index_sequence<static_cast<std::size_t>(Count)>())) {
    return Count;
  } else if constexpr (Count < 8) {
    return forward_count<O, Count + 1>();
  } else {
    return engine::kAnyNumber;
  }
}

/// Fills in the default call for samples that have none. Throws ValueError for an op that has no default, or takes
/// more than eight inputs but not any number.
template <class O>
Sample with_default_call(Sample sample) {
  if (sample.call) return sample;
  if constexpr (std::is_default_constructible_v<O>) {
    constexpr int kCount = forward_count<O>();
    if constexpr (kCount != engine::kAnyNumber) {
      sample.call = of<static_cast<std::size_t>(kCount)>([](const auto&... x) { return tapegrad::apply(O{}, x...); });
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

/// The op's benchmark case; empty where it has none.
template <class O>
std::function<Sample(Generator&)> benchmark_of() {
  if constexpr (requires(Generator & g) { O::benchmark(g); }) {
    return [](Generator& g) { return with_default_call<O>(O::benchmark(g)); };
  } else {
    return {};
  }
}

/// Reads an op struct's static members into an entry. Only samples() is needed: an op of one's own (tapegrad/suite.hpp)
/// may leave the others out.
template <class O>
OpEntry make_entry(std::string_view family) {
  using Table = engine::TableOf<O, forward_count<O>()>;
  return {.family = family,
          .name = O::name,
          .math = O::math,
          .input_names = O::input_names,
          .differentiable = O::differentiable,
          .twice_differentiable = Table::kHasVjp,
          .keeps_nothing =
              O::keep.input_set == 0 && O::keep.output_set == 0 && O::residual_names.empty() && !Table::kKeepsFor,
          .derivation = []() -> Derivation {
            if constexpr (requires { O::derivation(); }) return O::derivation();
            return {};
          },
          .samples =
              [](Generator& g) {
                Samples samples;
                for (Sample& sample : O::samples(g)) samples.push_back(with_default_call<O>(std::move(sample)));
                return samples;
              },
          .errors = []() -> ErrorSamples {
            if constexpr (requires { O::errors(); }) return O::errors();
            return {};
          },
          .benchmark = benchmark_of<O>()};
}

}  // namespace tapegrad::catalogue

/// Puts an op into the catalogue. `op_name` is the op's name, and its file's.
#define TAPEGRAD_CATALOGUE(family, op_name, Struct)                                        \
  namespace catalogue {                                                                    \
  const OpEntry& entry_##op_name();                                                        \
  const OpEntry& entry_##op_name() {                                                       \
    static_assert(Struct::name == #op_name, "an entry goes by its op's name");             \
    static_assert(requires { &Struct::derivation, &Struct::errors, &Struct::benchmark; }); \
    static const OpEntry entry = make_entry<Struct>(#family);                              \
    return entry;                                                                          \
  }                                                                                        \
  }
