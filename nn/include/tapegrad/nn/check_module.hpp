// Checks a module's derivatives against finite differences: those of its inputs and of every parameter, by name.
//
//   const GradcheckReport report = nn::check_module(model, {randn({2, 5, 8}, {.dtype = float64})});
//   fmt::print("{}\n", report);
//
//   wrong   1   reverse   layers.0.linear1.weight   [3, 1]   ...
//
// A call of your own is asked whether it takes the inputs: a generic lambda must say what it gives, or its body is
// compiled to find out, whatever it is asked with: [](auto& m, const auto&... xs) -> decltype(m(xs...)) { ... }.
#pragma once

#include <concepts>
#include <string>
#include <type_traits>
#include <vector>

#include "tapegrad/diff/function.hpp"
#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn {

/// What check_module is made of.
namespace module_check {

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

/// The same for any number of inputs; with none, of call(module), which reads what it has captured.
template <class M, class F>
TensorFunction function_of(const BoundCall<M, F>& bound) {
  return [&bound](const std::vector<Tensor>& inputs) {
    if constexpr (std::is_invocable_v<const F&, M&>)
      if (inputs.empty()) return engine::as_list(bound());
    return engine::call("check_module", bound, inputs);
  };
}

/// A module as a function of its inputs and its parameters, and a point to differentiate it at.
struct ModuleFunction {
  TensorFunction function;         ///< of as many tensors as `point` has
  std::vector<Tensor> point;       ///< the inputs, then the parameters' values
  std::vector<std::string> names;  ///< "input 0", ... and the parameters' paths
};

/// call(inputs) is what the module computes. REQUIRES: the module outlives the result, stays where it is and keeps its
/// parts.
ModuleFunction function_of_parameters(Module& module, TensorFunction call, const std::vector<Tensor>& inputs);

/// A module that may be changed, and what it computes. Refers to the module.
struct CalledModule {
  Module& module;
  TensorFunction call;
};

/// Whether the inputs' dtype, and so a checked module's, is float32.
bool are_float32(const std::vector<Tensor>& inputs);

/// What check_module does with its copies: derivatives are those of `checked`, in the inputs' dtype; of float32 ones
/// `wide` takes the differences, in float64. REQUIRES: there is one where are_float32(inputs).
GradcheckReport check_module_copies(const CalledModule& checked, const CalledModule* wide,
                                    const std::vector<Tensor>& inputs, GradcheckOptions options);

}  // namespace module_check

/// Compares the derivatives of call(module, inputs...) with respect to the floating inputs and to all parameters with
/// finite differences; see gradcheck. Without inputs, {}, it is call(module), of what the call has captured. The report
/// calls parameters by their paths, and inputs by options.input_names or their numbers.
///
/// It stands at the module's own parameter values and in its mode; in training, dropout draws the same numbers in each
/// call. A copy is checked, converted to the floating inputs' dtype (float64 when there is none): the module keeps its
/// values, gradients, statistics and dtype. Of float32 derivatives the differences are taken in float64, unless the
/// module computes with float32 tensors that are no parameters or buffers of its own, and what rounding leaves of them
/// is measured by the same rules in float64. Fresh layers stand at special points (a norm's bias 0, an attention's bias
/// 0), where some mistakes do not show: check a trained model, or one with random parameters. Throws what gradcheck
/// does.
template <class M, class F>
requires(std::derived_from<M, Module>&& std::copy_constructible<M> &&
         !std::same_as<F, GradcheckOptions>) GradcheckReport
    check_module(const M& module, const std::vector<Tensor>& inputs, const F& call,
                 const GradcheckOptions& options = {}) {
  M checked = module;
  const module_check::BoundCall<M, F> bound(checked, call);
  const module_check::CalledModule copy{checked, module_check::function_of(bound)};
  if (!module_check::are_float32(inputs)) return module_check::check_module_copies(copy, nullptr, inputs, options);
  M wide = module;
  const module_check::BoundCall<M, F> bound_wide(wide, call);
  const module_check::CalledModule wide_copy{wide, module_check::function_of(bound_wide)};
  return module_check::check_module_copies(copy, &wide_copy, inputs, options);
}

/// The same for module(inputs...).
template <class M>
requires(std::derived_from<M, Module>&& std::copy_constructible<M>) GradcheckReport
    check_module(const M& module, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {}) {
  return check_module(
      module, inputs, [](M& self, const auto&... x) -> decltype(self(x...)) { return self(x...); }, options);
}

}  // namespace tapegrad::nn
