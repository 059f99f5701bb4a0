#include "norm_study/svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "console/columns.hpp"
#include "tapegrad/base/error.hpp"

namespace norm_study::svg {
namespace {

constexpr std::array<std::string_view, 6> kColourNames{"blue", "orange", "green", "purple", "red", "grey"};

static_assert(kLooks == 2 * kColourNames.size());

/// Steps of 1, 2 or 5 times a power of ten, about `count` of them.
double nice_step(double span, int count) {
  const double rough = span / count;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double digit = rough / power;
  return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
}

}  // namespace

std::string paint(Colour colour) { return fmt::format("var(--{})", kColourNames[static_cast<std::size_t>(colour)]); }

Look nth_look(std::size_t i) { return {static_cast<Colour>(i % kColourNames.size()), i >= kColourNames.size()}; }

double text_width(std::string_view text) { return 0.58 * kFont * static_cast<double>(console::display_width(text)); }

void require(bool condition, std::string_view what, std::string_view title) {
  if (!condition) throw tapegrad::ValueError(fmt::format("[render_svg] {} in the chart \"{}\"", what, title));
}

std::string number(double value) {
  const double exponent = value > 0 ? std::round(std::log10(value)) : 0;
  if (std::abs(exponent) < 4 || std::abs(value / std::pow(10.0, exponent) - 1) > 1e-9)
    return fmt::format("{:.4g}", value);
  static constexpr const char* kRaised[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string out = exponent < 0 ? "10⁻" : "10";
  for (const char digit : fmt::format("{:.0f}", std::abs(exponent))) out += kRaised[digit - '0'];
  return out;
}

std::string text(double x, double y, std::string_view content, std::string_view anchor, std::string_view kind) {
  return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}"{}>{}</text>)", x, y, anchor,
                     kind.empty() ? "" : fmt::format(R"( class="{}")", kind), escape(content));
}

std::string rule(double x1, double y1, double x2, double y2, std::string_view kind) {
  return fmt::format(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>)", x1, y1, x2, y2, kind);
}

std::string marker(double x, double y, double r, Colour colour, std::string_view tip, bool hollow) {
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

void Extent::add(double value) {
  if (!std::isfinite(value)) return;
  low = std::min(low, value);
  high = std::max(high, value);
}

void Extent::add(const std::vector<double>& values) {
  for (const double v : values) add(v);
}

double Axis::at(double value) const {
  const double share = logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
  return begin + share * (end - begin);
}

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

}  // namespace norm_study::svg
