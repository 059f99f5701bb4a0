// Gradients of layers beyond what the catalogue's suite checks of each.
#include "tapegrad/diff/gradcheck.hpp"

#include <boost/test/unit_test.hpp>

#include "normal.hpp"
#include "says.hpp"
#include "tapegrad/diff/checkpoint.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;
using tapegrad::test::normal;
using tapegrad::test::says;

namespace {

/// Layers that are checkpointed by themselves, as they are called by themselves.
struct Checkpointed : nn::Module {
  nn::Linear a{2, 3};
  nn::BatchNorm norm{3};
  nn::Sequential rest{nn::Linear(3, 2), nn::Tanh()};
  TAPEGRAD_MODULE(a, norm, rest)
  tg::Tensor operator()(const tg::Tensor& x) {
    return tg::checkpoint(rest, tg::checkpoint(norm, tg::checkpoint(a, x)));
  }
  tg::Tensor plain(const tg::Tensor& x) { return rest(norm(a(x))); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(gradients)

BOOST_AUTO_TEST_CASE(the_check_sees_a_detached_statistic) {
  nn::LayerNorm layer(4);
  layer.to(tg::float64);
  const auto wrong = [&](const tg::Tensor& x) {
    const tg::Tensor centred = x - tg::mean(x, -1, true).detach();
    return layer(x) + 0.0 * centred + centred;
  };
  BOOST_TEST(!tg::gradcheck(wrong, {normal({2, 4})}).ok());
}

BOOST_AUTO_TEST_CASE(promise_a_replay_updates_running_statistics_once) {
  nn::BatchNorm plain(3);
  plain.to(tg::float64);
  nn::BatchNorm replayed = plain;
  const tg::Tensor x = normal({6, 3});
  const tg::Tensor weights = normal({6, 3});
  {
    tg::Tape tape;
    tape.backward(tg::sum(weights * plain(x)));
  }
  {
    tg::Tape tape;
    tape.backward(tg::sum(weights * tg::checkpoint([&](const tg::Tensor& h) { return replayed(h); }, x)));
  }
  BOOST_TEST(replayed.num_batches_tracked->item() == 1.0);
  BOOST_TEST(replayed.running_var->to_vector<double>() == plain.running_var->to_vector<double>(),
             boost::test_tools::per_element());
  BOOST_TEST(replayed.weight.grad().to_vector<double>() == plain.weight.grad().to_vector<double>(),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(checks_leave_running_statistics_alone_and_second_derivatives_count_one_batch) {
  nn::BatchNorm layer(3);
  layer.to(tg::float64);
  const tg::Tensor x = normal({5, 3});
  const std::vector<double> mean = layer.running_mean->to_vector<double>();
  BOOST_TEST(tg::gradcheck([&](const tg::Tensor& h) { return layer(h); }, {x}).ok());
  BOOST_TEST(layer.num_batches_tracked->item() == 0.0);
  BOOST_TEST(layer.running_mean->to_vector<double>() == mean, boost::test_tools::per_element());

  (void)tg::hessian([&](const tg::Tensor& h) { return tg::sum(tg::square(layer(h))); }, x);
  BOOST_TEST(layer.num_batches_tracked->item() == 1.0);
}

BOOST_AUTO_TEST_CASE(a_checkpointed_layer_is_the_layer_itself) {
  Checkpointed model;
  model.to(tg::float64);
  Checkpointed plain = model;
  const tg::Tensor x = normal({4, 2});
  {
    tg::Tape tape;
    tape.backward(tg::sum(tg::square(model(x))));
  }
  {
    tg::Tape tape;
    tape.backward(tg::sum(tg::square(plain.plain(x))));
  }
  const auto theirs = plain.named_parameters();
  for (const auto& [name, parameter] : model.named_parameters()) {
    BOOST_TEST_REQUIRE(parameter.has_grad(), name);
    BOOST_TEST(parameter.grad().to_vector<double>() == theirs.at(name).grad().to_vector<double>(),
               boost::test_tools::per_element());
  }
  BOOST_TEST(model.norm.num_batches_tracked->item() == 1.0);
}

BOOST_AUTO_TEST_CASE(a_checkpointed_layer_of_a_sequential_is_that_layer) {
  nn::Sequential model{nn::Linear(2, 3), nn::Tanh(), nn::Linear(3, 1)};
  tg::Tape tape;
  tg::Tensor h = tg::ones({4, 2});
  for (std::size_t i = 0; i < model.size(); ++i) h = tg::checkpoint(model[i], h);
  tape.backward(tg::sum(h));
  for (const tg::Tensor& parameter : model.parameters()) BOOST_TEST(parameter.has_grad());
}

// Taken by value in some other way, it would train parameters that nobody has.
BOOST_AUTO_TEST_CASE(a_copy_of_a_listed_layer_is_noticed) {
  Checkpointed model;
  model.parameters();
  tg::Tape tape;
  const auto by_value = [copy = model.a](const tg::Tensor& x) { return copy(x); };
  const tg::Tensor y = model.norm(by_value(tg::ones({4, 2})));
  BOOST_CHECK_EXCEPTION(tape.backward(tg::sum(y)), tg::TapeError,
                        says("is named by no module and held by no optimiser: is a member missing in "
                             "TAPEGRAD_MODULE(...), does it belong to a copy"));
}

BOOST_AUTO_TEST_CASE(a_part_is_trained_alone_once_the_rest_is_frozen_or_named) {
  struct Net : nn::Module {
    nn::Linear body{2, 3};
    nn::Linear head{3, 1};
    TAPEGRAD_MODULE(body, head)
  };
  const auto sweep = [](Net& net) {
    tg::Tape tape;
    tape.backward(tg::sum(net.head(net.body(tg::ones({4, 2})))));
  };
  Net net;
  net.head.parameters();  // as for an optimiser of the head
  BOOST_CHECK_EXCEPTION(sweep(net), tg::TapeError,
                        says("or is a part of a model trained alone? What is not to be trained is frozen by "
                             "set_requires_grad(false), or named by calling parameters() of the whole model once"));
  Net frozen;
  frozen.head.parameters();
  frozen.body.set_requires_grad(false);
  BOOST_CHECK_NO_THROW(sweep(frozen));
  BOOST_TEST(!frozen.body.weight.has_grad());
  net.parameters();
  BOOST_CHECK_NO_THROW(sweep(net));
  BOOST_TEST(net.body.weight.has_grad());
}

// The sweep runs the block again when the substitution has ended; it finds the same tensors in place.
BOOST_AUTO_TEST_CASE(a_substitution_lasts_until_the_block_is_swept) {
  Checkpointed model;
  model.to(tg::float64);
  model.train(false);
  const tg::Tensor x = normal({4, 2});
  const std::vector<tg::Tensor> own = model.parameters();
  std::vector<tg::Tensor> others;
  for (const tg::Tensor& parameter : own) others.push_back(0.5 * parameter.detach());
  const auto with = [&](bool checkpointed) {
    return tg::grad([&](const std::vector<tg::Tensor>& tensors) {
      const nn::Substitution substitution(model, tensors);
      return tg::sum(tg::square(checkpointed ? model(x) : model.plain(x)));
    })(others);
  };
  const std::vector<tg::Tensor> expected = with(false), found = with(true);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    BOOST_TEST(found[i].to_vector<double>() == expected[i].to_vector<double>(), boost::test_tools::per_element());
    BOOST_TEST(model.parameters()[i].data<double>().data() == own[i].data<double>().data());
  }
  const tg::GradcheckReport report = nn::check_module(model, {x});
  BOOST_TEST(report.ok(), to_string(report));
}

BOOST_AUTO_TEST_SUITE_END()
