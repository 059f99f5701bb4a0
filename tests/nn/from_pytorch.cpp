// What docs/from_pytorch.md says, line by line.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <type_traits>
#include <vector>

#include "says.hpp"
#include "tapegrad/tapegrad.hpp"
#include "temporary_folder.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;
namespace optim = tapegrad::optim;
using tg::test::says;

namespace {

using Integers = std::vector<std::int64_t>;

std::vector<double> numbers_in(const tg::Tensor& x) { return x.to(tg::float64).to_vector<double>(); }
std::string shape_of(const tg::Tensor& x) { return tg::to_string(x.shape()); }

/// What a layer of one's own is made of.
struct Centred : nn::Module {
  nn::Parameter gain{tg::ones({3})};
  nn::Buffer seen{tg::zeros({3})};
  std::vector<nn::Linear> layers;
  TAPEGRAD_MODULE(gain, seen, layers)

  Centred() {
    for (int i = 0; i < 2; ++i) layers.emplace_back(3, 3);
  }
  tg::Tensor operator()(const tg::Tensor& x) {
    if (!tg::is_replaying()) seen.assign(0.9 * seen + 0.1 * tg::mean(x.detach(), 0));
    return layers[1](layers[0]((x - seen) * gain));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(from_pytorch)

BOOST_AUTO_TEST_CASE(recording) {
  tg::Tensor x = tg::tensor({2.0});
  x.set_requires_grad(true);
  BOOST_CHECK_THROW((void)x.grad(), tg::TapeError);
  const tg::Tensor other = tg::ones({3}).set_requires_grad(true);
  {
    tg::Tape tape;
    const tg::Tensor y = x * x * x;
    const tg::Tensor slope = tape.gradient(y, x, {.create_graph = true});
    BOOST_TEST(tape.gradient(slope, x, {.retain = true}).item() == 12.0);
    BOOST_TEST(numbers_in(tape.gradient(y, {x, other}, {.retain = true})[1]) == std::vector<double>(3, 0.0));
    {
      const tg::NoRecord pause;
      BOOST_TEST(!(x * x).is_tracked());
    }
    BOOST_TEST((x * x).is_tracked());
    tape.backward(y);
  }
  BOOST_TEST(x.grad().item() == 12.0);
  BOOST_TEST(!(x * x).is_tracked());
  const tg::Tensor detached = x.detach();
  BOOST_TEST(detached.data<float>().data() == x.data<float>().data());
  const auto cube = [](const tg::Tensor& z) { return tg::sum(z * z * z); };
  BOOST_TEST(tg::grad(cube)(x).item() == 12.0);
  BOOST_TEST(tg::jvp(cube, x, tg::ones({1})).second.item() == 12.0);
  BOOST_TEST(tg::hessian(cube, x).item() == 12.0);
  x.zero_grad();
  BOOST_TEST(!x.has_grad());
  nn::Linear model(1, 1);
  {
    const nn::Substitution others(model, {tg::tensor({{3.0}}), tg::tensor({1.0})});
    BOOST_TEST(model(x).item() == 7.0);
  }
  const tg::Tensor before = x;
  x = x + 1.0;
  BOOST_TEST(before.item() == 2.0);
}

BOOST_AUTO_TEST_CASE(hooks) {
  nn::Sequential model(nn::Linear(2, 3), nn::Tanh());
  model.parameters();
  nn::Linear& first = *model[0].as<nn::Linear>();
  tg::Tape tape({.study = true});
  const tg::Tensor y = model(tg::ones({1, 2}));
  const tg::Tensor loss = tg::sum(y);
  BOOST_TEST(numbers_in(tape.gradient(loss, y, {.retain = true})) == std::vector<double>(3, 1.0));
  std::vector<double> seen;
  tape.register_hook(y, [&](const tg::Tensor& gradient) {
    seen = numbers_in(gradient);
    return tg::Tensor();
  });
  first.bias.register_hook([](const tg::Tensor& gradient) { return 0.0 * gradient; });
  tg::Tensor hidden;
  for (std::int64_t i = 0; i < tape.size(); ++i)
    if (const tg::NodeInfo node = tape.node(i); node.scope == "0") hidden = node.values.back();
  BOOST_TEST(numbers_in(tg::tanh(hidden)) == numbers_in(y));
  tape.backward(loss);
  BOOST_TEST(seen == std::vector<double>(3, 1.0));
  BOOST_TEST(numbers_in(first.bias.grad()) == std::vector<double>(3, 0.0));
}

BOOST_AUTO_TEST_CASE(tensors) {
  BOOST_TEST((tg::tensor({1, 2}).dtype() == tg::float32));
  BOOST_TEST((tg::tensor({1, 2}, {.dtype = tg::int64}).dtype() == tg::int64));
  const tg::Tensor x = tg::tensor({{1.0, 3.0, 2.0}, {6.0, 5.0, 4.0}});
  BOOST_TEST(tg::max_with_indices(x, 1).indices.to_vector<std::int64_t>() == (Integers{1, 0}));
  BOOST_TEST(tg::min_with_indices(x, 1).indices.to_vector<std::int64_t>() == (Integers{0, 2}));
  BOOST_TEST(numbers_in(tg::max(x, 1)) == (std::vector<double>{3, 6}));
  BOOST_TEST(shape_of(tg::std(x, 1, {.keepdim = true})) == "[2, 1]");
  BOOST_TEST(numbers_in(tg::std(x, 1)) == (std::vector<double>{1, 1}));
  BOOST_TEST(shape_of(tg::sum(x, 1, true)) == "[2, 1]");
  BOOST_TEST(((x > 2.0).dtype() == tg::boolean));
  BOOST_TEST(shape_of(x.reshape({3, -1})) == "[3, 2]");
  BOOST_TEST(shape_of(tg::tile(x, {2, 3})) == "[4, 9]");
  BOOST_TEST(numbers_in(tg::repeat_interleave(tg::tensor({1, 2}), 2, 0)) == (std::vector<double>{1, 1, 2, 2}));
  BOOST_TEST(numbers_in(tg::pad(tg::ones({1, 1}), {{}, {.before = 1, .after = 2}})) ==
             (std::vector<double>{0, 1, 0, 0}));
  BOOST_CHECK_THROW((void)(x + x.to(tg::float64)), tg::DTypeError);
  BOOST_TEST(tg::allclose(x, x + 0.5, {.rtol = 0.0, .atol = 0.6}));
  BOOST_TEST(tg::arange(1, 1.3, 0.1, {.dtype = tg::float32}).numel() == 3);
  BOOST_TEST(tg::cumsum(x > 2.0, 1).to_vector<std::int64_t>() == (Integers{0, 1, 1, 1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(what_is_made_of_others) {
  const tg::Tensor a = tg::tensor({{1.0, 2.0}, {3.0, -1.0}}), b = tg::tensor({{0.0, 4.0}, {2.0, 2.0}});
  BOOST_TEST(shape_of(tg::matmul(tg::ones({5, 2, 3}), tg::ones({5, 3, 4}))) == "[5, 2, 4]");
  BOOST_TEST(numbers_in(tg::select(a, 1, 1)) == (std::vector<double>{2, -1}));
  BOOST_TEST(numbers_in(a + 0.25 * (b - a)) == (std::vector<double>{0.75, 2.5, 2.75, -0.25}));
  BOOST_TEST(tg::allclose(tg::logsumexp(tg::stack({a, b}), 0), tg::log(tg::exp(a) + tg::exp(b))));
  const tg::Tensor spoilt = tg::tensor({1.0, NAN, INFINITY});
  BOOST_TEST(numbers_in(tg::masked_fill(spoilt, tg::isnan(spoilt), 0.0)) == (std::vector<double>{1, 0, INFINITY}));

  const tg::Tensor t = tg::tensor({1.0, 1.0, 0.0, 0.0});
  const auto cross_entropy = [&](const tg::Tensor& p) {
    return -tg::mean(tg::xlogy(t, p) + tg::xlogy(1.0 - t, 1.0 - p));
  };
  const tg::Tensor p = tg::tensor({0.25, 1.0, 0.0, 0.5});
  BOOST_TEST(cross_entropy(p).item() == std::log(8.0) / 4, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(numbers_in(tg::grad(cross_entropy)(p)) == (std::vector<double>{-1.0, -0.25, 0.25, 0.5}));
  const tg::Tensor far = tg::tensor({3.0, 0.5}), near = tg::zeros({2});
  BOOST_TEST(tg::huber_loss(far, near).item() == (2.5 + 0.125) / 2);
  BOOST_TEST((tg::huber_loss(far, near, {.delta = 2.0}) / 2.0).item() == (2.0 + 0.0625) / 2);

  const tg::Tensor l = tg::randn({6, 3});
  const auto drawn = tg::multinomial(tg::softmax(l, -1), 1);
  BOOST_TEST(tg::allclose(tg::squeeze(tg::gather(tg::log_softmax(l, -1), -1, drawn), 1),
                          -tg::cross_entropy(l, tg::squeeze(drawn, 1), {.reduction = tg::Reduction::none})));

  const auto probabilities = tg::softmax(l, -1);
  BOOST_TEST(tg::allclose(-tg::sum(tg::xlogy(probabilities, probabilities), -1),
                          tg::cross_entropy(l, probabilities, {.reduction = tg::Reduction::none})));

  Integers seen, sizes;
  for (const tg::Tensor& rows : tg::split(tg::randperm(70), 32)) {
    const tg::Tensor batch = tg::index_select(tg::arange(70), 0, rows);
    for (const std::int64_t i : batch.to_vector<std::int64_t>()) seen.push_back(i);
    sizes.push_back(batch.size(0));
  }
  BOOST_TEST(sizes == (Integers{32, 32, 6}), boost::test_tools::per_element());
  std::sort(seen.begin(), seen.end());
  BOOST_TEST(seen == tg::arange(70).to_vector<std::int64_t>(), boost::test_tools::per_element());
}

// The numbers are those that PyTorch 1.13 prints.
BOOST_AUTO_TEST_CASE(one_liners) {
  const tg::Tensor a = tg::tensor({{1.0, 2.0}, {3.0, -1.0}}), b = tg::tensor({{0.0, 4.0}, {2.0, 2.0}});
  const auto check = [](const tg::Tensor& x, const std::vector<double>& expected) {
    BOOST_TEST(numbers_in(x) == expected, boost::test_tools::tolerance(1e-6) << boost::test_tools::per_element());
  };
  check(a / tg::clamp_min(tg::norm(a, 1, {.keepdim = true}), 1e-12), {0.44721359, 0.89442718, 0.94868326, -0.31622776});
  check(tg::norm(tg::unsqueeze(a, 1) - tg::unsqueeze(b, 0), -1), {2.23606801, 1.0, 5.83095169, 3.16227770});
  check(a.slice(1, {.start = 1}) - a.slice(1, {.stop = -1}), {1, -4});
  check(1.0 / b[1], {0.5, 0.5});
  check(a.reshape({-1}), {1, 2, 3, -1});
  BOOST_TEST(shape_of(a[0].expand({5, 2})) == "[5, 2]");
  const tg::Tensor wide = tg::arange(8).reshape({2, 4});
  BOOST_TEST(wide.slice(1, {.start = 1, .stop = 1 + 2}).to_vector<std::int64_t>() == (Integers{1, 2, 5, 6}));
  const tg::Tensor rows = tg::tensor({1, 2}), columns = tg::tensor({3, 4, 5});
  check(rows.reshape({-1, 1}).expand({2, 3}), {1, 1, 1, 2, 2, 2});
  check(columns.expand({2, 3}), {3, 4, 5, 3, 4, 5});

  const tg::Tensor n = tg::tensor({{-1.0, 1.0}, {3.0, 0.0}}), var = tg::tensor({{0.5, 1.0}, {2.0, 0.25}});
  check(tg::mean(tg::relu(tg::norm(a - b, -1) - tg::norm(a - n, -1) + 1.0)), {2.08113813});
  check(0.5 * tg::mean(tg::log(var) + tg::square(a - b) / var), {5.13921309});
  check(1.0507009873554805 * tg::elu(a, 1.6732632423543772), {1.05070102, 2.10140204, 3.15210295, -1.11133075});
  check(a * tg::tanh(tg::softplus(a)), {0.86509836, 1.94395900, 2.98653507, -0.30340144});
  check(tg::where(a > 0.0, a, 0.25 * a), {1, 2, 3, -0.25});
  check(tg::clamp(a, -1.0, 1.0), {1, 1, 1, -1});

  nn::Linear model(2, 3);
  std::vector<tg::Tensor> flat;
  for (const tg::Tensor& p : model.parameters()) flat.push_back(p.reshape({-1}));
  const tg::Tensor v = tg::cat(flat);
  BOOST_TEST(v.numel() == model.parameter_count());
  nn::Linear other(2, 3);
  tg::NamedTensors state;
  const std::vector<tg::Tensor> parts = tg::split(v, {6, 3});
  state.insert("weight", parts[0].reshape({3, 2}));
  state.insert("bias", parts[1]);
  BOOST_TEST(other.load_state_dict(state, {.strict = false}).empty());
  BOOST_TEST(numbers_in(other(a)) == numbers_in(model(a)), boost::test_tools::per_element());
}

// At the kinks too: the slopes of prelu are PyTorch 1.13's, those of the clamp differ at its bounds, as its line says.
BOOST_AUTO_TEST_CASE(slopes_of_one_liners) {
  const auto slopes = [](const tg::Tensor& at, const auto& f) {
    return numbers_in(tg::grad([&f](const tg::Tensor& x) { return tg::sum(f(x)); })(at));
  };
  const auto prelu = [](const tg::Tensor& x) { return tg::where(x > 0.0, x, 0.25 * x); };
  BOOST_TEST(slopes(tg::tensor({-2.0, 0.0, 3.0}), prelu) == (std::vector<double>{0.25, 0.25, 1.0}),
             boost::test_tools::per_element());
  const auto hardtanh = [](const tg::Tensor& x) { return tg::clamp(x, -1.0, 1.0); };
  BOOST_TEST(slopes(tg::tensor({-2.0, -1.0, 0.5, 1.0, 1.5}), hardtanh) == (std::vector<double>{0, 1, 1, 1, 0}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(chosen_elements) {
  const std::vector<float> numbers = {1, 3, 2, 6, 5, 4};
  tg::Tensor x = tg::from_vector(numbers, {-1, 3});
  BOOST_TEST(shape_of(tg::from_vector(numbers, {numbers.size() / 3, 3})) == "[2, 3]");
  BOOST_TEST(numbers_in(tg::from_span({numbers.data(), numbers.size()}, {2, 3})) == numbers_in(x));
  BOOST_TEST(shape_of(x.slice(0, {.stop = numbers.size() / 6})) == "[1, 3]");
  BOOST_TEST(shape_of(tg::from_vector(numbers)) == "[6]");
  BOOST_TEST(x.size(-1) == 3);
  BOOST_TEST(shape_of(x.reshape({2, 3, 1}).expand({-1, -1, 4})) == "[2, 3, 4]");
  BOOST_TEST(numbers_in(tg::select(x, 1, -1)) == (std::vector<double>{2, 4}));
  BOOST_TEST(numbers_in(x.slice(1, {.start = 1})) == (std::vector<double>{3, 2, 5, 4}));
  BOOST_TEST(numbers_in(x.slice(-1, {.step = 2})) == (std::vector<double>{1, 2, 6, 4}));
  BOOST_TEST(numbers_in(tg::masked_select(x, x > 3)) == (std::vector<double>{6, 5, 4}));
  const tg::Tensor i = tg::tensor({1, 0}, {.dtype = tg::int64}), j = tg::tensor({2, 1}, {.dtype = tg::int64});
  BOOST_TEST(numbers_in(tg::index_select(x, 0, i)) == (std::vector<double>{6, 5, 4, 1, 3, 2}));
  BOOST_TEST(numbers_in(tg::index(x, {i, j})) == (std::vector<double>{4, 3}));
  const tg::Tensor rows = tg::select(x, 1, 0) > 3;
  BOOST_TEST(numbers_in(tg::index_select(x, 0, tg::squeeze(tg::nonzero(rows), 1))) == (std::vector<double>{6, 5, 4}));
  BOOST_TEST(numbers_in(tg::masked_fill(x, x > 3, 0.0)) == (std::vector<double>{1, 3, 2, 0, 0, 0}));
  BOOST_TEST(numbers_in(tg::where(x > 3, -x, x)) == (std::vector<double>{1, 3, 2, -6, -5, -4}));
  BOOST_TEST(numbers_in(tg::index_put(x, {i, j}, tg::tensor(0.0))) == (std::vector<double>{1, 0, 2, 6, 5, 0}));
  BOOST_TEST(numbers_in(tg::maximum(x[0], x[1] - 3)) == (std::vector<double>{3, 3, 2}));
  BOOST_TEST(numbers_in(tg::clamp_min(x[0] - 2, 0.0)) == (std::vector<double>{0, 1, 0}));
  BOOST_TEST(numbers_in(tg::remainder(-x[0], 2)) == (std::vector<double>{1, 1, 0}));
  BOOST_TEST(numbers_in(tg::floor_divide(-x[0], 2)) == (std::vector<double>{-1, -2, -1}));
  BOOST_TEST(tg::norm(x, {}, {.p = 1}).item() == 21.0);
  BOOST_TEST(numbers_in(tg::norm(x, 1, {.p = 1})) == (std::vector<double>{6, 15}));
  BOOST_TEST(tg::norm(x, 1)[0].item() == std::sqrt(14.0), boost::test_tools::tolerance(1e-6));
  BOOST_TEST(tg::median(x).item() == 3.5);
  BOOST_TEST(numbers_in(tg::median(x, 1)) == (std::vector<double>{2, 5}));
  BOOST_TEST(shape_of(tg::cosine_similarity(x.reshape({1, 2, 3}), x.reshape({1, 2, 3}), 1)) == "[1, 3]");
  BOOST_TEST(shape_of(tg::cosine_similarity(x.reshape({1, 2, 3}), x.reshape({1, 2, 3}))) == "[1, 2]");
  BOOST_TEST(numbers_in(tg::var(x, 1, {.correction = 0, .keepdim = true})) == std::vector<double>(2, 2.0 / 3.0),
             boost::test_tools::tolerance(1e-6) << boost::test_tools::per_element());
  const tg::Tensor tokens = tg::zeros({4}, {.dtype = tg::int64});
  BOOST_TEST(shape_of(tg::embedding(x, tokens)) == "[4, 3]");
  BOOST_CHECK_EXCEPTION((void)tg::embedding(tokens, x), tg::DTypeError, says("the weight stands first"));
}

BOOST_AUTO_TEST_CASE(own_layers) {
  Centred layer;
  BOOST_TEST(layer.state_dict().names() == (std::vector<std::string>{"gain", "seen", "layers.0.weight", "layers.0.bias",
                                                                     "layers.1.weight", "layers.1.bias"}),
             boost::test_tools::per_element());
  BOOST_TEST(layer.parameters().size() == 5U);
  const tg::Tensor x = tg::full({2, 3}, 10.0, {.requires_grad = true});
  {
    tg::Tape tape;
    const tg::Tensor y = layer(x);
    BOOST_TEST(numbers_in(layer.seen) == std::vector<double>(3, 1.0), boost::test_tools::per_element());
    tape.backward(tg::sum(y));
    BOOST_TEST(layer.gain.has_grad());
    BOOST_CHECK_THROW(layer.gain.assign(tg::zeros({3})), tg::TapeError);
    const tg::NoRecord pause;
    layer.gain.assign(tg::full({3}, 2.0));
  }
  BOOST_TEST(numbers_in(layer.gain) == std::vector<double>(3, 2.0), boost::test_tools::per_element());
  BOOST_TEST(nn::check_module(layer, {tg::randn({2, 3}, {.dtype = tg::float64})}).ok());
  BOOST_TEST(layer.gain->is_contiguous());
}

BOOST_AUTO_TEST_CASE(layers_and_losses) {
  const auto [x, lengths] = tg::pad_sequence({tg::rand({3, 4}), tg::rand({1, 4})});
  BOOST_TEST(shape_of(x) == "[2, 3, 4]");
  BOOST_TEST(lengths == (Integers{3, 1}));
  const tg::Mask keep = tg::Mask::from_lengths(lengths, x.size(1));
  const auto [y, h, c] = nn::LSTM(4, 5)(x, keep);
  BOOST_TEST(shape_of(y) == "[2, 3, 5]");
  BOOST_TEST(numbers_in(h[0][1]) == numbers_in(y[1][0]));  // the state at the end of the one that is short
  BOOST_TEST(shape_of(c) == "[1, 2, 5]");
  const tg::Tensor classes = tg::zeros({2, 3}, {.dtype = tg::int64});
  BOOST_CHECK_NO_THROW((void)tg::cross_entropy(x, classes));
  const tg::Tensor classes_first = tg::rand({2, 4, 3});
  BOOST_TEST(tg::cross_entropy(classes_first.transpose(1, 2), classes).item() ==
                 -tg::mean(tg::log_softmax(classes_first, 1).transpose(0, 1)[0]).item(),
             boost::test_tools::tolerance(1e-6));
  const tg::Tensor one_hot = tg::tensor({{1.0, 0.0}});
  const tg::Tensor logits = tg::tensor({{0.5, -0.25}});
  BOOST_TEST(tg::cross_entropy(logits, one_hot).item() ==
                 tg::cross_entropy(logits, tg::zeros({1}, {.dtype = tg::int64})).item(),
             boost::test_tools::tolerance(1e-6));
  const tg::Tensor log_probs = tg::log_softmax(x, -1);
  const auto [spelling, spelling_lengths] =
      tg::pad_sequence({tg::tensor({2, 1}, {.dtype = tg::int64}), tg::tensor({3}, {.dtype = tg::int64})});
  const tg::Mask spelling_keep = tg::Mask::from_lengths(spelling_lengths, spelling.size(1));
  const std::vector<double> each =
      numbers_in(tg::ctc_loss(log_probs, spelling, keep, spelling_keep, {.reduction = tg::Reduction::none}));
  BOOST_TEST(each[1] == -log_probs[1][0][3].item(), boost::test_tools::tolerance(1e-6));
  BOOST_TEST(tg::ctc_loss(log_probs, spelling, keep, spelling_keep).item() == (each[0] / 2 + each[1]) / 2,
             boost::test_tools::tolerance(1e-6));
  BOOST_TEST(shape_of(nn::BatchNorm(3, {.channels_first = true})(x)) == "[2, 3, 4]");
  BOOST_TEST(shape_of(nn::BatchNorm(4)(x)) == "[2, 3, 4]");

  const tg::Tensor hidden = tg::tensor({{false, false, false}, {false, true, true}}, {.dtype = tg::boolean});
  BOOST_TEST((tg::Mask::keep_positions(tg::logical_not(hidden)).positions().to_vector<bool>() ==
              keep.positions().to_vector<bool>()));
  const tg::Mask joined = keep & tg::Mask::causal() & tg::Mask::keep_pairs(tg::ones({3, 3}, {.dtype = tg::boolean}));
  const nn::MultiHeadAttention attention({.embed_dim = 4});
  BOOST_TEST(shape_of(attention(x, x, x, joined)) == "[2, 3, 4]");
  const tg::Tensor minus_infinity = tg::full({3, 3}, -INFINITY);
  BOOST_TEST(numbers_in(attention(x, x, x, {}, tg::triu(minus_infinity, 1))) ==
             numbers_in(attention(x, x, x, tg::Mask::causal())));

  const tg::Tensor turned = tg::rotary_embedding(x, {.pairs = tg::RotaryPairs::halves});
  const double angle = 1.0;  // of features 0 and 2 at position 1
  BOOST_TEST(turned[0][1][0].item() == x[0][1][0].item() * std::cos(angle) - x[0][1][2].item() * std::sin(angle),
             boost::test_tools::tolerance(1e-4));

  const nn::MultiHeadAttention rotary({.embed_dim = 4, .rotary = tg::RotaryOptions{.pairs = tg::RotaryPairs::halves}});
  const nn::AttentionCache keys = rotary.remember(x, x);
  const tg::Tensor projected = tg::linear(x, tg::slice(rotary.in_proj_weight, 0, {.start = 4, .stop = 8}));
  BOOST_TEST(
      tg::allclose(keys.key.reshape({2, 3, 4}), tg::rotary_embedding(projected, {.pairs = tg::RotaryPairs::halves})));
  BOOST_TEST(shape_of(attention.with_weights(x, x, x).weights) == "[2, 1, 3, 3]");
  BOOST_TEST(shape_of(nn::TransformerEncoderLayer({.embed_dim = 4}).linear1.weight) == "[16, 4]");
  nn::TransformerEncoder encoder({.num_layers = 2, .embed_dim = 4, .num_heads = 2});
  BOOST_TEST((numbers_in(encoder.layers[0].linear1.weight) != numbers_in(encoder.layers[1].linear1.weight)));
  const tg::Tensor targets = tg::tensor({{0.5, 0.5}, {0.25, 0.75}});
  const tg::Tensor none = tg::zeros({2, 2});
  BOOST_TEST(tg::bce_with_logits(none, targets).item() == std::log(2.0), boost::test_tools::tolerance(1e-6));
  BOOST_TEST(tg::kl_div(none, targets, {.reduction = tg::KLReduction::batch_mean}).item() ==
                 tg::sum(targets * tg::log(targets)).item() / 2,
             boost::test_tools::tolerance(1e-6));
  const tg::Tensor weight = tg::zeros({100, 6});
  nn::init::kaiming_uniform(weight);
  BOOST_TEST(tg::max(tg::abs(weight)).item() <= 1.0);  // sqrt(6 / fan_in)
  BOOST_TEST(tg::max(tg::abs(weight)).item() > 0.9);
  nn::FeedForward block({.embed_dim = 4, .ffn_dim = 3, .gate = nn::Gate::swiglu});
  const tg::Tensor up = tg::randn({3, 4}), gate = tg::randn({3, 4}), down = tg::randn({4, 3});
  block.linear1.weight.assign(tg::cat({up, gate}));
  block.linear2.weight.assign(down);
  nn::init::constant(block.linear1.bias, 0.0);
  nn::init::constant(block.linear2.bias, 0.0);
  BOOST_TEST(tg::allclose(block(x), tg::linear(tg::silu(tg::linear(x, gate)) * tg::linear(x, up), down)));
  BOOST_CHECK_THROW(nn::Dropout(1.0), tg::ValueError);
  BOOST_CHECK_THROW((void)tg::dropout(x, 1.0), tg::ValueError);

  BOOST_TEST(numbers_in(nn::Softmax()(x)) == numbers_in(tg::softmax(x, 2)));
  BOOST_TEST(numbers_in(nn::LogSoftmax()(x)) == numbers_in(tg::log_softmax(x, 2)));
  BOOST_TEST(tg::max_pool1d_with_indices(tg::tensor({1, 3, 2, 0}), 2).indices.to_vector<std::int64_t>() ==
             (Integers{1, 2}));
  BOOST_TEST(numbers_in(nn::MaxPool1d(2)(tg::tensor({1, 3, 2, 0}))) == (std::vector<double>{3, 2}));

  nn::Embedding embed(7, 4);
  BOOST_TEST(shape_of(tg::linear(x, embed.weight)) == "[2, 3, 7]");
  nn::Linear head(4, 7);
  head.weight = embed.weight;
  const nn::Linear copy = head;
  head.weight.assign(tg::zeros({7, 4}));
  BOOST_TEST(numbers_in(copy.weight) == numbers_in(embed.weight));

  nn::Sequential model(nn::Linear(1, 1), nn::Tanh());
  model.for_each<nn::Linear>([](nn::Linear& layer) { nn::init::constant(layer.weight, 1.0); });
  BOOST_TEST(numbers_in(model[0].as<nn::Linear>()->weight) == std::vector<double>{1.0});
  tg::manual_seed(1);
  nn::init::trunc_normal(embed.weight, 0.0, 0.02);
  const std::vector<double> uncut = numbers_in(embed.weight);
  tg::manual_seed(1);
  nn::init::normal(embed.weight, 0.0, 0.02);
  BOOST_TEST(uncut == numbers_in(embed.weight), boost::test_tools::per_element());
  std::vector<std::string> names;
  for (const auto& [name, part] : model.named_modules())
    if (part != &model) names.push_back(name);
  BOOST_TEST(names == (std::vector<std::string>{"0", "1"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(training) {
  nn::Linear model(2, 1);
  const tg::Tensor x = tg::ones({3, 2});
  const auto sweep = [&] {
    tg::Tape tape;
    tape.backward(tg::sum(model(x)));
  };
  sweep();
  sweep();
  BOOST_TEST(numbers_in(model.weight.grad()) == (std::vector<double>{6, 6}));  // of both
  BOOST_TEST(optim::clip_grad_norm(model.parameters(), 1.0) == std::sqrt(6.0 * 6.0 * 3.0),
             boost::test_tools::tolerance(1e-6));
  optim::SGD optimizer({{{model.weight}, {.lr = 0.1}}, {{model.bias}, {.lr = 0.2}}});
  BOOST_TEST(optimizer.lr(1) == 0.2);
  const optim::AdamWOptions options{.weight_decay = 0.1};
  const optim::AdamW decaying(optim::decay_groups(model.parameters(), options));
  BOOST_TEST(decaying.options(0).weight_decay == 0.1);
  BOOST_TEST(decaying.options(1).weight_decay == 0.0);

  const auto handles = model.state_dict();
  const auto best = model.state_dict().clone();
  optimizer.step();
  BOOST_CHECK_THROW(model.load_state_dict(handles), tg::ValueError);
  model.load_state_dict(best);
  BOOST_TEST(numbers_in(model.weight) == numbers_in(best.at("weight")));
  const nn::StateDifference different = model.load_state_dict({{"weight", tg::ones({1, 2})}}, {.strict = false});
  BOOST_TEST(different.missing == std::vector<std::string>{"bias"}, boost::test_tools::per_element());

  optim::SGD whole(model.parameters(), {.lr = 1.0});
  optim::OneCycleLR schedule(whole, {.total_steps = 10});
  double highest = 0;
  for (int step = 0; step < 10; ++step) {
    highest = std::max(highest, whole.lr());
    schedule.step();
  }
  BOOST_TEST(highest == 1.0);
  optim::SGD cooled(model.parameters(), {.lr = 1.0});
  optim::WarmupCosine cosine(cooled, {.total_steps = 4});
  for (int step = 0; step < 9; ++step) {
    BOOST_TEST(cooled.lr() == (1 + std::cos(std::numbers::pi * std::min(step, 4) / 4)) / 2,
               boost::test_tools::tolerance(1e-12));
    cosine.step();
  }
  nn::Linear fitted(2, 1);
  const tg::Tensor corners = tg::tensor({{0, 0}, {1, 0}, {0, 1}}), heights = tg::tensor({{1}, {3}, {4}});
  optim::LBFGS lbfgs(fitted.parameters());
  const optim::LBFGSResult fit = lbfgs.step([&] { return tg::mse_loss(fitted(corners), heights); });
  BOOST_TEST(fit.loss < 1e-10);
  BOOST_TEST((fit.stop == optim::LBFGSStop::gradient || fit.stop == optim::LBFGSStop::change));
  BOOST_TEST(fitted.bias.tensor().item() == 1.0, boost::test_tools::tolerance(1e-3));
  const TemporaryFolder folder;
  tg::save_checkpoint(folder / "run.ckpt", model, tg::NamedTensors{{"epoch", tg::tensor(3, {.dtype = tg::int64})}});
  tg::NamedTensors loaded;
  tg::load_checkpoint(folder / "run.ckpt", model, loaded);
  BOOST_TEST(loaded.at("epoch").item() == 3.0);
  nn::Linear used(2, 1);
  used.load_state_dict(tg::load_safetensors(folder / "run.ckpt").under("0."));
  BOOST_TEST(numbers_in(used.weight) == numbers_in(model.weight));
  tg::Tensor w = tg::tensor({1.0});
  optim::MovingAverage average({w}, {.decay = 0.75, .warmup = false});
  w.mutable_data<float>()[0] = 5.0F;
  average.update();
  BOOST_TEST(average.tensors()[0].item() == 2.0);
  model.eval();
  const tg::Tape tape;
  BOOST_TEST(model(x).is_tracked());
}

BOOST_AUTO_TEST_SUITE_END()
