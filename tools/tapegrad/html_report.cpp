#include <fmt/format.h>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "tapegrad/reports.hpp"
#include "text/markup.hpp"

namespace tapegrad::program {
namespace {

// Beside the style of the reports. Columns of the second rank disappear on narrow screens; what failed is open.
constexpr std::string_view kStyle = R"(
:not(section) > h2 { margin: 2rem 0 .5rem }
.numbers { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 1rem 0; padding: 0; list-style: none }
.numbers b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums }
table.all { width: 100%; white-space: normal; overflow-wrap: break-word }
table.all th { position: sticky; top: 0; background: var(--page) }
details.failure { margin: .5rem 0; border: 1px solid var(--line); border-radius: 10px; padding: .5rem .75rem }
pre { overflow-x: auto; background: var(--card); padding: .75rem; font-size: .82rem; line-height: 1.4 }
@media (max-width: 40rem) { body { padding: .75rem } .wide { display: none } table.all th, table.all td { padding: .3rem .35rem } }
)";

std::string number(std::string_view label, std::string_view value) {
  return fmt::format("<li><b>{}</b> <span class=\"soft\">{}</span></li>\n", escaped(value), escaped(label));
}

/// Where an entry's failures stand: an op and a layer may have one name.
std::string place_of(const suite::EntryResult& result) {
  return escaped(fmt::format("{}.{}", result.kind, result.name));
}

std::string failure(const suite::EntryResult& result, const suite::CheckResult& check, const CheckRun& run) {
  return fmt::format(
      "<details class=\"failure\" open><summary><b>{0}</b>: {1}</summary>\n{2}\n<p>Again: "
      "<code>{3}</code></p></details>\n",
      escaped(result.name), escaped(title(check)),
      check.report ? html_body(*check.report) : fmt::format("<pre>{}</pre>", escaped(check.message)),
      escaped(reproduction(run.program, result, check, run.options)));
}

std::string failures_of(const suite::EntryResult& result, const CheckRun& run) {
  if (result.passed()) return {};
  std::string text = fmt::format("<div id=\"{}\">\n", place_of(result));
  for (const suite::CheckResult& check : result.checks)
    if (check.outcome == suite::Outcome::failed) text += failure(result, check, run);
  return text + "</div>\n";
}

std::string row(const suite::EntryResult& result) {
  const Summary s = summary_of(result);
  const bool good = result.passed();
  return fmt::format(
      "<tr><td class=\"{}\">{}</td><td>{}</td><td class=\"soft wide\">{}</td><td class=\"n\">{}</td><td class=\"n "
      "wide\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n wide\">{:.3f}</td></tr>\n",
      good ? "good" : "bad", good ? "✓" : "✗",
      good ? escaped(result.name)
           : fmt::format("<a class=\"bad\" href=\"#{}\">{}</a>", place_of(result), escaped(result.name)),
      escaped(result.family), s.samples, s.checks, s.comparisons,
      s.comparisons > 0 ? fmt::format("{:.2g}", s.worst) : "–", escaped(verdict_text(s)), result.seconds);
}

/// Why checks were left out, and how many each.
std::string skipped(const CheckRun& run) {
  std::map<std::string_view, std::size_t> counts;
  for (const suite::EntryResult& result : run.results)
    for (const suite::CheckResult& check : result.checks)
      if (check.outcome == suite::Outcome::skipped) ++counts[check.message];
  if (counts.empty()) return {};
  std::string list = "<h2>What was skipped</h2>\n<ul>\n";
  for (const auto& [reason, count] : counts) list += fmt::format("<li>{} × {}</li>\n", count, escaped(reason));
  return list + "</ul>\n";
}

}  // namespace

std::string html_report(const CheckRun& run) {
  Summary all;
  std::string rows;
  std::string failures;
  std::size_t wrong = 0;
  for (const suite::EntryResult& result : run.results) {
    all += summary_of(result);
    rows += row(result);
    wrong += result.passed() ? 0U : 1U;
    failures += failures_of(result, run);
  }
  const std::string verdict =
      wrong == 0 ? "<span class=\"good\">pass</span>" : fmt::format("<span class=\"bad\">{} wrong</span>", wrong);
  std::string page = fmt::format("<h1>{} check: {}</h1>\n", escaped(run.program), verdict);
  page += fmt::format(
      "<p class=\"soft\">tapegrad {}, derivatives of order 1{} compared with differences in {}, seed {}</p>\n",
      TAPEGRAD_VERSION, run.options.order == 2 ? " and 2" : "", to_string(run.options.dtype), run.options.seed);
  page += "<ul class=\"numbers\">\n";
  page += number("checked", std::to_string(run.results.size()));
  page += number("samples", std::to_string(all.samples));
  page += number("checks", std::to_string(all.checks));
  page += number("skipped", std::to_string(all.skipped));
  page += number("comparisons", std::to_string(all.comparisons));
  page += number("verdicts", verdict_text(all));
  page += number("seconds", fmt::format("{:.1f}", run.seconds));
  page += "</ul>\n";
  if (!failures.empty()) page += "<h2>What failed</h2>\n" + failures;
  page +=
      "<h2>All</h2>\n<div class=\"scroll\"><table class=\"all\">\n<thead><tr><th></th><th>name</th><th "
      "class=\"wide\">family</th>";
  page += "<th class=\"n\">samples</th><th class=\"n wide\">checks</th><th class=\"n\">compared</th>";
  page +=
      "<th class=\"n\">error / tolerance</th><th>verdicts</th><th class=\"n "
      "wide\">seconds</th></tr></thead>\n<tbody>\n";
  page += rows + "</tbody>\n</table></div>\n";
  page += "<p class=\"soft\">Error / tolerance: the worst error of a comparison, in units of what the ";
  page += "estimated errors of differences and rounding allow; 1 is the limit.</p>\n";
  page += skipped(run);
  return html_page(run.program + " check", page, kStyle);
}

}  // namespace tapegrad::program
