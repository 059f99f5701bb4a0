// Every op of the catalogue: where its output is computed again, gradients have the bits they have where it is kept.
#include <boost/test/unit_test.hpp>
#include <limits>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;

namespace {

/// Of the sum of the squares of a sample's outputs; a square's rule reads what it squares.
struct Gradients {
  std::vector<Tensor> of;
  bool again = false;  // a node computes an input again
};

Gradients gradients(const catalogue::Sample& sample, std::size_t recompute_from) {
  catalogue::Arguments inputs = sample.inputs;
  std::vector<Tensor> leaves;
  for (Tensor& x : inputs)
    if (x.defined() && is_floating(x.dtype())) leaves.push_back(x = x.clone().set_requires_grad(true));
  Tape tape({.recompute_from = recompute_from});
  Gradients gradients;
  for (const Tensor& y : sample.call(inputs)) {
    if (!y.defined() || !y.is_tracked()) continue;
    const Tensor loss = sum(square(y));
    for (std::int64_t i = 0; i < tape.size(); ++i)
      gradients.again = gradients.again || !tape.node(i).recomputed.empty();
    for (const Tensor& g : tape.gradient(loss, leaves, {.retain = true})) gradients.of.push_back(g);
  }
  return gradients;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recomputed)

BOOST_AUTO_TEST_CASE(every_sample_has_the_same_gradients) {
  int ops = 0;
  for (const catalogue::OpEntry* op : catalogue::all_ops()) {
    bool again = false;
    Generator generator(7);
    for (const catalogue::Sample& sample : op->samples(generator)) {
      const Gradients kept = gradients(sample, std::numeric_limits<std::size_t>::max());
      const Gradients recomputed = gradients(sample, 0);
      BOOST_TEST(!kept.again);
      again = again || recomputed.again;
      BOOST_REQUIRE(recomputed.of.size() == kept.of.size());
      for (std::size_t i = 0; i < kept.of.size(); ++i)
        BOOST_TEST(same_bits(recomputed.of[i], kept.of[i]), op->name << ", sample \"" << sample.name << "\", " << i);
    }
    ops += again ? 1 : 0;
  }
  BOOST_TEST(ops >= 7);  // gelu, silu, geglu, glu, swiglu, layer_norm, rms_norm; those whose samples use one too
}

BOOST_AUTO_TEST_SUITE_END()
