#include "gradcheck/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "gradcheck/diagnosis.hpp"
#include "gradcheck/directions.hpp"
#include "gradcheck/judge.hpp"
#include "gradcheck/precision.hpp"
#include "gradcheck/slope.hpp"
#include "gradcheck/taylor.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad::checker {

namespace {

constexpr std::size_t kWorst = 8;            // elements that a finding keeps
constexpr int kSecondLooks = 16;             // thorough ones, at a part that is already known to be wrong
constexpr std::int64_t kDiagnosisCalls = 8;  // in units of the budget: what a diagnosis may cost
constexpr std::int64_t kLeastBudget = 500, kMostBudget = std::numeric_limits<std::int64_t>::max() / kDiagnosisCalls;
constexpr std::size_t kMostRows = 512;  // of a block that is diagnosed

/// The worst comparisons of a finding so far.
class Ranking {
 public:
  struct Entry {
    GradcheckElement element;
    double excess;
  };

  /// Whether this is the worst of all.
  bool add(GradcheckElement element, double excess) {
    if (entries_.size() == kWorst && !worse(element.verdict, excess, entries_.back())) return false;
    const auto place = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& e) { return worse(element.verdict, excess, e); });
    const bool first = place == entries_.begin();
    for (double* const value : {&element.analytic, &element.numeric})
      if (std::isnan(*value)) *value = std::numeric_limits<double>::quiet_NaN();  // 0 inf has a sign, as texts show it
    entries_.insert(place, {std::move(element), excess});
    if (entries_.size() > kWorst) entries_.pop_back();
    return first;
  }
  bool would_enter(Verdict verdict, double excess) const {
    return entries_.size() < kWorst || worse(verdict, excess, entries_.back());
  }
  Verdict verdict() const { return entries_.empty() ? Verdict::ok : entries_.front().element.verdict; }

  void file(GradcheckFinding& finding) const {
    if (entries_.empty()) return;
    const GradcheckElement& first = entries_.front().element;
    finding.verdict = first.verdict;
    finding.index = first.index;
    finding.output = first.output;
    finding.analytic = first.analytic;
    finding.numeric = first.numeric;
    finding.tolerance = first.tolerance;
    for (const Entry& e : entries_) finding.worst.push_back(e.element);
  }

 private:
  static bool worse(Verdict verdict, double excess, const Entry& than) {
    if (verdict != than.element.verdict) return verdict > than.element.verdict;
    return excess > than.excess;
  }
  std::vector<Entry> entries_;
};

void set_slope(GradcheckFinding& finding, const Slope& slope, TaylorSweep sweep) {
  finding.slope_below = slope.below;
  finding.slope_above = slope.above;
  finding.step = slope.step;
  finding.rate = sweep.rate;
  finding.sweep = std::move(sweep.points);
  if (slope.divergence != 0.0)
    finding.note = "the differences grow without bound: the slope is infinite here";
  else if (slope.one_sided)
    finding.note = "one-sided differences: the function ends here";
}

double numeric_value(const Slope& slope) {
  if (slope.divergence != 0.0) return std::copysign(kInfinity, slope.divergence);
  return std::isfinite(slope.error) ? slope.value : std::numeric_limits<double>::quiet_NaN();
}

class Comparison {
 public:
  Comparison(Subject& subject, int order, const GradcheckOptions& options, GradcheckReport& report,
             const FirstOrder& before)
      : subject_(subject),
        order_(order),
        options_(options),
        report_(report),
        jumps_(before.kinks),
        slack_(slack_of(subject, before.doubts)),
        precision_(precision_of(subject.value_epsilon, subject.derivative_epsilon)),
        generator_(2 * options.seed + static_cast<std::uint64_t>(order)),
        diagnosis_calls_(kDiagnosisCalls * std::clamp(options.budget, kLeastBudget, kMostBudget)) {
    for (const Part& part : subject_.parts) count_ += part.values.size();
  }

  FirstOrder run() {
    const std::size_t cost = count_ * 2 * kSteps + subject_.outputs.size();
    if (static_cast<std::int64_t>(cost) <= options_.budget) {
      full();
    } else {
      directional();
    }
    if (options_.forward_mode && subject_.has_push_forward()) forward();
    return std::move(found_);
  }

 private:
  /// What each output may be off zero where it is the gradient of an input that has none but rounding; empty where
  /// there is no such input.
  static Values slack_of(const Subject& subject, const std::map<int, double>& doubts) {
    Values slack;
    if (doubts.empty()) return slack;
    for (const Part& part : subject.parts) {
      if (slack.size() == subject.outputs.size()) break;  // the cotangents
      const auto doubt = doubts.find(part.number);
      slack.insert(slack.end(), part.values.size(), doubt != doubts.end() ? doubt->second : 0.0);
    }
    return slack;
  }
  double slack_at(std::size_t output) const { return output < slack_.size() ? slack_[output] : 0.0; }

  /// How far derivatives with respect to part i may differ that are made of rounding alone, of outputs with this slack.
  double rounding_alone(std::size_t i, double slack) const {
    const auto doubt = found_.doubts.find(subject_.parts[i].number);
    return (doubt != found_.doubts.end() ? doubt->second : 0.0) + slack / input_size(i);
  }

  /// The slack of a sum of outputs with these weights.
  double slack_of_sum(const Values& weights) const {
    double sum = 0.0;
    for (std::size_t o = 0; o < slack_.size(); ++o) sum += std::abs(weights[o]) * slack_[o];
    return sum;
  }

  /// What rounding leaves of a derivative beside outputs of this size per input. Where the derivative in question is
  /// rounded more coarsely than the differences, that counts only where they see none.
  double rounding_beside(double natural, const Slope& slope) const {
    const double fine = 100.0 * precision_.epsilon * natural;
    const bool none = std::abs(slope.value) <= 10.0 * slope.error + fine;
    return none ? 100.0 * precision_.coarser_epsilon * natural : fine;
  }

  /// What may be left of a derivative that is zero because terms cancel, each as large as dx/dx = 1.
  double nothing() const { return 1e4 * precision_.derivative_epsilon; }

  double input_size(std::size_t i) const { return std::max(1.0, largest(subject_.parts[i].values)); }

  Values call(std::size_t i, const Values& values) {
    ++report_.calls;
    return subject_.call_with(i, values);
  }

  bool jumps_at(int input, std::size_t j) const {
    const auto found = jumps_.find(input);
    return found != jumps_.end() && found->second.contains(j);
  }

  GradcheckFinding fresh_finding(std::size_t i) const {
    const Part& part = subject_.parts[i];
    return {.order = order_, .input = part.number, .input_name = part.name, .shape = part.shape};
  }

  /// The line through the point along one element.
  Line element_line(std::size_t i, std::size_t j, const Values& magnitude) {
    const Part& part = subject_.parts[i];
    const double x = part.values[j];
    const double own = x != 0.0 ? std::abs(x) : largest(part.values);
    return {.along =
                [this, &part, i, j, x, moved = part.values](double t) mutable {
                  moved[j] = part.single ? static_cast<double>(static_cast<float>(x + t)) : x + t;
                  return Shifted{moved[j] - x, call(i, moved)};
                },
            .y = subject_.outputs,
            .magnitude = magnitude,
            .size = std::max(1.0, std::abs(x)),
            .own = own != 0.0 ? own : 1.0,
            .mixed = part.values.size() > 1 ? own : 0.0};
  }

  /// Outputs that are zero by cancellation carry the rounding of what cancelled, of which the others tell.
  Values rounding_magnitude() const {
    Values magnitude = subject_.outputs;
    const double most = largest(subject_.outputs);
    for (std::size_t o = 0; o < magnitude.size(); ++o)
      magnitude[o] = std::max({std::abs(magnitude[o]), 0.01 * most, slack_at(o) / precision_.epsilon});
    return magnitude;
  }

  /// The size of the outputs per size of an input, which counts as 1 at least: as where steps begin.
  double natural_scale(std::size_t i) const { return largest(subject_.outputs) / input_size(i); }

  /// Rows of the Jacobian, by part: J^T of the unit cotangents.
  std::vector<Matrix> claimed_rows() {
    const std::size_t rows = subject_.outputs.size();
    std::vector<Matrix> blocks;
    for (const Part& part : subject_.parts) blocks.emplace_back(rows, part.values.size());
    for (std::size_t o = 0; o < rows; ++o) {
      Values unit(rows, 0.0);
      unit[o] = 1.0;
      const std::vector<Values> row = subject_.pull_back(unit);
      for (std::size_t i = 0; i < blocks.size(); ++i)
        std::copy(row[i].begin(), row[i].end(),
                  blocks[i].values.begin() + static_cast<std::ptrdiff_t>(o * blocks[i].columns));
    }
    return blocks;
  }

  /// Every element of the Jacobian.
  void full() {
    claimed_ = claimed_rows();
    const Values magnitude = rounding_magnitude();
    for (std::size_t i = 0; i < subject_.parts.size(); ++i) compare_block(i, magnitude);
    expect_linear();
  }

  /// The gradient for a random cotangent is that of its elements' rows: a rule that forgets its cotangent, or squares
  /// it, is right for every unit vector. Files what differs.
  void expect_linear() {
    if (!all_finite(subject_.outputs)) return;  // there a rule may give NaN for a cotangent of 0
    Generator generator(2 * options_.seed + 1);
    const Values u = normal_values(subject_.outputs.size(), generator);
    const std::vector<Values> gradients = subject_.pull_back(u);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      GradcheckFinding finding = fresh_finding(i);
      Ranking ranking;
      for (std::size_t j = 0; j < gradients[i].size(); ++j) {
        double expected = 0.0;
        double reach = 0.0;
        for (std::size_t o = 0; o < u.size(); ++o) {
          expected += u[o] * claimed_[i](o, j);
          reach += std::abs(u[o] * claimed_[i](o, j));
        }
        if (!std::isfinite(expected)) continue;
        const double tolerance =
            rounding_of_modes(reach, i) + norm(u) * rounding_alone(i, 0.0) + slack_of_sum(u) / input_size(i);
        const double error = std::abs(gradients[i][j] - expected);
        if (error <= tolerance) continue;
        ranking.add({Verdict::wrong, unravel(static_cast<std::int64_t>(j), finding.shape), -1, gradients[i][j],
                     expected, tolerance},
                    std::isfinite(error) ? error / tolerance : kInfinity);
      }
      if (ranking.verdict() == Verdict::ok) continue;
      ranking.file(finding);
      finding.note =
          "the rule is not linear in the cotangent: it forgets or distorts it; the number beside it is the "
          "sum over the outputs of cotangent times row";
      report_.findings.push_back(std::move(finding));
    }
  }

  /// How far two ways to one derivative with respect to part i may differ whose terms sum up to `reach` in magnitude.
  double rounding_of_modes(double reach, std::size_t i) const {
    const double epsilon = precision_.derivative_epsilon;
    return std::pow(epsilon, 0.7) * reach + 1e3 * epsilon * natural_scale(i);
  }

  void compare_block(std::size_t i, const Values& magnitude) {
    const Part& part = subject_.parts[i];
    const Matrix& claimed = claimed_[i];
    const Values& y = subject_.outputs;
    GradcheckFinding finding = fresh_finding(i);
    finding.element_errors.assign(part.values.size(), 0.0);
    Ranking ranking;
    Matrix numeric(y.size(), part.values.size());
    double squared_error = 0.0;
    const double scale = largest(claimed.values);
    const double natural = natural_scale(i);
    const double size = input_size(i);
    bool compared = false;
    bool significant = false;
    double steepest = 0.0;
    double doubt = 0.0;
    int second_looks = 0;
    for (std::size_t j = 0; j < part.values.size(); ++j) {
      const double x = part.values[j];
      const Line line = element_line(i, j, magnitude);
      LineStudy studied;
      studied.slopes.resize(y.size());
      if (std::isfinite(x)) studied = study(line, precision_, false);
      bool thorough = false;
      for (std::size_t o = 0; o < y.size(); ++o) {
        const double analytic = claimed(o, j);
        if (!std::isfinite(y[o])) continue;
        if (!std::isfinite(x) && !std::isnan(analytic)) continue;  // masked by an infinity: 0, or any limit
        const auto judged = [&] {
          const Slope& slope = studied.slopes[o];
          const double block = std::max(scale, std::isfinite(slope.error) ? std::abs(slope.value) : 0.0);
          const double floor = precision_.floor * block + rounding_beside(natural, slope) + slack_at(o) / size;
          return judge(analytic, slope, {block, natural, floor, precision_.rough, precision_.fair, nothing()});
        };
        Judgement c = judged();
        const bool look_again = ranking.verdict() != Verdict::wrong || second_looks < kSecondLooks;
        if (c.verdict != Verdict::ok && std::isfinite(x) && !thorough && look_again) {
          thorough = true;
          ++second_looks;
          studied = study(line, precision_, true);
          c = judged();
        }
        const Slope& slope = studied.slopes[o];
        if (c.verdict != Verdict::ok && thorough)
          c = reconsider(c, analytic, slope, taylor_sweep(studied.families, o, y[o], analytic));
        if (is_nothing(c, analytic, slack_at(o) / size)) c.verdict = Verdict::ok;
        if (c.verdict == Verdict::kink) found_.kinks[part.number].insert(j);
        if (c.verdict == Verdict::out_of_domain && jumps_at(part.number, j)) {
          c = {Verdict::kink, c.tolerance, 0.0, true};
          finding.note = "the gradient jumps at a kink and has no slope there";
        }
        compared = true;
        significant = significant || c.significant;
        ++report_.comparisons;
        steepest = std::max(steepest, slope.divergence != 0.0 ? kInfinity : std::abs(slope.value));
        if (std::isfinite(slope.error)) {
          doubt = std::max(doubt, c.tolerance);
          numeric(o, j) = slope.value;
          squared_error += slope.error * slope.error;
        }
        note_error(finding.element_errors[j], analytic, numeric_value(slope), scale);
        if (finding.note.empty() && c.verdict == Verdict::ok && is_hidden(analytic, slope))
          finding.note = fmt::format(
              "too small beside the largest derivative, {:.2g}, to be judged, but it differs: element [{}], output {}: "
              "analytic {:.5g}, numeric {:.5g}",
              scale, fmt::join(unravel(static_cast<std::int64_t>(j), part.shape), ", "), o, analytic, slope.value);
        if (!ranking.would_enter(c.verdict, c.excess)) continue;
        GradcheckElement element{c.verdict,
                                 unravel(static_cast<std::int64_t>(j), part.shape),
                                 static_cast<std::int64_t>(o),
                                 analytic,
                                 numeric_value(slope),
                                 c.tolerance};
        if (ranking.add(std::move(element), c.excess))
          set_slope(finding, slope, taylor_sweep(studied.families, o, y[o], analytic));
      }
    }
    ranking.file(finding);
    judge_vacuity(finding, compared, significant && std::max(scale, steepest) > 1e3 * precision_.epsilon * natural,
                  doubt);
    note_what_was_left_out(finding);
    note_doubt(finding, part.single);
    numeric_.push_back(std::move(numeric));
    if (finding.verdict == Verdict::wrong)
      finding.diagnosis = diagnose(block_of(i, claimed, numeric_.back(), std::sqrt(squared_error)));
    report_.findings.push_back(std::move(finding));
  }

  static void note_doubt(GradcheckFinding& finding, bool single) {
    if (finding.verdict == Verdict::out_of_domain && finding.note.empty())
      finding.note = "differences find no slope: the function jumps, ends or throws beside this point";
    if (finding.verdict == Verdict::unreliable && finding.note.empty() && !finding.worst.empty())
      finding.note = fmt::format("differences tell this slope to {:.2g} at best, and it is {:.2g}{}", finding.tolerance,
                                 std::abs(finding.analytic),
                                 single ? "; those of float64 tell more: .differences_in_float64 = true" : "");
  }

  /// Outputs that are not finite have no derivative to compare: says how many, where nothing else is said.
  void note_what_was_left_out(GradcheckFinding& finding) const {
    const auto left_out =
        std::count_if(subject_.outputs.begin(), subject_.outputs.end(), [](double y) { return !std::isfinite(y); });
    if (left_out > 0 && finding.note.empty())
      finding.note =
          fmt::format("{} of {} outputs are not finite here and were left out", left_out, subject_.outputs.size());
  }

  /// Whether differences cannot tell a derivative of what is rounding alone, and the rule says that there is none.
  static bool is_nothing(const Judgement& judgement, double analytic, double slack) {
    return judgement.verdict == Verdict::unreliable && slack > 0.0 && std::abs(analytic) <= slack;
  }

  /// Whether a value that passes is far from one that was measured well.
  static bool is_hidden(double analytic, const Slope& slope) {
    const double error = std::abs(analytic - slope.value);
    return error > 0.1 * std::max(std::abs(analytic), std::abs(slope.value)) && error > 100.0 * slope.error;
  }

  /// Keeps the largest error, relative to the larger value; elements that are tiny in their block are measured by it.
  static void note_error(double& error, double analytic, double numeric, double scale) {
    if (std::isnan(numeric) && !std::isnan(analytic)) return;
    if (analytic == numeric) return;
    const double size = std::max({std::abs(analytic), std::abs(numeric), 1e-6 * scale});
    const double relative = std::abs(analytic - numeric) / size;
    error = std::max(error, std::isfinite(relative) ? relative : kInfinity);
  }

  /// A cotangent without the outputs that are not finite: nothing can be said of those.
  Values over_finite_outputs(Values u) const {
    for (std::size_t o = 0; o < u.size(); ++o)
      if (!std::isfinite(subject_.outputs[o])) u[o] = 0.0;
    return u;
  }

  /// Products <u, J d> of all pairs of cotangents u and directions d.
  void directional() {
    const Values& y = subject_.outputs;
    std::vector<Values> us;
    std::vector<std::vector<Values>> gradients;  // J^T u, by u and part
    for (int k = 0; k < options_.directions; ++k) {
      us.push_back(over_finite_outputs(direction(k, y.size(), generator_)));
      gradients.push_back(subject_.pull_back(us.back()));
    }
    const auto products = [&us](const Values& values) {
      Values sums;
      for (const Values& u : us) {
        double sum = 0.0;
        for (std::size_t o = 0; o < values.size(); ++o)
          if (std::isfinite(values[o])) sum += u[o] * values[o];
        sums.push_back(sum);
      }
      return sums;
    };
    Values magnitude;
    for (const Values& u : us) {
      double sum = 0.0;
      for (std::size_t o = 0; o < y.size(); ++o)
        if (std::isfinite(y[o])) sum += std::abs(u[o] * y[o]);
      magnitude.push_back(std::max(sum, slack_of_sum(u) / precision_.epsilon));
    }
    for (std::size_t i = 0; i < subject_.parts.size(); ++i) {
      std::vector<Values> claimed;
      for (const std::vector<Values>& g : gradients) claimed.push_back(g[i]);
      compare_products(i, us, claimed, products(y), magnitude, products);
    }
  }

  template <class Products>
  void compare_products(std::size_t i, const std::vector<Values>& us, const std::vector<Values>& gradients,
                        const Values& y, const Values& magnitude, const Products& products) {
    const Part& part = subject_.parts[i];
    GradcheckFinding finding = fresh_finding(i);
    Ranking ranking;
    bool significant = false;
    double steepest = 0.0;
    double doubt = 0.0;
    const double x_scale = input_size(i);
    const double own = largest(part.values);
    for (int k = 0; k < options_.directions; ++k) {
      const Values d = direction(k, part.values.size(), generator_);
      const Line line{.along =
                          [&](double t) {
                            Values moved = part.values;
                            for (std::size_t j = 0; j < moved.size(); ++j) moved[j] += t * d[j];
                            return Shifted{t, products(call(i, moved))};
                          },
                      .y = y,
                      .magnitude = magnitude,
                      .size = x_scale,
                      .own = own > 0.0 ? own : 1.0,
                      .mixed = own};
      LineStudy studied = study(line, precision_, false);
      bool thorough = false;
      for (std::size_t u = 0; u < y.size(); ++u) {
        const double analytic = dot(gradients[u], d);
        double scale = 0.0;
        for (std::size_t j = 0; j < d.size(); ++j) scale += std::abs(gradients[u][j] * d[j]);
        const auto judged = [&] {
          const Slope& slope = studied.slopes[u];
          const double natural = magnitude[u] / x_scale;
          const double floor = precision_.floor * scale + rounding_beside(natural, slope);
          return judge(
              analytic, slope,
              {std::max(scale, std::abs(slope.value)), natural, floor, precision_.rough, precision_.fair, nothing()});
        };
        Judgement c = judged();
        if (c.verdict != Verdict::ok && !thorough) {
          thorough = true;
          studied = study(line, precision_, true);
          c = judged();
        }
        const Slope& slope = studied.slopes[u];
        if (c.verdict != Verdict::ok)
          c = reconsider(c, analytic, slope, taylor_sweep(studied.families, u, y[u], analytic));
        if (is_nothing(c, analytic, norm(d) * slack_of_sum(us[u]) / x_scale)) c.verdict = Verdict::ok;
        ++report_.comparisons;
        significant = significant || c.significant;
        steepest = std::max({steepest, largest(gradients[u]), std::abs(slope.value)});
        if (std::isfinite(slope.error)) doubt = std::max(doubt, c.tolerance);
        if (!ranking.would_enter(c.verdict, c.excess)) continue;
        if (ranking.add({c.verdict, {}, -1, analytic, numeric_value(slope), c.tolerance}, c.excess))
          set_slope(finding, slope, taylor_sweep(studied.families, u, y[u], analytic));
      }
    }
    ranking.file(finding);
    judge_vacuity(finding, !part.values.empty() && any_finite(subject_.outputs),
                  significant && steepest > 1e3 * precision_.epsilon * natural_scale(i), doubt);
    note_what_was_left_out(finding);
    if (finding.verdict == Verdict::wrong) locate(i, finding);
    report_.findings.push_back(std::move(finding));
  }

  /// After directions have shown that something is wrong: where, and what, when plain differences by every element
  /// cost no more than a diagnosis may.
  void locate(std::size_t i, GradcheckFinding& finding) {
    const Part& part = subject_.parts[i];
    const auto say = [&finding](std::string note) {
      if (finding.note.empty()) finding.note = std::move(note);
    };
    if (subject_.outputs.size() > kMostRows)
      return say(
          fmt::format("{} outputs, more than {}, are compared along random directions alone: check a part of them "
                      "to see which elements are wrong",
                      subject_.outputs.size(), kMostRows));
    const auto calls = static_cast<std::int64_t>(2 * part.values.size());
    if (calls > diagnosis_calls_)
      return say(fmt::format(
          "{} elements are compared along random directions alone: a budget of {} or more shows which are wrong",
          part.values.size(), calls / kDiagnosisCalls + 1));
    const std::optional<Matrix> numeric = plain_differences(i, i, part.values);
    if (!numeric) return;
    if (claimed_.empty()) claimed_ = claimed_rows();
    const Matrix& claimed = claimed_[i];
    const double scale = std::max(largest(claimed.values), largest(numeric->values));
    const double share = std::cbrt(precision_.epsilon) * std::cbrt(precision_.epsilon);
    const double rough = share * scale;
    const double rounding = 10.0 * share * largest(subject_.outputs);
    finding.element_errors.assign(part.values.size(), 0.0);
    Ranking ranking;
    for (std::size_t o = 0; o < claimed.rows; ++o) {
      for (std::size_t j = 0; j < claimed.columns; ++j) {
        note_error(finding.element_errors[j], claimed(o, j), (*numeric)(o, j), scale);
        const double error = std::abs(claimed(o, j) - (*numeric)(o, j));
        const double tolerance = 100.0 * rough + precision_.floor * scale + rounding;
        const double excess = std::isfinite(error) ? error / tolerance : kInfinity;
        if (excess <= 1.0 || !ranking.would_enter(Verdict::wrong, excess)) continue;
        ranking.add({Verdict::wrong, unravel(static_cast<std::int64_t>(j), part.shape), static_cast<std::int64_t>(o),
                     claimed(o, j), (*numeric)(o, j), tolerance},
                    excess);
      }
    }
    if (ranking.verdict() == Verdict::wrong) {
      finding.worst.clear();
      ranking.file(finding);
      finding.note = "found along random directions, then located element by element";
    }
    finding.diagnosis =
        diagnose(block_of(i, claimed, *numeric, rough * std::sqrt(static_cast<double>(claimed.values.size()))));
  }

  /// d outputs / d part `i` with part `k` at other values, by plain central differences; nothing when that costs too
  /// much or is not finite.
  std::optional<Matrix> plain_differences(std::size_t i, std::size_t k, const Values& values) {
    const Part& part = subject_.parts[i];
    const auto calls = static_cast<std::int64_t>(2 * part.values.size());
    if (calls > diagnosis_calls_) return std::nullopt;
    diagnosis_calls_ -= calls;
    Matrix differences(subject_.outputs.size(), part.values.size());
    const Values at = i == k ? values : part.values;
    const double relative = std::exp2(std::round(std::log2(std::cbrt(precision_.epsilon))));
    Subject& subject = subject_;
    const auto elsewhere = [&](const Values& moved) {
      ++report_.calls;
      return i == k ? subject.call_with(i, moved) : subject.call_with_two(i, moved, k, values);
    };
    for (std::size_t j = 0; j < at.size(); ++j) {
      const double h = relative * std::max(std::abs(at[j]), 1.0);
      Values up = at;
      Values down = at;
      up[j] += h;
      down[j] -= h;
      const Values above = elsewhere(up);
      const Values below = elsewhere(down);
      for (std::size_t o = 0; o < differences.rows; ++o) {
        differences(o, j) = (above[o] - below[o]) / (up[j] - down[j]);
        if (!std::isfinite(differences(o, j))) return std::nullopt;
      }
    }
    return differences;
  }

  Block block_of(std::size_t i, const Matrix& claimed, const Matrix& numeric, double error) {
    Block block{
        .input_shape = subject_.parts[i].shape,
        .output_shape = subject_.output_shapes.size() == 1 ? subject_.output_shapes.front() : Extents{},
        .single_output = subject_.output_shapes.size() == 1,
        .analytic = claimed,
        .numeric = numeric,
        .numeric_error = error,
        .input = i,
        .inputs = {},
        .outputs = subject_.outputs,
        .numeric_at = [this, i](std::size_t k, const Values& values) { return plain_differences(i, k, values); }};
    for (const Part& part : subject_.parts) block.inputs.push_back({part.name, part.shape, part.values});
    return block;
  }

  /// The forward rule against the reverse rule: J v against the Jacobian's rows where they are known, else
  /// <u, J v> = <J^T u, v>.
  void forward() {
    constexpr int kTangents = 3;
    const Values u = over_finite_outputs(normal_values(subject_.outputs.size(), generator_));
    const std::vector<Values> gradient = subject_.pull_back(u);
    for (std::size_t i = 0; i < subject_.parts.size(); ++i) {
      GradcheckFinding finding = fresh_finding(i);
      finding.mode = "forward";
      Ranking ranking;
      double squared_to_numeric = 0.0;
      double squared_to_reverse = 0.0;
      for (int k = 0; k < kTangents; ++k) {
        const Values v = normal_values(subject_.parts[i].values.size(), generator_);
        const Values dy = subject_.push_forward(i, v);
        if (claimed_.empty()) {
          double reach = 0.0;
          double product = 0.0;
          for (std::size_t o = 0; o < dy.size(); ++o) {
            if (u[o] == 0.0) continue;
            product += u[o] * dy[o];
            reach += std::abs(u[o] * dy[o]);
          }
          compare_modes(ranking, i, product, gradient[i], v, reach, slack_of_sum(u), -1);
          continue;
        }
        const double reach = largest(claimed_[i].values);
        for (std::size_t o = 0; o < dy.size(); ++o) {
          if (!std::isfinite(subject_.outputs[o])) continue;
          const std::size_t columns = claimed_[i].columns;
          const std::span<const double> row(claimed_[i].values.data() + o * columns, columns);
          compare_modes(ranking, i, dy[o], row, v, reach, slack_at(o), static_cast<std::int64_t>(o));
          if (i >= numeric_.size()) continue;
          const double measured = dot(std::span(numeric_[i].values).subspan(o * columns, columns), v);
          squared_to_numeric += (dy[o] - measured) * (dy[o] - measured);
          squared_to_reverse += (dot(row, v) - measured) * (dot(row, v) - measured);
        }
      }
      ranking.file(finding);
      if (finding.verdict == Verdict::wrong && i < numeric_.size())
        finding.note = side_taken(squared_to_numeric, squared_to_reverse);
      report_.findings.push_back(std::move(finding));
    }
  }

  /// Which rule the differences side with, from the squared distances of both to them.
  static std::string side_taken(double to_forward, double to_reverse) {
    if (std::isfinite(to_forward) && !std::isfinite(to_reverse)) return "the reverse rule is not finite here";
    if (std::isfinite(to_reverse) && !std::isfinite(to_forward)) return "the forward rule is not finite here";
    if (to_forward < to_reverse) return "finite differences side with the forward rule";
    if (to_forward > to_reverse) return "finite differences side with the reverse rule";
    return "";
  }

  void compare_modes(Ranking& ranking, std::size_t i, double forward_value, std::span<const double> row,
                     const Values& v, double reach, double slack, std::int64_t output) {
    double scale = 0.0;
    double expected = 0.0;
    for (std::size_t j = 0; j < v.size(); ++j) {
      expected += row[j] * v[j];
      scale += std::abs(row[j] * v[j]);
    }
    // Where a slope is infinite both modes give infinities or NaN: the same kind will do.
    if (!std::isfinite(expected) && !std::isfinite(forward_value)) return;
    const double tolerance = rounding_of_modes(std::max(scale, reach), i) + norm(v) * rounding_alone(i, slack);
    const double error = std::abs(forward_value - expected);
    const bool close = error <= tolerance;
    const double excess = close                  ? (tolerance > 0.0 ? error / tolerance : 0.0)
                          : std::isfinite(error) ? error / tolerance
                                                 : kInfinity;
    ++report_.comparisons;
    ranking.add({close ? Verdict::ok : Verdict::wrong, {}, output, forward_value, expected, tolerance}, excess);
  }

  /// At order 1 a gradient that is zero to rounding, and to `doubt` by differences, proves nothing. (At order 2 it is
  /// what linear functions have.)
  void judge_vacuity(GradcheckFinding& finding, bool compared, bool differs_from_zero, double doubt) {
    if (order_ != 1 || finding.verdict != Verdict::ok || differs_from_zero) return;
    // Differences may be exactly zero where derivatives, by another way, are not.
    found_.doubts.emplace(finding.input, std::max(doubt, nothing()));
    finding.verdict = Verdict::vacuous;
    finding.note = "the gradient is zero to rounding";
    if (!finding.worst.empty()) finding.worst.front().verdict = Verdict::vacuous;
    if (compared) return;
    const bool finite = all_finite(subject_.outputs);
    finding.verdict = finite ? Verdict::vacuous : Verdict::out_of_domain;
    finding.note = finite ? "there is nothing to compare" : "the function is not finite here";
  }

  Subject& subject_;
  int order_;
  const GradcheckOptions& options_;
  GradcheckReport& report_;
  const Kinks& jumps_;
  Values slack_;
  FirstOrder found_;
  Precision precision_;
  Generator generator_;
  std::int64_t diagnosis_calls_;  // that may still be spent
  std::size_t count_ = 0;
  std::vector<Matrix> claimed_;  // by part, where all rows were computed
  std::vector<Matrix> numeric_;  // by part, where all elements were compared
};

}  // namespace

void expect_options(const char* name, const GradcheckOptions& options) {
  if (options.directions < 1)
    throw ValueError(fmt::format("[{}] expected at least 1 direction, got {}", name, options.directions));
  if (!std::isfinite(options.accuracy) || options.accuracy < 0.0)
    throw ValueError(fmt::format("[{}] expected a finite accuracy of at least 0, got {}", name, options.accuracy));
}

FirstOrder compare(Subject& subject, int order, const GradcheckOptions& options, GradcheckReport& report,
                   const FirstOrder& before) {
  return Comparison(subject, order, options, report, before).run();
}

}  // namespace tapegrad::checker
