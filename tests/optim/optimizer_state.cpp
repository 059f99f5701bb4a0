// What an optimiser's state_dict() gives and its load_state_dict() takes.
#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "says.hpp"
#include "tapegrad/optim.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/same_bits.hpp"

using namespace tapegrad;
using namespace tapegrad::optim;
using tapegrad::test::says;

namespace {

NamedTensors replaced(const NamedTensors& state, std::string_view name, const Tensor& tensor) {
  NamedTensors other;
  for (const auto& [key, value] : state) other.insert(key, key == name ? tensor : value);
  return other;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(optimizer_state)

// A step would take the root of what has none.
BOOST_AUTO_TEST_CASE(a_state_of_negative_squares) {
  Tensor x = tensor({1.0, 2.0}, {.requires_grad = true});
  const auto check = [&](auto&& optimizer, std::string_view owner, const std::vector<std::string>& any_sign,
                         const std::vector<std::string>& squares) {
    x.set_grad(x.detach());
    optimizer.step();
    const NamedTensors state = optimizer.state_dict();
    for (const std::string& name : any_sign) {
      optimizer.load_state_dict(replaced(state, name, tensor({0.5, -2.0})));
      optimizer.load_state_dict(state);
    }
    for (const std::string& name : squares) {
      for (const double other : {0.5, std::nan("")}) {
        const NamedTensors negative = replaced(state, name, tensor({other, -0.25}));
        BOOST_CHECK_EXCEPTION(optimizer.load_state_dict(negative), ValueError,
                              says(fmt::format("[{}] '{}' is made of squares and cannot hold -0.25", owner, name)));
        for (const auto& [key, kept] : optimizer.state_dict()) BOOST_TEST(same_bits(kept, *state.find(key)), key);
      }
      optimizer.load_state_dict(replaced(state, name, tensor({0.5, 0.0})));
      optimizer.load_state_dict(state);
    }
  };
  check(Adam({x}, {.amsgrad = true}), "Adam", {"parameter.0.m"}, {"parameter.0.v", "parameter.0.v_max"});
  check(RMSprop({x}, {.momentum = 0.9, .centered = true}), "RMSprop", {"parameter.0.mean", "parameter.0.velocity"},
        {"parameter.0.v"});
  check(Adagrad({x}), "Adagrad", {}, {"parameter.0.sum"});
  check(SGD({x}, {.momentum = 0.9}), "SGD", {"parameter.0.velocity"}, {});
}

BOOST_AUTO_TEST_CASE(a_state_that_is_not_finite_is_loaded_as_it_is) {
  const auto check = [](const auto& make) {
    Tensor x = tensor({1.0, 2.0, 3.0}, {.requires_grad = true});
    auto optimizer = make(x);
    x.set_grad(tensor({0.5, std::nan(""), HUGE_VAL}));
    optimizer->step();
    const NamedTensors state = optimizer->state_dict();
    Tensor y = x.detach().clone().set_requires_grad(true);
    auto resumed = make(y);
    resumed->load_state_dict(state);
    for (const auto& [name, kept] : resumed->state_dict()) BOOST_TEST(same_bits(kept, state.at(name)), name);
    for (Tensor* leaf : {&x, &y}) leaf->set_grad(tensor({0.25, 0.25, 0.25}));
    optimizer->step();
    resumed->step();
    BOOST_TEST(same_bits(x, y));
    BOOST_TEST(std::isfinite(y.to_vector<float>()[0]));
  };
  check([](const Tensor& x) { return std::make_unique<Adam>(std::vector{x}, AdamOptions{.amsgrad = true}); });
  check([](const Tensor& x) {
    return std::make_unique<RMSprop>(std::vector{x}, RMSpropOptions{.momentum = 0.9, .centered = true});
  });
  check([](const Tensor& x) { return std::make_unique<Adagrad>(std::vector{x}); });
  check([](const Tensor& x) { return std::make_unique<SGD>(std::vector{x}, SGDOptions{.momentum = 0.9}); });
}

BOOST_AUTO_TEST_CASE(a_state_that_does_not_fit) {
  Tensor x = tensor({1.0, 2.0}, {.requires_grad = true});
  AdamW optimizer({x});
  x.set_grad(x.detach());
  optimizer.step();
  const NamedTensors state = optimizer.state_dict();
  BOOST_TEST(state.names() == (std::vector<std::string>{"group.0.lr", "group.0.base_lr", "parameter.0.steps",
                                                        "parameter.0.m", "parameter.0.v"}),
             boost::test_tools::per_element());
  BOOST_CHECK_EXCEPTION(optimizer.load_state_dict({}), ValueError, says("the state has no 'group.0.lr'"));
  BOOST_CHECK_EXCEPTION(SGD({x}, {}).load_state_dict(state), ValueError,
                        says("the state has 'parameter.0.m', which does not fit"));
  BOOST_CHECK_EXCEPTION(SGD({x}, {.momentum = 0.9}).load_state_dict(state), ValueError,
                        says("has no 'parameter.0.velocity'"));
  BOOST_CHECK_EXCEPTION(AdamW({zeros({3})}).load_state_dict(state), ShapeError,
                        says("expected 'parameter.0.m' to have shape [3], got [2]"));
  NamedTensors more = state;
  more.insert("parameter.1.m", x);
  BOOST_CHECK_EXCEPTION(optimizer.load_state_dict(more), ValueError,
                        says("the state has 'parameter.1.m', which does not fit"));
  const NamedTensors whole = replaced(state, "parameter.0.m", state.at("parameter.0.m").to(int64));
  BOOST_CHECK_EXCEPTION(optimizer.load_state_dict(whole), DTypeError,
                        says("[AdamW] expected 'parameter.0.m' to be floating, got int64"));
  const auto with_steps = [&](const Tensor& steps) { return replaced(state, "parameter.0.steps", steps); };
  for (const Tensor& steps :
       {full({}, -1.0, {.dtype = int64}), full({}, 0x1p62, {.dtype = int64}), full({}, 1.5), full({}, std::nan(""))})
    BOOST_CHECK_EXCEPTION(optimizer.load_state_dict(with_steps(steps)), ValueError,
                          says("[AdamW] expected parameter.0.steps to be a whole number in [1, 2^53], got"));
  BOOST_CHECK_EXCEPTION(optimizer.load_state_dict(with_steps(Tensor())), ValueError,
                        says("[AdamW] 'parameter.0.steps' is undefined"));
}

BOOST_AUTO_TEST_CASE(two_optimisers_may_go_on_from_one_state) {
  const auto parameter = [] { return tensor({1.0}, {.dtype = float64, .requires_grad = true}); };
  const auto set_gradient = [](Tensor& x) { x.set_grad(tensor({1.0}, {.dtype = float64})); };
  Tensor x = parameter();
  SGD first({x}, {.lr = 1.0, .momentum = 0.5});
  set_gradient(x);
  first.step();  // velocity 1
  Tensor y = parameter();
  SGD second({y}, {.lr = 1.0, .momentum = 0.5});
  second.load_state_dict(first.state_dict());
  first.step();  // its own velocity goes to 1.5
  set_gradient(y);
  second.step();
  BOOST_TEST(y.item() == 1.0 - 1.5);
}

BOOST_AUTO_TEST_CASE(each_group_gets_its_rate_back) {
  const auto make = [] { return SGD({{{zeros({1})}, {.lr = 1.0}}, {{zeros({1})}, {.lr = 2.0}}}); };
  SGD stored = make();
  SGD loaded = make();
  stored.set_lr(0.5, 1);
  loaded.load_state_dict(stored.state_dict());
  BOOST_TEST(loaded.lr(0) == 1.0);
  BOOST_TEST(loaded.lr(1) == 0.5);
}

BOOST_AUTO_TEST_CASE(a_state_that_is_the_optimisers_own_is_refused) {
  const Tensor x = tensor({1.0, 2.0}, {.requires_grad = true});
  AdamW adam({x});
  SGD sgd({x}, {.lr = 0.5});
  const auto step = [&x](Optimizer& optimizer) {
    x.set_grad(x.detach());
    optimizer.step();
  };
  step(adam);
  const NamedTensors own = adam.state_dict();
  const NamedTensors kept = own.clone();
  step(adam);
  BOOST_CHECK_EXCEPTION(adam.load_state_dict(own), ValueError,
                        says("[AdamW] this state's tensors are the present ones, which have changed with each step, "
                             "and only its numbers would be loaded: keep state_dict().clone()"));
  adam.load_state_dict(kept);
  for (const auto& [name, value] : adam.state_dict()) BOOST_TEST(same_bits(value, kept.at(name)), name);
  step(sgd);
  const NamedTensors numbers = sgd.state_dict();  // has no tensors of the optimiser
  sgd.set_lr(0.25);
  sgd.load_state_dict(numbers);
  BOOST_TEST(sgd.lr() == 0.5);

  MovingAverage average({x});
  BOOST_CHECK_EXCEPTION(average.load_state_dict(average.state_dict()), ValueError,
                        says("[MovingAverage] this state's tensors are the present ones"));
  average.load_state_dict(average.state_dict().clone());
}

BOOST_AUTO_TEST_SUITE_END()
