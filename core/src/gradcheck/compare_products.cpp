// Products <u, J d> of random cotangents u and directions d, where the Jacobian is too large to compare.
#include <algorithm>
#include <cmath>
#include <utility>

#include "gradcheck/comparison.hpp"
#include "gradcheck/directions.hpp"
#include "gradcheck/judged_line.hpp"
#include "gradcheck/ranking.hpp"

namespace tapegrad::checker {
namespace {

/// Sum of u y over the outputs that u weighs, which are those that are finite at the point: NaN where the function
/// ends.
double product_over_weighed(const Values& u, const Values& y) {
  double sum = 0.0;
  for (std::size_t o = 0; o < y.size(); ++o)
    if (u[o] != 0.0) sum += u[o] * y[o];
  return sum;
}

/// The random cotangents u, and for each <u, y> and J^T u.
struct RandomCotangents {
  explicit RandomCotangents(Comparison& c) {
    const Values& outputs = c.subject.outputs;
    for (int k = 0; k < c.options.directions; ++k) {
      us.push_back(over_finite(direction(k, outputs.size(), c.generator), outputs));
      gradients.push_back(c.subject.pull_back(us.back()));
    }
    y = products(outputs);
    for (const Values& u : us) {
      double sum = 0.0;
      for (std::size_t o = 0; o < outputs.size(); ++o)
        if (std::isfinite(outputs[o])) sum += std::abs(u[o] * outputs[o]);
      magnitude.push_back(std::max(sum, c.rounding.slack_of_sum(u) / c.precision.epsilon));
    }
  }

  Values products(const Values& outputs) const {
    Values sums;
    for (const Values& u : us) sums.push_back(product_over_weighed(u, outputs));
    return sums;
  }

  std::vector<Values> us;
  std::vector<std::vector<Values>> gradients;  // by u and part
  Values y;
  Values magnitude;  // what the rounding of <u, y> is in proportion to
};

void compare_part(Comparison& c, std::size_t i, const RandomCotangents& cotangents) {
  const Part& part = c.subject.parts[i];
  const double size = c.rounding.input_size(i);
  const double own = largest(part.values);
  GradcheckFinding finding = c.finding_of(i);
  Ranking ranking;
  MeasuredProduct worst;
  Evidence evidence{.compared = !part.values.empty() && any_finite(c.subject.outputs)};
  for (int k = 0; k < c.options.directions; ++k) {
    const Values d = direction(k, part.values.size(), c.generator);
    const Line line{.along =
                        [&](double t) {
                          Values moved = part.values;
                          for (std::size_t j = 0; j < moved.size(); ++j) moved[j] += t * d[j];
                          ++c.report.calls;
                          return Shifted{t, cotangents.products(c.subject.call_with(i, moved))};
                        },
                    .y = cotangents.y,
                    .magnitude = cotangents.magnitude,
                    .size = size,
                    .own = own > 0.0 ? own : 1.0,
                    .mixed = own};
    JudgedLine judged(line, c.precision);
    for (std::size_t u = 0; u < cotangents.us.size(); ++u) {
      const Values& gradient = cotangents.gradients[u][i];
      const double analytic = dot(gradient, d);
      double scale = 0.0;
      for (std::size_t j = 0; j < d.size(); ++j) scale += std::abs(gradient[j] * d[j]);
      const auto scales_of = [&](const Slope& slope) {
        Scales scales = c.rounding.scales(i, scale, cotangents.magnitude[u] / size, 0.0, slope);
        scales.alone = scales.floor;  // of a sum no term is alone
        return scales;
      };
      const double slack = norm(d) * c.rounding.slack_of_sum(cotangents.us[u]) / size;
      const Judgement judgement = judged.judge(u, analytic, scales_of, slack, true);
      const Slope& slope = judged.slope(u);
      ++c.report.comparisons;
      evidence.steepest = std::max(evidence.steepest, largest(gradient));
      evidence.add(judgement, slope);
      if (!ranking.would_enter(judgement.verdict, judgement.excess)) continue;
      if (!ranking.add({judgement.verdict, {}, -1, analytic, numeric_value(slope), judgement.tolerance},
                       judgement.excess))
        continue;
      judged.file(finding, u, analytic);
      worst = {cotangents.us[u], d, numeric_value(slope), judgement.tolerance};
    }
  }
  ranking.file(finding);
  c.judge_vacuity(finding, i, evidence);
  c.note_what_was_left_out(finding);
  c.note_other_shapes(finding);
  if (finding.verdict == Verdict::wrong) locate(c, i, worst, finding);
  c.report.findings.push_back(std::move(finding));
}

}  // namespace

void compare_products(Comparison& comparison) {
  const RandomCotangents cotangents(comparison);
  for (std::size_t i = 0; i < comparison.subject.parts.size(); ++i) compare_part(comparison, i, cotangents);
}

}  // namespace tapegrad::checker
