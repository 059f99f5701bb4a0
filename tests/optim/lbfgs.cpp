#include "tapegrad/optim/lbfgs.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fixture.hpp"
#include "says.hpp"
#include "tapegrad/base/threads.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/io/checkpoint_file.hpp"
#include "tapegrad/nn/linear.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"
#include "temporary_folder.hpp"

using namespace tapegrad;
using namespace tapegrad::optim;
using tapegrad::test::check_close;
using tapegrad::test::says;

namespace {

Tensor row(const std::vector<double>& values, DType dtype = float64) {
  const Tensor x = from_vector(values, Shape{static_cast<std::int64_t>(values.size())});
  return x.to(dtype).clone().set_requires_grad(true);
}

/// Sum of 100 (x_(i+1) - x_i^2)^2 + (1 - x_i)^2, which is 0 where all are 1.
Tensor rosenbrock(const Tensor& x) {
  const Tensor left = x.slice(0, {0, -1}), right = x.slice(0, {1});
  return sum(100.0 * square(right - square(left)) + square(1.0 - left));
}

/// Values of the loss, in the order of the calls.
struct Recorded {
  Callable<Tensor()> loss;
  std::shared_ptr<std::vector<double>> values = std::make_shared<std::vector<double>>();
  Tensor operator()() const {
    Tensor y = loss();
    values->push_back(y.item());
    return y;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(lbfgs)

BOOST_AUTO_TEST_CASE(rosenbrock_is_minimised) {
  const std::vector<std::vector<double>> starts{{-1.2, 1.0}, {-1.2, 1.0, -1.2, 1.0, -1.2, 1.0, -1.2, 1.0, -1.2, 1.0}};
  for (const std::vector<double>& start : starts)
    for (const std::int64_t history_size : {3, 100}) {
      const Tensor x = row(start);
      LBFGS optimizer({x}, {.max_iter = 300, .tolerance_change = 0.0, .history_size = history_size});
      const LBFGSResult result = optimizer.step([&] { return rosenbrock(x); });
      BOOST_TEST_CONTEXT(start.size() << " elements, history " << history_size << ", iterations " << result.iterations
                                      << ", evaluations " << result.evaluations) {
        BOOST_TEST((result.stop == LBFGSStop::gradient));
        BOOST_TEST(result.largest_gradient <= 1e-7);
        check_close(x, ones(x.shape(), {.dtype = float64}), 1e-6);
        BOOST_TEST(result.iterations < 120);
        BOOST_TEST(result.evaluations < 2 * result.iterations);
      }
    }
}

// For a convex quadratic with exact searches the method is that of conjugate gradients (Nocedal and Wright, section
// 7.2), which ends after as many steps as the matrix has eigenvalues; with c2 = 0.9 PyTorch's takes 26.
BOOST_AUTO_TEST_CASE(a_quadratic_is_minimised) {
  const Tensor x = row({3.0, -2.0, 1.0, 5.0});
  const Tensor curvature = row({1.0, 10.0, 100.0, 1000.0}).detach(), at = row({1.0, 2.0, 3.0, 4.0}).detach();
  LBFGS optimizer({x}, {.max_iter = 100, .tolerance_grad = 1e-9, .tolerance_change = 0.0});
  const LBFGSResult result = optimizer.step([&] { return 0.5 * sum(curvature * square(x - at)); });
  BOOST_TEST(result.start_loss == 0.5 * (4.0 + 160.0 + 400.0 + 1000.0));
  BOOST_TEST((result.stop == LBFGSStop::gradient));
  BOOST_TEST(result.iterations <= 26);
  check_close(x, at, 1e-9);
}

// The path, not only its end: PyTorch 1.13, torch.optim.LBFGS, float64, line_search_fn None, after each of four step().
BOOST_AUTO_TEST_CASE(the_path_without_line_search_is_pytorchs) {
  struct Case {
    Callable<Tensor(const Tensor&)> loss;
    std::vector<double> start;
    LBFGSOptions options;
    std::vector<std::vector<double>> after;
  };
  const Tensor w = row({1.0, 3.0, 0.5}).detach(), b = row({0.3, -0.7, 1.1}).detach();
  const auto mixed = [&](const Tensor& x) {
    return sum(log(cosh(w * x - b))) + 0.25 * square(x[0] * x[1] - x[2]) + 0.5 * sum(square(x));
  };
  const std::vector<Case> cases{{rosenbrock,
                                 {-1.2, 1.0},
                                 {.lr = 0.3, .max_iter = 4, .history_size = 3},
                                 {{-1.0130549130759112, 1.0719007434826986},
                                  {-1.0224368838930646, 1.0610819504524003},
                                  {-1.0208658450142398, 1.045721067503039},
                                  {-0.945029360737318, 0.8682075972741625}}},
                                {rosenbrock,
                                 {-1.2, 1.0, 0.5, 2.0},
                                 {.lr = 0.2, .max_iter = 4, .history_size = 3},
                                 {{-1.0377798714990558, 1.0402082159237207, 1.1751377411089092, 1.6095757584459431},
                                  {-1.0427982242251852, 1.085015984110898, 1.2220077029708263, 1.5827984544106153},
                                  {-1.0483177985163645, 1.103819526851418, 1.239084430133338, 1.5725233392593927},
                                  {-1.0503820926020215, 1.1109936126900357, 1.2454240893326738, 1.5675977940310246}}},
                                {mixed,
                                 {1.0, -2.0, 0.5},
                                 {.lr = 0.7, .max_iter = 3, .history_size = 2},
                                 {{0.38282995026403566, -0.09684889578582694, 0.2944022195896051},
                                  {0.20656416298322805, -0.21721855413948576, 0.25868868675630685},
                                  {0.13561584092361856, -0.20834466394591888, 0.24231512507049005},
                                  {0.13513418739663358, -0.20813333751977373, 0.2416915172341812}}}};
  for (const Case& c : cases) {
    const Tensor x = row(c.start);
    LBFGSOptions options = c.options;
    options.line_search = LineSearch::none;
    LBFGS optimizer({x}, options);
    for (const std::vector<double>& after : c.after) {
      const LBFGSResult result = optimizer.step([&] { return c.loss(x); });
      check_close(x, row(after).detach(), 1e-10);
      BOOST_TEST((result.stop == LBFGSStop::iterations));
      BOOST_TEST(result.iterations == options.max_iter);
      BOOST_TEST(result.evaluations == options.max_iter + 1);
    }
  }
}

// The optimum is PyTorch 1.13's: its L-BFGS, and four steps of Newton's method with its Hessian.
BOOST_AUTO_TEST_CASE(logistic_regression) {
  const Tensor points =
      tensor({{0.5, 1.2}, {-1.0, 0.3}, {2.0, -0.7}, {0.1, -1.5}, {-0.4, 0.9}, {1.1, 0.2}, {-2.0, -0.5}, {0.7, -0.3}},
             {.dtype = float64});
  const Tensor labels = tensor({1, 0, 1, 1, 0, 0, 0, 1}, {.dtype = float64});
  for (const DType dtype : {float64, float32})
    for (const LineSearch line_search : {LineSearch::strong_wolfe, LineSearch::none}) {
      const Tensor weight = row({0.0, 0.0}, dtype), bias = row({0.0}, dtype);
      const auto loss = [&] {
        return bce_with_logits(matmul(points.to(dtype), weight) + bias, labels.to(dtype)) + 0.05 * sum(square(weight));
      };
      LBFGS optimizer({weight, bias}, {.max_iter = 50, .tolerance_change = 0.0, .line_search = line_search});
      const LBFGSResult result = optimizer.step(loss);
      const double tolerance = dtype == float64 ? 1e-6 : 1e-3;
      BOOST_TEST_CONTEXT(to_string(dtype) << ", stop " << to_string(result.stop)) {
        check_close(weight.detach().to(float64), row({0.8931656585691893, -0.4882721167178331}).detach(), tolerance);
        check_close(bias.detach().to(float64), row({-0.1261058353092669}).detach(), tolerance);
        BOOST_TEST(result.loss == 0.515436686766248, boost::test_tools::tolerance(dtype == float64 ? 1e-12 : 1e-6));
        BOOST_TEST(result.iterations < 20);
        BOOST_TEST(loss().item() == result.loss);
      }
    }
}

// A loss that contains derivatives, as of a differential equation, here u'' = -u with u(0) = 0, u'(0) = 1: of a
// polynomial of degree 7 the residual at 20 points of [0, 1] becomes as small as Taylor's remainder lets it.
BOOST_AUTO_TEST_CASE(derivatives_in_the_loss) {
  const Tensor coefficients = row(std::vector<double>(6, 0.0));
  const Tensor t = linspace(0.0, 1.0, 20, {.dtype = float64});
  const auto u = [&](const Tensor& at) {
    Tensor value = at, power = at;
    for (std::int64_t i = 0; i < 6; ++i) {
      power = power * at;
      value = value + coefficients[i] * power;
    }
    return value;
  };
  LBFGS optimizer({coefficients}, {.max_iter = 500, .tolerance_grad = 1e-10, .tolerance_change = 1e-14});
  const LBFGSResult result = optimizer.step([&] {
    const auto total = [&](const Tensor& at) { return sum(u(at)); };
    const Tensor second = grad([&](const Tensor& at) { return sum(grad(total)(at)); })(t);
    return mean(square(second + u(t)));
  });
  BOOST_TEST(result.loss < 1e-9);
  check_close(u(t), sin(t), 1e-4);
}

BOOST_AUTO_TEST_CASE(several_parameters_frozen_ones_and_one_out_of_reach) {
  const Tensor a = tensor({{1.0, 2.0}, {3.0, 4.0}}, {.dtype = float64, .requires_grad = true});
  const Tensor frozen = row({1.0, 2.0, 3.0}), b = row({-1.0F}, float32), beyond = row({7.0}), none = row({});
  frozen.set_requires_grad(false);
  LBFGS optimizer({a, frozen, b, beyond, none}, {.max_iter = 50});
  const auto loss = [&] { return sum(square(a - 5.0)) + 3.0 * sum(square(b.to(float64) + sum(frozen))) + sum(none); };
  (void)optimizer.step(loss);
  check_close(a, full({2, 2}, 5.0, {.dtype = float64}), 1e-6);
  BOOST_TEST(b.item() == -6.0, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(frozen.to_vector<double>() == (std::vector<double>{1.0, 2.0, 3.0}));
  BOOST_TEST(beyond.item() == 7.0);
  for (const Tensor& x : optimizer.parameters()) BOOST_TEST(!x.has_grad());

  // Frozen between two steps, it stays, though the history moves it.
  a.set_requires_grad(false);
  frozen.set_requires_grad(true);
  const std::vector<double> before = a.to_vector<double>();
  (void)optimizer.step(
      [&] { return sum(square(frozen - 2.0 * sum(b.to(float64)))) + sum(square(b - 1.0)).to(float64); });
  BOOST_TEST(a.to_vector<double>() == before);
  BOOST_TEST(b.item() == 1.0, boost::test_tools::tolerance(1e-3));
  check_close(frozen, full({3}, 2.0, {.dtype = float64}), 1e-3);
}

BOOST_AUTO_TEST_CASE(gradients_from_before_do_not_count) {
  const auto end = [](bool gradient) {
    const Tensor x = row({3.0, -2.0});
    LBFGS optimizer({x}, {.max_iter = 3});
    if (gradient) x.set_grad(full({2}, 100.0, {.dtype = float64}));
    (void)optimizer.step([&] { return rosenbrock(x); });
    return x.detach();
  };
  BOOST_TEST(same_bits(end(true), end(false)));
}

// What is reported is true of the parameters as they are left, for each way to end.
BOOST_AUTO_TEST_CASE(the_result_is_of_the_parameters_that_are_left) {
  const auto check = [](const LBFGSOptions& options, LBFGSStop stop, double scale = 1.0, DType dtype = float64) {
    const Tensor x = row({-1.2, 1.0}, dtype);
    const auto loss = [&] { return scale * rosenbrock(x); };
    const double at_start = loss().item();
    const Recorded recorded{loss};
    LBFGS optimizer({x}, options);
    const LBFGSResult result = optimizer.step(recorded);
    BOOST_TEST_CONTEXT("expected " << to_string(stop) << ", got " << to_string(result.stop)) {
      BOOST_TEST((result.stop == stop));
      BOOST_TEST(result.start_loss == at_start);
      BOOST_TEST(result.loss == loss().item());
      BOOST_TEST(result.evaluations == static_cast<std::int64_t>(recorded.values->size()));
      for (const double value : *recorded.values) BOOST_TEST(!(value < result.loss));
      Tape tape;
      const Tensor y = loss();
      BOOST_TEST(result.largest_gradient == max(abs(tape.gradient(y, x))).item());
    }
    return result;
  };
  BOOST_TEST(check({.max_iter = 3}, LBFGSStop::iterations).iterations == 3);
  for (const std::int64_t max_eval : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) {
    const LBFGSResult result = check({.max_eval = max_eval}, LBFGSStop::evaluations);
    BOOST_TEST(result.iterations >= 1);
    BOOST_TEST(result.evaluations >= max_eval);
    BOOST_TEST(result.evaluations < max_eval + 5);
  }
  BOOST_TEST(check({.max_iter = 500, .tolerance_change = 0.0}, LBFGSStop::gradient, 1e-3).largest_gradient <= 1e-7);
  BOOST_TEST(check({.tolerance_grad = 1e4}, LBFGSStop::gradient).evaluations == 1);
  BOOST_TEST(check({.max_iter = 500, .tolerance_grad = 0.0, .tolerance_change = 1e-3}, LBFGSStop::change).loss > 0.0);
  // Without a search it goes up at first and comes back to where it was lowest.
  check({.lr = 0.05, .max_iter = 3, .line_search = LineSearch::none}, LBFGSStop::iterations, 1.0, float32);
  check({.lr = 5.0, .max_iter = 4, .line_search = LineSearch::none}, LBFGSStop::iterations);
}

// Each of the three changes that may be too small, where the two others are not.
BOOST_AUTO_TEST_CASE(changes_that_end_a_step) {
  const auto check = [](const Callable<Tensor(const Tensor&)>& loss, double lr, std::int64_t iterations, double end) {
    const Tensor x = row({1.0});
    LBFGS optimizer({x}, {.lr = lr, .line_search = LineSearch::none});
    const LBFGSResult result = optimizer.step([&] { return loss(x); });
    BOOST_TEST((result.stop == LBFGSStop::change));
    BOOST_TEST(result.iterations == iterations);
    BOOST_TEST(result.evaluations == iterations + 1);
    BOOST_TEST(x.item() == end);
  };
  check([](const Tensor& x) { return 1e-5 * sum(x); }, 1.0, 0, 1.0);   // promises 1e-10
  check([](const Tensor& x) { return sum(square(x)); }, 2.0, 1, 1.0);  // to -1, which is as high
  check([](const Tensor& x) { return 1e12 * sum(x); }, 0x1p-30, 1, 1.0 - 0x1p-30);
}

// At a kink no slope is flat: the search gives the lowest of its points, which is seldom the last.
BOOST_AUTO_TEST_CASE(a_kink_is_approached) {
  int ends_before_the_last = 0;
  for (const double at : {0.3, 0.55, 0.71}) {
    const Tensor x = row({1.0, -1.0});
    const auto loss = [&] { return abs(x[0] - at) + 3.0 * abs(x[1] + at); };
    LBFGS optimizer({x}, {.max_iter = 4, .max_eval = 200});
    const Recorded recorded{loss};
    const LBFGSResult result = optimizer.step(recorded);
    BOOST_TEST(result.loss < result.start_loss);
    BOOST_TEST(result.loss == loss().item());
    ends_before_the_last += result.loss != recorded.values->back() ? 1 : 0;
  }
  BOOST_TEST(ends_before_the_last > 0);
}

BOOST_AUTO_TEST_CASE(a_trial_that_is_not_finite_shortens_the_step) {
  for (const LineSearch line_search : {LineSearch::none, LineSearch::strong_wolfe}) {
    // x - log x, from 50: the first step, of 100 times the gradient 0.98, leads beyond 0, half of it to 1.
    const Tensor x = row({50.0});
    const Recorded recorded{[&] { return sum(x - log(x)); }};
    LBFGS optimizer({x}, {.lr = 100.0, .max_iter = 1, .line_search = line_search});
    const LBFGSResult result = optimizer.step(recorded);
    BOOST_TEST(std::isnan(recorded.values->at(1)));
    BOOST_TEST(result.evaluations == 3);
    BOOST_TEST(x.item() == 1.0, boost::test_tools::tolerance(1e-12));

    // Where a hook makes the gradient NaN.
    const Tensor z = row({3.0});
    z.register_hook([&](const Tensor& g) { return z.item() < 0.0 ? full_like(g, std::nan("")) : g; });
    LBFGS other({z}, {.lr = 10.0, .max_iter = 1, .line_search = line_search});
    BOOST_TEST(other.step([&] { return sum(square(z - 1.0)); }).evaluations == 4);  // to -7, -2, 0.5
    BOOST_TEST(z.item() == 0.5);

    // Nothing is finite: as it was.
    const Tensor u = row({1.0});
    bool first = true;
    LBFGS lost({u}, {.line_search = line_search});
    const LBFGSResult end = lost.step([&] { return sum(u) / (std::exchange(first, false) ? 1.0 : 0.0); });
    BOOST_TEST(u.item() == 1.0);
    BOOST_TEST(end.loss == 1.0);
    BOOST_TEST(end.iterations == 0);
    BOOST_TEST((end.stop == LBFGSStop::evaluations || end.stop == LBFGSStop::line_search));
  }
}

BOOST_AUTO_TEST_CASE(a_loss_that_throws_leaves_what_was_accepted_last) {
  for (const LineSearch line_search : {LineSearch::none, LineSearch::strong_wolfe})
    for (const DType dtype : {float64, float32}) {
      const auto start = [&] { return std::vector{row({-1.2, 1.0}, dtype), row({0.5}, dtype)}; };
      const auto loss = [](const std::vector<Tensor>& x) { return rosenbrock(x[0]) + sum(square(x[1])); };
      const auto detached = [](const std::vector<Tensor>& x) { return std::vector{x[0].detach(), x[1].detach()}; };
      std::vector<Tensor> accepted = detached(start());
      std::int64_t calls = 1;  // up to the point that was accepted last
      for (std::int64_t iteration = 1; iteration <= 5; ++iteration) {
        const std::vector<Tensor> whole = start();
        const LBFGSOptions options{.lr = 0.02, .max_iter = iteration, .max_eval = 100, .line_search = line_search};
        const LBFGSResult next = LBFGS(whole, options).step([&] { return loss(whole); });
        for (; calls < next.evaluations; ++calls) {
          const std::vector<Tensor> x = start();
          std::int64_t call = 0;
          LBFGS optimizer(x, options);
          BOOST_CHECK_THROW(optimizer.step([&] {
            if (call++ == calls) throw std::runtime_error("no more");
            return loss(x);
          }),
                            std::runtime_error);
          BOOST_TEST(same_bits(detached(x), accepted), "call " << calls << " of iteration " << iteration);
          BOOST_TEST(!x[0].has_grad());
          const LBFGSResult end = optimizer.step([&] { return loss(x); });  // goes on
          BOOST_TEST(end.loss < end.start_loss);
        }
        accepted = detached(whole);
      }
    }
}

BOOST_AUTO_TEST_CASE(pairs_are_of_the_points_that_were_accepted) {
  for (const DType dtype : {float64, float32}) {
    const Tensor x = row({1.0, -2.0, 0.5}, dtype);
    std::vector<Tensor> points, gradients;
    x.register_hook([&](const Tensor& g) {
      gradients.push_back(g.detach().to(float64).clone());
      return g;
    });
    LBFGS optimizer({x}, {.lr = 0.3, .max_iter = 6, .history_size = 4, .line_search = LineSearch::none});
    (void)optimizer.step([&] {
      points.push_back(x.detach().to(float64).clone());
      return sum(square(x)) + sum(exp(x));
    });
    BOOST_TEST_REQUIRE(points.size() == 7U);
    const NamedTensors state = optimizer.state_dict();
    BOOST_TEST(
        state.names() == (std::vector<std::string>{"pairs", "s.0", "y.0", "s.1", "y.1", "s.2", "y.2", "s.3", "y.3"}),
        boost::test_tools::per_element());
    for (std::size_t i = 0; i < 4; ++i) {
      BOOST_TEST(same_bits(state.at("s." + std::to_string(i)), points[i + 3] - points[i + 2]));
      BOOST_TEST(same_bits(state.at("y." + std::to_string(i)), gradients[i + 3] - gradients[i + 2]));
    }
    optimizer.reset();
    BOOST_TEST(optimizer.state_dict().names() == std::vector<std::string>{"pairs"}, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(only_positive_curvature_is_remembered) {
  const auto pairs = [](double loss_unit, double unit, const LBFGSOptions& options) {
    const Tensor x = row({0.5 * unit, -0.25 * unit});
    LBFGS optimizer({x}, options);
    (void)optimizer.step([&] { return loss_unit * (square(x[0] / unit) + 3.0 * square(x[1] / unit)); });
    return optimizer.state_dict().at("pairs").item();
  };
  LBFGSOptions options{.max_iter = 3, .max_eval = 100, .tolerance_grad = 0.0, .tolerance_change = 0.0};
  for (const double loss_unit : {1e-20, 1.0, 1e20}) BOOST_TEST(pairs(loss_unit, 1.0, options) == 3.0);
  for (const double unit : {1e-5, 1e5}) BOOST_TEST(pairs(1.0, unit, options) == 3.0);
  options.line_search = LineSearch::none;
  BOOST_TEST(pairs(-1.0, 1.0, options) == 0.0);
}

// Directions that are far too long, or not finite: -g is tried before the end.
BOOST_AUTO_TEST_CASE(a_history_that_leads_nowhere_is_forgotten) {
  for (const double size : {1e30, 1e150}) {
    const Tensor x = row({3.0, -2.0});
    LBFGS optimizer({x}, {.max_eval = 100, .tolerance_change = 0.0});
    optimizer.load_state_dict({{"pairs", tensor(1, {.dtype = int64})},
                               {"s.0", row({size, size}).detach()},
                               {"y.0", row({1.0 / size, 1.0 / size}).detach()}});
    const LBFGSResult result = optimizer.step([&] { return sum(square(x - 1.0) * row({1.0, 5.0}).detach()); });
    BOOST_TEST((result.stop == LBFGSStop::gradient));
    check_close(x, ones({2}, {.dtype = float64}), 1e-6);
  }
}

// The search along such a direction counts.
BOOST_AUTO_TEST_CASE(evaluations_that_led_nowhere_are_bounded) {
  const Tensor x = row({3.0});
  LBFGS optimizer({x}, {.max_eval = 10});
  optimizer.load_state_dict(
      {{"pairs", tensor(1, {.dtype = int64})}, {"s.0", row({1e30}).detach()}, {"y.0", row({1e-30}).detach()}});
  const LBFGSResult result = optimizer.step([&] { return sum(square(x)); });
  BOOST_TEST((result.stop == LBFGSStop::evaluations));
  BOOST_TEST(result.evaluations >= 10);
  BOOST_TEST(result.iterations == 0);
  BOOST_TEST(x.item() == 3.0);
}

// -g points up, says a hook.
BOOST_AUTO_TEST_CASE(a_gradient_that_is_wrong_ends_the_search) {
  const Tensor x = row({3.0});
  x.register_hook([](const Tensor& g) { return -g; });
  LBFGS optimizer({x}, {.max_eval = 1000});
  const LBFGSResult result = optimizer.step([&] { return sum(square(x)); });
  BOOST_TEST((result.stop == LBFGSStop::line_search));
  BOOST_TEST(x.item() == 3.0);
  BOOST_TEST(result.loss == 9.0);
}

// In a file, into parts of another process.
BOOST_AUTO_TEST_CASE(a_run_goes_on_from_a_checkpoint_to_the_same_bits) {
  const TemporaryFolder folder;
  for (const LineSearch line_search : {LineSearch::none, LineSearch::strong_wolfe}) {
    const auto run = [&](bool interrupted) {
      const LBFGSOptions options{.lr = 0.5, .max_iter = 3, .history_size = 5, .line_search = line_search};
      Generator generator(7);
      const auto make = [&] { return row(randn({6}, generator, {.dtype = float64}).to_vector<double>()); };
      Tensor x = make();
      auto optimizer = std::make_unique<LBFGS>(std::vector{x}, options);
      for (int step = 0; step < 4; ++step) {
        (void)optimizer->step([&] { return rosenbrock(0.5 * x); });
        if (!interrupted) continue;
        const std::string path = folder / "run.ckpt";
        save_checkpoint(path, NamedTensors{{"x", x}}, *optimizer);
        x = make();
        optimizer = std::make_unique<LBFGS>(std::vector{x}, options);
        NamedTensors values;
        load_checkpoint(path, values, *optimizer);
        std::ranges::copy(values.at("x").to_vector<double>(), x.mutable_data<double>().begin());
      }
      return x.detach();
    };
    BOOST_TEST(same_bits(run(true), run(false)));
  }
}

BOOST_AUTO_TEST_CASE(a_state_is_of_its_time) {
  const Tensor x = row({-1.2, 1.0});
  LBFGS optimizer({x}, {.max_iter = 5});
  const auto step = [&] { (void)optimizer.step([&] { return rosenbrock(x); }); };
  step();
  const NamedTensors state = optimizer.state_dict(), copy = state.clone();
  step();
  for (const auto& [name, kept] : state) BOOST_TEST(same_bits(kept, copy.at(name)), name);
  optimizer.load_state_dict(state);
  for (const auto& [name, kept] : optimizer.state_dict()) BOOST_TEST(same_bits(kept, copy.at(name)), name);
  Tensor loaded = state.at("s.0");
  loaded.mutable_data<double>()[0] = 1e9;  // nobody else's
  for (const auto& [name, kept] : optimizer.state_dict()) BOOST_TEST(same_bits(kept, copy.at(name)), name);

  // The last of more pairs than are kept.
  LBFGS shorter({x}, {.history_size = 2});
  shorter.load_state_dict(copy);
  const NamedTensors last = shorter.state_dict();
  BOOST_TEST(copy.at("pairs").item() == 5.0);
  BOOST_TEST(last.size() == 5U);
  for (const char* what : {"s.", "y."})
    for (const int i : {0, 1})
      BOOST_TEST(same_bits(last.at(what + std::to_string(i)), copy.at(what + std::to_string(i + 3))));
}

BOOST_AUTO_TEST_CASE(a_state_that_does_not_fit) {
  const Tensor x = row({-1.2, 1.0});
  LBFGS optimizer({x}, {.max_iter = 2});
  (void)optimizer.step([&] { return rosenbrock(x); });
  const NamedTensors before = optimizer.state_dict();
  const auto refuses = [&]<class E>(const E*, const NamedTensors& state, const char* text) {
    BOOST_CHECK_EXCEPTION(optimizer.load_state_dict(state), E, says(text));
    BOOST_TEST(optimizer.state_dict().size() == before.size());
    for (const auto& [name, kept] : optimizer.state_dict()) BOOST_TEST(same_bits(kept, before.at(name)), name);
  };
  const Tensor one = tensor(1, {.dtype = int64}), s = row({1.0, 2.0}).detach();
  const ValueError* const value = nullptr;
  const ShapeError* const shape = nullptr;
  const DTypeError* const dtype = nullptr;
  refuses(value, {}, "[LBFGS] the state has no 'pairs'");
  refuses(value, {{"pairs", one}, {"s.0", s}}, "[LBFGS] the state has no 'y.0'");
  refuses(value, {{"pairs", full({}, -1.0)}}, "[LBFGS] expected pairs to be a whole number in [0, 2^53], got -1");
  refuses(value, {{"pairs", one}, {"s.0", s}, {"y.0", s}, {"s.1", s}},
          "[LBFGS] the state has 's.1', which does not fit");
  refuses(shape, {{"pairs", one}, {"s.0", zeros({3})}, {"y.0", s}}, "expected 's.0' to have shape [2], got [3]");
  refuses(dtype, {{"pairs", one}, {"s.0", s}, {"y.0", arange(2)}}, "expected 'y.0' to be floating, got int64");
  for (const double y : {-1.0, 0.0, std::nan(""), static_cast<double>(INFINITY)})
    refuses(value, {{"pairs", one}, {"s.0", s}, {"y.0", y * s}},
            "[LBFGS] pair 0 of the state has no positive curvature");
}

BOOST_AUTO_TEST_CASE(a_model_that_is_converted_between_steps) {
  nn::Linear model(3, 1);
  const Tensor x = randn({8, 3}), y = randn({8, 1});
  LBFGS optimizer({model.weight, model.bias});
  (void)optimizer.step([&] { return mse_loss(model(x), y); });
  model.to(float64);
  const LBFGSResult result = optimizer.step([&] { return mse_loss(model(x.to(float64)), y.to(float64)); });
  BOOST_TEST(result.largest_gradient < 1e-4);
}

// Parameters that no module has listed are trained by this.
BOOST_AUTO_TEST_CASE(parameters_of_a_part_alone) {
  nn::Linear body(2, 2), head(2, 1);
  LBFGS optimizer({head.weight, head.bias}, {.max_iter = 2});
  (void)body.parameters();
  const Tensor x = ones({3, 2});
  const Tensor before = body.weight.tensor().detach().clone();
  BOOST_TEST(optimizer.step([&] { return sum(square(head(body(x)) - 1.0)); }).iterations > 0);
  BOOST_TEST(same_bits(body.weight.tensor().detach(), before));
}

BOOST_AUTO_TEST_CASE(the_number_of_threads_changes_no_bit) {
  const int before = set_num_threads(1);
  const auto run = [](int threads) {
    set_num_threads(threads);
    Generator generator(3);
    const Tensor x = randn({100000}, generator).set_requires_grad(true);
    const Tensor w = exp(randn({100000}, generator));
    LBFGS optimizer({x}, {.max_iter = 5});
    (void)optimizer.step([&] { return mean(w * square(x) + square(square(x))); });
    return x.detach();
  };
  const Tensor one = run(1), four = run(4);
  set_num_threads(before);
  BOOST_TEST(same_bits(one, four));
}

BOOST_AUTO_TEST_CASE(losses_that_are_none) {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x = row({1.0, 2.0}), other = row({1.0});
  LBFGS optimizer({x});
  const auto refuses = [&]<class E>(const E*, const Callable<Tensor()>& loss, const char* text) {
    BOOST_CHECK_EXCEPTION(optimizer.step(loss), E, says(text));
    BOOST_TEST(x.to_vector<double>() == (std::vector<double>{1.0, 2.0}));
    BOOST_TEST(!x.has_grad());
  };
  const ValueError* const value = nullptr;
  const ShapeError* const shape = nullptr;
  const DTypeError* const dtype = nullptr;
  const TapeError* const tape = nullptr;
  refuses(value, {}, "[LBFGS] expected a function that computes the loss, got an empty one");
  refuses(
      value, [] { return Tensor(); }, "[LBFGS] the loss is undefined");
  refuses(
      shape, [&] { return square(x); }, "[LBFGS] expected a loss of one element, got [2]");
  refuses(
      dtype, [] { return tensor(1, {.dtype = int64}); }, "[LBFGS] expected a floating loss, got int64");
  refuses(
      tape, [] { return tensor(1.0); }, "[LBFGS] the loss was not recorded");
  refuses(
      tape, [&] { return sum(x.detach()); }, "[LBFGS] the loss was not recorded");
  refuses(
      tape, [&] { return sum(other); }, "[LBFGS] the loss reaches none of 1 parameters");
  other.zero_grad();
  refuses(
      value, [&] { return sum(x) * inf; }, "[LBFGS] expected the loss to be finite at the start, got inf");
  refuses(
      value, [&] { return sum(x) * std::nan(""); }, "[LBFGS] expected the loss to be finite at the start, got nan");
  refuses(
      value, [&] { return sum(sqrt(x - 1.0)); }, "[LBFGS] expected the gradient to be finite at the start, got inf");
  const auto good = [&] { return sum(square(x)); };
  {
    const Tape own;
    refuses(tape, good, "a Tape already lives on this thread");
  }
  {
    const NoRecord pause;
    refuses(tape, good, "[LBFGS] the loss was not recorded");
  }
  x.set_requires_grad(false);
  refuses(tape, good, "[LBFGS] the loss was not recorded");
}

BOOST_AUTO_TEST_CASE(refusals) {
  const Tensor x = row({1.0, 2.0});
  const auto refuses = [&]<class E>(const E*, const std::vector<Tensor>& parameters, const LBFGSOptions& options,
                                    const char* text) {
    BOOST_CHECK_EXCEPTION(LBFGS(parameters, options), E, says(text));
  };
  const ValueError* const value = nullptr;
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  for (const double lr : {0.0, -1.0, inf, nan})
    refuses(value, {x}, {.lr = lr}, "[LBFGS] expected lr to be finite and positive, got");
  refuses(value, {x}, {.max_iter = 0}, "[LBFGS] expected max_iter to be at least 1, got 0");
  refuses(value, {x}, {.max_eval = 0}, "[LBFGS] expected max_eval to be at least 1, got 0");
  refuses(value, {x}, {.history_size = 0}, "[LBFGS] expected history_size to be at least 1, got 0");
  for (const double tolerance : {-1.0, inf, nan}) {
    refuses(value, {x}, {.tolerance_grad = tolerance}, "[LBFGS] expected tolerance_grad to be finite and at least 0");
    refuses(value, {x}, {.tolerance_change = tolerance}, "[LBFGS] expected tolerance_change to be finite and at");
  }
  refuses(value, {x}, {.line_search = static_cast<LineSearch>(9)}, "[LBFGS] no such line_search");
  refuses(value, {}, {}, "[LBFGS] there are no parameters to train");
  refuses(value, {x, Tensor()}, {}, "[LBFGS] parameter 1 is undefined");
  refuses(value, {x, x}, {}, "[LBFGS] parameter 1, [2], is given twice, or shares elements with one before");
  refuses(value, {x, x.slice(0, {1})}, {}, "[LBFGS] parameter 1, [1], is given twice, or shares elements");
  refuses(static_cast<const DTypeError*>(nullptr), {arange(2)}, {}, "[LBFGS] parameter 0 is int64");
  refuses(static_cast<const ShapeError*>(nullptr), {zeros({2, 3}).transpose(0, 1)}, {},
          "[LBFGS] parameter 0, [3, 2], is a view that is not contiguous");
  const Tape tape;
  refuses(value, {square(x)}, {}, "[LBFGS] parameter 0, [2], was computed on a tape and is no leaf");
}

// As many iterations as there are numbers, for whoever wants no bound.
BOOST_AUTO_TEST_CASE(iterations_without_bound) {
  const Tensor x = row({3.0});
  LBFGS optimizer({x}, {.max_iter = INT64_MAX});
  BOOST_TEST((optimizer.step([&] { return sum(square(x)); }).stop == LBFGSStop::gradient));
}

BOOST_AUTO_TEST_SUITE_END()
