// What a rule makes of the gradient that comes in: it must be linear in that.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "gradcheck/subject.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

/// The gradients of all parts for two random cotangents, for their sum, and for the double and the opposite of one.
class CotangentProbe {
 public:
  /// Costs five reverse sweeps.
  CotangentProbe(Subject& subject, Generator generator);

  /// How a part's gradient fails to be linear in the cotangent; nothing where it is linear to its coarseness, or not
  /// finite.
  std::optional<GradcheckDiagnosis> diagnose(std::size_t part, double coarseness) const;

 private:
  double allowed_;                                         // difference, in units of the largest element
  std::vector<Values> one_, other_, sum_, twice_, minus_;  // by part
};

}  // namespace tapegrad::checker
