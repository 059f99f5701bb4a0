#include "text/small_letters.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <iterator>

#include "text/unicode.hpp"

namespace tapegrad {
namespace {

/// Letters, each followed by the character that is the letter with the mark.
struct MarkedLetters {
  char32_t mark;
  std::u32string_view pairs;
};
constexpr std::array<MarkedLetters, 3> kMarked = {
    {{0x304, U"aāeēgḡiīoōuūyȳAĀEĒGḠIĪOŌUŪYȲ"}, {0x307, U"cċeėgġhḣnṅxẋyẏzż"}, {0x302, U"aâeêgĝhĥiîoôuûwŵyŷzẑ"}}};

constexpr std::u32string_view kBelow = U"0123456789+−=()aehijklmnoprstuvxβγρφχ";
constexpr std::u32string_view kSmallBelow = U"₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ";
constexpr std::u32string_view kAbove = U"0123456789+−=()abcdefghijklmnoprstuvwxyzT⊤βγδ′*";
constexpr std::u32string_view kSmallAbove = U"⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀᵀᵝᵞᵟ′*";

/// Marked letters that are characters of their own look better than the two put together.
void append_marked(std::string& text, char32_t letter, char32_t mark) {
  for (const MarkedLetters& letters : kMarked)
    for (std::size_t i = 0; i < letters.pairs.size(); i += 2)
      if (letters.mark == mark && letters.pairs[i] == letter) return append_utf8(text, letters.pairs[i + 1]);
  append_utf8(text, letter);
  append_utf8(text, mark);
}

/// The small form of each character, or nothing when one has none.
std::optional<std::string> small(std::string_view text, std::u32string_view from, std::u32string_view to) {
  std::string result;
  for (const char32_t c : decoded(text)) {
    const std::size_t at = from.find(c);
    if (at == std::u32string_view::npos) return std::nullopt;
    append_utf8(result, to[at]);
  }
  return result;
}

/// A word reads better in its own letters.
bool is_word(std::string_view text) {
  return text.size() >= 4 &&
         std::all_of(text.begin(), text.end(), [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; });
}

}  // namespace

std::string accented(std::string_view text, char32_t mark) {
  std::string result;
  const std::u32string characters = decoded(text);
  const auto marks = std::count_if(characters.begin(), characters.end(), is_combining);
  const bool several = std::ssize(characters) - marks > 1;
  const char32_t used = several && mark == 0x304 ? 0x305 : mark;
  for (std::size_t i = 0; i < characters.size();) {
    const char32_t letter = characters[i++];
    if (i == characters.size() || !is_combining(characters[i])) {
      append_marked(result, letter, used);
      continue;
    }
    append_utf8(result, letter);  // behind the marks that it has
    for (; i < characters.size() && is_combining(characters[i]); ++i) append_utf8(result, characters[i]);
    append_utf8(result, used);
  }
  return result;
}

bool has_long_run(std::string_view text) {
  constexpr std::ptrdiff_t kLong = 3;
  const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  for (auto run = text.begin(); run != text.end();) {
    const auto begin = std::find_if(run, text.end(), is_letter);
    run = std::find_if_not(begin, text.end(), is_letter);
    if (run - begin >= kLong) return true;
  }
  return false;
}

std::optional<std::string> subscript(std::string_view text) {
  if (is_word(text)) return std::nullopt;
  return small(text, kBelow, kSmallBelow);
}

std::optional<std::string> superscript(std::string_view text) {
  if (has_long_run(text)) return std::nullopt;
  return small(text, kAbove, kSmallAbove);
}

std::optional<TakenApart> taken_apart(char32_t character) {
  using Kind = TakenApart::Kind;
  for (const MarkedLetters& letters : kMarked)
    for (std::size_t i = 0; i < letters.pairs.size(); i += 2)
      if (letters.pairs[i + 1] == character) return TakenApart{Kind::marked, letters.pairs[i], letters.mark};
  if (const std::size_t at = kSmallBelow.find(character); at != std::u32string_view::npos)
    return TakenApart{Kind::below, kBelow[at]};
  const std::size_t at = kSmallAbove.find(character);
  if (at == std::u32string_view::npos || kAbove[at] == character) return std::nullopt;
  return TakenApart{Kind::above, kAbove[at]};
}

}  // namespace tapegrad
