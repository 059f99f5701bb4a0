// The tapes that transforms record on: what outlives them, and the live tape beside them.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>
#include <thread>

#include "diff/derivatives.hpp"
#include "says.hpp"
#include "scalar.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using namespace tapegrad::test::derivatives;
using tapegrad::test::num;
using tapegrad::test::says;

namespace {

/// Its rule waits until it is told to go on.
struct Waits : Op<Waits> {
  static constexpr std::string_view name = "waits";
  std::atomic<bool>* within = nullptr;
  std::atomic<bool>* asked = nullptr;
  Tensor forward(const Tensor& x) const { return x * 2.0; }
  Tensor vjp(const Saved&, const Tensor& dy) const {
    *within = true;
    while (!*asked) std::this_thread::yield();
    return 2.0 * dy;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(private_tapes)

BOOST_AUTO_TEST_CASE(pullbacks_are_values) {
  const auto f = [](const Tensor& x) { return cube(x); };
  auto back = vjp(f, num(2.0)).second;
  auto other = vjp(f, num(3.0)).second;
  const auto first = back;
  back = other;
  other = first;
  const auto& same = back;
  back = same;
  check_close(back(num(1.0)), {27.0});
  check_close(other(num(1.0)), {12.0});
}

BOOST_AUTO_TEST_CASE(results_off_a_private_tape_can_be_used_on_the_next) {
  const Tensor d = grad([](const Tensor& x) { return cube(x); })(num(2.0));
  const auto [y, pullback] = vjp([](const Tensor& x) { return cube(x); }, num(2.0));
  Tape tape;
  Tensor w = num(5.0).set_requires_grad(true);
  tape.backward(w * d * y);
  check_close(w.grad(), {12.0 * 8.0});
  check_close(pullback(num(1.0)), {12.0});
  check_close(pullback(num(2.0)), {24.0});
  BOOST_CHECK_THROW((void)pullback(w * 1.0), TapeError);
}

BOOST_AUTO_TEST_CASE(inside_a_pause_of_a_live_tape) {
  Tape tape;
  Tensor w = num(2.0).set_requires_grad(true);
  const Tensor y = w * w;
  {
    const NoRecord pause;
    // y is a constant there: d/dx (x^3 y) = 3 x^2 y
    check_close(grad([&](const Tensor& x) { return cube(x) * y; })(num(1.0)), {12.0});
    check_close(grad([&](const Tensor& x) { return cube(x); })(y), {48.0});
  }
  BOOST_TEST(tape.size() == 2);
  tape.backward(y);
  check_close(w.grad(), {4.0});
}

BOOST_AUTO_TEST_CASE(stale_tensors_are_refused_by_a_private_tape) {
  Tensor stale;
  {
    Tape tape;
    Tensor w = num(2.0).set_requires_grad(true);
    stale = w * w;
  }
  BOOST_CHECK_THROW((void)grad([&](const Tensor& x) { return x * stale; })(num(1.0)), TapeError);
}

BOOST_AUTO_TEST_CASE(a_tape_destroyed_inside_a_transform_is_noticed) {
  auto tape = std::make_unique<Tape>();
  const Tensor x = tensor({2.0}, {.dtype = float64, .requires_grad = true});
  {
    const NoRecord pause;  // so that the transform sets the live tape aside
    (void)grad([&tape](const Tensor& t) {
      tape.reset();
      return total(square(t));
    })(x.detach());
  }
  BOOST_CHECK_EXCEPTION((void)square(x), TapeError, says("was destroyed on another thread, or inside a transform"));
  BOOST_TEST(square(x).item() == 4.0);
}

BOOST_AUTO_TEST_CASE(a_pullback_is_one_threads_at_a_time) {
  // The rule of the first thread's sweep waits until the second thread has asked.
  std::atomic<bool> within = false, asked = false;
  Waits op;
  op.within = &within;
  op.asked = &asked;
  const auto [y, pullback] = vjp([&](const Tensor& x) { return apply(op, x); }, vec({1.0}));
  Tensor first;
  std::thread other([&, &pull = pullback] { first = pull(vec({1.0})); });
  while (!within) std::this_thread::yield();
  const auto copy = pullback;
  BOOST_CHECK_EXCEPTION((void)copy(vec({1.0})), TapeError,
                        says("[vjp] another thread is using what this function recorded"));
  asked = true;
  other.join();
  check_close(first, {2.0});
  check_close(copy(vec({3.0})), {6.0});  // and now it is this thread's
}

BOOST_AUTO_TEST_SUITE_END()
