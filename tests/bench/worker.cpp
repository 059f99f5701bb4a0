#include "bench/worker.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace bench {
namespace {

// The worker finds its pipes here.
constexpr int kRequests = 198, kAnswers = 199;
constexpr const char* kMark = "TAPEGRAD_BENCH_WORKER";

/// One request: what to do, and with which workload or how many threads.
struct Request {
  enum class What : int { threads, make, step, forget } what;
  int number;
};

template <class T>
bool read_whole(int file, T& value) {
  return read(file, &value, sizeof value) == static_cast<ssize_t>(sizeof value);
}

class Worker {
 public:
  explicit Worker(const Environment& environment) {
    std::array<int, 2> requests{}, answers{};
    if (pipe2(requests.data(), O_CLOEXEC) != 0 || pipe2(answers.data(), O_CLOEXEC) != 0)
      throw std::runtime_error("[bench] no pipe to a worker");
    std::signal(SIGPIPE, SIG_IGN);  // a worker that is gone is an error of ask()
    process_ = fork();
    if (process_ < 0) throw std::runtime_error("[bench] no process for a worker");
    if (process_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (dup2(requests[0], kRequests) < 0 || dup2(answers[1], kAnswers) < 0) _exit(127);
      setenv(kMark, "1", 1);
      for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
      execl("/proc/self/exe", "tapegrad_bench", nullptr);
      _exit(127);
    }
    close(requests[0]);
    close(answers[1]);
    to_ = requests[1];
    from_ = answers[0];
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    close(to_);
    close(from_);
  }

  int process() const { return process_; }

  /// Whether it was done.
  bool tell(Request::What what, int number) const noexcept {
    const Request request{what, number};
    char done = 0;
    return write(to_, &request, sizeof request) == static_cast<ssize_t>(sizeof request) && read_whole(from_, done);
  }
  void ask(Request::What what, int number) const {
    if (!tell(what, number)) throw std::runtime_error("[bench] a worker is gone");
  }

 private:
  pid_t process_ = 0;
  int to_ = -1, from_ = -1;
};

}  // namespace

Engine in_own_process(const Engine& engine, std::string name, const Environment& environment) {
  const auto worker = std::make_shared<const Worker>(environment);
  Engine remote{.name = std::move(name),
                .set_threads = [worker](int threads) { worker->ask(Request::What::threads, threads); },
                .workloads = engine.workloads,
                .process = worker->process()};
  for (std::size_t i = 0; i < remote.workloads.size(); ++i)
    remote.workloads[i].make = [worker, number = static_cast<int>(i)]() -> Step {
      worker->ask(Request::What::make, number);
      // The worker forgets its workload when the step is forgotten here.
      const std::shared_ptr<const void> held(worker.get(),
                                             [worker](const void*) { worker->tell(Request::What::forget, 0); });
      return [worker, held] { worker->ask(Request::What::step, 0); };
    };
  return remote;
}

bool serve_as_worker(const Engine& engine) {
  if (std::getenv(kMark) == nullptr) return false;
  Step step;
  for (Request request{}; read_whole(kRequests, request);) {
    switch (request.what) {
      case Request::What::threads: engine.set_threads(request.number); break;
      case Request::What::make: step = engine.workloads[static_cast<std::size_t>(request.number)].make(); break;
      case Request::What::step: step(); break;
      case Request::What::forget: step = nullptr; break;
    }
    const char done = 1;
    if (write(kAnswers, &done, 1) != 1) break;
  }
  return true;
}

}  // namespace bench
