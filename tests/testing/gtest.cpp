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

TEST(Drawn, DependsOnNothingBefore) {
  std::vector<double> points;
  for (const std::uint64_t seed : {1U, 2U}) {
    tapegrad::manual_seed(seed);
    const tapegrad::RandomStream before = tapegrad::default_generator().reserve(3);
    EXPECT_GRADIENT(product, drawn(points), drawn(points)) << "at a point that was drawn";
    ASSERT_GRADIENT(product, drawn(points), drawn(points));
    EXPECT_TRUE(stands_at({before.key, before.offset + 3}));
  }
  ASSERT_EQ(points.size(), 8U);
  EXPECT_NE(points[0], points[1]);
  for (std::size_t i = 2; i < points.size(); ++i) EXPECT_EQ(points[i], points[i % 2]);
}
