#include "tapegrad/ops/softmax.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "fixture.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using test::check_close;
using test::Fixture;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void check_all(const Tensor& x, double value) {
  for (const double v : x.to_vector<double>()) BOOST_TEST(v == value);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(softmax)

BOOST_AUTO_TEST_CASE(as_pytorch) {
  for (const std::string which : {"dim_1", "dim_2", "extreme"}) {
    for (const bool log : {false, true}) {
      const std::string name = (log ? "log_softmax_" : "softmax_") + which;
      BOOST_TEST_CONTEXT(name) {
        const Fixture f(name);
        const int axis = std::stoi(f.attributes().at("dim"));
        const Tensor x = f.leaf("input.x");
        Tape tape;
        const Tensor y = log ? log_softmax(x, axis) : tapegrad::softmax(x, axis);
        check_close(y, f["output.y"]);
        check_close(tape.gradient(y, x, {.cotangent = f["cotangent.y"]}), f["grad.input.x"]);
      }
    }
  }
  const Fixture f("softmax_masked");
  const Tensor x = f.leaf("input.x");
  Tape tape;
  const Tensor y = tapegrad::softmax(x, -1, f["input.keep"]);
  check_close(y, f["output.y"]);
  check_close(tape.gradient(y, x, {.cotangent = f["cotangent.y"]}), f["grad.input.x"]);
}

BOOST_AUTO_TEST_CASE(promise_a_hidden_row_is_zero_and_reaches_no_other) {
  // Whatever hidden entries hold, NaN included.
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Tensor x =
      from_vector<double>({nan, kInfinity, 1.0, -kInfinity, 0.0, std::log(3.0)}, {3, 2}, {.requires_grad = true});
  const Tensor keep = from_vector<bool>({false, false, true, true, true, true}, {3, 2});
  Tape tape;
  const Tensor y = tapegrad::softmax(x, -1, keep);
  check_close(y, from_vector<double>({0, 0, 1, 0, 0.25, 0.75}, {3, 2}));
  const Tensor dx = tape.gradient(y, x, {.cotangent = from_vector<double>({5, 6, 1, 2, 1, 0}, {3, 2})});
  // y0 y1 (dy0 - dy1) = 3 / 16
  check_close(dx, from_vector<double>({0, 0, 0, 0, 0.1875, -0.1875}, {3, 2}));
}

BOOST_AUTO_TEST_CASE(a_mask_along_another_axis) {
  const Tensor x = from_vector<double>({0, 5, std::log(3.0), 5, 9, 9}, {3, 2});
  const Tensor keep = from_vector<bool>({true, true, false}, {3, 1});
  check_close(tapegrad::softmax(x, 0, keep), from_vector<double>({0.25, 0.5, 0.75, 0.5, 0, 0}, {3, 2}));
  check_close(exp(log_softmax(x, 0, keep)), from_vector<double>({0.25, 0.5, 0.75, 0.5, 0, 0}, {3, 2}));
}

BOOST_AUTO_TEST_CASE(masks_of_every_layout_agree_with_minus_infinity) {
  Generator g(5);
  const Tensor x = randn({2, 3, 4, 5}, g, {.dtype = float64});
  for (const Shape& shape :
       {Shape{5}, Shape{4, 5}, Shape{2, 1, 1, 5}, Shape{3, 1, 5}, Shape{2, 3, 4, 5}, Shape{4, 1}}) {
    BOOST_TEST_CONTEXT("keep " << to_string(shape)) {
      const Tensor keep = rand(shape, g) < 0.6F;
      const Tensor hidden = where(keep, x, -kInfinity);
      check_close(tapegrad::softmax(x, -1, keep), tapegrad::softmax(hidden), 0.0);
      const Tensor transposed = transpose(transpose(expand(keep, x.shape()), 2, 3).contiguous(), 2, 3);
      check_close(tapegrad::softmax(x, -1, transposed), tapegrad::softmax(hidden), 0.0);
    }
  }
}

BOOST_AUTO_TEST_CASE(large_logits_and_offsets) {
  const Tensor y = tapegrad::softmax(from_vector<double>({1e308, 1e308, -1e308}, {3}));
  check_close(y, from_vector<double>({0.5, 0.5, 0}, {3}), 0.0);
  // 2^20 is far from the differences, which stay exact.
  const Tensor near = from_vector<double>({1048576.0, 1048577.0}, {2});
  check_close(tapegrad::softmax(near), from_vector<double>({1 / (1 + std::exp(1.0)), 1 / (1 + std::exp(-1.0))}, {2}),
              1e-15);
  check_all(log_softmax(full({3, 1}, 1e4, {.dtype = float64})), 0.0);
}

BOOST_AUTO_TEST_CASE(tangents_of_hidden_entries_reach_nothing) {
  const Tensor x = from_vector<double>({0.3, -0.2, 1.0}, {3});
  const Tensor keep = from_vector<bool>({true, true, false}, {3});
  const auto tangent = [&](const auto& f, double hidden) {
    return jvp([&](const Tensor& t) { return f(t, -1, keep); }, x, from_vector<double>({1.0, 2.0, hidden}, {3})).second;
  };
  for (const auto f : {tapegrad::softmax, tapegrad::log_softmax})
    check_close(tangent(f, kInfinity), tangent(f, 0.0), 0.0);
}

BOOST_AUTO_TEST_CASE(cotangents_of_hidden_entries_reach_nothing) {
  // Of x = {1, -, 3} with the cotangent {1, -, 2}: -+p_0 p_2 for softmax, 1 - 3 p_0 and 2 - 3 p_2 for its logarithm.
  const double p0 = 1 / (1 + std::exp(2.0)), p2 = 1 / (1 + std::exp(-2.0));
  const Tensor keep = from_vector<bool>({true, false, true}, {3});
  for (const bool log : {false, true}) {
    const Tensor expected = log ? from_vector<double>({1 - 3 * p0, 0.0, 2 - 3 * p2}, {3})
                                : from_vector<double>({-p0 * p2, 0.0, p0 * p2}, {3});
    const auto derivatives = [&](const Tensor& x, const Tensor& mask, const std::vector<double>& cotangent) {
      const auto f = log ? log_softmax : tapegrad::softmax;
      Tape tape;
      const Tensor dy = from_vector(cotangent, {3});
      const Tensor fused = tape.gradient(f(x, -1, mask), x, {.cotangent = dy});
      const Tensor rule = tape.gradient(f(x, -1, mask), x, {.cotangent = dy, .create_graph = true});
      const Tensor second = tape.gradient(sum(square(rule)), x);
      return std::array<Tensor, 3>{fused, rule.detach(), second};
    };
    for (const bool masked : {true, false}) {
      const Tensor x = from_vector<double>({1.0, masked ? 2.0 : -kInfinity, 3.0}, {3}, {.requires_grad = true});
      const Tensor mask = masked ? keep : Tensor();
      const auto plain = derivatives(x, mask, {1.0, 0.0, 2.0});
      for (const double c : {kInfinity, -kInfinity, std::nan(""), std::numeric_limits<double>::max()}) {
        BOOST_TEST_CONTEXT((log ? "log_softmax" : "softmax") << ", " << c << (masked ? ", masked" : ", -inf")) {
          const auto [fused, rule, second] = derivatives(x, mask, {1.0, c, 2.0});
          check_close(fused, expected, 1e-15);
          check_close(rule, expected, 1e-15);
          check_close(second, plain[2], 0.0);
        }
      }
      // The other way round: what is wrong elsewhere is not theirs.
      const auto [fused, rule, second] = derivatives(x, mask, {kInfinity, 1.0, 2.0});
      BOOST_TEST(fused.to_vector<double>()[1] == 0.0);
      BOOST_TEST(rule.to_vector<double>()[1] == 0.0);
    }
  }
}

// A probability that rounds to 0 counts as hidden, which changes nothing that is finite.
BOOST_AUTO_TEST_CASE(cotangents_of_entries_without_weight) {
  const Tensor x = from_vector<double>({0.0, -1000.0, std::log(3.0)}, {3}, {.requires_grad = true});
  const Tensor dy = from_vector<double>({1.0, 1e300, 0.0}, {3});
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor dx = tape.gradient(tapegrad::softmax(x), x, {.cotangent = dy, .create_graph = differentiable});
    check_close(dx, from_vector<double>({0.1875, 0.0, -0.1875}, {3}), 1e-15);
  }
}

BOOST_AUTO_TEST_CASE(cotangents_whose_mean_would_overflow) {
  const double large = 1.7e308;
  const Tensor x = from_vector<double>({0.0, -1000.0, 0.0}, {3}, {.requires_grad = true});
  Tape tape;
  const Tensor dx =
      tape.gradient(tapegrad::softmax(x), x, {.cotangent = from_vector<double>({large, -large, large}, {3})});
  BOOST_TEST(dx.to_vector<double>() == (std::vector<double>{0, 0, 0}));  // (1/2, 0, 1/2): both neighbours pull alike
}

// Where an outcome is masked, e^y y of its logarithm y is 0 times infinity, and so is its slope.
BOOST_AUTO_TEST_CASE(an_entropy_of_masked_logits_has_a_gradient) {
  const Tensor logits = tensor({0.5, -1.0, 2.0, 0.25}, {.dtype = float64, .requires_grad = true});
  const Tensor keep = tensor({true, true, false, true}, {.dtype = boolean});
  const Tensor three = tensor({0.5, -1.0, 0.25}, {.dtype = float64, .requires_grad = true});
  Tape tape;
  const Tensor p = tapegrad::softmax(three, -1);
  const Tensor entropy = -sum(p * log(p), -1);
  const std::vector<double> of_three = tape.gradient(entropy, three, {.retain = true}).to_vector<double>();
  const Tensor expected = tensor({of_three[0], of_three[1], 0.0, of_three[2]}, {.dtype = float64});
  const Tensor probabilities = tapegrad::softmax(logits, -1, keep);
  for (const Tensor& masked :
       {-sum(probabilities * masked_fill(log_softmax(logits, -1, keep), logical_not(keep), 0.0), -1),
        -sum(xlogy(probabilities, probabilities), -1)}) {
    BOOST_TEST(masked.item() == entropy.item(), boost::test_tools::tolerance(1e-14));
    check_close(tape.gradient(masked, logits, {.retain = true}), expected, 1e-14);
  }
}

BOOST_AUTO_TEST_SUITE_END()
