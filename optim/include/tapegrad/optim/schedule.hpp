// Learning-rate schedules. A schedule sets the rate of the first step when it is made; step() after each step of the
// optimiser sets that of the next. Use one schedule per optimiser at a time: each overwrites the rates. A schedule made
// after another has ended starts from the same base rates (Optimizer::base_lr).
#pragma once

#include <cstdint>
#include <vector>

#include "tapegrad/base/callable.hpp"
#include "tapegrad/optim/optimizer.hpp"
#include "tapegrad/tape/named_tensors.hpp"

namespace tapegrad::optim {

/// A schedule whose rate follows from the number of steps and each group's base rate. For one of your own override
/// rate(), and end the constructor with apply(), which sets the rate of the first step.
/// REQUIRES: the optimiser outlives it.
class Schedule {
 public:
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;
  virtual ~Schedule() = default;

  /// Moves on by one step. Throws ValueError, and stays, where the next rate would be negative or not finite.
  void step();
  std::int64_t steps() const { return steps_; }

  /// "steps" and "base_lr": what a later run needs to go on from here.
  NamedTensors state_dict() const;
  /// Throws ValueError for other names, a negative number of steps or a rate that is negative or not finite, ShapeError
  /// for another number of groups; then nothing has changed.
  void load_state_dict(const NamedTensors& state);

 protected:
  /// Starts from the groups' base rates. `name` begins error messages: a literal.
  explicit Schedule(Optimizer& optimizer, const char* name = "Schedule");
  /// Sets the rates of the present step.
  void apply();
  /// The rate used in step `step` (from 0) by a group that started with `base`.
  virtual double rate(std::int64_t step, double base) const = 0;

  const char* name() const { return name_; }

 private:
  /// Sets the rates of a step, all or none.
  void move_to(std::int64_t steps, std::vector<double> base_rates);

  const char* name_;
  Optimizer* optimizer_;
  std::vector<double> base_rates_;
  std::int64_t steps_ = 0;
};

struct WarmupCosineOptions {
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 0;  ///< of the whole training; required
  double min_lr = 0.0;
};

/// A line from lr / warmup_steps in step 0 up to lr in step warmup_steps - 1, then half a cosine from lr in step
/// warmup_steps down to min_lr in step total_steps, and min_lr ever after. A group whose lr is below min_lr keeps its
/// lr (PyTorch would raise it). Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5.
class WarmupCosine final : public Schedule {
 public:
  /// Throws ValueError unless 0 <= warmup_steps <= total_steps, total_steps >= 1 and min_lr >= 0.
  WarmupCosine(Optimizer& optimizer, const WarmupCosineOptions& options);

 private:
  double rate(std::int64_t step, double base) const override;
  WarmupCosineOptions options_;
};

enum class AnnealStrategy : std::uint8_t { cosine, linear };

struct OneCycleLROptions {
  std::int64_t total_steps = 0;  ///< of the whole training; required
  double pct_start = 0.3;        ///< the share of the steps in which the rate rises
  AnnealStrategy anneal_strategy = AnnealStrategy::cosine;
  double div_factor = 25.0;       ///< the first rate is lr / div_factor
  double final_div_factor = 1e4;  ///< the last one is the first / final_div_factor
};

/// Up from lr / div_factor in step 0 to lr in step pct_start total_steps - 1, then down to lr / (div_factor
/// final_div_factor) in step total_steps - 1, along halves of a cosine or along lines, and that rate ever after (Smith
/// and Topin, "Super-convergence", 2017, arXiv:1708.07120). PyTorch's definition in two phases, with the optimiser's
/// own rate as max_lr; momentum stays as it is.
class OneCycleLR final : public Schedule {
 public:
  /// Throws ValueError unless total_steps >= 1, 0 <= pct_start <= 1 and the factors are finite and positive, and for
  /// what is no AnnealStrategy.
  OneCycleLR(Optimizer& optimizer, const OneCycleLROptions& options);

 private:
  double rate(std::int64_t step, double base) const override;
  OneCycleLROptions options_;
};

struct StepLROptions {
  std::int64_t step_size = 1;
  double gamma = 0.1;
};

/// lr gamma^floor(step / step_size).
class StepLR final : public Schedule {
 public:
  /// Throws ValueError for a step_size below 1 or a gamma that is not positive.
  StepLR(Optimizer& optimizer, const StepLROptions& options);

 private:
  double rate(std::int64_t step, double base) const override;
  StepLROptions options_;
};

struct MultiStepLROptions {
  std::vector<std::int64_t> milestones;  ///< in rising order
  double gamma = 0.1;
};

/// lr gamma^n, where n is the number of milestones that are at most the step. A milestone given twice counts twice.
class MultiStepLR final : public Schedule {
 public:
  /// Throws ValueError for milestones that are negative or not in rising order or a gamma that is not positive.
  MultiStepLR(Optimizer& optimizer, const MultiStepLROptions& options);

 private:
  double rate(std::int64_t step, double base) const override;
  MultiStepLROptions options_;
};

struct ExponentialLROptions {
  double gamma = 0.1;
};

/// lr gamma^step.
class ExponentialLR final : public Schedule {
 public:
  /// Throws ValueError for a gamma that is not positive.
  ExponentialLR(Optimizer& optimizer, const ExponentialLROptions& options);

 private:
  double rate(std::int64_t step, double base) const override;
  ExponentialLROptions options_;
};

/// lr factor(step): any other schedule. The function is not part of the state.
///
///   LambdaLR schedule(optimizer, [](std::int64_t step) { return 1.0 / std::sqrt(1.0 + step); });
class LambdaLR final : public Schedule {
 public:
  /// Throws ValueError for an empty function or where its first rate is negative or not finite.
  LambdaLR(Optimizer& optimizer, Callable<double(std::int64_t step)> factor);

 private:
  double rate(std::int64_t step, double base) const override;
  Callable<double(std::int64_t)> factor_;
};

/// Whether a smaller or a larger metric is better.
enum class PlateauMode : std::uint8_t { min, max };
/// Whether a threshold is a share of the best metric or a difference to it.
enum class ThresholdMode : std::uint8_t { relative, absolute };

struct ReduceLROnPlateauOptions {
  PlateauMode mode = PlateauMode::min;
  double factor = 0.1;
  std::int64_t patience = 10;  ///< steps without improvement before the rates are reduced
  double threshold = 1e-4;     ///< by which a metric must beat the best to count as better
  ThresholdMode threshold_mode = ThresholdMode::relative;
  std::int64_t cooldown = 0;  ///< steps after a reduction in which nothing is counted
  double min_lr = 0.0;
};

/// Multiplies the rates by `factor` when the metric has not improved for more than `patience` steps; reductions of less
/// than 1e-8 are left out. PyTorch's definition, except that a relative threshold is a share of |best| (PyTorch's is a
/// share of best, and lets a negative metric get worse). A metric that is NaN is no improvement. A Schedule made later
/// starts from the rates set here; one that runs at the same time overwrites them.
class ReduceLROnPlateau {
 public:
  /// Throws ValueError unless 0 < factor < 1, min_lr is finite and the other numbers are at least 0, and for what is no
  /// PlateauMode or no ThresholdMode. REQUIRES: the optimiser outlives it.
  explicit ReduceLROnPlateau(Optimizer& optimizer, const ReduceLROnPlateauOptions& options = {});

  /// Takes in the metric of one more step, mostly an epoch, as measured on data held out, and reduces the rates where
  /// that is due.
  void step(double metric);
  double best() const { return best_; }

  /// "best", "bad_steps" and "cooldown".
  NamedTensors state_dict() const;
  /// Throws ValueError for other names, a count that is no whole number in [0, 2^53] or a `best` that is NaN,
  /// ShapeError for one with several elements.
  void load_state_dict(const NamedTensors& state);

 private:
  bool better(double metric) const;

  Optimizer* optimizer_;
  ReduceLROnPlateauOptions options_;
  double best_;
  std::int64_t bad_steps_ = 0;
  std::int64_t cooldown_ = 0;
};

}  // namespace tapegrad::optim
