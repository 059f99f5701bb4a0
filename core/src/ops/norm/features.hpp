// What the ops of this family check of their arguments.
#pragma once

#include <string_view>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// x must be floating with a last dimension ("[op] expected x [.., `what`], got []"), and eps no less than 0.
void expect_normalised(std::string_view op, const Tensor& x, std::string_view what, double eps);

/// `parameter`, when given, must have x's dtype and one entry for each entry of x's last dimension.
void expect_per_feature(std::string_view op, std::string_view parameter_name, const Tensor& parameter, const Tensor& x);

/// x must be floating [N, C, ..], eps no less than 0; gamma and beta, when given, must have x's dtype and one entry for
/// each channel.
void expect_channels_first(std::string_view op, const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps);

}  // namespace tapegrad
