#include <fmt/format.h>
#include <fmt/ranges.h>

#include "gradcheck/plots.hpp"
#include "gradcheck/wording.hpp"
#include "tapegrad/gradcheck/report.hpp"
#include "text/markup.hpp"

namespace tapegrad {
namespace {

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --page: #fcfcfb; --ink: #1d2329; --soft: #667079; --line: #d9dde1; --card: #ffffff;
  --good: #1a7f4b; --bad: #c0362c; --unsure: #9a6700; --data: #2a6fdb; --heat: #c0362c; --guide: #8a949e; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171a; --ink: #e6e9ec; --soft: #9aa4ad; --line: #343b42; --card: #1b1f23;
    --good: #4cc38a; --bad: #ff7a6e; --unsure: #e0b04a; --data: #6ea8ff; --heat: #ff6f61; --guide: #7d8791; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.25rem; max-width: 68rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 0; } h3 { font-size: .9rem; margin: 0 0 .4rem; color: var(--soft); font-weight: 600; }
p { margin: .3rem 0; } .soft { color: var(--soft); }
.verdict { font-weight: 700; } .verdict::before { content: attr(data-mark) " "; }
.good { color: var(--good); } .bad { color: var(--bad); } .unsure { color: var(--unsure); }
.scroll { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .25rem .7rem .25rem 0; text-align: left; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; } .n { text-align: right; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem; margin: 1rem 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1.25rem; margin-top: .75rem; }
.diagnosis { border-left: 3px solid var(--bad); padding: .3rem .75rem; margin: .6rem 0; }
code { font: .85rem ui-monospace, monospace; }
svg { width: 100%; height: auto; display: block; } svg text { font: 12px system-ui, sans-serif; fill: var(--soft); }
.ground text { fill: var(--ink); paint-order: stroke; stroke: var(--card); stroke-width: 5px; stroke-linejoin: round; }
summary { cursor: pointer; }
)";

std::string_view mood(const GradcheckReport& report, const GradcheckFinding& f) {
  if (f.verdict == Verdict::wrong || f.verdict == Verdict::non_deterministic)
    return report.passes(f) ? "unsure" : "bad";
  return f.verdict == Verdict::ok || f.verdict == Verdict::kink ? "good" : "unsure";
}

std::string badge(std::string_view mood, Verdict verdict) {
  const std::string_view mark = mood == "good" ? "✓" : mood == "bad" ? "✗" : "?";
  return fmt::format(R"(<span class="verdict {}" data-mark="{}">{}</span>)", mood, mark, to_string(verdict));
}

std::string overview(const GradcheckReport& report) {
  std::string html =
      R"(<div class="scroll"><table><thead><tr><th>verdict</th><th>order</th><th>mode</th><th>input</th><th>element</th>)"
      R"(<th class="n">output</th><th class="n">analytic</th><th class="n">numeric</th><th class="n">rel. error</th>)"
      R"(<th class="n">Taylor rate</th></tr></thead><tbody>)";
  for (const GradcheckFinding& f : report.findings) {
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td>",
                        badge(mood(report, f), f.verdict), f.order, to_string(f.mode), escaped(f.input_name),
                        checker::element_text(f, f.index, f.output), checker::output_text(f, f.output));
    if (f.worst.empty())
      html += "<td></td><td></td><td></td><td></td></tr>\n";
    else
      html += fmt::format(
          "<td class=\"n\">{:.8g}</td><td class=\"n\">{:.8g}</td><td class=\"n\">{:.1e}</td><td "
          "class=\"n\">{}</td></tr>\n",
          f.analytic, f.numeric, f.relative_error(), checker::rate_text(f));
  }
  return html + "</tbody></table></div>\n";
}

std::string worst_elements(const GradcheckFinding& f) {
  std::string html = fmt::format(
      R"(<div class="scroll"><h3>Worst elements (numeric: by {})</h3><table><thead><tr><th>verdict</th><th>element</th>)"
      R"(<th class="n">output</th><th class="n">analytic</th><th class="n">numeric</th><th class="n">abs. error</th>)"
      R"(<th class="n">rel. error</th></tr></thead><tbody>)",
      checker::numeric_side(f));
  for (const GradcheckElement& e : f.worst)
    html += fmt::format(
        "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:.15g}</td><td class=\"n\">{:.15g}</td>"
        "<td class=\"n\">{:.2e}</td><td class=\"n\">{:.2e}</td></tr>\n",
        to_string(e.verdict), checker::element_text(f, e.index, e.output), checker::output_text(f, e.output),
        e.analytic, e.numeric, e.absolute_error(), e.relative_error());
  return html + "</tbody></table></div>\n";
}

std::string plots(const GradcheckFinding& f) {
  std::string html;
  if (!f.element_errors.empty())
    html += "<div><h3>Relative error by element</h3>" + checker::heat_map(f.element_errors, f.shape) + "</div>";
  if (!f.sweep.empty())
    html += fmt::format("<div><h3>Taylor remainder of the worst element, rate {}</h3>{}</div>", checker::rate_text(f),
                        checker::sweep_plot(f.sweep));
  return html.empty() ? html : "<div class=\"plots\">" + html + "</div>\n";
}

std::string heading(const GradcheckReport& report, const GradcheckFinding& f) {
  return fmt::format(
      "{} <span class=\"soft\">order {}, {}{}</span>", badge(mood(report, f), f.verdict), f.order, to_string(f.mode),
      f.input < 0 ? std::string() : fmt::format(", input '{}' [{}]", escaped(f.input_name), fmt::join(f.shape, ", ")));
}

std::string content(const GradcheckReport& report, const GradcheckFinding& f) {
  std::string html;
  if (f.diagnosis)
    html += fmt::format("<p class=\"diagnosis\"><b>{}</b>: {}</p>\n", to_string(f.diagnosis->mistake),
                        escaped(f.diagnosis->text));
  if (f.verdict == Verdict::kink)
    html += fmt::format("<p>The slopes are {:.6g} below and {:.6g} above; the derivative is {:.6g}.</p>\n",
                        f.slope_below, f.slope_above, f.analytic);
  if (!f.note.empty()) html += fmt::format("<p>{}.</p>\n", escaped(f.note));
  if (!f.worst.empty()) {
    html += plots(f) + worst_elements(f);
    html +=
        fmt::format("<p class=\"soft\">Reproduce: <code>{}</code></p>\n", escaped(checker::reproduction(report, f)));
  }
  return html;
}

std::string detail(const GradcheckReport& report, const GradcheckFinding& f) {
  const std::string inside = content(report, f);
  if (inside.empty()) return "";
  if (!report.passes(f) || f.verdict == Verdict::kink)
    return fmt::format("<section><h2>{}</h2>\n{}</section>\n", heading(report, f), inside);
  return fmt::format("<section><details><summary>{}</summary>\n{}</details></section>\n", heading(report, f), inside);
}

}  // namespace

std::string html_body(const GradcheckReport& report) {
  std::string html =
      fmt::format("<p>{} <span class=\"soft\">{} comparisons, {} calls of the function, {:.3f} s, seed {}</span></p>\n",
                  badge(report.ok() ? "good" : "bad", report.verdict()), report.comparisons, report.calls,
                  report.seconds, report.seed);
  for (const Allowance& a : report.allowed)
    html += fmt::format("<p class=\"soft\">Allowed: {}, because {}.</p>\n", to_string(a.verdict), escaped(a.reason));
  html += overview(report);
  for (const bool passing : {false, true})
    for (const GradcheckFinding& f : report.findings)
      if (report.passes(f) == passing) html += detail(report, f);
  return html;
}

std::string html_page(std::string_view title, std::string_view body, std::string_view more) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<title>{}</title><style>{}{}</style></head><body>\n{}</body></html>\n",
      escaped(title), kStyle, more, body);
}

std::string to_html(const GradcheckReport& report, std::string_view title) {
  return html_page(title, fmt::format("<h1>{}</h1>\n{}", escaped(title), html_body(report)));
}

}  // namespace tapegrad
