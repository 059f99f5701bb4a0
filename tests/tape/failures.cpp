#include <array>
#include <boost/test/unit_test.hpp>
#include <exception>
#include <vector>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using tapegrad::test::says;
using Values = std::vector<double>;

namespace {

Tensor leaf(std::initializer_list<NestedList> values) {
  return tensor(values, {.dtype = float64, .requires_grad = true});
}

struct FailsForward : Op<FailsForward> {
  static constexpr std::string_view name = "fails_forward";
  Tensor forward(const Tensor& a, const Tensor& b) const {
    const Tensor done_before = a * b;
    throw ValueError("[fails_forward] on purpose");
  }
  std::array<Tensor, 2> vjp(const Saved&, const Tensor&) const { return {}; }
};

struct FailsBackward : Op<FailsBackward> {
  static constexpr std::string_view name = "fails_backward";
  static constexpr Keep keep = Keep::nothing;
  Tensor forward(const Tensor& x) const { return x * 2.0; }
  Tensor vjp(const Saved&, const Tensor&) const { throw ValueError("on purpose"); }
};

/// Reads what it does not keep.
struct Forgetful : Op<Forgetful> {
  static constexpr std::string_view name = "forgetful";
  static constexpr Keep keep = Keep::output;
  Tensor forward(const Tensor& x) const { return x * x; }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return 2.0 * dy * s.input(0); }
};

/// Returns a gradient of no possible shape.
struct Misshapen : Op<Misshapen> {
  static constexpr std::string_view name = "misshapen";
  Tensor forward(const Tensor& x) const { return x * 1.0; }
  Tensor vjp(const Saved&, const Tensor&) const { return zeros({7}, {.dtype = float64}); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(failures)

BOOST_AUTO_TEST_CASE(decision_07_a_failed_op_leaves_the_tape_as_it_was) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor fresh = leaf({1.0, 2.0});
  const Tensor misfit = leaf({1.0, 2.0, 3.0});
  Tape tape;
  const Tensor y = square(x);
  BOOST_CHECK_THROW(apply(FailsForward{}, y, fresh), ValueError);
  BOOST_CHECK_EXCEPTION(y + misfit, ShapeError, says("[add]"));
  BOOST_CHECK_THROW(matmul(y, misfit), ShapeError);
  BOOST_TEST(tape.size() == 2);  // without the leaves that only the failed ops used
  BOOST_CHECK_THROW(tape.position(fresh), TapeError);
  const Tensor z = sum(y * fresh);
  const auto g = tape.gradient(z, {x, fresh});
  BOOST_TEST(g[0].to_vector<double>() == (Values{2.0, 8.0}));
  BOOST_TEST(g[1].to_vector<double>() == (Values{1.0, 4.0}));
}

BOOST_AUTO_TEST_CASE(decision_07_a_failed_sweep_consumes_the_tape_and_names_the_node) {
  Tensor x = leaf({1.0, 2.0});
  Tape tape;
  const Tensor y = sum(apply(FailsBackward{}, tanh(x)));
  const std::uint64_t generation = tape.generation();
  BOOST_CHECK_EXCEPTION(tape.backward(y, {.retain = true}), TapeError,
                        says("[backward] at node 2, fails_backward [2]: on purpose"));
  BOOST_TEST(tape.size() == 0);
  BOOST_TEST(tape.generation() == generation + 1);
  BOOST_TEST(!x.has_grad());
  tape.backward(sum(square(x)));  // the tape is as good as new
  BOOST_TEST(x.grad().to_vector<double>() == (Values{2.0, 4.0}));
}

BOOST_AUTO_TEST_CASE(decision_07_the_cause_is_nested) {
  const Tensor x = leaf({1.0});
  Tape tape;
  const Tensor y = apply(FailsBackward{}, x);
  try {
    tape.backward(y);
    BOOST_FAIL("no error");
  } catch (const TapeError& e) {
    BOOST_CHECK_THROW(std::rethrow_if_nested(e), ValueError);
  }
}

BOOST_AUTO_TEST_CASE(decision_07_mistakes_of_an_op) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape;
  BOOST_CHECK_EXCEPTION(
      tape.backward(sum(apply(Forgetful{}, x))), TapeError,
      says("[backward] at node 1, forgetful [2]: [forgetful] its reverse rule reads input 0, which the "
           "op does not keep"));
  BOOST_CHECK_EXCEPTION(tape.backward(sum(apply(Misshapen{}, x))), TapeError,
                        says("(misshapen) gave a gradient of shape [7] for an input of shape [2]"));
}

BOOST_AUTO_TEST_CASE(decision_07_a_throwing_hook_or_observer) {
  Tensor x = leaf({1.0});
  Tape tape;
  tape.observe([](const SweepEvent& event) {
    if (event.node.op == "tanh") throw ValueError("stop here");
  });
  BOOST_CHECK_EXCEPTION(tape.backward(tanh(x)), TapeError, says("[backward] at node 1, tanh [1]: stop here"));
  tape.observe({});
  x.register_hook([](const Tensor&) -> Tensor { throw ValueError("no"); });
  BOOST_CHECK_EXCEPTION(tape.backward(tanh(x)), TapeError, says("[backward] at node 0, leaf [1]: no"));
  BOOST_TEST(!x.has_grad());
}

BOOST_AUTO_TEST_SUITE_END()
