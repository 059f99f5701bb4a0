// A run of the suite, and what tables and reports say about it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "console/terminal.hpp"
#include "suite/entry.hpp"
#include "suite/result.hpp"
#include "tapegrad/diff/gradcheck.hpp"

namespace tapegrad::program {

struct CheckRun {
  std::string program = "tapegrad";  ///< by which it was run
  suite::CheckOptions options;
  int workers = 1;
  std::vector<suite::EntryResult> results;
  double seconds = 0.0;

  bool passed() const { return suite::passed(results); }
};

inline constexpr std::size_t kVerdicts = static_cast<std::size_t>(Verdict::wrong) + 1;

/// One entry in numbers.
struct Summary {
  std::size_t samples = 0, checks = 0, failed = 0, skipped = 0;
  std::size_t threw = 0;                          ///< of those that failed
  std::int64_t comparisons = 0;                   ///< with finite differences
  std::array<std::size_t, kVerdicts> verdicts{};  ///< how many findings have each
  double worst = 0.0;                             ///< error of the worst finding in units of what is allowed

  Summary& operator+=(const Summary& other);
};

Summary summary_of(const suite::EntryResult& result);

/// "24 ok, 2 kink".
std::string verdict_text(const Summary& summary);

/// "differences, sample \"plain\"".
std::string title(const suite::CheckResult& check);

/// The command that runs one check again.
std::string reproduction(std::string_view program, const suite::EntryResult& result, const suite::CheckResult& check,
                         const suite::CheckOptions& options);

/// "PASS 3 checked ..." or "FAIL ...": the text as wide as the terminal, its further lines below its first.
std::string conclusion(bool passed, std::string_view text, const console::Terminal& terminal);

}  // namespace tapegrad::program
