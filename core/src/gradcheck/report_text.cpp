#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "gradcheck/wording.hpp"
#include "tapegrad/gradcheck/report.hpp"
#include "text/unicode.hpp"

namespace tapegrad {
namespace {

using checker::element_text;
using checker::indented;
using checker::measured_rate;
using checker::numeric_side;
using checker::output_text;
using checker::rate_text;
using checker::reproduction;

constexpr std::size_t kMostFindings = 60;  // in the table; beyond them stand those alone that are not ok

/// Where the characters of UTF-8 text begin.
std::vector<std::size_t> characters_of(std::string_view text) {
  std::vector<std::size_t> begins;
  for (std::size_t i = 0; i < text.size(); i += first_character(text.substr(i)).bytes.size()) begins.push_back(i);
  return begins;
}

/// At most `width` characters, those in the middle left out.
std::string shortened(std::string text, std::size_t width) {
  const std::vector<std::size_t> begins = characters_of(text);
  if (begins.size() <= width) return text;
  return text.substr(0, begins[width / 2 - 1]) + ".." + text.substr(begins[begins.size() - (width - width / 2 - 1)]);
}

/// Of the inputs' names: as wide as the longest, within reason.
std::size_t name_width(const GradcheckReport& report) {
  constexpr std::size_t kLeast = 14;
  constexpr std::size_t kMost = 36;
  std::size_t width = kLeast;
  for (const GradcheckFinding& f : report.findings)
    width = std::max(width, std::min(characters_of(f.input_name).size(), kMost));
  return width;
}

std::string row(const GradcheckFinding& f, std::size_t names) {
  std::string text = fmt::format("{:17} {:1} {:7} {:{}} {:11} {:>5}", to_string(f.verdict), f.order, to_string(f.mode),
                                 shortened(f.input_name, names), names,
                                 shortened(element_text(f, f.index, f.output), 11), output_text(f, f.output));
  if (f.worst.empty()) return text;
  return text + fmt::format(" {:>12.5g} {:>12.5g} {:>7.1e} {:>5}", f.analytic, f.numeric, f.relative_error(),
                            shortened(rate_text(f), 5));
}

std::string elements(const GradcheckFinding& f) {
  std::string text = fmt::format(
      "  worst elements by error over tolerance (numeric: by {})\n  {:18} {:>6} {:>22} {:>22} {:>10} {:>10}\n",
      numeric_side(f), "element", "output", "analytic", "numeric", "abs. error", "rel. error");
  for (const GradcheckElement& e : f.worst) {
    if (e.verdict != f.verdict) break;
    text += fmt::format("  {:18} {:>6} {:>22.15g} {:>22.15g} {:>10.2e} {:>10.2e}\n",
                        shortened(element_text(f, e.index, e.output), 18), output_text(f, e.output), e.analytic,
                        e.numeric, e.absolute_error(), e.relative_error());
  }
  return text;
}

std::string labelled(std::string_view label, std::string_view text) {
  return fmt::format("  {:12} {}\n", label, indented(text, 15));
}

/// What a remainder's rate says beside the verdict.
std::string_view meaning_of_rate(const GradcheckFinding& f, double rate) {
  constexpr double kRight = 1.7;
  const bool hidden = f.verdict == Verdict::wrong && rate > kRight;
  return hidden ? "2: right, 1: wrong; this error is too small beside the curvature to show here"
                : "2: right, 1: wrong";
}

/// What is to say beyond the table's row.
std::string details(const GradcheckReport& report, const GradcheckFinding& f) {
  if (f.verdict == Verdict::ok && f.note.empty()) return "";
  std::string text = fmt::format("\n{}, order {}, {}{}\n", to_string(f.verdict), f.order, to_string(f.mode),
                                 f.input < 0 ? std::string() : fmt::format(", input '{}'", f.input_name));
  if (f.verdict == Verdict::wrong && !f.worst.empty()) text += elements(f);
  if (f.verdict == Verdict::kink && f.slope_below != f.slope_above)
    text += labelled("slopes", fmt::format("{:.6g} below, {:.6g} above; the derivative is {:.6g}", f.slope_below,
                                           f.slope_above, f.analytic));
  if (!f.note.empty()) text += labelled("note", f.note);
  if (f.diagnosis)
    text += labelled("diagnosis", fmt::format("{}: {}", to_string(f.diagnosis->mistake), f.diagnosis->text));
  const bool fits = f.verdict == Verdict::ok || f.verdict == Verdict::kink;
  if (const double rate = measured_rate(f); !fits && std::isfinite(rate))
    text += labelled("Taylor rate", fmt::format("{:.2f} ({})", rate, meaning_of_rate(f, rate)));
  if (!fits && f.input >= 0) text += labelled("reproduce", reproduction(report, f));
  return text;
}

/// What the table's columns say. `numeric` is by differences, except in the rows of the other mode.
std::string legend(const GradcheckReport& report) {
  const bool has_modes = std::any_of(report.findings.begin(), report.findings.end(), [](const GradcheckFinding& f) {
    return f.mode == GradcheckMode::forward && !f.with_differences;
  });
  return indented(fmt::format("(ord 2: gradient of the gradient; out: the output's element; {}rate: of the Taylor "
                              "remainder, 2 if right, 1 if wrong, exact where it is all rounding)",
                              has_modes ? "numeric in rows of forward mode: by reverse mode; " : ""),
                  1);
}

}  // namespace

std::string to_string(const GradcheckReport& report) {
  std::string text = fmt::format("gradcheck: {} ({} comparisons, {} calls, {:.3f} s)\n", to_string(report.verdict()),
                                 report.comparisons, report.calls, report.seconds);
  const std::size_t names = name_width(report);
  text += fmt::format("{:15} {:>3} {:7} {:{}} {:11} {:>5} {:>12} {:>12} {:>7} {:>5}\n", "verdict", "ord", "mode",
                      "input", names, "element", "out", "analytic", "numeric", "rel.err", "rate");
  std::size_t left = kMostFindings;
  std::size_t hidden = 0;
  for (const GradcheckFinding& f : report.findings) {
    if (f.verdict == Verdict::ok && left == 0) {
      ++hidden;
      continue;
    }
    if (left > 0) --left;
    text += row(f, names) + "\n";
  }
  if (hidden > 0) text += fmt::format("... and {} more that are ok\n", hidden);
  if (!report.ok()) text += legend(report) + "\n";
  for (const GradcheckFinding& f : report.findings) text += details(report, f);
  for (const Allowance& a : report.allowed)
    text += fmt::format("allowed: {}, because {}\n", to_string(a.verdict), on_one_line(a.reason));
  return text;
}

}  // namespace tapegrad
