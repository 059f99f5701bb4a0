// What the repetitions gave, and the tables made of them.
#pragma once

#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <vector>

#include "bench/products.hpp"
#include "bench/workloads.hpp"

namespace bench {

/// The repetitions of one workload on one engine.
struct Times {
  std::vector<double> microseconds;
  double peak_mib = 0.0;

  bool empty() const { return microseconds.empty(); }
  double median() const;
};

/// How many times as long one took as the other, pair by pair.
struct Ratio {
  double median, lower, upper;  // the median and the quartiles
};
Ratio ratio_of(const Times& slow, const Times& fast);

/// Keeps the times beside printing Google Benchmark's own lines.
class Recorder final : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override;

  /// Empty when it has not run.
  const Times& of(const std::string& workload, const Engine& engine, int threads) const;

 private:
  std::map<std::string, Times> times_;
};

/// A line for each workload that has run: ours, and each peer's time in units of ours.
void print_workloads(const Recorder& recorder, const Engine& ours, const std::vector<Engine>& peers);
/// The same for matrix products: GFLOP/s, the fraction of the machine's peak, and the best peer's speed in units of
/// ours.
void print_products(const Recorder& recorder, const Engine& ours, const std::vector<Engine>& peers,
                    const Engine& machine);

}  // namespace bench
