#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "norm_study/svg.hpp"

namespace norm_study::svg {
namespace {

constexpr double kBar = 15;

void check(const BarChart& chart) {
  for (const BarChart::Bars& b : chart.bars) {
    require(b.values.size() == chart.categories.size(), "a series of bars differs in length from the categories",
            chart.title);
    require(b.low.size() == b.high.size() && (b.low.empty() || b.low.size() == b.values.size()),
            "error whiskers differ in length from their bars", chart.title);
  }
}

Axis axis_of(const BarChart& chart) {
  Extent xs;
  xs.add(0.0);
  for (const BarChart::Bars& b : chart.bars) {
    xs.add(b.values);
    xs.add(b.low);
    xs.add(b.high);
  }
  for (const ReferenceLine& r : chart.references) xs.add(r.value);
  double widest = 0;
  for (const std::string& name : chart.categories) widest = std::max(widest, text_width(name));
  Axis x = make_axis(xs.low, xs.high, false, true, 5);
  x.begin = std::min(widest + 12, 0.42 * kWidth);
  x.end = kWidth - kRight - 34;  // room for the value behind the longest bar
  return x;
}

/// Where a text of this width stands clear of the reference lines, at `from` or behind one.
double free_place(const BarChart& chart, const Axis& x, double from, double width) {
  for (const ReferenceLine& r : chart.references) {
    const double line = x.at(r.value);
    if (line > from - 3 && line < from + width + 2 && line + 5 + width < kWidth) from = line + 5;
  }
  return from;
}

/// A bar with its whisker, and the value to be written over everything else.
struct Drawn {
  std::string bar, value;
};

Drawn draw(const BarChart& chart, const BarChart::Bars& b, std::size_t category, const Axis& x, double y) {
  const double value = b.values[category];
  if (!std::isfinite(value)) return {};
  const double from = std::min(x.at(0), x.at(value)), to = std::max(x.at(0), x.at(value));
  Drawn drawn;
  drawn.bar = fmt::format(
      R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2" fill="{}"><title>{}</title></rect>)", from,
      y + 1, to - from, kBar - 2, paint(b.colour),
      escape(fmt::format("{}, {}: {}", chart.categories[category], b.name, number(value))));
  double label_at = to;
  if (!b.low.empty()) {
    drawn.bar += rule(x.at(b.low[category]), y + kBar / 2, x.at(b.high[category]), y + kBar / 2, "whisker");
    label_at = std::max(to, x.at(b.high[category]));
  }
  const std::string shown = fmt::format("{:.{}f}", value, chart.decimals);
  drawn.value = text(free_place(chart, x, label_at + 5, text_width(shown)), y + kBar / 2 + 4, shown, "start", "value");
  return drawn;
}

}  // namespace

std::string render(const BarChart& chart, std::string_view id) {
  check(chart);
  double y = 2;
  std::string out;
  if (chart.bars.size() > 1) {
    std::vector<std::pair<std::string, Look>> names;
    for (const BarChart::Bars& b : chart.bars) names.emplace_back(b.name, Look{b.colour});
    out += legend(names, y);
  }
  const Axis x = axis_of(chart);
  std::string bars, values;
  for (const ReferenceLine& r : chart.references) {
    bars += text(std::min(x.at(r.value), kWidth - text_width(r.label) / 2), y + 10, r.label, "middle", "note");
  }
  const double top = chart.references.empty() ? y : y += 16;
  for (std::size_t c = 0; c < chart.categories.size(); ++c) {
    y += 7;
    const double middle = y + kBar * static_cast<double>(chart.bars.size()) / 2;
    bars += text(x.begin - 8, middle + 4, chart.categories[c], "end");
    for (const BarChart::Bars& b : chart.bars) {
      const Drawn drawn = draw(chart, b, c, x, y);
      bars += drawn.bar;
      values += drawn.value;
      y += kBar;
    }
    y += 7;
  }
  out += x_axis(x, y, top, chart.x_label, true) + bars;
  for (const ReferenceLine& r : chart.references) out += rule(x.at(r.value), top, x.at(r.value), y, "reference");
  return frame(id, chart.title, y + 44, out + values);
}

}  // namespace norm_study::svg
