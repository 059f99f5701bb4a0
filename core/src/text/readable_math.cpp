#include "tapegrad/text/readable_math.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "text/latex_symbols.hpp"
#include "text/prose.hpp"
#include "text/small_letters.hpp"
#include "text/unicode.hpp"

namespace tapegrad {
namespace {

std::string without_spaces(std::string_view text) {
  std::string result(text);
  result.erase(std::remove(result.begin(), result.end(), ' '), result.end());
  return result;
}

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

/// Whether a factor begins with it: a letter, a number, a bracket, a root or a sum. A small one is a script of what
/// precedes it.
bool begins_factor(char32_t c) {
  const bool letter = c < 0x80 ? std::isalnum(static_cast<int>(c)) != 0
                               : (c >= 0xc0 && c < 0x250) || (c >= 0x370 && c < 0x400) || (c >= 0x1e00 && c < 0x1f00);
  return letter || std::u32string_view(U"([⟨√∛∜∑∏ℓ∂∇½⅓⅔¼¾⅙").find(c) != std::u32string_view::npos;
}

bool begins_factor(std::string_view text) {
  const std::u32string characters = decoded(text);
  return !characters.empty() && begins_factor(characters.front());
}

/// Whether text reads as one factor: outside brackets no space or sign, and no factor behind a bracket that closes.
bool is_factor(std::string_view text) {
  int depth = 0;
  bool closed = false;
  for (const char32_t c : decoded(text)) {
    if (closed && begins_factor(c)) return false;
    if (c == U'(' || c == U'[') ++depth;
    if (c == U')' || c == U']') --depth;
    if (depth == 0 && (c == U' ' || c == U'+' || c == U'−' || c == U'/' || c == U'=')) return false;
    closed = depth == 0 && (c == U')' || c == U']');
  }
  return true;
}

/// Whether one pair of brackets holds all of it.
bool is_bracketed(std::string_view text) {
  if (text.empty() || text.front() != '(') return false;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')' && --depth == 0) return i + 1 == text.size();
  }
  return false;
}

/// 2y below a fraction's line or a root's: without brackets y would be read as a factor of the whole.
bool is_multiple(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  return digits > 0 && digits < text.size();
}

/// Brackets stand close to what they hold.
std::string with_close_brackets(std::string text) {
  const auto take_out = [&text](const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
      text.replace(at, from.size(), to);
      at += to.size();
    }
  };
  for (const char* open : {"(", "[", "⟨", "⌊", "⌈"}) take_out(std::string(open) + " ", open);
  for (const char* close : {")", "]", "⟩", "⌋", "⌉"}) take_out(std::string(" ") + close, close);
  return text;
}

std::string factor(const std::string& text) { return is_factor(text) ? text : "(" + text + ")"; }

std::string fraction(const std::string& above, const std::string& below) {
  static const std::map<std::string_view, std::string_view> vulgar = {{"1/2", "½"}, {"1/3", "⅓"}, {"2/3", "⅔"},
                                                                      {"1/4", "¼"}, {"3/4", "¾"}, {"1/6", "⅙"}};
  const std::string text = factor(above) + "/" + (is_multiple(below) ? "(" + below + ")" : factor(below));
  const auto at = vulgar.find(text);
  return at == vulgar.end() ? text : std::string(at->second);
}

/// What one group, command or character reads as.
struct Piece {
  std::string text;
  bool fraction = false;  // it ends with one that has a stroke
  bool function = false;  // a name of several letters, which takes what follows for its argument
  bool closes = false;    // a closing bar
};

/// Reads LaTeX from left to right. `ok` is false once it has met what it does not know.
class FormulaReader {
 public:
  explicit FormulaReader(std::string_view latex) : rest_(latex) {}

  std::optional<std::string> all() {
    const Piece whole = sequence();
    if (!ok_ || !rest_.empty()) return std::nullopt;
    return with_close_brackets(trimmed(whole.text));
  }

 private:
  /// One group or command within others, while it is read: each takes a part of the stack.
  class Level {
   public:
    explicit Level(int& depth) : depth_(depth) { ++depth_; }
    ~Level() { --depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    bool is_too_deep() const { return depth_ > kDeepest; }

   private:
    static constexpr int kDeepest = 100;
    int& depth_;
  };

  bool next_is(std::string_view text) const { return rest_.substr(0, text.size()) == text; }
  void skip_spaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }
  /// That of a name whose scripts stand below and above it in a display.
  void skip_star() {
    skip_spaces();
    if (next_is("*")) rest_.remove_prefix(1);
  }
  Piece fail() {
    ok_ = false;
    return {};
  }

  /// The name after a backslash: letters, or one other character.
  std::string_view command_name() {
    rest_.remove_prefix(1);
    std::size_t length = 0;
    while (length < rest_.size() && std::isalpha(static_cast<unsigned char>(rest_[length])) != 0) ++length;
    const std::string_view name = rest_.substr(0, std::max<std::size_t>(length, 1));
    rest_.remove_prefix(name.size());
    return name;
  }

  /// What the text that has been read ends with.
  struct Last {
    std::size_t fraction = std::string::npos;  // where one begins that may yet turn out to be a factor
    bool stroke = false;                       // its last piece is a fraction with one, whatever scripts follow
    bool function = false;                     // the name of one, which takes what follows for its argument
  };

  static void add_space(std::string& text, std::size_t count) {
    const std::size_t last = text.find_last_not_of(' ');
    const std::size_t present = last == std::string::npos ? 0 : text.size() - last - 1;
    if (!text.empty() && present < count) text.append(count - present, ' ');
  }

  /// Up to the brace (or the end) that closes it.
  Piece sequence() {
    std::string text;
    Last last;
    while (ok_ && !rest_.empty() && rest_.front() != '}') {
      if (rest_.front() == ' ') {
        rest_.remove_prefix(1);
        if (!tight_) add_space(text, 1);
        tight_ = false;
      } else if (rest_.front() == '&' || next_is(R"(\\)") || next_is(R"(\end)")) {
        break;  // a cell of an environment ends
      } else {
        tight_ = false;
        append_piece(text, last);
      }
    }
    return {.text = std::move(text), .fraction = last.stroke};
  }

  void append_piece(std::string& text, Last& last) {
    const char c = rest_.front();
    if (c == '_' || c == '^') {
      rest_.remove_prefix(1);
      append_script(text, c);
      last.fraction = std::string::npos;
    } else if (next_is(R"(\,)") || next_is(R"(\;)") || next_is(R"(\ )") || next_is(R"(\:)")) {
      rest_.remove_prefix(2);
      add_space(text, 1);
    } else if (next_is(R"(\!)")) {
      rest_.remove_prefix(2);
    } else if (next_is(R"(\quad)")) {
      rest_.remove_prefix(5);
      add_space(text, 3);
    } else if (next_is(R"(\qquad)")) {
      rest_.remove_prefix(6);
      add_space(text, 3);
    } else {
      Piece piece = atom();
      if (last.fraction != std::string::npos && begins_factor(piece.text)) {  // a/b c could be read as a/(b c)
        text.insert(text.find_last_not_of(' ') + 1, ")");
        text.insert(last.fraction, "(");
      }
      if (piece.fraction && last.function) {  // ln a/b could be read as (ln a)/b
        text.erase(text.find_last_not_of(' ') + 1);
        piece.text = "(" + piece.text + ")";
        piece.fraction = false;
      }
      if (piece.closes) text.erase(text.find_last_not_of(' ') + 1);  // a bar stands close to what it holds
      // a function's name does not grow together with what precedes it
      if (piece.function && !piece.text.empty() && !text.empty() &&
          std::isalnum(static_cast<unsigned char>(text.back())) != 0)
        add_space(text, 1);
      const bool spaced_twice = text.ends_with(' ') && piece.text.starts_with(' ');
      text.append(piece.text, spaced_twice ? 1 : 0);
      last.function = piece.function;
      last.stroke = piece.fraction;
      last.fraction = piece.fraction ? text.size() - piece.text.size() : std::string::npos;
    }
  }

  void append_script(std::string& text, char kind) {
    const std::string plain = argument().text;
    const std::string inner = without_spaces(plain);
    const auto little = kind == '_' ? subscript(inner) : superscript(inner);
    while (!text.empty() && text.back() == ' ') text.pop_back();
    if (little) {
      text += *little;
    } else if (kind == '_') {
      const bool close = inner.find("·") != std::string::npos && !has_long_run(plain);
      text += display_width(inner) == 1 ? "_" + inner : "_{" + (close ? inner : plain) + "}";
    } else {
      text += display_width(inner) == 1 || is_bracketed(plain) ? "^" + plain : "^(" + plain + ")";
    }
  }

  /// One brace group, command or character.
  Piece argument() {
    skip_spaces();
    if (rest_.empty()) return fail();
    if (rest_.front() != '{') return atom();
    Piece piece = group();
    piece.text = trimmed(piece.text);
    return piece;
  }

  Piece group() {
    const Level level(depth_);
    if (level.is_too_deep()) return fail();
    rest_.remove_prefix(1);
    Piece piece = sequence();
    if (rest_.empty() || rest_.front() != '}') return fail();
    rest_.remove_prefix(1);
    return piece;
  }

  /// The braces' content as it stands.
  std::string verbatim() {
    skip_spaces();
    const std::size_t end = rest_.find('}');
    if (rest_.empty() || rest_.front() != '{' || end == std::string_view::npos) return fail().text;
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }

  Piece atom() {
    const char c = rest_.front();
    if (c == '\\') return command(command_name());
    if (c == '{') return group();
    if (c == '}') return fail();
    std::string character = one_character();
    if (c == '-') return {"−"};
    if (c == '\'') return {"′"};
    if (c == '~') return {" "};
    return {std::move(character)};
  }

  /// One character of UTF-8.
  std::string one_character() {
    const std::string_view character = first_character(rest_).bytes;
    rest_.remove_prefix(character.size());
    return std::string(character);
  }

  Piece command(std::string_view name) {
    const Level level(depth_);
    if (level.is_too_deep()) return fail();
    if (const char32_t mark = latex_accent(name); mark != 0) return {accented(argument().text, mark)};
    if (name == "frac" || name == "tfrac" || name == "dfrac") {
      const std::string above = argument().text;
      std::string text = fraction(above, argument().text);
      const bool stroke = text.find('/') != std::string::npos;
      return {.text = std::move(text), .fraction = stroke};
    }
    if (name == "sqrt") {
      const std::string sign = root_sign();
      const std::string below = argument().text;
      return {sign + (is_multiple(below) ? "(" + below + ")" : factor(below))};
    }
    if (name == "text") return {verbatim()};
    if (name == "mathrm" || name == "operatorname") {
      if (name == "operatorname") skip_star();
      Piece piece = argument();
      piece.function = true;
      return piece;
    }
    if (name == "mathrel" || name == "mathbf" || name == "mathbb" || name == "mathcal") return argument();
    if (name == "left" || name == "right" || name == "Big" || name == "big" || name == "bigl" || name == "bigr")
      return delimiter();
    if (name == "begin") return environment();
    if (is_latex_function(name)) return {.text = std::string(name), .function = true};
    return symbol(name);
  }

  Piece symbol(std::string_view name) {
    const auto known = latex_symbol(name);
    if (!known) return fail();
    Piece piece{std::string(*known)};
    if (name == "vert" || name == "Vert") {
      in_bars_ = !in_bars_;
      tight_ = in_bars_;
      piece.closes = !in_bars_;
    } else {
      tight_ = name == "partial" || name == "nabla" || name == "lnot" || name == "lVert" || name == "lvert";
      piece.closes = name == "rVert" || name == "rvert";
    }
    return piece;
  }

  /// That of the index in brackets; the square root's without one.
  std::string root_sign() {
    if (rest_.empty() || rest_.front() != '[') return "√";
    const std::string_view index = rest_.substr(0, rest_.find(']') + 1);
    rest_.remove_prefix(index.size());
    return index == "[3]" ? "∛" : index == "[4]" ? "∜" : fail().text;
  }

  Piece delimiter() {
    skip_spaces();
    if (rest_.empty()) return fail();
    if (rest_.front() != '.') return atom();
    rest_.remove_prefix(1);
    return {};
  }

  /// \begin{cases} a & p \\ b & \text{else} \end{cases} as { a if p, else b }.
  Piece environment() {
    if (verbatim() != "cases") return fail();
    std::string text = "{ ";
    while (ok_) {
      const std::string value = trimmed(sequence().text);
      std::string condition;
      if (ok_ && !rest_.empty() && rest_.front() == '&') {
        rest_.remove_prefix(1);
        condition = trimmed(sequence().text);
      }
      text += condition == "else" ? "else " + value : condition.empty() ? value : value + " if " + condition;
      if (rest_.empty()) return fail();
      if (next_is(R"(\\)")) {
        rest_.remove_prefix(2);
        text += ", ";
      } else if (next_is(R"(\end)")) {
        rest_.remove_prefix(4);
        return verbatim() == "cases" ? Piece{text + " }"} : fail();
      } else {
        return fail();
      }
    }
    return {std::move(text)};
  }

  std::string_view rest_;
  int depth_ = 0;  // of the group or command that is being read
  bool ok_ = true;
  bool tight_ = false;    // the space after this command says only where its name ends
  bool in_bars_ = false;  // between two bars, of which LaTeX says not which opens and which closes
};

}  // namespace

std::optional<std::string> unicode_math(std::string_view latex) { return FormulaReader(latex).all(); }

std::string readable_math(std::string_view latex) { return unicode_math(latex).value_or(std::string(latex)); }

std::string readable_prose(std::string_view text) {
  std::string result;
  for_each_part(
      text, [&](std::string_view part) { result += part; },
      [&](std::string_view latex) { result += readable_math(latex); });
  return result;
}

std::size_t display_width(std::string_view text) {
  const std::u32string characters = decoded(text);
  return characters.size() -
         static_cast<std::size_t>(std::count_if(characters.begin(), characters.end(), is_combining));
}

}  // namespace tapegrad
