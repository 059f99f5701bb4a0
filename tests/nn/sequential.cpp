// Sequential as a value: names, calls, copies, assignment.
#include "tapegrad/nn/sequential.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;

BOOST_AUTO_TEST_SUITE(sequential)

BOOST_AUTO_TEST_CASE(calls_its_layers_in_order) {
  nn::Sequential model(
      nn::Linear(1, 1), [](const tg::Tensor& x) { return x * 10.0; }, tg::square);
  nn::init::constant(model[0].as<nn::Linear>()->weight, 2.0);
  nn::init::constant(model[0].as<nn::Linear>()->bias, 1.0);
  BOOST_TEST(model(tg::ones({1, 1})).item() == 900.0);
  BOOST_TEST(nn::Sequential()(tg::ones({1})).item() == 1.0);
  BOOST_TEST(model[0].as<nn::ReLU>() == nullptr);
  BOOST_CHECK_THROW(model[3], tg::IndexError);
}

BOOST_AUTO_TEST_CASE(a_layer_that_was_moved_away_leaves_a_hole) {
  nn::Sequential model(nn::Linear(1, 1), nn::Tanh());
  nn::Sequential other = model;
  const nn::AnyLayer taken = std::move(model[0]);
  BOOST_TEST(model.parameters().empty());
  BOOST_CHECK_THROW(model(tg::ones({1, 1})), tg::ValueError);
  nn::Sequential copy = model;
  BOOST_TEST(copy.parameters().empty());
  copy = model;
  BOOST_CHECK_THROW(other = model, tg::ShapeError);
  copy[0] = taken;
  BOOST_TEST(copy.parameters().size() == 2U);
}

BOOST_AUTO_TEST_CASE(names_are_places) {
  nn::Sequential model(nn::Linear(2, 3), nn::ReLU(), nn::Sequential(nn::LayerNorm(3), nn::Dropout(0.1)));
  const std::vector<std::string> expected = {"0.weight", "0.bias", "2.0.weight", "2.0.bias"};
  BOOST_TEST(model.named_parameters().names() == expected, boost::test_tools::per_element());
  model.eval();
  BOOST_TEST(!model[1].module()->is_training());
  BOOST_TEST(nn::summary(model).find("ReLU") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(copies_are_independent_and_assignment_keeps_identity) {
  nn::Sequential model(nn::Linear(1, 1), tg::tanh);
  nn::Sequential copy = model;
  nn::init::constant(copy[0].as<nn::Linear>()->weight, 5.0);
  BOOST_TEST(model[0].as<nn::Linear>()->weight->item() != 5.0);
  const std::vector<tg::Tensor> held = model.parameters();
  model = copy;
  BOOST_TEST(held[0].item() == 5.0);
  BOOST_TEST(model[0].as<nn::Linear>()->weight->impl() == held[0].impl());
  BOOST_CHECK_THROW(model = nn::Sequential(nn::Linear(2, 1)).operator=(copy), tg::ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
