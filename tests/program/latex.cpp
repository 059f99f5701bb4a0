// The catalogue as a LaTeX document.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cctype>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/latex_document.hpp"
#include "tapegrad/latex_formula.hpp"
#include "tapegrad/latex_text.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops_command.hpp"
#include "tapegrad/whole_derivation.hpp"

using namespace tapegrad::program;
using tapegrad::catalogue::Derivation;
using tapegrad::catalogue::OpEntry;
using tapegrad::nn::catalogue::LayerEntry;

namespace {

Ops built_in_ops() {
  const auto ops = tapegrad::catalogue::all_ops();
  return {ops.begin(), ops.end()};
}

const OpEntry& op_named(std::string_view name) {
  for (const OpEntry* entry : built_in_ops())
    if (entry->name == name) return *entry;
  throw std::runtime_error("no op " + std::string(name));
}

Layers built_in_layers() {
  const auto layers = tapegrad::nn::catalogue::all_layers();
  return {layers.begin(), layers.end()};
}

std::string document_of(const OpEntry& op) { return latex_document("tapegrad", {&op}, {}); }

std::size_t times(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

/// What follows \begin{document}.
std::string_view body_of(std::string_view document) { return document.substr(document.find("\\fi\n")); }

/// What is wrong with a document's body, by rules that are stricter than TeX's; empty where nothing is.
class Proofreader {
 public:
  explicit Proofreader(std::string_view body) : rest_(body) {}

  std::string complaint() {
    while (!rest_.empty() && complaint_.empty()) {
      if (rest_.starts_with("\\")) {
        control();
      } else {
        character(rest_.front());
        rest_.remove_prefix(1);
      }
    }
    if (complaint_.empty() && !open_.empty()) complaint_ = open_.back() + " is never closed";
    return complaint_;
  }

 private:
  bool in_formula() const {
    static const std::set<std::string> displays = {"$", "\\[", "align*", "cases", "\\left"};
    const auto outer = std::find_if(open_.rbegin(), open_.rend(), [](const std::string& o) { return o != "{"; });
    return outer != open_.rend() && displays.contains(*outer);
  }

  void open(std::string what) { open_.push_back(std::move(what)); }
  void close(const std::string& what, std::string_view by) {
    if (open_.empty() || open_.back() != what) {
      complaint_ = std::string(by) + " closes " + (open_.empty() ? "nothing" : open_.back());
    } else {
      open_.pop_back();
    }
  }

  void character(char c) {
    if (static_cast<unsigned char>(c) >= 0x80 || (static_cast<unsigned char>(c) < 0x20 && c != '\n')) {
      complaint_ = "a character that is not of ASCII";
    } else if (c == '{') {
      open("{");
    } else if (c == '}') {
      close("{", "}");
    } else if (c == '$') {
      if (!open_.empty() && open_.back() == "$") {
        open_.pop_back();
      } else if (in_formula()) {
        complaint_ = "a dollar within a formula";
      } else {
        open("$");
      }
    } else if (c == '%') {
      rest_ = rest_.substr(std::min(rest_.find('\n'), rest_.size() - 1));
    } else if ((c == '_' || c == '^') && !in_formula()) {
      complaint_ = "a script outside of formulas";
    } else if (c == '#' || c == '~' || (c == '&' && !in_formula())) {
      complaint_ = std::string(1, c);
    }
  }

  std::string group() {
    std::string name(rest_.substr(1, rest_.find('}') - 1));
    rest_.remove_prefix(name.size() + 2);
    return name;
  }

  void control() {
    static const std::set<std::string> text = {"section",
                                               "subsection",
                                               "part",
                                               "texttt",
                                               "textbf",
                                               "item",
                                               "raggedright",
                                               "paragraph",
                                               "LaTeX",
                                               "allowbreak",
                                               "begin",
                                               "end",
                                               "textbackslash",
                                               "fi",
                                               "textasciitilde",
                                               "_",
                                               "&",
                                               "%",
                                               "textasciicircum",
                                               "tapegradcontents",
                                               "[",
                                               "tapegradend",
                                               "{",
                                               "}",
                                               "$",
                                               "#"};
    static const std::set<std::string> formulas = {
        "Big",     "Delta",    "Gamma",  "Lambda", "Phi",   "Rightarrow", "Sigma",    "Vert",    "alpha",    "arccos",
        "arcsin",  "arctan",   "approx", "bar",    "begin", "beta",       "bmod",     "cap",     "cdot",     "cdots",
        "chi",     "cos",      "cosh",   "cot",    "cup",   "delta",      "dot",      "ell",     "emptyset", "end",
        "epsilon", "exp",      "frac",   "gamma",  "ge",    "hat",        "in",       "infty",   "int",      "kappa",
        "lVert",   "lambda",   "land",   "langle", "lceil", "ldots",      "le",       "left",    "lfloor",   "lim",
        "ll",      "ln",       "lnot",   "log",    "lor",   "mapsto",     "mathrel",  "mathrm",  "max",      "min",
        "mu",      "ne",       "notin",  "nu",     "odot",  "omega",      "overline", "partial", "phi",      "pi",
        "pm",      "prod",     "psi",    "qquad",  "quad",  "rVert",      "rangle",   "rceil",   "rfloor",   "rho",
        "right",   "setminus", "sigma",  "sim",    "sin",   "sinh",       "sqrt",     "sum",     "tan",      "tanh",
        "tau",     "text",     "tfrac",  "theta",  "times", "to",         "top",      "varphi",  "vert",     "xi",
        "zeta",    ",",        "!",      " ",      ";",     "\\",         "]",        "{",       "}",        "_",
        "|",       "%",        "#"};
    std::size_t length = 1;
    while (1 + length <= rest_.size() && std::isalpha(static_cast<unsigned char>(rest_[length])) != 0) ++length;
    const std::string name(rest_.substr(1, std::max<std::size_t>(length - 1, 1)));
    rest_.remove_prefix(1 + name.size());
    if (!(in_formula() ? formulas : text).contains(name)) {
      complaint_ = "\\" + name + (in_formula() ? " in a formula" : " in text");
    } else if (name == "begin") {
      open(group());
    } else if (name == "end") {
      const std::string environment = group();
      close(environment, environment);
    } else if (name == "text") {
      open("\\text");
      rest_.remove_prefix(1);
      while (rest_.front() != '}') rest_.remove_prefix(rest_.front() == '\\' ? 2 : 1);
      rest_.remove_prefix(1);
      close("\\text", "}");
    } else if (name == "[" || name == "left") {
      open("\\" + name);
    } else if (name == "]" || name == "right") {
      close(name == "]" ? "\\[" : "\\left", "\\" + name);
    }
    if (name == "left" || name == "right") rest_.remove_prefix(rest_.starts_with("\\") ? 0 : 1);
  }

  std::string_view rest_;
  std::vector<std::string> open_;
  std::string complaint_;
};

/// An op of one's own that says what nobody should.
OpEntry hostile(std::string_view words) {
  static std::string_view said;
  said = words;
  OpEntry op = *tapegrad::catalogue::all_ops().front();
  op.name = said;
  op.family = said;
  op.math = said;
  op.derivation = [] { return Derivation{{said, said, said}, {"", "", said}, {said, "", ""}}; };
  return op;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(latex)

BOOST_AUTO_TEST_CASE(a_document_has_each_step_in_its_place) {
  for (const OpEntry* op : built_in_ops()) {
    const std::string document = document_of(*op);
    std::size_t at = document.find(latex_display(op->math));
    BOOST_TEST(at != std::string::npos, op->name);
    for (const tapegrad::catalogue::Step& step : whole_derivation(*op)) {
      const std::string begin = "\\item \\textbf{" + latex_text(step.title) + "}\n" + latex_display(step.latex);
      at = document.find(begin, at);
      BOOST_TEST(at != std::string::npos, op->name << ": " << begin);
    }
    BOOST_TEST(document.find("\\paragraph*{Keeps for the reverse sweep}\n", at) != std::string::npos, op->name);
    BOOST_TEST(times(document, "A bar is a cotangent") == 1U);
  }
}

BOOST_AUTO_TEST_CASE(a_document_says_what_the_struct_says) {
  const std::string document = document_of(op_named("tanh"));
  for (const char* part : {"\\section[{\\texttt{tanh}}]{\\raggedright\\texttt{tanh}}\n",
                           "\\[ y = \\tanh x;\\quad \\bar{x} = \\frac{\\bar{y}}{\\cosh^2 x} \\]\n", "quotient rule\n",
                           "\\paragraph*{Keeps for the reverse sweep}\ninput 0\n"})
    BOOST_TEST(document.find(part) != std::string::npos, part << "\n" << document);
  for (const char* part : {"\\texttt{layer\\_norm(x, gamma, beta)}",
                           "input 0 (x), residual 0 (mean), residual 1 (r); in some calls also input 1 (gamma)\n"})
    BOOST_TEST(document_of(op_named("layer_norm")).find(part) != std::string::npos, part);
  BOOST_TEST(document.ends_with("\n\\tapegradend\n"));
  BOOST_TEST(document.find("\\part{") == std::string::npos);
  BOOST_TEST(document.find("\\maketitle") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_entry_is_sound_latex) {
  for (const OpEntry* op : built_in_ops()) {
    const std::string document = document_of(*op);
    BOOST_TEST(Proofreader(body_of(document)).complaint() == "", op->name << "\n" << document);
    BOOST_TEST(document.find("not understood") == std::string::npos, op->name);
  }
  for (const LayerEntry* layer : built_in_layers()) {
    const std::string document = latex_document("tapegrad", {}, {layer});
    BOOST_TEST(Proofreader(body_of(document)).complaint() == "", layer->name << "\n" << document);
    BOOST_TEST(document.find("not understood") == std::string::npos, layer->name);
  }
}

BOOST_AUTO_TEST_CASE(a_booklet_has_all_by_families) {
  const std::string booklet = latex_document("tapegrad", built_in_ops(), built_in_layers());
  BOOST_TEST(Proofreader(body_of(booklet)).complaint() == "");
  BOOST_TEST(times(booklet, "\n\\section[") == built_in_ops().size() + built_in_layers().size());
  BOOST_TEST(times(booklet, "\\part{Ops: pointwise}\n") == 1U);
  BOOST_TEST(times(booklet, "\\part{Layers: norm}\n") == 1U);
  BOOST_TEST(times(booklet, "A bar is a cotangent") == 1U);
  BOOST_TEST(times(booklet, "\\tableofcontents") == 1U);
  const std::size_t norm = booklet.find("\\part{Ops: norm}");
  const std::size_t pointwise = booklet.find("\\part{Ops: pointwise}");
  BOOST_TEST(norm < booklet.find("\\section[{\\texttt{layer\\_norm}}]"));
  BOOST_TEST(booklet.find("\\section[{\\texttt{layer\\_norm}}]") < pointwise);
  BOOST_TEST(pointwise < booklet.find("\\section[{\\texttt{tanh}}]"));
}

BOOST_AUTO_TEST_CASE(text_has_no_character_of_latex) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"(a_b 5% #1 {x} & c$)", R"(a\_b 5\% \#1 \{x\} \& c\$)"},
      {R"(\input{/etc/passwd} ^^M ~)",
       R"(\textbackslash{}input\{/etc/passwd\} \textasciicircum{}\textasciicircum{}M \textasciitilde{})"},
      {R"(a < b | c > "d" ("e"))", "a $<$ b $|$ c $>$ ``d'' (``e'')"},
      {"--latex, y'' and `x`", "-{}-latex, y'{}' and {`}x{`}"},
      {"x̄ = ȳ, x̂ᵢⱼ ≤ σ² − α·β′",
       R"(\={x} = \={y}, \^{x}$_{i}$$_{j}$ $\le$ $\sigma$$^{2}$ $-$ $\alpha$$\cdot$$\beta$$'$)"},
      {"σ̄ ⟨a⟩ ∂L/∂x√2", R"($\bar{\sigma}$ $\langle$a$\rangle$ $\partial$L/$\partial$x$\surd$2)"},
      {"Gâteaux – Hölder, “naïve” ½…", "G\\^{a}teaux – Hölder, “naïve” ½$\\dots$"},
      {"e\u0301\u0131\u030a", "\\'{e}ı\\texttt{U+030A}"},
      {"Ж😀\u200b«", "\\texttt{U+0416}\\texttt{U+1F600}\\texttt{U+200B}\\texttt{U+00AB}"},
      {"a\xff\x1b[1m\nb\tc", "a\\textbackslash{}xff\\textbackslash{}x1b[1m b c"},
      {"", ""}};
  for (const auto& [text, expected] : cases) BOOST_TEST(latex_text(text) == expected);
}

BOOST_AUTO_TEST_CASE(formulas_do_not_depend_on_what_tex_takes_for_an_argument) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"(\bar x_i = \frac12 \bar y\,(1 - y^2))", R"($\bar{x}_i = \frac{1}{2} \bar{y}\,(1 - y^2)$)"},
      {R"(x^\bar y + \hat\frac ab)", R"($x^{\bar{y}} + \hat{\frac{a}{b}}$)"},
      {"x_a_b^c^d", "$x_a{}_b^c{}^d$"},
      {"_a x'' y'^2 z^2'", "${}_a x'' y'^2 z^2{}'$"},
      {"αx ≤ ȳ², x̂ᵢⱼ − 1", R"($\alpha x \le \bar{y}^2, \hat{x}_{ij} - 1$)"},
      {R"(a \lt b \gt c 5% #)", R"($a < b > c 5\% \#$)"},
      {R"(\begin{cases} [c] & p \\ [d] & \text{else} \end{cases})",
       R"($\begin{cases} {}[c] & p \\ {}[d] & \text{else} \end{cases}$)"},
      {R"(\text{a_b 5% \_ $x$})", R"($\text{a\_b 5\% \_ \$x\$}$)"},
      {R"(\left\lfloor a \right\rfloor\left|x\right.)", R"($\left\lfloor a\right\rfloor\left|x\right.$)"},
      {"x_{ab}\u0304 + \\frac{a}\u0304{b} + \\sqrt{x}\u0302 + {c}\u0304",
       R"($x_{\bar{ab}} + \frac{\bar{a}}{b} + \sqrt{\hat{x}} + \bar{{c}}$)"},
      {"$", R"($\$$)"},
      {R"(\operatorname*{argmax}_i x + \operatorname{softmax} x)",
       R"($\operatorname*{argmax}_i x + \operatorname{softmax} x$)"},
      {"x^~", "$x^{~}$"}};
  for (const auto& [formula, expected] : cases) BOOST_TEST(latex_inline(formula) == expected);
}

BOOST_AUTO_TEST_CASE(what_is_not_understood_is_shown_as_it_was_written) {
  const std::vector<std::string> formulas = {R"(\unheard x)",
                                             R"(\left( a)",
                                             R"(a \right))",
                                             "a & b",
                                             "Ж",
                                             R"(\quadx)",
                                             R"(\left( \begin{cases} a \right) \end{cases})",
                                             "x\x01",
                                             R"(\)"};
  for (const std::string& formula : formulas) {
    BOOST_TEST(latex_inline(formula).starts_with("\\texttt{\\$"), formula);
    BOOST_TEST(latex_display(formula).find("\nnot understood as \\LaTeX: \\texttt{") != std::string::npos, formula);
  }
  BOOST_TEST(latex_inline(R"(\input{a_b})") == R"(\texttt{\$\allowbreak \textbackslash{}input\allowbreak \{a\_b\}\$})");
  BOOST_TEST(latex_display("  ") == "");
  std::string deep = "x";
  for (int i = 0; i < 40; ++i) deep = "\\sqrt{" + deep + "}";
  BOOST_TEST(latex_inline(deep).starts_with("\\texttt{"));
}

BOOST_AUTO_TEST_CASE(long_formulas_are_cut_at_their_joints) {
  BOOST_TEST(latex_display(R"(a = b,\quad c = d)") == "\\[ a = b,\\quad c = d \\]\n");
  const std::string twenty = "a + a + a + a + a + a";
  BOOST_TEST(latex_display("y = " + twenty + ",\\quad z_{ij} = " + twenty + ",\\ f(x,\\ y) = " + twenty) ==
             "\\begin{align*}\ny & = " + twenty + ", \\\\\nz_{ij} & = " + twenty + ", \\\\\nf(x,\\ y) & = " + twenty +
                 "\n\\end{align*}\n");
  BOOST_TEST(latex_display("y = " + twenty + " = " + twenty + " = " + twenty) ==
             "\\begin{align*}\ny & = " + twenty + " = " + twenty + " \\\\\n & = " + twenty + "\n\\end{align*}\n");
  // With no other relation, before a sign; not within brackets that fit.
  BOOST_TEST(latex_display("y = " + twenty + " - (" + twenty + ") - (" + twenty + ")") ==
             "\\begin{align*}\ny & = " + twenty + " - (" + twenty + ") \\\\\n & \\qquad - (" + twenty +
                 ")\n\\end{align*}\n");
  const std::string words = R"(\text{ one word after the other, until the line is full of them})";
  BOOST_TEST(latex_display("y = x_n,\\ n" + words) ==
             "\\[ y = x_n, \\]\n$n$ one word after the other, until the line is full of them\n");
}

BOOST_AUTO_TEST_CASE(a_document_names_the_packages_that_it_needs) {
  const std::string plain = document_of(op_named("tanh"));
  BOOST_TEST(plain.find("document that\n% uses amsmath.\n") != std::string::npos, plain);
  BOOST_TEST(plain.find("\\usepackage{amsmath}\n") != std::string::npos);
  const std::string numbers = document_of(hostile(R"(x \in \mathbb{R})"));
  BOOST_TEST(numbers.find("document that\n% uses amsmath,amsfonts.\n") != std::string::npos, numbers);
  BOOST_TEST(numbers.find("\\usepackage{amsmath,amsfonts}\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(whatever_an_op_says_is_escaped) {
  for (const char* words : {R"(\end{document} 100% _a_ #1 & ~ ^ {)", R"(} } \] \end{enumerate} \item[ $x)",
                            R"($\end{align*}$ $$ $a & b$)", R"([x] \\ [2em] *)", R"(\fi \else \expandafter\csname)",
                            R"(\begin{verbatim} \verb|x|)", "% comment", "one\n\ntwo \\par \x7f \xc3("}) {
    const OpEntry op = hostile(words);
    const std::string document = document_of(op);
    BOOST_TEST(Proofreader(body_of(document)).complaint() == "", words << "\n" << document);
    const std::string booklet = latex_document(words, {&op, tapegrad::catalogue::all_ops().back()}, {});
    BOOST_TEST(Proofreader(body_of(booklet)).complaint() == "", words << "\n" << booklet);
  }
}

BOOST_AUTO_TEST_SUITE_END()
