// prod, norm and std.
#include <limits>

#include "as_pytorch.hpp"
#include "tapegrad/ops/reduce.hpp"

using namespace tapegrad;
using test::check_as_pytorch;
using test::dimensions;
using test::Fixture;
using test::is_true;
using test::number;

BOOST_AUTO_TEST_SUITE(reductions)

BOOST_AUTO_TEST_CASE(products_as_pytorch) {
  for (const char* name : {"prod_over_1", "prod_over_012"})
    check_as_pytorch(name, [](const Tensor& x, const Fixture& f) { return prod(x, dimensions(f)); });
  check_as_pytorch("prod_zeros", [](const Tensor& x, const Fixture&) { return prod(x, 1); });
}

BOOST_AUTO_TEST_CASE(norms_as_pytorch) {
  for (const std::string p : {"1", "2", "inf"})
    for (const char* over : {"_over_1", "_over_02", "_kinks"})
      check_as_pytorch("norm_" + p + over, [](const Tensor& x, const Fixture& f) {
        return norm(x, dimensions(f), {.p = number(f, "p"), .keepdim = is_true(f, "keepdim")});
      });
}

BOOST_AUTO_TEST_CASE(deviations_as_pytorch) {
  for (const std::string kind : {"std", "std_population"})
    for (const char* over : {"_over_1", "_over_02", "_over_012"})
      check_as_pytorch(kind + over, [](const Tensor& x, const Fixture& f) {
        return tapegrad::std(x, dimensions(f),
                             {.correction = number(f, "correction"), .keepdim = is_true(f, "keepdim")});
      });
  check_as_pytorch("std_constant", [](const Tensor& x, const Fixture&) { return tapegrad::std(x, 1); });
}

BOOST_AUTO_TEST_CASE(without_freedom_or_elements) {
  const Tensor none = zeros({2, 0}, {.dtype = float64});
  for (const double v : tapegrad::std(none, 1).to_vector<double>()) BOOST_TEST(std::isnan(v));
  for (const double v : tapegrad::std(zeros({2, 1}, {.dtype = float64}), 1, {.correction = 3}).to_vector<double>())
    BOOST_TEST(std::isnan(v));
  BOOST_TEST(prod(none, 1).to_vector<double>() == (std::vector<double>{1, 1}), boost::test_tools::per_element());
  BOOST_TEST(norm(none, 1, {.p = 1}).to_vector<double>() == (std::vector<double>{0, 0}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(gradients_far_out_stay_finite) {
  for (const double scale : {1e200, 1e-200}) {
    const Tensor x = from_vector(std::vector<double>{3 * scale, -4 * scale}, {2}).set_requires_grad(true);
    Tape tape;
    tape.backward(norm(x));
    test::check_close(x.grad(), from_vector(std::vector<double>{0.6, -0.8}, {2}));
  }
}

BOOST_AUTO_TEST_CASE(gradients_of_subnormal_lengths) {
  const Tensor x = from_vector<float>({1e-39F, 0.0F}, {2}, true);
  Tape tape;
  BOOST_TEST(tape.gradient(norm(x), x).to_vector<float>() == (std::vector<float>{1.0F, 0.0F}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
