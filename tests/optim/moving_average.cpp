#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "fixture.hpp"
#include "says.hpp"
#include "tapegrad/nn/linear.hpp"
#include "tapegrad/nn/module.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/optim.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using namespace tapegrad::optim;
using tapegrad::test::check_close;
using tapegrad::test::says;

namespace {

Tensor parameter(double value, DType dtype = float64) {
  return full({2}, value, {.dtype = dtype, .requires_grad = true});
}

void write(Tensor& x, double value) {
  for (double& element : x.mutable_data<double>()) element = value;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(moving_average)

// From 0 towards 1: what is left of the way is the product of what each update keeps.
BOOST_AUTO_TEST_CASE(in_closed_form) {
  for (const bool warmup : {false, true}) {
    Tensor x = parameter(0.0);
    MovingAverage average({x}, {.decay = 0.25, .warmup = warmup});
    write(x, 1.0);
    double left = 1.0;
    for (int n = 1; n <= 6; ++n) {
      average.update();
      left *= warmup ? std::fmin(0.25, (1.0 + n) / (10.0 + n)) : 0.25;  // 2 / 11 at first, 3 / 12 in the second
      check_close(average.tensors()[0], full({2}, 1.0 - left, {.dtype = float64}));
    }
    BOOST_TEST(x.to_vector<double>() == (std::vector<double>{1.0, 1.0}));
  }
}

BOOST_AUTO_TEST_CASE(follows_a_parameter_that_is_not_finite) {
  const double inf = std::numeric_limits<double>::infinity();
  Tensor x = from_vector<double>({1.0, 1.0}, {2});
  MovingAverage average({x}, {.decay = 0.5, .warmup = false});
  const auto update = [&](double first) {
    x.mutable_data<double>()[0] = first;
    average.update();
    BOOST_TEST(average.tensors()[0].to_vector<double>()[1] == 1.0);
    return average.tensors()[0].to_vector<double>()[0];
  };
  BOOST_TEST(update(inf) == inf);
  BOOST_TEST(update(inf) == inf);
  BOOST_TEST(update(-inf) == -inf);
  BOOST_TEST(update(3.0) == 3.0);
  BOOST_TEST(update(5.0) == 4.0);
  BOOST_TEST(std::isnan(update(std::nan(""))));
  BOOST_TEST(update(5.0) == 5.0);
}

// A step from one towards the other would lose what is small beside their distance.
BOOST_AUTO_TEST_CASE(takes_small_values_in_exactly) {
  Tensor x = full({1}, 0x1p40F);
  MovingAverage average({x}, {.decay = 0.0, .warmup = false});
  x.mutable_data<float>()[0] = 1.0F;
  average.update();
  BOOST_TEST(average.tensors()[0].item() == 1.0);
}

// Weights that are rounded one by one do not add up to 1: an average of the same value would wander off.
BOOST_AUTO_TEST_CASE(a_value_that_stands_still_has_itself_for_average) {
  const Tensor x = full({1}, 0.7F);
  MovingAverage average({x}, {.decay = 0.9999});
  for (int n = 0; n < 2000; ++n) average.update();
  BOOST_TEST(average.tensors()[0].item() == x.item());
}

static_assert(!std::is_copy_constructible_v<MovingAverage> && std::is_nothrow_move_constructible_v<MovingAverage>);

BOOST_AUTO_TEST_CASE(updates_are_not_recorded) {
  const Tensor x = parameter(3.0);
  MovingAverage average({x}, {.decay = 0.5});
  Tape tape;
  const Tensor y = sum(x * x);
  const auto recorded = tape.size();
  average.update();
  BOOST_TEST(tape.size() == recorded);
  tape.backward(y);  // what it has saved was not written
  BOOST_TEST(x.grad().to_vector<double>() == (std::vector<double>{6.0, 6.0}));
}

BOOST_AUTO_TEST_CASE(a_model_computes_with_the_averages) {
  nn::Linear model(1, 1, {.bias = false, .dtype = float64});
  MovingAverage average(model.parameters(), {.decay = 0.5, .warmup = false});
  const double before = model.weight.tensor().item();
  Tensor weight = model.weight;
  write(weight, before + 2.0);
  average.update();
  const Tensor one = ones({1, 1}, {.dtype = float64});
  {
    const nn::Substitution averaged(model, average.tensors());
    check_close(model(one), full({1, 1}, before + 1.0, {.dtype = float64}));
  }
  check_close(model(one), full({1, 1}, before + 2.0, {.dtype = float64}));
}

BOOST_AUTO_TEST_CASE(averages_follow_a_conversion) {
  nn::Linear model(2, 1);
  MovingAverage average(model.parameters());
  model.to(float64);
  const NamedTensors state = average.state_dict();
  for (const char* name : {"average.0", "average.1"}) BOOST_TEST((state.at(name).dtype() == float64));
  {
    const nn::Substitution averaged(model, average.tensors());
    BOOST_TEST((model(ones({1, 2}, {.dtype = float64})).dtype() == float64));
  }
  const std::vector<Tensor> before = average.tensors();
  average.update();
  for (std::size_t i = 0; i < before.size(); ++i)
    BOOST_TEST(engine::sees_same_elements(average.tensors()[i], before[i]));
  model.to(float32);
  average.update();
  for (const Tensor& x : average.tensors()) BOOST_TEST((x.dtype() == float32));
}

BOOST_AUTO_TEST_CASE(a_stored_state_goes_on_to_the_same_bits) {
  const auto run = [](bool interrupted) {
    Tensor x = parameter(0.0);
    MovingAverage average({x});
    for (int step = 1; step <= 6; ++step) {
      write(x, std::sin(step));
      average.update();
      if (!interrupted || step != 3) continue;
      const NamedTensors state = average.state_dict();
      average = MovingAverage({x});
      average.load_state_dict(state);
    }
    return average.tensors()[0].to_vector<double>();
  };
  BOOST_TEST(run(true) == run(false));
}

BOOST_AUTO_TEST_CASE(refusals) {
  const Tensor x = parameter(1.0);
  for (const double decay : {-0.1, 1.0, std::nan("")})
    BOOST_CHECK_EXCEPTION(MovingAverage({x}, {.decay = decay}), ValueError,
                          says("[MovingAverage] expected decay to be in [0, 1), got"));
  BOOST_CHECK_EXCEPTION(MovingAverage({x, Tensor()}), ValueError, says("parameter 1 is undefined"));
  BOOST_CHECK_EXCEPTION(MovingAverage({arange(2)}), DTypeError, says("parameter 0 is int64"));

  MovingAverage average({x});
  const auto refuses = [&]<class E>(const E*, const NamedTensors& state, const char* text) {
    BOOST_CHECK_EXCEPTION(average.load_state_dict(state), E, says(text));
    BOOST_TEST(average.tensors()[0].to_vector<double>() == (std::vector<double>{1.0, 1.0}));
  };
  const Tensor count = full({}, 3.0, {.dtype = int64});
  const ValueError* const value = nullptr;
  const ShapeError* const shape = nullptr;
  const DTypeError* const dtype = nullptr;
  refuses(value, {}, "the state has no 'updates'");
  refuses(value, {{"updates", count}}, "the state has no 'average.0'");
  refuses(value, {{"updates", full({}, 0.5)}, {"average.0", x}}, "expected updates to be a whole number");
  refuses(shape, {{"updates", count}, {"average.0", zeros({3})}}, "expected 'average.0' to have shape [2], got [3]");
  refuses(dtype, {{"updates", count}, {"average.0", arange(2)}}, "expected 'average.0' to be floating, got int64");
  refuses(value, {{"updates", count}, {"average.0", zeros({2})}, {"average.1", zeros({2})}},
          "the state has 'average.1', which does not fit");
}

BOOST_AUTO_TEST_SUITE_END()
