// Formulas for terminals: LaTeX as ops and derivations write it, in Unicode's mathematical characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tapegrad {

/// "y = \tanh x;\quad \bar x = \bar y\,(1 - y^2)" becomes "y = tanh x;  x̄ = ȳ (1 - y²)". Fractions become quotients,
/// indices that have no small characters stand in brackets: x_{i + b} is x[i + b]. Unknown commands keep their names.
std::string readable_math(std::string_view latex);

/// How many columns UTF-8 text takes in a terminal: its characters without the marks that combine with one before.
std::size_t display_width(std::string_view text);

}  // namespace tapegrad
