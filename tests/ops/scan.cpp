#include "tapegrad/ops/scan.hpp"

#include <cmath>
#include <limits>

#include "as_pytorch.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"

using namespace tapegrad;
using test::check_as_pytorch;
using test::Fixture;

BOOST_AUTO_TEST_SUITE(scan)

BOOST_AUTO_TEST_CASE(as_pytorch) {
  for (const std::string dim : {"1", "2"}) {
    check_as_pytorch("cumsum_dim_" + dim, [&](const Tensor& x, const Fixture&) { return cumsum(x, std::stoi(dim)); });
    check_as_pytorch("cumprod_dim_" + dim, [&](const Tensor& x, const Fixture&) { return cumprod(x, std::stoi(dim)); });
  }
  check_as_pytorch("cumprod_zeros", [](const Tensor& x, const Fixture&) { return cumprod(x, 1); });
}

/// With two zeros the product is flat to first order, but not to second: d2 (x0 x1 x2) / dx0 dx1 = x2.
BOOST_AUTO_TEST_CASE(second_derivatives_of_a_product_with_two_zeros) {
  const Tensor x = from_vector(std::vector<double>{0.0, 0.0, 5.0}, {3});
  const std::vector<double> expected = {0, 5, 0, 5, 0, 0, 0, 0, 0};
  for (const auto& product : {std::function<Tensor(const Tensor&)>([](const Tensor& v) { return prod(v); }),
                              std::function<Tensor(const Tensor&)>([](const Tensor& v) { return cumprod(v, 0)[2]; })})
    BOOST_TEST(hessian(product, x).to_vector<double>() == expected, boost::test_tools::per_element());
}

/// h = a h + b with constant a and b: a geometric series.
BOOST_AUTO_TEST_CASE(a_recurrence_by_hand) {
  const Tensor a = full({4}, 0.5, {.dtype = float64});
  const Tensor b = ones({4}, {.dtype = float64});
  BOOST_TEST(linear_recurrence(a, b, 0).to_vector<double>() == (std::vector<double>{1, 1.5, 1.75, 1.875}),
             boost::test_tools::per_element());
  // d h[3] / d a[i] = 0.5^(3 - i) h[i - 1], d h[3] / d b[i] = 0.5^(3 - i)
  const auto last = [](const Tensor& factors, const Tensor& terms) { return linear_recurrence(factors, terms, 0)[3]; };
  Tensor x = a.clone().set_requires_grad(true);
  Tensor t = b.clone().set_requires_grad(true);
  Tape tape;
  tape.backward(last(x, t));
  BOOST_TEST(x.grad().to_vector<double>() == (std::vector<double>{0, 0.25, 0.75, 1.75}),
             boost::test_tools::per_element());
  BOOST_TEST(t.grad().to_vector<double>() == (std::vector<double>{0.125, 0.25, 0.5, 1}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_state_that_overflows_and_no_cotangent) {
  const Tensor a = from_vector<float>({2, 1e30F, 1e30F, 1e-30F}, {4}, {.requires_grad = true});
  for (const bool strong_zero : {false, true}) {
    Tape tape;
    const Tensor h = linear_recurrence(a, ones({4}), 0);
    BOOST_TEST(std::isinf(h[2].item()));
    const auto da = tape.gradient(h[0], a, {.strong_zero = strong_zero}).to_vector<float>();
    BOOST_TEST(std::isnan(da[3]) == !strong_zero);  // as the header says
    for (const std::size_t i : {0U, 1U, 2U}) BOOST_TEST(da[i] == 0.0F);
  }
}

/// The rules of prod and cumprod keep running products in double: these overflow or vanish in float32 on the way.
BOOST_AUTO_TEST_CASE(running_products_beyond_the_range_of_float32) {
  const auto vector = [](const std::vector<float>& values) { return from_vector(values).set_requires_grad(true); };
  const auto check = [](const Tensor& got, const std::vector<double>& expected) {
    const std::vector<float> values = got.to_vector<float>();
    BOOST_TEST_REQUIRE(values.size() == expected.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      BOOST_TEST(std::abs(values[i] - expected[i]) <= 1e-6 * std::abs(expected[i]),
                 "element " << i << ": " << values[i] << " instead of " << expected[i]);
  };
  const Tensor large_first = vector({1e30F, 1e30F, 1e-30F, 1e-30F});
  const Tensor small_first = vector({1e-30F, 1e-30F, 1e30F, 1e30F});
  const Tensor overflows = vector({1e30F, 1e30F, 1e-30F});
  for (const bool differentiable : {false, true}) {
    BOOST_TEST_CONTEXT((differentiable ? "differentiable" : "fused")) {
      Tape tape;
      const auto gradient = [&](const Tensor& y, const Tensor& x) {
        return tape.gradient(y, x, {.retain = true, .create_graph = differentiable});
      };
      check(gradient(prod(large_first), large_first), {1e-30, 1e-30, 1e30, 1e30});
      check(gradient(cumprod(overflows, 0)[0], overflows), {1, 0, 0});
      check(gradient(cumprod(overflows, 0)[2], overflows).slice(0, {0, 2}), {1, 1});
      check(gradient(cumprod(small_first, 0)[3], small_first), {1e30, 1e30, 1e-30, 1e-30});
    }
  }
  const Tensor x = large_first.detach();
  check(jvp([](const Tensor& v) { return prod(v); }, x, vector({0, 0, 1, 1}).detach()).second.reshape({1}), {2e30});
  check(jvp([](const Tensor& v) { return cumprod(v, 0); }, small_first.detach(), vector({0, 0, 1, 0}).detach()).second,
        {0, 0, 0, 1e-30});
  // d2 (x0 x1 x2 x3) / dx0 dx2 = x1 x3
  const Tensor h = hessian([](const Tensor& v) { return prod(v); }, vector({1e30F, 1e25F, 1e30F, 1e-30F}).detach());
  BOOST_TEST(std::abs(h[0][2].item() - 1e-5) <= 1e-11);
}

BOOST_AUTO_TEST_CASE(the_first_factor_takes_no_part_in_any_rule) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto of = [](const std::vector<double>& x) { return from_vector(x, {3}); };
  const auto f = [](const Tensor& a, const Tensor& b) { return linear_recurrence(a, b, 0); };
  const auto [y, dy] = jvp(f, {of({1, 2, 3}), of({1, 1, 1})}, {of({infinity, 0, 0}), of({0, 0, 0})});
  BOOST_TEST(dy.to_vector<double>() == (std::vector<double>{0, 0, 0}), boost::test_tools::per_element());
  const Tensor a = of({1, 2, 3}).set_requires_grad(true);
  Tape tape;
  const Tensor h = linear_recurrence(a, of({1, 1, 1}), 0);  // 1, 3, 10
  const Tensor da = tape.gradient(h, a, {.cotangent = of({infinity, 1, 1})});
  BOOST_TEST(da.to_vector<double>() == (std::vector<double>{0, 4, 3}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(running_extremes_by_hand) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const auto check = [](const ValuesAndIndices& found, const std::vector<double>& values,
                        const std::vector<std::int64_t>& places) {
    const std::vector<double> y = found.values.to_vector<double>();
    BOOST_TEST_REQUIRE(y.size() == values.size());
    for (std::size_t i = 0; i < y.size(); ++i)
      BOOST_TEST((y[i] == values[i] || (std::isnan(y[i]) && std::isnan(values[i]))), i << ": " << y[i]);
    BOOST_TEST(found.indices.to_vector<std::int64_t>() == places, boost::test_tools::per_element());
  };
  const Tensor x = from_vector<double>({1, 3, 3, -inf, nan, 9}, {6});
  check(cummax(x, 0), {1, 3, 3, 3, nan, nan}, {0, 1, 1, 1, 4, 4});
  check(cummin(x, 0), {1, 1, 1, -inf, nan, nan}, {0, 0, 0, 3, 4, 4});
  const Tensor m = from_vector<double>({1, 5, 2, 4, 0, 6}, {3, 2});
  check(cummax(m, 0), {1, 5, 2, 5, 2, 6}, {0, 0, 1, 0, 1, 2});
  check(cummin(m, 0), {1, 5, 1, 4, 0, 4}, {0, 0, 0, 1, 2, 1});
  check(cummax(m, -1), {1, 5, 2, 4, 0, 6}, {0, 1, 0, 1, 0, 1});
  check(cummin(m.transpose(0, 1), 1), {1, 1, 0, 5, 4, 4}, {0, 0, 2, 0, 1, 1});
  const auto [values, places] = cummax(from_vector<std::int64_t>({INT64_MIN, 2, 1, 2}, {4}), 0);
  BOOST_TEST(values.to_vector<std::int64_t>() == (std::vector<std::int64_t>{INT64_MIN, 2, 2, 2}));
  BOOST_TEST(places.to_vector<std::int64_t>() == (std::vector<std::int64_t>{0, 1, 1, 1}));
}

BOOST_AUTO_TEST_CASE(running_sums_of_integers_are_exact) {
  using Integers = std::vector<std::int64_t>;
  constexpr std::int64_t kOdd = (std::int64_t{1} << 53) + 1;  // which no double is
  const Tensor x = from_vector(Integers{kOdd, 2, -3, INT64_MAX, 1, 1}, {3, 2});
  BOOST_TEST(
      cumsum(x, 0).to_vector<std::int64_t>() == (Integers{kOdd, 2, kOdd - 3, INT64_MIN + 1, kOdd - 2, INT64_MIN + 2}),
      boost::test_tools::per_element());
  BOOST_TEST(cumsum(x, 1).to_vector<std::int64_t>() == (Integers{kOdd, kOdd + 2, -3, INT64_MAX - 3, 1, 2}),
             boost::test_tools::per_element());
  const Tensor keep = from_vector<bool>({true, true, false, true, false, false}, {2, 3});
  BOOST_TEST(cumsum(keep, -1).to_vector<std::int64_t>() == (Integers{1, 2, 2, 1, 1, 1}),
             boost::test_tools::per_element());
  BOOST_TEST(to_string(cumsum(zeros({0, 3}, {.dtype = int64}), 0).shape()) == "[0, 3]");
}

// Each cotangent goes to the first element that has the value.
BOOST_AUTO_TEST_CASE(a_running_maximum_collects_cotangents) {
  const Tensor x = from_vector<double>({1, 3, 3, 2, 7}, {5}).set_requires_grad(true);
  Tape tape;
  const Tensor dx =
      tape.gradient(cummax(x, 0).values, x, {.cotangent = from_vector<double>({1, 10, 100, 1000, 10000}, {5})});
  BOOST_TEST(dx.to_vector<double>() == (std::vector<double>{1, 1110, 0, 0, 10000}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
