#include <boost/test/unit_test.hpp>
#include <cmath>

#include "fixture.hpp"
#include "says.hpp"
#include "tapegrad/optim.hpp"
#include "tapegrad/tape/create.hpp"

using namespace tapegrad;
using namespace tapegrad::optim;
using tapegrad::test::check_close;
using tapegrad::test::Fixture;
using tapegrad::test::says;

namespace {

std::int64_t count(const Fixture& f, const std::string& key) { return std::stoll(f.attributes().at(key)); }

SGD sgd(double lr) { return SGD({zeros({1})}, {.lr = lr}); }

/// The rates used in `steps` steps.
Tensor rates(Optimizer& optimizer, Schedule& schedule, std::int64_t steps) {
  std::vector<double> used;
  for (std::int64_t i = 0; i < steps; ++i) {
    used.push_back(optimizer.lr());
    schedule.step();
  }
  return from_vector(used, {steps});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(schedules)

BOOST_AUTO_TEST_CASE(warmup_cosine) {
  for (const char* name : {"schedule_warmup_cosine", "schedule_warmup_cosine_min_lr"}) {
    const Fixture f(name);
    SGD optimizer = sgd(f.number("lr"));
    WarmupCosine schedule(optimizer, {.warmup_steps = count(f, "warmup_steps"),
                                      .total_steps = count(f, "total_steps"),
                                      .min_lr = f.number("min_lr")});
    check_close(rates(optimizer, schedule, f["output.lr"].size(0)), f["output.lr"]);
  }
  const Fixture f("schedule_cosine_annealing");  // PyTorch's own: no warmup
  SGD optimizer = sgd(f.number("lr"));
  WarmupCosine schedule(optimizer, {.total_steps = count(f, "total_steps"), .min_lr = f.number("min_lr")});
  check_close(rates(optimizer, schedule, f["output.lr"].size(0)), f["output.lr"]);
}

BOOST_AUTO_TEST_CASE(warmup_cosine_raises_no_group_to_the_least_rate) {
  SGD optimizer(std::vector<ParameterGroup<SGDOptions>>{{{zeros({1})}, {.lr = 1.0}}, {{zeros({1})}, {.lr = 0.1}}});
  WarmupCosine schedule(optimizer, {.warmup_steps = 1, .total_steps = 3, .min_lr = 0.5});
  const std::vector<double> expected = {1.0, 1.0, 0.75, 0.5, 0.5};
  for (const double rate : expected) {
    BOOST_TEST(std::abs(optimizer.lr(0) - rate) < 1e-15);
    BOOST_TEST(optimizer.lr(1) == 0.1);
    schedule.step();
  }
}

BOOST_AUTO_TEST_CASE(warmup_cosine_of_groups) {
  SGD optimizer(std::vector<ParameterGroup<SGDOptions>>{{{zeros({1})}, {.lr = 1.0}}, {{zeros({1})}, {.lr = 0.1}}});
  WarmupCosine schedule(optimizer, {.warmup_steps = 2, .total_steps = 4});
  const std::vector<double> expected = {0.5, 1.0, 1.0, 0.5, 0.0, 0.0};
  for (const double share : expected) {
    BOOST_TEST(std::abs(optimizer.lr(0) - share) < 1e-15);
    BOOST_TEST(std::abs(optimizer.lr(1) - 0.1 * share) < 1e-15);
    schedule.step();
  }
}

// By hand, from half cosines at multiples of 30 degrees.
BOOST_AUTO_TEST_CASE(one_cycle) {
  const auto check = [](const OneCycleLROptions& options, double first, double final, const std::vector<double>& up,
                        const std::vector<double>& down) {
    SGD optimizer = sgd(2.0);
    OneCycleLR schedule(optimizer, options);
    std::vector<double> expected;
    for (const double share : up) expected.push_back(first + share * (2.0 - first));
    for (const double share : down) expected.push_back(2.0 + share * (final - 2.0));
    const auto steps = static_cast<std::int64_t>(expected.size());
    check_close(rates(optimizer, schedule, steps), from_vector(expected, {steps}));
  };
  const double root = std::sqrt(3.0) / 4.0;
  // The peak is step 9 / 3 - 1 = 2, the end step 8; what follows stays there.
  check({.total_steps = 9, .pct_start = 1.0 / 3.0}, 0.08, 8e-6, {0.0, 0.5, 1.0},
        {0.5 - root, 0.25, 0.5, 0.75, 0.5 + root, 1.0, 1.0});
  check({.total_steps = 9,
         .pct_start = 1.0 / 3.0,
         .anneal_strategy = AnnealStrategy::linear,
         .div_factor = 4.0,
         .final_div_factor = 0.5},
        0.5, 1.0, {0.0, 0.5, 1.0}, {1.0 / 6, 2.0 / 6, 3.0 / 6, 4.0 / 6, 5.0 / 6, 1.0, 1.0});
  // The peak lies between two steps, at 10 / 4 - 1 = 1.5.
  check({.total_steps = 10, .pct_start = 0.25}, 0.08, 8e-6, {0.0, 0.75}, {(1 - std::cos(std::acos(-1.0) / 15)) / 2});
  check({.total_steps = 4, .pct_start = 1.0, .anneal_strategy = AnnealStrategy::linear}, 0.08, 8e-6,
        {0.0, 1.0 / 3, 2.0 / 3, 1.0, 1.0}, {});
  check({.total_steps = 4, .pct_start = 0.25, .anneal_strategy = AnnealStrategy::linear}, 0.08, 8e-6, {1.0},
        {1.0 / 3, 2.0 / 3, 1.0, 1.0});
  check({.total_steps = 1}, 0.08, 8e-6, {}, {1.0, 1.0});
}

BOOST_AUTO_TEST_CASE(step_lr) {
  const Fixture f("schedule_step_lr");
  SGD optimizer = sgd(f.number("lr"));
  StepLR schedule(optimizer, {.step_size = count(f, "step_size"), .gamma = f.number("gamma")});
  check_close(rates(optimizer, schedule, f["output.lr"].size(0)), f["output.lr"]);
}

BOOST_AUTO_TEST_CASE(multi_step_lr) {
  const Fixture f("schedule_multi_step_lr");
  SGD optimizer = sgd(f.number("lr"));
  MultiStepLR schedule(optimizer,
                       {.milestones = f["input.milestones"].to_vector<std::int64_t>(), .gamma = f.number("gamma")});
  check_close(rates(optimizer, schedule, f["output.lr"].size(0)), f["output.lr"]);

  SGD falling = sgd(1.0);
  MultiStepLR from_the_start(falling, {.milestones = {0, 1}, .gamma = 0.5});
  BOOST_TEST(falling.lr() == 0.5);
  from_the_start.step();
  BOOST_TEST(falling.lr() == 0.25);
}

BOOST_AUTO_TEST_CASE(exponential_lr) {
  const Fixture f("schedule_exponential_lr");
  SGD optimizer = sgd(f.number("lr"));
  ExponentialLR schedule(optimizer, {.gamma = f.number("gamma")});
  check_close(rates(optimizer, schedule, f["output.lr"].size(0)), f["output.lr"]);
}

BOOST_AUTO_TEST_CASE(a_schedule_of_ones_own) {
  SGD optimizer(std::vector<ParameterGroup<SGDOptions>>{{{zeros({1})}, {.lr = 1.0}}, {{zeros({1})}, {.lr = 8.0}}});
  const auto halves = [](std::int64_t step) { return std::ldexp(1.0, -static_cast<int>(step)); };
  LambdaLR schedule(optimizer, halves);
  for (const double share : {1.0, 0.5, 0.25}) {
    BOOST_TEST(optimizer.lr(0) == share);
    BOOST_TEST(optimizer.lr(1) == 8.0 * share);
    schedule.step();
  }
  SGD later = sgd(1.0);
  BOOST_CHECK_EXCEPTION(LambdaLR(later, nullptr), ValueError, says("[LambdaLR] expected a function"));
  BOOST_CHECK_EXCEPTION(LambdaLR(later, [](std::int64_t) { return -1.0; }), ValueError,
                        says("[LambdaLR] expected the rate of step 0 to be finite and at least 0, got -1"));
  BOOST_TEST(later.lr() == 1.0);
}

BOOST_AUTO_TEST_CASE(a_schedule_starts_from_the_rates_that_are_not_a_schedules) {
  SGD optimizer(std::vector<ParameterGroup<SGDOptions>>{{{zeros({1})}, {.lr = 1.0}}, {{zeros({1})}, {.lr = 8.0}}});
  {
    WarmupCosine ended(optimizer, {.total_steps = 2});
    ended.step();
    ended.step();
    BOOST_TEST(optimizer.lr() == 0.0);
  }
  BOOST_TEST(optimizer.base_lr(1) == 8.0);
  WarmupCosine warming_up(optimizer, {.warmup_steps = 4, .total_steps = 8});
  BOOST_TEST(optimizer.lr(0) == 0.25);
  BOOST_TEST(optimizer.lr(1) == 2.0);
  optimizer.set_lr(0.5, 1);
  const StepLR last(optimizer, {.step_size = 1, .gamma = 0.5});
  BOOST_TEST(optimizer.lr(0) == 1.0);
  BOOST_TEST(optimizer.lr(1) == 0.5);

  SGD of_old = sgd(2.0);
  of_old.load_state_dict({{"group.0.lr", tensor(0.125, {.dtype = float64})}});
  BOOST_TEST(of_old.lr() == 0.125);
  BOOST_TEST(of_old.base_lr(0) == 2.0);
}

BOOST_AUTO_TEST_CASE(a_resumed_optimiser_starts_schedules_as_the_stored_one_would) {
  SGD stored = sgd(1.0);
  WarmupCosine warming_up(stored, {.warmup_steps = 4, .total_steps = 8});
  ReduceLROnPlateau plateau(stored, {.factor = 0.5, .patience = 0});
  plateau.step(1.0);
  plateau.step(1.0);  // half of the rate of the first step, a quarter
  SGD resumed = sgd(7.0);
  resumed.load_state_dict(stored.state_dict());
  for (SGD* optimizer : {&stored, &resumed}) {
    BOOST_TEST(optimizer->lr() == 0.125);
    BOOST_TEST(optimizer->base_lr(0) == 0.125);
    const StepLR next(*optimizer, {.step_size = 10, .gamma = 0.5});
    BOOST_TEST(optimizer->lr() == 0.125);
  }
  BOOST_CHECK_EXCEPTION(resumed.load_state_dict({{"group.0.lr", tensor(1.0, {.dtype = float64})},
                                                 {"group.0.base_lr", tensor(-1.0, {.dtype = float64})}}),
                        ValueError, says("[SGD] expected base_lr to be finite and at least 0, got -1"));
  BOOST_TEST(resumed.lr() == 0.125);
}

BOOST_AUTO_TEST_CASE(reduce_lr_on_plateau) {
  for (const char* name : {"default_threshold", "max", "absolute", "cooldown_min_lr"}) {
    const Fixture f(std::string("schedule_reduce_on_plateau_") + name);
    SGD optimizer = sgd(f.number("lr"));
    const bool is_max = f.attributes().at("mode") == "max";
    const bool is_absolute = f.attributes().at("threshold_mode") == "abs";
    ReduceLROnPlateau schedule(optimizer,
                               {.mode = is_max ? PlateauMode::max : PlateauMode::min,
                                .factor = f.number("factor"),
                                .patience = count(f, "patience"),
                                .threshold = f.number("threshold"),
                                .threshold_mode = is_absolute ? ThresholdMode::absolute : ThresholdMode::relative,
                                .cooldown = count(f, "cooldown"),
                                .min_lr = f.number("min_lr")});
    std::vector<double> used;
    for (const double metric : f["input.metric"].to_vector<double>()) {
      used.push_back(optimizer.lr());
      schedule.step(metric);
    }
    check_close(from_vector(used, f["output.lr"].shape()), f["output.lr"]);
  }
}

BOOST_AUTO_TEST_CASE(states_resume) {
  SGD optimizer = sgd(1.0);
  WarmupCosine schedule(optimizer, {.warmup_steps = 3, .total_steps = 9});
  (void)rates(optimizer, schedule, 5);
  const double rate = optimizer.lr();
  SGD later = sgd(0.25);
  WarmupCosine resumed(later, {.warmup_steps = 3, .total_steps = 9});
  resumed.load_state_dict(schedule.state_dict());
  BOOST_TEST(resumed.steps() == 5);
  BOOST_TEST(later.lr() == rate);
  BOOST_CHECK_EXCEPTION(resumed.load_state_dict({}), ValueError, says("[WarmupCosine] the state has no 'steps'"));
  const Tensor minus_two = tensor(-2.0, {.dtype = int64});
  BOOST_CHECK_EXCEPTION(resumed.load_state_dict({{"steps", minus_two}, {"base_lr", ones({1}, {.dtype = float64})}}),
                        ValueError, says("[WarmupCosine] expected steps to be a whole number in [0, 2^53], got -2"));
  BOOST_CHECK_EXCEPTION(
      resumed.load_state_dict({{"steps", zeros({}, {.dtype = int64})}, {"base_lr", ones({3}, {.dtype = float64})}}),
      ShapeError, says("[WarmupCosine] the schedule is of 1 groups, the state is for [3]"));
  BOOST_TEST(resumed.steps() == 5);

  ReduceLROnPlateau plateau(optimizer, {.patience = 1});
  plateau.step(3.0);
  plateau.step(4.0);
  ReduceLROnPlateau again(optimizer, {.patience = 1});
  again.load_state_dict(plateau.state_dict());
  BOOST_TEST(again.best() == 3.0);
  optimizer.set_lr(1.0);
  again.step(4.0);  // the second bad step
  BOOST_TEST(std::abs(optimizer.lr() - 0.1) < 1e-15);
  BOOST_CHECK_EXCEPTION(again.load_state_dict({{"best", ones({})}, {"bad_steps", minus_two}, {"cooldown", minus_two}}),
                        ValueError,
                        says("[ReduceLROnPlateau] expected bad_steps to be a whole number in [0, 2^53], got -2"));
}

BOOST_AUTO_TEST_CASE(a_state_that_does_not_fit_changes_nothing) {
  SGD optimizer = sgd(1.0);
  StepLR schedule(optimizer, {.step_size = 1, .gamma = 0.5});
  schedule.step();
  for (const double base : {-1.0, HUGE_VAL}) {
    BOOST_CHECK_EXCEPTION(schedule.load_state_dict({{"steps", tensor(7.0, {.dtype = int64})},
                                                    {"base_lr", full({1}, base, {.dtype = float64})}}),
                          ValueError, says("[StepLR] expected base_lr to be finite and at least 0"));
    BOOST_TEST(schedule.steps() == 1);
    BOOST_TEST(optimizer.lr() == 0.5);
  }
  // Other dtypes are converted, as those of an optimiser's state are.
  schedule.load_state_dict({{"steps", ones({})}, {"base_lr", full({1}, 4.0)}});
  BOOST_TEST(optimizer.lr() == 2.0);
  for (const Tensor& steps : {full({}, 0.5), full({}, 0x1p63), full({}, 0x1p62, {.dtype = int64})})
    BOOST_CHECK_EXCEPTION(schedule.load_state_dict({{"steps", steps}, {"base_lr", full({1}, 4.0)}}), ValueError,
                          says("[StepLR] expected steps to be a whole number in [0, 2^53], got"));
}

BOOST_AUTO_TEST_CASE(a_step_to_a_rate_that_is_not_finite_is_not_taken) {
  SGD optimizer = sgd(1.0);
  StepLR schedule(optimizer, {.step_size = 1, .gamma = 1e200});
  schedule.step();
  for (int again = 0; again < 2; ++again) {
    BOOST_CHECK_EXCEPTION(schedule.step(), ValueError,
                          says("[StepLR] expected the rate of step 2 to be finite and at least 0, got inf"));
    BOOST_TEST(schedule.steps() == 1);
  }
}

BOOST_AUTO_TEST_CASE(a_plateau_state_that_does_not_fit) {
  SGD optimizer({tensor({1.0})}, {.lr = 0.5});
  ReduceLROnPlateau schedule(optimizer);
  const auto with_best = [&](const Tensor& best) {
    NamedTensors state;
    for (const auto& [name, value] : schedule.state_dict()) state.insert(name, name == "best" ? best : value);
    return state;
  };
  BOOST_CHECK_EXCEPTION(schedule.load_state_dict(with_best(ones({2}))), ShapeError,
                        says("[ReduceLROnPlateau] expected 'best' to have one element, got [2]"));
  BOOST_CHECK_EXCEPTION(schedule.load_state_dict(with_best(tensor(std::nan("")))), ValueError,
                        says("[ReduceLROnPlateau] expected best to be a number, got nan"));
}

BOOST_AUTO_TEST_CASE(a_plateau_of_negative_metrics) {
  SGD optimizer = sgd(1.0);
  ReduceLROnPlateau schedule(optimizer, {.patience = 1, .threshold = 0.1});
  schedule.step(-10.0);
  schedule.step(-10.5);  // better by less than a tenth of the best
  BOOST_TEST(schedule.best() == -10.0);
  schedule.step(-9.5);
  BOOST_TEST(schedule.best() == -10.0);
  BOOST_TEST(std::abs(optimizer.lr() - 0.1) < 1e-15);
  schedule.step(-11.5);
  BOOST_TEST(schedule.best() == -11.5);
}

BOOST_AUTO_TEST_CASE(bad_options) {
  SGD optimizer = sgd(1.0);
  BOOST_CHECK_EXCEPTION(WarmupCosine(optimizer, {.total_steps = 0}), ValueError,
                        says("[WarmupCosine] expected total_steps to be at least 1, got 0"));
  BOOST_CHECK_EXCEPTION(WarmupCosine(optimizer, {.warmup_steps = 5, .total_steps = 4}), ValueError,
                        says("[WarmupCosine] expected warmup_steps to be in [0, total_steps = 4], got 5"));
  BOOST_CHECK_EXCEPTION(WarmupCosine(optimizer, {.total_steps = 4, .min_lr = -1.0}), ValueError,
                        says("[WarmupCosine] expected min_lr to be finite and at least 0, got -1"));
  BOOST_CHECK_EXCEPTION(OneCycleLR(optimizer, {.total_steps = 0}), ValueError,
                        says("[OneCycleLR] expected total_steps to be at least 1, got 0"));
  BOOST_CHECK_EXCEPTION(OneCycleLR(optimizer, {.total_steps = 9, .pct_start = 1.5}), ValueError,
                        says("[OneCycleLR] expected pct_start to be in [0, 1], got 1.5"));
  BOOST_CHECK_EXCEPTION(OneCycleLR(optimizer, {.total_steps = 9, .div_factor = 0.0}), ValueError,
                        says("[OneCycleLR] expected div_factor to be positive and finite, got 0"));
  BOOST_CHECK_EXCEPTION(OneCycleLR(optimizer, {.total_steps = 9, .final_div_factor = HUGE_VAL}), ValueError,
                        says("[OneCycleLR] expected final_div_factor to be positive and finite, got inf"));
  BOOST_CHECK_EXCEPTION(OneCycleLR(optimizer, {.total_steps = 9, .anneal_strategy = static_cast<AnnealStrategy>(9)}),
                        ValueError, says("[OneCycleLR] no such anneal_strategy"));
  BOOST_CHECK_EXCEPTION(ReduceLROnPlateau(optimizer, {.mode = static_cast<PlateauMode>(9)}), ValueError,
                        says("[ReduceLROnPlateau] no such mode"));
  BOOST_CHECK_EXCEPTION(ReduceLROnPlateau(optimizer, {.threshold_mode = static_cast<ThresholdMode>(9)}), ValueError,
                        says("[ReduceLROnPlateau] no such threshold_mode"));
  BOOST_CHECK_EXCEPTION(StepLR(optimizer, {.step_size = 0}), ValueError,
                        says("[StepLR] expected step_size to be at least 1, got 0"));
  BOOST_CHECK_EXCEPTION(StepLR(optimizer, {.gamma = -0.5}), ValueError,
                        says("[StepLR] expected gamma to be positive and finite, got -0.5"));
  BOOST_CHECK_THROW(StepLR(optimizer, {.gamma = 0.0}), ValueError);
  BOOST_CHECK_EXCEPTION(MultiStepLR(optimizer, {.milestones = {-1, 2}}), ValueError,
                        says("[MultiStepLR] expected a milestone to be at least 0, got -1"));
  BOOST_CHECK_EXCEPTION(MultiStepLR(optimizer, {.milestones = {4, 2}}), ValueError,
                        says("[MultiStepLR] expected a milestone to be at least the one before it, 4, got 2"));
  BOOST_CHECK_EXCEPTION(MultiStepLR(optimizer, {.milestones = {4}, .gamma = -1.0}), ValueError,
                        says("[MultiStepLR] expected gamma to be positive and finite, got -1"));
  BOOST_CHECK_EXCEPTION(ExponentialLR(optimizer, {.gamma = 0.0}), ValueError,
                        says("[ExponentialLR] expected gamma to be positive and finite, got 0"));
  BOOST_CHECK_THROW(ReduceLROnPlateau(optimizer, {.factor = 1.0}), ValueError);
  BOOST_CHECK_EXCEPTION(ReduceLROnPlateau(optimizer, {.factor = 1.5}), ValueError,
                        says("[ReduceLROnPlateau] expected factor to be in (0, 1), got 1.5"));
  BOOST_CHECK_EXCEPTION(ReduceLROnPlateau(optimizer, {.patience = -1}), ValueError,
                        says("[ReduceLROnPlateau] expected patience to be at least 0, got -1"));
  BOOST_CHECK_EXCEPTION(ReduceLROnPlateau(optimizer, {.threshold = std::nan("")}), ValueError,
                        says("[ReduceLROnPlateau] expected threshold to be finite and at least 0, got nan"));
  BOOST_CHECK_EXCEPTION(ReduceLROnPlateau(optimizer, {.cooldown = -3}), ValueError,
                        says("[ReduceLROnPlateau] expected cooldown to be at least 0, got -3"));
  BOOST_CHECK_EXCEPTION(ReduceLROnPlateau(optimizer, {.min_lr = -0.25}), ValueError,
                        says("[ReduceLROnPlateau] expected min_lr to be finite and at least 0, got -0.25"));
}

BOOST_AUTO_TEST_CASE(a_plateau_resumes_within_its_cooldown) {
  SGD optimizer({zeros({1})}, {.lr = 1.0});
  const ReduceLROnPlateauOptions options{.patience = 0, .cooldown = 2};
  ReduceLROnPlateau first(optimizer, options);
  first.step(1.0);
  first.step(1.0);
  BOOST_TEST(std::abs(optimizer.lr() - 0.1) < 1e-15);
  ReduceLROnPlateau resumed(optimizer, options);
  resumed.load_state_dict(first.state_dict());
  optimizer.set_lr(1.0);
  resumed.step(1.0);
  resumed.step(1.0);
  BOOST_TEST(optimizer.lr() == 1.0);
  resumed.step(1.0);
  BOOST_TEST(std::abs(optimizer.lr() - 0.1) < 1e-15);
}

BOOST_AUTO_TEST_CASE(the_number_of_steps_is_asked_for) {
  SGD optimizer = sgd(1.0);
  BOOST_CHECK_EXCEPTION(WarmupCosine(optimizer, {.warmup_steps = 1}), ValueError,
                        says("[WarmupCosine] expected total_steps to be at least 1, got 0"));
  BOOST_CHECK_EXCEPTION(OneCycleLR(optimizer, {.pct_start = 0.5}), ValueError,
                        says("[OneCycleLR] expected total_steps to be at least 1, got 0"));
}

BOOST_AUTO_TEST_SUITE_END()
