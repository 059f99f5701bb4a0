// Every op of the catalogue: where nobody else holds a cotangent a rule may write its gradient over it. Gradients have
// the bits they have where somebody does hold it, and what is held stays as it was.
#include <boost/test/unit_test.hpp>
#include <vector>

#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;

namespace {

/// y = 2 x, whose rule notes whether it was given dy's own memory.
struct Doubling : Op<Doubling> {
  static constexpr std::string_view name = "doubling";
  bool* in_place = nullptr;
  Tensor forward(const Tensor& x) const { return 2.0 * x; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return 2.0 * dy; }
  void fused_vjp(const Saved&, const Tensor& dy, GradientSink& sink) const {
    Tensor dx = sink.in_place_of(dy);
    *in_place = dx.data<double>().data() == dy.data<double>().data();
    const std::vector<double> g = dy.to_vector<double>();
    const std::span<double> to = dx.mutable_data<double>("doubling");
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = 2.0 * g[i];
    sink.add(0, std::move(dx));
  }
};

struct SweptGradients {
  std::vector<Tensor> of;
  bool held_changed = false;
};

/// Of the sum of the squares of a sample's outputs: the cotangents are the engine's own.
SweptGradients swept_gradients(const tapegrad::catalogue::Sample& sample, bool hold_cotangents) {
  tapegrad::catalogue::Arguments inputs = sample.inputs;
  std::vector<Tensor> leaves;
  for (Tensor& x : inputs)
    if (x.defined() && is_floating(x.dtype())) leaves.push_back(x = x.clone().set_requires_grad(true));
  std::vector<Tensor> held;
  std::vector<Tensor> copies;
  SweptGradients swept;
  Tape tape;
  Tensor loss;
  for (const Tensor& y : sample.call(inputs)) {
    if (!y.defined() || !y.is_tracked()) continue;
    const Tensor part = sum(square(y)).to(float64);
    loss = loss.defined() ? loss + part : part;
    if (!hold_cotangents) continue;
    tape.register_hook(y, [&](const Tensor& dy) {
      held.push_back(dy);
      copies.push_back(dy.clone());
      return Tensor();
    });
  }
  if (!loss.defined()) return swept;
  tape.backward(loss);
  for (const Tensor& x : leaves) swept.of.push_back(x.has_grad() ? x.grad() : Tensor());
  for (std::size_t i = 0; i < held.size(); ++i)
    swept.held_changed = swept.held_changed || !same_bits(held[i], copies[i]);
  return swept;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(over_cotangents)

BOOST_AUTO_TEST_CASE(every_sample_has_the_same_gradients) {
  for (const tapegrad::catalogue::OpEntry* op : tapegrad::catalogue::all_ops()) {
    Generator generator(7);
    for (const tapegrad::catalogue::Sample& sample : op->samples(generator)) {
      manual_seed(3);
      const SweptGradients alone = swept_gradients(sample, false);
      manual_seed(3);
      const SweptGradients held = swept_gradients(sample, true);
      BOOST_TEST(!held.held_changed, op->name << ", sample \"" << sample.name << "\" writes over what is held");
      BOOST_REQUIRE(alone.of.size() == held.of.size());
      for (std::size_t i = 0; i < alone.of.size(); ++i) {
        BOOST_REQUIRE(alone.of[i].defined() == held.of[i].defined());
        if (alone.of[i].defined())
          BOOST_TEST(same_bits(alone.of[i], held.of[i]), op->name << ", sample \"" << sample.name << "\", " << i);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(only_what_nobody_holds_is_written) {
  const Tensor x = tensor({1.0, 2.0, 3.0}, {.dtype = float64, .requires_grad = true});
  const Tensor seed = tensor({1.0, 10.0, 100.0}, {.dtype = float64});
  bool in_place = false;
  Doubling op;
  op.in_place = &in_place;
  Tape tape;
  const Tensor y = apply(op, x);
  const Tensor z = square(y);

  // The square's gradient is new, and nobody's but the sweep's.
  (void)tape.gradient(z, {x}, {.cotangent = seed, .retain = true});
  BOOST_TEST(in_place);
  // The caller's cotangent is the caller's.
  (void)tape.gradient(y, {x}, {.cotangent = seed, .retain = true});
  BOOST_TEST(!in_place);
  BOOST_TEST(seed.to_vector<double>() == (std::vector{1.0, 10.0, 100.0}), boost::test_tools::per_element());
  // A gradient that is a result too.
  const std::vector<Tensor> both = tape.gradient(z, {y, x}, {.cotangent = seed, .retain = true});
  BOOST_TEST(!in_place);
  BOOST_TEST(both[0].to_vector<double>() == (std::vector{4.0, 80.0, 1200.0}), boost::test_tools::per_element());
  BOOST_TEST(both[1].to_vector<double>() == (std::vector{8.0, 160.0, 2400.0}), boost::test_tools::per_element());
  // A gradient that waits for another node as well.
  const std::vector<Tensor> sum = tape.gradient(z + y, std::vector{x}, {.cotangent = seed, .retain = true});
  BOOST_TEST(sum[0].to_vector<double>() == (std::vector{10.0, 180.0, 2600.0}), boost::test_tools::per_element());
  // An observer sees the cotangent after the rule.
  std::vector<double> seen;
  tape.observe([&](const SweepEvent& event) {
    if (event.node.op == "doubling") seen = event.cotangents[0].to_vector<double>();
  });
  (void)tape.gradient(z, {x}, {.cotangent = seed, .retain = true});
  BOOST_TEST(!in_place);
  BOOST_TEST(seen == (std::vector{4.0, 80.0, 1200.0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
