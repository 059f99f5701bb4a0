// Formulas for a terminal: the LaTeX of ops and derivations in one line of Unicode.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tapegrad {

/// \bar x_i = \bar y\,(1 - y^2) becomes x̄ᵢ = ȳ (1 − y²). Letters, accents, sub- and superscripts, fractions, roots,
/// sums, brackets, \text and \begin{cases}; what has no small form is written ^(...) and _{...}. Nothing when a command
/// is unknown, braces do not match, or more than 100 groups and commands stand within each other.
std::optional<std::string> unicode_math(std::string_view latex);

/// The same; the LaTeX as it stands where that fails.
std::string readable_math(std::string_view latex);

/// Prose with formulas between dollars, each made readable: "not $y + 1$" becomes "not y + 1".
std::string readable_prose(std::string_view text);

/// How many columns UTF-8 text takes in a terminal: its characters without the marks that combine with one before (the
/// bar of x̄).
std::size_t display_width(std::string_view text);

}  // namespace tapegrad
