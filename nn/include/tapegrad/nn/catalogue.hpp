// The catalogue of layers: for each layer what its file says beside its computation: a formula, samples, errors, a
// benchmark case. The suite and the program `tapegrad` are made from it. As with the ops (tapegrad/catalogue/
// catalogue.hpp) no list is kept by hand: the build lists the files under nn/src.
//
// A layer joins by a struct and one line at the end of its file, in namespace tapegrad::nn:
//
// clang-format off
//   struct LinearEntry {
//     static constexpr std::string_view math = R"(y = x W^\top + b)";
//     static catalogue::LayerSamples samples(Generator& g) {
//       using namespace catalogue;
//       return {layer_sample("rows", Linear(4, 3, {.dtype = float64}), {uniform(g, {2, 4}, -2, 2)})};
//     }
//     static catalogue::ErrorSamples errors() {
//       return {{"sizes", [] { Linear(-1, 3); }, "[Linear] expected sizes of at least 0, got -1 and 3"}};
//     }
//     static catalogue::LayerSample benchmark(Generator& g) { ... }
//   };
//   TAPEGRAD_LAYER(linear, Linear, LinearEntry)      // its header, its name, the struct
// clang-format on
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/catalogue/samples.hpp"
#include "tapegrad/diff/function.hpp"
#include "tapegrad/nn/check_module.hpp"
#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn::catalogue {

using namespace tapegrad::catalogue;

/// A layer, small and in float64, and a call of it. Checks work on copies, whose parameters they set to random values.
struct LayerSample {
  std::string name;
  std::shared_ptr<const Module> layer;
  std::unique_ptr<Module> (*copy)(const Module& layer);  ///< a copy of the layer's own type
  Arguments inputs;                                      ///< float64; other dtypes are passed through
  /// REQUIRES: the module is a copy of `layer`.
  std::function<std::vector<Tensor>(Module& layer, const Arguments& inputs)> call;
  SampleOptions options;
};
using LayerSamples = std::vector<LayerSample>;

struct LayerEntry {
  std::string_view family;  ///< its header: tapegrad/nn/FAMILY.hpp; of one's own layer, any word
  std::string_view name;
  std::string_view math;
  LayerSamples (*samples)(Generator& g);
  ErrorSamples (*errors)();
  LayerSample (*benchmark)(Generator& g);  ///< large enough for several threads; may be null for one's own layer
};

/// Every layer of this build, by name. Link tapegrad::nn_catalogue.
std::span<const LayerEntry* const> all_layers();

/// A sample of `layer`: call(layer, inputs...) gives one tensor or several, and must hold no float64 tensor of its own.
template <class L, class F>
LayerSample layer_sample(const std::string& name, L layer, const Arguments& inputs, F call,
                         SampleOptions options = {}) {
  return {.name = name,
          .layer = std::make_shared<const L>(std::move(layer)),
          .copy = [](const Module& from) -> std::unique_ptr<Module> {
            return std::make_unique<L>(static_cast<const L&>(from));
          },
          .inputs = inputs,
          .call =
              [call](Module& module, const Arguments& xs) {
                const module_check::BoundCall<L, F> bound(static_cast<L&>(module), call);
                return engine::call("check_module", bound, xs);
              },
          .options = options};
}

/// The same, called with its inputs: layer(inputs...).
template <class L>
LayerSample layer_sample(const std::string& name, L layer, const Arguments& inputs, SampleOptions options = {}) {
  return layer_sample(
      name, std::move(layer), inputs, [](L& self, const auto&... x) -> decltype(self(x...)) { return self(x...); },
      options);
}

/// What has no parameters and no state: a function among the layers.
class Stateless : public Module {
 public:
  TAPEGRAD_MODULE()
};
/// function(inputs...), as a call of a Stateless.
template <class F>
struct FunctionCall {
  F function;
  template <class... Xs>
  std::invoke_result_t<const F&, const Xs&...> operator()(Stateless& /*layer*/, const Xs&... inputs) const {
    return function(inputs...);
  }
};
template <class F>
LayerSample function_sample(const std::string& name, F function, const Arguments& inputs, SampleOptions options = {}) {
  return layer_sample(name, Stateless(), inputs, FunctionCall<F>{std::move(function)}, options);
}

/// Reads the struct beside a layer into an entry. Only samples() is needed: a layer of one's own (tapegrad/suite.hpp)
/// may leave the others out.
template <class E>
LayerEntry make_layer_entry(std::string_view family, std::string_view name) {
  LayerEntry entry{.family = family,
                   .name = name,
                   .math = "",
                   .samples = &E::samples,
                   .errors = [] { return ErrorSamples(); },
                   .benchmark = nullptr};
  if constexpr (requires { E::math; }) entry.math = E::math;
  if constexpr (requires { &E::errors; }) entry.errors = &E::errors;
  if constexpr (requires { &E::benchmark; }) entry.benchmark = &E::benchmark;
  return entry;
}

}  // namespace tapegrad::nn::catalogue

/// Puts a layer into the catalogue. In namespace tapegrad::nn.
#define TAPEGRAD_LAYER(family, layer, Entry)                                     \
  namespace catalogue {                                                          \
  const LayerEntry& entry_##layer();                                             \
  const LayerEntry& entry_##layer() {                                            \
    static_assert(requires { Entry::math, &Entry::errors, &Entry::benchmark; }); \
    static const LayerEntry entry = make_layer_entry<Entry>(#family, #layer);    \
    return entry;                                                                \
  }                                                                              \
  }
