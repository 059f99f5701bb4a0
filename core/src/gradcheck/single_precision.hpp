// Derivatives in double that were computed in float32 on the way.
#pragma once

#include "gradcheck/values.hpp"
#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

/// How far, beside the largest value, a computation in float32 may be off and still be recognised.
inline constexpr double kSingleError = 1e-5;

/// Whether all are float32 numbers, and some have so many digits that this is no accident.
bool are_single(const Values& values);

/// `error` is the largest, beside the largest value.
GradcheckDiagnosis in_single_precision(double error);

}  // namespace tapegrad::checker
