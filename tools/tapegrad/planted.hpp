// A function whose reverse or forward rule is another's: how a mistake is planted into an op without touching it.
#pragma once

#include <functional>
#include <vector>

#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::program {

/// Gradients of the inputs (undefined: zero) from the cotangents of the outputs (undefined: zero), out of
/// differentiable operations.
using ReverseRule =
    std::function<std::vector<Tensor>(const catalogue::Arguments& inputs, const std::vector<Tensor>& dys)>;

/// The rule that follows from the function's own operations.
ReverseRule rule_of(const catalogue::Call& function);

/// The function's values with this reverse rule; its forward rule is the reverse rule's transpose.
catalogue::Call with_reverse_rule(const catalogue::Call& function, const ReverseRule& rule);

/// The function's values and its own reverse rule, with the transpose of `rule` as its forward rule.
catalogue::Call with_forward_rule(const catalogue::Call& function, const ReverseRule& rule);

}  // namespace tapegrad::program
