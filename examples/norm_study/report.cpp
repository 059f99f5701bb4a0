// The page. Its looks are in report_style.hpp, the files beside it in report_files.cpp.
#include "norm_study/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "norm_study/report_style.hpp"
#include "norm_study/verdict_badge.hpp"
#include "tapegrad/base/error.hpp"

namespace norm_study {
namespace {

constexpr std::array<std::string_view, 3> kOpening{"4", "3d", "3a"};  // claims told before the verdicts

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

std::string badge_html(const Verdict& verdict) {
  const Badge look = badge(verdict.outcome);
  return fmt::format(R"(<span class="badge {}">{} {}</span>)", look.css_class, look.sign,
                     escape(verdict_words(verdict)));
}

std::string table_html(const Table& table, std::string_view css_class = "figures") {
  std::string out = fmt::format(R"(<div class="scroll" tabindex="0"><table class="{}"><thead><tr>)", css_class);
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
             R"( implementation right and could not have come out otherwise, whether the claim holds or fails.</p></section>)"
             "\n",
             kMargin, escape(how_to_read()));
}

/// Mean and standard deviation over the seeds of one norm, at the steps that all of them have reached.
Series averaged(const std::vector<const TrainingRun*>& runs, double CurvePoint::*quantity, double scale) {
  Series series{.name = runs.front()->norm, .colour = runs.front()->colour};
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
                     .references = {{100 * results.baselines.naive_bayes_3, "naive Bayes, n ≤ 3"},
                                    {100 * results.baselines.naive_bayes_5, "naive Bayes, n ≤ 5"},
                                    {100 * results.baselines.chance, "chance"}}};
  LineChart loss{.title = "Training loss", .x_label = "steps", .y_label = "cross entropy, nats"};
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

std::string setup_html(const StudyResults& results) {
  if (results.setup.rows.empty()) return "";
  return R"(<section id="setup"><h2>What was trained</h2><p>All networks of one seed share these settings, their starting weights and the )"
         "order of their batches; they differ in their normalisation, and in what a claim says that it varies. None of "
         "the "
         "settings is searched for a normalisation: one learning rate serves all, and may suit one better than "
         "another.</p>" +
         table_html(results.setup, "settings") + "</section>\n";
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
  return out + "</ul></section>\n";
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

}  // namespace

const Claim* find_claim(const StudyResults& results, std::string_view id) {
  const auto found =
      std::find_if(results.claims.begin(), results.claims.end(), [&](const Claim& c) { return c.id == id; });
  return found == results.claims.end() ? nullptr : &*found;
}

std::string render_report(const StudyResults& results) {
  std::string out = fmt::format(
      R"(<!DOCTYPE html>)"
      "\n"
      R"(<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>)"
      R"(<title>{}</title><style>{}</style></head><body>)"
      "\n"
      R"(<header><h1>{}</h1><p class="lead">{}</p>)",
      escape(results.title), kReportStyle, escape(results.title), escape(results.subtitle));
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
  out += setup_html(results) + training_html(results) + words_html(results) + closing_html(results);
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

}  // namespace norm_study
