// A limit on what the process may map, as a machine has one on threads.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>

namespace tapegrad::test {

/// Each thread's stack is mapped as it starts: 8 MiB, unless the shell says otherwise.
inline constexpr std::size_t kRoomForSomeThreads = std::size_t{100} << 20U;

/// While it lives, the process may map so many bytes more than it has.
class AddressSpace {
 public:
  explicit AddressSpace(std::size_t more) {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    getrlimit(RLIMIT_AS, &before_);
    const rlimit less{pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) + more, before_.rlim_max};
    setrlimit(RLIMIT_AS, &less);
  }
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;
  ~AddressSpace() { setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

}  // namespace tapegrad::test
