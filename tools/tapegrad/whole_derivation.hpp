// An op's derivation as a reader wants it: up to the reverse rule.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "tapegrad/catalogue/entry.hpp"

namespace tapegrad::program {

/// The op's steps, where it has any, and where they end with slopes one more: the reverse rule, as the op's formula
/// states it.
inline catalogue::Derivation whole_derivation(const catalogue::OpEntry& op) {
  constexpr std::string_view kRuleBegins = ";\\quad ";
  catalogue::Derivation steps = op.derivation();
  const std::size_t end = op.math.find(kRuleBegins);
  const bool has_rule = std::any_of(steps.begin(), steps.end(), [](const catalogue::Step& step) {
    return step.latex.find("\\bar") != std::string_view::npos;
  });
  if (op.differentiable && !steps.empty() && !has_rule && end != std::string_view::npos) {
    steps.push_back({"Chain rule", op.math.substr(end + kRuleBegins.size()),
                     op.family == "pointwise" ? "what comes back, times the slope"
                                              : "what comes back to each result, times the slope, added up over the "
                                                "results that an element takes part in"});
  }
  return steps;
}

}  // namespace tapegrad::program
