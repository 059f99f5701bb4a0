#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <utility>

#include "norm_study/svg.hpp"

namespace norm_study::svg {
namespace {

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

}  // namespace

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

}  // namespace norm_study::svg
