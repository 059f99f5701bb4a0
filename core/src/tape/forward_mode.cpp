#include "tape/forward_mode.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tape/recorder.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/shape.hpp"

namespace tapegrad {

ForwardLevel::ForwardLevel(bool strong_zero) {
  static std::atomic<std::uint64_t> last{0};
  if (recorder.level_count == Recorder::kMostLevels)
    throw TapeError("[jvp] forward mode is nested deeper than " + std::to_string(Recorder::kMostLevels) + " levels");
  id_ = ++last;
  recorder.levels[static_cast<std::size_t>(recorder.level_count++)] = {id_, strong_zero};
}

ForwardLevel::~ForwardLevel() { --recorder.level_count; }

Tensor with_tangent(const Tensor& x, std::uint64_t level, Tensor tangent) {
  Tensor y = without_tangent(x, level);
  if (y.impl() == x.impl()) {
    y = alias(x);
    if (x.impl()->tangents != nullptr) y.impl()->tangents = std::make_unique<std::vector<Tangent>>(*x.impl()->tangents);
  }
  if (y.impl()->tangents == nullptr) y.impl()->tangents = std::make_unique<std::vector<Tangent>>();
  y.impl()->tangents->push_back({level, std::move(tangent)});
  return y;
}

Tensor tangent_of(const Tensor& x, std::uint64_t level) {
  if (x.defined() && x.impl()->tangents != nullptr)
    for (const Tangent& t : *x.impl()->tangents)
      if (t.level == level) return t.value;
  return {};
}

Tensor without_tangent(const Tensor& x, std::uint64_t level) {
  if (!tangent_of(x, level).defined()) return x;
  Tensor y = alias(x);
  auto rest = std::make_unique<std::vector<Tangent>>();
  for (const Tangent& t : *x.impl()->tangents)
    if (t.level != level) rest->push_back(t);
  if (!rest->empty()) y.impl()->tangents = std::move(rest);
  return y;
}

std::uint64_t innermost_level_of_tangents(const Tensor& x) {
  for (int i = recorder.level_count - 1; i >= 0; --i) {
    const std::uint64_t level = recorder.levels[static_cast<std::size_t>(i)].id;
    if (tangent_of(x, level).defined()) return level;
  }
  return 0;
}

void expect_no_tangent(const Tensor& x, const char* writer) {
  if (innermost_level(x) > 0)
    throw TapeError(std::string("[") + writer + "] a tensor " + to_string(x.shape()) +
                    " that carries a tangent of forward mode cannot be written: detach() it first");
}

bool has_strong_zeros(std::uint64_t level) {
  const std::span<const Recorder::Level> live(recorder.levels.data(), static_cast<std::size_t>(recorder.level_count));
  return std::any_of(live.begin(), live.end(),
                     [=](const Recorder::Level& l) { return l.id == level && l.strong_zero; });
}

}  // namespace tapegrad
