#include "tapegrad/latex_formula.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "tapegrad/latex_text.hpp"
#include "tapegrad/text/readable_math.hpp"
#include "text/latex_symbols.hpp"
#include "text/unicode.hpp"

namespace tapegrad::program {
namespace {

enum class Role : unsigned char { other, relation, sign, opening, closing, comma, gap, words };

/// What a formula consists of: a character, a command with its arguments, a group; with its scripts.
struct Piece {
  std::string latex;
  double width = 0;  ///< about, in digits
  Role role = Role::other;
  bool spaced = false;  ///< whether a blank precedes it
};
using Pieces = std::vector<Piece>;

constexpr double kScriptSize = 0.7;

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

bool ends_with_a_name(std::string_view latex) {
  std::size_t letters = 0;
  while (letters < latex.size() && is_letter(latex[latex.size() - 1 - letters])) ++letters;
  return letters > 0 && letters < latex.size() && latex[latex.size() - 1 - letters] == '\\';
}

std::string joined(std::span<const Piece> pieces) {
  std::string latex;
  for (const Piece& piece : pieces) {
    const bool separate = !piece.latex.empty() && is_letter(piece.latex.front()) && ends_with_a_name(latex);
    if (!latex.empty() && (piece.spaced || separate)) latex += ' ';
    latex += piece.latex;
  }
  return latex;
}

double width_of(std::span<const Piece> pieces) {
  double width = 0;
  for (const Piece& piece : pieces) width += piece.width;
  return width;
}

/// A row of an environment does not begin with what its line end would take for an argument.
std::string as_row(std::string latex) {
  return latex.starts_with('[') || latex.starts_with('*') ? "{}" + std::move(latex) : latex;
}

Role role_of(std::string_view latex) {
  constexpr std::array<std::string_view, 22> kRelations = {
      "=",        "<",    ">",           "\\le",     "\\ge",         "\\ne",    "\\leq", "\\geq",
      "\\neq",    "\\ll", "\\gg",        "\\in",     "\\notin",      "\\equiv", "\\sim", "\\approx",
      "\\propto", "\\to", "\\leftarrow", "\\mapsto", "\\Rightarrow", "\\subset"};
  constexpr std::array<std::string_view, 4> kSigns = {"+", "-", "\\pm", "\\lor"};
  constexpr std::array<std::string_view, 7> kOpening = {"(", "[", "\\{", "\\langle", "\\lfloor", "\\lceil", "\\lVert"};
  constexpr std::array<std::string_view, 7> kClosing = {")", "]", "\\}", "\\rangle", "\\rfloor", "\\rceil", "\\rVert"};
  const auto is_one_of = [&](const auto& all) { return std::find(all.begin(), all.end(), latex) != all.end(); };
  if (latex == "," || latex == ";") return Role::comma;
  if (is_one_of(kRelations)) return Role::relation;
  if (is_one_of(kSigns)) return Role::sign;
  if (is_one_of(kOpening)) return Role::opening;
  return is_one_of(kClosing) ? Role::closing : Role::other;
}

/// One character or symbol.
Piece piece_of(std::string latex) {
  const Role role = role_of(latex);
  const double width = role == Role::relation                                                  ? 2.7
                       : role == Role::sign                                                    ? 2.4
                       : role == Role::opening || role == Role::closing || role == Role::comma ? 0.8
                       : latex == "\\sum" || latex == "\\prod"                                 ? 3
                       : latex == "\\cdot" || latex == "\\odot" || latex == "\\times"          ? 2
                                                                                               : 1.15;
  return {.latex = std::move(latex), .width = width, .role = role};
}

/// Reads LaTeX and writes it again so that nothing depends on what TeX takes for an argument. Knows what unicode_math()
/// knows, but no command that amsmath lacks, and no delimiter without its other one. Nesting ends before TeX's does.
class Reader {
 public:
  explicit Reader(std::string_view latex) : rest_(latex) {}

  std::optional<Pieces> all() {
    Pieces pieces = sequence();
    if (!ok_ || !rest_.empty()) return std::nullopt;
    return pieces;
  }

 private:
  /// Which scripts the last piece has.
  struct Scripts {
    bool below = false;
    bool above = false;
    bool prime = false;  // the last of them
  };

  Piece fail() {
    ok_ = false;
    return {};
  }

  bool next_is(std::string_view text) const { return rest_.starts_with(text); }
  void skip(std::size_t bytes) { rest_.remove_prefix(bytes); }

  /// Whether there were blanks.
  bool skip_blanks() {
    const std::size_t count = std::min(rest_.find_first_not_of(" \n\t\r"), rest_.size());
    skip(count);
    return count > 0;
  }

  /// Whether there was one.
  bool skip_star() {
    skip_blanks();
    const bool starred = next_is("*");
    skip(starred ? 1 : 0);
    return starred;
  }

  /// The name behind the backslash that is next: letters, or one other character.
  std::string_view name_ahead() const {
    std::size_t length = 1;
    while (length < rest_.size() && is_letter(rest_[length])) ++length;
    return rest_.substr(1, std::max<std::size_t>(length - 1, 1));
  }

  bool is_at_end() const {
    if (rest_.empty() || next_is("}") || next_is("&")) return true;
    if (!next_is("\\")) return false;
    const std::string_view name = name_ahead();
    return name == "\\" || name == "end" || name == "right";
  }

  /// Up to what closes it, or ends a cell of an environment.
  Pieces sequence() {
    Pieces pieces;
    Scripts scripts;
    bool spaced = false;
    while (ok_) {
      spaced = skip_blanks() || spaced;
      if (is_at_end()) break;
      if (append_script(pieces, scripts)) continue;
      Piece piece = atom();
      piece.spaced = spaced;
      pieces.push_back(std::move(piece));
      scripts = {};
      spaced = false;
    }
    return pieces;
  }

  /// Whether a script came next.
  bool append_script(Pieces& pieces, Scripts& scripts) {
    using Place = MathCharacter::Place;
    if (next_is("'")) {
      skip(1);
      script_on(pieces, scripts, scripts.above && !scripts.prime).latex += '\'';
      scripts.above = scripts.prime = true;
      return true;
    }
    if (next_is("_") || next_is("^")) {
      const char kind = rest_.front();
      skip(1);
      const Piece inner = argument();
      add_script(pieces, scripts, kind, inner.latex, inner.width);
      return true;
    }
    std::string letters;  // small ones in a row are one script
    Place place = Place::line;
    while (!rest_.empty()) {
      const Character c = first_character(rest_);
      const auto small = c.code < 0x80 || !c.valid ? std::nullopt : math_character(c.code);
      if (!small || small->place == Place::line || (place != Place::line && place != small->place)) break;
      place = small->place;
      letters += (ends_with_a_name(letters) ? " " : "") + small->latex;
      skip(c.bytes.size());
    }
    if (letters.empty()) return false;
    add_script(pieces, scripts, place == Place::below ? '_' : '^', letters, static_cast<double>(letters.size()));
    return true;
  }

  /// What the next script stands on; an empty group where there is nothing, or where TeX would complain of a second
  /// one.
  static Piece& script_on(Pieces& pieces, Scripts& scripts, bool second) {
    if (pieces.empty() || pieces.back().role == Role::gap || second) {
      pieces.push_back({.latex = "{}"});
      scripts = {};
    }
    if (pieces.back().role == Role::words) pieces.back().role = Role::other;
    return pieces.back();
  }

  static void add_script(Pieces& pieces, Scripts& scripts, char kind, const std::string& inner, double width) {
    const bool below = kind == '_';
    Piece& base = script_on(pieces, scripts, below ? scripts.below : scripts.above && !scripts.prime);
    const bool simple = inner.size() == 1 && std::isalnum(static_cast<unsigned char>(inner.front())) != 0;
    base.latex += simple ? fmt::format("{}{}", kind, inner) : fmt::format("{}{{{}}}", kind, inner);
    base.width = base.latex.starts_with("\\sum") ? std::max(base.width, kScriptSize * width + 0.5)
                                                 : base.width + kScriptSize * width;
    (below ? scripts.below : scripts.above) = true;
    scripts.prime = false;
  }

  /// What a command or a script takes, without braces.
  Piece argument() {
    skip_blanks();
    if (is_at_end()) return fail();
    if (!next_is("{")) return atom();
    Piece inner = nested([this] { return group(); });
    if (ok_) inner.latex = inner.latex.substr(1, inner.latex.size() - 2);
    return marked(std::move(inner));
  }

  Piece atom() {
    return marked(nested([this] { return next_is("\\") ? command() : next_is("{") ? group() : character(); }));
  }

  /// What `read` gives, one level deeper.
  template <class Read>
  Piece nested(const Read& read) {
    constexpr int kDeepest = 30;
    ++depth_;
    Piece piece = depth_ > kDeepest ? fail() : read();
    --depth_;
    return piece;
  }

  /// With the accent that a combining mark behind it is.
  Piece marked(Piece piece) {
    if (!ok_ || rest_.empty()) return piece;
    const Character c = first_character(rest_);
    const std::string_view accent = latex_accent_of(c.code);
    if (accent.empty()) return piece;
    skip(c.bytes.size());
    return {.latex = fmt::format("\\{}{{{}}}", accent, piece.latex), .width = piece.width};
  }

  Piece group() {
    skip(1);
    const Pieces inner = sequence();
    if (!next_is("}")) return fail();
    skip(1);
    return {.latex = "{" + joined(inner) + "}", .width = width_of(inner)};
  }

  Piece character() {
    constexpr std::string_view kEscaped = "%#$";
    const Character c = first_character(rest_);
    skip(c.bytes.size());
    if (c.code == U'~') return {.latex = "~", .width = 0.7, .role = Role::gap};
    if (c.code < 0x80) {
      if (c.code < 0x20 || c.code == 0x7f || c.code == U'_' || c.code == U'^') return fail();
      return piece_of((kEscaped.find(c.bytes) == kEscaped.npos ? "" : "\\") + std::string(c.bytes));
    }
    auto symbol = c.valid ? math_character(c.code) : std::nullopt;
    return symbol && symbol->place == MathCharacter::Place::line ? piece_of(std::move(symbol->latex)) : fail();
  }

  Piece command() {
    const std::string_view name = name_ahead();
    if (name.empty()) return fail();
    skip(1 + name.size());
    if (latex_accent(name) != 0) return with_argument(name);
    if (name == "frac" || name == "tfrac" || name == "dfrac") return fraction(name);
    if (name == "sqrt") return root();
    if (name == "text") return text();
    if (name == "operatorname") return with_argument(skip_star() ? "operatorname*" : name);
    if (name == "mathrm" || name == "mathbf" || name == "mathbb" || name == "mathcal") return with_argument(name);
    if (name == "mathrel") {
      Piece piece = with_argument(name);
      piece.role = Role::relation;
      return piece;
    }
    if (name == "left") return between_delimiters();
    if (name == "Big" || name == "big" || name == "bigl" || name == "bigr") return large_delimiter(name);
    if (name == "begin") return cases();
    if (is_latex_function(name))
      return {.latex = fmt::format("\\{}", name), .width = static_cast<double>(name.size()) + 0.4};
    if (const double width = space(name); width >= 0)
      return {.latex = fmt::format("\\{}", name), .width = width, .role = width > 0.5 ? Role::gap : Role::other};
    if (name == "lt" || name == "gt") return piece_of(name == "lt" ? "<" : ">");  // which TeX has no names for
    return latex_symbol(name) ? piece_of(fmt::format("\\{}", name)) : fail();
  }

  /// How wide a space is; negative for another command.
  static double space(std::string_view name) {
    if (name == "!") return 0;
    if (name == "," || name == ":" || name == ";") return 0.4;
    if (name == " ") return 0.7;
    return name == "quad" ? 2 : name == "qquad" ? 4 : -1;
  }

  Piece with_argument(std::string_view name) {
    const Piece inner = argument();
    return {.latex = fmt::format("\\{}{{{}}}", name, inner.latex), .width = inner.width};
  }

  Piece fraction(std::string_view name) {
    const Piece above = argument();
    const Piece below = argument();
    const double width = std::max(above.width, below.width);
    return {.latex = fmt::format("\\{}{{{}}}{{{}}}", name, above.latex, below.latex),
            .width = (name == "tfrac" ? kScriptSize : 1) * width + 0.5};
  }

  Piece root() {
    std::string index;
    for (const char* known : {"[3]", "[4]"})
      if (next_is(known)) index = known;
    skip(index.size());
    const Piece below = argument();
    return {.latex = fmt::format("\\sqrt{}{{{}}}", index, below.latex), .width = below.width + 2};
  }

  /// The braces' content as it stands; an escaped character in it is that character.
  Piece text() {
    skip_blanks();
    const std::size_t end = rest_.find('}');
    if (!next_is("{") || end == std::string_view::npos) return fail();
    std::string content;
    for (std::size_t i = 1; i < end; ++i)
      if (rest_[i] != '\\' || std::string_view("_%&#$").find(rest_[i + 1]) == std::string_view::npos)
        content += rest_[i];
    skip(end + 1);
    return {.latex = fmt::format("\\text{{{}}}", latex_text(content)),
            .width = static_cast<double>(content.size()),
            .role = Role::words};
  }

  /// One that may grow; empty where none follows.
  std::string delimiter() {
    constexpr std::array<std::string_view, 15> kNames = {"{",     "}",      "|",      "langle", "rangle",
                                                         "vert",  "Vert",   "lvert",  "rvert",  "lVert",
                                                         "rVert", "lfloor", "rfloor", "lceil",  "rceil"};
    skip_blanks();
    std::string latex;
    if (!rest_.empty() && std::string_view("()[]|./").find(rest_.front()) != std::string_view::npos) {
      latex = rest_.front();
    } else if (next_is("\\") && std::find(kNames.begin(), kNames.end(), name_ahead()) != kNames.end()) {
      latex = fmt::format("\\{}", name_ahead());
    }
    skip(latex.size());
    if (latex.empty()) ok_ = false;
    return latex;
  }

  static std::string_view blank_behind(const std::string& name) { return ends_with_a_name(name) ? " " : ""; }

  Piece between_delimiters() {
    constexpr std::string_view kRight = "\\right";
    const std::string left = delimiter();
    const Pieces inner = sequence();
    if (!next_is(kRight) || name_ahead() != kRight.substr(1)) return fail();
    skip(kRight.size());
    const std::string right = delimiter();
    return {.latex = fmt::format("\\left{}{}{}\\right{}", left, blank_behind(left), joined(inner), right),
            .width = width_of(inner) + 2};
  }

  Piece large_delimiter(std::string_view size) {
    const std::string which = delimiter();
    return {.latex = fmt::format("\\{}{}", size, which), .width = 1.2, .role = role_of(which)};
  }

  Piece cases() {
    constexpr std::string_view kName = "{cases}";
    constexpr std::string_view kEnd = "\\end";
    if (!next_is(kName)) return fail();
    skip(kName.size());
    std::string rows;
    double width = 0;
    while (ok_) {
      const Pieces value = sequence();
      rows += as_row(joined(value));
      double used = width_of(value);
      if (next_is("&")) {
        skip(1);
        const Pieces condition = sequence();
        rows += " & " + joined(condition);
        used += 2 + width_of(condition);
      }
      width = std::max(width, used);
      if (next_is("\\\\")) {
        skip(2);
        rows += " \\\\ ";
      } else if (next_is(kEnd)) {
        skip(kEnd.size());
        if (!next_is(kName)) return fail();
        skip(kName.size());
        return {.latex = fmt::format("\\begin{{cases}} {} \\end{{cases}}", rows), .width = width + 2};
      } else {
        return fail();
      }
    }
    return {};
  }

  std::string_view rest_;
  int depth_ = 0;
  bool ok_ = true;
};

/// Nothing where either does not understand it.
std::optional<Pieces> pieces_of(std::string_view formula) {
  return unicode_math(formula) ? Reader(formula).all() : std::nullopt;
}

/// As it was written; a line may end before each command.
std::string as_written(std::string_view formula) {
  std::string text;
  while (!formula.empty()) {
    const std::size_t end = std::min(formula.find_first_of("\\{", 1), formula.size());
    text += (text.empty() ? "" : "\\allowbreak ") + latex_text(formula.substr(0, end));
    formula.remove_prefix(end);
  }
  return "\\texttt{" + text + "}";
}

// As wide as a step of a derivation is in an article of 10 pt.
constexpr double kLineWidth = 60;

/// How deep in brackets each piece stands; the brackets themselves stand outside.
std::vector<int> depths_of(std::span<const Piece> pieces) {
  std::vector<int> depths;
  int depth = 0;
  for (const Piece& piece : pieces) {
    if (piece.role == Role::closing) depth = std::max(depth - 1, 0);
    depths.push_back(depth);
    if (piece.role == Role::opening) ++depth;
  }
  return depths;
}

void trim(Pieces& pieces) {
  while (!pieces.empty() && pieces.back().role == Role::gap) pieces.pop_back();
  const auto first = std::find_if(pieces.begin(), pieces.end(), [](const Piece& p) { return p.role != Role::gap; });
  pieces.erase(pieces.begin(), first);
  if (!pieces.empty()) pieces.front().spaced = false;
}

/// Cut before each piece for which `begins` holds.
template <class Begins>
std::vector<Pieces> cut(const Pieces& pieces, Begins begins) {
  std::vector<Pieces> parts(1);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0 && begins(i)) parts.emplace_back();
    parts.back().push_back(pieces[i]);
  }
  return parts;
}

/// Its equations: between them stand a comma or semicolon and a space, outside of brackets.
std::vector<Pieces> equations_of(const Pieces& pieces) {
  const std::vector<int> depths = depths_of(pieces);
  return cut(pieces, [&](std::size_t i) {
    return pieces[i].role == Role::gap && pieces[i - 1].role == Role::comma && depths[i] == 0;
  });
}

/// Whether a line may begin with the piece: with a relation or a sign, in more brackets and behind a comma at higher
/// levels.
bool may_begin(const Pieces& pieces, const std::vector<int>& depths, std::size_t i, int level) {
  const auto is = [&](std::size_t at, Role role) { return pieces[at].role == role; };
  if (is(i, Role::relation)) return depths[i] <= std::max(level - 1, 0) && !is(i - 1, Role::relation);
  const bool behind_operand = is(i - 1, Role::other) || is(i - 1, Role::closing);
  if (is(i, Role::sign)) return level > 0 && depths[i] < level && behind_operand;
  return level > 1 && depths[i] < level && is(i - 1, Role::comma);
}

/// In lines that are short enough if they can be. Those of a lower level, where one is not, are cut further.
std::vector<Pieces> lines_of(const Pieces& equation, double limit, int level = 0) {
  constexpr int kLevels = 4;
  if (width_of(equation) <= limit || level == kLevels) return {equation};
  const std::vector<int> depths = depths_of(equation);
  constexpr double kShort = kLineWidth / 3;  // what precedes a first relation that stays with it
  bool seen = false;
  const std::vector<Pieces> parts = cut(equation, [&](std::size_t i) {
    if (!may_begin(equation, depths, i, level)) return false;
    const bool first = !seen && equation[i].role == Role::relation && equation.front().role != Role::relation;
    seen = true;
    return !first || width_of(std::span(equation).first(i)) > kShort;
  });
  std::vector<Pieces> lines;
  for (const Pieces& part : parts) {
    if (!lines.empty() && width_of(lines.back()) + width_of(part) <= limit) {
      lines.back().insert(lines.back().end(), part.begin(), part.end());
    } else {
      lines.push_back(part);
    }
  }
  std::vector<Pieces> shorter;
  for (Pieces& line : lines) trim(line);
  std::erase_if(lines, [](const Pieces& line) { return line.empty(); });
  for (const Pieces& line : lines) std::ranges::move(lines_of(line, limit, level + 1), std::back_inserter(shorter));
  return shorter;
}

bool has_relation(const Pieces& equation) {
  const std::vector<int> depths = depths_of(equation);
  for (std::size_t i = 0; i < equation.size(); ++i)
    if (equation[i].role == Role::relation && depths[i] == 0) return true;
  return false;
}

bool has_words(const Pieces& equation) {
  return std::any_of(equation.begin(), equation.end(), [](const Piece& piece) { return piece.role == Role::words; });
}

/// Equations, and what is said of them in words.
struct Parts {
  std::vector<Pieces> equations;
  std::vector<Pieces> remarks;
};

/// What has no relation stands behind what precedes it if there is room. Where there is none for all that ends the
/// formula, and has words, it is a remark.
Parts parts_of(const Pieces& pieces) {
  const std::vector<Pieces> all = equations_of(pieces);
  std::size_t last = all.size();
  while (last > 1 && !has_relation(all[last - 1])) --last;
  Parts parts;
  const auto append = [&](const Pieces& equation) {
    if (!parts.equations.empty() && !has_relation(equation) &&
        width_of(parts.equations.back()) + width_of(equation) <= kLineWidth) {
      parts.equations.back().insert(parts.equations.back().end(), equation.begin(), equation.end());
    } else {
      parts.equations.push_back(equation);
    }
  };
  std::for_each_n(all.begin(), last, append);
  const std::span<const Pieces> end = std::span(all).subspan(last);
  double width = width_of(parts.equations.back());
  for (const Pieces& equation : end) width += width_of(equation);
  if (width > kLineWidth && std::any_of(end.begin(), end.end(), has_words)) {
    parts.remarks.assign(end.begin(), end.end());
  } else {
    std::for_each(end.begin(), end.end(), append);
  }
  for (std::vector<Pieces>* some : {&parts.equations, &parts.remarks})
    for (Pieces& each : *some) trim(each);
  return parts;
}

/// As a line of text.
std::string as_text(std::span<const Piece> pieces) {
  constexpr std::string_view kText = "\\text{";
  std::string text;
  while (!pieces.empty()) {
    const auto words = std::find_if(pieces.begin(), pieces.end(), [](const Piece& p) { return p.role == Role::words; });
    const auto formula = pieces.first(static_cast<std::size_t>(words - pieces.begin()));
    if (!formula.empty()) text += fmt::format("${}$", joined(formula));
    pieces = pieces.subspan(formula.size());
    if (pieces.empty()) break;
    text += pieces.front().latex.substr(kText.size(), pieces.front().latex.size() - kText.size() - 1);
    pieces = pieces.subspan(1);
  }
  return text;
}

/// A line of an equation, parted before the relation that stands in a column with those of the others.
struct Row {
  std::string left;
  std::string right;
  double left_width = 0;
  double right_width = 0;
};

Row row_of(const Pieces& line, bool continued) {
  if (continued) {
    const bool relation = line.front().role == Role::relation;
    return {"", (relation ? "" : "\\qquad ") + joined(line), 0, width_of(line) + (relation ? 0 : 4)};
  }
  const std::vector<int> depths = depths_of(line);
  std::size_t at = 0;
  while (at < line.size() && !(line[at].role == Role::relation && depths[at] == 0)) ++at;
  if (at == line.size()) at = 0;
  const auto left = std::span(line).first(at);
  const auto right = std::span(line).subspan(at);
  return {joined(left), joined(right), width_of(left), width_of(right)};
}

/// Below each other, with their relations in a column if there is room for that.
std::string rows_of(std::span<const Pieces> equations) {
  std::vector<Row> rows;
  double left = 0;
  double right = 0;
  for (const Pieces& equation : equations) {
    bool continued = false;
    for (const Pieces& line : lines_of(equation, kLineWidth)) {
      const Row& row = rows.emplace_back(row_of(line, continued));
      left = std::max(left, row.left_width);
      right = std::max(right, row.right_width);
      continued = true;
    }
  }
  if (rows.size() == 1)
    return fmt::format("\\[ {}{}{} \\]\n", rows[0].left, rows[0].left.empty() ? "" : " ", rows[0].right);
  const bool in_columns = left + right <= kLineWidth;
  std::string text;
  for (const Row& row : rows) {
    text += text.empty() ? "" : " \\\\\n";
    text += in_columns ? fmt::format("{} & {}", as_row(row.left), row.right)
                       : fmt::format("& {}{}{}", row.left, row.left.empty() ? "" : " ", row.right);
  }
  return fmt::format("\\begin{{align*}}\n{}\n\\end{{align*}}\n", text);
}

}  // namespace

std::string latex_inline(std::string_view formula) {
  const auto pieces = pieces_of(formula);
  if (!pieces) return as_written(fmt::format("${}$", formula));
  return pieces->empty() ? "\\$\\$" : fmt::format("${}$", joined(*pieces));
}

std::string latex_display(std::string_view formula) {
  auto pieces = pieces_of(formula);
  if (!pieces)
    return fmt::format("\\begin{{quote}}\\raggedright\nnot understood as \\LaTeX: {}\n\\end{{quote}}\n",
                       as_written(formula));
  trim(*pieces);
  if (pieces->empty()) return {};
  if (width_of(*pieces) <= kLineWidth) return fmt::format("\\[ {} \\]\n", joined(*pieces));

  const Parts parts = parts_of(*pieces);
  std::string remarks;
  for (const Pieces& remark : parts.remarks) remarks += as_text(remark) + " ";
  return rows_of(parts.equations) + (remarks.empty() ? "" : latex_paragraph(remarks));
}

}  // namespace tapegrad::program
