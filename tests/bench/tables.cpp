#include "bench/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bench {
namespace {

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

/// A process of its own keeps its pages from one workload to the next: its growth says nothing.
bool counts_memory(const Engine& engine) { return engine.process == 0; }
int memory_width(const Engine& engine) { return counts_memory(engine) ? 8 : 0; }

/// Whether any of an engine's workloads has.
bool has_run(const Recorder& recorder, const Engine& engine) {
  return std::ranges::any_of(engine.workloads, [&](const Workload& w) {
    return std::ranges::any_of(kThreads, [&](int threads) { return !recorder.of(w.name, engine, threads).empty(); });
  });
}

/// Of the column that holds the names of those that have.
int names_width(const Recorder& recorder, const Engine& engine) {
  std::size_t width = 10;
  for (const Workload& w : engine.workloads)
    for (const int threads : kThreads)
      if (!recorder.of(w.name, engine, threads).empty()) width = std::max(width, w.name.size() + 1);
  return static_cast<int>(width);
}

/// "12.3" or nothing.
std::string number(double value, int digits) { return value > 0.0 ? fmt::format("{:.{}f}", value, digits) : ""; }

}  // namespace

double Times::median() const { return quantile(microseconds, 0.5); }

Ratio ratio_of(const Times& slow, const Times& fast) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(slow.microseconds.size(), fast.microseconds.size()); ++i)
    ratios.push_back(slow.microseconds[i] / fast.microseconds[i]);
  return {quantile(ratios, 0.5), quantile(ratios, 0.25), quantile(ratios, 0.75)};
}

void Recorder::ReportRuns(const std::vector<Run>& runs) {
  std::vector<Run> shown;
  for (const Run& r : runs) {
    if (r.run_type == Run::RT_Aggregate) {
      shown.push_back(r);
      continue;
    }
    if (r.error_occurred) continue;
    Times& times = times_[r.run_name.function_name + "/" + r.run_name.args];
    times.microseconds.push_back(r.GetAdjustedRealTime());
    if (const auto peak = r.counters.find("peak_MiB"); peak != r.counters.end())
      times.peak_mib = std::max(times.peak_mib, peak->second.value);
  }
  ConsoleReporter::ReportRuns(shown);
}

const Times& Recorder::of(const std::string& workload, const Engine& engine, int threads) const {
  static const Times nothing;
  const auto found = times_.find(fmt::format("{}/{}/threads:{}", workload, engine.name, threads));
  return found == times_.end() ? nothing : found->second;
}

void print_workloads(const Recorder& recorder, const Engine& ours, const std::vector<Engine>& peers) {
  if (!has_run(recorder, ours)) return;
  const int width = names_width(recorder, ours);
  fmt::print("\n{:<{}}{:>7}{:>12}{:>8}{:>8}", "", width, "threads", ours.name + " us", "GB/s", "MiB");
  for (const Engine& peer : peers)
    fmt::print("{:>24}{:>{}}", peer.name + " / ours", counts_memory(peer) ? "MiB" : "", memory_width(peer));
  fmt::print("\n");
  for (const Workload& w : ours.workloads) {
    for (const int threads : kThreads) {
      const Times& mine = recorder.of(w.name, ours, threads);
      if (mine.empty()) continue;
      fmt::print("{:<{}}{:>7}{:>12.1f}{:>8}{:>8}", w.name, width, threads, mine.median(),
                 number(w.bytes / mine.median() / 1e3, 1), number(mine.peak_mib, 1));
      for (const Engine& peer : peers) {
        const Times& theirs = recorder.of(w.name, peer, threads);
        const Ratio r = ratio_of(theirs, mine);
        fmt::print("{:>24}{:>{}}",
                   theirs.empty() ? "" : fmt::format("{:.2f} ({:.2f}..{:.2f})", r.median, r.lower, r.upper),
                   counts_memory(peer) ? number(theirs.peak_mib, 1) : "", memory_width(peer));
      }
      fmt::print("   {}\n", w.description);
    }
  }
}

void print_products(const Recorder& recorder, const Engine& ours, const std::vector<Engine>& peers,
                    const Engine& machine) {
  if (!has_run(recorder, ours)) return;
  fmt::print("\n{:<22}{:>7}{:>10}{:>9}", "GFLOP/s", "threads", ours.name, "of peak");
  for (const Engine& peer : peers) fmt::print("{:>10}", peer.name);
  fmt::print("   ours / best\n");
  const auto peak_of = [&](int threads) {
    for (const Workload& w : machine.workloads) {
      const Times& times = recorder.of(w.name, machine, threads);
      if (w.name == kPeak && !times.empty()) return w.flops * threads / times.median() / 1e3;
    }
    return 0.0;
  };
  for (const int threads : kThreads) {
    const double peak = peak_of(threads);
    double logarithms = 0.0;
    int count = 0;
    for (const Workload& w : ours.workloads) {
      const Times& mine = recorder.of(w.name, ours, threads);
      if (mine.empty()) continue;
      const double speed = w.flops / mine.median() / 1e3;
      fmt::print("{:<22}{:>7}{:>10.1f}{:>9}", w.name, threads, speed, number(peak > 0.0 ? speed / peak : 0.0, 2));
      const Times* best = nullptr;
      for (const Engine& peer : peers) {
        const Times& theirs = recorder.of(w.name, peer, threads);
        fmt::print("{:>10}", theirs.empty() ? "" : number(w.flops / theirs.median() / 1e3, 1));
        if (!theirs.empty() && (best == nullptr || theirs.median() < best->median())) best = &theirs;
      }
      if (best != nullptr) {
        const Ratio r = ratio_of(*best, mine);
        fmt::print("   {:.2f} ({:.2f}..{:.2f})", r.median, r.lower, r.upper);
        logarithms += std::log(r.median);
        ++count;
      }
      fmt::print("\n");
    }
    if (count > 0) fmt::print("{:<29}geometric mean of ours / best: {:.3f}\n", "", std::exp(logarithms / count));
  }
}

}  // namespace bench
