#include "console/jobs.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/base/threads.hpp"

namespace console {

void run_side_by_side(std::size_t count, int threads, const std::function<void(std::size_t)>& job,
                      const std::function<void(std::size_t)>& done) {
  if (threads < 1) throw tapegrad::ValueError("[jobs] expected at least one thread");
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr thrown;
  const auto work = [&] {
    tapegrad::set_num_threads(1);
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
  {
    std::vector<std::jthread> team;  // joined here, whatever is thrown
    try {
      while (team.size() < std::min(static_cast<std::size_t>(threads), count)) team.emplace_back(work);
    } catch (const std::system_error&) {  // the system gives no more
      if (team.empty()) throw;
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace console
