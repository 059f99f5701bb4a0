// What layers refuse, and who says so: the layer that was asked for.
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;
using tg::test::says;

BOOST_AUTO_TEST_SUITE(refusals)

BOOST_AUTO_TEST_CASE(convolutions_and_channel_norms_refuse_what_does_not_fit) {
  BOOST_CHECK_EXCEPTION(nn::Conv1d(4, 3, 2, {.groups = 2}), tg::ValueError,
                        says("[Conv1d] 4 and 3 channels do not both fall into 2 groups"));
  BOOST_CHECK_EXCEPTION(nn::ConvTranspose1d(4, 2, 0), tg::ValueError,
                        says("[ConvTranspose1d] expected sizes of at least 1, got 4 and 2 channels"));
  BOOST_CHECK_EXCEPTION(nn::ConvTranspose1d(4, 2, 3, {.stride = 2, .output_padding = 2}), tg::ValueError,
                        says("[ConvTranspose1d] expected an output_padding from 0 to below stride 2 or dilation 1"));
  BOOST_CHECK_EXCEPTION((void)nn::Conv1d(4, 2, 3)(tg::zeros({2, 3, 8})), tg::ShapeError,
                        says("[conv1d] weight [2, 4, 3] takes 4 channels"));
  BOOST_CHECK_EXCEPTION(nn::GroupNorm(3, 4), tg::ValueError, says("[GroupNorm] 4 channels do not fall into 3 groups"));
  BOOST_CHECK_EXCEPTION((void)nn::GroupNorm(2, 4)(tg::zeros({2, 8, 4})), tg::ShapeError,
                        says("[GroupNorm] expected [N, 4, ..], got [2, 8, 4]"));
  BOOST_CHECK_EXCEPTION((void)nn::InstanceNorm1d(4)(tg::zeros({2, 3, 4})), tg::ShapeError,
                        says("[InstanceNorm1d] expected [N, 4, ..], got [2, 3, 4]"));
}

BOOST_AUTO_TEST_CASE(batch_norm_says_what_may_be_meant) {
  BOOST_CHECK_EXCEPTION((void)nn::BatchNorm(3)(tg::ones({1, 3})), tg::ShapeError,
                        says("[BatchNorm] one value per channel: its variance is 0 and the output would be beta "
                             "whatever x is (x [1, 3] with 1 position); give more positions, or use running statistics "
                             "(or is eval() forgotten?)"));
  BOOST_CHECK_EXCEPTION((void)nn::BatchNorm(4)(tg::ones({2, 4, 5})), tg::ShapeError,
                        says("features stand last here, where transpose(x, 1, 2) brings channels (or .channels_first "
                             "takes them)"));
  BOOST_CHECK_EXCEPTION((void)nn::BatchNorm(3, {.channels_first = true})(tg::ones({1, 3, 1})), tg::ShapeError,
                        says("(x [1, 3, 1] with 1 position)"));
  for (const bool training : {true, false}) {
    nn::BatchNorm channels_first(3, {.channels_first = true});
    channels_first.train(training);
    BOOST_CHECK_EXCEPTION((void)channels_first(tg::ones({2, 3, 4}), tg::Mask::from_lengths({1, 1, 1}, 9)),
                          tg::ShapeError, says("[BatchNorm] expected positions [2, 4] for [2, 3, 4], got [3, 9]"));
  }
  BOOST_CHECK_EXCEPTION((void)nn::BatchNorm(3)(tg::ones({1, 4, 3}), tg::Mask::from_lengths({1}, 4)), tg::ShapeError,
                        says("(x [1, 4, 3] with 1 valid position); give more positions, or use running statistics "
                             "(or is eval() forgotten?)"));
  BOOST_CHECK_EXCEPTION((void)nn::BatchNorm(4, {.channels_first = true})(tg::ones({2, 5, 4})), tg::ShapeError,
                        says("[BatchNorm] expected [N, 4] or [N, 4, L], got [2, 5, 4]"));
}

BOOST_AUTO_TEST_CASE(sizes_beyond_reason_are_refused) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  BOOST_CHECK_THROW((void)nn::sinusoidal_positions(kMost, 4), tg::Error);
  BOOST_CHECK_THROW((void)nn::sinusoidal_positions(1, kMost), tg::Error);
  BOOST_CHECK_EXCEPTION(nn::TransformerEncoder({.num_layers = kMost, .embed_dim = 4}), tg::ValueError,
                        says("[TransformerEncoder] expected 0 to 1048576 layers, got 9223372036854775807"));
  BOOST_CHECK_THROW(nn::FeedForward({.embed_dim = kMost / 2}), tg::Error);
  BOOST_CHECK_EXCEPTION(nn::FeedForward({.embed_dim = 4, .ffn_dim = kMost / 2 + 1, .gate = nn::Gate::glu}),
                        tg::ValueError, says("[FeedForward] ffn_dim 4611686018427387904 is too large"));
  BOOST_CHECK_THROW(nn::LSTM(1, kMost / 2), tg::Error);
}

BOOST_AUTO_TEST_CASE(bad_sizes_are_told_by_the_layer_that_was_asked_for) {
  BOOST_CHECK_EXCEPTION(nn::MultiHeadAttention({.embed_dim = -4}), tg::ValueError,
                        says("[MultiHeadAttention] embed_dim -4 must be a positive multiple of num_heads 1"));
  BOOST_CHECK_EXCEPTION(nn::FeedForward({.embed_dim = -4}), tg::ValueError,
                        says("[FeedForward] expected embed_dim of at least 1 and ffn_dim of at least 0, got -4 and 0"));
  BOOST_CHECK_EXCEPTION(nn::FeedForward({.embed_dim = 4, .dropout = 1.0}), tg::ValueError,
                        says("[FeedForward] expected dropout in [0, 1), got 1"));
  BOOST_CHECK_EXCEPTION(nn::TransformerEncoderLayer({.embed_dim = 6, .num_heads = 4}), tg::ValueError,
                        says("[TransformerEncoderLayer] embed_dim 6 must be a positive multiple of num_heads 4"));
  BOOST_CHECK_EXCEPTION(nn::TransformerEncoderLayer({.embed_dim = 6, .ffn_dim = -3}), tg::ValueError,
                        says("[TransformerEncoderLayer] expected ffn_dim of at least 0, got -3"));
  BOOST_CHECK_EXCEPTION(nn::TransformerEncoderLayer({.embed_dim = 6, .dropout = -0.5}), tg::ValueError,
                        says("[TransformerEncoderLayer] expected dropout in [0, 1), got -0.5"));
  for (const std::int64_t layers : {0, 2}) {
    BOOST_CHECK_EXCEPTION(nn::TransformerEncoder({.num_layers = layers, .embed_dim = -4}), tg::ValueError,
                          says("[TransformerEncoder] embed_dim -4 must be a positive multiple of num_heads 1"));
    BOOST_CHECK_EXCEPTION(nn::TransformerEncoder({.num_layers = layers, .embed_dim = 6, .ffn_dim = -3}), tg::ValueError,
                          says("[TransformerEncoder] expected ffn_dim of at least 0, got -3"));
    BOOST_CHECK_EXCEPTION(nn::TransformerEncoder({.num_layers = layers, .embed_dim = 6, .dropout = 1.0}),
                          tg::ValueError, says("[TransformerEncoder] expected dropout in [0, 1), got 1"));
  }
}

BOOST_AUTO_TEST_CASE(a_gate_and_an_activation_are_one_too_many) {
  const auto says_so = [](const char* layer) {
    return says(std::string("[") + layer + "] a gate stands in the activation's place: give one of the two");
  };
  const nn::TransformerEncoderLayerOptions both{
      .embed_dim = 4, .activation = nn::Activation::silu, .gate = nn::Gate::swiglu};
  BOOST_CHECK_EXCEPTION(nn::FeedForward({.embed_dim = 4, .activation = both.activation, .gate = both.gate}),
                        tg::ValueError, says_so("FeedForward"));
  BOOST_CHECK_EXCEPTION(nn::TransformerEncoderLayer{both}, tg::ValueError, says_so("TransformerEncoderLayer"));
  BOOST_CHECK_EXCEPTION(nn::TransformerDecoderLayer{both}, tg::ValueError, says_so("TransformerDecoderLayer"));
  BOOST_CHECK_EXCEPTION(
      nn::TransformerEncoder({.embed_dim = 4, .activation = nn::Activation::gelu, .gate = nn::Gate::geglu}),
      tg::ValueError, says_so("TransformerEncoder"));
  BOOST_CHECK_EXCEPTION((void)nn::gated(nn::Gate::none, tg::ones({2})), tg::ValueError, says("[gated] no such gate"));
}

BOOST_AUTO_TEST_CASE(heads_that_cannot_be_turned_are_refused) {
  const tg::RotaryOptions rotary;
  BOOST_CHECK_EXCEPTION(
      nn::MultiHeadAttention({.embed_dim = 6, .num_heads = 2, .rotary = rotary}), tg::ValueError,
      says("rotary embedding pairs the features of a head, of which embed_dim 6 and num_heads 2 make 3"));
  BOOST_CHECK_EXCEPTION(nn::TransformerEncoder({.num_layers = 0, .embed_dim = 6, .num_heads = 2, .rotary = rotary}),
                        tg::ValueError, says("[TransformerEncoder] rotary embedding pairs"));
  for (const double base : {0.0, HUGE_VAL})
    BOOST_CHECK_EXCEPTION(nn::MultiHeadAttention({.embed_dim = 4, .rotary = tg::RotaryOptions{.base = base}}),
                          tg::ValueError, says("[MultiHeadAttention] expected a positive base of rotary embedding"));
  BOOST_CHECK_EXCEPTION(nn::MultiHeadAttention({.embed_dim = 4, .rotary = tg::RotaryOptions{.first = -1}}),
                        tg::ValueError, says("[MultiHeadAttention] expected a first position of at least 0, got -1"));
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const nn::MultiHeadAttention last({.embed_dim = 2, .rotary = tg::RotaryOptions{.first = kMost - 1}});
  nn::AttentionCache cache;
  (void)last.extend(tg::ones({1, 1, 2}), cache);
  BOOST_CHECK_THROW((void)last.extend(tg::ones({1, 2, 2}), cache), tg::ValueError);
  BOOST_TEST(cache.length() == 1);
  nn::AttentionCache elsewhere{tg::ones({1, 1, 5, 2}), tg::ones({1, 1, 5, 2})};
  BOOST_CHECK_EXCEPTION((void)last.extend(tg::ones({1, 1, 2}), elsewhere), tg::ValueError,
                        says("[MultiHeadAttention] the position after 5 from 9223372036854775806 on is no int64"));
}

BOOST_AUTO_TEST_CASE(an_undefined_input_is_told_by_its_layer) {
  const tg::Tensor none;
  const auto refused = [](const std::string& layer, const std::function<tg::Tensor()>& call,
                          const std::string& which = "an input") {
    BOOST_CHECK_EXCEPTION(
        static_cast<void>(call()), tg::ValueError,
        says("[" + layer + "] " + which +
             " is undefined, as a default-constructed Tensor is: give it elements, as tensor(0.0) or zeros(shape) do"));
  };
  refused("LayerNorm", [&] { return nn::LayerNorm(3)(none); });
  refused("RMSNorm", [&] { return nn::RMSNorm(3)(none); });
  refused("BatchNorm", [&] { return nn::BatchNorm(3)(none); });
  refused("GroupNorm", [&] { return nn::GroupNorm(1, 3)(none); });
  refused("InstanceNorm1d", [&] { return nn::InstanceNorm1d(3)(none); });
  refused(
      "MultiHeadAttention",
      [&] {
        return nn::MultiHeadAttention({.embed_dim = 4})(tg::ones({1, 2, 4}), none, none);
      },
      "the key");
  refused(
      "TransformerDecoder",
      [&] {
        return nn::TransformerDecoder({.num_layers = 1, .embed_dim = 4})(tg::ones({1, 2, 4}), none);
      },
      "the memory");
  refused("TransformerEncoderLayer", [&] { return nn::TransformerEncoderLayer({.embed_dim = 4})(none); });
  refused("TransformerEncoder", [&] { return nn::TransformerEncoder({.num_layers = 0, .embed_dim = 4})(none); });
  refused("LSTM", [&] { return nn::LSTM(2, 3)(none).y; });
  refused("GRU", [&] { return nn::GRU(2, 3)(none).y; });
  refused("RNN", [&] { return nn::RNN(2, 3)(none).y; });
  refused("LSTMCell", [&] { return nn::LSTMCell(2, 3)(none).h; });
  refused("SinusoidalPosition", [&] { return nn::SinusoidalPosition(4)(none); });
  refused("LearnedPosition", [&] { return nn::LearnedPosition(8, 4)(none); });
  refused("Identity", [&] { return nn::Identity()(none); });
  refused("masked_mean", [&] { return nn::masked_mean(none); });
}

BOOST_AUTO_TEST_CASE(what_is_no_choice_is_told) {
  BOOST_CHECK_EXCEPTION((void)nn::make_norm(static_cast<nn::Norm>(17), 4), tg::ValueError,
                        says("[make_norm] no such norm"));
  BOOST_CHECK_EXCEPTION((void)nn::activate(static_cast<nn::Activation>(17), tg::ones({1})), tg::ValueError,
                        says("[activate] no such activation"));
  BOOST_CHECK_EXCEPTION(nn::FeedForward({.embed_dim = 4, .gate = static_cast<nn::Gate>(17)}), tg::ValueError,
                        says("[FeedForward] no such gate"));
  const auto norm = static_cast<nn::Norm>(17);
  const auto activation = static_cast<nn::Activation>(17);
  BOOST_CHECK_EXCEPTION(nn::FeedForward({.embed_dim = 4, .activation = activation}), tg::ValueError,
                        says("[FeedForward] no such activation"));
  BOOST_CHECK_EXCEPTION(nn::TransformerEncoderLayer({.embed_dim = 4, .norm = norm}), tg::ValueError,
                        says("[TransformerEncoderLayer] no such norm"));
  BOOST_CHECK_EXCEPTION(nn::TransformerDecoderLayer({.embed_dim = 4, .activation = activation}), tg::ValueError,
                        says("[TransformerDecoderLayer] no such activation"));
  BOOST_CHECK_EXCEPTION(nn::TransformerEncoder({.num_layers = 0, .embed_dim = 4, .norm = norm, .final_norm = false}),
                        tg::ValueError, says("[TransformerEncoder] no such norm"));
  BOOST_CHECK_EXCEPTION(
      nn::MultiHeadAttention(
          {.embed_dim = 4, .num_heads = 1, .rotary = tg::RotaryOptions{.pairs = static_cast<tg::RotaryPairs>(9)}}),
      tg::ValueError, says("[MultiHeadAttention] no such pairs of rotary embedding"));
  BOOST_CHECK_EXCEPTION(nn::RNN(2, 3, {.nonlinearity = activation}), tg::ValueError, says("[RNN] no such activation"));
  BOOST_CHECK_EXCEPTION(nn::RNNCell(2, 3, {.nonlinearity = activation}), tg::ValueError,
                        says("[RNNCell] no such activation"));
  const nn::init::KaimingOptions no_fan{.fan = static_cast<nn::init::Fan>(17)};
  BOOST_CHECK_EXCEPTION(nn::init::kaiming_normal(tg::zeros({2, 3}), no_fan), tg::ValueError,
                        says("[kaiming_normal] no such fan"));
  BOOST_CHECK_EXCEPTION(nn::init::kaiming_uniform(tg::zeros({2, 3}), no_fan), tg::ValueError,
                        says("[kaiming_uniform] no such fan"));
  BOOST_TEST(std::holds_alternative<std::monostate>(nn::make_norm(nn::Norm::none, 4)));
}

BOOST_AUTO_TEST_CASE(a_module_that_was_moved_away_computes_nothing) {
  const auto refused = [](const std::string& layer, auto module, const tg::Tensor& x) {
    const auto moved = std::move(module);
    // NOLINTNEXTLINE(bugprone-use-after-move): which is what is asked for
    BOOST_CHECK_EXCEPTION(static_cast<void>(module(x)), tg::ValueError,
                          says("[" + layer + "] the module has been moved away: call the one that it was moved into"));
    module = decltype(module)(moved);
    BOOST_CHECK_NO_THROW(static_cast<void>(module(x)));
    auto other = std::move(module);
    module = other;  // by copy, too
    BOOST_CHECK_NO_THROW(static_cast<void>(module(x)));
  };
  const tg::Tensor rows = tg::rand({3, 4});
  const tg::Tensor sequences = tg::rand({2, 3, 4});
  refused("Linear", nn::Linear(4, 2), rows);
  refused("Tanh", nn::Tanh(), rows);
  refused("LeakyReLU", nn::LeakyReLU(), rows);
  refused("ELU", nn::ELU(), rows);
  refused("LayerNorm", nn::LayerNorm(4), rows);
  refused("RMSNorm", nn::RMSNorm(4), rows);
  refused("BatchNorm", nn::BatchNorm(4), rows);
  refused("GroupNorm", nn::GroupNorm(2, 4), rows);
  refused("InstanceNorm1d", nn::InstanceNorm1d(3), sequences);
  refused("LSTM", nn::LSTM(4, 2), sequences);
  refused("Conv1d", nn::Conv1d(3, 2, 2), sequences);
  refused("AvgPool1d", nn::AvgPool1d(2), sequences);
  refused("MaxPool1d", nn::MaxPool1d(2), sequences);
  refused("AdaptiveAvgPool1d", nn::AdaptiveAvgPool1d(2), sequences);
  refused("AdaptiveMaxPool1d", nn::AdaptiveMaxPool1d(2), sequences);
  refused("Flatten", nn::Flatten(), sequences);
  refused("Identity", nn::Identity(), sequences);
  refused("Softmax", nn::Softmax(), rows);
  refused("LogSoftmax", nn::LogSoftmax(), rows);
  refused("Sequential", nn::Sequential(nn::Linear(4, 2)), rows);
  refused("TransformerEncoder", nn::TransformerEncoder({.num_layers = 1, .embed_dim = 4}), sequences);
  nn::Sequential layers(nn::Linear(4, 2));
  const nn::Sequential elsewhere = std::move(layers);
  layers.append(nn::Linear(4, 3));  // NOLINT(bugprone-use-after-move): it is filled again
  BOOST_TEST(layers(rows).size(1) == 3);
  nn::TransformerDecoder decoder({.num_layers = 1, .embed_dim = 4});
  const nn::TransformerDecoder moved = std::move(decoder);
  // NOLINTNEXTLINE(bugprone-use-after-move)
  BOOST_CHECK_EXCEPTION(static_cast<void>(decoder(sequences, sequences)), tg::ValueError,
                        says("[TransformerDecoder] the module has been moved away"));
}

BOOST_AUTO_TEST_CASE(recurrent_layers_refuse_masks_that_they_would_not_heed) {
  const tg::Tensor x = tg::ones({2, 3, 4});
  BOOST_CHECK_EXCEPTION((void)nn::GRU(4, 2)(x, tg::Mask::keep_pairs(tg::ones({3, 3}, {.dtype = tg::boolean}))),
                        tg::ShapeError, says("[GRU] expected a mask of positions [N, L], got one of pairs [3, 3]"));
  BOOST_CHECK_EXCEPTION((void)nn::LSTM(4, 2, {.bidirectional = true})(x, tg::Mask::causal()), tg::ValueError,
                        says("[LSTM] a causal mask hides what is later, which a bidirectional layer reads: leave one "
                             "of the two out"));
  BOOST_CHECK_NO_THROW((void)nn::RNN(4, 2)(x, tg::Mask::causal()));  // which is what one direction does
}

BOOST_AUTO_TEST_SUITE_END()
