#include <boost/test/unit_test.hpp>

#include "fixture.hpp"
#include "tapegrad/optim.hpp"
#include "tapegrad/tape/add.hpp"

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
    const double norm = clip_grad_norm(parameters, std::stod(f.attributes().at("max_norm")));
    check_close(tensor(norm, {.dtype = float64}), f["output.norm"]);
    for (std::size_t i = 0; i < names.size(); ++i) check_close(parameters[i].grad(), f["output." + names[i]]);
  }
  const Fixture f("clip_grad_value");
  const auto parameters = with_gradients(f, names);
  clip_grad_value(parameters, std::stod(f.attributes().at("clip_value")));
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

BOOST_AUTO_TEST_CASE(bad_limits) {
  const Tensor a = zeros({2}, {.requires_grad = true});
  BOOST_CHECK_THROW(clip_grad_norm({a}, 0.0), ValueError);
  BOOST_CHECK_THROW(clip_grad_norm({a}, std::nan("")), ValueError);
  BOOST_CHECK_THROW(clip_grad_value({a}, -1.0), ValueError);
}

BOOST_AUTO_TEST_SUITE_END()
