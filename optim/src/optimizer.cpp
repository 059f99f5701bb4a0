#include "tapegrad/optim/optimizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "expect_option.hpp"
#include "stored_state.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"
#include "trainable.hpp"

namespace tapegrad::optim {
namespace {

// What a state's entries are called.
constexpr std::string_view kLr = "lr", kBaseLr = "base_lr", kSteps = "steps";

std::string of_group(int group, std::string_view what) { return fmt::format("group.{}.{}", group, what); }
std::string of_parameter(int index, std::string_view what) { return fmt::format("parameter.{}.{}", index, what); }

}  // namespace

Optimizer::Optimizer(const char* name, std::vector<std::string_view> state_names)
    : name_(name), state_names_(std::move(state_names)) {}

std::vector<Optimizer::Slot> Optimizer::slots_for(const std::vector<Tensor>& parameters) const {
  ClaimedMemory claimed;
  for (const std::vector<Slot>& group : slots_)  // where they lie now: a module may have been converted since
    for (const Slot& slot : group) claimed.claim(slot.parameter);
  std::vector<Slot> slots;
  for (const Tensor& x : parameters) {
    take_in(x, claimed, fmt::format("[{}] parameter {} of group {}", name_, slots.size(), groups()));
    slots.push_back({.parameter = x});
  }
  return slots;
}

void Optimizer::add_group(const std::vector<Tensor>& parameters) {
  std::vector<Slot> slots = slots_for(parameters);
  base_rates_.reserve(base_rates_.size() + 1);
  groups_.push_back(parameters);
  try {
    // Before any activation: memory that a step takes and gives back lies above it in one piece.
    for (Slot& slot : slots)
      if (slot.parameter.requires_grad()) prepare_state(slot, groups() - 1);
    slots_.push_back(std::move(slots));
  } catch (...) {
    groups_.pop_back();
    throw;
  }
  base_rates_.push_back(rate(groups() - 1));
  set_named(parameters);
}

void Optimizer::expect_parameters() const {
  if (std::all_of(slots_.begin(), slots_.end(), [](const auto& slots) { return slots.empty(); }))
    throw ValueError(fmt::format("[{}] there are no parameters to train", name_));
}

void Optimizer::expect_one_group() const {
  if (groups() > 1) throw ValueError(fmt::format("[{}] there are {} groups: say which, options(0)", name_, groups()));
}

void Optimizer::expect_option(bool holds, std::string_view option, std::string_view domain, double value) const {
  optim::expect_option(holds, name_, option, domain, value);
}

void Optimizer::expect_not_negative(std::string_view option, double value) const {
  expect_option(is_rate(value), option, kRate, value);
}

void Optimizer::expect_fraction(std::string_view option, double value) const {
  expect_option(is_fraction(value), option, kFraction, value);
}

std::size_t Optimizer::checked(int group) const {
  if (group < 0 || group >= groups()) throw IndexError(fmt::format("[{}] group {} of {}", name_, group, groups()));
  return static_cast<std::size_t>(group);
}

std::vector<Tensor> Optimizer::parameters() const {
  std::vector<Tensor> all;
  for (const std::vector<Tensor>& group : groups_) all.insert(all.end(), group.begin(), group.end());
  return all;
}

const std::vector<Tensor>& Optimizer::parameters(int group) const { return groups_[checked(group)]; }

double Optimizer::lr() const {
  for (int group = 1; group < groups(); ++group)
    if (rate(group) != rate(0))
      throw ValueError(fmt::format("[{}] the groups have rates of their own, {} and {}: say which, lr(0)", name_,
                                   rate(0), rate(group)));
  return rate(0);
}

double Optimizer::lr(int group) const {
  checked(group);
  return rate(group);
}

void Optimizer::set_lr(double lr) {
  for (int group = 0; group < groups(); ++group) set_lr(lr, group);
}

void Optimizer::set_lr(double lr, int group) {
  set_scheduled_lr(lr, group);
  base_rates_[checked(group)] = lr;
}

double Optimizer::base_lr(int group) const { return base_rates_[checked(group)]; }

void Optimizer::set_scheduled_lr(double lr, int group) {
  checked(group);
  expect_not_negative("lr", lr);
  set_rate(group, lr);
}

std::optional<double> Optimizer::initial_state(int, std::size_t) const { return 0.0; }

bool Optimizer::is_of_squares(std::size_t) const { return false; }

void Optimizer::prepare_state(Slot& slot, int group) {
  if (slot.state.empty())
    for (std::size_t i = 0; i < state_names_.size(); ++i) {
      const std::optional<double> value = initial_state(group, i);
      slot.state.push_back(value ? full_like(slot.parameter, *value) : Tensor());
    }
  for (Tensor& state : slot.state)  // the module may have been converted in place since
    if (state.defined() && state.dtype() != slot.parameter.dtype()) state = state.to(slot.parameter.dtype());
}

void Optimizer::expect_a_gradient() const {
  std::size_t count = 0;
  bool trained = false;
  for (const std::vector<Slot>& slots : slots_)
    for (const Slot& slot : slots) {
      if (slot.steps > 0 || slot.parameter.has_grad()) return;
      trained = trained || slot.parameter.requires_grad();
      ++count;
    }
  if (trained)
    throw TapeError(fmt::format(
        "[{}] none of {} parameters has a gradient, nor ever had: call backward() before step() and zero_grad() after "
        "it. If you do, the model is another than the one whose parameters this optimiser holds, a copy (models and "
        "Parameters are values) or one that has replaced it; or no loss has reached this part yet, which "
        "step({{.allow_no_gradient = true}}) allows",
        name_, count));
}

void Optimizer::step(const StepOptions& options) {
  if (!options.allow_no_gradient) expect_a_gradient();
  const NoRecord pause;
  for (int group = 0; group < groups(); ++group) {
    ready_.clear();
    for (Slot& slot : slots_[static_cast<std::size_t>(group)]) {
      if (!slot.parameter.has_grad()) continue;
      prepare_state(slot, group);
      ready_.push_back(&slot);
    }
    // An update depends on the number of steps, which differs where a parameter was left out of some.
    std::stable_sort(ready_.begin(), ready_.end(), [](const Slot* a, const Slot* b) { return a->steps < b->steps; });
    for (auto first = ready_.begin(); first != ready_.end();) {
      const auto last =
          std::find_if(first, ready_.end(), [&](const Slot* slot) { return slot->steps != (*first)->steps; });
      update(group, std::span<Slot* const>(first, last));
      std::for_each(first, last, [](Slot* slot) { ++slot->steps; });
      first = last;
    }
  }
}

void Optimizer::zero_grad() {
  for (std::vector<Slot>& slots : slots_)
    for (Slot& slot : slots) slot.parameter.zero_grad();
}

NamedTensors Optimizer::state_dict() const {
  NamedTensors state;
  for (int group = 0; group < groups(); ++group) {
    state.insert(of_group(group, kLr), tensor(lr(group), {.dtype = float64}));
    state.insert(of_group(group, kBaseLr), tensor(base_lr(group), {.dtype = float64}));
  }
  int index = 0;
  for (const std::vector<Slot>& slots : slots_) {
    for (const Slot& slot : slots) {
      if (slot.steps > 0) {
        state.insert(of_parameter(index, kSteps), tensor(slot.steps, {.dtype = int64}));
        for (std::size_t i = 0; i < slot.state.size(); ++i)
          if (slot.state[i].defined()) state.insert(of_parameter(index, state_names_[i]), slot.state[i]);
      }
      ++index;
    }
  }
  return state;
}

Optimizer::Rates Optimizer::read_rates(StoredState& stored) const {
  Rates rates;
  for (int group = 0; group < groups(); ++group) {
    rates.now.push_back(stored.number(of_group(group, kLr)));
    expect_not_negative("lr", rates.now.back());
    const std::string base = of_group(group, kBaseLr);
    rates.base.push_back(stored.contains(base) ? stored.number(base) : base_lr(group));
    expect_not_negative("base_lr", rates.base.back());
  }
  return rates;
}

Optimizer::Slot Optimizer::read_slot(StoredState& stored, const Slot& present, int group, int index) const {
  Slot read{.parameter = present.parameter};
  const std::string steps = of_parameter(index, kSteps);
  if (!stored.contains(steps)) return read;
  read.steps = stored.count(steps, 1);
  for (std::size_t i = 0; i < state_names_.size(); ++i) {
    Tensor& state = read.state.emplace_back();
    if (!initial_state(group, i)) continue;
    const std::string name = of_parameter(index, state_names_[i]);
    const Shape& shape = present.parameter.shape();
    const Tensor& found = is_of_squares(i) ? stored.squares(name, shape) : stored.floating(name, shape);
    stored.replaces(i < present.state.size() ? present.state[i] : Tensor(), found);
    state = found.to(present.parameter.dtype()).clone();
  }
  return read;
}

void Optimizer::load_state_dict(const NamedTensors& state) {
  const NoRecord pause;
  StoredState stored(state, name_);
  Rates rates = read_rates(stored);
  std::vector<std::vector<Slot>> loaded;
  int index = 0;
  for (int group = 0; group < groups(); ++group) {
    std::vector<Slot>& slots = loaded.emplace_back();
    for (const Slot& present : slots_[static_cast<std::size_t>(group)])
      slots.push_back(read_slot(stored, present, group, index++));
  }
  stored.expect_all_read();
  stored.expect_not_own();
  slots_ = std::move(loaded);
  base_rates_ = std::move(rates.base);
  for (int group = 0; group < groups(); ++group) set_rate(group, rates.now[static_cast<std::size_t>(group)]);
}

}  // namespace tapegrad::optim
