// check_module: it names what is wrong, and leaves the module alone.
#include "tapegrad/nn/check_module.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "normal.hpp"
#include "says.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/diff/replay.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;
using tapegrad::test::normal;

namespace {

/// The second layer's bias gets half of its gradient.
struct HalfBias : nn::Module {
  nn::Linear first{3, 4, {.dtype = tg::float64}};
  nn::Linear second{4, 2, {.dtype = tg::float64}};
  TAPEGRAD_MODULE(first, second)
  tg::Tensor operator()(const tg::Tensor& x) const {
    const tg::Tensor bias = 0.5 * second.bias.tensor() + 0.5 * second.bias->detach();
    return tg::linear(tg::tanh(first(x)), second.weight, bias);
  }
};

/// Counts the copies of a module that it is a member of.
struct CopyCount {
  static inline int copies = 0;
  CopyCount() = default;
  CopyCount(const CopyCount&) { ++copies; }
  CopyCount(CopyCount&&) noexcept = default;
  CopyCount& operator=(const CopyCount&) = default;
  CopyCount& operator=(CopyCount&&) noexcept = default;
};

struct CountedScale : nn::Module {
  nn::Linear scale{2, 2, {.dtype = tg::float64}};
  CopyCount count;
  TAPEGRAD_MODULE(scale)
  tg::Tensor operator()(const tg::Tensor& x) const { return scale(x); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(check_module)

// A second one, in float64, is for float32 alone.
BOOST_AUTO_TEST_CASE(one_copy_is_made_in_float64) {
  const CountedScale model;
  const tg::Tensor x = normal({2, 2});
  for (const bool wide : {true, false}) {
    CopyCount::copies = 0;
    BOOST_TEST(nn::check_module(model, {wide ? x : x.to(tg::float32)}, {.order = 1}).ok());
    BOOST_TEST(CopyCount::copies == (wide ? 1 : 2));
  }
}

BOOST_AUTO_TEST_CASE(a_right_module_passes) {
  tg::manual_seed(1);
  nn::Sequential model(nn::Linear(3, 4), nn::Tanh(), nn::Linear(4, 2));
  const tg::GradcheckReport report = nn::check_module(model, {normal({2, 3})});
  BOOST_TEST(report.ok(), to_string(report));
  const std::string text = to_string(report);
  for (const char* name : {"input 0", "0.weight", "0.bias", "2.weight", "2.bias"})
    BOOST_TEST((text.find(name) != std::string::npos), name);
}

BOOST_AUTO_TEST_CASE(paths_stand_whole) {
  nn::TransformerEncoder model({.num_layers = 2, .embed_dim = 2, .ffn_dim = 2, .dtype = tg::float64});
  const std::string text = to_string(nn::check_module(model, {normal({1, 2, 2})}, {.order = 1}));
  for (const char* name : {" layers.0.self_attn.in_proj_weight ", " layers.1.linear2.weight "})
    BOOST_TEST((text.find(name) != std::string::npos), text);
}

BOOST_AUTO_TEST_CASE(the_wrong_parameter_is_named) {
  tg::manual_seed(2);
  const tg::GradcheckReport report = nn::check_module(HalfBias(), {normal({2, 3})}, {.order = 1});
  BOOST_TEST((report.verdict() == tg::Verdict::wrong));
  const std::string text = to_string(report);
  BOOST_TEST((text.find("second.bias") != std::string::npos), text);
  BOOST_TEST(std::count_if(report.findings.begin(), report.findings.end(), [](const tg::GradcheckFinding& f) {
               return f.verdict == tg::Verdict::wrong && f.mode == tg::GradcheckMode::reverse &&
                      f.input_name == "second.bias";
             }) == 1);
  BOOST_TEST(std::none_of(report.findings.begin(), report.findings.end(), [](const tg::GradcheckFinding& f) {
    return f.verdict == tg::Verdict::wrong && f.input_name != "second.bias";
  }));
}

/// Right, but it computes with a tensor that is none of its parameters and buffers.
struct Shifted : nn::Module {
  nn::Linear linear{3, 2};
  tg::Tensor shift = tg::tensor({0.5F, -0.25F});
  TAPEGRAD_MODULE(linear)
  tg::Tensor operator()(const tg::Tensor& x) const { return linear(x) + shift; }
};

/// The same mistake as HalfBias, in float32.
struct HalfBias32 : nn::Module {
  nn::Linear linear{3, 2};
  TAPEGRAD_MODULE(linear)
  tg::Tensor operator()(const tg::Tensor& x) const {
    return tg::linear(x, linear.weight, 0.5 * linear.bias.tensor() + 0.5 * linear.bias->detach());
  }
};

// Differences of float32 values are rough and step over the kinks of ReLU: they would call right layers wrong.
BOOST_AUTO_TEST_CASE(float32_modules_are_compared_with_differences_in_float64) {
  tg::manual_seed(3);
  const auto check = [](auto module, const tg::Shape& shape) {
    for (const tg::Tensor& p : module.parameters()) nn::init::normal(p, 0.0, 0.5);
    const tg::GradcheckReport report = nn::check_module(module, {tg::randn(shape)});
    BOOST_TEST(report.ok(), to_string(report));
    for (const tg::Tensor& p : module.parameters()) BOOST_TEST((p.dtype() == tg::float32));
  };
  check(nn::TransformerEncoderLayer({.embed_dim = 8, .num_heads = 2, .norm_first = true, .dropout = 0.1}), {2, 3, 8});
  check(nn::Sequential(nn::Linear(4, 6), nn::ReLU(), nn::Linear(6, 2)), {5, 4});
  nn::BatchNorm norm(4);
  (void)norm(tg::randn({7, 4}));
  norm.eval();
  check(norm, {3, 4});
  check(Shifted(), {4, 3});

  const tg::GradcheckReport wrong = nn::check_module(HalfBias32(), {tg::randn({4, 3})}, {.order = 1});
  BOOST_TEST((wrong.verdict() == tg::Verdict::wrong), to_string(wrong));
}

// Behind a norm over two features, which are 1 and -1, gradients nearly cancel, and keep the rounding of their terms.
BOOST_AUTO_TEST_CASE(what_rounding_leaves_in_float32_is_no_mistake) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    tg::manual_seed(seed);
    nn::TransformerEncoderLayer layer(
        {.embed_dim = 2, .num_heads = 2, .ffn_dim = 6, .dropout = 0.0, .activation = nn::Activation::gelu});
    for (const tg::Tensor& p : layer.parameters()) nn::init::normal(p, 0.0, 0.3);
    const tg::GradcheckReport report = nn::check_module(layer, {tg::randn({2, 3, 2})}, {.order = 1, .seed = seed});
    BOOST_TEST(report.ok(), to_string(report));
  }
}

/// A gradient that is off by 1 % in float32, and by another factor in float64.
struct OffInFloat32 : tg::Op<OffInFloat32> {
  static constexpr std::string_view name = "off_in_float32";
  double in_float64 = 1.0;
  tg::Tensor forward(const tg::Tensor& x) const { return tg::sin(x); }
  tg::Tensor vjp(const tg::Saved& s, const tg::Tensor& dy) const {
    return dy * tg::cos(s.input(0)) * (dy.dtype() == tg::float32 ? 1.01 : in_float64);
  }
};

BOOST_AUTO_TEST_CASE(a_mistake_in_float32_alone_is_one) {
  tg::manual_seed(5);
  for (const double in_float64 : {1.0, 2.0, std::numeric_limits<double>::infinity()}) {
    OffInFloat32 op;
    op.in_float64 = in_float64;
    const auto off = [&](nn::Linear& layer, const tg::Tensor& x) { return tg::apply(op, layer(x)); };
    const tg::GradcheckReport report = nn::check_module(nn::Linear(3, 2), {tg::randn({4, 3})}, off, {.order = 1});
    BOOST_TEST((report.verdict() == tg::Verdict::wrong), to_string(report));
  }
}

BOOST_AUTO_TEST_CASE(inputs_go_by_the_given_names) {
  nn::MultiHeadAttention attention({.embed_dim = 4, .num_heads = 2});
  const tg::Tensor x = normal({1, 2, 4});
  const tg::GradcheckReport report = nn::check_module(attention, {x, normal({1, 3, 4}), normal({1, 3, 4})},
                                                      {.order = 1, .input_names = {"query", "key", "value"}});
  BOOST_TEST(report.ok(), to_string(report));
  const std::string text = to_string(report);
  for (const char* name : {"query", "key", "value", "in_proj_weight", "out_proj.bias"})
    BOOST_TEST((text.find(name) != std::string::npos), name);
}

BOOST_AUTO_TEST_CASE(a_call_of_ones_own) {
  tg::manual_seed(3);
  const tg::Mask mask = tg::Mask::from_lengths({3, 1}, 3);
  const tg::GradcheckReport report = nn::check_module(
      nn::MultiHeadAttention({.embed_dim = 2}), {normal({2, 3, 2})},
      [&](nn::MultiHeadAttention& attention, const tg::Tensor& x) { return attention(x, x, x, mask); }, {.order = 1});
  BOOST_TEST(report.ok(), to_string(report));
}

BOOST_AUTO_TEST_CASE(without_inputs_the_call_reads_what_it_captured) {
  const tg::Tensor tokens = tg::from_vector(std::vector<std::int64_t>{1, 4, 1}, {3});
  const tg::GradcheckReport report = nn::check_module(
      nn::Embedding(5, 2), {}, [&](nn::Embedding& embedding) { return embedding(tokens); }, {.order = 1});
  BOOST_TEST(report.ok(), to_string(report));
  BOOST_TEST(report.findings.front().input_name == "weight");
}

BOOST_AUTO_TEST_CASE(a_live_tape_is_left_alone) {
  tg::manual_seed(4);
  const tg::nn::Linear layer(3, 2);  // float32: its copies are converted
  const tg::Tensor x = normal({2, 3});
  const tg::Tape tape;
  BOOST_TEST(nn::check_module(layer, {x}, {.order = 1}).ok());
  BOOST_TEST(nn::check_module(layer, {x.to(tg::float32)}, {.order = 1}).ok());
  BOOST_TEST(tape.size() == 0);
}

/// Its second layer is no part of it.
struct Incomplete : nn::Module {
  nn::Linear first{3, 4};
  nn::Linear second{4, 2};
  TAPEGRAD_MODULE(first)
  tg::Tensor operator()(const tg::Tensor& x) const { return second(first(x)); }
};

BOOST_AUTO_TEST_CASE(a_member_that_is_missing_in_the_list_is_asked_for) {
  BOOST_CHECK_EXCEPTION((void)nn::check_module(Incomplete(), {normal({2, 3})}), tg::DTypeError,
                        tg::test::says("is a member missing in TAPEGRAD_MODULE(...)"));
}

BOOST_AUTO_TEST_CASE(tokens_alone_are_checked_in_float64) {
  const nn::Embedding embedding(5, 2);
  const tg::GradcheckReport report =
      nn::check_module(embedding, {tg::from_vector(std::vector<std::int64_t>{1, 4, 1}, {3})});
  BOOST_TEST(report.ok(), to_string(report));
}

BOOST_AUTO_TEST_CASE(a_call_is_only_tried_out) {
  int remembered = 0;
  const auto call = [&remembered](nn::Linear& layer, const tg::Tensor& x) {
    if (!tg::is_replaying()) ++remembered;
    return layer(x);
  };
  const nn::Linear layer(3, 2);
  BOOST_TEST(nn::check_module(layer, {tg::randn({4, 3})}, call, {.order = 1}).ok());
  BOOST_TEST(nn::check_module(layer, {normal({4, 3})}, call, {.order = 1}).ok());
  BOOST_TEST(remembered == 0);
}

BOOST_AUTO_TEST_CASE(the_module_is_left_alone) {
  nn::BatchNorm layer(3);
  const std::vector<float> mean = layer.running_mean->to_vector<float>();
  BOOST_TEST(nn::check_module(layer, {normal({4, 3})}).ok());
  BOOST_TEST((layer.weight.dtype() == tg::float32));
  BOOST_TEST(!layer.weight.has_grad());
  BOOST_TEST(layer.running_mean->to_vector<float>() == mean, boost::test_tools::per_element());
  BOOST_TEST(layer.num_batches_tracked->item() == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()
