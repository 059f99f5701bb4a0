// Gradients of layers beyond what the catalogue's suite checks of each.
#include "tapegrad/diff/gradcheck.hpp"

#include <boost/test/unit_test.hpp>

#include "normal.hpp"
#include "tapegrad/diff/checkpoint.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;
using tapegrad::test::normal;

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

BOOST_AUTO_TEST_CASE(decision_13_a_replay_updates_running_statistics_once) {
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

BOOST_AUTO_TEST_SUITE_END()
