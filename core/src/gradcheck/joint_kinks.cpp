#include "gradcheck/joint_kinks.hpp"

#include <algorithm>
#include <cmath>

#include "gradcheck/directions.hpp"

namespace tapegrad::checker {
namespace {

constexpr double kScales = 32.0;  // what is seen at steps as much smaller is of the point, not of a kink beside it
constexpr std::size_t kMostPairs = 16;
constexpr int kRandom = 2;  // random directions
constexpr int kSides = 8;   // random places to look from

/// By how much the derivative along a direction is more than the slope of a piece.
struct Excess {
  double value = 0.0;
  double tolerance = kInfinity;
};

Values with_largest_one(Values direction) {
  const double most = largest(direction);
  for (double& v : direction) v /= most;
  return direction;
}

class Search {
 public:
  Search(Comparison& comparison, const JointKink& kink)
      : c_(comparison),
        kink_(kink),
        part_(c_.subject.parts[kink.part]),
        generator_(2 * c_.options.seed + 1),
        relative_step_(std::exp2(std::round(std::log2(std::cbrt(c_.precision.epsilon))))) {
    for (const Bend& bend : kink.bends) own_ = std::max(own_, std::abs(part_.values[bend.element]));
  }

  std::optional<JointMove> run() {
    for (const Values& d : directions()) {
      const double step = relative_step_ * std::max(1.0, own_);
      const std::optional<JointMove> found = refuted(d, step);
      if (found && refuted(d, step / kScales) && (own_ == 0.0 || refuted(d, relative_step_ * own_))) return found;
    }
    return std::nullopt;
  }

 private:
  const std::vector<Bend>& bends() const { return kink_.bends; }

  /// All elements such that the function rises; along the derivative itself, where one that has too much has most of
  /// it; pairs, since many elements hide two; and random ones.
  std::vector<Values> directions() {
    std::vector<Values> list;
    Values rising;
    Values gradient;
    for (const Bend& bend : bends()) {
      rising.push_back(bend.below + bend.above < 0.0 ? -1.0 : 1.0);
      gradient.push_back(bend.analytic);
    }
    list.push_back(rising);
    if (largest(gradient) > 0.0) list.push_back(with_largest_one(gradient));
    const std::size_t count = bends().size();
    for (std::size_t k = 0; count > 2 && k + 1 < count && k < kMostPairs; ++k) {
      Values pair(count, 0.0);
      for (const std::size_t e : {k, k + 1}) pair[e] = rising[e];
      list.push_back(std::move(pair));
    }
    for (int k = 0; k < kRandom; ++k) list.push_back(with_largest_one(normal_values(count, generator_)));
    return list;
  }

  /// Where to look from: ahead and behind; where the elements' own bends make the slope largest and smallest, if each
  /// bends alone; and at random.
  Values side(int k, const Values& d) {
    if (k >= 4) return normal_values(d.size(), generator_);
    Values from = d;
    for (std::size_t e = 0; e < d.size(); ++e) {
      if (k >= 2 && bends()[e].above < bends()[e].below) from[e] = -from[e];
      if (k % 2 == 1) from[e] = -from[e];
    }
    return from;
  }

  /// The direction d, where the derivative is more than the slopes on all sides, or less.
  std::optional<JointMove> refuted(const Values& d, double step) {
    double reach = 0.0;
    JointMove move{.elements = 0, .analytic = 0.0, .numeric = 0.0, .tolerance = 0.0, .step = step};
    double allowed = 0.0;
    for (std::size_t e = 0; e < d.size(); ++e) {
      const Bend& bend = bends()[e];
      if (d[e] != 0.0) ++move.elements;
      move.analytic += bend.analytic * d[e];
      reach += std::abs(d[e]) * std::max({std::abs(bend.below), std::abs(bend.above), std::abs(bend.analytic)});
      allowed += std::abs(d[e]) * kink_.floor;
    }
    allowed += 1e-3 * reach;
    Excess nearest;
    for (int k = 0; k < 4 + kSides; ++k) {
      Excess here = excess(d, side(k, d), step);
      here.tolerance += allowed;
      const bool turned = k > 0 && std::signbit(here.value) != std::signbit(nearest.value);
      if (turned || !(std::abs(here.value) > here.tolerance)) return std::nullopt;
      if (k == 0 || std::abs(here.value) < std::abs(nearest.value)) nearest = here;
    }
    move.numeric = move.analytic - nearest.value;
    move.tolerance = nearest.tolerance;
    return move;
  }

  /// At `step` away on one side, extrapolated to 0. A side that cannot be afforded, or that the function does not have,
  /// tells nothing.
  Excess excess(const Values& d, const Values& from, double step) {
    const Excess wide = excess_at(d, from, step);
    const Excess narrow = excess_at(d, from, 0.5 * step);
    const double change = narrow.value - wide.value;
    if (!std::isfinite(change)) return {};
    return {narrow.value + change, 4.0 * (std::abs(change) + wide.tolerance + narrow.tolerance)};
  }

  /// By the points that rounding leaves.
  Excess excess_at(const Values& d, const Values& from, double step) {
    constexpr double kWidth = 0.125;  // of the difference, in steps
    if (c_.report.calls + 2 > kink_.last_call) return {};
    const Values ahead = moved(d, from, step, kWidth * step);
    const Values behind = moved(d, from, step, -kWidth * step);
    c_.report.calls += 2;
    const double y_ahead = c_.subject.call_with(kink_.part, ahead)[kink_.output];
    const double y_behind = c_.subject.call_with(kink_.part, behind)[kink_.output];
    double expected = 0.0;
    for (const Bend& bend : bends()) expected += bend.analytic * (ahead[bend.element] - behind[bend.element]);
    const double size = std::max({kink_.magnitude, std::abs(y_ahead), std::abs(y_behind)});
    const double width = 2.0 * kWidth * step;
    return {(expected - (y_ahead - y_behind)) / width, 4.0 * c_.precision.epsilon * size / width};
  }

  Values moved(const Values& d, const Values& from, double distance, double by) const {
    Values x = part_.values;
    for (std::size_t e = 0; e < d.size(); ++e) {
      double& value = x[bends()[e].element];
      value += distance * from[e] + by * d[e];
      if (part_.single) value = static_cast<double>(static_cast<float>(value));
    }
    return x;
  }

  Comparison& c_;
  const JointKink& kink_;
  const Part& part_;
  Generator generator_;
  double relative_step_;
  double own_ = 0.0;  // the size of the elements
};

}  // namespace

std::optional<JointMove> refuted_together(Comparison& comparison, const JointKink& kink) {
  return Search(comparison, kink).run();
}

}  // namespace tapegrad::checker
