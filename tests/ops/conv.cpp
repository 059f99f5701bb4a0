#include "tapegrad/ops/conv.hpp"

#include <boost/test/unit_test.hpp>

#include "fixture.hpp"
#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/tape.hpp"
#include "values.hpp"

using namespace tapegrad;
using test::check_close;
using test::Fixture;
using test::normal;
using test::says;

namespace {

/// The result and all gradients against the fixture's, by the fused rules and by the differentiable ones.
template <class F>
void check_case(const Fixture& f, const F& convolution) {
  const Tensor x = f.leaf("input.input");
  const Tensor weight = f.leaf("param.weight");
  const Tensor bias = f.has("param.bias") ? f.leaf("param.bias") : Tensor();
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor y = convolution(x, weight, bias);
    check_close(y, f["output.y"]);
    std::vector<Tensor> inputs{x, weight};
    if (bias.defined()) inputs.push_back(bias);
    const auto d = tape.pull_back({y}, {f["cotangent.y"]}, inputs, {.create_graph = differentiable});
    check_close(d[0], f["grad.input.input"]);
    check_close(d[1], f["grad.param.weight"]);
    if (bias.defined()) check_close(d[2], f["grad.param.bias"]);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(conv)

BOOST_AUTO_TEST_CASE(conv1d_as_pytorch) {
  for (const std::string name :
       {"conv1d", "conv1d_no_bias", "conv1d_stride", "conv1d_stride_beyond_kernel", "conv1d_dilation", "conv1d_groups",
        "conv1d_depthwise", "conv1d_causal", "conv1d_causal_groups"}) {
    BOOST_TEST_CONTEXT(name) {
      const Fixture f(name);
      const Conv1dOptions options{.stride = f.whole_number("stride", 1),
                                  .padding = f.whole_number("padding", 0),
                                  .dilation = f.whole_number("dilation", 1),
                                  .groups = f.whole_number("groups", 1),
                                  .causal = f.truth("causal")};
      check_case(f, [&](const Tensor& x, const Tensor& w, const Tensor& b) { return conv1d(x, w, b, options); });
    }
  }
}

BOOST_AUTO_TEST_CASE(conv_transpose1d_as_pytorch) {
  for (const std::string name : {"conv_transpose1d", "conv_transpose1d_stride", "conv_transpose1d_stride_beyond_kernel",
                                 "conv_transpose1d_groups"}) {
    BOOST_TEST_CONTEXT(name) {
      const Fixture f(name);
      const ConvTranspose1dOptions options{.stride = f.whole_number("stride", 1),
                                           .padding = f.whole_number("padding", 0),
                                           .output_padding = f.whole_number("output_padding", 0),
                                           .dilation = f.whole_number("dilation", 1),
                                           .groups = f.whole_number("groups", 1)};
      check_case(f,
                 [&](const Tensor& x, const Tensor& w, const Tensor& b) { return conv_transpose1d(x, w, b, options); });
    }
  }
}

BOOST_AUTO_TEST_CASE(conv1d_weight_is_the_weight_s_gradient) {
  for (const std::string name : {"conv1d_stride", "conv1d_groups", "conv1d_causal"}) {
    BOOST_TEST_CONTEXT(name) {
      const Fixture f(name);
      const Tensor dw = conv1d_weight(f["input.input"], f["cotangent.y"], 3,
                                      {.stride = f.whole_number("stride", 1),
                                       .padding = f.whole_number("padding", 0),
                                       .dilation = f.whole_number("dilation", 1),
                                       .groups = f.whole_number("groups", 1),
                                       .causal = f.truth("causal")});
      check_close(dw, f["grad.param.weight"]);
    }
  }
}

// <conv1d(x, w), g> = <x, conv_transpose1d(g, w)> = <w, conv1d_weight(x, g)>: one form, three arguments.
BOOST_AUTO_TEST_CASE(the_three_are_derivatives_of_one_form) {
  for (const std::int64_t stride : {1, 2, 3}) {
    for (const std::int64_t dilation : {1, 2}) {
      BOOST_TEST_CONTEXT("stride " << stride << ", dilation " << dilation) {
        const Tensor x = normal({2, 4, 11}, 1);
        const Tensor w = normal({6, 2, 3}, 2);
        const Conv1dOptions options{.stride = stride, .padding = 1, .dilation = dilation, .groups = 2};
        const Tensor y = conv1d(x, w, {}, options);
        const Tensor g = normal(y.shape(), 3);
        const std::int64_t rest = (x.size(2) + 2 - 2 * dilation - 1) % stride;
        const Tensor back = conv_transpose1d(
            g, w, {}, {.stride = stride, .padding = 1, .output_padding = rest, .dilation = dilation, .groups = 2});
        const double form = sum(y * g).item();
        BOOST_TEST(sum(x * back).item() == form, boost::test_tools::tolerance(1e-12));
        BOOST_TEST(sum(w * conv1d_weight(x, g, 3, options)).item() == form, boost::test_tools::tolerance(1e-12));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_causal_step_does_not_depend_on_what_follows) {
  const Tensor x = normal({1, 3, 8}, 4).set_requires_grad(true);
  const Tensor w = normal({2, 3, 3}, 5);
  for (int t = 0; t < 8; ++t) {
    Tape tape;
    const Tensor y = conv1d(x, w, {}, {.dilation = 2, .causal = true});
    BOOST_TEST_REQUIRE(y.size(2) == 8);
    const Tensor dx = tape.gradient(sum(select(y, 2, t)), x);
    BOOST_TEST(sum(abs(dx.slice(2, {.start = t + 1}))).item() == 0.0);
    BOOST_TEST(sum(abs(select(dx, 2, t))).item() > 0.0);
  }
}

// Blocks of columns are cut across sequences: what a sequence gives must not depend on where.
BOOST_AUTO_TEST_CASE(a_sequence_alone_or_in_a_batch_gives_the_same_bits) {
  const Tensor x = normal({40, 5, 37}, 6).set_requires_grad(true);
  const Tensor w = normal({7, 5, 4}, 7);
  for (const std::int64_t stride : {1, 2}) {
    const auto run = [&](const Tensor& input) {
      const Tensor leaf = input.detach().set_requires_grad(true);
      Tape tape;
      const Tensor y = conv1d(leaf, w, {}, {.stride = stride, .padding = 2});
      return std::array<Tensor, 2>{y.detach(), tape.gradient(sum(square(y)), leaf)};
    };
    const auto batch = run(x);
    for (const std::int64_t n : {0, 17, 39}) {
      const auto alone = run(x.slice(0, {.start = n, .stop = n + 1}).clone());
      for (std::size_t part : {0U, 1U})
        BOOST_TEST(
            alone[part].to_vector<double>() == batch[part].slice(0, {.start = n, .stop = n + 1}).to_vector<double>(),
            boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(features_last_are_a_view_away) {
  const Tensor x = normal({2, 6, 3}, 8);
  const Tensor w = normal({4, 3, 2}, 9);
  const Tensor y = conv1d(x.transpose(1, 2), w).transpose(1, 2);
  check_close(y, conv1d(x.transpose(1, 2).clone(), w).transpose(1, 2), 0.0);
  BOOST_TEST(y.size(1) == 5);
  BOOST_TEST(y.size(2) == 4);
}

BOOST_AUTO_TEST_CASE(channels_that_stand_last_are_told) {
  BOOST_CHECK_EXCEPTION((void)conv1d(ones({2, 7, 4}), ones({3, 4, 2})), ShapeError,
                        says("[conv1d] weight [3, 4, 2] takes 4 channels, each of the 1 groups of x [2, 7, 4] has 7: "
                             "channels stand before positions, transpose(-1, -2) a [.., L, C]"));
}

BOOST_AUTO_TEST_CASE(options_that_overflow_positions_are_refused) {
  constexpr std::int64_t kMost = INT64_MAX;
  constexpr std::int64_t kHalf = std::int64_t{1} << 62;
  const Tensor x = arange(1, 5, 1, {.dtype = float32}).reshape({1, 1, 4});
  const auto taps = [](std::int64_t k) { return ones({1, 1, k}); };
  const auto far = says("[conv1d] a dilation of 4611686018427387904 is too large for a kernel of 5 taps");
  BOOST_CHECK_EXCEPTION((void)conv1d(x, taps(5), {}, {.dilation = kHalf}), ShapeError, far);
  BOOST_CHECK_EXCEPTION((void)conv1d(x, taps(5), {}, {.dilation = kHalf, .causal = true}), ShapeError, far);
  BOOST_CHECK_THROW((void)conv1d(x, taps(2), {}, {.dilation = kMost}), ShapeError);
  BOOST_CHECK_EXCEPTION(
      (void)conv1d(x, taps(2), {}, {.dilation = kMost - 1}), ShapeError,
      says("[conv1d] the kernel spans 9223372036854775807 positions, x [1, 1, 4] with its padding has 4"));
  for (const std::int64_t padding : {kMost, kMost / 2, kHalf})
    BOOST_CHECK_EXCEPTION((void)conv1d(x, taps(2), {}, {.padding = padding}), ShapeError,
                          says("is too large for x [1, 1, 4]"));
  BOOST_CHECK_THROW((void)conv1d_weight(x, ones({1, 1, 4}), 0), ValueError);
  BOOST_CHECK_THROW((void)conv1d_weight(x, ones({1, 1, 4}), 5, {.dilation = kHalf}), ShapeError);
  BOOST_TEST(conv1d(x, taps(2), {}, {.stride = kMost}).to_vector<float>() == std::vector<float>{3});

  // 4 groups of so many channels are 4 modulo 2^64.
  BOOST_CHECK_EXCEPTION((void)conv1d(ones({1, 4, 4}), expand(zeros({1, 1, 1}), {1, kHalf + 1, 1}), {}, {.groups = 4}),
                        ShapeError,
                        says("[conv1d] weight [1, 4611686018427387905, 1] takes 4611686018427387905 channels, each of "
                             "the 4 groups of x [1, 4, 4] has 1"));

  const Tensor one = ones({1, 1, 1});
  BOOST_CHECK_EXCEPTION(
      (void)conv_transpose1d(one, taps(5), {}, {.dilation = kHalf}), ShapeError,
      says("[conv_transpose1d] a dilation of 4611686018427387904 is too large for a kernel of 5 taps"));
  for (const std::int64_t stride : {kMost, kHalf})
    BOOST_CHECK_EXCEPTION((void)conv_transpose1d(x, taps(2), {}, {.stride = stride}), ShapeError,
                          says("is too large for x [1, 1, 4]"));
  for (const std::int64_t padding : {kMost, kHalf})
    BOOST_CHECK_THROW((void)conv_transpose1d(one, taps(2), {}, {.padding = padding}), ShapeError);
  BOOST_TEST(conv_transpose1d(one, taps(2), {}, {.stride = kMost}).to_vector<float>() == (std::vector<float>{1, 1}));
}

BOOST_AUTO_TEST_SUITE_END()
