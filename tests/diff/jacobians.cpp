// jacobian, hessian and hvp.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "diff/derivatives.hpp"
#include "scalar.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using namespace tapegrad::test::derivatives;
using tapegrad::test::num;

namespace {

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

}  // namespace

BOOST_AUTO_TEST_SUITE(jacobians)

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
    (void)jacobian(map_to(rows), x);
    BOOST_TEST(Counted::calls == 1);
    BOOST_TEST(Counted::pulled == rows);
    BOOST_TEST(Counted::pushed == 0);
  }
  for (const int rows : {4, 20}) {  // a forward run for each argument, after the one that has told how many there are
    Counted::reset();
    (void)jacobian(map_to(rows), x);
    BOOST_TEST(Counted::calls == 1 + 3);
    BOOST_TEST(Counted::pulled == 0);
    BOOST_TEST(Counted::pushed == 3);
  }
}

BOOST_AUTO_TEST_CASE(a_jacobian_may_have_all_dimensions_there_are) {
  const Tensor deep = vec({1.0, 2.0}).reshape({1, 1, 1, 1, 1, 1, 1, 2});
  const Tensor by_rows = jacobian([](const Tensor& a) { return total(a * a); }, deep);
  BOOST_TEST((by_rows.shape() == deep.shape()));
  check_close(by_rows, {2.0, 4.0});
  const Tensor w = deep.detach();
  const Tensor by_columns = jacobian([w](const Tensor& a) { return w * a; }, num(3.0));
  BOOST_TEST((by_columns.shape() == deep.shape()));
  check_close(by_columns, {1.0, 2.0});
}

BOOST_AUTO_TEST_CASE(a_jacobian_has_its_arguments_dtype) {
  for (const std::int64_t n : {1, 2, 5}) {  // by rows and by columns
    const auto f = [n](const Tensor& x) { return expand(total(x * x).to(float64), {n}); };
    const Tensor J = jacobian(f, vec({1.0, 2.0}).to(float32));
    BOOST_TEST((J.dtype() == float32));
    BOOST_TEST(J[0].to_vector<float>() == (std::vector<float>{2.0F, 4.0F}), boost::test_tools::per_element());
  }
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

BOOST_AUTO_TEST_SUITE_END()
