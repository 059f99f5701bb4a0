// Transforms within transforms, and forward rules that are made of reverse rules.
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <concepts>
#include <functional>
#include <string>
#include <vector>

#include "diff/derivatives.hpp"
#include "scalar.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/checkpoint.hpp"
#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using namespace tapegrad::test::derivatives;
using tapegrad::test::num;

namespace {

/// x^3 whose reverse rule only the sweep may use.
struct CubeOnce : Op<CubeOnce> {
  static constexpr std::string_view name = "cube_once";
  Tensor forward(const Tensor& x) const { return x * x * x; }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    sink.add(0, 3.0 * dy * (s.input(0) * s.input(0)));
  }
};

/// a b for a vector a and a scalar b; the reverse rules leave broadcasting to the engine in both directions.
struct Scaled : Op<Scaled> {
  static constexpr std::string_view name = "scaled";
  Tensor forward(const Tensor& a, const Tensor& b) const { return a * b; }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const { return {dy * s.input(1), dy * s.input(0)}; }
};

/// The sum of a vector; its reverse rule gives the cotangent of one element for all.
struct Total : Op<Total> {
  static constexpr std::string_view name = "total";
  static constexpr Keep keep = Keep::nothing;
  Tensor forward(const Tensor& x) const { return sum_to(x, {}); }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(nesting)

BOOST_AUTO_TEST_CASE(third_and_fourth_derivative_by_nesting) {
  // tanh'' = -2 t s, tanh''' = s (6 t^2 - 2), tanh'''' = s t (16 - 24 t^2), with t = tanh x, s = 1 - t^2.
  const auto f = [](const Tensor& x) { return tanh(x); };
  const double t = std::tanh(0.7);
  const double s = 1.0 - t * t;
  const Tensor x = num(0.7);
  check_close(grad(grad(f))(x), {-2.0 * t * s});
  check_close(grad(grad(grad(f)))(x), {s * (6.0 * t * t - 2.0)});
  check_close(grad(grad(grad(grad(f))))(x), {s * t * (16.0 - 24.0 * t * t)}, 1e-13);
}

BOOST_AUTO_TEST_CASE(promise_every_nesting_of_forward_and_reverse_gives_the_same_third_derivative) {
  for (const bool with_rule : {true, false}) {
    const auto f = [with_rule](const Tensor& x) { return with_rule ? tanh(x) * x : cube(x) * tanh(x); };
    const double v = 0.3;
    const double t = std::tanh(v);
    const double s = 1.0 - t * t;
    const double t2 = -2.0 * t * s;
    const double t3 = s * (6.0 * t * t - 2.0);
    const double expected = with_rule ? 3.0 * t2 + v * t3 : 6.0 * t + 18.0 * v * s + 9.0 * v * v * t2 + v * v * v * t3;
    using Function = std::function<Tensor(const Tensor&)>;
    const auto forward = [](const Function& g) -> Function {
      return [g](const Tensor& x) { return jvp(g, x, ones_like(x)).second; };
    };
    const auto reverse = [](const Function& g) -> Function { return grad(g); };
    for (int order = 0; order < 8; ++order) {
      Function g = f;
      for (int i = 0; i < 3; ++i) g = (order >> i & 1) != 0 ? forward(g) : reverse(g);
      BOOST_TEST_CONTEXT("order " << order << " with_rule " << with_rule) {
        check_close(g(num(v)), {expected}, 1e-13);
        Tape tape;
        check_close(g(num(v)), {expected}, 1e-13);
        const NoRecord pause;
        check_close(g(num(v)), {expected}, 1e-13);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(promise_perturbations_are_not_confused) {
  // Siskind and Pearlmutter, "Perturbation confusion and referential transparency" (2005): d/dx [x d/dy (x + y)] = 1,
  // where confused perturbations give 2.
  const auto forward = [](const auto& f, const Tensor& x) { return jvp(f, x, ones_like(x)).second; };
  const Tensor one = num(1.0);
  const auto by_forward = [&](const Tensor& x) { return x * forward([&](const Tensor& y) { return x + y; }, one); };
  const auto by_reverse = [&](const Tensor& x) { return x * grad([&](const Tensor& y) { return x + y; })(one); };
  check_close(forward(by_forward, one), {1.0});
  check_close(forward(by_reverse, one), {1.0});
  check_close(grad(by_forward)(one), {1.0});
  check_close(grad(by_reverse)(one), {1.0});
  // d/dx [x d/dy (x y)] at 3 = 2 x = 6; the inner point is the outer variable itself.
  const auto nested = [&](const Tensor& x) { return x * forward([&](const Tensor& y) { return x * y; }, x); };
  check_close(forward(nested, num(3.0)), {6.0});
  check_close(grad(nested)(num(3.0)), {6.0});
}

BOOST_AUTO_TEST_CASE(promise_a_forward_rule_follows_from_the_reverse_rule) {
  const Tensor a = vec({1.0, 2.0});
  const Tensor b = num(3.0);
  const auto scaled = [](const Tensor& x, const Tensor& y) { return apply(Scaled{}, x, y); };
  check_close(jvp(scaled, {a, b}, {vec({1.0, -1.0}), num(10.0)}).second, {13.0, 17.0});
  check_close(jvp(scaled, {a, b}, {Tensor(), num(10.0)}).second, {10.0, 20.0});
  check_close(jvp([](const Tensor& x) { return apply(Total{}, x); }, a, vec({2.0, 5.0})).second, {7.0});
}

BOOST_AUTO_TEST_CASE(promise_what_is_differentiable_once_says_so) {
  const auto f = [](const Tensor& x) { return apply(CubeOnce{}, x); };
  check_close(grad(f)(num(2.0)), {12.0});
  const auto once = [](const TapeError& e) {
    return std::string(e.what()).find("cube_once") != std::string::npos &&
           std::string(e.what()).find("only once") != std::string::npos;
  };
  BOOST_CHECK_EXCEPTION((void)grad(grad(f))(num(2.0)), TapeError, once);
  BOOST_CHECK_EXCEPTION((void)hvp(f, num(2.0), num(1.0)), TapeError, once);
  BOOST_CHECK_EXCEPTION((void)jvp(f, num(2.0), num(1.0)), TapeError, once);
}

BOOST_AUTO_TEST_CASE(derivatives_of_several_tensors_nest) {
  // f = a^2 b: df = (2 a b, a^2), H (u, v) = (2 b u + 2 a v, 2 a u)
  const auto f = [](const Tensor& a, const Tensor& b) { return total(a * a * b); };
  const std::vector<Tensor> at = {num(3.0), num(5.0)}, along = {num(1.0), num(-2.0)};
  const auto [first, second] = jvp(grad(f), at, along);
  static_assert(std::same_as<decltype(first), const std::vector<Tensor>>);
  check_close(first[0], {30.0});
  check_close(first[1], {9.0});
  check_close(second[0], {-2.0});
  check_close(second[1], {6.0});

  const auto [value_too, rates] = jvp(value_and_grad(f), at, along);
  BOOST_REQUIRE_EQUAL(value_too.size(), 3U);
  check_close(value_too[0], {45.0});
  check_close(rates[0], {12.0});
  check_close(rates[1], {-2.0});

  const auto [again, pullback] = vjp(grad(f), at);
  check_close(again[1], {9.0});
  check_close(pullback(along)[0], {-2.0});
  check_close(pullback(along)[1], {6.0});
  const Tensor one = jvp(grad([](const Tensor& x) { return total(x * x * x); }), num(2.0), num(1.0)).second;
  check_close(one, {12.0});

  BOOST_TEST(tapegrad::gradcheck(grad(f), at).ok());
  Tape tape;
  const Tensor x = num(3.0).set_requires_grad(true);
  const auto cube = [](const Tensor& y) { return total(y * y * y); };
  check_close(tape.gradient(tapegrad::checkpoint(grad(cube), x), x), {18.0});
}

BOOST_AUTO_TEST_CASE(a_leafs_gradient_keeps_its_tangent) {
  // d/dw of q^2 w is q^2, whose derivative in q is 2 q.
  const auto f = [](const Tensor& q) {
    const Tensor w = num(5.0).set_requires_grad(true);
    Tape tape;
    tape.backward(q * q * w);
    return w.grad();
  };
  const auto [y, dy] = jvp(f, num(3.0), num(1.0));
  check_close(y, {9.0});
  check_close(dy, {6.0});
}

// One weight is used with and without a tangent: the rule that has none must not add into what carries one.
BOOST_AUTO_TEST_CASE(forward_over_reverse_of_a_weight_used_twice) {
  const auto row = [](double a, double b) { return from_vector<double>({a, b}, {1, 2}); };
  const Tensor c = row(5, 7), w = row(1, 2), x = row(1, 1), v = row(3, 4);
  const auto gradient = [&](const Tensor& a) {
    return tapegrad::grad([&](const Tensor& q) { return sum(linear(c, q)) + sum(linear(a, q)); })(w);
  };
  const auto [g, dg] = jvp(gradient, x, v);
  BOOST_TEST(g.to_vector<double>() == (std::vector<double>{6, 8}));
  BOOST_TEST(dg.to_vector<double>() == (std::vector<double>{3, 4}));
}

BOOST_AUTO_TEST_SUITE_END()
