#include <boost/test/unit_test.hpp>
#include <cmath>

#include "fixture.hpp"
#include "tapegrad/optim.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine_ops.hpp"

using namespace tapegrad;
using namespace tapegrad::optim;
using tapegrad::test::check_close;
using tapegrad::test::Fixture;

namespace {

/// Leaves with the fixture's gradients, in the order of `names`.
std::vector<Tensor> with_gradients(const Fixture& f, const std::vector<std::string>& names) {
  std::vector<Tensor> leaves;
  for (const std::string& name : names) {
    const Tensor gradient = f["input." + name];
    leaves.push_back(zeros_like(gradient).set_requires_grad(true));
    leaves.back().set_grad(gradient);
  }
  return leaves;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(clipping)

BOOST_AUTO_TEST_CASE(fixtures) {
  const std::vector<std::string> names = {"weight", "bias"};
  for (const char* name : {"clip_grad_norm", "clip_grad_norm_within"}) {
    const Fixture f(name);
    const auto parameters = with_gradients(f, names);
    const double norm = clip_grad_norm(parameters, f.number("max_norm"));
    check_close(tensor(norm, {.dtype = float64}), f["output.norm"]);
    for (std::size_t i = 0; i < names.size(); ++i) check_close(parameters[i].grad(), f["output." + names[i]]);
  }
  const Fixture f("clip_grad_value");
  const auto parameters = with_gradients(f, names);
  clip_grad_value(parameters, f.number("clip_value"));
  for (std::size_t i = 0; i < names.size(); ++i) check_close(parameters[i].grad(), f["output." + names[i]]);
}

BOOST_AUTO_TEST_CASE(closed_forms) {
  Tensor a = zeros({2}, {.dtype = float32, .requires_grad = true});
  Tensor b = zeros({3}, {.dtype = float64, .requires_grad = true});
  const Tensor none = zeros({3}, {.requires_grad = true});
  a.set_grad(tensor({3.0, 0.0}));
  b.set_grad(expand(tensor({0.0, 4.0, 0.0}, {.dtype = float64}), {3}));
  BOOST_TEST(clip_grad_norm({a, none, b}, 100.0) == 5.0);
  BOOST_TEST(clip_grad_value({a, none, b}, 2.0) == 4.0);
  BOOST_TEST(a.grad().to_vector<float>() == (std::vector<float>{2, 0}));
  BOOST_TEST(b.grad().to_vector<double>() == (std::vector<double>{0, 2, 0}));
  BOOST_TEST(!none.has_grad());
  BOOST_TEST(clip_grad_norm({none}, 1.0) == 0.0);
}

// An expanded gradient shares one element: it is made dense before it is written.
BOOST_AUTO_TEST_CASE(expanded_gradients) {
  Tensor a = zeros({4}, {.dtype = float64, .requires_grad = true});
  const Tensor one = tensor({2.0}, {.dtype = float64});
  a.set_grad(expand(one, {4}));
  BOOST_TEST(clip_grad_norm({a}, 1.0) == 4.0);
  for (const double g : a.grad().to_vector<double>()) BOOST_TEST(std::abs(g - 0.5) < 1e-6);
  BOOST_TEST(one.item() == 2.0);
}

BOOST_AUTO_TEST_CASE(norms_whose_squares_leave_the_range_of_double) {
  for (const double scale : {1e200, 1e-200, 1e307}) {
    BOOST_TEST_CONTEXT(scale) {
      Tensor a = zeros({2}, {.dtype = float64, .requires_grad = true});
      Tensor b = zeros({1}, {.dtype = float64, .requires_grad = true});
      Tensor c = zeros({1}, {.dtype = float32, .requires_grad = true});
      a.set_grad(tensor({2 * scale, 3 * scale}, {.dtype = float64}));
      b.set_grad(tensor({6 * scale}, {.dtype = float64}));
      c.set_grad(tensor({0.0}));
      BOOST_TEST(std::abs(clip_grad_norm({a, b, c}, 1.0) / (7 * scale) - 1.0) < 1e-15);
      // What is short is not scaled.
      const double unit = scale > 1.0 ? 1.0 / 7.0 : scale;
      const std::vector<double> g = a.grad().to_vector<double>();
      BOOST_TEST(std::abs(g[0] / (2 * unit) - 1.0) < 1e-15);
      BOOST_TEST(std::abs(g[1] / (3 * unit) - 1.0) < 1e-15);
      BOOST_TEST(std::abs(b.grad().item() / (6 * unit) - 1.0) < 1e-15);
    }
  }
  Tensor a = zeros({2}, {.dtype = float64, .requires_grad = true});
  a.set_grad(tensor({1e300, std::nan("")}, {.dtype = float64}));
  BOOST_TEST(std::isnan(clip_grad_norm({a}, 1.0)));
  a.set_grad(tensor({1e300, HUGE_VAL}, {.dtype = float64}));
  BOOST_TEST(std::isinf(clip_grad_norm({a}, 1.0)));
}

BOOST_AUTO_TEST_CASE(finite_gradients_whose_norm_leaves_the_range_of_double) {
  const Tensor a = zeros({2}, {.dtype = float64, .requires_grad = true});
  const Tensor b = zeros({2}, {.dtype = float64, .requires_grad = true});
  const auto clipped = [&](double max_norm) {
    a.set_grad(tensor({1.5e308, 0.75e308}, {.dtype = float64}));
    b.set_grad(tensor({-1.5e308, 1.5e308}, {.dtype = float64}));
    BOOST_TEST(clip_grad_norm({a, b}, max_norm) == HUGE_VAL);
    std::vector<double> elements = a.grad().to_vector<double>();
    for (const double g : b.grad().to_vector<double>()) elements.push_back(g);
    return elements;
  };
  const double length = std::sqrt(13.0);  // of (2, 1, -2, 2)
  for (const double max_norm : {1e-3, 1.0, 1e305}) {
    const std::vector<double> g = clipped(max_norm);
    const std::vector<double> direction = {2.0, 1.0, -2.0, 2.0};
    for (std::size_t i = 0; i < g.size(); ++i)
      BOOST_TEST(std::abs(g[i] / (max_norm * direction[i] / length) - 1.0) < 1e-15);
  }
  BOOST_TEST(clipped(HUGE_VAL) == (std::vector<double>{1.5e308, 0.75e308, -1.5e308, 1.5e308}));
}

BOOST_AUTO_TEST_CASE(without_a_limit_no_gradient_changes) {
  const Tensor small = zeros({1}, {.requires_grad = true});
  const Tensor large = zeros({2}, {.dtype = float64, .requires_grad = true});
  for (const double other : {1.5e308, HUGE_VAL}) {
    small.set_grad(tensor({1e-37}));
    large.set_grad(tensor({1.5e308, other}, {.dtype = float64}));
    BOOST_TEST(clip_grad_norm({small, large}, HUGE_VAL) == HUGE_VAL);
    BOOST_TEST(small.grad().to_vector<float>()[0] == 1e-37F);
    BOOST_TEST(large.grad().to_vector<double>() == (std::vector<double>{1.5e308, other}));
  }
}

BOOST_AUTO_TEST_CASE(a_leaf_that_is_named_twice_counts_once) {
  Tensor a = zeros({2}, {.dtype = float64, .requires_grad = true});
  Tensor b = zeros({1}, {.dtype = float64, .requires_grad = true});
  a.set_grad(tensor({3.0, 0.0}, {.dtype = float64}));
  b.set_grad(tensor({4.0}, {.dtype = float64}));
  BOOST_TEST(clip_grad_norm({a, a, b, a}, 1.0) == 5.0);
  BOOST_TEST(std::abs(a.grad().to_vector<double>()[0] - 0.6) < 1e-6);
  BOOST_TEST(std::abs(b.grad().item() - 0.8) < 1e-6);
  a.set_grad(expand(tensor({3.0}, {.dtype = float64}), {2}));  // made dense once
  BOOST_TEST(std::abs(clip_grad_norm({a, a}, 100.0) - std::sqrt(18.0)) < 1e-15);
}

BOOST_AUTO_TEST_CASE(bad_limits) {
  const Tensor a = zeros({2}, {.requires_grad = true});
  BOOST_CHECK_THROW(clip_grad_norm({a}, 0.0), ValueError);
  BOOST_CHECK_THROW(clip_grad_norm({a}, std::nan("")), ValueError);
  BOOST_CHECK_THROW(clip_grad_value({a}, -1.0), ValueError);
}

BOOST_AUTO_TEST_CASE(a_norm_that_is_not_finite_leaves_no_finite_gradient) {
  Tensor x = zeros({2}, {.dtype = float64, .requires_grad = true});
  x.set_grad(tensor({1.0, std::nan("")}, {.dtype = float64}));
  BOOST_TEST(std::isnan(clip_grad_norm({x}, 1.0)));
  for (const double g : x.grad().to_vector<double>()) BOOST_TEST(std::isnan(g));
}

BOOST_AUTO_TEST_CASE(squares_that_lose_their_last_bits_are_scaled) {
  Tensor x = zeros({2}, {.dtype = float64, .requires_grad = true});
  x.set_grad(tensor({3e-160, 4e-160}, {.dtype = float64}));
  BOOST_TEST(std::abs(clip_grad_norm({x}, 1.0) / 5e-160 - 1.0) < 1e-15);
}

BOOST_AUTO_TEST_SUITE_END()
