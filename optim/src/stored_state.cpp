#include "stored_state.hpp"

#include <fmt/format.h>

#include <cmath>

#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"

namespace tapegrad::optim {

const Tensor& StoredState::entry(const std::string& name) {
  const Tensor* const found = state_.find(name);
  if (found == nullptr) throw ValueError(fmt::format("[{}] the state has no '{}'", owner_, name));
  if (!found->defined()) throw ValueError(fmt::format("[{}] '{}' is undefined", owner_, name));
  read_.insert(name);
  return *found;
}

const Tensor& StoredState::entry(const std::string& name, const Shape& shape) {
  const Tensor& found = entry(name);
  if (found.shape() != shape)
    throw ShapeError(fmt::format("[{}] expected '{}' to have shape {}, got {}", owner_, name, to_string(shape),
                                 to_string(found.shape())));
  return found;
}

const Tensor& StoredState::floating(const std::string& name, const Shape& shape) {
  const Tensor& found = entry(name, shape);
  if (!is_floating(found.dtype()))
    throw DTypeError(fmt::format("[{}] expected '{}' to be floating, got {}", owner_, name, to_string(found.dtype())));
  return found;
}

const Tensor& StoredState::squares(const std::string& name, const Shape& shape) {
  const Tensor& found = floating(name, shape);
  if (found.numel() == 0) return found;
  if (const double least = min(where(found < 0.0, found, 0.0)).item(); least < 0.0)  // NaN aside
    throw ValueError(fmt::format("[{}] '{}' is made of squares and cannot hold {}", owner_, name, least));
  return found;
}

const Tensor& StoredState::single(const std::string& name) {
  const Tensor& found = entry(name);
  if (found.numel() != 1)
    throw ShapeError(
        fmt::format("[{}] expected '{}' to have one element, got {}", owner_, name, to_string(found.shape())));
  return found;
}

double StoredState::number(const std::string& name) { return single(name).to(float64).item(); }

std::int64_t StoredState::count(const std::string& name, std::int64_t least) {
  constexpr std::int64_t kMost = std::int64_t{1} << 53;
  const auto fail = [&](const auto& value) {
    throw ValueError(
        fmt::format("[{}] expected {} to be a whole number in [{}, 2^53], got {}", owner_, name, least, value));
  };
  const Tensor& stored = single(name);
  if (is_floating(stored.dtype())) {
    const double value = stored.to(float64).item();
    if (!(value == std::floor(value) && value >= static_cast<double>(least) && value <= static_cast<double>(kMost)))
      fail(value);
    return static_cast<std::int64_t>(value);
  }
  const auto value = stored.to(int64).item<std::int64_t>();
  if (value < least || value > kMost) fail(value);
  return value;
}

void StoredState::replaces(const Tensor& present, const Tensor& entry) {
  (present.defined() && engine::sees_same_elements(present, entry) ? replaces_own_ : replaces_others_) = true;
}

void StoredState::expect_not_own() const {
  if (replaces_own_ && !replaces_others_)
    throw ValueError(
        fmt::format("[{}] this state's tensors are the present ones, which have changed with each step, and only its "
                    "numbers would be loaded: keep state_dict().clone()",
                    owner_));
}

void StoredState::expect_all_read() const {
  for (const auto& [name, tensor] : state_)
    if (!read_.contains(name))
      throw ValueError(fmt::format("[{}] the state has '{}', which does not fit", owner_, name));
}

}  // namespace tapegrad::optim
