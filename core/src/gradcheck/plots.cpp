#include "gradcheck/plots.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

namespace tapegrad::checker {
namespace {

constexpr double kLeastDecade = -12.0;

/// How dark a relative error is drawn: 0 at 1e-12 and below, 1 at 1 and above.
double shade(double error) {
  if (std::isnan(error)) return 1.0;
  if (!(error > 0.0)) return 0.0;
  return std::clamp((std::log10(error) - kLeastDecade) / -kLeastDecade, 0.0, 1.0);
}

/// Powers of ten between which all of a plot's values lie.
struct Axis {
  double low = 0.0, high = 1.0;  // exponents
  double start, length;          // in the drawing

  void cover(double least, double most) {
    low = std::floor(std::log10(least));
    high = std::max(low + 1.0, std::ceil(std::log10(most)));
  }
  double at(double value) const { return start + (std::log10(value) - low) / (high - low) * length; }
  std::vector<double> ticks() const {
    std::vector<double> exponents;
    const double every = std::ceil((high - low) / 5.0);
    for (int i = 0; low + i * every <= high; ++i) exponents.push_back(low + i * every);
    return exponents;
  }
};

std::string line(double x1, double y1, double x2, double y2, std::string_view style) {
  return fmt::format(R"svg(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" {}/>)svg", x1, y1, x2, y2, style);
}

std::string label(double x, double y, std::string_view anchor, std::string_view text) {
  return fmt::format(R"svg(<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)svg", x, y, anchor, text);
}

}  // namespace

std::string heat_map(const Values& errors, const Extents& shape) {
  constexpr std::size_t kMostCells = 48;  // in each direction
  const std::size_t columns = shape.empty() || shape.back() == 0 ? 1 : static_cast<std::size_t>(shape.back());
  const std::size_t rows = errors.size() / columns;
  const std::size_t across = std::min(columns, kMostCells);
  const std::size_t down = std::min(rows, kMostCells);
  Values most(across * down, 0.0);
  for (std::size_t k = 0; k < errors.size(); ++k) {
    const std::size_t cell = (k / columns) * down / rows * across + (k % columns) * across / columns;
    if (!(errors[k] <= most[cell])) most[cell] = errors[k];
  }
  constexpr double kWidth = 440.0;
  constexpr double kMostSide = 44.0;
  constexpr double kScale = 46.0;  // height of the legend
  const double side = std::min(kMostSide, kWidth / static_cast<double>(across));
  const double height = side * static_cast<double>(down);
  std::string svg = fmt::format(
      R"svg(<svg viewBox="0 0 {} {:.1f}" role="img" aria-label="relative error of {} elements, largest {:.1e}">)svg",
      kWidth, height + kScale, errors.size(), largest(errors));
  for (std::size_t r = 0; r < down; ++r) {
    for (std::size_t c = 0; c < across; ++c) {
      const double error = most[r * across + c];
      const bool merged = across < columns || down < rows;
      svg += fmt::format(
          R"svg(<rect x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}" rx="1.5" fill="var(--heat)" fill-opacity="{:.3f}" stroke="var(--line)" stroke-width="0.6"><title>{}{:.2e}</title></rect>)svg",
          static_cast<double>(c) * side + 0.5, static_cast<double>(r) * side + 0.5, side - 1.0, side - 1.0,
          shade(error),
          merged ? std::string("largest here: ")
                 : fmt::format("[{}]: ", fmt::join(unravel(static_cast<std::int64_t>(r * columns + c), shape), ", ")),
          error);
    }
  }
  constexpr int kSwatches = 13;
  constexpr double kSwatch = 20.0;
  for (int i = 0; i < kSwatches; ++i)
    svg += fmt::format(
        R"svg(<rect x="{:.1f}" y="{:.1f}" width="{}" height="10" fill="var(--heat)" fill-opacity="{:.3f}" stroke="var(--line)" stroke-width="0.6"/>)svg",
        i * kSwatch + 0.5, height + 12.0, kSwatch, static_cast<double>(i) / (kSwatches - 1));
  svg += label(0.0, height + 38.0, "start", "1e-12") +
         label(kSwatch * kSwatches / 2.0, height + 38.0, "middle", "1e-6") +
         label(kSwatch * kSwatches, height + 38.0, "end", "1");
  return svg + "</svg>";
}

namespace {

/// A plot of the Taylor remainder over the step, both on logarithmic axes.
class SweepPlot {
 public:
  /// REQUIRES: some remainder or noise is above 0.
  explicit SweepPlot(const std::vector<TaylorPoint>& points) : points_(points) {
    double least = std::numeric_limits<double>::infinity(), most = 0.0, least_step = least, most_step = 0.0;
    for (const TaylorPoint& p : points) {
      least_step = std::min(least_step, p.step);
      most_step = std::max(most_step, p.step);
      for (const double v : {p.remainder, p.noise}) {
        if (!(v > 0.0)) continue;
        least = std::min(least, v);
        most = std::max(most, v);
      }
    }
    x_.cover(least_step, most_step);
    y_.cover(least, most);
    least_step_ = least_step;
  }

  std::string svg() const {
    return fmt::format(
               R"svg(<svg viewBox="0 0 {} {}" role="img" aria-label="Taylor remainder over the step, logarithmic axes">)svg",
               kWidth, kHeight) +
           grid() + lines_of(guides()) + noise() + remainders() + labels_of(guides()) + "</svg>";
  }

 private:
  static constexpr double kWidth = 440.0, kHeight = 290.0;

  std::string grid() const {
    std::string svg;
    for (const double e : x_.ticks()) {
      const double at = x_.at(std::pow(10.0, e));
      svg += line(at, y_.start, at, y_.start + y_.length, R"svg(stroke="var(--line)")svg") +
             label(at, y_.start + 16.0, "middle", fmt::format("1e{:.0f}", e));
    }
    for (const double e : y_.ticks()) {
      const double at = y_.at(std::pow(10.0, e));
      svg += line(x_.start, at, x_.start + x_.length, at, R"svg(stroke="var(--line)")svg") +
             label(x_.start - 6.0, at + 4.0, "end", fmt::format("1e{:.0f}", e));
    }
    return svg + label(x_.start + x_.length, kHeight - 6.0, "end", "step t");
  }

  /// How a wrong and a right derivative's remainder falls, from that of the largest step on, as far as the frame.
  struct Guide {
    std::string_view name;
    double x1, y1, x2, y2;
  };

  std::vector<Guide> guides() const {
    const TaylorPoint* anchor = nullptr;
    for (const TaylorPoint& p : points_)
      if (p.remainder > 0.0 && (anchor == nullptr || p.step > anchor->step)) anchor = &p;
    if (anchor == nullptr) return {};
    const double floor = std::pow(10.0, y_.low);
    std::vector<Guide> guides;
    for (const int power : {1, 2}) {
      const double reach = anchor->step * std::pow(floor / anchor->remainder, 1.0 / power);
      const double step = std::max(least_step_, reach);
      const double end = std::max(floor, anchor->remainder * std::pow(step / anchor->step, power));
      guides.push_back({power == 1 ? "t: wrong" : "t²: right", x_.at(anchor->step), y_.at(anchor->remainder),
                        x_.at(step), y_.at(end)});
    }
    return guides;
  }

  static std::string lines_of(const std::vector<Guide>& guides) {
    std::string svg;
    for (const Guide& g : guides)
      svg += line(g.x1, g.y1, g.x2, g.y2, R"svg(stroke="var(--guide)" stroke-dasharray="4 4")svg");
    return svg;
  }

  /// Below the lines' ends, where neither lines nor dots are; where the frame leaves no room, on a ground of their own.
  std::string labels_of(const std::vector<Guide>& guides) const {
    std::string svg;
    for (const Guide& g : guides) svg += label(g.x2 + 10.0, std::min(g.y2 + 16.0, y_.start - 4.0), "start", g.name);
    return R"svg(<g class="ground">)svg" + svg + "</g>";
  }

  std::string noise() const {
    std::string line;
    for (const TaylorPoint& p : points_)
      if (p.noise > 0.0) line += fmt::format("{:.1f},{:.1f} ", x_.at(p.step), y_.at(p.noise));
    if (line.empty()) return {};
    return fmt::format(
        R"svg(<polyline points="{}" fill="none" stroke="var(--unsure)" stroke-width="1.5"><title>noise of the values</title></polyline>)svg",
        line);
  }

  std::string remainders() const {
    std::string svg;
    for (const TaylorPoint& p : points_)
      if (p.remainder > 0.0)
        svg += fmt::format(
            R"svg(<circle cx="{:.1f}" cy="{:.1f}" r="3.5" fill="var(--data)"><title>step {:.2e}: remainder {:.2e}, noise {:.1e}</title></circle>)svg",
            x_.at(p.step), y_.at(p.remainder), p.step, p.remainder, p.noise);
    return svg;
  }

  const std::vector<TaylorPoint>& points_;
  Axis x_{.start = 56.0, .length = kWidth - 56.0 - 12.0};
  Axis y_{.start = kHeight - 40.0, .length = -(kHeight - 40.0 - 14.0)};
  double least_step_ = 0.0;
};

}  // namespace

std::string sweep_plot(const std::vector<TaylorPoint>& points) {
  const auto shows = [](const TaylorPoint& p) { return p.remainder > 0.0 || p.noise > 0.0; };
  if (std::none_of(points.begin(), points.end(), shows)) return "<p>The remainder is zero at every step.</p>";
  return SweepPlot(points).svg() +
         "<p class=\"soft\">Dots: remainder. Line: noise of the function's values. Dashed: how a right and a wrong "
         "derivative's remainder falls.</p>";
}

}  // namespace tapegrad::checker
