#include "tapegrad/ops/scan.hpp"

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

BOOST_AUTO_TEST_SUITE_END()
