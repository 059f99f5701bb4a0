#include "tapegrad/diff/transforms.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "diff/derivatives.hpp"
#include "fixture.hpp"
#include "says.hpp"
#include "scalar.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using namespace tapegrad::test::derivatives;
using tapegrad::test::num;
using tapegrad::test::says;

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

BOOST_AUTO_TEST_CASE(a_tangent_that_comes_back_is_a_copy) {
  const Tensor v = tensor({1.0, 2.0}, {.dtype = float64});
  Tensor dy = jvp([](const Tensor& x) { return x; }, tensor({3.0, 4.0}, {.dtype = float64}), v).second;
  dy.mutable_data<double>()[0] = 9.0;
  BOOST_TEST(v.to_vector<double>()[0] == 1.0);
}

BOOST_AUTO_TEST_CASE(tangents_of_results_that_share_share_nothing) {
  const auto f = [](const std::vector<Tensor>& x) {
    const Tensor z = x[0] * 2.0;
    return std::vector<Tensor>{z, z, z.reshape({2, 1})};
  };
  auto dys = jvp(f, {vec({3.0, 4.0})}, {vec({1.0, 1.0})}).second;
  dys[0].mutable_data<double>()[0] = 9.0;
  for (const std::size_t j : {1U, 2U}) BOOST_TEST(dys[j].to_vector<double>()[0] == 2.0);
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

BOOST_AUTO_TEST_CASE(independent_results_have_zero_gradients) {
  const Tensor c = vec({1.0, 2.0});
  check_close(grad([&](const Tensor&) { return total(c); })(c), {0.0, 0.0});
  check_close(jvp([&](const Tensor&) { return Tensor(c); }, c, c).second, {0.0, 0.0});
  check_close(grad([](const Tensor& x) { return x; })(num(1.0)), {1.0});
}

BOOST_AUTO_TEST_CASE(misuse_is_answered) {
  const auto square_of = [](const Tensor& x) { return x * x; };
  const auto begins = [](const char* text) {
    return [text](const Error& e) { return std::string(e.what()).rfind(text, 0) == 0; };
  };
  BOOST_CHECK_EXCEPTION((void)grad(square_of)(vec({1.0, 2.0})), ShapeError,
                        begins("[grad] expected a function with one result of one element, got [2]"));
  BOOST_CHECK_EXCEPTION((void)grad(square_of)(arange(3)), DTypeError,
                        begins("[grad] expected a floating tensor to differentiate by, got int64 [3]"));
  BOOST_CHECK_EXCEPTION((void)jvp(square_of, vec({1.0, 2.0}), vec({1.0})), ShapeError,
                        begins("[jvp] expected a tangent of shape [2], got [1]"));
  BOOST_CHECK_EXCEPTION((void)hvp([](const Tensor& x) { return sum(x); }, vec({1.0, 2.0}), vec({1.0})), ShapeError,
                        begins("[hvp] expected a tangent of shape [2], got [1]"));
  BOOST_CHECK_EXCEPTION((void)vjp(square_of, vec({1.0})).second(zeros({1})), DTypeError,
                        begins("[vjp] expected a cotangent of dtype float64, got float32"));
  BOOST_CHECK_EXCEPTION((void)vjp(square_of, {vec({1.0}), vec({1.0})}), ValueError,
                        says("[vjp] the function does not take 2 tensors: it takes 1"));
  const auto product = [](const Tensor& a, const Tensor& b) { return total(a * b); };
  BOOST_CHECK_EXCEPTION((void)grad(product)(vec({1.0})), ValueError,
                        says("[grad] the function does not take 1 tensor: it takes 2"));
  // whether it would go by rows or by columns
  const auto whole = [](std::int64_t n) { return [n](const Tensor&) { return arange(n); }; };
  for (const std::int64_t n : {0, 1, 3})
    BOOST_CHECK_EXCEPTION(
        (void)jacobian(whole(n), vec({1.0, 2.0})), DTypeError,
        says("[jacobian] expected a floating result to differentiate, got int64 [" + std::to_string(n) + "]"));
  BOOST_CHECK_EXCEPTION((void)jacobian([](const Tensor&) { return Tensor(); }, vec({1.0, 2.0})), ValueError,
                        begins("[jacobian] expected a floating result to differentiate, got an undefined tensor"));
  const auto nothing = [](const Tensor&) { return Tensor(); };
  BOOST_CHECK_EXCEPTION((void)grad(nothing)(vec({1.0})), ValueError,
                        begins("[grad] expected a floating result to differentiate, got an undefined tensor"));
  BOOST_CHECK_EXCEPTION((void)hessian(nothing, vec({1.0})), ValueError,
                        begins("[hessian] expected a floating result to differentiate, got an undefined tensor"));
  BOOST_CHECK_EXCEPTION((void)hvp(nothing, vec({1.0}), vec({1.0})), ValueError,
                        begins("[hvp] expected a floating result to differentiate, got an undefined tensor"));
  // even where there is nothing to differentiate by
  BOOST_CHECK_EXCEPTION((void)hessian([](const Tensor& x) { return x; }, zeros({0})), ShapeError,
                        begins("[hessian] expected a function with one result of one element, got [0]"));
  BOOST_CHECK_THROW((void)hessian([](const Tensor& x) { return sum(x); }, zeros({0}, {.dtype = int64})), DTypeError);
  BOOST_CHECK_EXCEPTION((void)hessian([](const Tensor& x) { return sum(x); }, Tensor()), ValueError,
                        begins("[hessian] expected a floating tensor to differentiate by, got an undefined tensor"));
  // a derivative that no tensor can hold, before it is computed
  int runs = 0;
  const auto counted = [&runs](const Tensor& x) {
    ++runs;
    return cube(x);
  };
  const Tensor deep = zeros({2, 1, 1, 1, 1}, {.dtype = float64});
  BOOST_CHECK_EXCEPTION((void)hessian([&](const Tensor& x) { return sum(counted(x)); }, deep), ShapeError,
                        begins("[hessian] expected a derivative of at most 8 dimensions, got [2, 1, 1, 1, 1] by "
                               "[2, 1, 1, 1, 1]"));
  BOOST_TEST(runs == 0);
  BOOST_CHECK_EXCEPTION((void)jacobian(counted, deep), ShapeError,
                        begins("[jacobian] expected a derivative of at most 8 dimensions, got [2, 1, 1, 1, 1] by "
                               "[2, 1, 1, 1, 1]"));
  BOOST_TEST(runs == 1);
  // a failed transform leaves the thread as it was
  BOOST_CHECK_THROW((void)grad([](const Tensor& x) { return x * vec({1.0, 2.0, 3.0}); })(vec({1.0, 2.0})), ShapeError);
  BOOST_TEST(!is_recording());
  Tape tape;
  BOOST_TEST(is_recording());
}

BOOST_AUTO_TEST_SUITE_END()
