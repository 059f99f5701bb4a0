// Formulas for a terminal: the LaTeX of the catalogue in one line of Unicode.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tapegrad::program {

/// \bar x_i = \bar y\,(1 - y^2) becomes x̄ᵢ = ȳ (1 − y²). Letters, accents, sub- and superscripts, fractions, roots,
/// sums, brackets, \text and \begin{cases}; what has no small form is written ^(...) and _{...}. Nothing when a command
/// is unknown or braces do not match.
std::optional<std::string> unicode_formula(std::string_view latex);

/// The same; the LaTeX as it stands where that fails.
std::string readable_formula(std::string_view latex);

}  // namespace tapegrad::program
