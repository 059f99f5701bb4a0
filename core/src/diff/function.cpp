#include "tapegrad/diff/function.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "base/counted.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad::engine {

void refuse_arguments(const char* op, std::size_t count, unsigned taken) {
  std::vector<int> numbers;
  for (int n = 1; taken >> n != 0; ++n)
    if ((taken >> n & 1U) != 0) numbers.push_back(n);
  throw ValueError(fmt::format("[{}] the function does not take {}{}{}", op, counted(count, "tensor"),
                               numbers.empty() ? "" : ": it takes ", fmt::join(numbers, " or ")));
}

}  // namespace tapegrad::engine
