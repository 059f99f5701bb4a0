#include <memory>

#include "tape_test.hpp"
#include "tapegrad/array/memory.hpp"
#include "tapegrad/diff/transforms.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

namespace {

/// x twice, kept beside a state that has a destructor.
struct HoldsState : Op<HoldsState> {
  static constexpr std::string_view name = "holds_state";
  std::shared_ptr<const double> state;
  Tensor forward(const Tensor& x) const { return *state * x; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return *state * dy; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(generations)

BOOST_AUTO_TEST_CASE(gradients_with_a_graph_add_up_over_generations) {
  const Tensor x = leaf({2.0});
  Tape tape;
  for (const double expected : {12.0, 24.0}) {
    tape.backward(sum(x * x * x), {.create_graph = true});
    BOOST_TEST(x.grad().item() == expected);
    const double curvature = tape.gradient(x.grad(), x, {.retain = true}).item();  // of this generation's part
    BOOST_TEST(curvature == 12.0);
    tape.clear();
  }
}

BOOST_AUTO_TEST_CASE(promise_one_live_tape_per_thread) {
  const Tensor x = leaf({2.0});
  {
    const Tape tape;
    BOOST_CHECK_EXCEPTION((void)Tape(), TapeError,
                          says("[tape] a Tape already lives on this thread, where one records at a time: end its block "
                               "first, evaluate under NoRecord, or differentiate by grad() and its like, which nest"));
    BOOST_TEST(is_recording());
    BOOST_TEST(x.is_tracked());
    {
      const NoRecord guard;
      BOOST_TEST(!is_recording());
      { const NoRecord nested; }
      const Tensor y = square(x);
      BOOST_TEST(!is_recording());
      BOOST_TEST(!y.is_tracked());
    }
    BOOST_TEST(is_recording());
    BOOST_TEST(tape.size() == 0);
    const Tensor constant = square(tensor({1.0}, {.dtype = float64}));
    BOOST_TEST(tape.size() == 0);
    BOOST_TEST(!constant.is_tracked());
    BOOST_TEST(square(x).is_tracked());
    BOOST_TEST(tape.size() == 2);
  }
  BOOST_TEST(!is_recording());
  BOOST_TEST(!square(x).is_tracked());
  const Tape another;
  BOOST_TEST(another.size() == 0);
  BOOST_TEST(grad([](const Tensor& t) { return t * t; })(x).item() == 4.0);
}

BOOST_AUTO_TEST_CASE(promise_consuming_starts_a_generation) {
  Tensor x = leaf({3.0});
  Tape tape;
  const std::uint64_t first = tape.generation();
  const Tensor y = square(x);
  tape.backward(y);
  BOOST_TEST(x.grad().item() == 6.0);
  BOOST_TEST(tape.size() == 0);
  BOOST_TEST(tape.generation() == first + 1);

  BOOST_CHECK_EXCEPTION(
      tape.backward(y), TapeError,
      says("[backward] the tensor [1] belongs to an earlier step, where it was node 1: the tape was consumed"));
  BOOST_CHECK_EXCEPTION((void)tape.gradient(y, x), TapeError,
                        says("[gradient] the tensor [1] belongs to an earlier step"));
  BOOST_CHECK_EXCEPTION(
      (void)tanh(y), TapeError,
      says("[tanh] an input [1] was recorded in an earlier step of this tape, as its node 1, which a "
           "sweep has consumed: say .retain = true there to go on from it with gradients, or use detach() to "
           "carry its value over"));
  BOOST_CHECK_EXCEPTION((void)mul(x, y), TapeError, says("[mul] an input [1] was recorded in an earlier step"));
  BOOST_TEST(tape.size() == 0);

  const Tensor next = mul(x, y.detach());  // carried over on purpose
  tape.backward(next);
  BOOST_TEST(x.grad().item() == 15.0);
}

BOOST_AUTO_TEST_CASE(consuming_releases_all_that_nodes_hold) {
  const Tensor x = leaf({3.0});
  HoldsState op;
  op.state = std::make_shared<const double>(2.0);
  const auto twice = [&op](const Tensor& t) { return apply(op, t); };
  const std::size_t before = memory_statistics().bytes_in_use;
  {
    Tape tape;
    const auto record = [&] {
      Tensor middle = twice(square(twice(x)));
      (void)square(twice(middle) * leaf({1.0}));  // which no sweep of `middle` sees
      return middle;
    };
    BOOST_TEST(tape.gradient(record(), x).item() == 48.0);
    BOOST_TEST(op.state.use_count() == 1);
    BOOST_TEST(tape.gradient(record(), x, {.retain = true}).item() == 48.0);
    BOOST_TEST(op.state.use_count() == 4);
    tape.clear();
    BOOST_TEST(op.state.use_count() == 1);
    (void)record();
  }
  BOOST_TEST(op.state.use_count() == 1);
  BOOST_TEST(memory_statistics().bytes_in_use == before);
}

BOOST_AUTO_TEST_CASE(promise_a_tensor_of_another_tape_is_stale) {
  const Tensor x = leaf({3.0});
  Tensor y;
  {
    const Tape tape;
    y = square(x);
  }
  BOOST_TEST(square(y).item() == 81.0);  // no tape: nothing to record, nothing to complain about
  Tape tape;
  BOOST_CHECK_EXCEPTION(
      (void)square(y), TapeError,
      says("[square] an input [1] was recorded on another tape, as its node 1: use detach() to carry its value over"));
  BOOST_CHECK_EXCEPTION(
      tape.backward(y), TapeError,
      says("[backward] the tensor [1] lies on another tape, as its node 1: compute it while this one"));
}

BOOST_AUTO_TEST_CASE(two_losses_of_one_input_are_swept_with_retain) {
  const Tensor x = leaf({3.0});
  Tape tape;
  const Tensor shared = square(x);
  tape.backward(2.0 * shared, {.retain = true});
  tape.backward(x * shared);
  BOOST_TEST(x.grad().item() == 39.0);  // 4 x + 3 x^2
}

BOOST_AUTO_TEST_CASE(a_tensor_off_the_tape_is_told_why_it_may_be) {
  const Tensor x = leaf({3.0});
  Tape tape;
  const Tensor slope = tape.gradient(square(x), x, {.retain = true});
  BOOST_CHECK_EXCEPTION((void)tape.gradient(slope, x), TapeError,
                        says("or it was computed while no tape recorded or a NoRecord lived, from inputs none of which "
                             "requires a gradient, from a gradient taken without .create_graph, or by an operation "
                             "that carries none (a comparison, an index)"));
  const NoRecord unrecorded;
  BOOST_CHECK_EXCEPTION(tape.backward(square(x)), TapeError,
                        says("it was computed while no tape recorded (a NoRecord lives now), from inputs"));
}

BOOST_AUTO_TEST_CASE(promise_retain_and_create_graph_keep_the_tape) {
  Tensor x = leaf({3.0});
  Tape tape;
  const Tensor y = square(x) * x;
  tape.backward(y, {.retain = true});
  tape.backward(y, {.retain = true});
  BOOST_TEST(x.grad().item() == 54.0);  // twice 3 x^2
  const Tensor slope = tape.gradient(y, x, {.create_graph = true});
  BOOST_TEST(slope.item() == 27.0);
  BOOST_TEST(slope.is_tracked());
  const Tensor curvature = tape.gradient(slope, x, {.create_graph = true});
  BOOST_TEST(curvature.item() == 18.0);
  BOOST_TEST(tape.gradient(curvature, x).item() == 6.0);
  BOOST_TEST(tape.size() == 0);
}

BOOST_AUTO_TEST_CASE(promise_clear_empties_without_a_sweep) {
  const Tensor x = leaf({3.0});
  Tape tape;
  const Tensor y = square(x);
  BOOST_TEST(tape.bytes_kept() == sizeof(double));
  tape.clear();
  BOOST_TEST(tape.size() == 0);
  BOOST_TEST(tape.bytes_kept() == 0U);
  BOOST_CHECK_THROW(tape.backward(y), TapeError);
}

BOOST_AUTO_TEST_CASE(a_kept_view_keeps_all_it_is_a_view_of) {
  const Tensor x = leaf({3.0});
  const Tensor many = ones({1000}, {.dtype = float64});
  Tape tape;
  const Tensor y = mul(x, many[7]);
  BOOST_TEST(tape.bytes_kept() == sizeof(double) * 1000);  // x is not read: many has no gradient
}

BOOST_AUTO_TEST_CASE(promise_a_leaf_is_its_own_result) {
  const Tensor x = leaf({1.0});
  Tape tape;
  tape.backward(x);
  BOOST_TEST(x.grad().item() == 1.0);
}

BOOST_AUTO_TEST_CASE(promise_what_cannot_be_swept_is_told) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape;
  const Tensor y = tanh(x);
  BOOST_CHECK_EXCEPTION(
      tape.backward(y), ShapeError,
      says("[backward] a tensor of shape [2] (node 1, tanh [2]) is no scalar: give dL/dy as .cotangent"));
  BOOST_CHECK_EXCEPTION(tape.backward(y, {.cotangent = ones({3}, {.dtype = float64})}), ShapeError,
                        says("[backward] expected a cotangent (of node 1, tanh [2]) of shape [2], got [3]"));
  BOOST_CHECK_EXCEPTION(tape.backward(y, {.cotangent = ones({2})}), DTypeError,
                        says("[backward] expected a cotangent (of node 1, tanh [2]) of dtype float64, got float32"));
  BOOST_CHECK_EXCEPTION(tape.backward(Tensor()), ValueError, says("[backward] the tensor is undefined"));
  BOOST_CHECK_EXCEPTION(tape.backward(ones({})), TapeError, says("[backward] the tensor [] is not on this tape"));
  BOOST_CHECK_EXCEPTION(tape.node(7), IndexError, says("[tape] node 7 of a tape with 2 nodes"));
  tape.backward(y, {.cotangent = ones({2}, {.dtype = float64})});  // none of these mistakes cost the tape
  BOOST_TEST(x.has_grad());
}

BOOST_AUTO_TEST_SUITE_END()
