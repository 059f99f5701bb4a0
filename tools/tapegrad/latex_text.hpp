// Text within a LaTeX document.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tapegrad::program {

/// A character beyond ASCII, as it is written in a formula.
struct MathCharacter {
  enum class Place : unsigned char { line, below, above };
  std::string latex;
  Place place = Place::line;  ///< small letters belong to what precedes them
};
/// Nothing for a character that has no command.
std::optional<MathCharacter> math_character(char32_t character);

/// Text in which no character is LaTeX's: escaped, or the command that prints it, in a formula of its own where it must
/// be. What pdflatex has no letter for, as most scripts beyond the Latin one, becomes U+1F600; control characters and
/// bytes that are no UTF-8 are written as on_one_line() does, line ends and tabs as spaces.
std::string latex_text(std::string_view text);

/// LaTeX cut at its blanks into lines that an editor shows whole, each with its line end.
std::string latex_paragraph(std::string_view latex);

}  // namespace tapegrad::program
