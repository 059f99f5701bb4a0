// The looks of the page: colours for light and for dark ground, and what charts are drawn with.
#pragma once

#include <string_view>

namespace norm_study {

inline constexpr std::string_view kReportStyle = R"css(
:root { color-scheme: light dark; --paper: #f6f5f1; --card: #ffffff; --ink: #1d2126; --muted: #626b76; --line: #d9dade; --accent: #2463b4;
  --blue: #2f6fc4; --orange: #d9701a; --green: #2c8f63; --purple: #8a56b8; --red: #c8374d; --grey: #7d858f;
  --good: #1f7a4f; --bad: #b3293f; --open: #93660a; --even: #56606b; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171b; --card: #1c2026; --ink: #e7e9ec; --muted: #9aa4b0; --line: #343a43; --accent: #7fb1f3;
    --blue: #6ba3ee; --orange: #f19a4b; --green: #5fc296; --purple: #bb91e3; --red: #f0758a; --grey: #9aa3ad;
    --good: #63cb9a; --bad: #f58396; --open: #e3b75c; --even: #a9b2bd; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main, header, footer { max-width: 46rem; margin: 0 auto; padding: 0 1.1rem; }
header { padding-top: 3rem; padding-bottom: 1rem; }
h1 { font-size: clamp(1.8rem, 6vw, 2.7rem); line-height: 1.12; letter-spacing: -0.02em; margin: 0 0 .6rem; text-wrap: balance; }
h2 { font-size: 1.32rem; line-height: 1.25; letter-spacing: -0.01em; margin: 0 0 .5rem; }
h3 { font-size: 1.02rem; margin: 1.6rem 0 .4rem; }
p { margin: .5rem 0; }
a { color: var(--accent); }
.lead { font-size: 1.12rem; color: var(--muted); }
.setup, figcaption, .small { font-size: .86rem; color: var(--muted); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.4rem 1.5rem; margin: 1.2rem 0; }
.number { color: var(--muted); font-weight: 500; margin-right: .35em; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .7rem; margin: 1.2rem 0 0; padding: 0; list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .7rem .9rem; font-size: .86rem; color: var(--muted); line-height: 1.35; }
.tiles b { display: block; font-size: 1.5rem; line-height: 1.3; color: var(--ink); font-variant-numeric: tabular-nums; }
.badge { display: inline-block; border: 1.5px solid currentColor; border-radius: 99px; padding: .02rem .65rem; font-size: .84rem; font-weight: 600; white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); } .even { color: var(--even); }
.notice { border-left: 4px solid var(--open); padding: .5rem .9rem; background: var(--card); border-radius: 0 10px 10px 0; }
figure { margin: 1rem 0 .6rem; }
.chart { display: block; width: 100%; max-width: 35rem; height: auto; margin: 0 auto; font: 12.5px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; font-variant-numeric: tabular-nums; }
.chart text { fill: var(--ink); } .chart .tick, .chart .label, .chart .note, .chart .value { fill: var(--muted); } .chart .strong { font-weight: 600; }
.chart .inverse { fill: var(--card); } .chart .note { font-size: 11px; } .chart .note, .chart .value { paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
.chart .grid { stroke: var(--line); stroke-width: 1; } .chart .axis { stroke: var(--muted); stroke-width: 1; } .chart .lane { stroke: var(--line); stroke-width: 1; stroke-dasharray: 2 4; }
.chart .reference { stroke: var(--ink); stroke-width: 1.2; stroke-dasharray: 5 4; opacity: .65; } .chart .whisker { stroke: var(--ink); stroke-width: 1.4; }
.chart .curve { fill: none; stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; } .chart .band { opacity: .17; } .chart .cell { fill: none; stroke: var(--line); stroke-width: .6; }
.chart .mark { stroke: var(--card); stroke-width: 1; } .chart .hollow { fill: var(--card); stroke-width: 1.8; }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; margin: .6rem 0; }
table { border-collapse: collapse; font-size: .88rem; min-width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .42rem .8rem .42rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--muted); font-weight: 600; } tr:last-child td { border-bottom: 0; }
.figures td + td, .figures th + th { text-align: right; white-space: nowrap; } .figures td:first-child { white-space: nowrap; }
pre { overflow-x: auto; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: .5rem .8rem; margin: .6rem 0 0; font: .84rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
summary { cursor: pointer; color: var(--accent); font-size: .92rem; } details { margin-top: .6rem; }
ul { padding-left: 1.2rem; } li { margin: .35rem 0; } .tiles li { margin: 0; }
footer { padding-bottom: 3rem; }
@media (max-width: 520px) { body { font-size: 16px; } section { padding: 1.1rem 1rem; border-radius: 12px; } header { padding-top: 1.8rem; }
  figure { margin-left: -.55rem; margin-right: -.55rem; } figcaption { padding: 0 .55rem; }
  table.verdicts, .verdicts tbody, .verdicts tr, .verdicts td { display: block; } .verdicts thead { display: none; }
  .verdicts tr { border-bottom: 1px solid var(--line); padding: .5rem 0; } .verdicts td { border: 0; padding: .12rem 0; } }
)css";

}  // namespace norm_study
