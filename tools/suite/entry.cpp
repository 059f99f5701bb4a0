#include "suite/entry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "suite/measured.hpp"
#include "suite/tensors.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/random.hpp"

namespace tapegrad::suite {
namespace {

using catalogue::OpEntry;
using catalogue::Sample;
using nn::catalogue::LayerEntry;

CheckResult check_documents(const OpEntry& op) {
  return measured("documents", "", [&](CheckResult& result) {
    if (op.math.empty()) fail(result, "no formula");
    if (op.derivation().empty()) fail(result, "no derivation");
  });
}

/// What teams of threads are compared at: a benchmark's case, which gives each of them work, or else the first sample.
std::optional<Sample> case_for_threads(const OpEntry& op, std::uint64_t seed) {
  Generator g(seed);
  if (op.benchmark) return op.benchmark(g);
  try {
    std::vector<Sample> samples = op.samples ? op.samples(g) : std::vector<Sample>();
    if (!samples.empty()) return std::move(samples.front());
  } catch (...) {  // as the check of the samples tells
  }
  return std::nullopt;
}

std::vector<CheckResult> check_all_but_samples(const OpEntry& op, Origin origin, const CheckOptions& options) {
  std::vector<CheckResult> results;
  if (origin == Origin::built_in) results.push_back(check_documents(op));
  for (const catalogue::ErrorSample& error : op.errors()) results.push_back(check_error(error));
  if (const std::optional<Sample> sample = case_for_threads(op, options.seed))
    results.push_back(check_threads(*sample));
  return results;
}

/// `fill(result)` says whether there are samples.
template <class Fill>
EntryResult timed(const Entry& entry, const CheckOptions& options, Fill&& fill) {
  const auto start = std::chrono::steady_clock::now();
  EntryResult result{.kind = entry.kind, .family = entry.family, .name = entry.name, .checks = {}};
  const RandomNumbers numbers(default_numbers(options.seed));
  CheckResult samples = measured("samples", "", [&](CheckResult& check) {
    if (!fill(result)) fail(check, "there are no samples");
  });
  if (entry.samples || samples.threw) result.checks.push_back(std::move(samples));
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

void append(std::vector<CheckResult>& to, std::vector<CheckResult> from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

void append_of_sample(std::vector<CheckResult>& to, std::vector<CheckResult> from) {
  for (CheckResult& check : from) check.of_samples = true;
  append(to, std::move(from));
}

/// Those of tapegrad, then those of one's own.
template <class Item>
std::vector<const Item*> all_of(std::span<const Item* const> built_in, const std::vector<Item>& own) {
  std::vector<const Item*> all(built_in.begin(), built_in.end());
  for (const Item& item : own) all.push_back(&item);
  return all;
}

template <class Item>
Origin origin_among(std::span<const Item* const> built_in, const Item& item) {
  return std::find(built_in.begin(), built_in.end(), &item) != built_in.end() ? Origin::built_in : Origin::own;
}

void expect_names(const std::vector<Entry>& entries) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    if (entry.name.empty()) throw ValueError(fmt::format("[suite] expected a name for each {}", entry.kind));
    if (i > 0 && entries[i - 1].kind == entry.kind && entries[i - 1].name == entry.name)
      throw ValueError(
          fmt::format("[suite] expected a name of its own for each {}, got two '{}'", entry.kind, entry.name));
  }
}

}  // namespace

Entry entry_of(const OpEntry& op, Origin origin) {
  return {.kind = "op",
          .family = op.family,
          .name = op.name,
          .samples = op.samples,
          .differentiable = !op.differentiable        ? Differentiable::never
                            : op.twice_differentiable ? Differentiable::always
                                                      : Differentiable::once,
          .others = [&op, origin](const CheckOptions& options) { return check_all_but_samples(op, origin, options); }};
}

Entry entry_of(const Check& check) {
  return {.kind = "check",
          .family = "",
          .name = check.name,
          .samples = {},
          .others = [&check](const CheckOptions& options) {
            return std::vector<CheckResult>{measured("differences", "", [&](CheckResult& result) {
              result.report = check.run({.order = options.order, .seed = options.seed});
              if (!result.report->ok()) fail(result, to_string(*result.report));
            })};
          }};
}

std::vector<const OpEntry*> ops_of(const Contents& contents) { return all_of(contents.built_in_ops, contents.ops); }
std::vector<const LayerEntry*> layers_of(const Contents& contents) {
  return all_of(contents.built_in_layers, contents.layers);
}
Origin origin_of(const OpEntry& op, const Contents& contents) { return origin_among(contents.built_in_ops, op); }
Origin origin_of(const LayerEntry& layer, const Contents& contents) {
  return origin_among(contents.built_in_layers, layer);
}

std::vector<Entry> entries_of(const Contents& contents) {
  std::vector<Entry> ops, layers, checks;
  for (const OpEntry* op : ops_of(contents)) ops.push_back(entry_of(*op, origin_of(*op, contents)));
  for (const LayerEntry* layer : layers_of(contents)) layers.push_back(entry_of(*layer, origin_of(*layer, contents)));
  for (const Check& check : contents.checks) checks.push_back(entry_of(check));
  std::vector<Entry> entries;
  for (std::vector<Entry>* kind : {&ops, &layers, &checks}) {
    std::stable_sort(kind->begin(), kind->end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
    std::move(kind->begin(), kind->end(), std::back_inserter(entries));
  }
  expect_names(entries);
  return entries;
}

EntryResult check(const Entry& entry, const CheckOptions& options) {
  return timed(entry, options, [&](EntryResult& result) {
    Generator g(options.seed);
    const catalogue::Samples samples = entry.samples ? entry.samples(g) : catalogue::Samples();
    for (const Sample& sample : samples)
      append_of_sample(result.checks, check_sample(sample, entry.differentiable, options));
    if (entry.others) append(result.checks, entry.others(options));
    return !samples.empty();
  });
}

EntryResult check_differences(const Entry& entry, const CheckOptions& options) {
  return timed(entry, options, [&](EntryResult& result) {
    Generator g(options.seed);
    const catalogue::Samples samples = entry.samples(g);
    for (const Sample& sample : samples)
      if (entry.differentiable != Differentiable::never && sample.options.order > 0 &&
          std::any_of(sample.inputs.begin(), sample.inputs.end(), carries_gradient))
        append_of_sample(result.checks, {check_differences(sample, options)});
    return !samples.empty();
  });
}

}  // namespace tapegrad::suite
