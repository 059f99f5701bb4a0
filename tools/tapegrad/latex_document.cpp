#include "tapegrad/latex_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "tapegrad/latex_formula.hpp"
#include "tapegrad/latex_text.hpp"
#include "tapegrad/recorded.hpp"
#include "tapegrad/whole_derivation.hpp"
#include "text/prose.hpp"
#include "text/unicode.hpp"

namespace tapegrad::program {
namespace {

using catalogue::OpEntry;
using nn::catalogue::LayerEntry;

// Within a document \documentclass and \begin{document} have been there: LaTeX has forgotten its complaint that they
// have not.
constexpr std::string_view kBeginning = R"(\expandafter\ifx\csname @nodocument\endcsname\relax
  \def\tapegradcontents{}
  \def\tapegradend{}
\else
  \def\tapegradcontents{CONTENTS}
  \def\tapegradend{\end{document}}
  \documentclass[11pt,a4paper,fleqn]{article}
  \usepackage[utf8]{inputenc}
  \usepackage{PACKAGES}
  \setlength{\textwidth}{160mm}
  \setlength{\textheight}{240mm}
  \setlength{\oddsidemargin}{0mm}
  \setlength{\topmargin}{-12mm}
  \setlength{\mathindent}{1.5em}
  \setlength{\emergencystretch}{4em}
  \setcounter{secnumdepth}{-1}
  \allowdisplaybreaks
  \makeatletter
  \renewcommand{\l@part}[2]{\addvspace{1ex}\@dottedtocline{0}{0em}{0em}{\bfseries #1}{#2}}
  \renewcommand{\l@section}{\@dottedtocline{1}{1em}{0em}}
  \makeatother
  \begin{document}
TITLE\fi
)";

constexpr std::string_view kEnding = "\n\\tapegradend\n";

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  if (const std::size_t at = text.find(what); at != std::string::npos) text.replace(at, what.size(), by);
  return text;
}

std::string prose(std::string_view text) {
  std::string latex;
  for_each_part(
      text, [&](std::string_view part) { latex += latex_text(part); },
      [&](std::string_view formula) { latex += latex_inline(formula); });
  return latex_paragraph(latex);
}

std::string notation() { return "\n\\section*{Notation}\n" + prose(catalogue::kNotation); }

/// Its title, and a comment by which an editor finds it.
std::string section(const std::string& name, const std::string& arguments) {
  const auto code = [](const std::string& text) { return fmt::format("\\texttt{{{}}}", latex_text(text)); };
  return fmt::format("\n% {}\n\\section[{{{}}}]{{\\raggedright{}}}\n", on_one_line(name), code(name),
                     code(name + arguments));
}

std::string steps(const catalogue::Derivation& derivation) {
  if (derivation.empty()) return {};
  std::string latex = "\\subsection*{Derivation}\n\\begin{enumerate}\n";
  for (const catalogue::Step& step : derivation) {
    latex += step.title.empty() ? "\\item{}\n" : fmt::format("\\item \\textbf{{{}}}\n", latex_text(step.title));
    latex += latex_display(step.latex);
    if (!step.why.empty()) latex += prose(step.why);
  }
  return latex + "\\end{enumerate}\n";
}

std::string section_of(const OpEntry& op) {
  Generator g(3);
  const std::string inputs = op.input_names.empty() ? "" : fmt::format("({})", fmt::join(op.input_names, ", "));
  return section(std::string(op.name), inputs) + latex_display(op.math) + steps(whole_derivation(op)) +
         "\\paragraph*{Keeps for the reverse sweep}\n" + latex_paragraph(latex_text(what_is_kept(op, op.samples(g))));
}

std::string section_of(const LayerEntry& layer) {
  return section(std::string(layer.name), "") + latex_display(layer.math);
}

/// By families, each of which begins with its name where `titled`.
template <class Entry>
std::string parts(std::string_view kind, std::vector<const Entry*> all, bool titled) {
  std::ranges::sort(all, {}, [](const Entry* entry) { return std::tuple(entry->family, entry->name); });
  std::string latex;
  std::string_view family;
  for (const Entry* entry : all) {
    if (titled && (latex.empty() || entry->family != family))
      latex += fmt::format("\n\\part{{{}: {}}}\n", kind, latex_text(entry->family));
    family = entry->family;
    latex += section_of(*entry);
  }
  return latex;
}

}  // namespace

std::string latex_document(std::string_view program, const std::vector<const OpEntry*>& ops,
                           const std::vector<const LayerEntry*>& layers) {
  const bool alone = ops.size() + layers.size() == 1;
  const std::string sections = parts("Ops", ops, !alone) + parts("Layers", layers, !alone);
  const std::string title =
      fmt::format("  \\title{{Derivations}}\n  \\author{{\\texttt{{{}}}}}\n  \\date{{tapegrad {}}}\n  \\maketitle\n",
                  latex_text(fmt::format("{} ops --latex", program)), TAPEGRAD_VERSION);
  const std::string_view packages = sections.find("\\mathbb") == std::string::npos ? "amsmath" : "amsmath,amsfonts";
  std::string begin(kBeginning);
  begin = replaced(begin, "CONTENTS", alone ? "" : "\\twocolumn\\tableofcontents\\onecolumn");
  begin = replaced(begin, "PACKAGES", packages);
  begin = replaced(begin, "TITLE", alone ? "" : title);
  const std::string about = fmt::format(
      "% Made by {} ops --latex. Compile it with pdflatex, twice for the contents, or \\input it in a document that\n"
      "% uses {}.\n",
      on_one_line(program), packages);
  return about + begin + (alone ? sections + notation() : notation() + "\\tapegradcontents\n" + sections) +
         std::string(kEnding);
}

}  // namespace tapegrad::program
