// What the suite finds: values, so that a test, a table and a report can be made of the same run.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tapegrad/diff/gradcheck.hpp"

namespace tapegrad::suite {

enum class Outcome : unsigned char { passed, failed, skipped };

/// One kind of check of one sample, or of the whole entry.
struct CheckResult {
  std::string_view check;   ///< kind: "differences", "memory order", "errors", ...
  std::string sample;       ///< empty for a check of the whole entry
  bool of_samples = false;  ///< one of those that run for each sample of the entry, and for chosen samples alone
  Outcome outcome = Outcome::passed;
  bool threw = false;                     ///< failed before there was anything to judge
  std::string message;                    ///< what is wrong, or why nothing was checked
  std::optional<GradcheckReport> report;  ///< of the comparison with finite differences
  double seconds = 0.0;
};

/// All checks of an op or a layer, or the one that somebody has written.
struct EntryResult {
  std::string_view kind;  ///< "op", "layer" or "check"
  std::string_view family;
  std::string_view name;
  std::vector<CheckResult> checks;
  double seconds = 0.0;

  bool passed() const;
};

bool passed(const std::vector<EntryResult>& results);

}  // namespace tapegrad::suite
