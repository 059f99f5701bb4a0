// Whole blocks of the Jacobian by plain central differences: rough, cheap, and as many as a diagnosis may cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "gradcheck/block.hpp"
#include "gradcheck/subject.hpp"

namespace tapegrad::checker {

class PlainDifferences {
 public:
  /// `budget`: of the check; a diagnosis may cost several times as much. Calls are added to `calls`.
  PlainDifferences(Subject& subject, double epsilon, std::int64_t budget, std::int64_t& calls);

  /// The function calls that a block for a part takes, whether they can be afforded still, and the least budget of a
  /// check that affords them.
  std::int64_t cost(std::size_t part) const;
  bool affords(std::size_t part) const { return cost(part) <= left_; }
  static std::int64_t budget_for(std::int64_t cost);

  /// Elements of a part that are smaller count as this large, for the step; 1 until then.
  void count_as(std::size_t part, double least) { least_[part] = least; }

  /// d outputs / d part `i` with part `k` at other values; nothing when that costs too much or is not finite.
  std::optional<Matrix> at(std::size_t i, std::size_t k, const Values& values);

  /// By how far an element of a part is moved to either side where its value is `x`.
  double step(std::size_t part, double x) const;

  /// What a diagnosis is fitted to: part i's derivatives, and plain differences at other points. Not to outlive this.
  Block block(std::size_t i, const Matrix& claimed, const Matrix& numeric, double error);

 private:
  Subject& subject_;
  double epsilon_;       // relative rounding of the values
  Values least_;         // by part
  std::int64_t left_;    // calls that may still be spent
  std::int64_t& calls_;  // made so far
};

}  // namespace tapegrad::checker
