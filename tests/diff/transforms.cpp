#include "tapegrad/diff/transforms.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <concepts>
#include <memory>
#include <thread>
#include <vector>

#include "fixture.hpp"
#include "says.hpp"
#include "scalar.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/checkpoint.hpp"
#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using tapegrad::test::num;
using tapegrad::test::says;

namespace {

Tensor vec(const std::vector<double>& values) {
  return from_vector(values, {static_cast<std::int64_t>(values.size())});
}
Tensor total(const Tensor& x) { return sum_to(x, {}); }

void check_close(const Tensor& got, const std::vector<double>& expected, double relative = 1e-14) {
  const std::vector<double> values = got.to_vector<double>();
  BOOST_REQUIRE_EQUAL(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    BOOST_TEST(std::abs(values[i] - expected[i]) <= relative * (1.0 + std::abs(expected[i])),
               "element " << i << ": " << values[i] << " instead of " << expected[i]);
}

/// x^3 without a forward rule: the engine makes one of its reverse rule.
struct Cube : Op<Cube> {
  static constexpr std::string_view name = "cube";
  Tensor forward(const Tensor& x) const { return x * x * x; }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return 3.0 * dy * (s.input(0) * s.input(0)); }
};
Tensor cube(const Tensor& x) { return apply(Cube{}, x); }

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

/// sin, which counts how often each of its rules runs.
struct Counted : Op<Counted> {
  static constexpr std::string_view name = "counted";
  static inline int calls = 0;
  static inline int pulled = 0;
  static inline int pushed = 0;
  Tensor forward(const Tensor& x) const {
    ++calls;
    return sin(x);
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    ++pulled;
    return dy * cos(s.input(0));
  }
  Tensor jvp(const Saved& s, const Tensor& dx) const {
    ++pushed;
    return dx * cos(s.input(0));
  }
  static void reset() { calls = pulled = pushed = 0; }
};

/// Its rule waits until it is told to go on.
struct Waits : Op<Waits> {
  static constexpr std::string_view name = "waits";
  std::atomic<bool>* within = nullptr;
  std::atomic<bool>* asked = nullptr;
  Tensor forward(const Tensor& x) const { return x * 2.0; }
  Tensor vjp(const Saved&, const Tensor& dy) const {
    *within = true;
    while (!*asked) std::this_thread::yield();
    return 2.0 * dy;
  }
};

/// The sum of a vector; its reverse rule gives the cotangent of one element for all.
struct Total : Op<Total> {
  static constexpr std::string_view name = "total";
  static constexpr Keep keep = Keep::nothing;
  Tensor forward(const Tensor& x) const { return sum_to(x, {}); }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(transforms)

BOOST_AUTO_TEST_CASE(gradient_of_a_sum_of_tanh) {
  const auto f = [](const Tensor& x) { return total(tanh(x)); };
  const Tensor x = vec({-1.0, 0.0, 0.5});
  const auto [y, dx] = value_and_grad(f)(x);
  BOOST_TEST(y.item() == std::tanh(-1.0) + std::tanh(0.5), boost::test_tools::tolerance(1e-15));
  const auto slope = [](double v) { return 1.0 / (std::cosh(v) * std::cosh(v)); };
  check_close(dx, {slope(-1.0), 1.0, slope(0.5)});
  check_close(grad(f)(x), {slope(-1.0), 1.0, slope(0.5)});
  BOOST_TEST(!x.has_grad());
}

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

BOOST_AUTO_TEST_CASE(decision_11_every_nesting_of_forward_and_reverse_gives_the_same_third_derivative) {
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

BOOST_AUTO_TEST_CASE(decision_11_no_perturbation_confusion) {
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

BOOST_AUTO_TEST_CASE(a_tangent_that_comes_back_is_a_copy) {
  const Tensor v = tensor({1.0, 2.0}, {.dtype = float64});
  Tensor dy = jvp([](const Tensor& x) { return x; }, tensor({3.0, 4.0}, {.dtype = float64}), v).second;
  dy.mutable_data<double>()[0] = 9.0;
  BOOST_TEST(v.to_vector<double>()[0] == 1.0);
}

BOOST_AUTO_TEST_CASE(only_the_argument_is_differentiated) {
  const Tensor x = num(3.0);
  const auto f = [&](const Tensor& a) { return a * a * x; };  // df/da = 2 a x = 18
  check_close(grad(f)(x), {18.0});
  check_close(jvp(f, x, num(1.0)).second, {18.0});
  Tape tape;
  Tensor leaf = num(3.0).set_requires_grad(true);
  const auto g = [&](const Tensor& a) { return a * a * leaf; };
  const Tensor dg = grad(g)(leaf);  // 2 l^2 as a function of the leaf: slope 4 l
  check_close(dg, {18.0});
  tape.backward(dg);
  check_close(leaf.grad(), {12.0});
}

BOOST_AUTO_TEST_CASE(pullbacks_are_values) {
  const auto f = [](const Tensor& x) { return cube(x); };
  auto back = vjp(f, num(2.0)).second;
  auto other = vjp(f, num(3.0)).second;
  const auto first = back;
  back = other;
  other = first;
  const auto& same = back;
  back = same;
  check_close(back(num(1.0)), {27.0});
  check_close(other(num(1.0)), {12.0});
}

BOOST_AUTO_TEST_CASE(results_off_a_private_tape_can_be_used_on_the_next) {
  const Tensor d = grad([](const Tensor& x) { return cube(x); })(num(2.0));
  const auto [y, pullback] = vjp([](const Tensor& x) { return cube(x); }, num(2.0));
  Tape tape;
  Tensor w = num(5.0).set_requires_grad(true);
  tape.backward(w * d * y);
  check_close(w.grad(), {12.0 * 8.0});
  check_close(pullback(num(1.0)), {12.0});
  check_close(pullback(num(2.0)), {24.0});
  BOOST_CHECK_THROW(pullback(w * 1.0), TapeError);
}

BOOST_AUTO_TEST_CASE(inside_a_pause_of_a_live_tape) {
  Tape tape;
  Tensor w = num(2.0).set_requires_grad(true);
  const Tensor y = w * w;
  {
    const NoRecord pause;
    // y is a constant there: d/dx (x^3 y) = 3 x^2 y
    check_close(grad([&](const Tensor& x) { return cube(x) * y; })(num(1.0)), {12.0});
    check_close(grad([&](const Tensor& x) { return cube(x); })(y), {48.0});
  }
  BOOST_TEST(tape.size() == 2);
  tape.backward(y);
  check_close(w.grad(), {4.0});
}

BOOST_AUTO_TEST_CASE(stale_tensors_are_refused_by_a_private_tape) {
  Tensor stale;
  {
    Tape tape;
    Tensor w = num(2.0).set_requires_grad(true);
    stale = w * w;
  }
  BOOST_CHECK_THROW(grad([&](const Tensor& x) { return x * stale; })(num(1.0)), TapeError);
}

BOOST_AUTO_TEST_CASE(a_tape_destroyed_inside_a_transform_is_noticed) {
  auto tape = std::make_unique<Tape>();
  const Tensor x = tensor({2.0}, {.dtype = float64, .requires_grad = true});
  {
    const NoRecord pause;  // so that the transform sets the live tape aside
    grad([&tape](const Tensor& t) {
      tape.reset();
      return total(square(t));
    })(x.detach());
  }
  BOOST_CHECK_EXCEPTION(square(x), TapeError, says("was destroyed on another thread, or inside a transform"));
  BOOST_TEST(square(x).item() == 4.0);
}

BOOST_AUTO_TEST_CASE(several_inputs_and_outputs) {
  const auto f = [](const Tensor& a, const Tensor& b) { return std::array<Tensor, 2>{a * b, a - b}; };
  const Tensor a = vec({1.0, 2.0});
  const Tensor b = vec({3.0, 5.0});
  const auto [ys, dys] = jvp(f, {a, b}, {vec({1.0, 0.0}), vec({0.0, 1.0})});
  check_close(ys[0], {3.0, 10.0});
  check_close(dys[0], {3.0, 2.0});
  check_close(dys[1], {1.0, -1.0});
  const auto [out, pullback] = vjp(f, {a, b});
  const std::vector<Tensor> g = pullback({vec({1.0, 1.0}), Tensor()});
  check_close(g[0], {3.0, 5.0});
  check_close(g[1], {1.0, 2.0});
  const auto lists = [](const std::vector<Tensor>& x) { return x[0] * x[1] * x[2]; };
  const auto [y, back] = vjp(lists, {a, b, b});
  check_close(y, {9.0, 50.0});
  check_close(back(vec({1.0, 1.0}))[2], {3.0, 10.0});
}

BOOST_AUTO_TEST_CASE(hessian_vector_product_of_a_quadratic_and_beyond) {
  // f = sum(x^2 y') with y' = reversed weights: H = diag(2 w); for sum(x)^3: H = 6 sum(x) 1 1^T.
  const Tensor w = vec({1.0, -2.0, 0.5});
  const Tensor x = vec({0.2, 0.4, -0.1});
  const Tensor v = vec({1.0, 2.0, 3.0});
  check_close(hvp([&](const Tensor& a) { return total(a * a * w); }, x, v), {2.0, -8.0, 3.0});
  const auto f = [](const Tensor& a) { return cube(total(a)); };
  check_close(hvp(f, x, v), {18.0, 18.0, 18.0});
  // differentiated again on a live tape: d/dx <hvp, 1> = 6 (sum v) 3 for every element
  Tape tape;
  Tensor leaf = x.detach().set_requires_grad(true);
  tape.backward(total(hvp(f, leaf, v)));
  check_close(leaf.grad(), {108.0, 108.0, 108.0});
}

BOOST_AUTO_TEST_CASE(jacobian_by_rows_and_by_columns) {
  const Tensor x = vec({0.5, -1.0, 2.0});
  // y = (x0 x1, x2^3): fewer results than arguments; z_ij = x_i x_j: more
  const auto few = [](const Tensor& a) { return stack({a[0] * a[1], cube(a[2])}); };
  const Tensor j = jacobian(few, x);
  BOOST_TEST((j.shape() == Shape{2, 3}));
  check_close(j, {-1.0, 0.5, 0.0, 0.0, 0.0, 12.0});
  const auto many = [](const Tensor& a) { return a.reshape({3, 1}) * a.reshape({1, 3}); };
  const Tensor k = jacobian(many, x);
  BOOST_TEST((k.shape() == Shape{3, 3, 3}));
  const std::vector<double> v = x.to_vector<double>();
  std::vector<double> expected(27, 0.0);
  for (std::size_t p = 0; p < 3; ++p)
    for (std::size_t q = 0; q < 3; ++q) {
      expected[(p * 3 + q) * 3 + p] += v[q];
      expected[(p * 3 + q) * 3 + q] += v[p];
    }
  check_close(k, expected);
  const auto linear = [](const Tensor& a) { return a * 2.0; };
  BOOST_TEST((jacobian(linear, zeros({0, 2}, {.dtype = float64})).shape() == Shape{0, 2, 0, 2}));
}

BOOST_AUTO_TEST_CASE(jacobian_takes_the_fewer_of_rows_and_columns) {
  const Tensor x = vec({0.5, -1.0, 2.0});
  const auto map_to = [](std::int64_t rows) {
    Generator g(7);
    const Tensor w = randn({rows, 3}, g, {.dtype = float64});
    return [w](const Tensor& a) { return matmul(w, apply(Counted{}, a)); };
  };
  for (const int rows : {1, 2, 3}) {  // no more results than arguments: one recorded run, a sweep for each result
    Counted::reset();
    jacobian(map_to(rows), x);
    BOOST_TEST(Counted::calls == 1);
    BOOST_TEST(Counted::pulled == rows);
    BOOST_TEST(Counted::pushed == 0);
  }
  for (const int rows : {4, 20}) {  // a forward run for each argument, after the one that has told how many there are
    Counted::reset();
    jacobian(map_to(rows), x);
    BOOST_TEST(Counted::calls == 1 + 3);
    BOOST_TEST(Counted::pulled == 0);
    BOOST_TEST(Counted::pushed == 3);
  }
}

BOOST_AUTO_TEST_CASE(what_pytorch_computes) {
  const test::Fixture fixture("transforms");
  const Tensor x = fixture["input.x"];
  const Tensor w = fixture["input.w"];
  const Tensor v = fixture["input.v"];
  const Tensor u = fixture["input.u"];
  const auto f = [&](const Tensor& a) { return logsumexp(matmul(w, tanh(a))) + sum(exp(sin(a))); };
  const auto tall = [&](const Tensor& a) { return softmax(matmul(w, tanh(a))); };
  const auto wide = [&](const Tensor& a) { return slice(tall(a), 0, {.stop = 2}); };
  const auto [y, dx] = value_and_grad(f)(x);
  test::check_close(y, fixture["output.value"], 1e-14);
  test::check_close(dx, fixture["output.gradient"], 1e-14);
  test::check_close(grad(f)(x), fixture["output.gradient"], 1e-14);
  test::check_close(hessian(f, x), fixture["output.hessian"], 1e-13);
  test::check_close(hvp(f, x, v), fixture["output.hvp"], 1e-13);
  test::check_close(jacobian(tall, x), fixture["output.jacobian_tall"], 1e-14);
  test::check_close(jacobian(wide, x), fixture["output.jacobian_wide"], 1e-14);
  test::check_close(jvp(tall, x, v).second, fixture["output.jvp"], 1e-14);
  test::check_close(vjp(tall, x).second(u), fixture["output.vjp"], 1e-14);
  // all third derivatives: the Jacobian of the Hessian, of the gradient's Jacobian, and by forward mode alone
  const auto second = [&](const Tensor& a) { return hessian(f, a); };
  test::check_close(jacobian(second, x), fixture["output.third"], 1e-12);
  test::check_close(jacobian([&](const Tensor& a) { return jacobian(grad(f), a); }, x), fixture["output.third"], 1e-12);
  const auto along = [&](const Tensor& a) {
    return jvp([&](const Tensor& b) { return jvp(f, b, v).second; }, a, v).second;
  };
  const Tensor third = jvp(along, x, v).second;  // the third derivatives contracted with v three times
  test::check_close(third, matmul(matmul(matmul(fixture["output.third"], v), v), v), 1e-12);
  test::check_close(jvp(along, x, v).first, matmul(matmul(fixture["output.hessian"], v), v), 1e-13);
}

BOOST_AUTO_TEST_CASE(the_transforms_agree_with_each_other) {
  Generator g(3);
  const Tensor x = randn({2, 3}, g, {.dtype = float64});
  const Tensor v = randn({2, 3}, g, {.dtype = float64});
  const auto f = [](const Tensor& a) { return sum(softmax(a * a) * tanh(a)); };
  const auto many = [](const Tensor& a) { return exp(a) * sum(a, 0, true); };
  const std::vector<double> by_product = sum(hessian(f, x) * v, {2, 3}).to_vector<double>();
  check_close(hvp(f, x, v), by_product, 1e-13);
  check_close(jvp([&](const Tensor& a) { return grad(f)(a); }, x, v).second, by_product,
              1e-13);  // forward over reverse
  check_close(grad([&](const Tensor& a) { return sum(grad(f)(a) * v); })(x), by_product,
              1e-13);  // reverse over reverse
  check_close(grad([&](const Tensor& a) { return jvp(f, a, v).second; })(x), by_product,
              1e-13);  // reverse over forward
  check_close(jvp([&](const Tensor& a) { return jvp(f, a, v).second; }, x, v).second, {sum(hvp(f, x, v) * v).item()},
              1e-13);  // forward over forward
  check_close(jvp(many, x, v).second, sum(jacobian(many, x) * v, {2, 3}).to_vector<double>(), 1e-13);
  const Tensor u = randn({2, 3}, g, {.dtype = float64});
  BOOST_TEST(sum(u * jvp(many, x, v).second).item() == sum(vjp(many, x).second(u) * v).item(),
             boost::test_tools::tolerance(1e-13));
}

BOOST_AUTO_TEST_CASE(hessian_and_the_gradient_of_its_trace) {
  const Tensor x = vec({0.5, -1.0, 2.0});
  const auto f = [](const Tensor& a) { return a[0] * a[1] * a[2] + total(cube(a)); };
  const Tensor h = hessian(f, x);
  BOOST_TEST((h.shape() == Shape{3, 3}));
  check_close(h, {3.0, 2.0, -1.0, 2.0, -6.0, 0.5, -1.0, 0.5, 12.0});
  // sum of all second derivatives: 6 sum(x) + 2 sum(x), whose gradient is 8
  check_close(grad([&](const Tensor& a) { return total(hessian(f, a)); })(x), {8.0, 8.0, 8.0});
  check_close(hessian([](const Tensor& a) { return cube(a); }, num(2.0)), {12.0});
}

BOOST_AUTO_TEST_CASE(decision_12_forward_rule_from_the_reverse_rule) {
  const Tensor a = vec({1.0, 2.0});
  const Tensor b = num(3.0);
  const auto scaled = [](const Tensor& x, const Tensor& y) { return apply(Scaled{}, x, y); };
  check_close(jvp(scaled, {a, b}, {vec({1.0, -1.0}), num(10.0)}).second, {13.0, 17.0});
  check_close(jvp(scaled, {a, b}, {Tensor(), num(10.0)}).second, {10.0, 20.0});
  check_close(jvp([](const Tensor& x) { return apply(Total{}, x); }, a, vec({2.0, 5.0})).second, {7.0});
}

BOOST_AUTO_TEST_CASE(decision_12_differentiable_once_says_so) {
  const auto f = [](const Tensor& x) { return apply(CubeOnce{}, x); };
  check_close(grad(f)(num(2.0)), {12.0});
  const auto once = [](const TapeError& e) {
    return std::string(e.what()).find("cube_once") != std::string::npos &&
           std::string(e.what()).find("only once") != std::string::npos;
  };
  BOOST_CHECK_EXCEPTION(grad(grad(f))(num(2.0)), TapeError, once);
  BOOST_CHECK_EXCEPTION(hvp(f, num(2.0), num(1.0)), TapeError, once);
  BOOST_CHECK_EXCEPTION(jvp(f, num(2.0), num(1.0)), TapeError, once);
}

BOOST_AUTO_TEST_CASE(independent_results_have_zero_gradients) {
  const Tensor c = vec({1.0, 2.0});
  check_close(grad([&](const Tensor&) { return total(c); })(c), {0.0, 0.0});
  check_close(jvp([&](const Tensor&) { return Tensor(c); }, c, c).second, {0.0, 0.0});
  check_close(grad([](const Tensor& x) { return x; })(num(1.0)), {1.0});
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

BOOST_AUTO_TEST_CASE(a_pullback_is_one_threads_at_a_time) {
  // The rule of the first thread's sweep waits until the second thread has asked.
  std::atomic<bool> within = false, asked = false;
  Waits op;
  op.within = &within;
  op.asked = &asked;
  const auto [y, pullback] = vjp([&](const Tensor& x) { return apply(op, x); }, vec({1.0}));
  Tensor first;
  std::thread other([&, &pull = pullback] { first = pull(vec({1.0})); });
  while (!within) std::this_thread::yield();
  const auto copy = pullback;
  BOOST_CHECK_EXCEPTION(copy(vec({1.0})), TapeError, says("[vjp] another thread is using what this function recorded"));
  asked = true;
  other.join();
  check_close(first, {2.0});
  check_close(copy(vec({3.0})), {6.0});  // and now it is this thread's
}

BOOST_AUTO_TEST_CASE(a_jacobian_has_its_arguments_dtype) {
  for (const std::int64_t n : {1, 2, 5}) {  // by rows and by columns
    const auto f = [n](const Tensor& x) { return expand(total(x * x).to(float64), {n}); };
    const Tensor J = jacobian(f, vec({1.0, 2.0}).to(float32));
    BOOST_TEST((J.dtype() == float32));
    BOOST_TEST(J[0].to_vector<float>() == (std::vector<float>{2.0F, 4.0F}), boost::test_tools::per_element());
  }
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

BOOST_AUTO_TEST_CASE(misuse_is_answered) {
  const auto square_of = [](const Tensor& x) { return x * x; };
  const auto begins = [](const char* text) {
    return [text](const Error& e) { return std::string(e.what()).rfind(text, 0) == 0; };
  };
  BOOST_CHECK_EXCEPTION(grad(square_of)(vec({1.0, 2.0})), ShapeError,
                        begins("[grad] expected a function with one result of one element, got [2]"));
  BOOST_CHECK_EXCEPTION(grad(square_of)(arange(3)), DTypeError,
                        begins("[grad] expected a floating tensor to differentiate by, got int64 [3]"));
  BOOST_CHECK_EXCEPTION(jvp(square_of, vec({1.0, 2.0}), vec({1.0})), ShapeError,
                        begins("[jvp] expected a tangent of shape [2], got [1]"));
  BOOST_CHECK_EXCEPTION(hvp([](const Tensor& x) { return sum(x); }, vec({1.0, 2.0}), vec({1.0})), ShapeError,
                        begins("[hvp] expected a tangent of shape [2], got [1]"));
  BOOST_CHECK_EXCEPTION(vjp(square_of, vec({1.0})).second(zeros({1})), DTypeError,
                        begins("[vjp] expected a cotangent of dtype float64, got float32"));
  BOOST_CHECK_EXCEPTION(vjp(square_of, {vec({1.0}), vec({1.0})}), ValueError,
                        says("[vjp] the function does not take 2 tensors: it takes 1"));
  const auto product = [](const Tensor& a, const Tensor& b) { return total(a * b); };
  BOOST_CHECK_EXCEPTION(grad(product)(vec({1.0})), ValueError,
                        says("[grad] the function does not take 1 tensor: it takes 2"));
  // whether it would go by rows or by columns
  const auto whole = [](std::int64_t n) { return [n](const Tensor&) { return arange(n); }; };
  for (const std::int64_t n : {0, 1, 3})
    BOOST_CHECK_EXCEPTION(
        jacobian(whole(n), vec({1.0, 2.0})), DTypeError,
        says("[jacobian] expected a floating result to differentiate, got int64 [" + std::to_string(n) + "]"));
  BOOST_CHECK_EXCEPTION(jacobian([](const Tensor&) { return Tensor(); }, vec({1.0, 2.0})), DTypeError,
                        begins("[jacobian] expected a floating result to differentiate, got an undefined tensor"));
  // even where there is nothing to differentiate by
  BOOST_CHECK_EXCEPTION(hessian([](const Tensor& x) { return x; }, zeros({0})), ShapeError,
                        begins("[hessian] expected a function with one result of one element, got [0]"));
  BOOST_CHECK_THROW(hessian([](const Tensor& x) { return sum(x); }, zeros({0}, {.dtype = int64})), DTypeError);
  // a failed transform leaves the thread as it was
  BOOST_CHECK_THROW(grad([](const Tensor& x) { return x * vec({1.0, 2.0, 3.0}); })(vec({1.0, 2.0})), ShapeError);
  BOOST_TEST(!is_recording());
  Tape tape;
  BOOST_TEST(is_recording());
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
