// Charts as inline SVG: no scripts, no fonts, no network. Colours are CSS variables of the page (report.cpp), so that
// one file reads well on light and on dark ground; series also differ by marker, so that colour carries nothing alone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace norm_study {

/// Text made safe inside HTML and XML, as content or as a quoted attribute. Control characters, which XML forbids,
/// become U+FFFD.
std::string escape(std::string_view text);

/// The palette's entries; the study gives each kind of normalisation the same colour and marker in every chart.
enum class Colour { blue, orange, green, purple, red, grey };

struct ReferenceLine {
  double value = 0;
  std::string label;
};

struct Series {
  std::string name;
  Colour colour = Colour::blue;
  std::vector<double> x = {}, y = {};       // a NaN in y leaves a gap
  std::vector<double> low = {}, high = {};  // error band around y; empty for none
};

struct LineChart {
  std::string title, x_label, y_label;
  std::vector<Series> series = {};
  std::vector<ReferenceLine> references = {};  // horizontal
  std::vector<double> x_ticks = {};            // empty: chosen
  bool log_x = false, log_y = false;
};

struct StripPoint {
  double value = 0;
  std::size_t category = 0;  // index into StripPlot::categories
};

/// Every single value as a point, a row for each group; points that would cover each other step aside, as far as there
/// is room, so that none is hidden.
struct StripPlot {
  struct Row {
    std::string label, note;
    std::vector<StripPoint> points;
  };
  std::string title, x_label;
  std::vector<std::string> categories = {};  // at most 12, told apart by colour and marker
  std::vector<Row> rows = {};
  double x_min = 0, x_max = 1;
};

/// Horizontal bars: a group for each category, in it a bar for each series.
struct BarChart {
  struct Bars {
    std::string name;
    Colour colour = Colour::blue;
    std::vector<double> values = {};          // one for each category; NaN leaves the bar out
    std::vector<double> low = {}, high = {};  // error whiskers; empty for none
  };
  std::string title, x_label;
  std::vector<std::string> categories = {};
  std::vector<Bars> bars = {};
  std::vector<ReferenceLine> references = {};  // vertical
  int decimals = 1;                            // of the printed values
};

struct HeatMap {
  std::string title, x_label, y_label;
  std::vector<std::string> rows = {}, columns = {};
  std::vector<double> values = {};  // [rows, columns], none negative; the deeper the colour the more; 0 has none
  std::string value_label = {};
};

using Chart = std::variant<LineChart, StripPlot, BarChart, HeatMap>;

/// An <svg> element. `id` must be unique on the page (it names the accessible title). Throws tapegrad::ValueError on
/// lengths that do not match, a category out of range, or values that are not positive on a logarithmic axis.
std::string render_svg(const Chart& chart, std::string_view id);

}  // namespace norm_study
