// A whole run: words, networks, claims, report, prompt.
#pragma once

#include "norm_study/laboratory.hpp"

namespace norm_study {

/// The exit codes of the program.
inline constexpr int kSuccess = 0, kFailure = 1, kUsage = 2, kInterrupted = 130;

/// Runs the study and returns the exit code. Throws tapegrad::IoError for word lists that are missing or a folder that
/// cannot be written, tapegrad::ValueError for options that make no sense.
int run_study(const StudyOptions& options);

}  // namespace norm_study
