// What recurrent layers promise beyond their values: padding, dropout between layers, names, initialisation.
#include "tapegrad/nn/recurrent.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;

BOOST_AUTO_TEST_SUITE(recurrent)

BOOST_AUTO_TEST_CASE(a_padded_sequence_gives_the_bits_of_itself_alone) {
  tg::manual_seed(1);
  const nn::LSTM lstm(5, 7, {.num_layers = 2, .bidirectional = true});
  const tg::Tensor x = tg::randn({3, 6, 5});
  const std::vector<std::int64_t> lengths = {4, 6, 1};
  const nn::LSTMResult batch = lstm(x, tg::Mask::from_lengths(lengths, 6));
  for (std::int64_t n = 0; n < 3; ++n) {
    const std::int64_t length = lengths[static_cast<std::size_t>(n)];
    const nn::LSTMResult alone = lstm(tg::unsqueeze(x[n].slice(0, {.stop = length}), 0));
    BOOST_TEST(batch.y[n].slice(0, {.stop = length}).to_vector<float>() == alone.y[0].to_vector<float>(),
               boost::test_tools::per_element());
    for (const float v : batch.y[n].slice(0, {.start = length}).to_vector<float>()) BOOST_TEST(v == 0.0F);
    BOOST_TEST(tg::select(batch.h, 1, n).to_vector<float>() == tg::select(alone.h, 1, 0).to_vector<float>(),
               boost::test_tools::per_element());
    BOOST_TEST(tg::select(batch.c, 1, n).to_vector<float>() == tg::select(alone.c, 1, 0).to_vector<float>(),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(nothing_of_the_padding_is_read) {
  tg::manual_seed(2);
  nn::GRU gru(2, 3, {.bidirectional = true});
  gru.named_parameters();
  std::vector<double> values(2 * 4 * 2, 0.5);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::fill(values.begin() + 4, values.begin() + 8, nan);  // positions 2 and 3 of the first sequence
  tg::Tensor x = tg::from_vector(values, {2, 4, 2}).to(tg::float32);
  x.set_requires_grad(true);
  tg::Tape tape;
  const nn::RecurrentResult result = gru(x, tg::Mask::from_lengths({2, 4}, 4));
  tape.backward(tg::sum(tg::square(result.y)) + tg::sum(result.h));
  const std::vector<float> gradient = x.grad().to_vector<float>();
  for (std::size_t i = 0; i < gradient.size(); ++i)
    BOOST_TEST((i >= 4 && i < 8 ? gradient[i] == 0.0F : std::isfinite(gradient[i]) && gradient[i] != 0.0F));
  for (const tg::Tensor& parameter : gru.parameters())
    for (const float g : parameter.grad().to_vector<float>()) BOOST_TEST(std::isfinite(g));
}

BOOST_AUTO_TEST_CASE(a_sequence_without_a_valid_position_gives_its_initial_state) {
  tg::manual_seed(3);
  const nn::LSTM lstm(2, 3);
  const tg::Tensor h0 = tg::randn({1, 2, 3});
  const tg::Tensor c0 = tg::randn({1, 2, 3});
  const nn::LSTMResult result = lstm(tg::randn({2, 4, 2}), tg::Mask::from_lengths({0, 3}, 4), {h0, c0});
  BOOST_TEST(result.h[0][0].to_vector<float>() == h0[0][0].to_vector<float>(), boost::test_tools::per_element());
  BOOST_TEST(result.c[0][0].to_vector<float>() == c0[0][0].to_vector<float>(), boost::test_tools::per_element());
  for (const float v : result.y[0].to_vector<float>()) BOOST_TEST(v == 0.0F);
  const nn::LSTMResult no_steps = lstm(tg::zeros({2, 0, 2}), {}, {h0, c0});
  BOOST_TEST(tg::to_string(no_steps.y.shape()) == "[2, 0, 3]");
  BOOST_TEST(no_steps.c.to_vector<float>() == c0.to_vector<float>(), boost::test_tools::per_element());
  BOOST_TEST(
      tg::to_string(lstm(tg::zeros({0, 4, 2}), tg::Mask::from_lengths(std::vector<std::int64_t>{}, 4)).h.shape()) ==
      "[1, 0, 3]");
}

BOOST_AUTO_TEST_CASE(a_cell_step_by_step_is_the_layer) {
  tg::manual_seed(4);
  const nn::LSTM lstm(3, 4);
  nn::LSTMCell cell(3, 4);
  cell.weight_ih = lstm.weights[0].weight_ih;
  cell.weight_hh = lstm.weights[0].weight_hh;
  cell.bias_ih = lstm.weights[0].bias_ih;
  cell.bias_hh = lstm.weights[0].bias_hh;
  const tg::Tensor x = tg::randn({2, 5, 3});
  const nn::LSTMResult whole = lstm(x);
  nn::RecurrentState state;
  for (std::int64_t t = 0; t < 5; ++t) {
    state = cell(tg::select(x, 1, t), state);
    BOOST_TEST(state.h.to_vector<float>() == tg::select(whole.y, 1, t).to_vector<float>(),
               boost::test_tools::per_element());
  }
  BOOST_TEST(state.c.to_vector<float>() == whole.c[0].to_vector<float>(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(dropout_stands_between_layers_alone) {
  tg::manual_seed(5);
  const tg::Tensor x = tg::randn({2, 4, 3});
  nn::GRU one(3, 8, {.dropout = 0.5});
  BOOST_TEST((one(x).y.to_vector<float>() == one(x).y.to_vector<float>()));
  nn::GRU two(3, 8, {.num_layers = 2, .dropout = 0.5});
  const std::vector<float> first = two(x).y.to_vector<float>();
  BOOST_TEST((first != two(x).y.to_vector<float>()));
  BOOST_TEST(std::count(first.begin(), first.end(), 0.0F) == 0);  // what is dropped is no output
  two.eval();
  BOOST_TEST((two(x).y.to_vector<float>() == two(x).y.to_vector<float>()));
}

BOOST_AUTO_TEST_CASE(names_are_pytorchs) {
  nn::LSTM lstm(2, 3, {.num_layers = 2, .bidirectional = true});
  const std::vector<std::string> expected = {
      "weight_ih_l0",         "weight_hh_l0",         "bias_ih_l0",         "bias_hh_l0",
      "weight_ih_l0_reverse", "weight_hh_l0_reverse", "bias_ih_l0_reverse", "bias_hh_l0_reverse",
      "weight_ih_l1",         "weight_hh_l1",         "bias_ih_l1",         "bias_hh_l1",
      "weight_ih_l1_reverse", "weight_hh_l1_reverse", "bias_ih_l1_reverse", "bias_hh_l1_reverse"};
  BOOST_TEST(lstm.state_dict().names() == expected, boost::test_tools::per_element());
  BOOST_TEST(tg::to_string(lstm.state_dict().at("weight_ih_l1").shape()) == "[12, 6]");
  const std::vector<std::string> of_cell = {"weight_ih", "weight_hh"};
  BOOST_TEST(nn::GRUCell(2, 3, {.bias = false}).state_dict().names() == of_cell, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(everything_starts_uniform_on_the_root_of_the_hidden_size) {
  tg::manual_seed(6);
  nn::GRU gru(50, 25, {.num_layers = 2});
  for (const auto& [name, parameter] : gru.named_parameters()) {
    const std::vector<float> values = parameter.to_vector<float>();
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    BOOST_TEST(*low >= -0.2F);
    BOOST_TEST(*high < 0.2F);
    BOOST_TEST(*high - *low > 0.35F, name);
  }
}

BOOST_AUTO_TEST_CASE(assignment_and_loading_keep_the_parameters) {
  nn::LSTM model(2, 3, {.num_layers = 2});
  const nn::LSTM best(2, 3, {.num_layers = 2});
  const std::vector<tg::Tensor> held = model.parameters();
  model = best;
  BOOST_TEST(model.weights[1].weight_hh->impl() == held[5].impl());
  BOOST_TEST(held[5].to_vector<float>() == best.weights[1].weight_hh->to_vector<float>(),
             boost::test_tools::per_element());
  const nn::LSTM wider(2, 4, {.num_layers = 2});
  BOOST_CHECK_THROW(model = wider, tg::ShapeError);
}

BOOST_AUTO_TEST_CASE(a_sequence_without_steps_is_on_the_tape_like_any_other) {
  const auto is_tracked = [](const auto& layer) {
    const tg::Tensor x = tg::zeros({2, 0, 3}, {.requires_grad = true});
    tg::Tape tape;
    const tg::Tensor y = layer(x).y;
    BOOST_TEST(tg::to_string(y.shape()) == "[2, 0, 8]");
    return y.is_tracked();
  };
  BOOST_TEST(is_tracked(nn::RNN(3, 4, {.num_layers = 2, .bidirectional = true})));
  BOOST_TEST(is_tracked(nn::LSTM(3, 4, {.num_layers = 2, .bidirectional = true})));
  BOOST_TEST(is_tracked(nn::GRU(3, 4, {.num_layers = 2, .bidirectional = true})));

  nn::RNN rnn(3, 4);
  std::vector<tg::Tensor> wanted = rnn.parameters();
  wanted.push_back(tg::zeros({2, 0, 3}, {.requires_grad = true}));
  tg::Tape tape;
  tape.backward(tg::sum(rnn(wanted.back()).y));
  for (const tg::Tensor& w : wanted) {
    BOOST_TEST_REQUIRE(w.has_grad());
    for (const float g : w.grad().to_vector<float>()) BOOST_TEST(g == 0.0F);
  }
}

BOOST_AUTO_TEST_SUITE_END()
