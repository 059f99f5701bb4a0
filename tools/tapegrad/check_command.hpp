// tapegrad check: runs the suite, or a part of it, and tells what it found.
#pragma once

#include <string>
#include <vector>

#include "suite/entry.hpp"
#include "suite/sample_checks.hpp"
#include "tapegrad/check_run.hpp"

namespace tapegrad::program {

struct CheckRequest {
  // Patterns; none at all: everything.
  std::vector<std::string> names = {};  ///< of any kind
  std::vector<std::string> ops = {}, layers = {}, checks = {};
  std::vector<std::string> samples = {};  ///< patterns; none: every sample, and the checks beside samples
  suite::CheckOptions options = {};
  int workers = 1;
  std::string json = {}, junit = {}, html = {};  ///< files to write; empty: none; "-": standard output
};

/// Exit code: 0 all passed, 1 something failed. Prints the table, on the error stream where a report goes to the
/// standard output. UsageError for names that do not exist and two reports in one place, IoError for files that cannot
/// be written.
int check_command(const suite::Contents& contents, const CheckRequest& request);

/// Of a run: 0, or 1 when something failed.
int exit_status(const CheckRun& run);

/// The entries that a request means. UsageError for names that do not exist.
std::vector<suite::Entry> entries_of(const suite::Contents& contents, const CheckRequest& request);

}  // namespace tapegrad::program
