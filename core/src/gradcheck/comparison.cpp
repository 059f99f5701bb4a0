#include "gradcheck/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "gradcheck/diagnosis.hpp"
#include "gradcheck/ranking.hpp"
#include "gradcheck/wording.hpp"

namespace tapegrad::checker {

void note_error(double& error, double analytic, double numeric, double scale) {
  if (std::isnan(numeric) && !std::isnan(analytic)) return;
  if (analytic == numeric) return;
  const double size = std::max({std::abs(analytic), std::abs(numeric), 1e-6 * scale});
  const double relative = std::abs(analytic - numeric) / size;
  error = std::max(error, std::isfinite(relative) ? relative : kInfinity);
}

Comparison::Comparison(Subject& function, int of_order, const GradcheckOptions& with, GradcheckReport& into,
                       const FirstOrder& before)
    : subject(function),
      order(of_order),
      options(with),
      report(into),
      jumps(before.kinks),
      precision(precision_of(function.value_epsilon, function.derivative_epsilon)),
      streams(with.seed, of_order),
      rounding(function, precision, before, found.doubts, streams),
      differences(function, precision.epsilon, with.budget, into.calls) {}

GradcheckFinding Comparison::finding_of(std::size_t part) const {
  const Part& p = subject.parts[part];
  GradcheckFinding finding;
  finding.order = order;
  finding.mode = subject.rule_mode;
  finding.input = p.number;
  finding.input_name = p.name;
  finding.shape = p.shape;
  if (subject.output_shapes.size() > 1)
    for (const Extents& shape : subject.output_shapes) finding.output_sizes.push_back(count_of(shape));
  return finding;
}

void Comparison::file(GradcheckFinding finding, std::size_t part) {
  const Part& p = subject.parts[part];
  const auto add_value = [&](GradcheckElement& e) {
    if (is_of_an_element(finding, e.index, e.output))
      e.input_value = p.values[static_cast<std::size_t>(ravel(e.index, p.shape))];
  };
  add_value(finding);
  for (GradcheckElement& e : finding.worst) add_value(e);
  report.findings.push_back(std::move(finding));
}

void Comparison::judge_vacuity(GradcheckFinding& finding, std::size_t part, const Evidence& evidence) {
  const bool is_steep = evidence.steepest > 1e3 * precision.epsilon * rounding.natural_scale(part);
  if (order != 1 || finding.verdict != Verdict::ok || (evidence.apparent && is_steep)) return;
  // Differences may be exactly zero where derivatives, by another way, are not.
  found.doubts.emplace(finding.input, std::max(evidence.doubt, rounding.of_nothing()));
  if (evidence.significant && is_steep) return;
  finding.verdict = Verdict::vacuous;
  finding.note = "the gradient is zero to rounding";
  if (!finding.worst.empty()) finding.worst.front().verdict = Verdict::vacuous;
  if (evidence.compared) return;
  const bool finite = all_finite(subject.outputs);
  finding.verdict = finite ? Verdict::vacuous : Verdict::out_of_domain;
  finding.note = finite ? "there is nothing to compare" : "the function is not finite here";
}

void Comparison::note_no_number(GradcheckFinding& finding, std::size_t part) const {
  const Part& p = subject.parts[part];
  if (finding.verdict != Verdict::wrong || finding.index.size() != p.shape.size()) return;
  const double x = p.values[static_cast<std::size_t>(ravel(finding.index, p.shape))];
  if (std::isnan(x))
    finding.note = "the element is NaN and the output finite, which cannot depend on it then: its slope is 0";
  else if (std::isinf(x))
    finding.note = "the element is infinite and the output finite: the only slope there can be is 0";
}

void Comparison::judge_what_was_left_out(GradcheckFinding& finding) const {
  const Values& y = subject.outputs;
  const auto left_out = std::count_if(y.begin(), y.end(), [](double value) { return !std::isfinite(value); });
  if (left_out == 0) return;
  finding.note += fmt::format("{}{} of {} outputs are not finite here and were left out",
                              finding.note.empty() ? "" : "; ", left_out, y.size());
  const auto undefined = std::count_if(y.begin(), y.end(), [](double value) { return std::isnan(value); });
  const bool at_numbers =
      std::all_of(subject.parts.begin(), subject.parts.end(), [](const Part& part) { return all_finite(part.values); });
  if (order != 1 || undefined == 0 || !at_numbers) return;
  finding.verdict = std::max(finding.verdict, Verdict::out_of_domain);
  finding.note += fmt::format(", {} of them NaN, though every input is finite", undefined);
}

void Comparison::judge_precision(GradcheckFinding& finding, std::size_t part) const {
  const double strayed = rounding.strayed(part);
  if (finding.verdict != Verdict::ok || strayed == 0.0) return;
  finding.verdict = Verdict::unreliable;
  if (!finding.worst.empty()) finding.worst.front().verdict = Verdict::unreliable;
  finding.note = fmt::format(
      "in its own precision the rule is off what it gives in float64 by {:.1e} of the largest, more than rounding lets "
      "expect: differences in float64 do not tell whether it rounds so badly here or is wrong in that precision alone",
      strayed);
}

void Comparison::note_other_shapes(GradcheckFinding& finding) const {
  const bool has_no_slope = finding.verdict == Verdict::out_of_domain || finding.verdict == Verdict::unreliable;
  if (!subject.other_shapes || !(has_no_slope || finding.note == kOneSided)) return;
  finding.note += fmt::format("{}beside this point the function's results have the shapes {}, at the point {}",
                              finding.note.empty() ? "" : "; ", shapes_text(*subject.other_shapes),
                              shapes_text(subject.output_shapes));
}

void Comparison::tell_rounding() {
  std::vector<Values> unrest = rounding.unrest_of_gradients();
  for (std::size_t i = 0; i < subject.parts.size(); ++i) {
    found.unrests.emplace(subject.parts[i].number, std::move(unrest[i]));
    found.natural = std::max(found.natural, rounding.natural_scale(i));
    found.rounded = std::max(found.rounded, rounding.rounded_terms(i));
  }
}

bool Comparison::is_wrong(std::size_t part) const {
  return std::any_of(report.findings.begin(), report.findings.end(), [&](const GradcheckFinding& f) {
    return f.verdict == Verdict::wrong && f.order == order && f.with_differences &&
           f.input == subject.parts[part].number;
  });
}

bool Comparison::sweeps_differ() const {
  return std::any_of(report.findings.begin(), report.findings.end(), [this](const GradcheckFinding& f) {
    return f.verdict == Verdict::non_deterministic && f.order == order && f.mode == GradcheckMode::reverse;
  });
}

std::optional<GradcheckDiagnosis> Comparison::diagnose_cotangent(std::size_t part) {
  if (!all_finite(subject.outputs) || sweeps_differ()) return std::nullopt;  // there a rule may give NaN
  if (!probe) probe.emplace(subject, precision, streams.of(Purpose::linearity));
  return probe->diagnose(part, rounding.coarseness(part));
}

void Comparison::expect_multiples(std::size_t part, const std::vector<Multiple>& multiples, const Values& gradient,
                                  const Values& tolerances, std::string_view beside) {
  GradcheckFinding finding = finding_of(part);
  Ranking ranking;
  const auto compare = [&](std::size_t j, double factor, double scaled) {
    const double expected = factor * gradient[j];
    const bool overflows = !std::isfinite(scaled) && precision.may_overflow(expected);
    if (!std::isfinite(expected) || overflows) return;
    const double tolerance = std::abs(factor) * tolerances[j] +
                             (factor < 1.0 ? precision.least_derivative : 0.0);  // of what is rounded to 0
    const double error = std::abs(scaled - expected);
    if (error <= tolerance) return;
    ranking.add({Verdict::wrong, unravel(static_cast<std::int64_t>(j), finding.shape), -1, scaled, expected, tolerance},
                std::isfinite(error) ? error / tolerance : kInfinity);
  };
  for (std::size_t j = 0; j < gradient.size(); ++j)
    for (const Multiple& each : multiples) compare(j, each.factor, each.gradients[part][j]);
  if (ranking.verdict() == Verdict::ok) return;
  ranking.file(finding);
  finding.diagnosis = diagnose_cotangent(part);
  const bool only_rounds = finding.diagnosis && finding.diagnosis->mistake == GradcheckMistake::single_precision;
  if (!only_rounds) not_linear.insert(part);
  finding.note = fmt::format(
      "{}{}", only_rounds ? "" : "the rule is not linear in the cotangent: it forgets or distorts it; ", beside);
  file(std::move(finding), part);
}

std::optional<GradcheckDiagnosis> Comparison::diagnose_part(std::size_t part, const Matrix& measured, double error,
                                                            std::optional<GradcheckDiagnosis> exchanged) {
  if (std::optional<GradcheckDiagnosis> of_rule = diagnose_cotangent(part)) return of_rule;
  Block block = differences.block(part, claimed_rows()[part], measured, error);
  for (std::size_t k = 0; k < numeric.size(); ++k)
    if (k != part && subject.parts[k].shape == subject.parts[part].shape)
      block.alike.push_back(
          {subject.parts[k].name, in_units(claimed[k], block.unit), in_units(numeric[k], block.unit)});
  block.exchanged = std::move(exchanged);
  return diagnose(block);
}

const std::vector<Matrix>& Comparison::claimed_rows() {
  if (!claimed.empty()) return claimed;
  const std::size_t rows = subject.outputs.size();
  for (const Part& part : subject.parts) claimed.emplace_back(rows, part.values.size());
  for (std::size_t o = 0; o < rows; ++o) {
    Values unit(rows, 0.0);
    unit[o] = 1.0;
    const std::vector<Values> row = subject.pull_back(unit);
    for (std::size_t i = 0; i < claimed.size(); ++i)
      std::copy(row[i].begin(), row[i].end(),
                claimed[i].values.begin() + static_cast<std::ptrdiff_t>(o * claimed[i].columns));
  }
  return claimed;
}

}  // namespace tapegrad::checker
