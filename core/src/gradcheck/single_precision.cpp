#include "gradcheck/single_precision.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradcheck/diagnosis.hpp"

namespace tapegrad::checker {
namespace {

bool is_single(double value) { return value == static_cast<double>(static_cast<float>(value)); }

/// Whether a value needs more than 16 of float32's 24 binary digits.
bool has_many_digits(double value) {
  int exponent = 0;
  const double digits = std::ldexp(std::frexp(value, &exponent), 16);
  return digits != std::trunc(digits);
}

}  // namespace

bool are_single(const Values& values) {
  return std::all_of(values.begin(), values.end(), is_single) &&
         std::any_of(values.begin(), values.end(), has_many_digits);
}

GradcheckDiagnosis in_single_precision(double error) {
  return {GradcheckMistake::single_precision,
          fmt::format("every value of analytic is a float32 number, and right to {:.1e} of the largest: the derivative "
                      "is computed or stored in single precision",
                      error),
          0.0};
}

Diagnosis single_precision(const Block& block, const Residual& residual) {
  // Of float32 numbers a right derivative may be one as well: 2 x.
  if (!are_single(block.analytic.values) || are_single(block.inputs[block.input].values)) return std::nullopt;
  const double error = largest(residual.matrix().values) / largest(block.numeric.values);
  if (!(error <= kSingleError)) return std::nullopt;
  return in_single_precision(error);
}

}  // namespace tapegrad::checker
