#include "gradcheck/slope.hpp"

#include <cmath>
#include <utility>

#include "gradcheck/noise.hpp"

namespace tapegrad::checker {
namespace {

using PerStep = std::array<double, kSteps>;

/// What a family says of one output.
struct Readings {
  const Family& family;
  PerStep above, below;
  std::size_t steps;
  double rounding;
  double noise;

  Readings(const Family& of, std::size_t o)
      : family(of), steps(of.steps), rounding(of.rounding[o]), noise(of.noise[o]) {
    for (std::size_t k = 0; k < steps; ++k) {
      above[k] = family.above[k].y[o];
      below[k] = family.below[k].y[o];
    }
  }
  /// Whether all values that are finite are y.
  bool still(double y) const {
    const auto moved = [y](double value) { return std::isfinite(value) && value != y; };
    for (std::size_t k = 0; k < steps; ++k)
      if (moved(above[k]) || moved(below[k])) return false;
    return true;
  }
  /// On one side of the point, as far as steps were taken.
  bool finite(const PerStep& side) const {
    return std::all_of(side.begin(), side.begin() + static_cast<std::ptrdiff_t>(steps),
                       [](double y) { return std::isfinite(y); });
  }
};

/// 1 / (ratio^m - 1) for m = 1, 2, ...: by how much of the last change a difference is corrected.
constexpr PerStep corrections(double ratio) {
  PerStep factors{};
  double power = 1.0;
  for (std::size_t m = 1; m < kSteps; ++m) factors[m] = 1.0 / ((power *= ratio) - 1.0);
  return factors;
}

/// Ridders' tableau: differences at steps h, h/2, h/4 ..., extrapolated in powers of `kRatio` = 2^p for errors in h^p,
/// h^2p ... Keeps in `best` the entry with the smallest estimated error. `noise` is of a difference.
template <int kRatio, class Difference, class Noise>
void extrapolate(std::size_t steps, const Difference& difference, const PerStep& per_width, const Noise& noise,
                 Slope& best) {
  static constexpr PerStep kCorrections = corrections(kRatio);
  PerStep column;  // the entries of the step before, of rising order
  column[0] = difference(0) * per_width[0];
  for (std::size_t k = 1; k < steps; ++k) {
    const double rounding = noise(k) * std::abs(per_width[k]);
    double entry = difference(k) * per_width[k];
    for (std::size_t m = 1; m <= k; ++m) {
      const double before = column[m - 1];
      const double next = entry + (entry - before) * kCorrections[m];
      const double error = std::max(std::abs(next - entry), std::abs(next - before)) + rounding;
      if (error < best.error) {
        best.error = error;
        best.value = next;
        best.step = 2.0 / kRatio / std::abs(per_width[k]);  // a central difference is two steps wide
      }
      column[m - 1] = entry;
      entry = next;
    }
    column[k] = entry;
  }
}

/// One-sided slopes, extrapolated in h. Their difference shrinks with h^3 where the function is smooth, and with h
/// before it is extrapolated, unless its terms cancel: at a kink neither shrinks. A family whose steps are so small
/// that rounding hides the difference, as it would a kink of half its size, leaves `best` as it is; so does one that
/// says the same of a kink with less certainty.
void compare_sides(const Readings& at, double y, Slope& best) {
  struct Sides {
    double below, above;
    double gap() const { return std::abs(above - below); }
  };
  const auto sides = [&](std::size_t k) {
    return Sides{(at.below[k] - y) * at.family.per_below[k], (at.above[k] - y) * at.family.per_above[k]};
  };
  const auto straightened = [](const Sides& wide, const Sides& narrow) {
    return Sides{2.0 * narrow.below - wide.below, 2.0 * narrow.above - wide.above};
  };
  const Sides middle = sides(at.steps - 2);
  const Sides narrow = sides(at.steps - 1);
  const Sides slopes = straightened(middle, narrow);
  const double size = std::max(std::abs(slopes.below), std::abs(slopes.above));
  const double rounding = 8.0 * at.noise * at.family.per_above[at.steps - 1];
  const double hidden = std::max(1e-3 * size, 0.5 * std::abs(best.above - best.below));
  if (best.kink && slopes.gap() <= rounding && rounding > hidden) return;
  const bool differ = slopes.gap() > rounding && slopes.gap() > 1e-3 * size && narrow.gap() > 0.75 * middle.gap();
  if (!differ && !best.kink) {  // as everywhere on a smooth function
    best.below = slopes.below;
    best.above = slopes.above;
    return;
  }
  const Sides before = straightened(sides(at.steps - 3), middle);
  const auto distance = [](const Sides& a, const Sides& b) {
    return std::max(std::abs(a.below - b.below), std::abs(a.above - b.above));
  };
  const double error = rounding + distance(slopes, before);
  if (best.kink && error > best.sides_error && distance(slopes, {best.below, best.above}) <= error) return;
  best.below = slopes.below;
  best.above = slopes.above;
  best.sides_error = error;
  best.kink = differ && !(slopes.gap() <= 0.3 * before.gap());
}

/// Whether a difference is more than rounding errors that have grown on the way to the result: a function whose slope
/// is 0 moves by those.
bool is_beyond_rounding(const Readings& at, double rise) { return std::abs(rise) > 64.0 * at.rounding; }

/// Whether the function moves by nearly as much at half the step, and by more than its noise: a jump, or steps far
/// beyond the function's own scale.
bool moves_regardless(const Readings& at) {
  const auto rise_at = [&](std::size_t k) { return std::abs(at.above[k] - at.below[k]); };
  const double rise2 = rise_at(at.steps - 2);
  const double rise = rise_at(at.steps - 1);
  return is_beyond_rounding(at, rise) && rise > at.noise && rise > 0.75 * rise2;
}

/// The sign of a slope that grows at every halving of the step, though not as a jump's does, in proportion; else 0.
double growth(const Readings& at) {
  if (at.steps != kSteps) return 0.0;
  double last = 0.0;
  for (std::size_t k = 0; k < at.steps; ++k) {
    const double rise = at.above[k] - at.below[k];
    // Its noise says nothing: what is measured of a slope without bound is taken for that.
    if (!is_beyond_rounding(at, rise)) return 0.0;
    const double slope = rise * at.family.per_width[k];
    const double ratio = slope / last;
    if (k > 0 && !(ratio > 1.1 && ratio < 1.9)) return 0.0;
    last = slope;
  }
  return std::copysign(1.0, last);
}

void two_sided(const Readings& at, double y, double epsilon, Slope& best) {
  best.divergence = growth(at);
  if (moves_regardless(at)) return;
  const bool kinked = best.kink;
  compare_sides(at, y, best);
  // A kink that these smaller steps do not meet lies elsewhere: what was measured across it is the slope of neither
  // side.
  if (kinked && !best.kink) best.error = kInfinity;
  extrapolate<4>(
      at.steps, [&](std::size_t k) { return at.above[k] - at.below[k]; }, at.family.per_width,
      [&](std::size_t k) {
        return std::max(at.noise, epsilon * std::max(std::abs(at.above[k]), std::abs(at.below[k])));
      },
      best);
}

/// Where the function is finite on one side only: forward or backward differences. A slope that still grows in
/// proportion when the step shrinks 2^4 times has no limit.
void one_sided(const Readings& at, double y, Slope& best) {
  const bool above = at.finite(at.above);
  const PerStep& side = above ? at.above : at.below;
  if (!above && !at.finite(side)) return;
  best.one_sided = true;
  const PerStep& per_t = above ? at.family.per_above : at.family.per_below;
  extrapolate<2>(
      at.steps, [&](std::size_t k) { return side[k] - y; }, per_t, [&](std::size_t) { return at.rounding; }, best);
  const auto slope = [&](std::size_t k) { return (side[k] - y) * per_t[k]; };
  bool grows = is_beyond_rounding(at, side[at.steps - 1] - y);
  for (std::size_t k = 1; k < at.steps; ++k) grows = grows && slope(k) / slope(k - 1) > 1.1;
  best.divergence = grows ? std::copysign(1.0, slope(at.steps - 1)) : 0.0;
}

/// Takes steps until there are `steps` of them.
void sample(Family& family, const Along& along, double first, std::size_t steps) {
  for (; family.steps < steps; ++family.steps) {
    const std::size_t k = family.steps;
    const double h = std::ldexp(first, -static_cast<int>(k));
    family.above[k] = along(h);
    family.below[k] = along(-h);
    family.per_above[k] = 1.0 / family.above[k].t;
    family.per_below[k] = 1.0 / family.below[k].t;
    family.per_width[k] = 1.0 / (family.above[k].t - family.below[k].t);
  }
}

/// Steps of 2^-k see nothing of the waves and stairs of 2^-j that fixed-point numbers make; with this factor they do.
/// Of many bits, that finer ones are not met again; where differences are of float32, x + t must be exact.
double odd_factor(const Precision& precision) { return precision.epsilon < 1e-10 ? 0x1.50a3d71p0 : 673.0 / 512.0; }

/// The texture of each output near the point, from values `spacing` apart.
std::vector<Texture> texture_at(const Line& line, double spacing) {
  constexpr int kSide = kNoisePoints / 2;
  constexpr double kOfPlaces = 0.1;  // of the noise: what points in other places than meant may make of it
  std::array<Values, kNoisePoints> y;
  double off = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double t = (static_cast<int>(i) - kSide) * spacing;
    Shifted s = t == 0.0 ? Shifted{0.0, Values(line.y.begin(), line.y.end())} : line.along(t);
    off = std::max(off, std::abs(s.t - t));
    y[i] = std::move(s.y);
  }
  std::vector<Texture> textures(line.y.size());
  for (std::size_t o = 0; o < textures.size(); ++o) {
    std::array<double, kNoisePoints> values{};
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = y[i][o];
    const bool still = std::adjacent_find(values.begin(), values.end()) != values.end();
    double rise = 0.0;
    for (std::size_t i = 1; i < values.size(); ++i) rise = std::max(rise, std::abs(values[i] - values[i - 1]));
    const double noise = noise_of(values);
    textures[o] = {noise, largest(values), still, off == 0.0 || off / spacing * rise <= kOfPlaces * noise,
                   is_scattered(values)};
  }
  return textures;
}

/// Measures the noise of the outputs, family by family.
class NoiseMeter {
 public:
  NoiseMeter(std::size_t outputs, double epsilon)
      : epsilon_(epsilon),
        last_(outputs),
        confirmed_(outputs, 0.0),
        carried_(outputs, 0.0),
        here_(outputs, 0.0),
        waves_(outputs, 0.0),
        hidden_(outputs, false) {}

  /// At a family whose steps end with `smallest`; families come by falling steps.
  void measure(const Line& line, double smallest) {
    const double narrower = std::exchange(smallest_, smallest) / smallest;
    const std::vector<Texture> narrow = texture_at(line, kNarrow * smallest);
    const std::vector<Texture> middle = texture_at(line, smallest);
    const std::vector<Texture> wide = texture_at(line, kWide * smallest);
    for (std::size_t o = 0; o < here_.size(); ++o) {
      const Textures here{narrow[o], middle[o], wide[o]};
      confirmed_[o] = confirmed_noise(here, last_[o]);
      const double seen = std::max(carried_[o], confirmed_[o]);
      if (is_of_waves(seen, here, last_[o])) waves_[o] = seen;
      const bool is_hidden = hidden_[o] || is_of_hidden_terms(confirmed_[o], here, line.y[o]) ||
                             stops(here, last_[o], narrower, rounding_of_quotients(epsilon_, line.y[o], line.own));
      hidden_[o] = seen > waves_[o] && is_hidden;
      if (!hidden_[o] && refuted(carried_[o], here)) carried_[o] = 0.0;
      last_[o] = here;
      carried_[o] = std::max(carried_[o], confirmed_[o]);
      here_[o] = std::fmax(carried_[o], narrow[o].noise);
    }
  }
  /// What the values of this family must be taken to have.
  double here(std::size_t o) const { return kSafety * here_[o]; }
  /// What was seen to be noise, and so is in the values of all wider families too.
  double confirmed(std::size_t o) const { return kSafety * confirmed_[o]; }

 private:
  // In units of a family's smallest step. Few bits, so that x + t is exact; and not both whole ratios, because values
  // rounded to stairs look straight at a spacing of whole stairs and at its multiples.
  static constexpr double kNarrow = 11.0 / 128.0;
  static constexpr double kWide = 16.0;
  static constexpr double kOwn = 16.0;  // roundings of the values, more than which is not their own
  /// Whether noise is more than the values round to, and what terms that have cancelled make, as large as 1 or as y:
  /// neither more than their roundings nor far less. Of cos(x) - 1 + 3 x^2 all that moves at the smallest steps is x^2,
  /// smoothly: that refutes no such noise.
  bool is_of_hidden_terms(double noise, const Textures& at, double y) const {
    constexpr double kLeast = 1.0 / 32.0, kMost = 8.0;  // roundings
    const double size = std::max({at.narrow.size, at.middle.size, at.wide.size});
    const double rounding = epsilon_ * std::max(1.0, std::abs(y));
    return noise > kOwn * epsilon_ * size && noise >= kLeast * rounding && noise <= kMost * rounding;
  }
  /// Whether noise of at most `most` falls further, at spacings so many times `narrower`, than that of any smooth
  /// function, whose fourth and fifth differences are in proportion to the fourth and fifth power of the spacing: then
  /// terms have come to stand still, and what still moves is the rest. (1 - cos(x)) / x^2 near 0 has the noise of the
  /// numerator, which stands still at the smallest steps; there it moves as 1 / x^2 does. Teeth that wide spacings
  /// undersample fall as far, but are of any size.
  bool stops(const Textures& here, const Textures& wider, double narrower, double most) const {
    const double furthest = std::pow(narrower, 5.0);
    const auto falls = [&](const Texture& near, const Texture& far) {
      const bool may_be_hidden = far.scattered && far.noise > kOwn * epsilon_ * far.size && far.noise <= most;
      return may_be_hidden && near.noise * furthest < far.noise;
    };
    return falls(here.narrow, wider.narrow) || falls(here.middle, wider.middle) || falls(here.wide, wider.wide);
  }
  /// Whether noise is waves that wide spacings undersample, as of 1e-16 sin(1e4 x). They fall with a power of the
  /// spacing, so that on the way differences are met that are far less, but more than the values round to, and that
  /// fall on at narrower spacings. The rounding of terms that have cancelled goes at once where these stand still, to
  /// what the others leave, which is a power of that spacing, or nothing; but it may be missing at single spacings of
  /// few bits.
  bool is_of_waves(double noise, const Textures& at, const Textures& wider) const {
    constexpr double kMost = 1.0 / 64.0, kFall = 0.5;
    if (!(at.narrow.noise > 0.0 && at.middle.noise > 0.0)) return false;
    const double least = std::pow(epsilon_, 2.0 / 3.0);
    const auto falls = [&](const Texture& t, double narrower) {
      return t.noise < kMost * noise && t.noise > least * noise && t.noise > kOwn * epsilon_ * t.size &&
             narrower <= kFall * t.noise;
    };
    const double narrow = at.narrow.noise;
    const double middle = std::max(narrow, at.middle.noise);
    return falls(at.middle, narrow) || falls(wider.narrow, middle) ||
           falls(at.wide, std::max(middle, wider.narrow.noise));
  }

  double epsilon_;
  double smallest_ = kInfinity;  // step of the family before
  std::vector<Textures> last_;
  Values confirmed_, carried_, here_;
  Values waves_;              // what of it was seen to be waves
  std::vector<bool> hidden_;  // whether that which is carried is the rounding of terms that have cancelled
};

/// The slope of one output, from both sides if a step finds the function finite there, and from one.
struct SlopeOfOutput {
  Slope both, one;

  void add(const Readings& at, double y, double epsilon) {
    both.still = one.still = both.still && at.still(y);
    if (at.finite(at.above) && at.finite(at.below)) {
      two_sided(at, y, epsilon, both);
    } else {
      one_sided(at, y, one);
    }
  }
  const Slope& best() const { return !std::isfinite(both.error) && one.one_sided ? one : both; }
};

/// Whether one of the families was taken to be less noisy.
bool raise_noise(std::vector<Family>& families, std::size_t o, double noise) {
  bool raised = false;
  for (Family& family : families) {
    raised = raised || family.noise[o] < noise;
    family.noise[o] = std::max(family.noise[o], noise);
  }
  return raised;
}

/// The families of steps along one line, by falling steps, and what they say so far.
class LineReader {
 public:
  LineReader(const Line& line, const Precision& precision, bool thorough)
      : line_(line),
        precision_(precision),
        thorough_(thorough),
        slopes_(line.y.size(), SlopeOfOutput()),  // copied: each by itself would be zeroed first
        meter_(thorough ? line.y.size() : 0, precision.epsilon) {}

  LineStudy run() {
    // No whole ratio at the first look: the second finds what steps of 2^-k do not see as noise.
    double first = (thorough_ ? 1.0 : odd_factor(precision_)) * precision_.first_step *
                   std::exp2(std::round(std::log2(line_.size)));
    for (int f = 0;; ++f, first /= std::exp2(kFamilyBits)) {
      beyond_ = f >= precision_.families;
      if (f == precision_.families) first = std::min(first, precision_.first_step * line_.own);
      if (beyond_ && (!thorough_ || first < 64.0 * precision_.epsilon * line_.own || f >= kMostFamilies)) break;
      if (add_family(first) || (f + 1 >= precision_.families && error_ <= 1e-4 * scale_)) break;
    }
    LineStudy result{{}, std::move(families_)};
    result.slopes.reserve(slopes_.size());
    for (const SlopeOfOutput& slope : slopes_) result.slopes.push_back(slope.best());
    return result;
  }

 private:
  static constexpr int kMostFamilies = 16;

  /// Takes the steps from `first` on. Whether no more are needed.
  bool add_family(double first) {
    Family& family = families_.emplace_back();
    family.rounding.assign(slopes_.size(), 0.0);
    family.noise.assign(slopes_.size(), 0.0);
    if (!thorough_) {
      sample(family, line_.along, first, kGlance);
      read_last(first);
      if (settled()) return true;
    }
    sample(family, line_.along, first, kSteps);
    if (thorough_) meter_.measure(line_, family.above[kSteps - 1].t);
    read_last(first);
    return !thorough_ && settled();
  }

  /// What the last family says, all its steps from `first` on.
  void read_last(double first) {
    const double per_first = 1.0 / first;
    const double per_size = 1.0 / line_.size;
    scale_ = error_ = 0.0;
    for (std::size_t o = 0; o < slopes_.size(); ++o) {
      if (!std::isfinite(line_.y[o])) continue;
      read_output(o, per_first);
      scale_ = std::max({scale_, std::abs(slopes_[o].both.value), families_.back().rounding[o] * per_size});
      error_ = std::max(error_, slopes_[o].both.error);
    }
  }

  void read_output(std::size_t o, double per_first) {
    Family& family = families_.back();
    const double y = line_.y[o];
    const double epsilon = 4.0 * precision_.epsilon;
    const double rise = std::abs(family.above[0].y[o] - family.below[0].y[o]);
    const double moved = std::isfinite(rise) ? rise * per_first : 0.0;
    const double magnitude = beyond_ ? line_.reach[o] : line_.magnitude[o];
    const double seen = o < line_.unrest.size() ? line_.unrest[o] : 0.0;
    family.rounding[o] = std::max(epsilon * (magnitude + (beyond_ ? line_.mixed : line_.size) * moved), kSafety * seen);
    family.noise[o] = thorough_ ? std::max(family.rounding[o], meter_.here(o)) : family.rounding[o];
    const double confirmed = thorough_ ? meter_.confirmed(o) : 0.0;
    if (confirmed > 0.0 && raise_noise(families_, o, confirmed)) {
      slopes_[o] = {};
      for (const Family& any : families_) slopes_[o].add(Readings(any, o), y, epsilon);
    } else {
      slopes_[o].add(Readings(family, o), y, epsilon);
    }
  }

  bool settled() const { return error_ <= 1e-2 * std::sqrt(precision_.epsilon) * scale_; }

  const Line& line_;
  const Precision& precision_;
  bool thorough_;
  std::vector<SlopeOfOutput> slopes_;
  NoiseMeter meter_;
  std::vector<Family> families_;
  bool beyond_ = false;  // the steps for an input of this size
  double scale_ = 0.0;   // of the slopes, or of their rounding
  double error_ = 0.0;   // the largest
};

}  // namespace

Slope slope_of(const Family& family, std::size_t output, double y, const Precision& precision) {
  Readings at(family, output);
  at.noise = at.rounding;
  Slope slope;
  if (!at.finite(at.above) || !at.finite(at.below)) return slope;
  two_sided(at, y, 4.0 * precision.epsilon, slope);
  // At a kink they come together in proportion to the step; where they do not, it is the point itself that is off.
  const auto apart = [&](std::size_t k) { return std::abs(at.above[k] - 2.0 * y + at.below[k]); };
  if (apart(at.steps - 1) > 0.75 * apart(at.steps - 2)) slope.kink = false;
  return slope;
}

Family beside(const Family& family, const Line& line, const Precision& precision) {
  Family other;
  other.rounding = family.rounding;
  other.noise = family.noise;
  sample(other, line.along, odd_factor(precision) * family.above[0].t, family.steps);
  return other;
}

LineStudy study(const Line& line, const Precision& precision, bool thorough) {
  return LineReader(line, precision, thorough).run();
}

}  // namespace tapegrad::checker
