#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "norm_study/svg.hpp"

namespace norm_study::svg {
namespace {

constexpr double kWideLetters =
    1.1;  // names end at the picture's edge: a word of m and w is cut where others have room

}  // namespace

std::string render(const HeatMap& chart, std::string_view id) {
  require(chart.values.size() == chart.rows.size() * chart.columns.size() && !chart.values.empty(),
          "the values do not fill the grid", chart.title);
  require(std::none_of(chart.values.begin(), chart.values.end(), [](double v) { return v < 0; }), "a value is negative",
          chart.title);
  Extent extent;
  extent.add(chart.values);
  const double most = extent.empty() || extent.high == 0 ? 1 : extent.high;
  double left = 0, widest = 0;
  for (const std::string& name : chart.rows) left = std::max(left, kWideLetters * text_width(name));
  for (const std::string& name : chart.columns) widest = std::max(widest, text_width(name));
  left = std::min(left + 12, 0.55 * kWidth);
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
  const std::string most_text = fmt::format("{} {}", number(most), chart.value_label);
  // As far to the right as its text leaves room for, and not beyond the cells' edge.
  const double key = std::max(4.0, std::min(left, kWidth - kRight - (16 + 4 * kSteps + text_width(most_text))));
  out += text(key, y + 11, "0", "start", "tick");
  for (int i = 0; i < kSteps; ++i) {
    out += fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="4.2" height="10" fill="{}" fill-opacity="{:.3f}"/>)",
                       key + 12 + 4 * i, y + 2, paint(Colour::blue), (i + 1.0) / kSteps);
  }
  out += text(key + 16 + 4 * kSteps, y + 11, most_text, "start", "tick");
  return frame(id, chart.title, y + 20, out);
}

}  // namespace norm_study::svg
