// Sequential as a value: names, calls, copies, assignment.
#include "tapegrad/nn/sequential.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;
using tapegrad::test::says;

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

BOOST_AUTO_TEST_CASE(its_layers_are_visited_in_order) {
  nn::Sequential model(nn::Linear(1, 1), tg::square, nn::Linear(1, 1, {.bias = false}));
  double value = 1.0;
  for (nn::AnyLayer& layer : model)
    if (nn::Linear* linear = layer.as<nn::Linear>()) nn::init::constant(linear->weight, value += 1.0);
  BOOST_TEST(model[0].as<nn::Linear>()->weight->item() == 2.0);
  BOOST_TEST(model[2].as<nn::Linear>()->weight->item() == 3.0);
  const nn::Sequential& seen = model;
  std::vector<const nn::Module*> modules;
  for (const nn::AnyLayer& layer : seen) modules.push_back(layer.module());
  const std::vector<const nn::Module*> expected = {model[0].module(), nullptr, model[2].module()};
  BOOST_TEST(modules == expected, boost::test_tools::per_element());
  BOOST_TEST(seen[2].as<nn::Linear>() == model[2].as<nn::Linear>());
  BOOST_TEST(seen[2].as<nn::Tanh>() == nullptr);
  BOOST_CHECK_THROW(seen[3], tg::IndexError);
}

BOOST_AUTO_TEST_CASE(a_layer_that_was_moved_away_leaves_a_hole) {
  nn::Sequential model(nn::Linear(1, 1), nn::Tanh());
  nn::Sequential other = model;
  const nn::AnyLayer taken = std::move(model[0]);
  BOOST_TEST(model.parameters().empty());
  BOOST_CHECK_THROW((void)model(tg::ones({1, 1})), tg::ValueError);
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

BOOST_AUTO_TEST_CASE(functions_are_replaced_and_layers_keep_their_parameters) {
  nn::Sequential model(nn::Linear(1, 1));
  const std::vector<tg::Tensor> held = model.parameters();
  const nn::Sequential longer(nn::Linear(1, 1), tg::exp, tg::tanh);
  model = longer;
  BOOST_TEST(model.size() == 3U);
  BOOST_TEST(model[0].as<nn::Linear>()->weight->impl() == held[0].impl());
  model = nn::Sequential(nn::Linear(1, 1), [](const tg::Tensor& x) { return x * 2.0; }).operator=(model);
  const nn::Sequential shorter(nn::Linear(1, 1), [](const tg::Tensor& x) { return x * 2.0; });
  model = shorter;
  BOOST_TEST(model.size() == 2U);
  BOOST_TEST(model[0].as<nn::Linear>()->weight->impl() == held[0].impl());
  nn::Sequential same = shorter;
  BOOST_TEST(model(tg::ones({1, 1})).item() == same(tg::ones({1, 1})).item());
}

/// A layer that has a Linear's parameters and does something else.
struct Mirrored : nn::Module {
  nn::Parameter weight{tg::ones({1, 1})};
  nn::Parameter bias{tg::ones({1})};
  TAPEGRAD_MODULE(weight, bias)
  tg::Tensor operator()(const tg::Tensor& x) const { return tg::linear(-x, weight, bias); }
};

BOOST_AUTO_TEST_CASE(a_layer_of_another_type_is_not_assigned) {
  nn::Sequential model(nn::Linear(1, 1));
  const nn::Sequential other{Mirrored()};
  BOOST_CHECK_EXCEPTION(model = other, tg::ShapeError, says("[assign] the modules differ: expected 0 Linear, got 0 "));
  const nn::Sequential more(nn::Linear(1, 1), nn::Tanh());
  BOOST_CHECK_EXCEPTION(model = more, tg::ShapeError, says("expected nothing, got 1 Tanh"));
  BOOST_TEST(model.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_model_may_become_one_of_its_layers) {
  nn::Sequential model{nn::Sequential(nn::Tanh(), nn::ReLU(), nn::Tanh()), nn::Sigmoid()};
  model = *model[0].as<nn::Sequential>();
  BOOST_TEST(model.size() == 3U);
  BOOST_TEST(model(tg::tensor({-1.0})).item() == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()
