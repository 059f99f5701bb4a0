// Every layer against PyTorch but attention and what is made of it: results, gradients, buffers after. Activations
// against their definitions.
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "nn/reference.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;
using tg::test::check_against_pytorch;
using tg::test::check_close;
using tg::test::check_unary;
using tg::test::Fixture;
using tg::test::PyTorchCase;
using tg::test::Tensors;

namespace {

struct NoParameters : nn::Module {
  TAPEGRAD_MODULE()
};

}  // namespace

BOOST_AUTO_TEST_SUITE(layers)

BOOST_AUTO_TEST_CASE(linear) {
  check_unary({"linear"}, nn::Linear(5, 3, {.dtype = tg::float64}));
  check_unary({"linear_no_bias"}, nn::Linear(5, 3, {.bias = false, .dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(embedding) {
  check_unary({"embedding"}, nn::Embedding(7, 4, {.dtype = tg::float64}));
  check_unary({"embedding_padding_idx"}, nn::Embedding(7, 4, {.padding_idx = 2, .dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(layer_norm) {
  check_unary({"layer_norm"}, nn::LayerNorm(6, {.dtype = tg::float64}));
  check_unary({"layer_norm_no_affine"}, nn::LayerNorm(6, {.affine = false, .dtype = tg::float64}));
  check_unary({"layer_norm_large_eps"}, nn::LayerNorm(5, {.eps = 0.37, .dtype = tg::float64}));
  check_unary({"layer_norm_one_feature"}, nn::LayerNorm(1, {.dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(rms_norm) {
  check_unary({"rms_norm"}, nn::RMSNorm(6, {.dtype = tg::float64}));
  check_unary({"rms_norm_large_eps"}, nn::RMSNorm(6, {.eps = 0.37, .dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(batch_norm) {
  const auto two_steps = [](const PyTorchCase& which, nn::BatchNormOptions options) {
    options.dtype = tg::float64;
    nn::BatchNorm model(4, options);
    check_against_pytorch(which, model, [&](const Tensors& in) {
      const auto mask = [&](const char* keep) {
        return in.contains(keep) ? tg::Mask::keep_positions(in.at(keep)) : tg::Mask();
      };
      const tg::Tensor first = model(in.at("first"), mask("keep_first"));
      return Tensors{{"first", first}, {"second", model(in.at("second"), mask("keep_second"))}};
    });
    BOOST_TEST(model.num_batches_tracked->item() == 2.0);
  };
  two_steps({"batch_norm_train"}, {});
  two_steps({"batch_norm_train_no_affine"}, {.affine = false});
  two_steps({"batch_norm_train_momentum"}, {.eps = 0.02, .momentum = 0.35});
  two_steps({"batch_norm_masked", 1e-12, {{"first", "input.keep_first"}, {"second", "input.keep_second"}}}, {});
  // The same numbers with channels in the middle, as torch.nn.BatchNorm1d takes them.
  const auto channels_first = [](const PyTorchCase& which, nn::BatchNormOptions options) {
    options.channels_first = true;
    options.dtype = tg::float64;
    nn::BatchNorm model(4, options);
    check_against_pytorch(which, model, [&](const Tensors& in) {
      const auto step = [&](const char* x, const char* keep) {
        const tg::Mask mask = in.contains(keep) ? tg::Mask::keep_positions(in.at(keep)) : tg::Mask();
        return tg::transpose(model(tg::transpose(in.at(x), 1, 2), mask), 1, 2);
      };
      const tg::Tensor first = step("first", "keep_first");
      return Tensors{{"first", first}, {"second", step("second", "keep_second")}};
    });
  };
  channels_first({"batch_norm_train"}, {});
  channels_first({"batch_norm_masked", 1e-12, {{"first", "input.keep_first"}, {"second", "input.keep_second"}}}, {});
  nn::BatchNorm evaluated(4, {.dtype = tg::float64});
  evaluated.eval();
  check_unary({"batch_norm_eval"}, evaluated);
  nn::BatchNorm evaluated_first(4, {.channels_first = true, .dtype = tg::float64});
  evaluated_first.eval();
  check_against_pytorch({"batch_norm_eval"}, evaluated_first, [&](const Tensors& in) {
    return Tensors{{"y", tg::transpose(evaluated_first(tg::transpose(in.at("input"), 1, 2)), 1, 2)}};
  });
  nn::BatchNorm one_value(1, {.eps = 0.0, .channels_first = true, .dtype = tg::float64});
  const tg::Tensor y = one_value(tg::tensor({{1.0}, {5.0}}, {.dtype = tg::float64}));  // [N, C]
  BOOST_TEST(y.to_vector<double>() == (std::vector<double>{-1, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(group_and_instance_norm) {
  check_unary({"group_norm", 1e-11}, nn::GroupNorm(2, 4, {.dtype = tg::float64}));
  check_unary({"group_norm_no_affine", 1e-11},
              nn::GroupNorm(2, 6, {.eps = 0.37, .affine = false, .dtype = tg::float64}));
  check_unary({"instance_norm", 1e-11}, nn::InstanceNorm1d(3, {.affine = true, .dtype = tg::float64}));
  check_unary({"instance_norm_no_affine", 1e-11}, nn::InstanceNorm1d(3, {.eps = 0.37, .dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(convolutions) {
  const auto conv = [](const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel) {
    const Fixture f(name);
    check_unary({name}, nn::Conv1d(in, out, kernel,
                                   {.stride = f.whole_number("stride", 1),
                                    .padding = f.whole_number("padding", 0),
                                    .dilation = f.whole_number("dilation", 1),
                                    .groups = f.whole_number("groups", 1),
                                    .causal = f.truth("causal"),
                                    .bias = f.truth("bias", true),
                                    .dtype = tg::float64}));
  };
  conv("conv1d", 3, 4, 3);
  conv("conv1d_no_bias", 3, 4, 2);
  conv("conv1d_groups", 4, 6, 3);
  conv("conv1d_causal_groups", 4, 2, 3);
  const auto transposed = [](const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel) {
    const Fixture f(name);
    check_unary({name}, nn::ConvTranspose1d(in, out, kernel,
                                            {.stride = f.whole_number("stride", 1),
                                             .padding = f.whole_number("padding", 0),
                                             .output_padding = f.whole_number("output_padding", 0),
                                             .dilation = f.whole_number("dilation", 1),
                                             .groups = f.whole_number("groups", 1),
                                             .dtype = tg::float64}));
  };
  transposed("conv_transpose1d_stride", 3, 2, 4);
  transposed("conv_transpose1d_groups", 4, 6, 3);
}

BOOST_AUTO_TEST_CASE(recurrent) {
  const auto mask_of = [](const Tensors& in) {
    return in.contains("keep") ? tg::Mask::keep_positions(in.at("keep")) : tg::Mask();
  };
  const auto given = [](const Tensors& in, const char* name) { return in.contains(name) ? in.at(name) : tg::Tensor(); };
  const auto check_hidden = [&](const std::string& name, auto model) {
    check_against_pytorch({name}, model, [&](const Tensors& in) {
      const nn::RecurrentResult result = model(in.at("input"), mask_of(in), given(in, "h0"));
      return Tensors{{"y", result.y}, {"h", result.h}};
    });
    BOOST_TEST(model.state_dict().names() == model.named_parameters().names(), boost::test_tools::per_element());
  };
  const auto check_lstm = [&](const std::string& name, nn::LSTM model) {
    check_against_pytorch({name}, model, [&](const Tensors& in) {
      const nn::LSTMResult result = model(in.at("input"), mask_of(in), {given(in, "h0"), given(in, "c0")});
      return Tensors{{"y", result.y}, {"h", result.h}, {"c", result.c}};
    });
  };
  const nn::RecurrentOptions one{.dtype = tg::float64};
  const nn::RecurrentOptions no_bias{.bias = false, .dtype = tg::float64};
  const nn::RecurrentOptions two{.num_layers = 2, .dtype = tg::float64};
  const nn::RecurrentOptions both_ways{.num_layers = 2, .bidirectional = true, .dtype = tg::float64};
  check_lstm("lstm", nn::LSTM(4, 3, one));
  check_lstm("lstm_no_bias_initial", nn::LSTM(4, 3, no_bias));
  check_lstm("lstm_lengths", nn::LSTM(4, 3, two));
  check_lstm("lstm_bidirectional_lengths_initial", nn::LSTM(4, 3, both_ways));
  check_hidden("gru", nn::GRU(4, 3, one));
  check_hidden("gru_no_bias_initial", nn::GRU(4, 3, no_bias));
  check_hidden("gru_lengths", nn::GRU(4, 3, two));
  check_hidden("gru_bidirectional_lengths_initial", nn::GRU(4, 3, both_ways));
  check_hidden("rnn", nn::RNN(4, 3, {.dtype = tg::float64}));
  check_hidden("rnn_no_bias_initial", nn::RNN(4, 3, {.bias = false, .dtype = tg::float64}));
  check_hidden("rnn_lengths", nn::RNN(4, 3, {.num_layers = 2, .dtype = tg::float64}));
  check_hidden("rnn_bidirectional_lengths_initial",
               nn::RNN(4, 3, {.num_layers = 2, .bidirectional = true, .dtype = tg::float64}));
  check_hidden(
      "rnn_relu",
      nn::RNN(4, 3,
              {.num_layers = 2, .nonlinearity = nn::Activation::relu, .bidirectional = true, .dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(recurrent_cells) {
  const auto check_cell = [](const std::string& name, auto model) {
    check_against_pytorch({name}, model, [&](const Tensors& in) {
      return Tensors{{"h", model(in.at("input"), in.at("h"))}};
    });
  };
  const auto check_lstm_cell = [](const std::string& name) {
    nn::LSTMCell model(4, 3, {.dtype = tg::float64});
    check_against_pytorch({name}, model, [&](const Tensors& in) {
      const nn::RecurrentState next =
          in.contains("h") ? model(in.at("input"), {in.at("h"), in.at("c")}) : model(in.at("input"));
      return Tensors{{"h", next.h}, {"c", next.c}};
    });
  };
  check_cell("rnn_cell", nn::RNNCell(4, 3, {.dtype = tg::float64}));
  check_cell("rnn_cell_relu", nn::RNNCell(4, 3, {.nonlinearity = nn::Activation::relu, .dtype = tg::float64}));
  check_cell("gru_cell", nn::GRUCell(4, 3, {.dtype = tg::float64}));
  check_cell("gru_cell_no_bias", nn::GRUCell(4, 3, {.bias = false, .dtype = tg::float64}));
  check_lstm_cell("lstm_cell");
  check_lstm_cell("lstm_cell_no_state");
}

BOOST_AUTO_TEST_CASE(pools) {
  const auto check_pool = [](const std::string& name, const auto& make) {
    BOOST_TEST_CONTEXT(name) {
      const Fixture f(name);
      const auto stride = f.attributes().contains("stride") ? std::optional(f.whole_number("stride", 0)) : std::nullopt;
      check_close(make(f, stride)(f["input.input"]), f["output.y"]);
    }
  };
  for (const std::string name : {"avg_pool1d", "avg_pool1d_overlapping", "avg_pool1d_padding",
                                 "avg_pool1d_padding_not_counted", "avg_pool1d_ceil", "avg_pool1d_ceil_not_counted"})
    check_pool(name, [](const Fixture& f, std::optional<std::int64_t> stride) {
      return nn::AvgPool1d(f.whole_number("kernel_size", 0), {.stride = stride,
                                                              .padding = f.whole_number("padding", 0),
                                                              .ceil_mode = f.truth("ceil_mode"),
                                                              .count_include_pad = f.truth("count_include_pad", true)});
    });
  for (const std::string name :
       {"max_pool1d", "max_pool1d_overlapping", "max_pool1d_padding", "max_pool1d_dilation", "max_pool1d_ceil"})
    check_pool(name, [](const Fixture& f, std::optional<std::int64_t> stride) {
      return nn::MaxPool1d(f.whole_number("kernel_size", 0), {.stride = stride,
                                                              .padding = f.whole_number("padding", 0),
                                                              .dilation = f.whole_number("dilation", 1),
                                                              .ceil_mode = f.truth("ceil_mode")});
    });
  for (const std::int64_t size : {1, 3, 9}) {
    check_pool("adaptive_avg_pool1d_" + std::to_string(size),
               [&](const Fixture&, std::optional<std::int64_t>) { return nn::AdaptiveAvgPool1d(size); });
    check_pool("adaptive_max_pool1d_" + std::to_string(size),
               [&](const Fixture&, std::optional<std::int64_t>) { return nn::AdaptiveMaxPool1d(size); });
  }
}

BOOST_AUTO_TEST_CASE(flatten_keeps_the_batch) {
  const tg::Tensor x = tg::arange(24).reshape({2, 3, 4});
  BOOST_TEST(tg::to_string(nn::Flatten()(x).shape()) == "[2, 12]");
  BOOST_TEST(tg::to_string(nn::Flatten(0)(x).shape()) == "[24]");
  BOOST_TEST(tg::to_string(nn::Flatten(0, 1)(x).shape()) == "[6, 4]");
  BOOST_TEST(nn::Flatten()(x).to_vector<std::int64_t>() == x.to_vector<std::int64_t>());
  BOOST_TEST(tg::identity_of(nn::Identity()(x)) == tg::identity_of(x));
}

BOOST_AUTO_TEST_CASE(softmax_over_an_axis) {
  // e^0 = 1, e^log(3) = 3: shares of a quarter and three quarters.
  const double three = std::log(3.0);
  const tg::Tensor x = tg::tensor({{0.0, three}, {three, three}}, {.dtype = tg::float64});
  const tg::Tensor rows = tg::tensor({{0.25, 0.75}, {0.5, 0.5}}, {.dtype = tg::float64});
  const tg::Tensor columns = tg::tensor({{0.25, 0.5}, {0.75, 0.5}}, {.dtype = tg::float64});
  check_close(nn::Softmax()(x), rows);
  check_close(nn::Softmax(0)(x), columns);
  check_close(nn::LogSoftmax()(x), tg::log(rows));
  check_close(nn::LogSoftmax(0)(x), tg::log(columns));
}

BOOST_AUTO_TEST_CASE(masked_mean) {
  NoParameters none;
  check_against_pytorch({"masked_mean"}, none, [](const Tensors& in) {
    return Tensors{{"y", nn::masked_mean(in.at("input"), tg::Mask::keep_positions(in.at("keep")))}};
  });
  const tg::Tensor x = tg::randn({2, 3, 4}, {.dtype = tg::float64});
  check_close(nn::masked_mean(x), tg::mean(x, 1));
  check_close(nn::masked_mean(x, tg::Mask::from_lengths({0, 3}, 3))[0], tg::zeros({4}, {.dtype = tg::float64}));
  BOOST_CHECK_THROW((void)nn::masked_mean(x, tg::Mask::from_lengths({1, 2}, 4)), tg::ShapeError);
  const tg::Tensor nan = tg::full({2, 3, 4}, std::numeric_limits<double>::quiet_NaN(), {.dtype = tg::float64});
  const tg::Mask one = tg::Mask::from_lengths({1, 1}, 3);
  const tg::Tensor padded = tg::where(tg::unsqueeze(one.positions(), -1), x, nan);
  check_close(nn::masked_mean(padded, one), x.slice(1, {.stop = 1}).reshape({2, 4}));
}

BOOST_AUTO_TEST_CASE(the_mean_of_no_positions_is_0) {
  for (const tg::Mask& mask : {tg::Mask(), tg::Mask::causal(), tg::Mask::from_lengths({0, 0}, 0)})
    BOOST_TEST(nn::masked_mean(tg::zeros({2, 0, 3}), mask).to_vector<float>() == std::vector<float>(6, 0.0F));
}

BOOST_AUTO_TEST_CASE(activations_with_a_number) {
  using Values = std::vector<double>;
  const tg::Tensor x = tg::tensor({-2.0, -1.0, 0.0, 3.0}, {.dtype = tg::float64});
  BOOST_TEST(nn::LeakyReLU(0.25)(x).to_vector<double>() == (Values{-0.5, -0.25, 0.0, 3.0}));
  BOOST_TEST(nn::LeakyReLU()(x).to_vector<double>() == (Values{-0.02, -0.01, 0.0, 3.0}));
  for (const double alpha : {1.0, 0.5}) {
    const nn::ELU layer = alpha == 1.0 ? nn::ELU() : nn::ELU(alpha);
    check_close(layer(x), tg::from_vector<double>(
                              {alpha * (std::exp(-2.0) - 1.0), alpha * (std::exp(-1.0) - 1.0), 0.0, 3.0}, {4}));
  }
}

BOOST_AUTO_TEST_CASE(activations_are_the_functions_of_their_names) {
  const tg::Tensor x = tg::tensor({-1.5, -0.25, 0.0, 2.0}, {.dtype = tg::float64});
  const std::vector<double> numbers = x.to_vector<double>();
  const auto check = [&](const auto& layer, double (*f)(double)) {
    std::vector<double> expected;
    for (const double v : numbers) expected.push_back(f(v));
    check_close(layer(x), tg::from_vector(expected, {4}));
  };
  check(nn::ReLU(), [](double v) { return v > 0 ? v : 0.0; });
  check(nn::GELU(), [](double v) { return v / 2 * (1 + std::erf(v / std::sqrt(2.0))); });
  check(nn::ActivationLayer<nn::Activation::gelu_tanh>(), [](double v) {
    return v / 2 * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (v + 0.044715 * v * v * v)));
  });
  check(nn::SiLU(), [](double v) { return v / (1 + std::exp(-v)); });
  check(nn::Tanh(), [](double v) { return std::tanh(v); });
  check(nn::Sigmoid(), [](double v) { return 1 / (1 + std::exp(-v)); });
  check(nn::Softplus(), [](double v) { return std::log1p(std::exp(v)); });
}

BOOST_AUTO_TEST_CASE(a_whole_classifier) {
  struct Classifier : nn::Module {
    nn::Embedding embed{9, 6, {.dtype = tg::float64}};
    nn::SinusoidalPosition position{6};
    nn::TransformerEncoder encoder{
        {.num_layers = 2, .embed_dim = 6, .num_heads = 2, .ffn_dim = 10, .dropout = 0.0, .dtype = tg::float64}};
    nn::Linear head{6, 3, {.dtype = tg::float64}};
    TAPEGRAD_MODULE(embed, position, encoder, head)
    tg::Tensor operator()(const tg::Tensor& tokens, const tg::Mask& keep) {
      return head(nn::masked_mean(encoder(position(embed(tokens)), keep), keep));
    }
  };
  Classifier model;
  check_against_pytorch({"classifier"}, model, [&](const Tensors& in) {
    return Tensors{{"y", model(in.at("tokens"), tg::Mask::keep_positions(in.at("keep")))}};
  });
}

BOOST_AUTO_TEST_SUITE_END()
