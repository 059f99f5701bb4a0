#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "norm_study/svg.hpp"

namespace norm_study::svg {
namespace {

void check(const LineChart& chart) {
  for (const Series& s : chart.series) {
    require(s.x.size() == s.y.size(), "x and y of a series differ in length", chart.title);
    require(s.low.size() == s.high.size() && (s.low.empty() || s.low.size() == s.y.size()),
            "an error band differs in length from its series", chart.title);
    const auto positive = [](double v) { return !(v <= 0); };
    require(!chart.log_x || std::all_of(s.x.begin(), s.x.end(), positive),
            "a value on the logarithmic x axis is not positive", chart.title);
    require(!chart.log_y ||
                (std::all_of(s.y.begin(), s.y.end(), positive) && std::all_of(s.low.begin(), s.low.end(), positive)),
            "a value on the logarithmic y axis is not positive", chart.title);
  }
}

/// The band and the line of one series; a gap wherever y is not finite.
std::string curve(const Series& s, const Axis& x, const Axis& y) {
  std::string out;
  for (std::size_t begin = 0; begin < s.x.size();) {
    if (!std::isfinite(s.y[begin])) {
      ++begin;
      continue;
    }
    std::size_t end = begin;
    std::string line, upper, lower;
    for (; end < s.x.size() && std::isfinite(s.y[end]); ++end) {
      const auto point = [&](double value) { return fmt::format("{:.1f},{:.1f} ", x.at(s.x[end]), y.at(value)); };
      line += point(s.y[end]);
      if (s.low.empty()) continue;
      upper += point(s.high[end]);
      lower.insert(0, point(s.low[end]));
    }
    if (!s.low.empty())
      out += fmt::format(R"(<polygon points="{}{}" fill="{}" class="band"/>)", upper, lower, paint(s.colour));
    out += fmt::format(R"(<polyline points="{}" stroke="{}" class="curve"/>)", line, paint(s.colour));
    begin = end;
  }
  return out;
}

/// Where the lines are drawn: axes without a place on the picture yet.
struct Plane {
  Axis x, y;
};

Plane plane_of(const LineChart& chart) {
  Extent xs, ys;
  for (const Series& s : chart.series) {
    xs.add(s.x);
    ys.add(s.y);
    ys.add(s.low);
    ys.add(s.high);
  }
  for (const ReferenceLine& r : chart.references) ys.add(r.value);
  if (xs.empty()) xs.add(chart.log_x ? 1 : 0);
  if (ys.empty()) ys.add(chart.log_y ? 1 : 0);
  Plane plane{make_axis(xs.low, xs.high, chart.log_x, false, 6), make_axis(ys.low, ys.high, chart.log_y, true, 5)};
  if (!chart.x_ticks.empty()) plane.x.ticks = chart.x_ticks;
  return plane;
}

/// The lines of the y axis's ticks and their numbers.
std::string y_grid(const Axis& x, const Axis& y) {
  std::string out;
  for (const double tick : y.ticks) {
    out += rule(x.begin, y.at(tick), x.end, y.at(tick), "grid") +
           text(x.begin - 7, y.at(tick) + 4, number(tick), "end", "tick");
  }
  return out;
}

std::string reference_lines(const std::vector<ReferenceLine>& references, const Axis& x, const Axis& y) {
  std::string out;
  for (const ReferenceLine& r : references) {
    out += rule(x.begin, y.at(r.value), x.end, y.at(r.value), "reference");
    // Above its line, or below it where another line runs close above.
    const bool crowded = std::any_of(references.begin(), references.end(), [&](const ReferenceLine& other) {
      const double gap = y.at(r.value) - y.at(other.value);
      return gap > 0 && gap < 18;
    });
    out += text(x.end, y.at(r.value) + (crowded ? 13 : -5), r.label, "end", "note");
  }
  return out;
}

/// A marker for each value of a series; long curves speak by their line.
std::string markers(const Series& s, const Axis& x, const Axis& y) {
  constexpr std::size_t kMostMarked = 16;
  std::string out;
  for (std::size_t i = 0; i < s.x.size() && s.x.size() <= kMostMarked; ++i) {
    if (!std::isfinite(s.y[i])) continue;
    const std::string range = s.low.empty() ? "" : fmt::format(" [{}, {}]", number(s.low[i]), number(s.high[i]));
    out += marker(x.at(s.x[i]), y.at(s.y[i]), 4, s.colour,
                  fmt::format("{}, {}: {}{}", s.name, number(s.x[i]), number(s.y[i]), range));
  }
  return out;
}

}  // namespace

std::string render(const LineChart& chart, std::string_view id) {
  check(chart);
  Plane plane = plane_of(chart);
  Axis &x = plane.x, &y = plane.y;
  double top = 2;
  std::vector<std::pair<std::string, Look>> names;
  for (const Series& s : chart.series) names.emplace_back(s.name, Look{s.colour});
  std::string out = legend(names, top);
  out += text(4, top + 11, chart.y_label, "start", "label");
  top += 24;
  const double bottom = top + 210;

  y.begin = bottom;
  y.end = top;
  double widest = 0;
  for (const double tick : y.ticks) widest = std::max(widest, text_width(number(tick)));
  x.begin = widest + 14;
  x.end = kWidth - kRight;

  out += y_grid(x, y) + x_axis(x, bottom, top, chart.x_label, false) + reference_lines(chart.references, x, y);
  for (const Series& s : chart.series) out += curve(s, x, y);
  for (const Series& s : chart.series) out += markers(s, x, y);
  return frame(id, chart.title, bottom + 44, out);
}

}  // namespace norm_study::svg
