#include "tapegrad/optim/moving_average.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "stored_count.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/update.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::optim {
namespace {

constexpr const char* kAverage = "MovingAverage";

std::string name_of(std::size_t place) { return fmt::format("average.{}", place); }

/// Throws unless the tensor that a state has for x could be x's average.
void expect_average(const Tensor& stored, const Tensor& x, const std::string& name) {
  if (stored.shape() != x.shape())
    throw ShapeError(fmt::format("[{}] '{}' must have shape {}, got {}", kAverage, name, to_string(x.shape()),
                                 to_string(stored.shape())));
  if (!is_floating(stored.dtype()))
    throw DTypeError(fmt::format("[{}] '{}' must be floating, got {}", kAverage, name, to_string(stored.dtype())));
}

}  // namespace

MovingAverage::MovingAverage(const std::vector<Tensor>& parameters, const MovingAverageOptions& options)
    : options_(options), parameters_(parameters) {
  if (!(options.decay >= 0.0 && options.decay < 1.0))
    throw ValueError(fmt::format("[{}] decay must be in [0, 1), got {}", kAverage, options.decay));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& x = parameters[i];
    if (!x.defined()) throw ValueError(fmt::format("[{}] parameter {} is undefined", kAverage, i));
    if (!is_floating(x.dtype()))
      throw DTypeError(fmt::format("[{}] parameter {} is {}: only floating tensors have an average", kAverage, i,
                                   to_string(x.dtype())));
    averages_.push_back(x.detach().clone());
  }
}

void MovingAverage::update() {
  const NoRecord pause;
  ++updates_;
  const double n = static_cast<double>(updates_);
  const double keep = options_.warm_up ? std::min(options_.decay, (1.0 + n) / (10.0 + n)) : options_.decay;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& x = parameters_[i];
    Tensor& average = averages_[i];
    if (average.dtype() != x.dtype()) average = average.to(x.dtype());
    // A step down the gradient of half the squared distance.
    const SgdTerm term{.parameter = average, .gradient = average - x, .velocity = {}};
    sgd_update({&term, 1}, {.lr = 1.0 - keep}, kAverage);
  }
}

NamedTensors MovingAverage::state_dict() const {
  NamedTensors state;
  state.insert("updates", full({}, static_cast<double>(updates_), {.dtype = int64}));
  for (std::size_t i = 0; i < averages_.size(); ++i) state.insert(name_of(i), averages_[i]);
  return state;
}

void MovingAverage::load_state_dict(const NamedTensors& state) {
  const auto entry = [&](const std::string& name) -> const Tensor& {
    const Tensor* const found = state.find(name);
    if (found == nullptr || !found->defined())
      throw ValueError(fmt::format("[{}] the state has no '{}'", kAverage, name));
    return *found;
  };
  const std::int64_t updates = stored_count(entry("updates"), kAverage, "updates", 0);
  for (std::size_t i = 0; i < averages_.size(); ++i) expect_average(entry(name_of(i)), averages_[i], name_of(i));
  if (state.size() != averages_.size() + 1)
    throw ValueError(
        fmt::format("[{}] the state has {} averages, this has {}", kAverage, state.size() - 1, averages_.size()));
  std::vector<Tensor> averages;
  for (std::size_t i = 0; i < averages_.size(); ++i)
    averages.push_back(entry(name_of(i)).detach().to(parameters_[i].dtype()).clone());
  averages_ = std::move(averages);
  updates_ = updates;
}

}  // namespace tapegrad::optim
