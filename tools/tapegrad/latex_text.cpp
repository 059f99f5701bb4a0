#include "tapegrad/latex_text.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <utility>

#include "console/columns.hpp"
#include "text/latex_symbols.hpp"
#include "text/small_letters.hpp"
#include "text/unicode.hpp"

namespace tapegrad::program {
namespace {

constexpr char32_t kMinus = 0x2212;
constexpr char32_t kPrime = 0x2032;

std::string utf8(char32_t character) {
  std::string text;
  append_utf8(text, character);
  return text;
}

bool is_ascii_letter(char32_t c) { return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z'); }

/// The accent of text that a combining mark is; 0 for another character, and for marks of formulas alone.
char text_accent(char32_t mark) {
  constexpr std::array<std::pair<char32_t, char>, 8> kAccents = {{{0x300, '`'},
                                                                  {0x301, '\''},
                                                                  {0x302, '^'},
                                                                  {0x303, '~'},
                                                                  {0x304, '='},
                                                                  {0x307, '.'},
                                                                  {0x308, '"'},
                                                                  {0x30c, 'v'}}};
  for (const auto& [combining, accent] : kAccents)
    if (combining == mark) return accent;
  return 0;
}

/// Whether pdflatex prints it in its own fonts, without a package: LaTeX's input encoding is UTF-8, its fonts' OT1.
bool is_printed(char32_t c) {
  constexpr std::u32string_view kMissing = U"«»ÐÞðþĄąĐđĘęĦħĮįĸĿŀŉŊŋŦŧŲų";
  constexpr std::u32string_view kOthers = U"‐‑‒–—―‘’“”†‡•…‰€™";
  return (c > 0xa0 && c < 0x17f && c != 0xad && kMissing.find(c) == std::u32string_view::npos) ||
         kOthers.find(c) != std::u32string_view::npos;
}

class Escaper {
 public:
  explicit Escaper(std::string_view text) : rest_(text) {}

  std::string all() {
    while (!rest_.empty()) {
      const Character c = first_character(rest_);
      rest_.remove_prefix(c.bytes.size());
      append(c);
      last_ = c.code;
    }
    return std::move(text_);
  }

 private:
  /// The combining mark that follows; 0 where none does that has a command.
  char32_t mark_ahead() const {
    if (rest_.empty()) return 0;
    const char32_t next = first_character(rest_).code;
    return text_accent(next) != 0 || !latex_accent_of(next).empty() ? next : 0;
  }

  void append(const Character& c) {
    const char32_t mark = mark_ahead();
    if (mark != 0 && c.valid && append_marked(c.code, mark)) {
      rest_.remove_prefix(first_character(rest_).bytes.size());
    } else if (!c.valid || c.code == 0x7f || (c.code < 0x20 && c.code != U'\n' && c.code != U'\t' && c.code != U'\r')) {
      for (const char escape : on_one_line(c.bytes)) append_ascii(escape);
    } else if (c.code < 0x80) {
      append_ascii(static_cast<char>(c.code));
    } else {
      append_beyond_ascii(c);
    }
  }

  bool append_marked(char32_t letter, char32_t mark) {
    const char accent = text_accent(mark);
    if (is_ascii_letter(letter) && accent != 0) {
      text_ += fmt::format("\\{}{{{}{}}}", accent, letter == U'i' || letter == U'j' ? "\\" : "", utf8(letter));
      return true;
    }
    const auto symbol = letter < 0x80 ? std::nullopt : math_character(letter);
    if (latex_accent_of(mark).empty() || !(is_ascii_letter(letter) || symbol)) return false;
    text_ += fmt::format("$\\{}{{{}}}$", latex_accent_of(mark), symbol ? symbol->latex : utf8(letter));
    return true;
  }

  void append_ascii(char c) {
    constexpr std::string_view kInFormulas = "<>|";
    constexpr std::string_view kEscaped = "{}$%&#_";
    constexpr std::string_view kOpening = " ([\n\t";
    if (c == '\\') {
      text_ += "\\textbackslash{}";
    } else if (c == '~') {
      text_ += "\\textasciitilde{}";
    } else if (c == '^') {
      text_ += "\\textasciicircum{}";
    } else if (c == '`') {
      text_ += "{`}";
    } else if (c == '"') {
      const bool opens = text_.empty() || (last_ < 0x80 && kOpening.find(static_cast<char>(last_)) != kOpening.npos);
      text_ += opens ? "``" : "''";
    } else if (kInFormulas.find(c) != kInFormulas.npos) {
      text_ += fmt::format("${}$", c);
    } else if (kEscaped.find(c) != kEscaped.npos) {
      text_ += fmt::format("\\{}", c);
    } else if (c == '\n' || c == '\t' || c == '\r') {
      text_ += ' ';
    } else {
      if ((c == '-' || c == '\'' || c == ',') && text_.ends_with(c)) text_ += "{}";  // two would grow together
      text_ += c;
    }
  }

  void append_beyond_ascii(const Character& c) {
    constexpr char32_t kNoBreak = 0xa0;
    if (c.code == kNoBreak) {
      text_ += '~';
    } else if (const auto apart = taken_apart(c.code); apart && apart->kind == TakenApart::Kind::marked) {
      append_marked(apart->letter, apart->mark);
    } else if (const auto symbol = math_character(c.code)) {
      const bool below = symbol->place == MathCharacter::Place::below;
      text_ += symbol->place == MathCharacter::Place::line
                   ? fmt::format("${}$", symbol->latex)
                   : fmt::format("${}{{{}}}$", below ? '_' : '^', symbol->latex);
    } else if (is_printed(c.code)) {
      text_ += c.bytes;
    } else {
      text_ += fmt::format("\\texttt{{U+{:04X}}}", static_cast<std::uint32_t>(c.code));
    }
  }

  std::string_view rest_;
  std::string text_;
  char32_t last_ = 0;  // the character before
};

}  // namespace

std::optional<MathCharacter> math_character(char32_t character) {
  using Place = MathCharacter::Place;
  using Kind = TakenApart::Kind;
  if (character == kMinus) return MathCharacter{"-"};
  if (character == kPrime) return MathCharacter{"'"};
  if (const auto command = latex_command(utf8(character))) return MathCharacter{fmt::format("\\{}", *command)};
  const auto apart = taken_apart(character);
  if (!apart) return std::nullopt;
  if (apart->kind == Kind::marked)
    return MathCharacter{fmt::format("\\{}{{{}}}", latex_accent_of(apart->mark), utf8(apart->letter))};
  const std::string letter = apart->letter < 0x80 ? utf8(apart->letter) : math_character(apart->letter)->latex;
  return MathCharacter{letter, apart->kind == Kind::below ? Place::below : Place::above};
}

std::string latex_text(std::string_view text) { return Escaper(text).all(); }

std::string latex_paragraph(std::string_view latex) {
  constexpr std::size_t kWidth = 100;
  return console::paragraph(latex, 0, kWidth);
}

}  // namespace tapegrad::program
