#include "tapegrad/nn/check_module.hpp"

#include <algorithm>
#include <cstddef>

namespace tapegrad::nn {

ModuleFunction function_of_parameters(Module& module, TensorFunction call, const std::vector<Tensor>& inputs) {
  ModuleFunction result;
  result.point = inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) result.names.push_back("input " + std::to_string(i));
  for (const auto& [name, parameter] : module.named_parameters()) {
    result.point.push_back(parameter.detach().clone());
    result.names.push_back(name);
  }
  const auto first = static_cast<std::ptrdiff_t>(inputs.size());
  result.function = [&module, call = std::move(call), first](const std::vector<Tensor>& xs) {
    const Substitution substitution(module, {xs.begin() + first, xs.end()});
    return call({xs.begin(), xs.begin() + first});
  };
  return result;
}

GradcheckReport check_module_in_place(Module& module, TensorFunction call, const std::vector<Tensor>& inputs,
                                      GradcheckOptions options) {
  const auto floating =
      std::find_if(inputs.begin(), inputs.end(), [](const Tensor& x) { return x.defined() && is_floating(x.dtype()); });
  module.to(floating == inputs.end() ? float64 : floating->dtype());
  ModuleFunction f = function_of_parameters(module, std::move(call), inputs);
  const std::size_t given = std::min(options.input_names.size(), inputs.size());
  std::copy_n(options.input_names.begin(), given, f.names.begin());
  options.input_names = std::move(f.names);
  return gradcheck(f.function, f.point, options);
}

}  // namespace tapegrad::nn
