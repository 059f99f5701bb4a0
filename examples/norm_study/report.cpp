#include "norm_study/report.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <map>
#include <system_error>
#include <utility>

#include "console/terminal.hpp"
#include "tapegrad/base/error.hpp"
#include "word_lists/letters.hpp"

namespace norm_study {
namespace {

constexpr std::array<std::string_view, 3> kOpening{"4", "3d", "3a"};  // claims told before the verdicts

constexpr std::string_view kStyle = R"css(
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

struct Anchor {
  std::string_view work, arxiv, finding;
};

constexpr std::array<Anchor, 8> kAnchors{{
    {"Ioffe and Szegedy 2015, Batch Normalization", "1502.03167",
     "statistics over the batch in training, running averages at inference; the two differ when batches are small or "
     "not alike."},
    {"Ba, Kiros and Hinton 2016, Layer Normalization", "1607.06450",
     "statistics over the features of one position: the same computation in training and inference, at any batch size "
     "and length."},
    {"Xu et al. 2019, Understanding and Improving Layer Normalization", "1911.07013",
     "with its statistics detached in the backward pass LayerNorm gets worse: the gradients of mean and variance "
     "matter more than the forward scaling."},
    {"Zhang and Sennrich 2019, Root Mean Square Layer Normalization", "1910.07467",
     "re-scaling without re-centring trains as well as LayerNorm and is cheaper."},
    {"Xiong et al. 2020, On Layer Normalization in the Transformer Architecture", "2002.04745",
     "at initialisation, gradients near the output are of order d·√(ln d) after post-LN; pre-LN divides them by √L, "
     "and needs no warm-up."},
    {"Shen et al. 2020, PowerNorm", "2003.07845",
     "batch statistics of language data fluctuate strongly during training; BatchNorm falls behind LayerNorm in "
     "translation and language modelling."},
    {"Wang et al. 2022, Understanding the Failure of Batch Normalization for Transformers in NLP", "2210.05153",
     "the training-inference discrepancy (TID) of BatchNorm explains its loss; where TID is small, BatchNorm can match "
     "or win."},
    {"Zhu et al. 2025, Transformers without Normalization", "2503.10622",
     "a learnt tanh (DyT) in place of normalisation reaches the accuracy of LayerNorm and RMSNorm."},
}};

struct Badge {
  std::string_view sign, css_class, terminal;  // terminal: the colour code
};

Badge badge(Outcome outcome) {
  switch (outcome) {
    case Outcome::confirmed:
    case Outcome::holds: return {"✓", "good", "\x1b[32m"};
    case Outcome::no_material_difference: return {"=", "even", "\x1b[36m"};
    case Outcome::reversed: return {"↺", "bad", "\x1b[35m"};
    case Outcome::fails: return {"✗", "bad", "\x1b[31m"};
    case Outcome::inconclusive: return {"?", "open", "\x1b[33m"};
    case Outcome::not_judged: return {"–", "even", "\x1b[2m"};
  }
  return {"–", "even", ""};
}

std::string verdict_words(const Verdict& verdict) {
  return std::string(outcome_name(verdict.outcome)) + (verdict.by_construction ? " by construction" : "");
}

std::string badge_html(const Verdict& verdict) {
  const Badge look = badge(verdict.outcome);
  return fmt::format(R"(<span class="badge {}">{} {}</span>)", look.css_class, look.sign,
                     escape(verdict_words(verdict)));
}

std::string table_html(const Table& table) {
  std::string out = R"(<div class="scroll" tabindex="0"><table class="figures"><thead><tr>)";
  for (const std::string& name : table.columns) out += fmt::format(R"(<th scope="col">{}</th>)", escape(name));
  out += "</tr></thead><tbody>";
  for (const auto& row : table.rows) {
    if (row.size() != table.columns.size()) {
      throw tapegrad::ValueError(
          fmt::format("[render_report] a row has {} cells, the table {} columns", row.size(), table.columns.size()));
    }
    out += "<tr>";
    for (const std::string& cell : row) out += fmt::format("<td>{}</td>", escape(cell));
    out += "</tr>";
  }
  return out + "</tbody></table></div>";
}

/// Whether it shows bands or whiskers.
bool shows_spread(const Chart& chart) {
  const auto any = [](const auto& series) {
    return std::any_of(series.begin(), series.end(), [](const auto& s) { return !s.low.empty(); });
  };
  if (const auto* lines = std::get_if<LineChart>(&chart)) return any(lines->series);
  if (const auto* bars = std::get_if<BarChart>(&chart)) return any(bars->bars);
  return false;
}

std::string claim_html(const Claim& claim) {
  std::string out = fmt::format(
      R"(<section id="claim-{0}"><h2><span class="number">{0}</span>{1}</h2><p>{2} <span class="setup">{3}</span></p>)",
      escape(claim.id), escape(claim.title), badge_html(claim.verdict), escape(claim.verdict.detail));
  out += fmt::format("<p>{}</p>", escape(claim.sentence));
  if (!claim.second.empty()) out += fmt::format("<p>{}</p>", escape(claim.second));
  for (std::size_t i = 0; i < claim.charts.size(); ++i) {
    const std::string title = std::visit([](const auto& chart) { return chart.title; }, claim.charts[i]);
    std::string caption = title;
    if (!claim.setup.empty()) caption += " · " + claim.setup;
    if (shows_spread(claim.charts[i]) && !claim.spread.empty()) caption += " · " + claim.spread;
    out += fmt::format("<figure>{}<figcaption>{}</figcaption></figure>",
                       render_svg(claim.charts[i], fmt::format("chart-{}-{}", claim.id, i)), escape(caption));
  }
  if (claim.charts.empty() && !claim.setup.empty())
    out += fmt::format(R"(<p class="setup">{}</p>)", escape(claim.setup));
  if (!claim.measurements.rows.empty())
    out += "<details><summary>The numbers</summary>" + table_html(claim.measurements) +
           (claim.spread.empty() ? "" : fmt::format(R"(<p class="small">{}</p>)", escape(claim.spread))) + "</details>";
  if (!claim.command.empty()) out += fmt::format("<pre><code>{}</code></pre>", escape(claim.command));
  return out + "</section>\n";
}

std::string verdicts_html(const StudyResults& results) {
  std::string out =
      R"(<section id="verdicts"><h2>The verdicts</h2><div class="scroll" tabindex="0"><table class="verdicts"><thead><tr>)"
      R"(<th scope="col">Claim</th><th scope="col">Verdict</th><th scope="col">Measured</th></tr></thead><tbody>)";
  for (const Claim& claim : results.claims) {
    out += fmt::format(
        R"(<tr><td><a href="#claim-{0}"><b>{0}</b></a> {1}</td><td>{2}</td><td>{3}<br/><span class="setup">{4}</span></td></tr>)",
        escape(claim.id), escape(claim.title), badge_html(claim.verdict), escape(claim.verdict.detail),
        escape(claim.setup));
  }
  return out +
         fmt::format(
             R"(</tbody></table></div><p class="small">Confirmed, no material difference, reversed: the 95 % t-interval of the)"
             R"( paired difference lies wholly above +{0}, within ±{0}, or below −{0} points of accuracy; otherwise inconclusive. {1})"
             R"( Exact claims are held against exact thresholds; “by construction” means that the number shows the)"
             R"( implementation right and could not have come out otherwise.</p></section>)"
             "\n",
             kMargin, escape(how_to_read()));
}

/// Mean and standard deviation over the seeds of one norm, at the steps that all of them have reached.
Series averaged(const std::vector<const TrainingRun*>& runs, double CurvePoint::*quantity, double scale) {
  Series series{.name = runs.front()->norm, .colour = runs.front()->colour, .x = {}, .y = {}, .low = {}, .high = {}};
  std::size_t points = runs.front()->points.size();
  for (const TrainingRun* run : runs) points = std::min(points, run->points.size());
  for (std::size_t p = 0; p < points; ++p) {
    std::vector<double> values;
    for (const TrainingRun* run : runs) values.push_back(scale * run->points[p].*quantity);
    const Summary summary = summarize(values);
    series.x.push_back(static_cast<double>(runs.front()->points[p].step));
    series.y.push_back(summary.mean);
    series.low.push_back(summary.mean - summary.deviation);
    series.high.push_back(summary.mean + summary.deviation);
  }
  return series;
}

std::string training_html(const StudyResults& results) {
  if (results.runs.empty()) return "";
  std::vector<std::string> order;
  std::map<std::string, std::vector<const TrainingRun*>> by_norm;
  for (const TrainingRun& run : results.runs) {
    auto& group = by_norm[run.norm];
    if (group.empty()) order.push_back(run.norm);
    group.push_back(&run);
  }
  LineChart accuracy{.title = "Accuracy on the test words while training (mean and standard deviation over the seeds)",
                     .x_label = "steps",
                     .y_label = "accuracy, %",
                     .series = {},
                     .references = {{100 * results.baselines.naive_bayes_3, "naive Bayes, n ≤ 3"},
                                    {100 * results.baselines.naive_bayes_5, "naive Bayes, n ≤ 5"},
                                    {100 * results.baselines.chance, "chance"}},
                     .x_ticks = {}};
  LineChart loss{.title = "Training loss",
                 .x_label = "steps",
                 .y_label = "cross entropy, nats",
                 .series = {},
                 .references = {},
                 .x_ticks = {}};
  for (const std::string& norm : order) {
    accuracy.series.push_back(averaged(by_norm[norm], &CurvePoint::accuracy, 100));
    loss.series.push_back(averaged(by_norm[norm], &CurvePoint::loss, 1));
  }
  std::string out = R"(<section id="training"><h2>The networks while they learn</h2>)";
  for (const auto& [chart, id] : {std::pair{&accuracy, "chart-accuracy"}, std::pair{&loss, "chart-loss"}}) {
    out += fmt::format("<figure>{}<figcaption>{}</figcaption></figure>", render_svg(*chart, id),
                       escape(chart->title + (results.runs_setup.empty() ? "" : " · " + results.runs_setup)));
  }
  return out + "</section>\n";
}

std::string words_html(const StudyResults& results) {
  if (!results.words) return "";
  Table table{{"language", "lines", "usable words", "also in another list", "encoding", "package"}, {}};
  for (std::size_t l = 0; l < word_lists::kLanguages.size(); ++l) {
    const ListFacts& facts = results.words->facts[l];
    table.rows.push_back({std::string(word_lists::kLanguages[l].name), fmt::format("{}", facts.lines),
                          fmt::format("{}", facts.usable), fmt::format("{:.1f} %", 100 * facts.shared_fraction()),
                          facts.encoding == word_lists::Encoding::utf8 ? "UTF-8" : "ISO-8859-1, converted",
                          std::string(word_lists::kLanguages[l].package)});
  }
  const std::size_t languages = word_lists::kLanguages.size();
  return fmt::format(
      R"(<section id="words"><h2>The words</h2><p>{} training and {} test words for each of {} languages, from Debian’s word lists, in lower case; )"
      "words with other signs than letters and words that stand in more than one list are dropped; train and test "
      "share no "
      "first six letters within a language.</p><details><summary>The lists</summary>{}</details></section>\n",
      results.words->train.size() / languages, results.words->test.size() / languages, languages, table_html(table));
}

std::string closing_html(const StudyResults& results) {
  std::string out;
  if (!results.findings.empty()) {
    out += R"(<section id="findings"><h2>What was measured at this scale</h2><ul>)";
    for (const std::string& finding : results.findings) out += fmt::format("<li>{}</li>", escape(finding));
    out += "</ul></section>\n";
  }
  out += R"(<section id="anchors"><h2>What larger studies found</h2><ul>)";
  for (const Anchor& anchor : kAnchors) {
    out += fmt::format(R"(<li><b>{}</b> (<a href="https://arxiv.org/abs/{}">arXiv:{}</a>): {}</li>)",
                       escape(anchor.work), anchor.arxiv, anchor.arxiv, escape(anchor.finding));
  }
  out +=
      "</ul><h3>The task elsewhere</h3><p>Public tools that name the language of a single word, on words of the same "
      "twelve languages "
      "(each with its own, larger set of languages to choose from):</p>";
  out += table_html({{"tool", "accuracy"},
                     {{"lingua", "60.7 %"}, {"langdetect", "40.2 %"}, {"langid", "37.7 %"}, {"CLD3", "27.8 %"}}});
  return out + "</section>\n";
}

std::string tiles_html(const StudyResults& results) {
  std::string out = R"(<ul class="tiles">)";
  const auto tile = [&](const std::string& value, const std::string& label) {
    out += fmt::format("<li><b>{}</b>{}</li>", escape(value), escape(label));
  };
  std::map<Outcome, int> counts;
  for (const Claim& claim : results.claims) ++counts[claim.verdict.outcome];
  for (const auto& [outcome, count] : counts) tile(fmt::format("{}", count), std::string(outcome_name(outcome)));
  if (results.baselines.naive_bayes_3 > 0)
    tile(fmt::format("{:.1f} %", 100 * results.baselines.naive_bayes_3),
         "naive Bayes, n ≤ 3: the baseline beside every accuracy");
  if (results.baselines.naive_bayes_5 > 0)
    tile(fmt::format("{:.1f} %", 100 * results.baselines.naive_bayes_5), "naive Bayes, n ≤ 5");
  return out + "</ul>";
}

const Claim* find_claim(const StudyResults& results, std::string_view id) {
  const auto found =
      std::find_if(results.claims.begin(), results.claims.end(), [&](const Claim& c) { return c.id == id; });
  return found == results.claims.end() ? nullptr : &*found;
}

void write_file(const std::filesystem::path& path, const std::string& content) {
  const std::filesystem::path partial = path.string() + ".partial";
  std::ofstream file(partial, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(partial, path, error);
  if (!file || error) throw tapegrad::IoError(fmt::format("[write_report] cannot write {}", path.string()));
}

template <class... Fields>
std::string csv_line(const Fields&... fields) {
  std::string line;
  ((line += (line.empty() ? "" : ",") + csv_field(fields)), ...);
  return line + "\r\n";
}

}  // namespace

std::string render_report(const StudyResults& results) {
  std::string out = fmt::format(
      R"(<!DOCTYPE html>)"
      "\n"
      R"(<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>)"
      R"(<title>{}</title><style>{}</style></head><body>)"
      "\n"
      R"(<header><h1>{}</h1><p class="lead">{}</p>)",
      escape(results.title), kStyle, escape(results.title), escape(results.subtitle));
  if (results.interrupted)
    out += R"(<p class="notice">The run was stopped early; this is what had been learnt by then.</p>)";
  out += tiles_html(results) + "</header>\n<main>\n";
  for (const std::string_view id : kOpening) {
    if (const Claim* claim = find_claim(results, id)) out += claim_html(*claim);
  }
  if (!results.claims.empty()) out += verdicts_html(results);
  for (const Claim& claim : results.claims) {
    if (std::find(kOpening.begin(), kOpening.end(), claim.id) == kOpening.end()) out += claim_html(claim);
  }
  out += training_html(results) + words_html(results) + closing_html(results);
  out += fmt::format("</main>\n<footer class=\"small\"><p>{}</p><pre><code>{}</code></pre></footer>\n</body></html>\n",
                     escape(results.machine), escape(results.command));
  return out;
}

std::string_view how_to_read() {
  return "“±” is the standard deviation over the seeds. Intervals are of the mean over training seeds (starting "
         "weights "
         "and order of the batches); training and test words are the same throughout, so they say nothing of other "
         "words.";
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && ::access(folder.c_str(), W_OK) != 0) error = std::error_code(errno, std::generic_category());
  if (error)
    throw tapegrad::IoError(
        fmt::format("[write_report] cannot write to the folder {}: {}", folder.string(), error.message()));
}

void write_report(const StudyResults& results, const std::filesystem::path& folder) {
  make_folder(folder);
  std::string verdicts = csv_line("claim", "title", "verdict", "by_construction", "measured", "setup", "command");
  std::string measurements = csv_line("claim", "setup", "row", "column", "value");
  for (const Claim& claim : results.claims) {
    const Verdict& v = claim.verdict;
    verdicts += csv_line(claim.id, claim.title, outcome_name(v.outcome), v.by_construction ? "yes" : "no", v.detail,
                         claim.setup, claim.command);
    const Table& table = claim.measurements;
    for (const auto& row : table.rows) {
      for (std::size_t c = 1; c < std::min(row.size(), table.columns.size()); ++c) {
        measurements += csv_line(claim.id, claim.setup, row[0], table.columns[c], row[c]);
      }
    }
  }
  std::string runs = csv_line("claim", "norm", "condition", "seed", "accuracy");
  for (const Claim& claim : results.claims) {
    for (const SeedResult& run : claim.seeds)
      runs += csv_line(claim.id, run.norm, run.condition, fmt::format("{}", run.seed), fmt::format("{}", run.accuracy));
  }
  std::string curves = csv_line("norm", "seed", "step", "loss", "accuracy");
  for (const TrainingRun& run : results.runs) {
    for (const CurvePoint& p : run.points) {
      curves += csv_line(run.norm, fmt::format("{}", run.seed), fmt::format("{}", p.step), fmt::format("{}", p.loss),
                         fmt::format("{}", p.accuracy));
    }
  }
  write_file(folder / "report.html", render_report(results));
  write_file(folder / "verdicts.csv", verdicts);
  write_file(folder / "measurements.csv", measurements);
  write_file(folder / "runs.csv", runs);
  write_file(folder / "curves.csv", curves);
}

std::string verdict_line(const Claim& claim, bool colour) {
  const Badge look = badge(claim.verdict.outcome);
  const std::string verdict = verdict_words(claim.verdict);
  return fmt::format("{} {} {}: {}", look.sign, claim.id, claim.title,
                     colour ? fmt::format("{}{}\x1b[0m", look.terminal, verdict) : verdict);
}

std::string verdict_table(const StudyResults& results, int width, bool colour) {
  const auto columns = static_cast<std::size_t>(std::max(width, 20));
  const auto painted = [&](const Verdict& verdict, const std::string& text) {
    return colour ? std::string(badge(verdict.outcome).terminal) + text + "\x1b[0m" : text;
  };
  std::string out;
  if (columns < 64) {
    for (const Claim& claim : results.claims) {
      for (const std::string& line : console::wrap(claim.id + " " + claim.title, columns)) out += line + "\n";
      const std::string verdict =
          fmt::format("  {} {}", badge(claim.verdict.outcome).sign, verdict_words(claim.verdict));
      out += painted(claim.verdict, console::fit(verdict, std::min(columns, console::display_width(verdict)))) + "\n";
      for (const std::string& line : console::wrap(claim.verdict.detail, columns - 4))
        out += "    " + console::fit(line, std::min(columns - 4, console::display_width(line))) + "\n";
    }
    return out;
  }
  constexpr std::size_t kId = 3, kVerdict = 25, kGap = 2;
  const std::size_t rest = columns - kId - kVerdict - 3 * kGap;
  const std::size_t title = std::min<std::size_t>(2 * rest / 5, 40), detail = rest - title;
  const std::string gap(kGap, ' ');
  const auto row = [&](const std::string& id, const std::string& name, const std::string& verdict,
                       const std::string& measured, const Verdict* colours) {
    std::string line = console::fit(id, kId) + gap + console::fit(name, title) + gap;
    const std::string padding(kVerdict - console::display_width(verdict), ' ');
    line += (colours != nullptr && !verdict.empty() ? painted(*colours, verdict) : verdict) + padding + gap;
    line += console::fit(measured, std::min(detail, console::display_width(measured)));
    line.erase(line.find_last_not_of(' ') + 1);
    return line + "\n";
  };
  std::string rule;
  for (std::size_t i = 0; i < columns; ++i) rule += "─";
  out += row("", "claim", "verdict", "measured", nullptr) + rule + "\n";
  for (const Claim& claim : results.claims) {
    const auto names = console::wrap(claim.title, title), details = console::wrap(claim.verdict.detail, detail);
    const auto words =
        console::wrap(fmt::format("{} {}", badge(claim.verdict.outcome).sign, verdict_words(claim.verdict)), kVerdict);
    for (std::size_t l = 0; l < std::max({names.size(), details.size(), words.size()}); ++l) {
      const auto line = [l](const std::vector<std::string>& lines) {
        return l < lines.size() ? lines[l] : std::string();
      };
      out += row(l == 0 ? claim.id : "", line(names), line(words), line(details), &claim.verdict);
    }
  }
  return out;
}

}  // namespace norm_study
