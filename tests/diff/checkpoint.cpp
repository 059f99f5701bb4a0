#include "tapegrad/diff/checkpoint.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "says.hpp"
#include "scalar.hpp"
#include "tapegrad/array/memory.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/dropout.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using tapegrad::test::num;

BOOST_AUTO_TEST_SUITE(checkpoint)

BOOST_AUTO_TEST_CASE(promise_arguments_and_captured_tensors_get_their_gradients) {
  Tensor x = num(0.3).set_requires_grad(true);
  Tensor w = num(0.7).set_requires_grad(true);
  Tape tape;
  const Tensor h = x * 2.0;
  const Tensor v = w * 3.0;  // an intermediate that the block reads; it reads w too
  const Tensor c = tapegrad::checkpoint([&](const Tensor& a) { return tanh(a * v) * w; }, h);
  tape.backward(c * h);
  // L = 2 x w tanh(6 x w)
  const double t = std::tanh(6.0 * 0.3 * 0.7);
  const double s = 1.0 - t * t;
  BOOST_TEST(x.grad().item() == 2.0 * 0.7 * t + 2.0 * 0.3 * 0.7 * s * 6.0 * 0.7, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(w.grad().item() == 2.0 * 0.3 * t + 2.0 * 0.3 * 0.7 * s * 6.0 * 0.3, boost::test_tools::tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(the_argument_may_be_captured_too) {
  Tensor x = num(3.0).set_requires_grad(true);
  Tape tape;
  const Tensor c = tapegrad::checkpoint([&](const Tensor& a) { return a * a * x; }, x);
  tape.backward(c);
  BOOST_TEST(x.grad().item() == 27.0);
}

BOOST_AUTO_TEST_CASE(a_block_may_give_what_it_reads) {
  Tensor b = num(3.0).set_requires_grad(true);
  Tensor x = num(1.0).set_requires_grad(true);
  {
    Tape tape;
    tape.backward(tapegrad::checkpoint([&](const Tensor&) { return b; }, x));  // a leaf
    BOOST_TEST(b.grad().item() == 1.0);
    BOOST_TEST(x.grad().item() == 0.0);
  }
  {
    Tape tape;
    Tensor m = b * b;  // an intermediate
    const Tensor c = tapegrad::checkpoint([&](const Tensor&) { return m; }, x);
    BOOST_TEST(tape.gradient(c * c, b).item() == 4.0 * 27.0);
  }
  {
    Tape tape;  // the argument itself, by another way
    BOOST_TEST(tape.gradient(tapegrad::checkpoint([&](const Tensor&) { return x; }, x), x).item() == 1.0);
  }
  {
    Tape tape;  // read and given
    const Tensor c = tapegrad::checkpoint([&](const Tensor& a) { return (a * b).defined() ? b : a; }, x);
    BOOST_TEST(tape.gradient(c * 5.0, b).item() == 5.0);
  }
}

BOOST_AUTO_TEST_CASE(the_tape_keeps_the_argument_alone) {
  Tensor x = ones({1000}, {.dtype = float64}).set_requires_grad(true);
  int runs = 0;
  const auto block = [&](const Tensor& a) {
    ++runs;
    BOOST_TEST(is_replaying() == (runs == 2));
    return tanh(tanh(tanh(tanh(a))));
  };
  Tape tape;
  const Tensor c = tapegrad::checkpoint(block, x);
  BOOST_TEST(tape.bytes_kept() == 8000U);
  BOOST_TEST(tape.size() == 2);
  tape.backward(sum_to(c, {}));
  BOOST_TEST(runs == 2);
  BOOST_TEST(!is_replaying());
  double y = 1.0;
  double slope = 1.0;
  for (int i = 0; i < 4; ++i) {
    y = std::tanh(y);
    slope *= 1.0 - y * y;
  }
  BOOST_TEST(x.grad().to_vector<double>()[999] == slope, boost::test_tools::tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(what_several_nodes_of_a_block_read_is_gone_after_it) {
  constexpr std::size_t kBytes = 100'000 * sizeof(double);
  const Tensor x = ones({100'000}, {.dtype = float64}).set_requires_grad(true);
  const Tape tape;
  const std::size_t before = memory_statistics().bytes_in_use;
  const Tensor c = tapegrad::checkpoint(
      [](const Tensor& h) {
        const Tensor a = tanh(h);
        const Tensor b = exp(a);
        return a * a * b * b;
      },
      x);
  const std::size_t added = memory_statistics().bytes_in_use - before;
  BOOST_TEST(added >= kBytes);  // the result
  BOOST_TEST(added < kBytes + kBytes / 2);
}

BOOST_AUTO_TEST_CASE(what_goes_into_a_block_is_gone_when_the_sweep_is_through_it) {
  constexpr std::size_t kBytes = 100'000 * sizeof(double);
  Tensor x = ones({100'000}, {.dtype = float64}).set_requires_grad(true);
  Tape tape;
  const std::size_t before = memory_statistics().bytes_in_use;
  std::size_t at_end = 0;
  x.register_hook([&](const Tensor& gradient) {
    at_end = memory_statistics().bytes_in_use - before;
    return gradient;
  });
  Tensor y;
  {
    Tensor h = x;
    for (int i = 0; i < 10; ++i) h = tapegrad::checkpoint([](const Tensor& a) { return tanh(a) * 2.0; }, h);
    y = sum(h);
  }
  BOOST_TEST(memory_statistics().bytes_in_use - before > 9 * kBytes);
  tape.backward(y);
  BOOST_TEST(at_end > 0U);
  BOOST_TEST(at_end < 5 * kBytes);
}

BOOST_AUTO_TEST_CASE(a_retained_tape_does_not_grow) {
  const Tensor x = num(2.0).set_requires_grad(true);
  Tape tape;
  const Tensor c = tapegrad::checkpoint([](const Tensor& h) { return tanh(h) * h; }, x);
  const auto sweep = [&](int times) {
    for (int i = 0; i < times; ++i) (void)tape.gradient(c, x, {.retain = true});
    return memory_statistics().bytes_in_use;
  };
  const std::size_t few = sweep(10);
  BOOST_TEST(sweep(5000) == few);
}

BOOST_AUTO_TEST_CASE(promise_random_numbers_are_replayed_and_drawn_once) {
  manual_seed(4);
  Tensor x = ones({5}, {.dtype = float64}).set_requires_grad(true);
  Tape tape;
  const Tensor c = tapegrad::checkpoint([](const Tensor& a) { return a * rand({5}, {.dtype = float64}); }, x);
  const RandomStream after = default_generator().state();
  BOOST_TEST(after.offset > 0U);
  const std::vector<double> drawn = c.to_vector<double>();
  tape.backward(sum_to(c, {}));
  BOOST_TEST(x.grad().to_vector<double>() == drawn, boost::test_tools::per_element());
  BOOST_TEST(default_generator().state().offset == after.offset);
}

BOOST_AUTO_TEST_CASE(nested_and_differentiated_again) {
  const auto inner = [](const Tensor& a) { return a * a * a; };
  const auto outer = [&](const Tensor& a) { return tapegrad::checkpoint(inner, a * 2.0) * a; };  // 8 a^4
  const auto f = [&](const Tensor& a) { return tapegrad::checkpoint(outer, a); };
  BOOST_TEST(grad(f)(num(1.5)).item() == 32.0 * 1.5 * 1.5 * 1.5, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(grad(grad(f))(num(1.5)).item() == 96.0 * 1.5 * 1.5, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(hvp(f, num(1.5), num(1.0)).item() == 96.0 * 1.5 * 1.5, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(jvp(f, num(1.5), num(1.0)).second.item() == 32.0 * 1.5 * 1.5 * 1.5, boost::test_tools::tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(a_block_may_refer_to_the_arguments_of_what_it_runs_in) {
  // a^4 sin^2 a. The outer sweep runs the block again when the inner transform has returned.
  const auto f = [](const Tensor& a) {
    const Tensor y = tapegrad::checkpoint([&](const Tensor& p) { return sin(p) * p * a; }, a);
    return sum(y * y);
  };
  const double a = 0.7;
  const double s = std::sin(a);
  const double c = std::cos(a);
  const double second = 12.0 * a * a * s * s + 16.0 * a * a * a * s * c + 2.0 * a * a * a * a * (c * c - s * s);
  const double third =
      24.0 * a * s * s + 72.0 * a * a * s * c + 24.0 * a * a * a * (c * c - s * s) - 8.0 * a * a * a * a * s * c;
  const auto of_the_gradient = [&](const Tensor& b) { return sum(grad(f)(b) * 2.0); };
  BOOST_TEST(grad(of_the_gradient)(num(a)).item() == 2.0 * second, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(grad(grad(grad(f)))(num(a)).item() == third, boost::test_tools::tolerance(1e-14));

  // u sin^2 u with u = a^2: the block inside is recorded by the sweep through the one around it, and run again by the
  // sweep of that.
  const auto g = [](const Tensor& x) {
    const auto outer = [](const Tensor& p) {
      return square(tapegrad::checkpoint([&](const Tensor& q) { return sin(q) * p; }, p * p));
    };
    return tapegrad::checkpoint(outer, x);
  };
  const double u = a * a;
  BOOST_TEST(grad(grad(g))(num(a)).item() ==
                 2.0 * std::sin(u) * std::sin(u) + 10.0 * u * std::sin(2.0 * u) + 8.0 * u * u * std::cos(2.0 * u),
             boost::test_tools::tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(what_a_block_refers_to_is_gone_when_the_sweep_is_through_it) {
  constexpr std::size_t kBytes = 100'000 * sizeof(double);
  const Tensor x = ones({100'000}, {.dtype = float64}).set_requires_grad(true);
  const auto f = [](const Tensor& a) {
    return sum(tapegrad::checkpoint([&](const Tensor& p) { return sin(p) * a; }, a));
  };
  Tape tape;
  const std::size_t before = memory_statistics().bytes_in_use;
  (void)tape.gradient(sum(grad(f)(x * 2.0)), x);
  BOOST_TEST(memory_statistics().bytes_in_use - before < kBytes);
}

BOOST_AUTO_TEST_CASE(as_if_there_were_none) {
  // A block with dropout inside a block with dropout, parameters in both and one shared: to the bit.
  const auto gradients = [](bool checkpointed) {
    manual_seed(9);
    const auto leaf = [] { return randn({4, 4}, {.dtype = float64}).set_requires_grad(true); };
    const Tensor x = leaf();
    const Tensor w = leaf();
    const Tensor v = leaf();
    const auto run = [checkpointed](const auto& block, const Tensor& h) {
      return checkpointed ? tapegrad::checkpoint(block, h) : block(h);
    };
    const auto inner = [&](const Tensor& a) { return dropout(tanh(matmul(a, w)), 0.3); };
    const auto outer = [&](const Tensor& a) { return dropout(run(inner, matmul(a, v)), 0.2) + matmul(a, w); };
    Tape tape;
    const Tensor y = sum_to(square(run(outer, dropout(x, 0.1))) + rand({4, 4}, {.dtype = float64}) * x, {});
    std::vector<double> all = {y.item()};
    for (const Tensor& g : tape.gradient(y, {x, w, v})) {
      const std::vector<double> values = g.to_vector<double>();
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  };
  const std::vector<double> plain = gradients(false);
  const std::vector<double> checkpointed = gradients(true);
  BOOST_REQUIRE_EQUAL(plain.size(), checkpointed.size());
  for (std::size_t i = 0; i < plain.size(); ++i)
    BOOST_TEST(checkpointed[i] == plain[i], boost::test_tools::tolerance(1e-14));  // sums in another order
}

BOOST_AUTO_TEST_CASE(a_block_that_does_not_repeat_is_noticed) {
  Generator own(3);
  Tensor x = ones({5}, {.dtype = float64}).set_requires_grad(true);
  Tape tape;
  const Tensor c = tapegrad::checkpoint([&](const Tensor& a) { return a * rand({5}, own, {.dtype = float64}); }, x);
  BOOST_CHECK_EXCEPTION(tape.backward(sum_to(c, {})), TapeError,
                        test::says("[checkpoint] the block gave other values when it ran again"));
  Tensor factor = num(3.0);
  const Tensor d = tapegrad::checkpoint([&](const Tensor& a) { return a * factor; }, x);
  factor.mutable_data<double>()[0] = 4.0;
  BOOST_CHECK_EXCEPTION(tape.backward(sum_to(d, {})), TapeError,
                        test::says("was changed in place by mutable_data since it ran"));
}

BOOST_AUTO_TEST_CASE(what_was_recorded_in_a_block_is_stale_outside) {
  Tensor x = num(0.5).set_requires_grad(true);
  Tape tape;
  const Tensor before = x * 2.0;
  Tensor aside;
  const auto block = [&aside](const Tensor& a) {
    aside = square(a);
    return tanh(aside);
  };
  const Tensor c = tapegrad::checkpoint(block, before);
  const auto stale = test::says("recorded within a checkpointed block");
  BOOST_TEST(!aside.is_tracked());
  BOOST_CHECK_EXCEPTION((void)square(aside), TapeError, stale);
  const Tensor y = square(c) * before;  // other nodes stand where the block's stood
  BOOST_TEST(tape.size() > tape.position(c) + 1);
  BOOST_CHECK_EXCEPTION((void)(y + aside), TapeError, stale);
  BOOST_CHECK_EXCEPTION((void)tape.gradient(y, aside), TapeError, stale);
  BOOST_TEST(before.is_tracked());
  const Tensor value = aside.detach();
  const double t = std::tanh(1.0);
  // y = 2 x tanh(4 x^2)^2
  BOOST_TEST(tape.gradient(y + value * 3.0, x).item() == 2.0 * t * t + 2.0 * 0.5 * 2.0 * t * (1.0 - t * t) * 4.0,
             boost::test_tools::tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(a_studied_tape_shows_what_a_block_read) {
  const Tensor x = num(3.0).set_requires_grad(true);
  Tape tape({.study = true});
  const Tensor h = x * 2.0;
  const Tensor v = x + 1.0;
  const Tensor c = tapegrad::checkpoint([&](const Tensor& a) { return a * v; }, h);
  const std::vector<Tensor> read = tape.node(tape.position(c)).input_values;
  BOOST_REQUIRE_EQUAL(read.size(), 2U);
  BOOST_TEST(read[0].item() == 6.0);
  BOOST_TEST(read[1].item() == 4.0);
}

BOOST_AUTO_TEST_CASE(a_retained_tape_is_swept_twice_and_left_as_it_was) {
  Tensor x = num(2.0).set_requires_grad(true);
  Tape tape;
  const Tensor c = tapegrad::checkpoint([](const Tensor& a) { return a * a; }, x);
  const std::int64_t size = tape.size();
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(tape.gradient(c, x, {.retain = true}).item() == 4.0);
    BOOST_TEST(tape.size() == size);
  }
}

BOOST_AUTO_TEST_CASE(a_failing_block_leaves_the_tape_as_it_was) {
  Tensor x = ones({2}).set_requires_grad(true);
  Tape tape;
  const Tensor y = x * 2.0;
  BOOST_CHECK_THROW((void)tapegrad::checkpoint([](const Tensor& a) { return a * a * ones({3}); }, y), ShapeError);
  BOOST_TEST(tape.size() == 2);
  tape.backward(sum_to(y, {}));
  BOOST_TEST(x.grad().to_vector<float>()[1] == 2.0F);
}

BOOST_AUTO_TEST_CASE(a_block_that_gives_nothing_is_refused) {
  const auto nothing = [](const Tensor&) { return Tensor(); };
  const auto refused = test::says("[checkpoint] expected a block with one result, got an undefined tensor");
  BOOST_CHECK_EXCEPTION((void)tapegrad::checkpoint(nothing, num(3.0)), ValueError, refused);
  Tape tape;
  BOOST_CHECK_EXCEPTION((void)tapegrad::checkpoint(nothing, num(3.0)), ValueError, refused);
}

BOOST_AUTO_TEST_CASE(a_block_cannot_clear_the_tape_that_records_it) {
  Tensor x = num(3.0).set_requires_grad(true);
  Tape tape;
  const Tensor y = x * 2.0;
  Tensor later;
  const auto block = [&](const Tensor& a) {
    tape.clear();
    later = x * x * x * x * x;
    return a.detach() * x;
  };
  BOOST_CHECK_EXCEPTION((void)tapegrad::checkpoint(block, y), TapeError,
                        test::says("[checkpoint] its block swept, cleared or destroyed the tape"));
  // What was recorded afterwards is none of the block's.
  BOOST_TEST(tape.gradient(later, x).item() == 5.0 * 81.0);
}

BOOST_AUTO_TEST_CASE(what_is_frozen_after_a_block_gets_no_gradient) {
  const auto block = [](const Tensor& a, const Tensor& b) { return a * a * b; };
  const auto gradients = [&](bool freeze_x, bool freeze_w, bool captured) {
    Tensor x = num(3.0).set_requires_grad(true);
    Tensor w = num(5.0).set_requires_grad(true);
    Tape tape;
    const Tensor y = captured ? tapegrad::checkpoint([&](const Tensor& a) { return block(a, w); }, x)
                              : tapegrad::checkpoint(block, {x, w});
    x.set_requires_grad(!freeze_x);
    w.set_requires_grad(!freeze_w);
    tape.backward(y);
    return std::pair(x.has_grad() ? x.grad().item() : 0.0, w.has_grad() ? w.grad().item() : 0.0);
  };
  for (const bool captured : {false, true}) {
    BOOST_TEST((gradients(false, false, captured) == std::pair(30.0, 9.0)));
    BOOST_TEST((gradients(true, false, captured) == std::pair(0.0, 9.0)));
    BOOST_TEST((gradients(false, true, captured) == std::pair(30.0, 0.0)));
    BOOST_TEST((gradients(true, true, captured) == std::pair(0.0, 0.0)));
  }
}

BOOST_AUTO_TEST_CASE(forward_mode_over_a_sweep_leaves_nothing_on_the_tape) {
  const Tensor x = num(3.0).set_requires_grad(true);
  const auto cube = [](const Tensor& a) { return a * a * a; };
  for (const bool strong_zero : {false, true}) {
    Tape tape;
    const Tensor y = tapegrad::checkpoint(cube, x * 2.0);
    const std::int64_t recorded = tape.size();
    const auto pulled_back = [&](const Tensor& c) {
      return tape.gradient(y, x, {.cotangent = c, .retain = true, .strong_zero = strong_zero});
    };
    const auto [g, dg] = jvp(pulled_back, num(5.0), num(1.0));
    BOOST_TEST(g.item() == 5.0 * 24.0 * 9.0);  // c 24 x^2
    BOOST_TEST(dg.item() == 24.0 * 9.0);
    BOOST_TEST(!g.is_tracked());
    BOOST_TEST(tape.size() == recorded);
    BOOST_TEST(!(g * 2.0).is_tracked());
  }
}

BOOST_AUTO_TEST_CASE(without_a_tape_the_block_just_runs) {
  BOOST_TEST(tapegrad::checkpoint([](const Tensor& a) { return a * a; }, num(3.0)).item() == 9.0);
}

BOOST_AUTO_TEST_CASE(what_it_reads_may_not_change_even_if_nothing_shows) {
  const Tensor x = from_vector<double>({0, 0}, {2}).set_requires_grad(true), w = from_vector<double>({3, 3}, {2});
  const auto block = [w](const Tensor& h) { return h * w; };
  {
    Tape tape;
    const Tensor y = tapegrad::checkpoint(block, x);
    Tensor elements = w.detach();
    elements.mutable_data<double>()[0] = 5;  // 0 times 5 is 0 too
    BOOST_CHECK_EXCEPTION((void)tape.gradient(sum(y), x), TapeError, [](const TapeError& e) {
      return std::string(e.what()).find("changed in place by mutable_data") != std::string::npos;
    });
  }
  Tape tape;
  const Tensor y = tapegrad::checkpoint(block, x);
  BOOST_TEST((tape.gradient(sum(y), x).to_vector<double>() == std::vector<double>{5, 3}));
}

BOOST_AUTO_TEST_CASE(an_argument_may_be_undefined) {
  const Tensor x = from_vector<double>({2, 3}, {2}).set_requires_grad(true);
  const auto block = [](const Tensor& h, const Tensor& m) { return m.defined() ? h * m : h * h; };
  Tape tape;
  BOOST_TEST((tape.gradient(sum(tapegrad::checkpoint(block, {x, Tensor()})), x).to_vector<double>() ==
              std::vector<double>{4, 6}));
}

BOOST_AUTO_TEST_CASE(a_hook_in_a_block_is_refused) {
  const Tensor x = from_vector<double>({2, 3}, {2}).set_requires_grad(true);
  Tape tape;
  const auto block = [&](const Tensor& h) {
    Tensor q = h * h;
    tape.register_hook(q, [](const Tensor& g) { return g * 10.0; });
    return q;
  };
  BOOST_CHECK_THROW((void)tapegrad::checkpoint(block, x), TapeError);
  const Tensor y = x * x;
  tape.register_hook(y, [](const Tensor& g) { return g * 10.0; });
  tape.backward(sum(y));
  BOOST_TEST((x.grad().to_vector<double>() == std::vector<double>{40, 60}));
}

BOOST_AUTO_TEST_CASE(any_element_that_differs_in_the_second_run_is_noticed) {
  const Tensor x = ones({5}).set_requires_grad(true);
  for (const std::size_t at : {0U, 1U, 2U, 3U, 4U}) {
    Tape tape;
    int run = 0;
    const Tensor y = tapegrad::checkpoint(
        [&](const Tensor& a) {
          std::vector<float> factors(5, 1.0F);
          factors[at] += static_cast<float>(run++);
          return a * from_vector(factors, {5});
        },
        x);
    BOOST_CHECK_THROW((void)tape.gradient(sum(y), x), TapeError);
  }
}

// The tensor aside stood at a place that other nodes have now: taken off by the first block, and not given back by the
// second one, which takes nodes off further up.
BOOST_AUTO_TEST_CASE(what_a_block_has_taken_off_stays_stale_behind_later_blocks) {
  Tensor x = num(0.5).set_requires_grad(true);
  Tape tape;
  Tensor aside;
  Tensor y = tapegrad::checkpoint(
      [&](const Tensor& a) {
        aside = square(a);
        return tanh(aside);
      },
      x);
  for (int i = 0; i < 8; ++i) y = y * 2.0;
  y = tapegrad::checkpoint([](const Tensor& a) { return tanh(a); }, y);
  BOOST_TEST(!aside.is_tracked());
  BOOST_CHECK_THROW((void)(y + aside), TapeError);
}

BOOST_AUTO_TEST_CASE(two_blocks_leave_the_generator_where_it_was) {
  manual_seed(4);
  const Tensor x = ones({5}, {.dtype = float64}).set_requires_grad(true);
  Tape tape;
  const auto block = [](const Tensor& a) { return a * rand({5}, {.dtype = float64}); };
  const Tensor y = tapegrad::checkpoint(block, tapegrad::checkpoint(block, x));
  const RandomStream after = default_generator().state();
  tape.backward(sum(y));
  BOOST_TEST(default_generator().state().offset == after.offset);
}

BOOST_AUTO_TEST_SUITE_END()
