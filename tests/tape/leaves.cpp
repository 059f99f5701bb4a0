#include "tape_test.hpp"
#include "tapegrad/array/memory.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

BOOST_AUTO_TEST_SUITE(leaves)

BOOST_AUTO_TEST_CASE(promise_a_leaf_joins_the_tape_at_its_first_use) {
  const Tensor w = leaf({2.0});
  Tape tape;
  BOOST_TEST(tape.size() == 0);
  const Tensor a = square(w);
  BOOST_TEST(tape.size() == 2);
  const Tensor b = tanh(w);
  BOOST_TEST(tape.size() == 3);
  BOOST_TEST(tape.node(0).op == "leaf");
  BOOST_TEST(tape.position(w) == 0);
  BOOST_TEST(tape.position(b) == 2);
  const std::vector<Tensor> handles(2, w);  // other handles are the same leaf
  const Tensor c = neg(handles[1]);
  BOOST_TEST(tape.node(3).inputs[0].node == 0);
}

BOOST_AUTO_TEST_CASE(promise_many_leaves_are_found_again) {
  std::vector<Tensor> ws;
  for (int i = 0; i < 1000; ++i) ws.push_back(leaf({static_cast<double>(i)}));
  Tape tape;
  Tensor sum_of_squares = square(ws[0]);
  for (int i = 1; i < 1000; ++i)
    sum_of_squares = sum_of_squares + ws[static_cast<std::size_t>(i)] * ws[static_cast<std::size_t>(i)];
  BOOST_TEST(tape.size() == 1000 + 1 + 2 * 999);
  tape.backward(sum_of_squares);
  for (int i = 0; i < 1000; ++i) BOOST_TEST_REQUIRE(ws[static_cast<std::size_t>(i)].grad().item() == 2.0 * i);
}

BOOST_AUTO_TEST_CASE(promise_hooks_fire_once_when_the_gradient_is_complete) {
  Tensor early = leaf({2.0});
  Tensor late = leaf({5.0});
  std::vector<std::string> order;
  early.register_hook([&](const Tensor& g) {
    order.push_back("early " + std::to_string(static_cast<int>(g.item())));
    return Tensor();
  });
  late.register_hook([&](const Tensor& g) {
    order.push_back("late " + std::to_string(static_cast<int>(g.item())));
    return Tensor();
  });
  Tape tape;
  Tensor y = square(early);
  tape.register_hook(y, [&](const Tensor& g) {
    order.push_back("y " + std::to_string(static_cast<int>(g.item())));
    return 3.0 * g;
  });
  tape.backward(y * late + y);  // dy = 5 + 1 = 6, then 18 by the hook; late = 4; early = 18 * 2 * 2
  BOOST_TEST(order == (std::vector<std::string>{"late 4", "y 6", "early 72"}), boost::test_tools::per_element());
  BOOST_TEST(early.grad().item() == 72.0);
}

BOOST_AUTO_TEST_CASE(promise_a_hook_may_replace_the_gradient) {
  Tensor x = leaf({2.0});
  x.register_hook([](const Tensor& g) { return 10.0 * g; });
  Tape tape;
  tape.backward(square(x));
  tape.backward(square(x));
  BOOST_TEST(x.grad().item() == 80.0);
  BOOST_TEST(tape.gradient(square(x), x).item() == 4.0);  // gradient() fires no hooks
  BOOST_TEST(x.grad().item() == 80.0);
  Tensor wrong = leaf({2.0});
  wrong.register_hook([](const Tensor&) { return zeros({2}, {.dtype = float64}); });
  BOOST_CHECK_EXCEPTION(tape.backward(square(wrong)), TapeError,
                        says("a hook replaced a gradient [1] float64 by [2] float64"));
  BOOST_TEST(!wrong.has_grad());
}

BOOST_AUTO_TEST_CASE(promise_hooks_can_be_removed) {
  Tensor x = leaf({2.0});
  const auto times = [](double factor) { return [factor](const Tensor& g) { return factor * g; }; };
  const HookId first = x.register_hook(times(10));
  x.register_hook(times(3));
  HookId once{};
  BOOST_TEST(!x.remove_hook(once));
  once = x.register_hook([&](const Tensor& g) {
    BOOST_TEST(Tensor(x).remove_hook(once));  // any handle to the leaf
    return 100.0 * g;
  });
  Tape tape;
  const auto gradient = [&] {
    x.zero_grad();
    tape.backward(square(x));
    return x.grad().item();
  };
  BOOST_TEST(gradient() == 4.0 * 10 * 3 * 100);
  BOOST_TEST(gradient() == 4.0 * 10 * 3);
  BOOST_TEST(x.remove_hook(first));
  BOOST_TEST(!x.remove_hook(first));
  BOOST_TEST(gradient() == 4.0 * 3);

  const Tensor y = square(x);
  const HookId on_y = tape.register_hook(y, times(7)), gone = tape.register_hook(y, times(5));
  BOOST_TEST(!x.remove_hook(on_y));
  BOOST_TEST(tape.remove_hook(gone));
  x.zero_grad();
  tape.backward(y);
  BOOST_TEST(x.grad().item() == 4.0 * 7 * 3);
  BOOST_TEST(!tape.remove_hook(on_y));  // the sweep has consumed the tape, and its hooks
  BOOST_TEST(!Tensor().remove_hook(first));
}

BOOST_AUTO_TEST_CASE(promise_hooks_are_not_recorded) {
  Tensor x = leaf({3.0});
  x.register_hook([&](const Tensor& g) { return g + x; });
  Tape tape;
  const Tensor y = square(x);
  const auto size = tape.size();
  tape.backward(y, {.retain = true});
  BOOST_TEST(tape.size() == size);
  BOOST_TEST(x.grad().item() == 9.0);
  tape.backward(y, {.create_graph = true});
  BOOST_TEST(tape.size() > size);
}

BOOST_AUTO_TEST_CASE(promise_intermediates_have_gradients) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape;
  const Tensor a = square(x);
  const Tensor b = a * x;
  const Tensor y = sum(b + a);
  const auto g = tape.gradient(y, {a, b, y, x}, {.retain = true});
  BOOST_TEST(g[0].to_vector<double>() == (Values{2.0, 3.0}));  // x + 1
  BOOST_TEST(g[1].to_vector<double>() == (Values{1.0, 1.0}));
  BOOST_TEST(g[2].item() == 1.0);
  BOOST_TEST(g[3].to_vector<double>() == (Values{5.0, 16.0}));  // 3 x^2 + 2 x
  BOOST_TEST(!x.has_grad());
  // Only what lies between the result and the tensors asked for is swept.
  int visited = 0;
  tape.observe([&](const SweepEvent&) { ++visited; });
  (void)tape.gradient(y, b, {.retain = true});
  BOOST_TEST(visited == 2);
}

BOOST_AUTO_TEST_CASE(promise_what_is_not_connected_has_gradient_zero) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor stranger = leaf({1.0, 2.0, 3.0});
  Tape tape;
  const Tensor side = tanh(x);
  const Tensor y = sum(x);
  const Tensor after = square(y);
  const auto g = tape.gradient(y, {stranger, side, after}, {.retain = true});
  BOOST_TEST(g[0].to_vector<double>() == (Values{0.0, 0.0, 0.0}));
  BOOST_TEST(g[1].to_vector<double>() == (Values{0.0, 0.0}));
  BOOST_TEST(g[2].item() == 0.0);
  BOOST_CHECK_EXCEPTION((void)tape.gradient(y, side, {.retain = true, .allow_unused = false}), TapeError,
                        says("[gradient] the result does not depend on tensor 0 [2]"));
}

BOOST_AUTO_TEST_CASE(a_sweep_leaves_nothing_behind_for_the_next) {
  std::vector<Tensor> parts;  // more than an op can tell apart whose gradients are wanted
  for (int i = 0; i < 70; ++i) parts.push_back(leaf({1.0}));
  Tape tape;
  const Tensor y = sum(cat(parts, 0));
  const Tensor side = sum(parts[66] * 5.0);
  for (int round = 0; round < 3; ++round) {
    BOOST_TEST(tape.gradient(y, parts[0], {.retain = true}).item() == 1.0);
    BOOST_TEST(tape.gradient(y, parts[69], {.retain = true}).item() == 1.0);
    BOOST_TEST(tape.gradient(side, parts[66], {.retain = true}).item() == 5.0);
    BOOST_TEST(tape.gradient(y, side, {.retain = true}).item() == 0.0);
  }
}

BOOST_AUTO_TEST_CASE(promise_results_share_no_memory) {
  const Tensor a = leaf({1.0, 2.0});
  const Tensor b = leaf({1.0, 2.0});
  Tape tape;
  auto g = tape.gradient(sum(a + b), {a, b, a});
  g[0].mutable_data<double>()[0] = 7.0;
  BOOST_TEST(g[1].to_vector<double>() == (Values{1.0, 1.0}));
  BOOST_TEST(g[2].to_vector<double>() == (Values{1.0, 1.0}));
}

// What cat gives back is a part of a large cotangent each.
BOOST_AUTO_TEST_CASE(promise_a_gradient_keeps_no_more_memory_than_it_needs) {
  const Tensor p = leaf({1.0});
  const Tensor x = ones({100000}, {.dtype = float64});
  const std::size_t before = memory_statistics().bytes_in_use;
  {
    Tape tape;
    tape.backward(sum(square(cat({p, x}, 0))));
  }
  BOOST_TEST(p.grad().item() == 2.0);
  const Tensor dp = [&] {
    Tape tape;
    return tape.gradient(sum(square(cat({p, x}, 0))), p);
  }();
  BOOST_TEST(dp.item() == 2.0);
  BOOST_TEST(memory_statistics().bytes_in_use < before + 10000);
}

BOOST_AUTO_TEST_CASE(promise_grad_throws_and_has_grad_asks) {
  Tensor x = leaf({1.0});
  BOOST_TEST(!x.has_grad());
  BOOST_CHECK_EXCEPTION((void)x.grad(), TapeError,
                        says("[grad] the tensor [1] has no gradient yet: call backward() first"));
  {
    Tape tape;
    tape.backward(sum(sign(x)));
  }
  BOOST_TEST(!x.has_grad());
  BOOST_CHECK_EXCEPTION((void)x.grad(), TapeError,
                        says("or only by steps (sign, floor, round, a comparison), gives none"));
  const Tensor plain = tensor({1.0});
  BOOST_CHECK_EXCEPTION((void)plain.grad(), TapeError, says("is no leaf that requires a gradient (x -= u"));
  const auto itself = [](const Tensor& gradient) { return gradient; };
  BOOST_CHECK_EXCEPTION(plain.register_hook(itself), TapeError,
                        says("[register_hook] the tensor [1] is no leaf that requires a gradient"));
  {
    const Tape tape;
    const Tensor y = square(x);
    BOOST_CHECK_EXCEPTION((void)y.grad(), TapeError,
                          says("[grad] the tensor [1] was computed on a tape and is no leaf: tape.gradient(loss, y) "
                               "gives the gradient of such a y (x -= u"));
    BOOST_CHECK_EXCEPTION(y.register_hook(itself), TapeError,
                          says("[register_hook] the tensor [1] was computed on a tape and is no leaf: "
                               "tape.register_hook(y, hook) takes a hook of such a y"));
  }
  x.zero_grad();
  x.set_grad(tensor({4.0}, {.dtype = float64}));
  BOOST_TEST(x.grad().item() == 4.0);
  BOOST_CHECK_THROW(arange(1).set_grad(arange(1)), DTypeError);
  BOOST_CHECK_EXCEPTION(x.set_grad(tensor({4.0})), DTypeError,
                        says("[set_grad] expected a gradient of dtype float64, got float32"));
  BOOST_CHECK_EXCEPTION(x.set_grad(tensor({4.0, 5.0}, {.dtype = float64})), ShapeError,
                        says("[set_grad] expected a gradient of shape [1], got [2]"));
  x.set_grad(Tensor());
  BOOST_TEST(!x.has_grad());
  x.set_grad(Tensor());
  x.zero_grad();
  BOOST_TEST(!x.has_grad());
}

BOOST_AUTO_TEST_CASE(promise_only_a_leaf_changes_whether_it_wants_a_gradient) {
  Tensor tokens = tensor({1, 2}, {.dtype = int64});
  BOOST_CHECK_EXCEPTION(tokens.set_requires_grad(true), DTypeError,
                        says("[set_requires_grad] only floating tensors have gradients, this one is int64 [2]"));
  Tensor x = leaf({1.0});
  Tape tape;
  Tensor y = square(x);
  for (const bool requires_grad : {true, false})  // neither is done in silence
    BOOST_CHECK_EXCEPTION(y.set_requires_grad(requires_grad), TapeError, says("was computed on a tape and is no leaf"));
  BOOST_CHECK_THROW((void)Tensor().set_requires_grad(false), Error);
  x.set_requires_grad(false);
  BOOST_TEST(!square(x).is_tracked());
}

BOOST_AUTO_TEST_CASE(a_leaf_frozen_after_recording_gets_no_gradient) {
  Tensor w = leaf({3.0});
  const Tensor v = leaf({2.0});
  Tape tape;
  const Tensor y = w * v;
  w.set_requires_grad(false);
  tape.backward(y);
  BOOST_TEST(!w.has_grad());
  BOOST_TEST(v.grad().item() == 3.0);
}

BOOST_AUTO_TEST_CASE(a_const_handle_does_what_belongs_to_the_leaf) {
  const std::vector<Tensor> ws = {leaf({1.0}), leaf({2.0})};
  int fired = 0;
  for (const Tensor& w : ws) {
    w.register_hook([&](const Tensor& g) {
      ++fired;
      return g;
    });
    w.set_grad(w.detach());
    w.zero_grad();
  }
  Tape tape;
  tape.backward(ws[0] * ws[1]);
  BOOST_TEST(fired == 2);
  for (const Tensor& w : ws) BOOST_TEST(w.set_requires_grad(false).impl() == w.impl());
  BOOST_TEST(!ws[0].requires_grad());
}

BOOST_AUTO_TEST_CASE(what_is_no_leaf_is_told_what_it_lacks) {
  const Tensor w = leaf({3.0});
  const Tensor frozen = leaf({2.0}).set_requires_grad(false);
  const Tensor plain = ones({2}, {.dtype = float64});
  Tape tape;
  const Tensor y = sum(w * plain) * frozen;
  BOOST_CHECK_EXCEPTION((void)tape.gradient(y, plain), TapeError,
                        says("[gradient] the tensor [2] is not on this tape: it is a leaf that requires no gradient "
                             "(set_requires_grad(true) before it is used), or it was computed while no tape recorded"));
  BOOST_CHECK_EXCEPTION((void)tape.gradient(y, {w, frozen}), TapeError,
                        says("[gradient] tensor 1 of 2: the leaf [1] is frozen: set_requires_grad(true) before it is "
                             "used on this tape"));
  BOOST_TEST(tape.gradient(y, w).item() == 4.0);  // the tape is whole
}

BOOST_AUTO_TEST_CASE(identity_is_the_tensors_not_its_elements) {
  const Tensor x = leaf({1.0, 2.0});
  BOOST_TEST(identity_of(Tensor(x)) == identity_of(x));
  BOOST_TEST(identity_of(x.detach()) != identity_of(x));
  BOOST_TEST(identity_of(x.clone()) != identity_of(x));
  BOOST_TEST(identity_of(Tensor()) == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
