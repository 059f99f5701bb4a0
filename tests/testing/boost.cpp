#define BOOST_TEST_MODULE testing_boost
#include "tapegrad/testing/boost.hpp"

#include "cases.hpp"

TAPEGRAD_BOOST_GRADCHECK(product_of_tensors, product, sample(1), sample(2))
TAPEGRAD_BOOST_GRADCHECK(first_order_only, product, sample(1), sample(2), {.order = 1})
TAPEGRAD_BOOST_GRADCHECK(plain_functions, energy, energy_gradient, kPoint)
TAPEGRAD_BOOST_GRADCHECK(doubled, energy, doubled_gradient, kPoint)

BOOST_AUTO_TEST_CASE(within_a_case) {
  TAPEGRAD_BOOST_TEST_GRADIENT([](const tapegrad::Tensor& x) { return tapegrad::exp(x) * x; }, sample(3));
}

BOOST_AUTO_TEST_CASE(options_may_be_named) {
  const tapegrad::GradcheckOptions options{.order = 1, .input_names = {"a", "b"}};
  TAPEGRAD_BOOST_TEST_GRADIENT(product, sample(1), sample(2), options);
  TAPEGRAD_BOOST_TEST_GRADIENT(product, std::vector{sample(1), sample(2)}, {.order = 1, .seed = 3});
  TAPEGRAD_BOOST_TEST_GRADIENT(energy, energy_gradient, kPoint, {.seed = 3});
}

BOOST_AUTO_TEST_CASE(what_the_arguments_draw_depends_on_nothing_before) {
  std::vector<double> points;
  for (const std::uint64_t seed : {1U, 2U}) {
    tapegrad::manual_seed(seed);
    const tapegrad::RandomStream before = tapegrad::default_generator().reserve(3);
    TAPEGRAD_BOOST_TEST_GRADIENT(product, drawn(points), drawn(points));
    BOOST_TEST(stands_at({before.key, before.offset + 3}));
  }
  BOOST_TEST_REQUIRE(points.size() == 4U);
  BOOST_TEST(points[0] != points[1]);
  BOOST_TEST(points[0] == points[2]);
  BOOST_TEST(points[1] == points[3]);
}
