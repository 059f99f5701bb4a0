// What is large and cheap is not kept but computed again.
#include <limits>

#include "tape_test.hpp"
#include "tapegrad/array/memory.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/diff/checkpoint.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/tape/same_bits.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

namespace {

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

/// As transformers have them: a norm and an activation between products.
struct Layers {
  Generator random{1};
  Tensor x = uniform({3, 4}), gamma = uniform({4}), beta = uniform({4}), w1 = uniform({5, 4}), w2 = uniform({2, 5});

  Tensor uniform(const Shape& shape) { return rand(shape, random, {.dtype = float64}).set_requires_grad(true); }
  Tensor operator()(const Tensor& h) const {
    return sum(square(linear(gelu(linear(layer_norm(h, gamma, beta), w1)), w2)));
  }
  std::vector<Tensor> leaves() const { return {x, gamma, beta, w1, w2}; }
};

void expect_same_bits(const std::vector<Tensor>& got, const std::vector<Tensor>& expected) {
  BOOST_REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) BOOST_TEST(same_bits(got[i], expected[i]), "gradient " << i);
}

/// y = 2 x, which counts how often it runs; its rule reads x although it need not.
struct Counted : Op<Counted> {
  static constexpr std::string_view name = "counted";
  static constexpr bool recomputable = true;
  int* runs;
  explicit Counted(int* counter) : runs(counter) {}
  Tensor forward(const Tensor& x) const {
    ++*runs;
    return x + x;
  }
  Tensor vjp(const Saved&, const Tensor& dy) const { return 2.0 * dy; }
};

/// x sigmoid(x), whose rule reads its output too.
struct Swish : Op<Swish> {
  static constexpr std::string_view name = "swish";
  static constexpr Keep keep = Keep::inputs | Keep::output;
  static constexpr bool recomputable = true;
  Tensor forward(const Tensor& x) const { return x * sigmoid(x); }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    return dy * s.output() + dy * sigmoid(s.input(0)) * (1.0 - s.output());
  }
};

/// y = x, whose rule lets go of x and asks for it again.
struct Releasing : Op<Releasing> {
  static constexpr std::string_view name = "releasing";
  std::size_t* freed;
  explicit Releasing(std::size_t* bytes) : freed(bytes) {}
  Tensor forward(const Tensor& x) const { return x.clone(); }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy; }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const std::size_t before = memory_statistics().bytes_in_use;
    s.release_input(0);
    *freed = before - memory_statistics().bytes_in_use;
    try {
      s.input(0);
    } catch (const TapeError&) {
      sink.add(0, 2.0 * dy);
      return;
    }
    sink.add(0, dy);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(recomputing)

BOOST_AUTO_TEST_CASE(a_rule_lets_go_of_what_was_computed_again_for_it) {
  const Tensor x = zeros({100000}, {.requires_grad = true});
  std::size_t freed = 0;
  for (const bool again : {true, false}) {
    Tape tape({.recompute_from = again ? 0 : kNever});
    const Tensor y = apply(Releasing(&freed), gelu(x));
    const Tensor dx = tape.gradient(sum(y), x);
    BOOST_TEST(dx.to_vector<float>()[7] == (again ? 1.0F : 0.5F));  // what is kept stays
    BOOST_TEST(freed >= (again ? 400000U : 0U));
    BOOST_TEST(freed <= (again ? 500000U : 0U));
  }
}

BOOST_AUTO_TEST_CASE(gradients_have_the_same_bits) {
  const Layers layers;
  const auto gradients = [&](std::size_t from) {
    Tape tape({.recompute_from = from});
    const Tensor y = layers(layers.x);
    std::vector<Tensor> all = tape.gradient(y, layers.leaves(), {.retain = true});
    expect_same_bits(tape.gradient(y, layers.leaves(), {.retain = true}), all);
    // The weights' gradients are made of what is computed again.
    const std::vector<Tensor> first = tape.gradient(y, {layers.w1, layers.w2}, {.create_graph = true});
    const Tensor size = sum(square(first[0])) + sum(square(first[1]));
    for (const Tensor& second : tape.gradient(size, layers.leaves())) all.push_back(second);
    return all;
  };
  expect_same_bits(gradients(0), gradients(kNever));
}

BOOST_AUTO_TEST_CASE(tangents_are_kept_with_what_they_belong_to) {
  const Layers layers;
  const auto gradients = [&](std::size_t from) {
    Tape tape({.recompute_from = from});
    const auto of_weights = [&](const Tensor& x) {
      return tape.gradient(layers(x), {layers.w1, layers.w2}, {.retain = true});
    };
    const std::vector<Tensor> changes = jvp(of_weights, layers.x, layers.x.detach()).second;
    const Tensor change = jvp(layers, layers.x, layers.x.detach()).second;
    // What was recorded under forward mode is read after it.
    const auto norm = [&](const Tensor& x) { return layer_norm(x, layers.gamma, layers.beta); };
    const Tensor after = sum(square(linear(jvp(norm, layers.x, layers.x.detach()).first, layers.w1)));
    std::vector<Tensor> all = tape.gradient(change + after, layers.leaves());
    all.insert(all.end(), changes.begin(), changes.end());
    return all;
  };
  expect_same_bits(gradients(0), gradients(kNever));
}

BOOST_AUTO_TEST_CASE(less_is_kept) {
  const Layers layers;
  const auto bytes = [&](TapeOptions options) {
    const Tape tape(options);
    (void)layers(layers.x);
    return tape.bytes_kept();
  };
  // The norm's [3, 4] and gelu's [3, 5] are not; the norm's beta is, for its forward function reads it.
  BOOST_TEST(bytes({.recompute_from = kNever}) - bytes({.recompute_from = 0}) == (12U + 15U - 4U) * sizeof(double));
  BOOST_TEST(bytes({.recompute_from = kNever}) == bytes({}));
  BOOST_TEST(bytes({.study = true, .recompute_from = 0}) == bytes({}));
  BOOST_TEST(bytes({.recompute_from = 13 * sizeof(double)}) == bytes({}) - 15 * sizeof(double));
}

BOOST_AUTO_TEST_CASE(a_tape_says_what_comes_again) {
  const Layers layers;
  Tape tape({.recompute_from = 0});
  const Tensor y = sum(linear(gelu(layers.x), layers.w1));
  const std::string text = to_string(tape);
  BOOST_TEST(text.find("     keeps input 1 (weight): 160 B; input 0 comes again\n") != std::string::npos, text);
  BOOST_TEST((tape.node(3).recomputed == std::vector<int>{0}));
}

BOOST_AUTO_TEST_CASE(forward_runs_again_where_a_rule_reads_the_output) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor w = leaf({3.0, 4.0});
  Tape tape({.recompute_from = 0});
  int runs = 0;
  const Tensor y = sum(apply(Counted{&runs}, x) * w);
  BOOST_TEST(runs == 1);
  BOOST_TEST(tape.gradient(y, x, {.retain = true}).to_vector<double>() == (Values{6.0, 8.0}));
  BOOST_TEST(runs == 1);
  const std::size_t kept = tape.bytes_kept();
  BOOST_TEST(tape.gradient(y, w, {.retain = true}).to_vector<double>() == (Values{2.0, 4.0}));
  BOOST_TEST(runs == 2);
  BOOST_TEST(tape.bytes_kept() == kept);
  tape.backward(y);
  BOOST_TEST(runs == 3);
}

BOOST_AUTO_TEST_CASE(what_comes_again_is_not_made_of_what_comes_again) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor w = leaf({3.0, 4.0});
  const auto gradients = [&](std::size_t from) {
    Tape tape({.recompute_from = from});
    const Tensor h = gelu(gelu(x));
    const Tensor y = apply(Swish{}, gelu(x));
    // About the second gelu's rule its input is there, yet not for good.
    Tensor seen;
    tape.observe([&](const SweepEvent& event) {
      if (event.node.position == 2 && !seen.defined()) seen = sum(h * w) + sum(y * w);
    });
    const Tensor first = tape.gradient(sum(square(y)) + sum(h), x, {.create_graph = true});
    tape.observe({});
    std::vector<Tensor> all = tape.gradient(seen, {x, w}, {.retain = true});
    all.push_back(tape.gradient(sum(square(first)), x));
    return all;
  };
  expect_same_bits(gradients(0), gradients(kNever));
}

BOOST_AUTO_TEST_CASE(an_observer_is_told_what_came_again) {
  const Layers layers;
  Tape tape({.recompute_from = 0});
  const Tensor y = sum(linear(gelu(layers.x), layers.w1));
  std::vector<int> recomputed;
  tape.observe([&](const SweepEvent& event) {
    if (event.node.op == "linear") recomputed = event.node.recomputed;
  });
  (void)tape.gradient(y, layers.w1);
  BOOST_TEST(recomputed == std::vector<int>{0}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_checkpoint_computes_again_what_comes_again) {
  const Layers layers;
  const auto gradients = [&](std::size_t from) {
    Tape tape({.recompute_from = from});
    const Tensor h = gelu(layers.x);
    return tape.gradient(checkpoint(layers, h) + sum(square(h)), layers.leaves());
  };
  expect_same_bits(gradients(0), gradients(kNever));
}

BOOST_AUTO_TEST_CASE(what_it_is_computed_from_must_not_change) {
  Tensor x = leaf({1.0, 2.0});
  const Tensor w = leaf({3.0, 4.0});
  Tape tape({.recompute_from = 0});
  const Tensor y = sum(gelu(x) * w);
  {
    const NoRecord guard;
    x.mutable_data<double>("the_test")[0] = 5.0;
  }
  BOOST_CHECK_EXCEPTION(tape.backward(y), TapeError,
                        says("[backward] at node 3, mul [2]: gelu saved its input 0 [2], which was changed in place by "
                             "the_test since"));
}

BOOST_AUTO_TEST_CASE(an_output_that_was_written_is_kept_as_it_was_read) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor w = leaf({3.0, 4.0});
  Tape tape({.recompute_from = 0});
  int runs = 0;
  Tensor doubled = apply(Counted{&runs}, x);
  {
    const NoRecord guard;
    doubled.mutable_data<double>()[0] = 10.0;
  }
  BOOST_TEST(tape.gradient(sum(doubled * w), w).to_vector<double>() == (Values{10.0, 4.0}));
  BOOST_TEST(runs == 1);
}

BOOST_AUTO_TEST_SUITE_END()
