#include "tapegrad/base/readable_math.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tapegrad {
namespace {

using Entry = std::pair<std::string_view, std::string_view>;

template <std::size_t N>
std::string_view find(const std::array<Entry, N>& entries, std::string_view key, std::string_view otherwise) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.first == key; });
  return found == entries.end() ? otherwise : found->second;
}

constexpr auto kSymbols = std::to_array<Entry>({
    {"alpha", "α"},  {"beta", "β"},    {"gamma", "γ"},      {"delta", "δ"},       {"epsilon", "ε"},
    {"eta", "η"},    {"theta", "θ"},   {"lambda", "λ"},     {"mu", "μ"},          {"pi", "π"},
    {"rho", "ρ"},    {"sigma", "σ"},   {"tau", "τ"},        {"phi", "φ"},         {"varphi", "φ"},
    {"psi", "ψ"},    {"omega", "ω"},   {"Gamma", "Γ"},      {"Delta", "Δ"},       {"Phi", "Φ"},
    {"Sigma", "Σ"},  {"Omega", "Ω"},   {"ell", "ℓ"},        {"sum", "Σ"},         {"prod", "Π"},
    {"int", "∫"},    {"partial", "∂"}, {"nabla", "∇"},      {"infty", "∞"},       {"cdot", "·"},
    {"times", "×"},  {"odot", "⊙"},    {"otimes", "⊗"},     {"pm", "±"},          {"circ", "∘"},
    {"mapsto", "↦"}, {"to", "→"},      {"Rightarrow", "⇒"}, {"le", "≤"},          {"leq", "≤"},
    {"ge", "≥"},     {"geq", "≥"},     {"ne", "≠"},         {"neq", "≠"},         {"approx", "≈"},
    {"equiv", "≡"},  {"in", "∈"},      {"notin", "∉"},      {"land", "∧"},        {"lor", "∨"},
    {"lnot", "¬"},   {"langle", "⟨"},  {"rangle", "⟩"},     {"lfloor", "⌊"},      {"rfloor", "⌋"},
    {"lceil", "⌈"},  {"rceil", "⌉"},   {"ldots", "…"},      {"dots", "…"},        {"cdots", "⋯"},
    {"vert", "|"},   {"lvert", "|"},   {"rvert", "|"},      {"Vert", "‖"},        {"lVert", "‖"},
    {"rVert", "‖"},  {"|", "‖"},       {"{", "{"},          {"}", "}"},           {"top", "ᵀ"},
    {",", " "},      {";", " "},       {":", " "},          {" ", " "},           {"quad", "\t"},
    {"qquad", "\t"}, {"!", ""},        {"left", ""},        {"right", ""},        {"big", ""},
    {"Big", ""},     {"bigl", ""},     {"bigr", ""},        {"displaystyle", ""}, {"mathrm", ""},
    {"mathbf", ""},  {"text", ""},     {"mathrel", ""},     {"operatorname", ""},
});

constexpr auto kRaised = std::to_array<Entry>({
    {"0", "⁰"}, {"1", "¹"}, {"2", "²"}, {"3", "³"}, {"4", "⁴"}, {"5", "⁵"}, {"6", "⁶"}, {"7", "⁷"}, {"8", "⁸"},
    {"9", "⁹"}, {"+", "⁺"}, {"-", "⁻"}, {"(", "⁽"}, {")", "⁾"}, {"i", "ⁱ"}, {"n", "ⁿ"}, {"x", "ˣ"}, {"b", "ᵇ"},
    {"y", "ʸ"}, {"T", "ᵀ"}, {"ᵀ", "ᵀ"}, {"a", "ᵃ"}, {"c", "ᶜ"}, {"k", "ᵏ"}, {"m", "ᵐ"}, {"p", "ᵖ"}, {"t", "ᵗ"},
});

constexpr auto kLowered = std::to_array<Entry>({
    {"0", "₀"}, {"1", "₁"}, {"2", "₂"}, {"3", "₃"}, {"4", "₄"}, {"5", "₅"}, {"6", "₆"}, {"7", "₇"}, {"8", "₈"},
    {"9", "₉"}, {"a", "ₐ"}, {"e", "ₑ"}, {"h", "ₕ"}, {"i", "ᵢ"}, {"j", "ⱼ"}, {"k", "ₖ"}, {"l", "ₗ"}, {"m", "ₘ"},
    {"n", "ₙ"}, {"o", "ₒ"}, {"p", "ₚ"}, {"r", "ᵣ"}, {"s", "ₛ"}, {"t", "ₜ"}, {"u", "ᵤ"}, {"v", "ᵥ"}, {"x", "ₓ"},
});

constexpr auto kFractions =
    std::to_array<Entry>({{"1/2", "½"}, {"1/3", "⅓"}, {"2/3", "⅔"}, {"1/4", "¼"}, {"3/4", "¾"}});

/// Marked letters that are characters of their own: they look better than the two put together.
constexpr auto kMarked = std::to_array<Entry>(
    {{"a\u0304", "ā"}, {"e\u0304", "ē"}, {"g\u0304", "ḡ"}, {"i\u0304", "ī"}, {"o\u0304", "ō"}, {"u\u0304", "ū"},
     {"y\u0304", "ȳ"}, {"A\u0304", "Ā"}, {"E\u0304", "Ē"}, {"G\u0304", "Ḡ"}, {"I\u0304", "Ī"}, {"O\u0304", "Ō"},
     {"U\u0304", "Ū"}, {"Y\u0304", "Ȳ"}, {"a\u0302", "â"}, {"e\u0302", "ê"}, {"g\u0302", "ĝ"}, {"h\u0302", "ĥ"},
     {"i\u0302", "î"}, {"o\u0302", "ô"}, {"u\u0302", "û"}, {"w\u0302", "ŵ"}, {"y\u0302", "ŷ"}, {"z\u0302", "ẑ"}});

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// The UTF-8 characters of a text.
template <class Visit>
void for_each_character(std::string_view text, const Visit& visit) {
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    while (end < text.size() && continues(text[end])) ++end;
    visit(text.substr(i, end - i));
    i = end;
  }
}

/// U+0300 ... U+036F.
bool combines(std::string_view character) {
  return character >= std::string_view("\u0300") && character <= std::string_view("\u036F");
}

/// The text in small characters; empty when one of them has none.
template <std::size_t N>
std::string in_small(const std::array<Entry, N>& characters, std::string_view text) {
  std::string small;
  bool all = !text.empty();
  for_each_character(text, [&](std::string_view c) {
    const std::string_view found = find(characters, c, "");
    all = all && !found.empty();
    small += found;
  });
  return all ? small : "";
}

/// Whether a text must stand in parentheses to be one factor.
bool is_compound(std::string_view text) { return text.find_first_of(" +-/") != std::string_view::npos; }

std::string as_factor(const std::string& text) { return is_compound(text) ? "(" + text + ")" : text; }

/// 2y must stand in parentheses too, lest a / 2y be read as (a / 2) y.
std::string as_denominator(const std::string& text) {
  constexpr std::string_view kDigits = "0123456789";
  const bool product = kDigits.find(text.front()) != std::string_view::npos &&
                       text.find_first_not_of(kDigits) != std::string::npos && !is_compound(text);
  return product ? "(" + text + ")" : as_factor(text);
}

/// Symbols that take what follows as their own, or enclose it: no space between.
bool is_prefix(std::string_view command) {
  return command == "langle" || command == "lfloor" || command == "lceil" || command == "vert" || command == "lnot" ||
         command == "partial" || command == "nabla";
}
bool is_suffix(std::string_view command) { return command == "rangle" || command == "rfloor" || command == "rceil"; }

std::string with_mark(std::string_view text, std::string_view mark) {
  std::string marked;
  for_each_character(text, [&](std::string_view c) {
    const std::string pair = std::string(c) + (combines(c) ? "" : std::string(mark));
    marked += find(kMarked, pair, pair);
  });
  return marked;
}

/// Reads LaTeX from left to right, one argument or command at a time.
class Reader {
 public:
  explicit Reader(std::string_view latex) : rest_(latex) {}

  std::string all() {
    std::string text = up_to_brace();
    while (!rest_.empty()) {  // one brace too many closes nothing
      rest_.remove_prefix(1);
      text += up_to_brace();
    }
    return text;
  }

 private:
  std::string up_to_brace() {
    std::string text;
    while (!rest_.empty() && rest_.front() != '}') text += next();
    return text;
  }

  std::string next() {
    const char c = rest_.front();
    if (c == '\\') return command();
    if (c == '{') return group();
    rest_.remove_prefix(1);
    switch (c) {
      case '^': return raised(argument());
      case '_': return lowered(argument());
      case '\'': return "′";
      default: return std::string(1, c);
    }
  }

  std::string group() {
    rest_.remove_prefix(1);
    std::string inner = up_to_brace();
    if (!rest_.empty()) rest_.remove_prefix(1);
    return inner;
  }

  std::string argument() {
    skip_spaces();
    return rest_.empty() ? "" : next();
  }

  void skip_spaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }

  std::string_view name() {
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    rest_.remove_prefix(1);
    const auto letters = std::find_if_not(rest_.begin(), rest_.end(), is_letter) - rest_.begin();
    const std::string_view command = rest_.substr(0, std::max<std::size_t>(static_cast<std::size_t>(letters), 1));
    rest_.remove_prefix(command.size());
    return command;
  }

  std::string command() {
    const std::string_view command = name();
    if (command == "bar" || command == "overline") return with_mark(argument(), "\u0304");
    if (command == "hat") return with_mark(argument(), "\u0302");
    if (command == "tilde") return with_mark(argument(), "\u0303");
    if (command == "dot") return with_mark(argument(), "\u0307");
    if (command == "sqrt") return "√" + as_factor(argument());
    if (command == "frac" || command == "tfrac" || command == "dfrac") {
      const std::string above = as_factor(argument());
      const std::string below = argument();
      const std::string quotient = below.empty() ? above : above + "/" + as_denominator(below);
      return std::string(find(kFractions, quotient, quotient));
    }
    if (is_prefix(command)) skip_spaces();
    return (is_suffix(command) ? "\b" : "") + std::string(find(kSymbols, command, command));
  }

  static std::string raised(const std::string& text) {
    const std::string small = in_small(kRaised, text);
    if (!small.empty()) return small;
    return display_width(text) > 1 ? "^(" + text + ")" : "^" + text;
  }
  static std::string lowered(const std::string& text) {
    constexpr std::size_t kMostSmall = 3;  // a word is read better at its size
    const std::string small = display_width(text) <= kMostSmall ? in_small(kLowered, text) : "";
    if (!small.empty()) return small;
    return display_width(text) > 1 ? "[" + text + "]" : "_" + text;
  }

  std::string_view rest_;
};

}  // namespace

std::string readable_math(std::string_view latex) {
  const std::string text = Reader(latex).all();
  // One space where LaTeX has several; \quad has come as a tab, and what wants no space before it after a backspace.
  std::string tidy;
  for (const char c : text) {
    if (c == '\b') {
      tidy.erase(tidy.find_last_not_of(' ') + 1);
    } else if (c == '\t') {
      tidy.erase(tidy.find_last_not_of(' ') + 1);
      tidy += "  ";
    } else if (c != ' ' || (!tidy.empty() && tidy.back() != ' ')) {
      tidy += c;
    }
  }
  tidy.erase(tidy.find_last_not_of(' ') + 1);
  return tidy;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for_each_character(text, [&](std::string_view c) { width += combines(c) ? 0U : 1U; });
  return width;
}

}  // namespace tapegrad
