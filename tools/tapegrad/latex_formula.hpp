// Formulas of the catalogue within a LaTeX document.
#pragma once

#include <string>
#include <string_view>

namespace tapegrad::program {

/// A formula in a line of text, $y = x$. One that unicode_math() does not understand, or that pdflatex with amsmath
/// and amsfonts would not, is shown as it was written, in typewriter letters and its dollars with it.
std::string latex_inline(std::string_view formula);

/// A formula on a line of its own, and where it is too long for one on several: its parts below each other, with their
/// relations in a column, and those that are still too long cut before relations and signs. Ends with a line end;
/// empty for a formula of blanks. What is not understood is shown in typewriter letters, and that it is not is said.
std::string latex_display(std::string_view formula);

}  // namespace tapegrad::program
