// What poolings ask of their options, for layers that are made with them: `owner` begins the errors.
#pragma once

#include <cstdint>
#include <string_view>

namespace tapegrad::engine {

/// Throws ValueError for a kernel size, a stride or a dilation below 1 and for a padding outside 0 ... kernel_size / 2.
void expect_windows(std::string_view owner, std::int64_t kernel_size, std::int64_t stride, std::int64_t padding,
                    std::int64_t dilation = 1);
/// Throws ValueError for an output size below 1.
void expect_output_size(std::string_view owner, std::int64_t output_size);

}  // namespace tapegrad::engine
