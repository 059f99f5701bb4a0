// The benchmarks: every workload on every engine that was built in, at 1 and 2 threads, interleaved in one run; after
// Google Benchmark's own output a table of ratios of medians. Absolute times differ from machine to machine and from
// day to day; ratios in one run do not as much.
//
//   ./dev bench                                        all
//   ./dev bench --benchmark_filter='W1/'               one workload
//   ./dev bench --benchmark_out=r.json --benchmark_out_format=json
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/workloads.hpp"
#include "tapegrad/array/memory.hpp"

namespace {

void run(benchmark::State& state, const bench::Engine& engine, const bench::Workload& workload) {
  engine.set_threads(static_cast<int>(state.range(0)));
  const bench::Step step = workload.make();
  for (int i = 0; i < 5; ++i) step();  // caches and allocators are warm, as in a training loop
  const std::uint64_t before = tapegrad::memory_statistics().system_allocations;
  for (auto _ : state) step();
  if (engine.name == "tapegrad")
    state.counters["system_allocations"] =
        static_cast<double>(tapegrad::memory_statistics().system_allocations - before);
  if (workload.operations > 0)
    state.counters["per_op"] = benchmark::Counter(
        workload.operations, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// Keeps the medians beside printing them.
class Recorder final : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& r : runs)
      if (r.run_type == Run::RT_Aggregate && r.aggregate_name == "median")
        medians_[r.run_name.function_name + "/" + r.run_name.args] = r.GetAdjustedRealTime();
    ConsoleReporter::ReportRuns(runs);
  }

  /// 0 for a benchmark that has not run.
  double median(const std::string& name, const std::string& threads) const {
    const auto found = medians_.find(name + "/" + threads);
    return found == medians_.end() ? 0.0 : found->second;
  }

 private:
  std::map<std::string, double> medians_;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<bench::Engine> engines = {bench::tapegrad_engine()};
#ifdef TAPEGRAD_BENCH_LIBTORCH
  engines.push_back(bench::libtorch_engine());
#endif
  // Short repetitions in random order: what disturbs the machine disturbs all alike.
  std::vector<std::string> defaults = {argv[0], "--benchmark_repetitions=15", "--benchmark_min_time=0.05",
                                       "--benchmark_enable_random_interleaving=true",
                                       "--benchmark_report_aggregates_only=true"};
  std::vector<char*> arguments;
  for (std::string& a : defaults) arguments.push_back(a.data());
  for (int i = 1; i < argc; ++i) arguments.push_back(argv[i]);  // the user's come last and win
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;

  for (const bench::Engine& engine : engines)
    for (const bench::Workload& workload : engine.workloads)
      benchmark::RegisterBenchmark((workload.name + "/" + engine.name).c_str(),
                                   [&engine, &workload](benchmark::State& state) { run(state, engine, workload); })
          ->ArgName("threads")
          ->Arg(1)
          ->Arg(2)
          ->UseRealTime()
          ->Unit(benchmark::kMicrosecond);
  Recorder recorder;
  benchmark::RunSpecifiedBenchmarks(&recorder);

  if (engines.size() > 1) {
    fmt::print("\nMedians in microseconds; ratio = {} / tapegrad (above 1: tapegrad is faster)\n", engines[1].name);
    fmt::print("{:<6}{:>8}{:>14}{:>14}{:>9}   {}\n", "", "threads", "tapegrad", engines[1].name, "ratio", "");
    for (const bench::Workload& w : engines[0].workloads)
      for (const char* threads : {"threads:1", "threads:2"}) {
        const double ours = recorder.median(w.name + "/" + engines[0].name, threads);
        const double theirs = recorder.median(w.name + "/" + engines[1].name, threads);
        if (ours > 0.0 && theirs > 0.0)
          fmt::print("{:<6}{:>8}{:>14.1f}{:>14.1f}{:>9.2f}   {}\n", w.name, threads + 8, ours, theirs, theirs / ours,
                     w.description);
      }
  }
  benchmark::Shutdown();
  return 0;
}
