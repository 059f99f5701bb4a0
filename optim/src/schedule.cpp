#include "tapegrad/optim/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string_view>
#include <utility>

#include "expect_option.hpp"
#include "stored_state.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::optim {
namespace {

constexpr const char* kPlateau = "ReduceLROnPlateau";

Tensor stored(double value) { return tensor(value, {.dtype = float64}); }
Tensor stored(std::int64_t value) { return tensor(value, {.dtype = int64}); }

void expect_positive(double value, const char* schedule, std::string_view option) {
  expect_option(std::isfinite(value) && value > 0.0, schedule, option, "positive and finite", value);
}
void expect_gamma(double gamma, const char* schedule) { expect_positive(gamma, schedule, "gamma"); }

double decayed(double base, double gamma, std::int64_t times) {
  return base * std::pow(gamma, static_cast<double>(times));
}

}  // namespace

Schedule::Schedule(Optimizer& optimizer, const char* name) : name_(name), optimizer_(&optimizer) {
  for (int group = 0; group < optimizer.groups(); ++group) base_rates_.push_back(optimizer.base_lr(group));
}

void Schedule::move_to(std::int64_t steps, std::vector<double> base_rates) {
  std::vector<double> rates;
  for (const double base : base_rates) {
    rates.push_back(rate(steps, base));
    if (!is_rate(rates.back()))
      expect_option(false, name_, fmt::format("the rate of step {}", steps), kRate, rates.back());
  }
  steps_ = steps;
  base_rates_ = std::move(base_rates);
  for (std::size_t group = 0; group < rates.size(); ++group)
    optimizer_->set_scheduled_lr(rates[group], static_cast<int>(group));
}

void Schedule::apply() { move_to(steps_, base_rates_); }

void Schedule::step() { move_to(steps_ + 1, base_rates_); }

NamedTensors Schedule::state_dict() const { return {{"steps", stored(steps_)}, {"base_lr", from_vector(base_rates_)}}; }

void Schedule::load_state_dict(const NamedTensors& state) {
  StoredState stored_state(state, name_);
  const std::int64_t steps = stored_state.count("steps", 0);
  const Tensor& rates = stored_state.entry("base_lr");
  stored_state.expect_all_read();
  if (rates.shape() != Shape{static_cast<std::int64_t>(base_rates_.size())})
    throw ShapeError(fmt::format("[{}] the schedule is of {} groups, the state is for {}", name_, base_rates_.size(),
                                 to_string(rates.shape())));
  std::vector<double> base_rates = rates.to(float64).to_vector<double>();
  for (const double base : base_rates) expect_option(is_rate(base), name_, "base_lr", kRate, base);
  move_to(steps, std::move(base_rates));
}

WarmupCosine::WarmupCosine(Optimizer& optimizer, const WarmupCosineOptions& options)
    : Schedule(optimizer, "WarmupCosine"), options_(options) {
  const auto [warmup, total, least] = options;
  expect_option(total >= 1, name(), "total_steps", "at least 1", total);
  expect_option(warmup >= 0 && warmup <= total, name(), "warmup_steps", fmt::format("in [0, total_steps = {}]", total),
                warmup);
  expect_option(is_rate(least), name(), "min_lr", kRate, least);
  apply();
}

double WarmupCosine::rate(std::int64_t step, double base) const {
  const auto [warmup, total, min_lr] = options_;
  const double least = std::min(min_lr, base);
  if (step < warmup) return base * static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (step >= total) return least;
  const double progress = static_cast<double>(step - warmup) / static_cast<double>(total - warmup);
  return least + (base - least) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

OneCycleLR::OneCycleLR(Optimizer& optimizer, const OneCycleLROptions& options)
    : Schedule(optimizer, "OneCycleLR"), options_(options) {
  expect_option(options.total_steps >= 1, name(), "total_steps", "at least 1", options.total_steps);
  expect_option(options.pct_start >= 0.0 && options.pct_start <= 1.0, name(), "pct_start", "in [0, 1]",
                options.pct_start);
  expect_positive(options.div_factor, name(), "div_factor");
  expect_positive(options.final_div_factor, name(), "final_div_factor");
  if (options.anneal_strategy > AnnealStrategy::linear)
    throw ValueError(fmt::format("[{}] no such anneal_strategy", name()));
  apply();
}

double OneCycleLR::rate(std::int64_t step, double base) const {
  const auto total = static_cast<double>(options_.total_steps);
  const double first = base / options_.div_factor;
  const double final = first / options_.final_div_factor;
  const double peak = options_.pct_start * total - 1.0;  // a step, mostly between two
  const double last = total - 1.0;
  const auto now = static_cast<double>(step);
  const auto between = [this](double from, double to, double share) {
    if (options_.anneal_strategy == AnnealStrategy::cosine) share = 0.5 * (1.0 - std::cos(std::numbers::pi * share));
    return from + (to - from) * share;
  };
  if (now >= last) return peak < last ? final : base;
  return now <= peak ? between(first, base, peak > 0.0 ? now / peak : 1.0)
                     : between(base, final, (now - peak) / (last - peak));
}

StepLR::StepLR(Optimizer& optimizer, const StepLROptions& options) : Schedule(optimizer, "StepLR"), options_(options) {
  expect_option(options.step_size >= 1, name(), "step_size", "at least 1", options.step_size);
  expect_gamma(options.gamma, name());
  apply();
}

double StepLR::rate(std::int64_t step, double base) const {
  return decayed(base, options_.gamma, step / options_.step_size);
}

MultiStepLR::MultiStepLR(Optimizer& optimizer, const MultiStepLROptions& options)
    : Schedule(optimizer, "MultiStepLR"), options_(options) {
  std::int64_t before = 0;
  for (const std::int64_t milestone : options.milestones) {
    expect_option(milestone >= 0, name(), "a milestone", "at least 0", milestone);
    expect_option(milestone >= before, name(), "a milestone", fmt::format("at least the one before it, {}", before),
                  milestone);
    before = milestone;
  }
  expect_gamma(options.gamma, name());
  apply();
}

double MultiStepLR::rate(std::int64_t step, double base) const {
  const std::vector<std::int64_t>& milestones = options_.milestones;
  const auto ahead = std::upper_bound(milestones.begin(), milestones.end(), step);
  return decayed(base, options_.gamma, ahead - milestones.begin());
}

ExponentialLR::ExponentialLR(Optimizer& optimizer, const ExponentialLROptions& options)
    : Schedule(optimizer, "ExponentialLR"), options_(options) {
  expect_gamma(options.gamma, name());
  apply();
}

double ExponentialLR::rate(std::int64_t step, double base) const { return decayed(base, options_.gamma, step); }

LambdaLR::LambdaLR(Optimizer& optimizer, Callable<double(std::int64_t)> factor)
    : Schedule(optimizer, "LambdaLR"), factor_(std::move(factor)) {
  if (!factor_) throw ValueError("[LambdaLR] expected a function, got an empty one");
  apply();
}

double LambdaLR::rate(std::int64_t step, double base) const { return base * factor_(step); }

ReduceLROnPlateau::ReduceLROnPlateau(Optimizer& optimizer, const ReduceLROnPlateauOptions& options)
    : optimizer_(&optimizer),
      options_(options),
      best_(options.mode == PlateauMode::min ? std::numeric_limits<double>::infinity()
                                             : -std::numeric_limits<double>::infinity()) {
  const auto expect = [](bool holds, std::string_view option, std::string_view domain, auto value) {
    expect_option(holds, kPlateau, option, domain, value);
  };
  expect(options.factor > 0.0 && options.factor < 1.0, "factor", "in (0, 1)", options.factor);
  expect(options.patience >= 0, "patience", "at least 0", options.patience);
  expect(is_rate(options.threshold), "threshold", kRate, options.threshold);
  expect(options.cooldown >= 0, "cooldown", "at least 0", options.cooldown);
  expect(is_rate(options.min_lr), "min_lr", kRate, options.min_lr);
  if (options.mode > PlateauMode::max) throw ValueError(fmt::format("[{}] no such mode", kPlateau));
  if (options.threshold_mode > ThresholdMode::absolute)
    throw ValueError(fmt::format("[{}] no such threshold_mode", kPlateau));
}

bool ReduceLROnPlateau::better(double metric) const {
  const bool is_absolute = options_.threshold_mode == ThresholdMode::absolute;
  const double size = is_absolute ? 1.0 : std::isinf(best_) ? 0.0 : std::abs(best_);
  const double margin = size * options_.threshold;
  return options_.mode == PlateauMode::min ? metric < best_ - margin : metric > best_ + margin;
}

void ReduceLROnPlateau::step(double metric) {
  if (better(metric)) {
    best_ = metric;
    bad_steps_ = 0;
  } else {
    ++bad_steps_;
  }
  if (cooldown_ > 0) {
    --cooldown_;
    bad_steps_ = 0;
  }
  if (bad_steps_ <= options_.patience) return;
  for (int group = 0; group < optimizer_->groups(); ++group) {
    const double now = optimizer_->lr(group);
    const double next = std::max(now * options_.factor, options_.min_lr);
    if (now - next > 1e-8) optimizer_->set_lr(next, group);
  }
  cooldown_ = options_.cooldown;
  bad_steps_ = 0;
}

NamedTensors ReduceLROnPlateau::state_dict() const {
  return {{"best", stored(best_)}, {"bad_steps", stored(bad_steps_)}, {"cooldown", stored(cooldown_)}};
}

void ReduceLROnPlateau::load_state_dict(const NamedTensors& state) {
  StoredState stored_state(state, kPlateau);
  const double best = stored_state.number("best");
  expect_option(!std::isnan(best), kPlateau, "best", "a number", best);
  const std::int64_t bad_steps = stored_state.count("bad_steps", 0);
  const std::int64_t cooldown = stored_state.count("cooldown", 0);
  stored_state.expect_all_read();
  best_ = best;
  bad_steps_ = bad_steps;
  cooldown_ = cooldown;
}

}  // namespace tapegrad::optim
