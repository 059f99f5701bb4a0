#include "tapegrad/nn/check_module.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "tapegrad/base/error.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/diff/replay.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::nn::module_check {

ModuleFunction function_of_parameters(Module& module, TensorFunction call, const std::vector<Tensor>& inputs) {
  ModuleFunction result;
  result.point = inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) result.names.push_back("input " + std::to_string(i));
  for (const auto& [name, parameter] : module.named_parameters()) {
    result.point.push_back(parameter.detach().clone());
    result.names.push_back(name);
  }
  const auto first = static_cast<std::ptrdiff_t>(inputs.size());
  result.function = [places = ParameterPlaces(module), call = std::move(call), first](const std::vector<Tensor>& xs) {
    const Substitution substitution(places, {xs.begin() + first, xs.end()});
    return call({xs.begin(), xs.begin() + first});
  };
  return result;
}

namespace {

/// The dtype of the first floating one; float64 when there is none.
DType floating_dtype(const std::vector<Tensor>& xs) {
  const auto first =
      std::find_if(xs.begin(), xs.end(), [](const Tensor& x) { return x.defined() && is_floating(x.dtype()); });
  return first == xs.end() ? float64 : first->dtype();
}

/// A copy that nothing has recorded changes its dtype beside a live tape, too.
void convert(Module& copy, DType dtype) {
  const NoRecord unrecorded;
  copy.to(dtype);
}

/// Whether f computes in float64 too, and brings no float32 tensors of its own.
bool takes_float64(const TensorFunction& f, std::vector<Tensor> xs) {
  for (Tensor& x : xs)
    if (x.defined() && is_floating(x.dtype())) x = x.to(float64);
  const NoRecord unrecorded;
  const Replay trial(default_generator().state());
  try {
    f(xs);
  } catch (const DTypeError&) {
    return false;
  }
  return true;
}

}  // namespace

bool are_float32(const std::vector<Tensor>& inputs) { return floating_dtype(inputs) == float32; }

GradcheckReport check_module_copies(const CalledModule& checked, const CalledModule* wide,
                                    const std::vector<Tensor>& inputs, GradcheckOptions options) {
  convert(checked.module, floating_dtype(inputs));
  ModuleFunction f = function_of_parameters(checked.module, checked.call, inputs);
  if (are_float32(inputs)) {
    convert(wide->module, float64);
    ModuleFunction in_float64 = function_of_parameters(wide->module, wide->call, inputs);
    f.function = [narrow = std::move(f.function),
                  in_float64 = std::move(in_float64.function)](const std::vector<Tensor>& xs) {
      return floating_dtype(xs) == float64 ? in_float64(xs) : narrow(xs);
    };
    options.differences_in_float64 = options.differences_in_float64 || takes_float64(f.function, f.point);
  }
  if (options.input_names.size() > inputs.size())
    throw ValueError(fmt::format("[check_module] expected names of at most {} inputs, got {}", inputs.size(),
                                 options.input_names.size()));
  std::copy(options.input_names.begin(), options.input_names.end(), f.names.begin());
  options.input_names = std::move(f.names);
  try {
    return gradcheck(f.function, f.point, options);
  } catch (const DTypeError& e) {
    if (floating_dtype(inputs) != float64) throw;
    throw DTypeError(std::string(e.what()) +
                     " (the module was converted to float64 as far as it names its tensors: is a member missing in "
                     "TAPEGRAD_MODULE(...), or does the call bring a float32 tensor of its own?)");
  }
}

}  // namespace tapegrad::nn::module_check
