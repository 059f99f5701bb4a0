// Checks a module's derivatives against finite differences: those of its inputs and of every parameter, by name.
//
//   const GradcheckReport report = nn::check_module(model, {randn({2, 5, 8}, {.dtype = float64})});
//   fmt::print("{}\n", report);
//
//   wrong   1   reverse   layers.0.linear1.weight   [3, 1]   ...
#pragma once

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tapegrad/diff/function.hpp"
#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn {

/// call(module, inputs...) as a function of the inputs alone. Refers to both.
template <class M, class F>
class BoundCall {
 public:
  BoundCall(M& module, const F& call) : module_(module), call_(call) {}
  template <class... Xs>
  std::invoke_result_t<const F&, M&, const Xs&...> operator()(const Xs&... inputs) const {
    return call_(module_, inputs...);
  }

 private:
  M& module_;
  const F& call_;
};

/// A module as a function of its inputs and its parameters, and a point to differentiate it at.
struct ModuleFunction {
  TensorFunction function;         ///< of as many tensors as `point` has
  std::vector<Tensor> point;       ///< the inputs, then the parameters' values
  std::vector<std::string> names;  ///< "input 0", ... and the parameters' paths
};

/// call(inputs) is what the module computes. REQUIRES: the module outlives the result, and stays where it is.
ModuleFunction function_of_parameters(Module& module, TensorFunction call, const std::vector<Tensor>& inputs);

/// What check_module does with its copy, in the copy's dtype.
GradcheckReport check_module_in_place(Module& module, TensorFunction call, const std::vector<Tensor>& inputs,
                                      GradcheckOptions options);

/// Compares the derivatives of call(module, inputs...) with respect to the floating inputs and to all parameters with
/// finite differences; see gradcheck. The report calls parameters by their paths, and inputs by options.input_names or
/// their numbers.
///
/// It stands at the module's own parameter values and in its mode; in training, dropout draws the same numbers in each
/// call. A copy is checked, converted to the floating inputs' dtype (float64 when there is none): the module keeps its
/// values, gradients, statistics and dtype. Fresh layers stand at special points (a norm's bias 0, an attention's bias
/// 0), where some mistakes do not show: check a trained model, or one with random parameters. Throws what gradcheck
/// does.
template <class M, class F>
requires(std::derived_from<M, Module>&& std::copy_constructible<M> &&
         !std::same_as<F, GradcheckOptions>) GradcheckReport
    check_module(const M& module, const std::vector<Tensor>& inputs, const F& call,
                 const GradcheckOptions& options = {}) {
  M copy = module;
  const BoundCall<M, F> bound(copy, call);
  return check_module_in_place(copy, engine::function_of("check_module", bound), inputs, options);
}

/// The same for module(inputs...).
template <class M>
requires(std::derived_from<M, Module>&& std::copy_constructible<M>) GradcheckReport
    check_module(const M& module, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {}) {
  return check_module(
      module, inputs, [](M& self, const auto&... x) -> decltype(self(x...)) { return self(x...); }, options);
}

}  // namespace tapegrad::nn
