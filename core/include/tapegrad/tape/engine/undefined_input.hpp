// What is said of a tensor that is undefined, by ops and layers alike.
#pragma once

#include <string>
#include <string_view>

namespace tapegrad::engine {

/// "[op] an input is undefined, as a default-constructed Tensor is: ...", or `which` input is.
std::string undefined_input(std::string_view op, std::string_view which = "an input");

}  // namespace tapegrad::engine
