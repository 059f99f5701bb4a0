// The checker checked: how many planted mistakes it finds, and whether it suspects the innocent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "suite/entry.hpp"
#include "suite/result.hpp"
#include "tapegrad/mutants.hpp"

namespace tapegrad::program {

/// How a mutant was looked at: the checker as it comes, its two ways with a Jacobian, and a mistake in the forward
/// rule.
inline constexpr std::array<std::string_view, 4> kModes = {"default", "full Jacobian", "directions", "forward"};
inline constexpr std::size_t kDefaultMode = 0, kForwardMode = 3;
/// Whether a mistake that this does not find is a failure.
constexpr bool must_find(std::size_t mode) { return mode == kDefaultMode || mode == kForwardMode; }

struct Detection {
  std::size_t tried = 0, found = 0;
};

struct BugTally {
  std::size_t planted = 0;
  std::size_t same = 0;    ///< the same function here, and left out
  std::size_t beyond = 0;  ///< another function, but nearer than differences can tell: left out too
  std::array<Detection, kModes.size()> modes;

  BugTally& operator+=(const BugTally& other);
};

/// A mutant that one of the modes did not find.
struct Missed {
  std::string entry, sample, where;
  Bug bug = kScale;
  std::size_t mode = 0;
  std::string report;
};

/// How a check is called in which a rule with a mistake in it has thrown; in the others the entry's own has.
inline constexpr std::string_view kPlantedRule = "a planted rule";

struct DetectionResult {
  std::array<BugTally, kBugs.size()> bugs;
  std::size_t samples = 0;        ///< into which mistakes were planted
  std::vector<Missed> missed;     ///< in any mode
  std::vector<Missed> suspected;  ///< the right rule, planted the same way, was not found right
  /// The entries of which a sample has thrown while mistakes were planted into it, and what each such sample threw.
  std::vector<suite::EntryResult> threw;

  DetectionResult& operator+=(DetectionResult other);
  /// Everything that is another function was found, by the default settings and in forward mode, no right rule was
  /// suspected, and nothing has thrown.
  bool passed() const;
};

/// Plants every mistake that applies into the samples of one entry that differences can judge: of order 1 or 2, on no
/// kink, with at most `most_elements` inputs. A sample that throws, as by its rule, is told among `threw`, and the
/// others are gone through all the same.
DetectionResult detect(const suite::Entry& entry, std::uint64_t seed, std::int64_t most_elements = 64);

}  // namespace tapegrad::program
