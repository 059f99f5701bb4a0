#include "gradcheck/plain_differences.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace tapegrad::checker {
namespace {

constexpr std::int64_t kDiagnosisCalls = 8;  // in units of the budget: what a diagnosis may cost
constexpr std::int64_t kLeastBudget = 500, kMostBudget = std::numeric_limits<std::int64_t>::max() / kDiagnosisCalls;

/// A power of two near numbers whose squares overflow or vanish; 1 for others.
double unit_of(const Matrix& a, const Matrix& b) {
  constexpr int kFar = 256;
  const double most = std::max(largest(a.values), largest(b.values));
  const int exponent = most > 0.0 ? std::ilogb(most) : 0;
  return std::abs(exponent) < kFar ? 1.0 : std::scalbn(1.0, exponent);
}

}  // namespace

PlainDifferences::PlainDifferences(Subject& subject, double epsilon, std::int64_t budget, std::int64_t& calls)
    : subject_(subject),
      epsilon_(epsilon),
      least_(subject.parts.size(), 1.0),
      left_(kDiagnosisCalls * std::clamp(budget, kLeastBudget, kMostBudget)),
      calls_(calls) {}

std::int64_t PlainDifferences::cost(std::size_t part) const {
  return static_cast<std::int64_t>(2 * subject_.parts[part].values.size());
}

std::int64_t PlainDifferences::budget_for(std::int64_t cost) { return cost / kDiagnosisCalls + 1; }

double PlainDifferences::step(std::size_t part, double x) const {
  return std::exp2(std::round(std::log2(std::cbrt(epsilon_)))) * std::max(std::abs(x), least_[part]);
}

std::optional<Matrix> PlainDifferences::at(std::size_t i, std::size_t k, const Values& values) {
  if (!affords(i)) return std::nullopt;
  left_ -= cost(i);
  std::vector<Values> moved;
  for (const Part& part : subject_.parts) moved.push_back(part.values);
  moved[k] = values;
  const Values point = moved[i];
  Matrix differences(subject_.outputs.size(), point.size());
  const auto call_with = [&](std::size_t j, double value) {
    ++calls_;
    moved[i][j] = value;
    Values y = i == k ? subject_.call_with(i, moved[i]) : subject_.call_at(moved);
    moved[i][j] = point[j];
    return y;
  };
  for (std::size_t j = 0; j < point.size(); ++j) {
    const double h = step(i, point[j]);
    const double up = point[j] + h;
    const double down = point[j] - h;
    const Values above = call_with(j, up);
    const Values below = call_with(j, down);
    for (std::size_t o = 0; o < differences.rows; ++o) {
      differences(o, j) = (above[o] - below[o]) / (up - down);
      if (!std::isfinite(differences(o, j))) return std::nullopt;
    }
  }
  return differences;
}

Block PlainDifferences::block(std::size_t i, const Matrix& claimed, const Matrix& numeric, double error) {
  const bool single_output = subject_.output_shapes.size() == 1;
  const double unit = unit_of(claimed, numeric);
  Block block{.input_shape = subject_.parts[i].shape,
              .output_shape = single_output ? subject_.output_shapes.front() : Extents{},
              .single_output = single_output,
              .output_shapes = subject_.output_shapes,
              .analytic = in_units(claimed, unit),
              .numeric = in_units(numeric, unit),
              .numeric_error = error / unit,
              .unit = unit,
              .input = i,
              .inputs = {},
              .outputs = subject_.outputs,
              .numeric_at = [this, i, unit](std::size_t k, const Values& values) -> std::optional<Matrix> {
                std::optional<Matrix> there = at(i, k, values);
                if (there) there = in_units(*std::move(there), unit);
                return there;
              }};
  for (const Part& part : subject_.parts) block.inputs.push_back({part.name, part.shape, part.values});
  return block;
}

}  // namespace tapegrad::checker
