// Elements of an input that share statistics, and what a Jacobian's rows say of them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "gradcheck/block.hpp"
#include "gradcheck/values.hpp"

namespace tapegrad::checker {

struct Grouping {
  std::vector<std::size_t> axes;
  std::vector<std::vector<std::size_t>> groups;
  std::vector<std::size_t> group_of;  // by element

  const std::vector<std::size_t>& around(std::size_t element) const { return groups[group_of[element]]; }
};

/// Whether a block is square, as of a function that takes statistics off its input.
inline bool may_be_normalised(const Block& block) {
  return is_shaped_alike(block) && block.numeric.rows == block.numeric.columns;
}

/// All ways to group by a set of axes, the largest groups first; of four elements or more: three parameters fit any
/// three.
std::vector<Grouping> groupings(const Extents& shape);

/// "axis 1"; "axes 0, 1".
std::string axes_text(const Grouping& g);

struct Statistics {
  double mean = 0.0;
  double variance = 0.0;
};
Statistics statistics_of(const Values& x, const std::vector<std::size_t>& group);

/// x less its group's mean.
Values centred(const Values& x, const Grouping& g);

/// level + slope c_j.
struct Trend {
  double level = 0.0;
  double slope = 0.0;
};
/// How row o of a square block runs over its group, its own element apart: there is more than statistics. Nothing where
/// the others' c are all the same.
std::optional<Trend> trend_beside(const Matrix& m, std::size_t o, const Grouping& g, const Values& c);
/// Likewise slope x_j, without a level. Nothing where the others' x are all 0.
std::optional<double> slope_beside(const Matrix& m, std::size_t o, const Grouping& g, const Values& x);

}  // namespace tapegrad::checker
