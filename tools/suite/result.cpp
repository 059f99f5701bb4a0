#include "suite/result.hpp"

#include <algorithm>

namespace tapegrad::suite {

bool EntryResult::passed() const {
  return std::none_of(checks.begin(), checks.end(), [](const CheckResult& c) { return c.outcome == Outcome::failed; });
}

bool passed(const std::vector<EntryResult>& results) {
  return std::all_of(results.begin(), results.end(), [](const EntryResult& r) { return r.passed(); });
}

}  // namespace tapegrad::suite
