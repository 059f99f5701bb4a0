#include "suite/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/base/threads.hpp"

namespace tapegrad::suite {

void in_parallel(std::size_t count, int workers, const std::function<void(std::size_t)>& job,
                 const std::function<void(std::size_t)>& done) {
  if (workers < 1) throw ValueError("[suite] expected at least one worker");
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr thrown;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        job(i);
        const std::scoped_lock lock(mutex);
        if (done) done(i);
      } catch (...) {
        const std::scoped_lock lock(mutex);
        if (!thrown) thrown = std::current_exception();
        next = count;
      }
    }
  };
  if (workers == 1) {
    work();
  } else {
    std::vector<std::jthread> threads;  // joined here, whatever is thrown
    try {
      while (threads.size() < std::min(static_cast<std::size_t>(workers), count))
        threads.emplace_back([&work] {
          set_num_threads(1);
          work();
        });
    } catch (const std::system_error&) {  // the system gives no more
      if (threads.empty()) throw;
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace tapegrad::suite
