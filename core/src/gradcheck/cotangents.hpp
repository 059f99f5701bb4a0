// What a rule makes of the gradient that comes in: it must be linear in that.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <vector>

#include "gradcheck/precision.hpp"
#include "gradcheck/subject.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

/// By how much cotangents are made larger and smaller, to see what a rule clips or flushes to zero. A power of two: a
/// linear rule makes the same digits of them.
inline constexpr double kLargeCotangent = 1024.0;

/// The gradients of all parts for a multiple of a cotangent.
struct Multiple {
  double factor;
  std::vector<Values> gradients;  // by part
};
std::vector<Multiple> multiples_of(Subject& subject, const Values& cotangent, std::initializer_list<double> factors);

/// The gradients of all parts for two random cotangents, for their sum, and for multiples of one: twice, minus, large
/// and small.
class CotangentProbe {
 public:
  /// Costs seven reverse sweeps. REQUIRES: `precision` outlives this.
  CotangentProbe(Subject& subject, const Precision& precision, Generator generator);

  /// How a part's gradient fails to be linear in the cotangent; nothing where it is linear to its coarseness, or not
  /// finite.
  std::optional<GradcheckDiagnosis> diagnose(std::size_t part, double coarseness) const;

 private:
  /// The same of a rule that is linear in cotangents of one size, whose gradients may be off by `allowed`.
  std::optional<GradcheckDiagnosis> diagnose_size(std::size_t part, double allowed) const;

  const Precision& precision_;
  double allowed_;  // difference, in units of the largest element
  std::vector<Values> one_, other_, sum_, twice_, minus_, large_, small_;  // by part
};

}  // namespace tapegrad::checker
