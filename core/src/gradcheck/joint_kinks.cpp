#include "gradcheck/joint_kinks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "gradcheck/directions.hpp"

namespace tapegrad::checker {
namespace {

constexpr double kScales = 32.0;  // what is seen at steps as much smaller is of the point, not of a kink beside it
constexpr std::size_t kMostPairs = 16;
constexpr int kRandom = 2;          // random directions
constexpr int kChosenSides = 6;     // places to look from
constexpr int kEnds = 2;            // of those, the first: ahead and behind
constexpr double kOneSlope = 0.02;  // of slopes: one and the same
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
        generator_(c_.streams.of(Purpose::joint_kinks)),
        relative_step_(std::exp2(std::round(std::log2(std::cbrt(c_.precision.epsilon))))) {
    std::vector<std::size_t> begins;
    for (const Part& part : c_.subject.parts) {
      begins.push_back(point_.size());
      point_.insert(point_.end(), part.values.begin(), part.values.end());
    }
    beside_.assign(point_.size(), true);
    for (const Bend& bend : kink.bends) {
      places_.push_back(begins[bend.part] + bend.element);
      own_ = std::max(own_, std::abs(point_[places_.back()]));
      std::fill_n(beside_.begin() + static_cast<std::ptrdiff_t>(begins[bend.part]),
                  c_.subject.parts[bend.part].values.size(), false);
    }
  }

  std::optional<JointMove> run() {
    for (const Values& d : directions()) {
      const double step = relative_step_ * std::max(1.0, own_);
      std::optional<JointMove> found = refuted(d, step);
      if (found && refuted(d, step / kScales) && (own_ == 0.0 || refuted(d, relative_step_ * own_))) return found;
    }
    return std::nullopt;
  }

  /// The single element's bend, as the sides where its derivative is most and least too much show it, at all steps down
  /// to `smallest`.
  SharedBend around(double smallest) {
    const Values d = {1.0};
    const double step = relative_step_ * std::max(1.0, own_);
    std::optional<Side> low, high;
    Bounds ends;
    for (int k = 0; k < kChosenSides + kRandomSides; ++k) {
      Side here{side(k, d), {}};
      here.excess = excess(d, here.from, step);
      if (!std::isfinite(here.excess.tolerance)) continue;
      if (k < kEnds) ends.add(here.excess.value);
      if (!low || here.excess.value < low->excess.value) low = here;
      if (!high || here.excess.value > high->excess.value) high = std::move(here);
      if (!encloses_nothing(*low, *high)) continue;
      const std::optional<bool> lasting = lasts(d, *low, *high, {step / kScales, smallest});
      if (!lasting) return {.unknown = true};
      if (!*lasting) return {};
      Bend bend = bends().front();
      bend.below = bend.analytic - high->excess.value;
      bend.above = bend.analytic - low->excess.value;
      return {.bend = bend};
    }
    if (is_spent_ || !low || !differ(*low, *high)) return {.unknown = is_spent_};
    const double slack = kOneSlope * (high->excess.value - low->excess.value);
    if (ends.enclose({low->excess.value, high->excess.value}, slack)) return {};
    // A side that was not found may have the derivative.
    return {.unknown = lasts(d, *low, *high, {step / kScales, smallest}).value_or(true)};
  }

 private:
  /// A place to look from, and what is seen there.
  struct Side {
    Values from;
    Excess excess;
  };

  struct Bounds {
    double low = kInfinity;
    double high = -kInfinity;
    void add(double value) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
    bool enclose(const Bounds& others, double slack) const {
      return others.low >= low - slack && others.high <= high + slack;
    }
  };

  /// Whether two sides differ clearly.
  bool differ(const Side& low, const Side& high) const {
    constexpr double kKnown = 0.02;
    const double width = high.excess.value - low.excess.value;
    return width > kKnown * kink_.floor && std::max(low.excess.tolerance, high.excess.tolerance) <= kKnown * width;
  }

  /// Whether two sides differ clearly, and an excess of nothing lies between theirs.
  bool encloses_nothing(const Side& low, const Side& high) const {
    constexpr double kSlack = 1e-3;
    const double slack =
        std::max(low.excess.tolerance, high.excess.tolerance) + kSlack * (high.excess.value - low.excess.value);
    return differ(low, high) && low.excess.value <= slack && high.excess.value >= -slack;
  }

  /// Whether two sides show the same at other steps; nothing where rounding does not tell.
  std::optional<bool> lasts(const Values& d, const Side& low, const Side& high, const std::array<double, 2>& steps) {
    for (const double step : steps) {
      const std::optional<bool> same = is_same(d, low, high, std::max(step, least_step(low, high)));
      if (!same || !*same) return same;
    }
    return true;
  }

  static constexpr double kShare = 0.05;  // of what two sides differ by: near enough to tell them apart

  /// The smallest step at which rounding leaves enough of two sides' difference.
  double least_step(const Side& low, const Side& high) const {
    constexpr double kOfExcess = 128.0;  // what excess() makes of epsilon beside the step
    return 2.0 * kOfExcess * c_.precision.epsilon * kink_.magnitude / (kShare * (high.excess.value - low.excess.value));
  }

  /// Whether two sides show the same at another step; nothing where rounding does not tell.
  std::optional<bool> is_same(const Values& d, const Side& low, const Side& high, double step) {
    const double known = kShare * (high.excess.value - low.excess.value);
    for (const Side* const side : {&low, &high}) {
      const Excess here = excess(d, side->from, step);
      if (std::abs(here.value - side->excess.value) > known + here.tolerance) return false;
      if (!(here.tolerance <= known)) return std::nullopt;
    }
    return true;
  }

  const std::vector<Bend>& bends() const { return kink_.bends; }

  /// All elements such that the function rises, and all alike; along the derivative itself, where one that has too much
  /// has most of it; pairs, since many elements hide two; and random ones.
  std::vector<Values> directions() {
    std::vector<Values> list;
    Values rising;
    Values gradient;
    for (const Bend& bend : bends()) {
      rising.push_back(bend.below + bend.above < 0.0 ? -1.0 : 1.0);
      gradient.push_back(bend.analytic);
    }
    list.push_back(rising);
    list.emplace_back(bends().size(), 1.0);
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
  /// that bend too. Every other time those of other inputs stay where they are: a domain may end there.
  Values side(int k, const Values& d) {
    const std::size_t count = point_.size();
    if (k >= kChosenSides) {
      Values from = normal_values(count, generator_);
      for (std::size_t j = 0; k % 2 == 0 && j < count; ++j)
        if (beside_[j]) from[j] = 0.0;
      return from;
    }
    const double sign = k % 2 == 1 ? -1.0 : 1.0;
    Values from(count, 0.0);
    if (k < 4) {
      for (std::size_t e = 0; e < d.size(); ++e)
        from[places_[e]] = sign * (k >= 2 && bends()[e].above < bends()[e].below ? -d[e] : d[e]);
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

  /// The direction d, where the derivative lies beyond the slopes on all sides, and they are known to be all: they are
  /// one, or lie between those behind and ahead, as a convex function's do.
  std::optional<JointMove> refuted(const Values& d, double step) {
    double reach = 0.0;
    JointMove move{.bends = {}, .analytic = 0.0, .numeric = 0.0, .tolerance = 0.0, .step = step};
    double allowed = 0.0;
    for (std::size_t e = 0; e < d.size(); ++e) {
      const Bend& bend = bends()[e];
      if (d[e] != 0.0) move.bends.push_back(e);
      move.analytic += bend.analytic * d[e];
      reach += std::abs(d[e]) * std::max({std::abs(bend.below), std::abs(bend.above), std::abs(bend.analytic)});
      allowed += std::abs(d[e]) * kink_.floor;
    }
    allowed += 1e-3 * reach;
    std::optional<Side> nearest;
    Bounds found, ends;
    for (int k = 0; k < kChosenSides + kRandomSides + kNearerSides; ++k) {
      const bool looks_beside = k >= kChosenSides + kRandomSides;
      if (looks_beside && !nearest) return std::nullopt;
      Side here{looks_beside ? beside(nearest->from) : side(k, d), {}};
      here.excess = excess(d, here.from, step);
      if (!is_spent_ && !std::isfinite(here.excess.tolerance)) continue;  // there is no piece on that side
      here.excess.tolerance += allowed;
      const double value = here.excess.value;
      const bool turned = nearest && std::signbit(value) != std::signbit(nearest->excess.value);
      if (turned || !(std::abs(value) > here.excess.tolerance)) return std::nullopt;
      found.add(value);
      if (k < kEnds) ends.add(value);
      const double slack = here.excess.tolerance + kOneSlope * std::abs(value);
      if (!nearest || std::abs(value) <= std::abs(nearest->excess.value)) nearest = std::move(here);
      if (!ends.enclose(found, slack) && found.high - found.low > slack) return std::nullopt;
    }
    if (!nearest) return std::nullopt;
    move.numeric = move.analytic - nearest->excess.value;
    move.tolerance = nearest->excess.tolerance;
    return move;
  }

  /// What one place tells.
  struct Look {
    Excess excess;
    double rise = 0.0;  // of the function, from the point
    double rounding = 0.0;
  };

  /// At `step` away on one side, extrapolated to 0. A side that cannot be afforded, that the function does not have or
  /// that lies beyond a jump tells nothing.
  Excess excess(const Values& d, const Values& from, double step) {
    constexpr double kJump = 0.75;  // of the rise, that is left at half the distance
    const Look wide = look(d, from, step);
    const Look narrow = look(d, from, 0.5 * step);
    const double change = narrow.excess.value - wide.excess.value;
    const bool jumps = std::abs(narrow.rise) > kJump * std::abs(wide.rise) + narrow.rounding;
    if (!std::isfinite(change) || jumps) return {};
    return {narrow.excess.value + change, 4.0 * (std::abs(change) + wide.excess.tolerance + narrow.excess.tolerance)};
  }

  /// By the points that rounding leaves.
  Look look(const Values& d, const Values& from, double step) {
    constexpr double kWidth = 0.125;  // of the difference, in steps
    is_spent_ = is_spent_ || c_.report.calls + 2 > kink_.last_call;
    if (is_spent_) return {};
    const Values ahead = moved(d, from, step, kWidth * step);
    const Values behind = moved(d, from, step, -kWidth * step);
    c_.report.calls += 2;
    const double y_ahead = c_.subject.call_at(by_part(ahead))[kink_.output];
    const double y_behind = c_.subject.call_at(by_part(behind))[kink_.output];
    double expected = 0.0;
    for (std::size_t e = 0; e < d.size(); ++e) {
      if (d[e] != 0.0) expected += bends()[e].analytic * (ahead[places_[e]] - behind[places_[e]]);
    }
    const double size = std::max({kink_.magnitude, std::abs(y_ahead), std::abs(y_behind)});
    const double rounding = 4.0 * c_.precision.epsilon * size;
    const double width = 2.0 * kWidth * step;
    return {.excess = {(expected - (y_ahead - y_behind)) / width, rounding / width},
            .rise = 0.5 * (y_ahead + y_behind) - c_.subject.outputs[kink_.output],
            .rounding = rounding};
  }

  Values moved(const Values& d, const Values& from, double distance, double by) const {
    Values x = point_;
    for (std::size_t j = 0; j < x.size(); ++j) x[j] += distance * from[j];
    for (std::size_t e = 0; e < d.size(); ++e) x[places_[e]] += by * d[e];
    std::size_t begin = 0;
    for (const Part& part : c_.subject.parts) {
      const std::size_t end = begin + part.values.size();
      for (; begin < end; ++begin)
        if (part.single) x[begin] = static_cast<double>(static_cast<float>(x[begin]));
    }
    return x;
  }

  std::vector<Values> by_part(const Values& x) const {
    std::vector<Values> parts;
    auto begin = x.begin();
    for (const Part& part : c_.subject.parts) {
      const auto end = begin + static_cast<std::ptrdiff_t>(part.values.size());
      parts.emplace_back(begin, end);
      begin = end;
    }
    return parts;
  }

  Comparison& c_;
  const JointKink& kink_;
  Generator generator_;
  double relative_step_;
  Values point_;                     // all parts' elements, one after the other
  std::vector<std::size_t> places_;  // there, of the bends
  std::vector<bool> beside_;         // there, whether it is of a part without bends
  double own_ = 0.0;                 // the size of the elements
  bool is_spent_ = false;            // no calls are left
};

}  // namespace

std::optional<JointMove> refuted_together(Comparison& comparison, const JointKink& kink) {
  return Search(comparison, kink).run();
}

SharedBend bend_around(Comparison& comparison, const LoneSlope& lone) {
  constexpr double kNear = 1.0 / 16.0;
  const JointKink kink{lone.output,
                       {{lone.part, lone.element, lone.analytic, 0.0, 0.0}},
                       lone.magnitude,
                       std::abs(lone.analytic),
                       lone.last_call};
  return Search(comparison, kink).around(kNear * lone.step);
}

}  // namespace tapegrad::checker
