// Every element of the Jacobian, and whether its rows add up.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gradcheck/comparison.hpp"
#include "gradcheck/cotangents.hpp"
#include "gradcheck/directions.hpp"
#include "gradcheck/joint_kinks.hpp"
#include "gradcheck/judged_line.hpp"
#include "gradcheck/ranking.hpp"
#include "gradcheck/wording.hpp"

namespace tapegrad::checker {
namespace {

constexpr int kSecondLooks = 16;              // thorough ones, at a part that is already known to be wrong
constexpr std::int64_t kJointCalls = 20'000;  // at most, at a part's kinks

/// Whether a value that passes is far from one that was measured well.
bool is_hidden(double analytic, const Slope& slope) {
  const double error = std::abs(analytic - slope.value);
  return error > 0.1 * std::max(std::abs(analytic), std::abs(slope.value)) && error > 10.0 * slope.error;
}

/// Says what a verdict that differences could not reach means, where nothing else is said.
void note_doubt(GradcheckFinding& finding, bool single) {
  if (finding.verdict == Verdict::out_of_domain && finding.note.empty())
    finding.note = "differences find no slope: the function jumps, ends or throws beside this point";
  if (finding.verdict != Verdict::unreliable || !finding.note.empty() || finding.worst.empty()) return;
  constexpr double kSeen = 10.0;  // times the doubt: then it is not the differences that do not tell
  const double error = std::abs(finding.analytic - finding.numeric);
  if (error > kSeen * finding.tolerance)
    finding.note = fmt::format(
        "the derivative is {:.2g} off the differences, which tell this slope to {:.2g}, but its Taylor remainder does "
        "not show that error",
        error, finding.tolerance);
  else
    finding.note = fmt::format("differences tell this slope to {:.2g} at best, and it is {:.2g}{}", finding.tolerance,
                               std::abs(finding.analytic),
                               single ? "; those of float64 tell more: .differences_in_float64 = true" : "");
}

/// The elements of the Jacobian that belong to one part.
class BlockComparison {
 public:
  BlockComparison(Comparison& comparison, std::size_t part, const Values& magnitude)
      : c_(comparison),
        i_(part),
        part_(c_.subject.parts[part]),
        y_(c_.subject.outputs),
        claimed_(c_.claimed[part]),
        magnitude_(magnitude),
        reach_(magnitudes(y_)),
        scale_(largest(claimed_.values)),
        natural_(c_.rounding.natural_scale(part)),
        size_(c_.rounding.input_size(part)),
        finding_(c_.finding_of(part)),
        numeric_(claimed_.rows, claimed_.columns),
        joint_calls_(std::min(c_.options.budget, kJointCalls)),
        is_alone_(c_.claimed.size() == 1 && part_.values.size() == 1) {
    finding_.element_errors.assign(part_.values.size(), 0.0);
    evidence_.steepest = scale_;
  }

  /// Every element, and those of this part that stand on a kink together.
  void compare() {
    for (std::size_t j = 0; j < part_.values.size(); ++j) compare_column(j);
    by_element_ = verdict() == Verdict::wrong;
    if (!by_element_) compare_joint_kinks();
  }

  Verdict verdict() const { return ranking_.verdict(); }
  const std::map<std::size_t, std::vector<Bend>>& bends() const { return bends_; }

  /// How far the derivative of an output may be off by its own rounding.
  double floor_at(std::size_t o) const { return c_.rounding.floor(i_, scale_) + c_.rounding.slack_at(o) / size_; }

  /// Adds a direction of kinks, in which elements of other parts may move too.
  void add_move(const JointKink& kink, const JointMove& move) {
    const double excess = std::abs(move.analytic - move.numeric) / move.tolerance;
    const auto output = static_cast<std::int64_t>(kink.output);
    if (!ranking_.add({Verdict::wrong, {}, output, move.analytic, move.numeric, move.tolerance}, excess)) return;
    finding_.slope_below = finding_.slope_above = 0.0;
    finding_.rate = std::numeric_limits<double>::quiet_NaN();
    finding_.sweep.clear();
    finding_.step = move.step;
    std::set<std::string> inputs;
    for (const std::size_t e : move.bends)
      inputs.insert(fmt::format("'{}'", c_.subject.parts[kink.bends[e].part].name));
    finding_.note = fmt::format(
        "{} elements{} stand on a kink of this output, and each derivative fits the slopes on its own two sides; but "
        "where {} of them move together the function has no such slope, as when a tie counts more than once, or not at "
        "all",
        kink.bends.size(), inputs.size() > 1 ? fmt::format(" of inputs {}", fmt::join(inputs, ", ")) : "",
        move.bends.size());
  }

  /// Keeps the block by differences; all of them before any is diagnosed.
  void keep() { c_.numeric.push_back(std::move(numeric_)); }

  /// Files the finding.
  void file() {
    ranking_.file(finding_);
    if (finding_.verdict == Verdict::kink && finding_.note.empty()) finding_.note = shared_kink_;
    note_infinite_slope();
    c_.judge_vacuity(finding_, i_, evidence_);
    c_.note_no_number(finding_, i_);
    if (finding_.verdict == Verdict::unreliable && worst_is_undecided_)
      finding_.note =
          "the derivative does not fit the slope along this element, but whether it stands on a kink that others take "
          "part in is not known: rounding, or the calls that are left, do not tell";
    if (finding_.verdict == Verdict::unreliable && !worst_why_.empty()) finding_.note = worst_why_;
    note_doubt(finding_, part_.single);
    c_.judge_precision(finding_, i_);
    c_.note_other_shapes(finding_);
    c_.judge_what_was_left_out(finding_);
    if (by_element_) finding_.diagnosis = c_.diagnose_part(i_, c_.numeric[i_], error_);
    c_.file(std::move(finding_), i_);
  }

 private:
  /// The line through the point along one element.
  Line line_along(std::size_t j) const {
    const double x = part_.values[j];
    const double own = x != 0.0 ? std::abs(x) : largest(part_.values);
    return {.along =
                [this, j, x, moved = part_.values](double t) mutable {
                  moved[j] = part_.single ? static_cast<double>(static_cast<float>(x + t)) : x + t;
                  ++c_.report.calls;
                  return Shifted{moved[j] - x, c_.subject.call_with(i_, moved)};
                },
            .y = y_,
            .magnitude = magnitude_,
            .reach = reach_,
            .unrest = c_.rounding.unrest_of_outputs(),
            .size = std::max(1.0, std::abs(x)),
            .own = own != 0.0 ? own : 1.0,
            .mixed = part_.values.size() > 1 ? own : 0.0};
  }

  /// The derivatives of all outputs by one element.
  void compare_column(std::size_t j) {
    const bool finite_point = std::isfinite(part_.values[j]);
    const Line line = line_along(j);
    JudgedLine judged(line, c_.precision, finite_point);
    for (std::size_t o = 0; o < y_.size(); ++o) {
      const double analytic = claimed_(o, j);
      if (!std::isfinite(y_[o])) continue;
      const double slack = c_.rounding.slack_at(o) / size_;
      const bool thorough_before = judged.thorough();
      const auto scales_of = [&](const Slope& slope) {
        return c_.rounding.scales(i_, std::max(scale_, std::abs(slope.value)), natural_, slack, slope);
      };
      const bool may_look_again = ranking_.verdict() != Verdict::wrong || second_looks_ < kSecondLooks;
      Judgement judgement = judged.judge(o, analytic, scales_of, slack, may_look_again);
      if (judged.thorough() && !thorough_before) ++second_looks_;
      shared_.reset();
      is_undecided_ = false;
      if (judgement.verdict == Verdict::wrong)
        consider_others(judgement, judged, o, j);
      else if (judgement.verdict == Verdict::kink)
        bends_[o].push_back({i_, j, analytic, judged.slope(o).below, judged.slope(o).above});
      if (judgement.verdict != Verdict::ok) consider_kinks(judgement, j);
      file_element(judged, o, j, judgement);
    }
  }

  /// What is wrong along the element's own line may be right at a kink that others take part in. One element that is
  /// not tells enough.
  void consider_others(Judgement& judgement, const JudgedLine& judged, std::size_t o, std::size_t j) {
    const double step = judged.slope(o).step;
    if (is_wrong_ || is_alone_ || !std::isfinite(claimed_(o, j)) || !(step > 0.0)) return;
    const std::int64_t before = c_.report.calls;
    const auto [bend, unknown] =
        bend_around(c_, {i_, o, j, claimed_(o, j), magnitude_[o], step, before + joint_calls_});
    joint_calls_ -= c_.report.calls - before;
    is_undecided_ = unknown;
    if (unknown) judgement.verdict = Verdict::unreliable;
    is_wrong_ = !bend && !unknown;
    if (!bend) return;
    bends_[o].push_back(*bend);
    shared_ = bend;
    judgement.verdict = Verdict::kink;
    judgement.at_kink = true;
  }

  /// Tells of a kink that others take part in, of the element that was filed last: its own line has no slopes there.
  void tell_shared_kink(std::size_t o, std::size_t j) {
    shared_kink_.clear();
    if (!shared_) return;
    finding_.slope_below = shared_->below;
    finding_.slope_above = shared_->above;
    shared_kink_ = fmt::format(
        "at a kink that several elements take part in: the derivative of element [{}], output {}, lies between {:.4g} "
        "and {:.4g}, its slopes around the point",
        fmt::join(unravel(static_cast<std::int64_t>(j), part_.shape), ", "), o, shared_->below, shared_->above);
  }

  /// Notes a kink; and what has no slope because the gradient jumps at a kink of the order below is one too.
  void consider_kinks(Judgement& judgement, std::size_t j) {
    if (judgement.verdict == Verdict::kink) c_.found.kinks[part_.number].insert(j);
    const auto jumps = c_.jumps.find(part_.number);
    const bool is_open = judgement.verdict == Verdict::out_of_domain || judgement.verdict == Verdict::unreliable;
    if (!is_open || jumps == c_.jumps.end() || !jumps->second.contains(j)) return;
    finding_.note = "the gradient jumps at a kink and has no slope there";
    judgement = {Verdict::kink, judgement.tolerance, 0.0, true};
  }

  /// Each element's derivative fits its own slopes: whether those at one output's kinks are a derivative together.
  void compare_joint_kinks() {
    const std::int64_t last_call = c_.report.calls + joint_calls_;
    for (const auto& [o, bends] : bends_) {
      if (bends.size() < 2) continue;
      const JointKink kink{o, bends, magnitude_[o], floor_at(o), last_call};
      if (const std::optional<JointMove> move = refuted_together(c_, kink)) add_move(kink, *move);
    }
  }

  /// Names the first element and output with an infinite slope; the worst may be another, as one whose NaN comes of it.
  void note_infinite_slope() {
    if (!infinite_ || !(finding_.note.empty() || finding_.note == kInfiniteSlope)) return;
    const auto [j, o] = *infinite_;
    finding_.note =
        fmt::format("the differences grow without bound: the slope of output {} by element [{}] is infinite", o,
                    fmt::join(unravel(static_cast<std::int64_t>(j), part_.shape), ", "));
    if (finding_.verdict == Verdict::wrong && std::isnan(finding_.analytic))
      finding_.note += ", and 0 times that is the NaN that other outputs have, unless sweeps have strong zeros";
  }

  void file_element(const JudgedLine& judged, std::size_t o, std::size_t j, const Judgement& judgement) {
    const Slope& slope = judged.slope(o);
    const double analytic = claimed_(o, j);
    ++c_.report.comparisons;
    evidence_.compared = true;
    if (slope.divergence != 0.0 && !infinite_) infinite_ = std::pair(j, o);
    evidence_.add(judgement, slope, judged.is_nearer(o));
    if (std::isfinite(slope.error)) {
      numeric_(o, j) = slope.value;
      error_ = std::hypot(error_, slope.error);
    }
    note_error(finding_.element_errors[j], analytic, numeric_value(slope), scale_);
    if (finding_.note.empty() && judgement.verdict == Verdict::ok && is_hidden(analytic, slope))
      finding_.note = fmt::format(
          "too small beside the largest derivative, {:.2g}, to be judged, but it differs: element [{}], output {}: "
          "analytic {:.5g}, numeric {:.5g}",
          scale_, fmt::join(unravel(static_cast<std::int64_t>(j), part_.shape), ", "), o, analytic, slope.value);
    if (!ranking_.would_enter(judgement.verdict, judgement.excess)) return;
    GradcheckElement element{judgement.verdict,
                             unravel(static_cast<std::int64_t>(j), part_.shape),
                             static_cast<std::int64_t>(o),
                             analytic,
                             numeric_value(slope),
                             judgement.tolerance};
    if (!ranking_.add(std::move(element), judgement.excess)) return;
    judged.file(finding_, o, analytic);
    tell_shared_kink(o, j);
    worst_is_undecided_ = is_undecided_;
    worst_why_ = judgement.why;
  }

  Comparison& c_;
  std::size_t i_;
  const Part& part_;
  const Values& y_;
  const Matrix& claimed_;
  const Values& magnitude_;
  Values reach_;    // the outputs' own sizes
  double scale_;    // of the block's derivatives
  double natural_;  // outputs per input
  double size_;     // of the input
  GradcheckFinding finding_;
  Ranking ranking_;
  Matrix numeric_;      // until it is kept
  double error_ = 0.0;  // of `numeric_`, by norm
  Evidence evidence_;
  int second_looks_ = 0;
  bool by_element_ = false;     // whether an element is wrong by itself
  bool is_wrong_ = false;       // the same, for certain
  std::int64_t joint_calls_;    // of the function, that are left for kinks of several elements
  bool is_alone_;               // the function has no other element
  std::optional<Bend> shared_;  // of the element at hand, with others
  std::string shared_kink_;     // a note of it, if it is the one that was filed
  std::optional<std::pair<std::size_t, std::size_t>> infinite_;  // the first element and output of infinite slope
  bool is_undecided_ = false;        // whether the element at hand may have a kink with others
  bool worst_is_undecided_ = false;  // the same of the one that was filed
  std::string_view worst_why_;
  std::map<std::size_t, std::vector<Bend>> bends_;  // by output
};

/// Whether what elements of several parts have at an output's kinks is a derivative together: of two inputs that are
/// equal a maximum may give all to the one, or shares. A part that is wrong by itself tells enough.
void compare_kinks_between_parts(Comparison& c, std::deque<BlockComparison>& blocks, const Values& magnitude) {
  struct AtOutput {
    std::vector<Bend> bends;
    double floor = 0.0;
  };
  std::map<std::size_t, AtOutput> outputs;
  for (const BlockComparison& block : blocks) {
    if (block.verdict() == Verdict::wrong) continue;
    for (const auto& [o, bends] : block.bends()) {
      AtOutput& here = outputs[o];
      here.bends.insert(here.bends.end(), bends.begin(), bends.end());
      here.floor = std::max(here.floor, block.floor_at(o));
    }
  }
  const std::int64_t last_call = c.report.calls + std::min(c.options.budget, kJointCalls);
  for (auto& [o, here] : outputs) {
    if (here.bends.front().part == here.bends.back().part) continue;
    // Neighbours, which are moved in pairs, are likely to be a tie's.
    std::stable_sort(here.bends.begin(), here.bends.end(),
                     [](const Bend& a, const Bend& b) { return a.element < b.element; });
    const JointKink kink{o, std::move(here.bends), magnitude[o], here.floor, last_call};
    if (const std::optional<JointMove> move = refuted_together(c, kink))
      blocks[kink.bends[move->bends.front()].part].add_move(kink, *move);
  }
}

/// What the rows of a part's Jacobian add up to with weights u, and their magnitudes.
struct RowSums {
  Values sum, reach;
  RowSums(const Matrix& rows, const Values& u) : sum(rows.columns, 0.0), reach(rows.columns, 0.0) {
    for (std::size_t o = 0; o < rows.rows; ++o) {
      const std::span<const double> row = row_of(rows, o);
      for (std::size_t j = 0; j < row.size(); ++j) {
        const double term = u[o] * row[j];
        sum[j] += term;
        reach[j] += std::abs(term);
      }
    }
  }
};

/// The gradient for a random cotangent u, for its opposite, and for much larger and smaller ones, is that of its
/// elements' rows: a rule that forgets its cotangent, or squares it, is right for every unit vector, of few outputs u
/// may have the signs of those, and what is clipped or flushed to zero may lie beyond u. Files what differs.
void expect_linear(Comparison& c) {
  if (!all_finite(c.subject.outputs) || c.sweeps_differ()) return;  // there a rule may give NaN for a cotangent of 0
  const Values& u = c.rounding.trial().cotangent;
  std::vector<Multiple> sweeps = multiples_of(c.subject, u, {-1.0, kLargeCotangent, 1.0 / kLargeCotangent});
  sweeps.push_back({1.0, c.rounding.trial().gradients});
  for (std::size_t i = 0; i < c.claimed.size(); ++i) {
    const RowSums rows(c.claimed[i], u);
    const double alone = norm(u) * c.rounding.alone(i, 0.0) + c.rounding.slack_of_sum(u) / c.rounding.input_size(i);
    Values tolerances;
    for (const double reach : rows.reach) tolerances.push_back(c.rounding.between_ways(reach, i) + alone);
    c.expect_multiples(i, sweeps, rows.sum, tolerances,
                       "the number beside it is the sum over the outputs of cotangent times row");
  }
}

}  // namespace

void compare_jacobian(Comparison& comparison) {
  comparison.claimed_rows();
  const Values magnitude = comparison.rounding.magnitude();
  std::deque<BlockComparison> blocks;
  for (std::size_t i = 0; i < comparison.subject.parts.size(); ++i)
    blocks.emplace_back(comparison, i, magnitude).compare();
  compare_kinks_between_parts(comparison, blocks, magnitude);
  for (BlockComparison& block : blocks) block.keep();
  for (BlockComparison& block : blocks) block.file();
  expect_linear(comparison);
}

}  // namespace tapegrad::checker
