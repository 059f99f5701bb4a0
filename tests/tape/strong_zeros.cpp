// 0 times inf in the reverse sweep: NaN, or 0 where the sweep is asked for strong zeros.
#include <cmath>
#include <limits>

#include "tape_test.hpp"
#include "tapegrad/diff/checkpoint.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/conv.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor guarded_root(const Tensor& x) { return where(x > 0.0, sqrt(x), 0.0); }

/// Rules that divide by what may be zero, as a user may write them.
struct Root : Op<Root> {
  static constexpr std::string_view name = "root";
  static constexpr Keep keep = Keep::output;
  Tensor forward(const Tensor& x) const { return sqrt(x); }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return dy / (2.0 * s.output()); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(strong_zeros)

BOOST_AUTO_TEST_CASE(a_guarded_branch_is_nan_unless_zeros_are_strong) {
  const Tensor x = leaf({0.0, 4.0, -1.0});
  Tape tape;
  const Tensor y = sum(guarded_root(x));
  const Values weak = tape.gradient(y, x, {.retain = true}).to_vector<double>();
  BOOST_TEST(std::isnan(weak[0]));
  BOOST_TEST(weak[1] == 0.25);
  BOOST_TEST(std::isnan(weak[2]));
  const Values strong = tape.gradient(y, x, {.retain = true, .strong_zero = true}).to_vector<double>();
  BOOST_TEST(strong == (Values{0.0, 0.25, 0.0}), boost::test_tools::per_element());
  Tensor w = leaf({0.0});
  const Tensor z = guarded_root(w);
  tape.backward(z, {.strong_zero = true});
  BOOST_TEST(w.grad().item() == 0.0);
}

BOOST_AUTO_TEST_CASE(strong_zeros_hold_at_second_order) {
  const Tensor x = leaf({0.0, 4.0});
  Tape tape;
  const Tensor dx = tape.gradient(sum(guarded_root(x)), x, {.create_graph = true, .strong_zero = true});
  BOOST_TEST(dx.to_vector<double>() == (Values{0.0, 0.25}), boost::test_tools::per_element());
  const Tensor ddx = tape.gradient(sum(dx), x, {.strong_zero = true});
  BOOST_TEST(ddx.to_vector<double>() == (Values{0.0, -1.0 / 32.0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(strong_zeros_change_no_finite_derivative) {
  // The cotangent of sin(x) is 2 sin(0) = 0 there: its derivative must survive, d^2/dx^2 sin^2 = 2 cos(2 x) = 2.
  const Tensor x = leaf({0.0, 0.3});
  Tape tape;
  const Tensor dx = tape.gradient(sum(square(sin(x))), x, {.create_graph = true, .strong_zero = true});
  BOOST_TEST(dx.to_vector<double>()[0] == 0.0);
  const Values ddx = tape.gradient(sum(dx), x, {.strong_zero = true}).to_vector<double>();
  BOOST_TEST(ddx[0] == 2.0);
  BOOST_TEST(ddx[1] == 2.0 * std::cos(0.6), boost::test_tools::tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(an_infinity_that_is_used_stays_one) {
  const Tensor x = leaf({0.0, 4.0});
  Tape tape;
  const Values g = tape.gradient(sum(sqrt(x)), x, {.strong_zero = true}).to_vector<double>();
  BOOST_TEST(g == (Values{kInf, 0.25}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(strong_zeros_in_quotients_products_of_matrices_and_rows) {
  // A row of garbage that where() leaves out goes through a quotient, a matrix product and a softmax.
  const Tensor x = leaf({{kInf, 1.0}, {1.0, 4.0}});
  const Tensor w = leaf({{1.0, 2.0}, {3.0, 4.0}});
  const Tensor keep = from_vector<bool>({false, true}, {2, 1});
  Tape tape;
  const Tensor y = sum(square(where(keep, softmax(matmul(apply(Root{}, x), w)), 0.0)));
  const auto g = tape.gradient(y, {x, w}, {.retain = true, .strong_zero = true});
  const Tensor row = x.detach().slice(0, {.start = 1}).clone().set_requires_grad(true);
  const Tensor alone = sum(square(softmax(matmul(apply(Root{}, row), w))));
  const auto expected = tape.gradient(alone, {row, w}, {.retain = true});
  const Values dx = g[0].to_vector<double>();
  BOOST_TEST(dx[0] == 0.0);
  BOOST_TEST(dx[1] == 0.0);
  for (std::size_t i = 0; i < 2; ++i)
    BOOST_TEST(dx[2 + i] == expected[0].to_vector<double>()[i], boost::test_tools::tolerance(1e-14));
  for (std::size_t i = 0; i < 4; ++i)
    BOOST_TEST(g[1].to_vector<double>()[i] == expected[1].to_vector<double>()[i], boost::test_tools::tolerance(1e-14));
  BOOST_TEST(std::isnan(tape.gradient(y, w).to_vector<double>()[0]));  // what the mode is for
}

BOOST_AUTO_TEST_CASE(strong_zeros_in_convolutions) {
  // The first step reads an infinity, and where() leaves it out: what is left is a convolution of the second alone.
  const Tensor x = leaf({{{kInf, 3.0}}});
  const Tensor w = leaf({{{2.0}}});
  const Tensor second = from_vector<bool>({false, true}, {1, 1, 2});
  Tape tape;
  const auto expect = [&](const Tensor& y) {
    const auto g = tape.gradient(sum(where(second, y, 0.0)), {x, w}, {.retain = true, .strong_zero = true});
    BOOST_TEST(g[0].to_vector<double>() == (Values{0.0, 2.0}), boost::test_tools::per_element());
    BOOST_TEST(g[1].item() == 3.0);
    BOOST_TEST(std::isnan(tape.gradient(sum(where(second, y, 0.0)), w, {.retain = true}).item()));
  };
  expect(conv1d(x, w));
  expect(conv1d(x, w, leaf({1.0})));
  expect(conv_transpose1d(x, w));
  // The same of the gradient's own gradient: w^2 x summed over the second step.
  const Tensor y = sum(where(second, conv1d(conv1d(x, w), w), 0.0));
  const Tensor dw = tape.gradient(y, w, {.create_graph = true, .strong_zero = true});
  BOOST_TEST(dw.item() == 12.0);
  BOOST_TEST(tape.gradient(dw, w, {.strong_zero = true}).item() == 6.0);
}

BOOST_AUTO_TEST_CASE(transforms_have_strong_zeros_where_asked) {
  const Tensor x = from_vector<double>({0.0, 4.0}, {2});
  const auto each = [](const Tensor& t) { return guarded_root(t); };
  const auto f = [](const Tensor& t) { return sum(guarded_root(t)); };
  constexpr TransformOptions kStrong{.strong_zero = true};
  const auto expect = [](const Tensor& got, const Values& expected) {
    BOOST_TEST(got.to_vector<double>() == expected, boost::test_tools::per_element());
  };
  const auto first_is_nan = [](const Tensor& got) { return std::isnan(got.to_vector<double>().front()); };
  const Values slope = {0.0, 0.25};
  const Values rows = {0.0, 0.0, 0.0, 0.25};
  const Values bend = {0.0, 0.0, 0.0, -1.0 / 32.0};

  BOOST_TEST(first_is_nan(grad(f)(x)));
  expect(grad(f, kStrong)(x), slope);
  BOOST_TEST(first_is_nan(value_and_grad(f)(x).second));
  expect(value_and_grad(f, kStrong)(x).second, slope);
  BOOST_TEST(first_is_nan(vjp(each, x).second(ones_like(x))));
  expect(vjp(each, x, kStrong).second(ones_like(x)), slope);
  BOOST_TEST(first_is_nan(jacobian(each, x)));
  expect(jacobian(each, x, kStrong), rows);
  BOOST_TEST(first_is_nan(hessian(f, x)));
  expect(hessian(f, x, kStrong), bend);
  BOOST_TEST(first_is_nan(hvp(f, x, ones_like(x))));
  expect(hvp(f, x, ones_like(x), kStrong), {0.0, -1.0 / 32.0});
  // Forward: the direction leaves out what has an infinite slope.
  const Tensor v = from_vector<double>({0.0, 1.0}, {2});
  const auto root = [](const Tensor& t) { return sqrt(t); };
  BOOST_TEST(first_is_nan(jvp(root, x, v).second));
  expect(jvp(root, x, v, kStrong).second, slope);
  // The same of a rule that the engine makes of the reverse one, and inside a checkpoint: an infinity that is used
  // stays one.
  const auto made = [](const Tensor& t) { return apply(Root{}, t); };
  const auto inside = [](const Tensor& t) {
    return tapegrad::checkpoint([](const Tensor& a) { return apply(Root{}, a); }, t);
  };
  const Tensor u = from_vector<double>({1.0, 0.0}, {2});
  BOOST_TEST(first_is_nan(jvp(made, x, v).second));
  expect(jvp(made, x, v, kStrong).second, slope);
  expect(jvp(made, x, u, kStrong).second, {kInf, 0.0});
  expect(jvp(inside, x, v, kStrong).second, slope);
  expect(jvp(inside, x, u, kStrong).second, {kInf, 0.0});
  // The products of a layer: what is infinite meets a weight of 0, and an input of 0 an infinite direction.
  const Tensor weight = from_vector<double>({0.0, 3.0}, {1, 2});
  const Tensor infinite = from_vector<double>({kInf, 1.0}, {2});
  const auto of_input = [&](const Tensor& t) { return linear(t, weight); };
  const auto of_weight = [&](const Tensor& w) { return linear(x, w); };
  BOOST_TEST(first_is_nan(jvp(of_input, x, infinite).second));
  expect(jvp(of_input, x, infinite, kStrong).second, {3.0});
  BOOST_TEST(first_is_nan(jvp(of_weight, weight, reshape(infinite, {1, 2})).second));
  expect(jvp(of_weight, weight, reshape(infinite, {1, 2}), kStrong).second, {4.0});
  // More results than arguments: by columns.
  const auto twice = [](const Tensor& t) { return cat({sqrt(t), t}, 0); };
  BOOST_TEST(std::isnan(jacobian(twice, x).to_vector<double>()[1]));
  expect(jacobian(twice, x, kStrong), {kInf, 0.0, 0.0, 0.25, 1.0, 0.0, 0.0, 1.0});
}

BOOST_AUTO_TEST_CASE(strong_zeros_reach_into_a_checkpoint_and_leave_its_forward_run_alone) {
  const Tensor x = leaf({0.0, 4.0});
  Tape tape;
  const auto block = [](const Tensor& a) { return guarded_root(a) + 0.0 * log(a + 1.0); };
  const Tensor y = sum(tapegrad::checkpoint(block, x * 1.0));
  const std::int64_t size = tape.size();
  const Values g = tape.gradient(y, x, {.retain = true, .strong_zero = true}).to_vector<double>();
  BOOST_TEST(g == (Values{0.0, 0.25}), boost::test_tools::per_element());
  BOOST_TEST(tape.size() == size);
  // 0 inf of the block itself is what it is: no rule
  const Tensor z = sum(tapegrad::checkpoint([](const Tensor& a) { return a + (a * 0.0) * kInf; }, x));
  BOOST_TEST(std::isnan(z.item()));
  BOOST_TEST(!std::isnan(tape.gradient(z, x, {.strong_zero = true}).to_vector<double>()[1]));
}

BOOST_AUTO_TEST_CASE(hooks_and_observers_of_a_sweep_with_strong_zeros_compute_as_ever) {
  const Tensor x = leaf({2.0});
  Tape tape;
  const Tensor y = x * x;
  Values products;
  const auto multiply = [&] { products.push_back((tensor({0.0}) * kInf).item()); };
  const auto hook = [&](const Tensor&) {
    multiply();
    return Tensor();
  };
  x.register_hook(hook);
  tape.register_hook(y, hook);
  tape.observe([&](const SweepEvent&) { multiply(); });
  tape.backward(y, {.strong_zero = true});
  BOOST_TEST(products.size() == 3U);
  for (const double product : products) BOOST_TEST(std::isnan(product));
}

BOOST_AUTO_TEST_SUITE_END()
