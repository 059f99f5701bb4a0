#include "tapegrad/optim/moving_average.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "expect_option.hpp"
#include "stored_state.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::optim {
namespace {

constexpr const char* kAverage = "MovingAverage";

std::string name_of(std::size_t place) { return fmt::format("average.{}", place); }

}  // namespace

MovingAverage::MovingAverage(const std::vector<Tensor>& parameters, const MovingAverageOptions& options)
    : options_(options), parameters_(parameters) {
  expect_option(is_fraction(options.decay), kAverage, "decay", kFraction, options.decay);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& x = parameters[i];
    if (!x.defined()) throw ValueError(fmt::format("[{}] parameter {} is undefined", kAverage, i));
    if (!is_floating(x.dtype()))
      throw DTypeError(fmt::format("[{}] parameter {} is {}: only floating tensors have an average", kAverage, i,
                                   to_string(x.dtype())));
    averages_.push_back(x.detach().clone());
  }
}

const std::vector<Tensor>& MovingAverage::tensors() const {
  for (std::size_t i = 0; i < averages_.size(); ++i)
    if (const DType dtype = parameters_[i].dtype(); averages_[i].dtype() != dtype)
      averages_[i] = averages_[i].to(dtype);
  return averages_;
}

void MovingAverage::update() {
  const NoRecord pause;
  const std::vector<Tensor>& averages = tensors();
  ++updates_;
  const double n = static_cast<double>(updates_);
  const double keep = options_.warmup ? std::min(options_.decay, (1.0 + n) / (10.0 + n)) : options_.decay;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& x = parameters_[i];
    const Tensor& average = averages[i];
    // From the nearer end: where the two are equal, or one of them counts for nothing, no digit is lost.
    const Tensor distance = x - average;
    const Tensor next = keep < 0.5 ? x - keep * distance : average + (1.0 - keep) * distance;
    const bool is_finite = std::isfinite(sum(next).item());  // a sum is, only where its terms are
    engine::overwrite(average, is_finite ? next : where(isfinite(next), next, x), kAverage);
  }
}

NamedTensors MovingAverage::state_dict() const {
  NamedTensors state;
  state.insert("updates", tensor(updates_, {.dtype = int64}));
  const std::vector<Tensor>& averages = tensors();
  for (std::size_t i = 0; i < averages.size(); ++i) state.insert(name_of(i), averages[i]);
  return state;
}

void MovingAverage::load_state_dict(const NamedTensors& state) {
  StoredState stored(state, kAverage);
  const std::int64_t updates = stored.count("updates", 0);
  std::vector<Tensor> averages;
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    const Tensor& found = stored.floating(name_of(i), averages_[i].shape());
    stored.replaces(averages_[i], found);
    averages.push_back(found.detach().to(parameters_[i].dtype()).clone());
  }
  stored.expect_all_read();
  stored.expect_not_own();
  averages_ = std::move(averages);
  updates_ = updates;
}

}  // namespace tapegrad::optim
