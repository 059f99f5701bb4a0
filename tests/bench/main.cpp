// The benchmarks: every workload on every engine that was built in, at 1 and 2 threads, interleaved in one run; after
// Google Benchmark's own output a table of ratios of medians. Absolute times differ from machine to machine and from
// day to day; ratios in one run do not as much.
//
//   ./dev bench                                        all
//   ./dev bench --benchmark_filter='W1/'               one workload
//   ./dev bench --benchmark_out=r.json --benchmark_out_format=json
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include <array>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/workloads.hpp"
#include "tapegrad/array/memory.hpp"

namespace {

constexpr std::array kThreads = {1, 2};
constexpr int kHeavyRepetitions = 5;

/// The resident memory of this process, as Linux counts it, in bytes.
class ResidentMemory {
 public:
  static double now() { return read("VmRSS:"); }
  static double peak() { return read("VmHWM:"); }
  /// Gives what nobody uses back to the system, and begins the peak anew.
  static void restart() {
    tapegrad::release_cached_memory();
    malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << "5";
  }

 private:
  static double read(const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with(key)) return 1024.0 * std::stod(line.substr(key.size()));
    return 0.0;
  }
};

void run(benchmark::State& state, const bench::Engine& engine, const bench::Workload& workload) {
  engine.set_threads(static_cast<int>(state.range(0)));
  ResidentMemory::restart();
  const double bytes_before = ResidentMemory::now();
  const bench::Step step = workload.make();
  for (int i = 0; i < (workload.heavy ? 2 : 5); ++i) step();  // caches and allocators are warm, as in a training loop
  state.counters["peak_MiB"] = (ResidentMemory::peak() - bytes_before) / 1048576.0;
  const std::uint64_t before = tapegrad::memory_statistics().system_allocations;
  for (auto _ : state) step();
  if (engine.name == "tapegrad")
    state.counters["system_allocations"] =
        static_cast<double>(tapegrad::memory_statistics().system_allocations - before);
  if (workload.operations > 0)
    state.counters["per_op"] = benchmark::Counter(
        workload.operations, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  if (workload.bytes > 0)
    state.counters["bandwidth"] = benchmark::Counter(workload.bytes, benchmark::Counter::kIsIterationInvariantRate);
}

/// What the repetitions of one benchmark gave.
struct Medians {
  double microseconds = 0.0;  // 0: it has not run
  double peak_mib = 0.0;
};

/// Keeps the medians beside printing them.
class Recorder final : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& r : runs) {
      if (r.run_type != Run::RT_Aggregate || r.aggregate_name != "median") continue;
      const auto peak = r.counters.find("peak_MiB");
      medians_[r.run_name.function_name + "/" + r.run_name.args] = {
          r.GetAdjustedRealTime(), peak == r.counters.end() ? 0.0 : peak->second.value};
    }
    ConsoleReporter::ReportRuns(runs);
  }

  Medians of(const bench::Workload& workload, const bench::Engine& engine, int threads) const {
    const auto found = medians_.find(fmt::format("{}/{}/threads:{}", workload.name, engine.name, threads));
    return found == medians_.end() ? Medians{} : found->second;
  }

 private:
  std::map<std::string, Medians> medians_;
};

/// "12.3" or nothing.
std::string number(double value, int digits) { return value > 0.0 ? fmt::format("{:.{}f}", value, digits) : ""; }

/// A row for each workload that has run, and what the engine compared with took for it.
void print_table(const Recorder& recorder, const bench::Engine& engine, const bench::Engine* peer) {
  for (const bench::Workload& w : engine.workloads) {
    for (const int threads : kThreads) {
      const Medians ours = recorder.of(w, engine, threads);
      if (ours.microseconds == 0.0) continue;
      const Medians theirs = peer != nullptr ? recorder.of(w, *peer, threads) : Medians{};
      const bool both = theirs.microseconds > 0.0;
      fmt::print("{:<10}{:>7}{:>12.1f}{:>12}{:>7}{:>7}{:>10}{:>10}   {}\n", w.name, threads, ours.microseconds,
                 number(theirs.microseconds, 1), both ? number(theirs.microseconds / ours.microseconds, 2) : "",
                 number(w.bytes / ours.microseconds / 1e3, 1), number(ours.peak_mib, 1), number(theirs.peak_mib, 1),
                 w.description);
    }
  }
}

/// Makes a benchmark of each workload. The engine must outlive the run.
void enter(const bench::Engine& engine) {
  for (const bench::Workload& workload : engine.workloads) {
    benchmark::internal::Benchmark* const b =
        benchmark::RegisterBenchmark((workload.name + "/" + engine.name).c_str(),
                                     [&engine, &workload](benchmark::State& state) { run(state, engine, workload); });
    b->ArgName("threads")->UseRealTime()->Unit(benchmark::kMicrosecond);
    for (const int threads : kThreads) b->Arg(threads);
    if (workload.heavy) b->Repetitions(kHeavyRepetitions);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Engine machine = bench::machine_engine();
  const bench::Engine ours = bench::tapegrad_engine();
  std::optional<bench::Engine> peer;
#ifdef TAPEGRAD_BENCH_LIBTORCH
  peer = bench::libtorch_engine();
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

  enter(machine);
  enter(ours);
  if (peer) enter(*peer);
  Recorder recorder;
  benchmark::RunSpecifiedBenchmarks(&recorder);

  fmt::print("\nMedian microseconds; ratio above 1: tapegrad is faster; peak of the resident memory in MiB\n");
  fmt::print("{:<10}{:>7}{:>12}{:>12}{:>7}{:>7}{:>10}{:>10}\n", "", "threads", "tapegrad", peer ? peer->name : "",
             "ratio", "GB/s", "peak", peer ? "its peak" : "");
  print_table(recorder, ours, peer ? &*peer : nullptr);
  print_table(recorder, machine, nullptr);
  benchmark::Shutdown();
  return 0;
}
