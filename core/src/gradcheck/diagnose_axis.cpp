// Terms along another axis: a gradient that is spread, summed or coupled along the wrong one.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gradcheck/diagnosis.hpp"
#include "gradcheck/places.hpp"

namespace tapegrad::checker {
namespace {

/// Each element of the input reaches one output, and its derivative is right but for another output: for a cotangent of
/// ones the gradient is right.
Diagnosis spread_along_wrong_axis(const Block& block, const Residual& residual) {
  const Matrix& a = block.analytic;
  const Matrix& n = block.numeric;
  if (!block.single_output || n.rows < 2 || n.rows >= n.columns) return std::nullopt;
  const double zero = residual.negligible();
  std::size_t moved = 0;
  for (std::size_t c = 0; c < n.columns; ++c) {
    std::optional<std::size_t> from, to;
    for (std::size_t r = 0; r < n.rows; ++r) {
      if (std::abs(n(r, c)) > zero && std::exchange(from, r)) return std::nullopt;
      if (std::abs(a(r, c)) > zero && std::exchange(to, r)) return std::nullopt;
    }
    if (!from || !to || std::abs(a(*to, c) - n(*from, c)) > 2.0 * zero) return std::nullopt;
    if (from != to) ++moved;
  }
  return GradcheckDiagnosis{
      GradcheckMistake::wrong_axis,
      fmt::format("each element of the input reaches one output, and {} of {} have in analytic the derivative of "
                  "another output: the gradient that comes in (dy) is spread along the wrong axis, or in another order",
                  moved, n.columns),
      0.0};
}

/// The gradient summed over axes that the input has, and spread over it again: a bias's over all axes, not the batch's.
Diagnosis summed_over_further_axes(const Block& block, const Residual& residual) {
  const Extents& shape = block.input_shape;
  if (shape.size() > kMostAxes) return std::nullopt;
  for (std::size_t set = 1; set < (std::size_t{1} << shape.size()); ++set) {
    std::vector<std::size_t> axes;
    for (std::size_t d = 0; d < shape.size(); ++d)
      if ((set >> d & 1U) != 0) axes.push_back(d);
    if (std::any_of(axes.begin(), axes.end(), [&](std::size_t d) { return shape[d] < 2; })) continue;
    const Places first = places(shape, shape, [&](Extents& at) {
      for (const std::size_t d : axes) at[d] = 0;
    });
    Matrix sums(block.numeric.rows, block.numeric.columns);
    for (std::size_t r = 0; r < sums.rows; ++r)
      for (std::size_t c = 0; c < sums.columns; ++c) sums(r, first[c]) += block.numeric(r, c);
    const std::string which =
        fmt::format("{} {} of the input", axes.size() == 1 ? "axis" : "axes", fmt::join(axes, ", "));
    if (Diagnosis found =
            residual.diagnose(GradcheckMistake::wrong_axis, taken(sums, in_order(sums.rows), first),
                              fmt::format("analytic = numeric summed over {}", which),
                              fmt::format(": the rule sums over {} too, and spreads the sum over its elements",
                                          axes.size() == 1 ? "that axis" : "those axes")))
      return found;
  }
  return std::nullopt;
}

/// Which axes two elements of a shape differ in: the one, or nothing when it is none or several.
std::optional<std::size_t> single_axis(const Extents& shape, std::size_t a, std::size_t b) {
  const Extents p = unravel(static_cast<std::int64_t>(a), shape);
  const Extents q = unravel(static_cast<std::int64_t>(b), shape);
  std::optional<std::size_t> axis;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (p[d] == q[d]) continue;
    if (axis) return std::nullopt;
    axis = d;
  }
  return axis;
}

/// The axis along which all couplings between different elements run.
std::optional<std::size_t> coupling_axis(const Matrix& m, const Extents& shape, double negligible) {
  std::optional<std::size_t> axis;
  for (std::size_t o = 0; o < m.rows; ++o) {
    for (std::size_t j = 0; j < m.columns; ++j) {
      if (o == j || std::abs(m(o, j)) <= negligible) continue;
      const std::optional<std::size_t> here = single_axis(shape, o, j);
      if (!here || (axis && *axis != *here)) return std::nullopt;
      axis = here;
    }
  }
  return axis;
}

/// Elements coupled along the wrong axis, by the products that softmax and means couple with: k y_o y_j, k e^{y_j}, k.
Diagnosis coupled_along_wrong_axis(const Block& block, const Residual& residual) {
  const Extents& shape = block.input_shape;
  if (!is_shaped_alike(block) || shape.size() < 2) return std::nullopt;
  const std::optional<std::size_t> right = coupling_axis(block.numeric, shape, residual.negligible());
  const std::optional<std::size_t> found = coupling_axis(block.analytic, shape, residual.negligible());
  if (!right || !found || *right == *found) return std::nullopt;
  const Values& y = block.outputs;
  const std::array<std::function<double(std::size_t, std::size_t)>, 3> kernels = {
      [&](std::size_t o, std::size_t j) { return y[o] * y[j]; },
      [&](std::size_t, std::size_t j) { return std::exp(y[j]); }, [](std::size_t, std::size_t) { return 1.0; }};
  for (const auto& kernel : kernels) {
    double products = 0.0;
    double squares = 0.0;
    for (std::size_t o = 0; o < block.numeric.rows; ++o)
      for (std::size_t j = 0; j < block.numeric.columns; ++j)
        if (o != j && single_axis(shape, o, j) == right) {
          products += block.numeric(o, j) * kernel(o, j);
          squares += kernel(o, j) * kernel(o, j);
        }
    Matrix predicted(block.numeric.rows, block.numeric.columns);
    for (std::size_t o = 0; o < predicted.rows; ++o)
      for (std::size_t j = 0; j < predicted.columns; ++j)
        predicted(o, j) = o == j                              ? block.numeric(o, j)
                          : single_axis(shape, o, j) == found ? products / squares * kernel(o, j)
                                                              : 0.0;
    if (Diagnosis coupled = residual.diagnose(
            GradcheckMistake::wrong_axis, predicted,
            fmt::format("numeric couples elements along axis {}, analytic the same way along axis {}", *right, *found),
            ": the rule runs along the wrong axis"))
      return coupled;
  }
  return std::nullopt;
}

}  // namespace

Diagnosis along_another_axis(const Block& block, const Residual& residual) {
  constexpr std::size_t kFew = 3;
  if (count_clear(block.numeric, residual.negligible()) < kFew) return std::nullopt;
  for (const auto hypothesis : {summed_over_further_axes, spread_along_wrong_axis, coupled_along_wrong_axis})
    if (Diagnosis found = hypothesis(block, residual)) return found;
  return std::nullopt;
}

}  // namespace tapegrad::checker
