// The verdicts on the terminal.
#include <fmt/format.h>

#include <algorithm>

#include "console/columns.hpp"
#include "console/terminal.hpp"
#include "norm_study/report.hpp"
#include "norm_study/verdict_badge.hpp"

namespace norm_study {
namespace {

std::string painted(const Verdict& verdict, const std::string& text, bool colour) {
  return console::painted(text, badge(verdict.outcome).terminal, colour);
}

/// The claims one under the other.
std::string narrow_table(const StudyResults& results, std::size_t columns, bool colour) {
  std::string out;
  for (const Claim& claim : results.claims) {
    for (const std::string& line : console::wrapped(claim.id + " " + claim.title, columns)) out += line + "\n";
    const std::string verdict = fmt::format("  {} {}", badge(claim.verdict.outcome).sign, verdict_words(claim.verdict));
    out += painted(claim.verdict, console::fit(verdict, std::min(columns, console::display_width(verdict))), colour) +
           "\n";
    if (claim.verdict.detail.empty()) continue;
    for (const std::string& line : console::wrapped(claim.verdict.detail, columns - 4))
      out += "    " + console::fit(line, std::min(columns - 4, console::display_width(line))) + "\n";
  }
  return out;
}

/// A row for each claim, of as many lines as its longest cell.
std::string wide_table(const StudyResults& results, std::size_t columns, bool colour) {
  constexpr std::size_t kId = 3, kVerdict = 25, kGap = 2;
  const std::size_t rest = columns - kId - kVerdict - 3 * kGap;
  const std::size_t title = std::min<std::size_t>(2 * rest / 5, 40), detail = rest - title;
  const std::string gap(kGap, ' ');
  const auto row = [&](const std::string& id, const std::string& name, const std::string& verdict,
                       const std::string& measured, const Verdict* colours) {
    std::string line = console::fit(id, kId) + gap + console::fit(name, title) + gap;
    const std::string padding(kVerdict - console::display_width(verdict), ' ');
    line += (colours != nullptr && !verdict.empty() ? painted(*colours, verdict, colour) : verdict) + padding + gap;
    line += console::fit(measured, std::min(detail, console::display_width(measured)));
    line.erase(line.find_last_not_of(' ') + 1);
    return line + "\n";
  };
  std::string rule;
  for (std::size_t i = 0; i < columns; ++i) rule += "─";
  std::string out = row("", "claim", "verdict", "measured", nullptr) + rule + "\n";
  for (const Claim& claim : results.claims) {
    const auto names = console::wrapped(claim.title, title), details = console::wrapped(claim.verdict.detail, detail);
    const auto words = console::wrapped(
        fmt::format("{} {}", badge(claim.verdict.outcome).sign, verdict_words(claim.verdict)), kVerdict);
    for (std::size_t l = 0; l < std::max({names.size(), details.size(), words.size()}); ++l) {
      const auto line = [l](const std::vector<std::string>& lines) {
        return l < lines.size() ? lines[l] : std::string();
      };
      out += row(l == 0 ? claim.id : "", line(names), line(words), line(details), &claim.verdict);
    }
  }
  return out;
}

}  // namespace

std::string verdict_line(const Claim& claim, bool colour) {
  const Badge look = badge(claim.verdict.outcome);
  const std::string verdict = verdict_words(claim.verdict);
  return fmt::format("{} {} {}: {}", look.sign, claim.id, claim.title, painted(claim.verdict, verdict, colour));
}

std::string verdict_table(const StudyResults& results, std::size_t columns, bool colour) {
  return columns < 64 ? narrow_table(results, columns, colour) : wide_table(results, columns, colour);
}

}  // namespace norm_study
