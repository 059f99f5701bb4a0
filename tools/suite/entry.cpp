#include "suite/entry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "suite/layer.hpp"
#include "suite/measured.hpp"
#include "suite/tensors.hpp"

namespace tapegrad::suite {
namespace {

using catalogue::OpEntry;
using catalogue::Sample;

CheckResult check_documents(const OpEntry& op) {
  return measured("documents", "", [&](CheckResult& result) {
    if (op.math.empty()) fail(result, "no formula");
    if (op.derivation().empty()) fail(result, "no derivation");
  });
}

std::vector<CheckResult> check_all_but_samples(const OpEntry& op, const CheckOptions& options) {
  std::vector<CheckResult> results;
  results.push_back(check_documents(op));
  for (const catalogue::ErrorSample& error : op.errors()) results.push_back(check_error(error));
  Generator g(options.seed);
  results.push_back(check_threads(op.benchmark(g)));
  return results;
}

template <class Fill>
EntryResult timed(const Entry& entry, Fill&& fill) {
  const auto start = std::chrono::steady_clock::now();
  EntryResult result{.kind = entry.kind, .family = entry.family, .name = entry.name, .checks = {}};
  result.checks.push_back(measured("samples", "", [&](CheckResult& check) {
    if (!fill(result)) fail(check, "there are no samples");
  }));
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

}  // namespace

Entry entry_of(const OpEntry& op) {
  return {.kind = "op",
          .family = op.family,
          .name = op.name,
          .samples = op.samples,
          .differentiable = !op.differentiable        ? Differentiable::never
                            : op.twice_differentiable ? Differentiable::always
                                                      : Differentiable::once,
          .others = [&op](const CheckOptions& options) { return check_all_but_samples(op, options); }};
}

std::vector<Entry> all_entries() {
  std::vector<Entry> entries;
  for (const OpEntry* op : catalogue::all_ops()) entries.push_back(entry_of(*op));
  for (const nn::catalogue::LayerEntry* layer : nn::catalogue::all_layers()) entries.push_back(entry_of(*layer));
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.kind != b.kind ? a.kind == "op" : a.name < b.name; });
  return entries;
}

EntryResult check(const Entry& entry, const CheckOptions& options) {
  return timed(entry, [&](EntryResult& result) {
    Generator g(options.seed);
    const catalogue::Samples samples = entry.samples(g);
    for (const Sample& sample : samples)
      append_of_sample(result.checks, check_sample(sample, entry.differentiable, options));
    if (entry.others) append(result.checks, entry.others(options));
    return !samples.empty();
  });
}

EntryResult check_differences(const Entry& entry, const CheckOptions& options) {
  return timed(entry, [&](EntryResult& result) {
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
