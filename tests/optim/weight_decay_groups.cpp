#include <boost/test/unit_test.hpp>
#include <vector>

#include "says.hpp"
#include "tapegrad/nn/linear.hpp"
#include "tapegrad/nn/norm.hpp"
#include "tapegrad/nn/sequential.hpp"
#include "tapegrad/optim.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"

using namespace tapegrad;
using namespace tapegrad::optim;
using tapegrad::test::says;

BOOST_AUTO_TEST_SUITE(weight_decay_groups)

BOOST_AUTO_TEST_CASE(by_dimensions_in_order) {
  const std::vector<Tensor> all = {zeros({3}), zeros({2, 3}), zeros({}), zeros({2, 2, 1}), zeros({0, 2})};
  const SGDOptions options{.lr = 0.5, .momentum = 0.75, .weight_decay = 0.25};
  const std::vector<ParameterGroup<SGDOptions>> groups = decay_groups(all, options);
  BOOST_REQUIRE(groups.size() == 2);
  const auto expect = [&](const ParameterGroup<SGDOptions>& group, const std::vector<std::size_t>& places,
                          double decay) {
    BOOST_REQUIRE(group.parameters.size() == places.size());
    for (std::size_t i = 0; i < places.size(); ++i)
      BOOST_TEST(engine::sees_same_elements(group.parameters[i], all[places[i]]));
    BOOST_TEST(group.options.lr == 0.5);
    BOOST_TEST(group.options.momentum == 0.75);
    BOOST_TEST(group.options.weight_decay == decay);
  };
  expect(groups[0], {1, 3, 4}, 0.25);
  expect(groups[1], {0, 2}, 0.0);
}

// With gradients of 0 a step is the decay alone.
BOOST_AUTO_TEST_CASE(biases_and_gains_stay) {
  nn::Sequential model{nn::Linear(2, 3), nn::LayerNorm(3)};
  AdamW optimizer(decay_groups(model.parameters(), {.lr = 0.5, .weight_decay = 0.25}));
  for (const Tensor& x : optimizer.parameters()) {
    engine::overwrite(x, ones_like(x), "test");
    x.set_grad(zeros_like(x));
  }
  optimizer.step();
  BOOST_TEST(optimizer.lr() == 0.5);
  BOOST_TEST(optimizer.parameters(0).size() == 1);
  BOOST_TEST(optimizer.parameters(1).size() == 3);
  for (int group = 0; group < 2; ++group)
    for (const Tensor& x : optimizer.parameters(group))
      for (const float value : x.to_vector<float>()) BOOST_TEST(value == (group == 0 ? 0.875F : 1.0F));
}

BOOST_AUTO_TEST_CASE(a_group_may_be_empty_and_both_not) {
  const AdamOptions options{.weight_decay = 0.5};
  const Tensor matrix = zeros({2, 2}, {.requires_grad = true});
  const Tensor row = zeros({2}, {.requires_grad = true});
  BOOST_TEST(Adam(decay_groups({matrix}, options)).options(1).weight_decay == 0.0);
  BOOST_TEST(Adam(decay_groups({row}, options)).parameters(0).empty());
  BOOST_CHECK_EXCEPTION(Adam(decay_groups({}, options)), ValueError, says("[Adam] there are no parameters to train"));
  BOOST_CHECK_EXCEPTION(Adam(decay_groups({row, Tensor()}, options)), ValueError,
                        says("[Adam] parameter 1 of group 1 is undefined"));
}

BOOST_AUTO_TEST_SUITE_END()
