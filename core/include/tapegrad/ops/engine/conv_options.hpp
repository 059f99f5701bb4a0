// What convolutions ask of their options, for layers that are made with them: `owner` begins the errors.
#pragma once

#include <string_view>

#include "tapegrad/ops/conv.hpp"

namespace tapegrad::engine {

/// Throws ValueError for a stride, a dilation or groups below 1, a negative padding, and a padding beside `causal`.
void expect_convolution(std::string_view owner, const Conv1dOptions& options);
/// The same, and for an output_padding outside 0 ... max(stride, dilation) - 1.
void expect_convolution(std::string_view owner, const ConvTranspose1dOptions& options);

}  // namespace tapegrad::engine
