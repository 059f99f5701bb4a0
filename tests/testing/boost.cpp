#define BOOST_TEST_MODULE testing_boost
#include "tapegrad/testing/boost.hpp"

#include "cases.hpp"

TAPEGRAD_BOOST_GRADCHECK(product_of_tensors, product, sample(1), sample(2))
TAPEGRAD_BOOST_GRADCHECK(first_order_only, product, sample(1), sample(2), tapegrad::GradcheckOptions{.order = 1})
TAPEGRAD_BOOST_GRADCHECK(plain_functions, energy, energy_gradient, kPoint)
TAPEGRAD_BOOST_GRADCHECK(doubled, energy, doubled_gradient, kPoint)

BOOST_AUTO_TEST_CASE(within_a_case) {
  TAPEGRAD_BOOST_TEST_GRADIENT([](const tapegrad::Tensor& x) { return tapegrad::exp(x) * x; }, sample(3));
}
