// What the suite checks: ops and layers on their samples, and checks that somebody has written.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "suite/result.hpp"
#include "suite/sample_checks.hpp"
#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/suite.hpp"

namespace tapegrad::suite {

struct Entry {
  std::string_view kind;  ///< "op", "layer" or "check"
  std::string_view family;
  std::string_view name;
  std::function<catalogue::Samples(Generator&)> samples;  ///< none of a "check"
  Differentiable differentiable = Differentiable::always;
  /// Checks beside those of the samples: errors, the benchmark case at several thread counts ...
  std::function<std::vector<CheckResult>(const CheckOptions&)> others;
};

/// Whose an op or a layer is. Those of tapegrad must have a formula, and ops a derivation.
enum class Origin : unsigned char { built_in, own };

/// These keep a reference to what they are made of.
Entry entry_of(const catalogue::OpEntry& op, Origin origin = Origin::built_in);
Entry entry_of(const nn::catalogue::LayerEntry& layer, Origin origin = Origin::built_in);
Entry entry_of(const Check& check);

/// All ops or all layers, tapegrad's first.
std::vector<const catalogue::OpEntry*> ops_of(const Contents& contents);
std::vector<const nn::catalogue::LayerEntry*> layers_of(const Contents& contents);
Origin origin_of(const catalogue::OpEntry& op, const Contents& contents);
Origin origin_of(const nn::catalogue::LayerEntry& layer, const Contents& contents);

/// Every entry: ops, layers, checks, each kind by name. ValueError where one has no name, or two of a kind have one.
std::vector<Entry> entries_of(const Contents& contents);

/// All checks of one entry, on this thread, whose default generator begins at the seed and goes on afterwards as
/// before.
EntryResult check(const Entry& entry, const CheckOptions& options = {});

/// Those of the samples' comparisons with differences alone: what a search for false alarms repeats.
EntryResult check_differences(const Entry& entry, const CheckOptions& options);

}  // namespace tapegrad::suite
