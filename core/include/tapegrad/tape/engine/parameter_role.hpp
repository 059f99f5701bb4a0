// Which leaves are parameters, for modules and optimisers. Users of layers need none of it.
#pragma once

#include <cstdint>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::engine {

/// Whether a leaf is a module's parameter, and whether some module lists it. In a backward() that reaches named
/// parameters, an unnamed one is an error: nothing would train it.
enum class ParameterRole : std::uint8_t { plain, unnamed_parameter, named_parameter };

ParameterRole parameter_role(const Tensor& x);
void set_parameter_role(const Tensor& x, ParameterRole role);

}  // namespace tapegrad::engine
