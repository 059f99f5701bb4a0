// The benchmarks: every workload on every engine that was built in, at 1 and 2 threads, interleaved in one run; after
// Google Benchmark's own output tables of ratios. Absolute times differ from machine to machine and from day to day;
// ratios in one run do not as much.
//
//   ./dev bench                                        all
//   ./dev bench --benchmark_filter='W1/'               one workload
//   ./dev bench --benchmark_filter='op/'               every op of the catalogue, forward and backward
//   ./dev bench --benchmark_filter='(W3|D[0-9]+)c?/'   what checkpoints save: the column MiB
//   OPENBLAS_CORETYPE=SkylakeX ./dev bench --benchmark_filter='(NT|NN|TN)/|peak'
//                                                      the matrix products, OpenBLAS at its best on AVX-512
//   ./dev bench --benchmark_out=r.json --benchmark_out_format=json
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "bench/neighbour.hpp"
#include "bench/products.hpp"
#include "bench/tables.hpp"
#include "bench/worker.hpp"
#include "bench/workloads.hpp"
#include "tapegrad/array/memory.hpp"

namespace {

constexpr int kHeavyRepetitions = 5;

/// The resident memory of an engine's process, as Linux counts it, in bytes.
class ResidentMemory {
 public:
  explicit ResidentMemory(int process) : folder_(process == 0 ? "/proc/self" : fmt::format("/proc/{}", process)) {
    if (process == 0) {  // gives what nobody uses back to the system
      tapegrad::release_cached_memory();
      malloc_trim(0);
    }
    std::ofstream(folder_ + "/clear_refs") << "5";  // the peak begins anew
    before_ = read("VmRSS:");
  }
  /// Since the object was made.
  double growth() const { return read("VmHWM:") - before_; }

 private:
  double read(const std::string& key) const {
    std::ifstream status(folder_ + "/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with(key)) return 1024.0 * std::stod(line.substr(key.size()));
    return 0.0;
  }

  std::string folder_;
  double before_;
};

void run(benchmark::State& state, const bench::Engine& engine, const bench::Workload& workload) {
  std::optional<bench::Neighbour> neighbour;
  if (workload.neighbour) neighbour.emplace();
  engine.set_threads(static_cast<int>(state.range(0)));
  const ResidentMemory memory(engine.process);
  const bench::Step step = workload.make();
  for (int i = 0; i < (workload.heavy ? 2 : 5); ++i) step();  // caches and allocators are warm, as in a training loop
  if (workload.flops == 0) state.counters["peak_MiB"] = memory.growth() / 1048576.0;
  const std::uint64_t before = tapegrad::memory_statistics().system_allocations;
  for ([[maybe_unused]] auto _ : state) step();
  if (engine.name == "tapegrad")
    state.counters["system_allocations"] =
        static_cast<double>(tapegrad::memory_statistics().system_allocations - before);
  const auto rate = [](double amount) {
    return benchmark::Counter(amount, benchmark::Counter::kIsIterationInvariantRate);
  };
  if (workload.operations > 0)
    state.counters["per_op"] = benchmark::Counter(
        workload.operations, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  if (workload.bytes > 0) state.counters["bandwidth"] = rate(workload.bytes);
  if (workload.flops > 0) state.counters["flops"] = rate(workload.flops);
}

/// Makes a benchmark of each workload. The engine must outlive the run.
void enter(const bench::Engine& engine) {
  for (const bench::Workload& workload : engine.workloads) {
    benchmark::internal::Benchmark* const b =
        benchmark::RegisterBenchmark((workload.name + "/" + engine.name).c_str(),
                                     [&engine, &workload](benchmark::State& state) { run(state, engine, workload); });
    b->ArgName("threads")->UseRealTime()->Unit(benchmark::kMicrosecond);
    for (const int threads : bench::kThreads) b->Arg(threads);
    if (workload.heavy) b->Repetitions(kHeavyRepetitions);
    if (workload.repetitions > 0) b->Repetitions(workload.repetitions);
  }
}

#ifdef TAPEGRAD_BENCH_LIBTORCH
/// What makes Debian's libtorch fastest here: kernels for this processor, and an allocator that keeps its pages.
bench::Environment libtorch_at_its_best() {
  bench::Environment environment = {
      {"MALLOC_MMAP_MAX_", "0"}, {"MALLOC_TRIM_THRESHOLD_", "17179869184"}, {"MALLOC_TOP_PAD_", "268435456"}};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") != 0) {
    environment.emplace_back("OPENBLAS_CORETYPE", "SkylakeX");
    environment.emplace_back("ATEN_CPU_CAPABILITY", "avx512");
  }
#endif
  return environment;
}
#endif

}  // namespace

int main(int argc, char** argv) {
  std::vector<bench::Engine> peers;
#ifdef TAPEGRAD_BENCH_LIBTORCH
  const bench::Engine libtorch = bench::libtorch_engine();
  if (bench::serve_as_worker(libtorch)) return 0;
  peers = {libtorch, bench::in_own_process(libtorch, "libtorch+", libtorch_at_its_best())};
#endif
#ifdef TAPEGRAD_BENCH_ONEDNN
  peers.push_back(bench::onednn_workload_engine());
#endif
  const bench::Engine machine = bench::machine_engine();
  const bench::Engine ours = bench::tapegrad_engine();
  const bench::Engine products = bench::gemm_engine();
  const std::vector<bench::Engine> product_peers = bench::gemm_peers();
  // Short repetitions in random order: what disturbs the machine disturbs all alike.
  std::vector<std::string> defaults = {argv[0], "--benchmark_repetitions=15", "--benchmark_min_time=0.05",
                                       "--benchmark_enable_random_interleaving=true"};
  std::vector<char*> arguments;
  for (std::string& a : defaults) arguments.push_back(a.data());
  for (int i = 1; i < argc; ++i) arguments.push_back(argv[i]);  // the user's come last and win
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;

  enter(machine);
  enter(ours);
  for (const bench::Engine& peer : peers) enter(peer);
  enter(products);
  for (const bench::Engine& peer : product_peers) enter(peer);
  bench::Recorder recorder;
  benchmark::RunSpecifiedBenchmarks(&recorder);

  fmt::print(
      "\nMedians; ratios are those of repetitions in pairs (with their quartiles), above 1: tapegrad is faster. MiB: "
      "the\npeak of the resident memory. libtorch+ has the kernels for this processor and an allocator that keeps its "
      "pages;\noneDNN runs steps that were planned by hand, without a tape.\n");
  bench::print_workloads(recorder, ours, peers);
  bench::print_workloads(recorder, machine, {});
  bench::print_products(recorder, products, product_peers, machine);
  benchmark::Shutdown();
  return 0;
}
