// What the suite checks: the ops of the catalogue, and whatever else has samples.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "suite/result.hpp"
#include "suite/sample_checks.hpp"
#include "tapegrad/catalogue/entry.hpp"

namespace tapegrad::suite {

struct Entry {
  std::string_view kind;  ///< "op" or "layer"
  std::string_view family;
  std::string_view name;
  std::function<catalogue::Samples(Generator&)> samples;
  Differentiable differentiable = Differentiable::always;
  /// Checks beside those of the samples: errors, the benchmark case at several thread counts ...
  std::function<std::vector<CheckResult>(const CheckOptions&)> others;
};

Entry entry_of(const catalogue::OpEntry& op);

/// Every entry of this build, ops first, each kind by name.
std::vector<Entry> all_entries();

/// All checks of one entry, on this thread.
EntryResult check(const Entry& entry, const CheckOptions& options = {});

/// Those of the samples' comparisons with differences alone: what a search for false alarms repeats.
EntryResult check_differences(const Entry& entry, const CheckOptions& options);

}  // namespace tapegrad::suite
