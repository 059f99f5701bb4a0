// What rotary embedding asks of its options, for attention that is made with them: `owner` begins the errors.
#pragma once

#include <string_view>

#include "tapegrad/ops/attention.hpp"

namespace tapegrad::engine {

/// Throws ValueError unless the base is positive and finite, `pairs` is a RotaryPairs and `first` is at least 0.
void expect_rotary(std::string_view owner, const RotaryOptions& options);

}  // namespace tapegrad::engine
