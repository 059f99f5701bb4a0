#include "tape/hooks.hpp"

#include <fmt/format.h>

#include <atomic>

#include "tapegrad/base/error.hpp"

namespace tapegrad {

HookId Hooks::add(GradientHook hook) {
  static std::atomic<std::uint64_t> count{0};
  if (!hook) throw ValueError("[register_hook] there is no function to call");
  const HookId id{count.fetch_add(1, std::memory_order_relaxed) + 1};
  registered_.emplace_back(id, std::move(hook));
  return id;
}

bool Hooks::remove(HookId id) {
  return std::erase_if(registered_, [id](const auto& hook) { return hook.first == id; }) > 0;
}

void Hooks::fire(Tensor& gradient) const {
  const auto hooks = registered_;  // a hook may register others, or remove itself
  for (const auto& [id, hook] : hooks) {
    Tensor replaced = hook(gradient);
    if (!replaced.defined()) continue;
    if (replaced.shape() != gradient.shape() || replaced.dtype() != gradient.dtype())
      throw TapeError(fmt::format("a hook replaced a gradient {} {} by {} {}", to_string(gradient.shape()),
                                  to_string(gradient.dtype()), to_string(replaced.shape()),
                                  to_string(replaced.dtype())));
    gradient = std::move(replaced);
  }
}

}  // namespace tapegrad
