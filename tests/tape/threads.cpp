#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <thread>

#include "kernels/always_teams.hpp"
#include "kernels/thread_count.hpp"
#include "tape_test.hpp"
#include "tapegrad/base/threads.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

namespace {

constexpr int kThreads = 6;

/// Runs body(t) on kThreads threads; assertions are made afterwards, on the main thread.
template <class Body>
void on_threads(const Body& body) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back([&body, t] { body(t); });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(threads)

BOOST_AUTO_TEST_CASE(promise_gradient_is_safe_from_any_number_of_threads) {
  const Tensor w = leaf({1.0, 2.0, 3.0});
  std::vector<int> right(kThreads, 0);
  on_threads([&](int t) {
    for (int round = 0; round < 200; ++round) {
      Tape tape;
      const double k = t + 1;
      const Tensor y = sum(square(w) * tensor(k, {.dtype = float64}));
      if (tape.gradient(y, w).to_vector<double>() == Values{2 * k, 4 * k, 6 * k}) ++right[static_cast<std::size_t>(t)];
    }
  });
  for (const int count : right) BOOST_TEST(count == 200);
  BOOST_TEST(!w.has_grad());
}

BOOST_AUTO_TEST_CASE(promise_simultaneous_backward_into_the_same_leaves_is_detected) {
  Tensor w = leaf({3.0});
  std::string message;
  double instead = 0;  // nothing has been swept: the tape is whole
  w.register_hook([&](const Tensor&) {
    std::thread([&] {  // while this thread is in the middle of its sweep
      Tape tape;
      const Tensor y = square(w);
      try {
        tape.backward(y);
      } catch (const TapeError& e) {
        message = e.what();
      }
      instead = tape.gradient(y, w).item();
    })
        .join();
    return Tensor();
  });
  Tape tape;
  tape.backward(square(w));
  BOOST_TEST(message.find("[backward] another thread is running backward() into the same leaf [1]") == 0U);
  BOOST_TEST(instead == 6.0);
  BOOST_TEST(w.grad().item() == 6.0);
  w.zero_grad();
  std::thread([&] {  // one after the other is fine
    Tape other;
    other.backward(square(w) * tensor(1.0, {.dtype = float64}));
  })
      .join();
  BOOST_TEST(w.grad().item() == 6.0);
}

BOOST_AUTO_TEST_CASE(promise_each_thread_has_a_tape_of_its_own) {
  const Tensor x = leaf({2.0});
  Tape tape;
  const Tensor y = square(x);
  std::string stale;
  std::string foreign;
  std::thread([&] {
    const Tensor unrecorded = square(y);  // no tape here
    try {
      (void)tape.gradient(y, x);
    } catch (const TapeError& e) {
      foreign = e.what();
    }
    Tape own;
    try {
      (void)square(y);
    } catch (const TapeError& e) {
      stale = e.what();
    }
  }).join();
  BOOST_TEST(foreign.find("[gradient] the tape belongs to another thread") == 0U);
  BOOST_TEST(stale.find("[square] an input [1] was recorded on another tape") == 0U);
  BOOST_TEST(tape.gradient(y, x).item() == 4.0);
}

BOOST_AUTO_TEST_CASE(promise_a_tape_destroyed_on_another_thread_is_noticed) {
  const Tensor w = leaf({3.0});
  const auto destroy_elsewhere = [](std::unique_ptr<Tape> tape) { std::thread([&tape] { tape.reset(); }).join(); };
  const char* message = "was destroyed on another thread, or inside a transform";

  auto tape = std::make_unique<Tape>();
  const Tensor y = square(w);
  destroy_elsewhere(std::move(tape));
  BOOST_TEST(y.item() == 9.0);
  BOOST_CHECK_EXCEPTION((void)square(w), TapeError, says(message));
  BOOST_TEST(!is_recording());
  BOOST_TEST(square(w).item() == 9.0);  // told once: nothing records now

  destroy_elsewhere(std::make_unique<Tape>());
  BOOST_CHECK_EXCEPTION((void)Tape(), TapeError, says(message));
  Tape next;
  BOOST_TEST(next.gradient(square(w), w).item() == 6.0);
}

BOOST_AUTO_TEST_CASE(promise_a_tape_may_outlive_its_thread) {
  std::unique_ptr<Tape> tape;
  std::thread([&tape] {
    tape = std::make_unique<Tape>();
    (void)square(leaf({2.0}));
  }).join();
  BOOST_TEST(tape->size() == 2);
  BOOST_CHECK_THROW(tape->backward(leaf({1.0})), TapeError);
  tape.reset();
  BOOST_TEST(!is_recording());

  // One that its thread leaves behind unnoticed dies with the thread (the leak checker sees to it).
  std::thread([] {
    auto lost = std::make_unique<Tape>();
    (void)square(leaf({2.0}));
    std::thread([&lost] { lost.reset(); }).join();
  }).join();
}

BOOST_AUTO_TEST_CASE(promise_same_bits_at_any_number_of_threads) {
  const auto run = [](int count) {
    const kernels::ThreadCount threads(count);
    Generator generator(3);
    const Tensor x = randn({300, 200}, generator).set_requires_grad(true);
    const Tensor w = randn({200, 100}, generator).set_requires_grad(true);
    Tape tape;
    const Tensor y = sum(tanh(matmul(x, w)) * mean(x, 1, true));
    const auto g = tape.gradient(y, {x, w}, {.retain = true});
    std::vector<float> all = g[0].to_vector<float>();
    const auto gw = g[1].to_vector<float>();
    all.insert(all.end(), gw.begin(), gw.end());
    all.push_back(static_cast<float>(y.item()));
    return all;
  };
  const auto one = run(1);
  const std::int64_t teams = kernels::teams_formed();
  BOOST_TEST((run(2) == one));
  BOOST_TEST(kernels::teams_formed() > teams);
  BOOST_TEST((run(4) == one));
}

// OpenMP's threads do not come along into a child: waiting for them would never end.
BOOST_AUTO_TEST_CASE(a_forked_child_computes_the_same_bits) {
  const kernels::ThreadCount threads(4);
  const Tensor a = randn({64, 64, 64});
  const auto sums = [&a] { return matmul(a, a).to_vector<float>(); };
  const std::int64_t teams = kernels::teams_formed();
  const std::vector<float> expected = sums();
  BOOST_TEST(kernels::teams_formed() > teams);  // whose threads the child lacks
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(sums() == expected && num_threads() == 1 ? 0 : 1);
  }
  int status = 1;
  BOOST_TEST(waitpid(child, &status, 0) == child);
  BOOST_TEST(status == 0);
  BOOST_TEST(sums() == expected);
}

// A chain of a million nodes: no recursion forward, backward or when the tape dies.
BOOST_AUTO_TEST_CASE(a_million_operations_on_a_small_stack) {
  struct Result {
    double value = 0.0, dx = 0.0, dw = 0.0;
    std::int64_t nodes = 0;
  } result;
  const auto body = [](void* argument) -> void* {
    auto& r = *static_cast<Result*>(argument);
    const Tensor x = leaf({2.0});
    const Tensor w = leaf({-1.0});
    Tape tape;
    Tensor y = x;
    for (int i = 0; i < 1000000; ++i) y = y * w;
    r.nodes = tape.size();
    r.value = y.item();
    const auto g = tape.gradient(y, {x, w}, {.retain = true});
    r.dx = g[0].item();
    r.dw = g[1].item();
    return nullptr;
  };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  BOOST_TEST_REQUIRE(pthread_attr_setstacksize(&attributes, 256 * 1024) == 0);
  pthread_t thread{};
  BOOST_TEST_REQUIRE(pthread_create(&thread, &attributes, body, &result) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  BOOST_TEST(result.nodes == 1000002);
  BOOST_TEST(result.value == 2.0);      // x w^n
  BOOST_TEST(result.dx == 1.0);         // w^n
  BOOST_TEST(result.dw == -2000000.0);  // n x w^(n - 1)
}

BOOST_AUTO_TEST_SUITE_END()
