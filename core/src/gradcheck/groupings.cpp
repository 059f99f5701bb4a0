#include "gradcheck/groupings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

namespace tapegrad::checker {

std::vector<Grouping> groupings(const Extents& shape) {
  constexpr std::size_t kLeast = 4;
  std::vector<Grouping> list;
  const std::size_t rank = std::min<std::size_t>(shape.size(), 4);
  for (std::size_t set = 1; set < (std::size_t{1} << rank); ++set) {
    Grouping g;
    for (std::size_t d = 0; d < rank; ++d)
      if ((set >> d & 1U) != 0) g.axes.push_back(d);
    std::map<Extents, std::size_t> known;
    for (std::int64_t k = 0; k < count_of(shape); ++k) {
      Extents at = unravel(k, shape);
      for (const std::size_t d : g.axes) at[d] = 0;
      const auto [place, fresh] = known.emplace(at, g.groups.size());
      if (fresh) g.groups.emplace_back();
      g.groups[place->second].push_back(static_cast<std::size_t>(k));
      g.group_of.push_back(place->second);
    }
    if (g.groups.front().size() >= kLeast) list.push_back(std::move(g));
  }
  std::stable_sort(list.begin(), list.end(), [](const Grouping& a, const Grouping& b) {
    return a.groups.front().size() > b.groups.front().size();
  });
  return list;
}

std::string axes_text(const Grouping& g) {
  return g.axes.size() == 1 ? fmt::format("axis {}", g.axes.front()) : fmt::format("axes {}", fmt::join(g.axes, ", "));
}

Statistics statistics_of(const Values& x, const std::vector<std::size_t>& group) {
  Statistics s;
  for (const std::size_t j : group) s.mean += x[j];
  s.mean /= static_cast<double>(group.size());
  for (const std::size_t j : group) s.variance += (x[j] - s.mean) * (x[j] - s.mean);
  s.variance /= static_cast<double>(group.size());
  return s;
}

Values centred(const Values& x, const Grouping& g) {
  Values c = x;
  for (const std::vector<std::size_t>& group : g.groups) {
    const double mean = statistics_of(x, group).mean;
    for (const std::size_t j : group) c[j] -= mean;
  }
  return c;
}

std::optional<Trend> trend_beside(const Matrix& m, std::size_t o, const Grouping& g, const Values& c) {
  double sum = 0.0, sum_c = 0.0, sum_cc = 0.0, sum_m = 0.0, sum_mc = 0.0;
  for (const std::size_t j : g.around(o)) {
    if (j == o) continue;
    sum += 1.0;
    sum_c += c[j];
    sum_cc += c[j] * c[j];
    sum_m += m(o, j);
    sum_mc += m(o, j) * c[j];
  }
  const double determinant = sum * sum_cc - sum_c * sum_c;
  if (!(determinant > 0.0)) return std::nullopt;
  return Trend{(sum_m * sum_cc - sum_mc * sum_c) / determinant, (sum * sum_mc - sum_c * sum_m) / determinant};
}

std::optional<double> slope_beside(const Matrix& m, std::size_t o, const Grouping& g, const Values& x) {
  double products = 0.0, squares = 0.0;
  for (const std::size_t j : g.around(o)) {
    if (j == o) continue;
    products += m(o, j) * x[j];
    squares += x[j] * x[j];
  }
  return squares > 0.0 ? std::optional(products / squares) : std::nullopt;
}

}  // namespace tapegrad::checker
