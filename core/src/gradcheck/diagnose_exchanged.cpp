// Inputs whose gradients have changed places.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "gradcheck/diagnosis.hpp"

namespace tapegrad::checker {

GradcheckDiagnosis exchanged_with(const std::string& name, double left) {
  return fitted(GradcheckMistake::exchanged_inputs,
                fmt::format("analytic is numeric of input '{}', and the other way round", name), left,
                ": the gradients of the two inputs have changed places");
}

Diagnosis exchanged_inputs(const Block& block, const Residual& residual) {
  for (const OtherBlock& other : block.alike) {
    // Where the other input's derivative is right, the two are equal.
    const double left = std::max(residual.unexplained(other.numeric), residual.share(other.analytic, block.numeric));
    if (residual.allows(left)) return exchanged_with(other.name, left);
  }
  return block.exchanged;
}

}  // namespace tapegrad::checker
