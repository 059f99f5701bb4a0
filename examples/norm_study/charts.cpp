#include "norm_study/charts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "console/terminal.hpp"
#include "tapegrad/base/error.hpp"

namespace norm_study {
namespace {

// All lengths are units of the viewBox. It is about as wide as a phone, so that text keeps its size there.
constexpr double kWidth = 400;
constexpr double kFont = 12.5;
constexpr double kRight = 14;
constexpr double kLegendLine = 20;

constexpr std::array<std::string_view, 6> kColourNames{"blue", "orange", "green", "purple", "red", "grey"};

std::string paint(Colour colour) { return fmt::format("var(--{})", kColourNames[static_cast<std::size_t>(colour)]); }

/// Twelve looks for categories: six colours, filled and hollow.
struct Look {
  Colour colour = Colour::blue;
  bool hollow = false;
};
Look nth_look(std::size_t i) { return {static_cast<Colour>(i % kColourNames.size()), i >= kColourNames.size()}; }
constexpr std::size_t kLooks = 2 * kColourNames.size();

double text_width(std::string_view text) { return 0.58 * kFont * static_cast<double>(console::display_width(text)); }

void require(bool condition, std::string_view what, std::string_view title) {
  if (!condition) throw tapegrad::ValueError(fmt::format("[render_svg] {} in the chart \"{}\"", what, title));
}

/// Four significant digits; powers of ten that are long to write as 10 with a raised exponent.
std::string number(double value) {
  const double exponent = value > 0 ? std::round(std::log10(value)) : 0;
  if (std::abs(exponent) < 4 || std::abs(value / std::pow(10.0, exponent) - 1) > 1e-9)
    return fmt::format("{:.4g}", value);
  static constexpr const char* kRaised[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string out = exponent < 0 ? "10⁻" : "10";
  for (const char digit : fmt::format("{:.0f}", std::abs(exponent))) out += kRaised[digit - '0'];
  return out;
}

std::string text(double x, double y, std::string_view content, std::string_view anchor = "start",
                 std::string_view kind = "") {
  return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}"{}>{}</text>)", x, y, anchor,
                     kind.empty() ? "" : fmt::format(R"( class="{}")", kind), escape(content));
}

std::string rule(double x1, double y1, double x2, double y2, std::string_view kind) {
  return fmt::format(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>)", x1, y1, x2, y2, kind);
}

/// A marker of radius r whose shape follows the colour; `tip` is what a pointer resting on it shows.
std::string marker(double x, double y, double r, Colour colour, std::string_view tip = "", bool hollow = false) {
  std::string shape;
  switch (colour) {
    case Colour::blue: shape = fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}")", x, y, r); break;
    case Colour::orange:
      shape = fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}")", x - 0.9 * r, y - 0.9 * r,
                          1.8 * r, 1.8 * r);
      break;
    case Colour::green:
      shape =
          fmt::format(R"(<path d="M{:.1f} {:.1f}l{:.1f} {:.1f}h{:.1f}z")", x, y - 1.15 * r, 1.15 * r, 2 * r, -2.3 * r);
      break;
    case Colour::purple:
      shape = fmt::format(R"(<path d="M{:.1f} {:.1f}l{:.1f} {:.1f}l{:.1f} {:.1f}l{:.1f} {:.1f}z")", x, y - 1.25 * r,
                          1.25 * r, 1.25 * r, -1.25 * r, 1.25 * r, -1.25 * r, -1.25 * r);
      break;
    case Colour::red:
      shape =
          fmt::format(R"(<path d="M{:.1f} {:.1f}l{:.1f} {:.1f}h{:.1f}z")", x, y + 1.15 * r, 1.15 * r, -2 * r, -2.3 * r);
      break;
    case Colour::grey:
      shape = fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}")", x - 1.2 * r, y - 0.6 * r,
                          2.4 * r, 1.2 * r);
      break;
  }
  shape += hollow ? fmt::format(R"( stroke="{}" class="hollow")", paint(colour))
                  : fmt::format(R"( fill="{}" class="mark")", paint(colour));
  if (tip.empty()) return shape + "/>";
  const std::string element = shape.substr(1, shape.find(' ') - 1);
  return fmt::format("{}><title>{}</title></{}>", shape, escape(tip), element);
}

/// Names with their markers, broken into lines; `y` moves below them.
std::string legend(const std::vector<std::pair<std::string, Look>>& entries, double& y) {
  std::string out;
  double x = 4;
  for (const auto& [name, look] : entries) {
    const double needed = 16 + text_width(name);
    if (x > 4 && x + needed > kWidth - kRight) {
      x = 4;
      y += kLegendLine;
    }
    out += marker(x + 5, y + 8, 4.2, look.colour, "", look.hollow) + text(x + 15, y + 12.5, name);
    x += needed + 14;
  }
  y += kLegendLine + 4;
  return out;
}

/// An axis: a range of values on a range of the picture, linear or logarithmic.
struct Axis {
  double low, high;   // values
  double begin, end;  // picture
  bool logarithmic = false;
  std::vector<double> ticks;

  double at(double value) const {
    const double share = logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
    return begin + share * (end - begin);
  }
};

/// Steps of 1, 2 or 5 times a power of ten, about `count` of them.
double nice_step(double span, int count) {
  const double rough = span / count;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double digit = rough / power;
  return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
}

/// The axis that shows [low, high] with round ends (linear) or whole powers of ten as ticks (logarithmic).
Axis make_axis(double low, double high, bool logarithmic, bool round_ends, int count) {
  Axis axis{.low = low, .high = high, .begin = 0, .end = 1, .logarithmic = logarithmic, .ticks = {}};
  if (logarithmic) {
    if (round_ends || low == high) {
      axis.low = std::pow(10.0, std::floor(std::log10(low)));
      axis.high = std::pow(10.0, std::ceil(std::log10(high)));
      if (axis.low == axis.high) axis.high *= 10;
    }
    const double decades = std::log10(axis.high / axis.low);
    const double stride = std::max(1.0, std::ceil(decades / count));
    const double first = std::ceil(std::log10(axis.low) - 1e-9);
    const int ticks = 1 + static_cast<int>(std::floor((std::log10(axis.high) + 1e-9 - first) / stride));
    for (int i = 0; i < ticks; ++i) axis.ticks.push_back(std::pow(10.0, first + i * stride));
    return axis;
  }
  if (low == high) {
    axis.low = low - std::max(0.5, 0.1 * std::abs(low));
    axis.high = high + std::max(0.5, 0.1 * std::abs(high));
  }
  const double step = nice_step(axis.high - axis.low, count);
  if (round_ends) {
    axis.low = step * std::floor(axis.low / step + 1e-9);
    axis.high = step * std::ceil(axis.high / step - 1e-9);
  }
  const double first = std::ceil(axis.low / step - 1e-9), last = std::floor(axis.high / step + 1e-9);
  for (int i = 0; i <= 4 * count && first + i <= last; ++i) axis.ticks.push_back((first + i) * step);
  return axis;
}

struct Extent {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void add(const std::vector<double>& values) {
    for (const double v : values) add(v);
  }
  bool empty() const { return low > high; }
};

std::string x_axis(const Axis& axis, double y, double top, std::string_view label, bool grid) {
  std::string out;
  double free_from = -1e9;  // labels that would touch the one before are left out
  for (const double tick : axis.ticks) {
    const double x = axis.at(tick);
    out += grid ? rule(x, top, x, y, "grid") : rule(x, y, x, y + 4, "axis");
    const std::string name = number(tick);
    const double half = text_width(name) / 2;
    if (x - half < free_from) continue;
    out += text(std::min(x, kWidth - half - 1), y + 17, name, "middle", "tick");
    free_from = x + half + 4;
  }
  out += rule(axis.begin, y, axis.end, y, "axis");
  out += text((axis.begin + axis.end) / 2, y + 35, label, "middle", "label");
  return out;
}

std::string frame(std::string_view id, std::string_view title, double height, const std::string& content) {
  return fmt::format(
      R"(<svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-labelledby="{}" class="chart"><title id="{}">{}</title>{}</svg>)",
      kWidth, height, escape(id), escape(id), escape(title), content);
}

// ---- lines

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

std::string render(const LineChart& chart, std::string_view id) {
  check(chart);
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

  double top = 2;
  std::string out;
  std::vector<std::pair<std::string, Look>> names;
  for (const Series& s : chart.series) names.emplace_back(s.name, Look{s.colour});
  out += legend(names, top);
  out += text(4, top + 11, chart.y_label, "start", "label");
  top += 24;
  const double bottom = top + 210;

  Axis y = make_axis(ys.low, ys.high, chart.log_y, true, 5);
  y.begin = bottom;
  y.end = top;
  double left = 0;
  for (const double tick : y.ticks) left = std::max(left, text_width(number(tick)));
  left += 14;
  Axis x = make_axis(xs.low, xs.high, chart.log_x, false, 6);
  if (!chart.x_ticks.empty()) x.ticks = chart.x_ticks;
  x.begin = left;
  x.end = kWidth - kRight;

  for (const double tick : y.ticks) {
    out +=
        rule(left, y.at(tick), x.end, y.at(tick), "grid") + text(left - 7, y.at(tick) + 4, number(tick), "end", "tick");
  }
  out += x_axis(x, bottom, top, chart.x_label, false);
  for (const ReferenceLine& r : chart.references) {
    out += rule(left, y.at(r.value), x.end, y.at(r.value), "reference");
    // Above its line, or below it where another line runs close above.
    const bool crowded = std::any_of(chart.references.begin(), chart.references.end(), [&](const ReferenceLine& other) {
      const double gap = y.at(r.value) - y.at(other.value);
      return gap > 0 && gap < 18;
    });
    out += text(x.end, y.at(r.value) + (crowded ? 13 : -5), r.label, "end", "note");
  }
  for (const Series& s : chart.series) out += curve(s, x, y);
  for (const Series& s : chart.series) {
    if (s.x.size() > 16) continue;  // long curves speak by their line
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      if (!std::isfinite(s.y[i])) continue;
      const std::string range = s.low.empty() ? "" : fmt::format(" [{}, {}]", number(s.low[i]), number(s.high[i]));
      out += marker(x.at(s.x[i]), y.at(s.y[i]), 4, s.colour,
                    fmt::format("{}, {}: {}{}", s.name, number(s.x[i]), number(s.y[i]), range));
    }
  }
  return frame(id, chart.title, bottom + 44, out);
}

// ---- strips

/// Offsets across the row so that points lie at least `gap` apart, each as near to the row's axis as it can be; nothing
/// if some find no room within `reach`.
std::optional<std::vector<double>> offsets_at(const std::vector<double>& positions, double gap, double reach) {
  std::vector<double> offsets(positions.size(), 0);
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const auto overlaps = [&](double offset) {
      for (std::size_t j = 0; j < i; ++j) {
        if (std::hypot(positions[i] - positions[j], offset - offsets[j]) < 0.99 * gap) return true;
      }
      return false;
    };
    bool placed = false;
    for (int n = 0; !placed; ++n) {
      const int ring = (n + 1) / 2;
      if (ring * gap / 2 > reach) return std::nullopt;
      offsets[i] = (n % 2 == 0 ? ring : -ring) * gap / 2;
      placed = !overlaps(offsets[i]);
    }
  }
  return offsets;
}

/// Offsets that let every point of radius r be seen: side by side where there is room, otherwise each over a part of
/// the one before.
std::vector<double> side_steps(const std::vector<double>& positions, double r, double reach) {
  constexpr int kGaps = 29;  // down to a fiftieth of r, which nobody sees
  for (int k = 0; k < kGaps; ++k) {
    if (const auto offsets = offsets_at(positions, 2 * r * std::pow(0.85, k), reach)) return *offsets;
  }
  return std::vector<double>(positions.size(), 0);
}

std::string render(const StripPlot& chart, std::string_view id) {
  require(chart.x_min < chart.x_max, "the x axis is empty", chart.title);
  require(chart.categories.size() <= kLooks, "more than 12 categories", chart.title);
  constexpr double kRadius = 4.6, kReach = 34;
  double y = 2;
  std::string out;
  std::vector<std::pair<std::string, Look>> names;
  for (std::size_t c = 0; c < chart.categories.size(); ++c) names.emplace_back(chart.categories[c], nth_look(c));
  out += legend(names, y);
  Axis x = make_axis(chart.x_min, chart.x_max, false, false, 5);
  x.begin = 12;
  x.end = kWidth - kRight;
  const double top = y;
  std::string points;
  for (const StripPlot::Row& row : chart.rows) {
    points += text(4, y + 13, row.label, "start", "strong") + text(4, y + 29, row.note, "start", "label");
    y += 38;
    std::vector<double> positions;
    for (const StripPoint& p : row.points) {
      require(p.category < chart.categories.size(), fmt::format("category {} is out of range", p.category),
              chart.title);
      require(p.value >= chart.x_min && p.value <= chart.x_max,
              fmt::format("the value {} lies outside the axis", p.value), chart.title);
      positions.push_back(x.at(p.value));
    }
    const std::vector<double> offsets = side_steps(positions, kRadius, kReach);
    const double centre = y + kReach + kRadius;
    points += rule(x.begin, centre, x.end, centre, "lane");
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const StripPoint& p = row.points[i];
      const Look look = nth_look(p.category);
      points +=
          marker(positions[i], centre + offsets[i], kRadius, look.colour,
                 fmt::format("{}: {}, {}", row.label, chart.categories[p.category], number(p.value)), look.hollow);
    }
    y = centre + kReach + kRadius + 10;
  }
  out += x_axis(x, y, top, chart.x_label, true) + points;
  return frame(id, chart.title, y + 44, out);
}

// ---- bars

std::string render(const BarChart& chart, std::string_view id) {
  Extent xs;
  xs.add(0.0);
  for (const BarChart::Bars& b : chart.bars) {
    require(b.values.size() == chart.categories.size(), "a series of bars differs in length from the categories",
            chart.title);
    require(b.low.size() == b.high.size() && (b.low.empty() || b.low.size() == b.values.size()),
            "error whiskers differ in length from their bars", chart.title);
    xs.add(b.values);
    xs.add(b.low);
    xs.add(b.high);
  }
  for (const ReferenceLine& r : chart.references) xs.add(r.value);
  constexpr double kBar = 15;
  double y = 2;
  std::string out;
  if (chart.bars.size() > 1) {
    std::vector<std::pair<std::string, Look>> names;
    for (const BarChart::Bars& b : chart.bars) names.emplace_back(b.name, Look{b.colour});
    out += legend(names, y);
  }
  double left = 0;
  for (const std::string& name : chart.categories) left = std::max(left, text_width(name));
  left = std::min(left + 12, 0.42 * kWidth);
  Axis x = make_axis(xs.low, xs.high, false, true, 5);
  x.begin = left;
  x.end = kWidth - kRight - 34;  // room for the value behind the longest bar
  std::string bars;
  for (const ReferenceLine& r : chart.references) {
    bars += text(std::min(x.at(r.value), kWidth - text_width(r.label) / 2), y + 10, r.label, "middle", "note");
  }
  const double top = chart.references.empty() ? y : y += 16;
  // Where a text of this width stands clear of the reference lines, at `from` or behind one.
  const auto free_place = [&](double from, double width) {
    for (const ReferenceLine& r : chart.references) {
      const double line = x.at(r.value);
      if (line > from - 3 && line < from + width + 2 && line + 5 + width < kWidth) from = line + 5;
    }
    return from;
  };
  std::string labels;
  for (std::size_t c = 0; c < chart.categories.size(); ++c) {
    y += 7;
    const double middle = y + kBar * static_cast<double>(chart.bars.size()) / 2;
    bars += text(left - 8, middle + 4, chart.categories[c], "end");
    for (const BarChart::Bars& b : chart.bars) {
      const double value = b.values[c];
      if (std::isfinite(value)) {
        const double from = std::min(x.at(0), x.at(value)), to = std::max(x.at(0), x.at(value));
        bars += fmt::format(
            R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2" fill="{}"><title>{}</title></rect>)",
            from, y + 1, to - from, kBar - 2, paint(b.colour),
            escape(fmt::format("{}, {}: {}", chart.categories[c], b.name, number(value))));
        double label_at = to;
        if (!b.low.empty()) {
          bars += rule(x.at(b.low[c]), y + kBar / 2, x.at(b.high[c]), y + kBar / 2, "whisker");
          label_at = std::max(to, x.at(b.high[c]));
        }
        const std::string shown = fmt::format("{:.{}f}", value, chart.decimals);
        labels += text(free_place(label_at + 5, text_width(shown)), y + kBar / 2 + 4, shown, "start", "value");
      }
      y += kBar;
    }
    y += 7;
  }
  out += x_axis(x, y, top, chart.x_label, true) + bars;
  for (const ReferenceLine& r : chart.references) out += rule(x.at(r.value), top, x.at(r.value), y, "reference");
  return frame(id, chart.title, y + 44, out + labels);
}

// ---- heat maps

std::string render(const HeatMap& chart, std::string_view id) {
  require(chart.values.size() == chart.rows.size() * chart.columns.size() && !chart.values.empty(),
          "the values do not fill the grid", chart.title);
  require(std::none_of(chart.values.begin(), chart.values.end(), [](double v) { return v < 0; }), "a value is negative",
          chart.title);
  Extent extent;
  extent.add(chart.values);
  const double most = extent.empty() || extent.high == 0 ? 1 : extent.high;
  double left = 0, widest = 0;
  for (const std::string& name : chart.rows) left = std::max(left, text_width(name));
  for (const std::string& name : chart.columns) widest = std::max(widest, text_width(name));
  left = std::min(left + 12, 0.4 * kWidth);
  const double cell = (kWidth - kRight - left) / static_cast<double>(chart.columns.size());
  const double height = std::clamp(cell, 14.0, 26.0);
  const bool print = cell >= 34;
  const auto stride = static_cast<std::size_t>(
      std::max(1.0, std::ceil((widest + 4) / cell)));  // of column names, so that they do not touch
  double y = 2;
  std::string out = text(4, y + 11, chart.y_label, "start", "label");
  y += 20;
  for (std::size_t r = 0; r < chart.rows.size(); ++r) {
    out += text(left - 8, y + height / 2 + 4, chart.rows[r], "end", "tick");
    for (std::size_t c = 0; c < chart.columns.size(); ++c) {
      const double value = chart.values[r * chart.columns.size() + c];
      const double x = left + static_cast<double>(c) * cell;
      const double share = std::isfinite(value) ? value / most : 0;
      out += fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="cell"/>)", x + 0.5,
                         y + 0.5, cell - 1, height - 1);
      out += fmt::format(
          R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}" fill-opacity="{:.3f}"><title>{}</title></rect>)",
          x + 0.5, y + 0.5, cell - 1, height - 1, paint(Colour::blue), share,
          escape(fmt::format("{}, {}: {} {}", chart.rows[r], chart.columns[c], number(value), chart.value_label)));
      if (print)
        out += text(x + cell / 2, y + height / 2 + 4, fmt::format("{:.2g}", value), "middle",
                    share > 0.55 ? "inverse" : "tick");
    }
    y += height;
  }
  for (std::size_t c = 0; c < chart.columns.size(); c += stride) {
    out += text(left + (static_cast<double>(c) + 0.5) * cell, y + 15, chart.columns[c], "middle", "tick");
  }
  out += text(left + (kWidth - kRight - left) / 2, y + 33, chart.x_label, "middle", "label");
  y += 44;
  constexpr int kSteps = 24;
  out += text(left, y + 11, "0", "start", "tick");
  for (int i = 0; i < kSteps; ++i) {
    out += fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="4.2" height="10" fill="{}" fill-opacity="{:.3f}"/>)",
                       left + 12 + 4 * i, y + 2, paint(Colour::blue), (i + 1.0) / kSteps);
  }
  out += text(left + 16 + 4 * kSteps, y + 11, fmt::format("{} {}", number(most), chart.value_label), "start", "tick");
  return frame(id, chart.title, y + 20, out);
}

}  // namespace

std::string escape(std::string_view plain) {
  std::string out;
  out.reserve(plain.size());
  for (const char c : plain) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') {
          out += "\xef\xbf\xbd";
        } else {
          out += c;
        }
    }
  }
  return out;
}

std::string render_svg(const Chart& chart, std::string_view id) {
  return std::visit([&](const auto& c) { return render(c, id); }, chart);
}

}  // namespace norm_study
