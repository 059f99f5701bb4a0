#include "tapegrad/testing/gtest.hpp"

#include "cases.hpp"

TEST(Tensors, Product) { EXPECT_GRADIENT(product, sample(1), sample(2)); }
TEST(Tensors, FirstOrderOnly) {
  ASSERT_GRADIENT(product, sample(1), sample(2), tapegrad::GradcheckOptions{.order = 1});
}
TAPEGRAD_GTEST_GRADCHECK(
    Tensors, Lambda, [](const tapegrad::Tensor& x) { return tapegrad::exp(x) * x; }, sample(3))
TEST(Plain, Right) { EXPECT_GRADIENT(energy, energy_gradient, kPoint); }
TEST(Plain, doubled) { EXPECT_GRADIENT(energy, doubled_gradient, kPoint); }
