#include "text/small_letters.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>

#include "text/unicode.hpp"

namespace tapegrad {
namespace {

/// Marked letters that are characters of their own look better than the two put together.
void append_marked(std::string& text, char32_t letter, char32_t mark) {
  constexpr std::u32string_view kWithBar = U"aāeēgḡiīoōuūyȳAĀEĒGḠIĪOŌUŪYȲ";
  constexpr std::u32string_view kWithDot = U"cċeėgġhḣnṅxẋyẏzż";
  constexpr std::u32string_view kWithHat = U"aâeêgĝhĥiîoôuûwŵyŷzẑ";
  const std::u32string_view pairs = mark == 0x304   ? kWithBar
                                    : mark == 0x302 ? kWithHat
                                    : mark == 0x307 ? kWithDot
                                                    : std::u32string_view();
  for (std::size_t i = 0; i < pairs.size(); i += 2)
    if (pairs[i] == letter) return append_utf8(text, pairs[i + 1]);
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
  const char32_t used = characters.size() > 1 && mark == 0x304 ? 0x305 : mark;
  for (const char32_t c : characters) append_marked(result, c, used);
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
  return small(text, U"0123456789+−=()aehijklmnoprstuvxβγρφχ", U"₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ");
}

std::optional<std::string> superscript(std::string_view text) {
  if (has_long_run(text)) return std::nullopt;
  return small(text, U"0123456789+−=()abcdefghijklmnoprstuvwxyzT⊤βγδ′*",
               U"⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀᵀᵝᵞᵟ′*");
}

}  // namespace tapegrad
