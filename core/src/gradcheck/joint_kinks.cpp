#include "gradcheck/joint_kinks.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gradcheck/directions.hpp"

namespace tapegrad::checker {
namespace {

constexpr double kScales = 32.0;  // what is seen at steps as much smaller is of the point, not of a kink beside it
constexpr std::size_t kMostPairs = 16;
constexpr int kRandom = 2;       // random directions
constexpr int kChosenSides = 6;  // places to look from
constexpr int kRandomSides = 64;
constexpr int kNearerSides = 64;  // beside the one whose slope is nearest

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

  /// The single element's bend, as the sides where its derivative is most and least too much show it, at all steps down
  /// to `smallest`.
  std::optional<Bend> around(double smallest) {
    const Values d = {1.0};
    const double step = relative_step_ * std::max(1.0, own_);
    std::optional<Side> low, high;
    for (int k = 0; k < kChosenSides + kRandomSides; ++k) {
      Side here{side(k, d), {}};
      here.excess = excess(d, here.from, step);
      if (!std::isfinite(here.excess.tolerance)) continue;
      if (!low || here.excess.value < low->excess.value) low = here;
      if (!high || here.excess.value > high->excess.value) high = std::move(here);
      if (!encloses_nothing(*low, *high)) continue;
      for (const double narrow : {step / kScales, smallest})
        if (!is_same(d, *low, *high, narrow)) return std::nullopt;
      Bend bend = bends().front();
      bend.below = bend.analytic - high->excess.value;
      bend.above = bend.analytic - low->excess.value;
      return bend;
    }
    return std::nullopt;
  }

 private:
  /// A place to look from, and what is seen there.
  struct Side {
    Values from;
    Excess excess;
  };

  /// Whether two sides differ clearly, and an excess of nothing lies between theirs.
  bool encloses_nothing(const Side& low, const Side& high) const {
    constexpr double kKnown = 0.02;
    constexpr double kSlack = 1e-3;
    const double width = high.excess.value - low.excess.value;
    const double tolerance = std::max(low.excess.tolerance, high.excess.tolerance);
    const double slack = tolerance + kSlack * width;
    return width > kKnown * kink_.floor && tolerance <= kKnown * width && low.excess.value <= slack &&
           high.excess.value >= -slack;
  }

  /// Whether two sides show the same at another step.
  bool is_same(const Values& d, const Side& low, const Side& high, double step) {
    constexpr double kShare = 0.05;
    const double known = kShare * (high.excess.value - low.excess.value);
    for (const Side* const side : {&low, &high}) {
      const Excess here = excess(d, side->from, step);
      if (!(here.tolerance <= known) || std::abs(here.value - side->excess.value) > known) return false;
    }
    return true;
  }

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
  /// bends alone; where the first of equal elements is the largest, or the last; and at random, elements beside those
  /// that bend too.
  Values side(int k, const Values& d) {
    const std::size_t count = part_.values.size();
    if (k >= kChosenSides) return normal_values(count, generator_);
    const double sign = k % 2 == 1 ? -1.0 : 1.0;
    Values from(count, 0.0);
    if (k < 4) {
      for (std::size_t e = 0; e < d.size(); ++e)
        from[bends()[e].element] = sign * (k >= 2 && bends()[e].above < bends()[e].below ? -d[e] : d[e]);
    } else {
      for (std::size_t j = 0; j < count; ++j) from[j] = -sign * static_cast<double>(j + 1) / static_cast<double>(count);
    }
    return from;
  }

  /// A side that differs from another in one element.
  Values beside(Values from) {
    from[static_cast<std::size_t>(generator_.below(static_cast<std::int64_t>(from.size())))] = generator_.normal();
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
    std::optional<Side> nearest;
    for (int k = 0; k < kChosenSides + kRandomSides + kNearerSides; ++k) {
      Side here{k < kChosenSides + kRandomSides ? side(k, d) : beside(nearest->from), {}};
      here.excess = excess(d, here.from, step);
      here.excess.tolerance += allowed;
      const double value = here.excess.value;
      const bool turned = nearest && std::signbit(value) != std::signbit(nearest->excess.value);
      if (turned || !(std::abs(value) > here.excess.tolerance)) return std::nullopt;
      if (!nearest || std::abs(value) <= std::abs(nearest->excess.value)) nearest = std::move(here);
    }
    move.numeric = move.analytic - nearest->excess.value;
    move.tolerance = nearest->excess.tolerance;
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
    for (std::size_t e = 0; e < d.size(); ++e) {
      const Bend& bend = bends()[e];
      if (d[e] != 0.0) expected += bend.analytic * (ahead[bend.element] - behind[bend.element]);
    }
    const double size = std::max({kink_.magnitude, std::abs(y_ahead), std::abs(y_behind)});
    const double width = 2.0 * kWidth * step;
    return {(expected - (y_ahead - y_behind)) / width, 4.0 * c_.precision.epsilon * size / width};
  }

  Values moved(const Values& d, const Values& from, double distance, double by) const {
    Values x = part_.values;
    for (std::size_t j = 0; j < x.size(); ++j) x[j] += distance * from[j];
    for (std::size_t e = 0; e < d.size(); ++e) x[bends()[e].element] += by * d[e];
    if (part_.single)
      for (double& value : x) value = static_cast<double>(static_cast<float>(value));
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

std::optional<Bend> bend_around(Comparison& comparison, const LoneSlope& lone) {
  constexpr double kNear = 1.0 / 16.0;
  const JointKink kink{
      lone.part,     lone.output, {{lone.element, lone.analytic, 0.0, 0.0}}, lone.magnitude, std::abs(lone.analytic),
      lone.last_call};
  return Search(comparison, kink).around(kNear * lone.step);
}

}  // namespace tapegrad::checker
