#include <fmt/format.h>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <memory>
#include <utility>

#include "fixture.hpp"
#include "kernels/always_teams.hpp"
#include "says.hpp"
#include "tapegrad/array/memory.hpp"
#include "tapegrad/base/threads.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/optim.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using namespace tapegrad::optim;
using tapegrad::test::check_close;
using tapegrad::test::Fixture;
using tapegrad::test::says;

namespace {

using Attributes = std::map<std::string, std::string>;

/// The number under "prefix" + key, or the default.
double number(const Attributes& attributes, const std::string& prefix, const std::string& key, double otherwise) {
  for (const std::string& name : {prefix + key, key})
    if (const auto found = attributes.find(name); found != attributes.end()) return std::stod(found->second);
  return otherwise;
}

bool flag(const Attributes& attributes, const std::string& prefix, const std::string& key) {
  return attributes.contains(prefix + key) || attributes.contains(key);
}

void read(SGDOptions& o, const Attributes& attributes, const std::string& prefix) {
  o = {.lr = number(attributes, prefix, "lr", o.lr),
       .momentum = number(attributes, prefix, "momentum", o.momentum),
       .dampening = number(attributes, prefix, "dampening", o.dampening),
       .weight_decay = number(attributes, prefix, "weight_decay", o.weight_decay),
       .nesterov = flag(attributes, prefix, "nesterov")};
}

void read(RMSpropOptions& o, const Attributes& attributes, const std::string& prefix) {
  o = {.lr = number(attributes, prefix, "lr", o.lr),
       .alpha = number(attributes, prefix, "alpha", o.alpha),
       .eps = number(attributes, prefix, "eps", o.eps),
       .weight_decay = number(attributes, prefix, "weight_decay", o.weight_decay),
       .momentum = number(attributes, prefix, "momentum", o.momentum),
       .centered = flag(attributes, prefix, "centered")};
}

void read(AdagradOptions& o, const Attributes& attributes, const std::string& prefix) {
  o = {
      .lr = number(attributes, prefix, "lr", o.lr),
      .lr_decay = number(attributes, prefix, "lr_decay", o.lr_decay),
      .weight_decay = number(attributes, prefix, "weight_decay", o.weight_decay),
      .initial_accumulator_value = number(attributes, prefix, "initial_accumulator_value", o.initial_accumulator_value),
      .eps = number(attributes, prefix, "eps", o.eps)};
}

template <class Options>
void read(Options& o, const Attributes& attributes, const std::string& prefix) {
  if (const auto betas = attributes.find("betas"); betas != attributes.end()) {
    const std::size_t comma = betas->second.find(',');
    o.betas = {std::stod(betas->second), std::stod(betas->second.substr(comma + 1))};
  }
  o.lr = number(attributes, prefix, "lr", o.lr);
  o.eps = number(attributes, prefix, "eps", o.eps);
  o.weight_decay = number(attributes, prefix, "weight_decay", o.weight_decay);
  o.amsgrad = flag(attributes, prefix, "amsgrad");
}

/// The fixture's optimiser over weight and bias: in one group, or the bias in a second one.
template <class Opt, class Options>
std::unique_ptr<Optimizer> make_optimizer(const Fixture& f, const Tensor& weight, const Tensor& bias) {
  Options first;
  read(first, f.attributes(), "");
  Options second;
  read(second, f.attributes(), "bias.");
  if (f.attributes().contains("bias.lr"))
    return std::make_unique<Opt>(std::vector<ParameterGroup<Options>>{{{weight}, first}, {{bias}, second}});
  return std::make_unique<Opt>(std::vector<Tensor>{weight, bias}, first);
}

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, const Fixture& f, const Tensor& weight,
                                          const Tensor& bias) {
  if (name.starts_with("sgd")) return make_optimizer<SGD, SGDOptions>(f, weight, bias);
  if (name.starts_with("rmsprop")) return make_optimizer<RMSprop, RMSpropOptions>(f, weight, bias);
  if (name.starts_with("adagrad")) return make_optimizer<Adagrad, AdagradOptions>(f, weight, bias);
  if (name.starts_with("adamw")) return make_optimizer<AdamW, AdamWOptions>(f, weight, bias);
  return make_optimizer<Adam, AdamOptions>(f, weight, bias);
}

const std::vector<std::string> kFixtures = {"sgd",
                                            "sgd_weight_decay",
                                            "sgd_momentum",
                                            "sgd_momentum_dampening",
                                            "sgd_nesterov",
                                            "sgd_nesterov_weight_decay",
                                            "sgd_groups",
                                            "adam",
                                            "adam_weight_decay",
                                            "adam_betas_eps",
                                            "adam_amsgrad",
                                            "adamw",
                                            "adamw_amsgrad",
                                            "adamw_strong_decay",
                                            "adamw_groups",
                                            "rmsprop",
                                            "rmsprop_weight_decay_momentum",
                                            "rmsprop_centered",
                                            "rmsprop_centered_momentum",
                                            "rmsprop_groups",
                                            "adagrad",
                                            "adagrad_all_options",
                                            "adagrad_groups"};

}  // namespace

BOOST_AUTO_TEST_SUITE(optimizers)

BOOST_DATA_TEST_CASE(fixture, boost::unit_test::data::make(kFixtures), name) {
  const Fixture f("optim_" + name);
  Tensor weight = f.leaf("param.weight");
  Tensor bias = f.leaf("param.bias");
  const auto optimizer = make_optimizer(name, f, weight, bias);
  const auto steps = f["grad.param.bias"].size(0);
  for (std::int64_t step = 0; step < steps; ++step) {
    weight.set_grad(f["grad.param.weight"][step]);
    bias.set_grad(f["grad.param.bias"][step]);
    optimizer->step();
    check_close(weight, f["param_after.weight"][step]);
    check_close(bias, f["param_after.bias"][step]);
  }
}

// The state of step 5, stored and loaded into a new optimiser, goes on to the same bits.
BOOST_DATA_TEST_CASE(state_dict_resumes, boost::unit_test::data::make(kFixtures), name) {
  const Fixture f("optim_" + name);
  const auto run = [&](bool interrupted) {
    Tensor weight = f.leaf("param.weight");
    Tensor bias = f.leaf("param.bias");
    auto optimizer = make_optimizer(name, f, weight, bias);
    for (std::int64_t step = 0; step < 10; ++step) {
      if (interrupted && step == 5) {
        optimizer->set_lr(0.125);
        const NamedTensors state = optimizer->state_dict();
        optimizer = make_optimizer(name, f, weight, bias);
        optimizer->load_state_dict(state);
        BOOST_TEST(optimizer->lr() == 0.125);
      } else if (step == 5) {
        optimizer->set_lr(0.125);
      }
      weight.set_grad(f["grad.param.weight"][step]);
      bias.set_grad(f["grad.param.bias"][step]);
      optimizer->step();
    }
    return std::pair(weight.to_vector<double>(), bias.to_vector<double>());
  };
  const auto [weight, bias] = run(false);
  const auto [resumed_weight, resumed_bias] = run(true);
  BOOST_TEST(resumed_weight == weight, boost::test_tools::per_element());
  BOOST_TEST(resumed_bias == bias, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(sgd_in_closed_form) {
  Tensor x = tensor({2.0, -4.0}, {.requires_grad = true});
  SGD optimizer({x}, {.lr = 0.25});
  Tape tape;
  tape.backward(sum(square(x)));  // d/dx x^2 = 2 x: each step halves x
  optimizer.step();
  BOOST_TEST(x.to_vector<float>() == (std::vector<float>{1, -2}));
  optimizer.zero_grad();
  BOOST_TEST(!x.has_grad());
}

// With a constant gradient every moment is exact, and a step moves by lr g / (|g| + eps).
BOOST_AUTO_TEST_CASE(adam_in_closed_form) {
  Tensor x = tensor({1.0, 1.0, 1.0}, {.dtype = float64, .requires_grad = true});
  Adam optimizer({x}, {.lr = 0.5, .eps = 1.0});
  for (int step = 1; step <= 3; ++step) {
    x.set_grad(tensor({4.0, -1.0, 0.0}, {.dtype = float64}));
    optimizer.step();
    check_close(x, tensor({1.0 - 0.5 * step * 4.0 / 5.0, 1.0 + 0.5 * step * 1.0 / 2.0, 1.0}, {.dtype = float64}));
  }
}

// After one large gradient and none, what AMSGrad divides by has not shrunk; the state of Adam alone has no such part.
BOOST_AUTO_TEST_CASE(amsgrad_remembers_the_largest_square) {
  const auto state_after = [](bool amsgrad) {
    Tensor x = tensor({1.0}, {.dtype = float64, .requires_grad = true});
    AdamW optimizer({x}, {.betas = {0.5, 0.5}, .amsgrad = amsgrad});
    for (const double g : {4.0, 0.0, 0.0}) {
      x.set_grad(tensor({g}, {.dtype = float64}));
      optimizer.step();
    }
    return optimizer.state_dict();
  };
  const NamedTensors state = state_after(true);
  BOOST_TEST(state.at("parameter.0.v").item() == 2.0);
  BOOST_TEST(state.at("parameter.0.v_max").item() == 8.0);
  BOOST_TEST(!state_after(false).contains("parameter.0.v_max"));
  Tensor x = tensor({1.0}, {.dtype = float64, .requires_grad = true});
  BOOST_CHECK_EXCEPTION(AdamW({x}).load_state_dict(state), ValueError, says("'parameter.0.v_max'"));
}

// One gradient alone: v = (1 - alpha) g^2, and the step is lr / sqrt(1 - alpha), whatever g is.
BOOST_AUTO_TEST_CASE(rmsprop_in_closed_form) {
  for (const DType dtype : {float32, float64}) {
    Tensor x = tensor({1.0, 1.0}, {.dtype = dtype, .requires_grad = true});
    RMSprop optimizer({x}, {.lr = 0.25, .alpha = 0.75, .eps = 0.0});
    x.set_grad(tensor({8.0, -0.5}, {.dtype = dtype}));
    optimizer.step();
    BOOST_TEST(x.to(float64).to_vector<double>() == (std::vector<double>{0.5, 1.5}), boost::test_tools::per_element());
  }
}

// A constant gradient has no variance, and rounding errors must not make it negative: a step of lr g / eps.
BOOST_AUTO_TEST_CASE(a_centred_constant_gradient_has_no_deviation) {
  Tensor x = tensor({1.0, 1.0, 1.0}, {.dtype = float64, .requires_grad = true});
  RMSprop optimizer({x}, {.lr = 1e-3, .alpha = 0.5, .eps = 1.0, .centered = true});
  for (int step = 0; step < 200; ++step) {
    x.set_grad(tensor({0.1, 0.3, 0.7}, {.dtype = float64}));
    optimizer.step();
    for (const double v : x.to_vector<double>()) BOOST_TEST_REQUIRE(std::isfinite(v));
  }
  const Tensor before = x.clone();
  optimizer.step();
  check_close(before - x, tensor({1e-4, 3e-4, 7e-4}, {.dtype = float64}), 1e-6);
}

// After n equal gradients the sum is n g^2: the steps go down as 1 / sqrt(n).
BOOST_AUTO_TEST_CASE(adagrad_in_closed_form) {
  Tensor x = tensor({0.0}, {.dtype = float64, .requires_grad = true});
  Adagrad optimizer({x}, {.lr = 3.0, .eps = 0.0});
  double expected = 0.0;
  for (int n = 1; n <= 4; ++n) {
    x.set_grad(tensor({-5.0}, {.dtype = float64}));
    optimizer.step();
    expected += 3.0 / std::sqrt(n);
    check_close(x, tensor({expected}, {.dtype = float64}));
  }
}

// Where gradients have stopped, nothing stays as a subnormal number, over which processors take ten times as long.
BOOST_AUTO_TEST_CASE(what_rmsprop_remembers_fades_to_zero) {
  Tensor x = tensor({1.0}, {.requires_grad = true});
  RMSprop optimizer({x}, {.alpha = 0.9, .momentum = 0.9, .centered = true});
  x.set_grad(tensor({1.0}));
  optimizer.step();
  x.set_grad(tensor({0.0}));
  for (int step = 0; step < 1500; ++step) optimizer.step();  // 0.9 of the least subnormal number rounds to itself
  for (const char* const state : {"v", "mean", "velocity"})
    BOOST_TEST(optimizer.state_dict().at(fmt::format("parameter.0.{}", state)).item() == 0.0, state);
}

BOOST_AUTO_TEST_CASE(a_parameter_without_gradient_is_left_out) {
  Tensor x = tensor({1.0}, {.dtype = float64, .requires_grad = true});
  Tensor late = tensor({1.0}, {.dtype = float64, .requires_grad = true});
  AdamW optimizer({x, late}, {.lr = 0.5, .eps = 1.0, .weight_decay = 0.0});
  for (int step = 0; step < 3; ++step) {
    x.set_grad(tensor({1.0}, {.dtype = float64}));
    if (step == 2) late.set_grad(tensor({1.0}, {.dtype = float64}));
    optimizer.step();
  }
  check_close(x, tensor({0.25}, {.dtype = float64}));
  check_close(late, tensor({0.75}, {.dtype = float64}));  // its own first step: the correction starts anew
  BOOST_TEST(optimizer.state_dict().at("parameter.1.steps").item<std::int64_t>() == 1);
}

BOOST_AUTO_TEST_CASE(the_first_step_takes_no_memory) {
  constexpr std::size_t kBytes = std::size_t{1} << 20;
  Tensor x = zeros({kBytes / 4}, {.requires_grad = true});
  const Tensor frozen = zeros({kBytes / 4});
  const std::size_t before = memory_statistics().bytes_in_use;
  AdamW optimizer({x, frozen});
  const std::size_t after = memory_statistics().bytes_in_use;
  BOOST_TEST(after - before >= 2 * kBytes);  // two moments
  BOOST_TEST(after - before < 3 * kBytes);
  x.set_grad(zeros({kBytes / 4}));
  reset_peak_memory();
  const std::size_t held = memory_statistics().bytes_in_use;
  optimizer.step();
  BOOST_TEST(memory_statistics().peak_bytes_in_use < held + kBytes);
}

BOOST_AUTO_TEST_CASE(no_velocity_without_momentum) {
  constexpr std::size_t kBytes = std::size_t{1} << 20;
  Tensor x = zeros({kBytes / 4}, {.requires_grad = true});
  Tensor y = tensor({1.0}, {.requires_grad = true});
  const std::size_t before = memory_statistics().bytes_in_use;
  SGD optimizer({{{x}, {.lr = 0.5}}, {{y}, {.lr = 0.5, .momentum = 0.5}}});
  BOOST_TEST(memory_statistics().bytes_in_use - before < kBytes);
  x.set_grad(zeros({kBytes / 4}));
  y.set_grad(tensor({1.0}));
  optimizer.step();
  const NamedTensors state = optimizer.state_dict();
  BOOST_TEST(
      state.names() == (std::vector<std::string>{"group.0.lr", "group.0.base_lr", "group.1.lr", "group.1.base_lr",
                                                 "parameter.0.steps", "parameter.1.steps", "parameter.1.velocity"}),
      boost::test_tools::per_element());
  SGD resumed({{{x}, {.lr = 0.5}}, {{y}, {.lr = 0.5, .momentum = 0.5}}});
  resumed.load_state_dict(state);
  resumed.step();
  BOOST_TEST(y.item() == -0.25);  // 1 - 0.5 * 1 - 0.5 * (0.5 * 1 + 1)
}

BOOST_AUTO_TEST_CASE(rmsprop_keeps_what_its_groups_use) {
  const auto leaf = [] { return tensor({1.0}, {.requires_grad = true}); };
  std::vector<Tensor> x = {leaf(), leaf(), leaf()};
  RMSprop optimizer({{{x[0]}, {}}, {{x[1]}, {.momentum = 0.5}}, {{x[2]}, {.centered = true}}});
  for (Tensor& parameter : x) parameter.set_grad(tensor({1.0}));
  optimizer.step();
  BOOST_TEST(optimizer.state_dict().names() ==
                 (std::vector<std::string>{"group.0.lr", "group.0.base_lr", "group.1.lr", "group.1.base_lr",
                                           "group.2.lr", "group.2.base_lr", "parameter.0.steps", "parameter.0.v",
                                           "parameter.1.steps", "parameter.1.v", "parameter.1.velocity",
                                           "parameter.2.steps", "parameter.2.v", "parameter.2.mean"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(state_is_kept_when_values_are_written_or_converted) {
  Tensor x = tensor({1.0}, {.dtype = float64, .requires_grad = true});
  SGD optimizer({x}, {.lr = 1.0, .momentum = 0.5});
  x.set_grad(tensor({1.0}, {.dtype = float64}));
  optimizer.step();
  x.mutable_data<double>()[0] = 10.0;
  optimizer.step();
  BOOST_TEST(x.item() == 8.5);  // velocity 0.5 * 1 + 1
}

BOOST_AUTO_TEST_CASE(float32_and_float64_stand_in_one_group) {
  Tensor a = tensor({1.0, 2.0}, {.dtype = float32, .requires_grad = true});
  Tensor b = tensor({1.0, 2.0}, {.dtype = float64, .requires_grad = true});
  SGD optimizer({a, b}, {.lr = 0.5});
  a.set_grad(tensor({1.0, 1.0}));
  b.set_grad(expand(tensor({1.0}, {.dtype = float64}), {2}));  // not contiguous
  optimizer.step();
  BOOST_TEST(a.to_vector<float>() == (std::vector<float>{0.5, 1.5}));
  BOOST_TEST(b.to_vector<double>() == (std::vector<double>{0.5, 1.5}));
}

BOOST_AUTO_TEST_CASE(an_update_that_cannot_be_whole_writes_nothing) {
  const auto of = [](DType dtype) { return ones({2, 2}, {.dtype = dtype}); };
  const Tensor narrow = of(float32), wide = of(float64);
  const Tensor turned = zeros({2, 2}, {.dtype = float64}).transpose(0, 1);
  const std::vector<AdamTerm> adam = {{narrow, of(float32), zeros_like(narrow), zeros_like(narrow), {}},
                                      {wide, of(float64), turned, zeros_like(wide), {}}};
  BOOST_CHECK_EXCEPTION(adam_update(adam, {.step = 1}), ShapeError,
                        says("[adam_update] a running mean of shape [2, 2] has strides [1, 2]: what is written must be "
                             "contiguous"));
  const std::vector<SGDTerm> sgd = {{narrow, of(float32), {}}, {wide, of(float64), turned}};
  BOOST_CHECK_EXCEPTION(sgd_update(sgd, {}), ShapeError, says("[sgd_update] a velocity of shape [2, 2]"));
  const std::vector<RMSTerm> rms = {{narrow, of(float32), zeros_like(narrow), {}, {}},
                                    {wide, of(float64), zeros_like(wide), {}, turned}};
  BOOST_CHECK_EXCEPTION(rms_update(rms, {}), ShapeError, says("[rms_update] a velocity of shape [2, 2]"));
  const std::vector<Tensor> both = {narrow, turned};
  BOOST_CHECK_THROW(scale_in_place(both, 2.0), ShapeError);
  BOOST_CHECK_THROW(clamp_in_place(both, 0.5), ShapeError);
  const std::vector<Tensor> none = {narrow, Tensor()};
  const auto undefined = [](const std::string& op) { return says("[" + op + "] an undefined tensor has no elements"); };
  BOOST_CHECK_EXCEPTION((void)global_norm(none), ValueError, says("[global_norm] an input is undefined"));
  BOOST_CHECK_EXCEPTION(scale_in_place(none, 2.0), ValueError, undefined("scale_in_place"));
  BOOST_CHECK_EXCEPTION((void)clamp_in_place(none, 0.5), ValueError, undefined("clamp_in_place"));
  const std::vector<Tensor> tokens = {narrow, of(int64)};
  BOOST_CHECK_EXCEPTION((void)global_norm(tokens), DTypeError,
                        says("[global_norm] expected a floating tensor, got int64 [2, 2]"));
  const std::vector<SGDTerm> of_tokens = {{of(int64), of(int64), {}}};
  BOOST_CHECK_EXCEPTION(sgd_update(of_tokens, {}), DTypeError,
                        says("[sgd_update] expected a floating parameter, got int64 [2, 2]"));
  for (const float v : narrow.to_vector<float>()) BOOST_TEST(v == 1.0F);
}

BOOST_AUTO_TEST_CASE(adam_counts_its_updates_from_one) {
  const Tensor x = ones({2});
  const std::vector<AdamTerm> terms = {{x, ones({2}), zeros({2}), zeros({2}), {}}};
  for (const std::int64_t step : {0, -1})
    BOOST_CHECK_EXCEPTION(adam_update(terms, {.step = step}), ValueError,
                          says("[adam_update] updates are counted from 1, got step " + std::to_string(step)));
  BOOST_TEST(x.to_vector<float>() == (std::vector<float>{1.0F, 1.0F}), boost::test_tools::per_element());
  BOOST_TEST(terms[0].m.to_vector<float>() == (std::vector<float>{0.0F, 0.0F}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_tape_that_holds_the_old_value_notices) {
  Tensor x = tensor({3.0}, {.requires_grad = true});
  AdamW optimizer({x});
  Tape tape;
  const Tensor y = square(x);
  x.set_grad(tensor({1.0}));
  optimizer.step();
  BOOST_CHECK_EXCEPTION(tape.backward(y), TapeError,
                        says("square saved its input 0 [1], which was changed in place by AdamW"));
}

// Of a model that was copied before its parameters were given away, none ever gets a gradient.
BOOST_AUTO_TEST_CASE(a_step_without_any_gradient_is_an_error) {
  Tensor x = tensor({3.0}, {.requires_grad = true});
  Tensor other = tensor({3.0}, {.requires_grad = true});
  SGD optimizer({x, tensor({1.0})}, {.lr = 0.5});
  Tape tape;
  tape.backward(square(other));
  BOOST_CHECK_EXCEPTION(optimizer.step(), TapeError, says("[SGD] none of 2 parameters has a gradient"));
  BOOST_TEST(x.item() == 3.0);
  optimizer.step({.allow_no_gradient = true});
  x.set_requires_grad(false);  // all are frozen: nothing is wanted
  optimizer.step();
  BOOST_TEST(x.item() == 3.0);
  // One that a loss has reached before: an expert that is not chosen in each step.
  x.set_requires_grad(true);
  x.set_grad(tensor({1.0}));
  optimizer.step();
  optimizer.zero_grad();
  optimizer.step();
  BOOST_TEST(x.item() == 2.5);
}

BOOST_AUTO_TEST_CASE(gradients_stay_unshared) {
  Tensor x = tensor({3.0}, {.requires_grad = true});
  SGD optimizer({x}, {.lr = 0.5});
  x.set_grad(tensor({1.0}));
  optimizer.step();
  BOOST_TEST(is_exclusive(x.grad()) == false);  // two handles now: the leaf's and this one
  const Tensor held = x.grad();
  x.zero_grad();
  BOOST_TEST(is_exclusive(held));  // and none that the optimiser has kept
}

BOOST_AUTO_TEST_CASE(bad_options_and_parameters) {
  const Tensor x = tensor({1.0}, {.requires_grad = true});
  BOOST_CHECK_EXCEPTION(SGD({x}, {.lr = -1.0}), ValueError,
                        says("[SGD] expected lr to be finite and at least 0, got -1"));
  BOOST_CHECK_EXCEPTION(SGD({x}, {.momentum = 1.0}), ValueError,
                        says("[SGD] expected momentum to be in [0, 1), got 1"));
  BOOST_CHECK_EXCEPTION(SGD({x}, {.dampening = 1.5}), ValueError, says("[SGD] expected dampening"));
  BOOST_CHECK_EXCEPTION(SGD({x}, {.weight_decay = -0.5}), ValueError, says("[SGD] expected weight_decay"));
  BOOST_CHECK_EXCEPTION(SGD({x}, {.nesterov = true}), ValueError, says("[SGD] nesterov needs a momentum"));
  BOOST_CHECK_EXCEPTION(Adam({x}, {.betas = {0.9, 1.0}}), ValueError,
                        says("[Adam] expected betas to be in [0, 1), got 1"));
  BOOST_CHECK_EXCEPTION(Adam({x}, {.eps = std::nan("")}), ValueError, says("[Adam] expected eps"));
  BOOST_CHECK_EXCEPTION(AdamW({x}, {.lr = HUGE_VAL}), ValueError,
                        says("[AdamW] expected lr to be finite and at least 0, got inf"));
  BOOST_CHECK_EXCEPTION(RMSprop({x}, {.alpha = 1.0}), ValueError,
                        says("[RMSprop] expected alpha to be in [0, 1), got 1"));
  BOOST_CHECK_EXCEPTION(RMSprop({x}, {.momentum = -0.1}), ValueError,
                        says("[RMSprop] expected momentum to be in [0, 1)"));
  BOOST_CHECK_EXCEPTION(Adagrad({x}, {.lr_decay = -1.0}), ValueError,
                        says("[Adagrad] expected lr_decay to be finite and at"));
  BOOST_CHECK_EXCEPTION(Adagrad({x}, {.initial_accumulator_value = HUGE_VAL}), ValueError,
                        says("[Adagrad] expected initial_accumulator_value to be finite and at least 0, got inf"));
  BOOST_CHECK_EXCEPTION(AdamW(std::vector<Tensor>{}), ValueError, says("[AdamW] there are no parameters"));
  BOOST_CHECK_EXCEPTION(AdamW(std::vector<Tensor>{Tensor()}), ValueError, says("parameter 0 of group 0 is undefined"));
  BOOST_CHECK_EXCEPTION(AdamW({x, x}), ValueError, says("[AdamW] parameter 1 of group 0, [1], is given twice"));
  BOOST_CHECK_EXCEPTION(AdamW(std::vector<ParameterGroup<AdamWOptions>>{{{x}, {}}, {{x}, {}}}), ValueError,
                        says("[AdamW] parameter 0 of group 1, [1], is given twice"));
  const Tensor line = zeros({4});
  BOOST_CHECK_EXCEPTION(AdamW({line.slice(0, {.stop = 2}), line.slice(0, {.start = 1})}), ValueError,
                        says("[AdamW] parameter 1 of group 0, [3], is given twice, or shares elements"));
  BOOST_CHECK_EXCEPTION(AdamW({line.slice(0, {.start = 2}), line}), ValueError, says("parameter 1 of group 0, [4]"));
  BOOST_CHECK_NO_THROW(AdamW({line.slice(0, {.stop = 2}), line.slice(0, {.start = 2}), zeros({0}), zeros({0})}));
  BOOST_CHECK_EXCEPTION(AdamW({tensor({1.0}, {.dtype = int64})}), DTypeError, says("is int64"));
  BOOST_CHECK_EXCEPTION(AdamW({zeros({2, 3}).transpose(0, 1)}), ShapeError, says("[3, 2], is a view"));
  {
    const Tape tape;
    BOOST_CHECK_EXCEPTION(AdamW({x + x}), ValueError, says("[AdamW] parameter 0 of group 0, [1], was computed on a"));
  }
  AdamW optimizer({x});
  BOOST_CHECK_EXCEPTION(optimizer.set_lr(-1.0), ValueError, says("[AdamW] expected lr"));
  BOOST_CHECK_EXCEPTION(optimizer.lr(1), IndexError, says("[AdamW] group 1 of 1"));
}

BOOST_AUTO_TEST_CASE(same_bits_at_any_number_of_threads) {
  const auto train = [](int threads) {
    set_num_threads(threads);
    Generator generator(7);
    std::vector<Tensor> parameters;
    for (const std::int64_t n : {70001, 3, 40000}) parameters.push_back(randn({n}, generator).set_requires_grad(true));
    AdamW optimizer(parameters, {.lr = 0.1});
    std::vector<float> result;
    for (int step = 0; step < 3; ++step) {
      for (Tensor& x : parameters) x.set_grad(randn(x.shape(), generator));
      result.push_back(static_cast<float>(clip_grad_norm(parameters, 1.0)));
      optimizer.step();
    }
    for (const Tensor& x : parameters) {
      const auto values = x.to_vector<float>();
      result.insert(result.end(), values.begin(), values.end());
    }
    set_num_threads(0);
    return result;
  };
  const std::vector<float> one = train(1);
  const kernels::AlwaysTeams always;
  const std::int64_t before = kernels::teams_formed();
  BOOST_TEST((train(2) == one));
  BOOST_TEST((train(4) == one));
  BOOST_TEST(kernels::teams_formed() >= before + 12);  // in three steps each: of the clipping and the update
}

BOOST_AUTO_TEST_CASE(what_names_no_group_is_of_all_groups) {
  Tensor x = tensor({1.0}, {.requires_grad = true});
  Tensor y = tensor({1.0}, {.requires_grad = true});
  AdamW optimizer({{{x}, {.lr = 1.0, .weight_decay = 0.1}}, {{y}, {.lr = 1.0}}});
  x.set_grad(tensor({3.0}));
  y.set_grad(tensor({4.0}));
  BOOST_TEST(clip_grad_norm(optimizer.parameters(), 1.0) == 5.0);
  BOOST_TEST(std::abs(y.grad().item() - 0.8) < 1e-6);

  BOOST_TEST(optimizer.lr() == 1.0);
  optimizer.set_lr(0.5);
  BOOST_TEST(optimizer.lr(0) == 0.5);
  BOOST_TEST(optimizer.lr(1) == 0.5);
  optimizer.set_lr(0.25, 1);
  BOOST_CHECK_EXCEPTION(optimizer.lr(), ValueError,
                        says("[AdamW] the groups have rates of their own, 0.5 and 0.25: say which, lr(0)"));
  BOOST_CHECK_EXCEPTION(optimizer.options(), ValueError, says("[AdamW] there are 2 groups: say which, options(0)"));
  BOOST_TEST(optimizer.options(0).weight_decay == 0.1);
  BOOST_CHECK_EXCEPTION(optimizer.set_lr(-1.0), ValueError, says("[AdamW] expected lr"));
  BOOST_TEST(optimizer.lr(0) == 0.5);
}

BOOST_AUTO_TEST_CASE(a_group_joins_later) {
  Tensor x = tensor({1.0}, {.requires_grad = true});
  Tensor y = tensor({1.0}, {.requires_grad = true});
  SGD optimizer({x}, {.lr = 0.5, .momentum = 0.5});
  StepLR schedule(optimizer, {.step_size = 1, .gamma = 0.5});
  x.set_grad(tensor({1.0}));
  y.set_grad(tensor({1.0}));
  optimizer.step();
  BOOST_TEST(y.item() == 1.0);
  optimizer.add_group({{y}, {.lr = 0.25}});
  BOOST_TEST(optimizer.groups() == 2);
  BOOST_TEST(optimizer.options(1).momentum == 0.0);
  schedule.step();
  BOOST_TEST(optimizer.lr(0) == 0.25);
  BOOST_TEST(optimizer.lr(1) == 0.25);  // its own
  optimizer.step();
  BOOST_TEST(x.item() == 0.5 - 0.25 * 1.5);  // its velocity went on
  BOOST_TEST(y.item() == 0.75);
  SGD resumed({{{x}, {.momentum = 0.5}}, {{y}, {}}});
  resumed.load_state_dict(optimizer.state_dict());
  BOOST_TEST(same_bits(resumed.state_dict().at("parameter.1.steps"), tensor(1, {.dtype = int64})));
}

BOOST_AUTO_TEST_CASE(a_group_that_does_not_fit_changes_nothing) {
  Tensor x = tensor({1.0}, {.requires_grad = true});
  Tensor y = tensor({1.0}, {.requires_grad = true});
  SGD optimizer({x}, {.lr = 0.5});
  BOOST_CHECK_EXCEPTION(optimizer.add_group({{y, x}, {}}), ValueError,
                        says("[SGD] parameter 1 of group 1, [1], is given twice"));
  BOOST_CHECK_EXCEPTION(optimizer.add_group({{y}, {.lr = -1.0}}), ValueError, says("[SGD] expected lr to be"));
  BOOST_CHECK_EXCEPTION(optimizer.add_group({{y, arange(2)}, {}}), DTypeError,
                        says("[SGD] parameter 1 of group 1 is int64"));
  BOOST_TEST(optimizer.groups() == 1);
  BOOST_CHECK_THROW(optimizer.options(1), IndexError);
  y.set_grad(tensor({1.0}));
  optimizer.step({.allow_no_gradient = true});
  BOOST_TEST(y.item() == 1.0);
  optimizer.add_group({{y}, {.lr = 0.5}});  // y is nobody's still
  optimizer.step();
  BOOST_TEST(y.item() == 0.5);
}

BOOST_AUTO_TEST_CASE(a_group_is_held_against_where_parameters_lie_now) {
  // A conversion in place moves them; what they leave may become another's.
  Tensor x = zeros({300, 300}, {.requires_grad = true});
  SGD optimizer({x}, {.lr = 0.5});
  engine::convert_in_place(x, float64);
  BOOST_CHECK_EXCEPTION(optimizer.add_group({{x}, {}}), ValueError,
                        says("[SGD] parameter 0 of group 1, [300, 300], is"));
  for (int i = 0; i < 8; ++i) optimizer.add_group({{zeros({300, 300}, {.requires_grad = true})}, {}});
  BOOST_TEST(optimizer.groups() == 9);
}

BOOST_AUTO_TEST_CASE(options_outside_their_domain) {
  const Tensor x = tensor({1.0}, {.requires_grad = true});
  BOOST_CHECK_THROW(AdamW({x}, {.weight_decay = -0.5}), ValueError);
  BOOST_CHECK_THROW(Adam({x}, {.weight_decay = HUGE_VAL}), ValueError);
  BOOST_CHECK_THROW(SGD({x}, {.weight_decay = -0.5}), ValueError);
  BOOST_CHECK_THROW(SGD({x}, {.momentum = 0.9, .dampening = 0.5, .nesterov = true}), ValueError);
}

BOOST_AUTO_TEST_SUITE_END()
