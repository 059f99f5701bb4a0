// What all kinds of charts are drawn with: texts, lines and markers, a legend, axes, a frame.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "norm_study/charts.hpp"

namespace norm_study::svg {

// All lengths are units of the viewBox. It is about as wide as a phone, so that text keeps its size there.
inline constexpr double kWidth = 400;
inline constexpr double kFont = 12.5;
inline constexpr double kRight = 14;
inline constexpr double kLegendLine = 20;

/// The CSS variable of a colour.
std::string paint(Colour colour);

/// Twelve looks for categories: six colours, filled and hollow.
struct Look {
  Colour colour = Colour::blue;
  bool hollow = false;
};
Look nth_look(std::size_t i);
inline constexpr std::size_t kLooks = 12;

/// About how wide a text is.
double text_width(std::string_view text);

/// Throws tapegrad::ValueError, which names the chart, unless the condition holds.
void require(bool condition, std::string_view what, std::string_view title);

/// Four significant digits; powers of ten that are long to write as 10 with a raised exponent.
std::string number(double value);

std::string text(double x, double y, std::string_view content, std::string_view anchor = "start",
                 std::string_view kind = "");

std::string rule(double x1, double y1, double x2, double y2, std::string_view kind);

/// A marker of radius r whose shape follows the colour; `tip` is what a pointer resting on it shows.
std::string marker(double x, double y, double r, Colour colour, std::string_view tip = "", bool hollow = false);

/// Names with their markers, broken into lines; `y` moves below them.
std::string legend(const std::vector<std::pair<std::string, Look>>& entries, double& y);

/// The range that holds all finite values.
struct Extent {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();

  void add(double value);
  void add(const std::vector<double>& values);
  bool empty() const { return low > high; }
};

/// An axis: a range of values on a range of the picture, linear or logarithmic.
struct Axis {
  double low, high;   // values
  double begin, end;  // picture
  bool logarithmic = false;
  std::vector<double> ticks;

  double at(double value) const;
};

/// The axis that shows [low, high] with round ends (linear) or whole powers of ten as ticks (logarithmic).
Axis make_axis(double low, double high, bool logarithmic, bool round_ends, int count);

/// A horizontal axis at height y, its ticks as a grid up to `top` where one is asked for.
std::string x_axis(const Axis& axis, double y, double top, std::string_view label, bool grid);

/// The whole <svg> element.
std::string frame(std::string_view id, std::string_view title, double height, const std::string& content);

// One kind of chart in one source.
std::string render(const LineChart& chart, std::string_view id);
std::string render(const StripPlot& chart, std::string_view id);
std::string render(const BarChart& chart, std::string_view id);
std::string render(const HeatMap& chart, std::string_view id);

}  // namespace norm_study::svg
