// Positions against PyTorch; and the rows of sinusoidal positions, which are computed once and kept.
#include <cmath>
#include <cstdint>
#include <latch>
#include <thread>
#include <utility>
#include <vector>

#include "nn/reference.hpp"
#include "says.hpp"
#include "tapegrad/array/memory.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;
using tg::test::check_close;
using tg::test::check_unary;
using tg::test::says;

namespace {

/// [1, length, features]: what a layer adds that was never called before.
tg::Tensor rows_alone(std::int64_t length, std::int64_t features, tg::DType dtype) {
  return tg::unsqueeze(nn::sinusoidal_positions(length, features, dtype), 0);
}

void check_positions(const nn::SinusoidalPosition& layer, std::int64_t features,
                     const std::vector<std::int64_t>& lengths) {
  for (const std::int64_t length : lengths)
    for (const tg::DType dtype : {tg::float32, tg::float64})
      BOOST_TEST(
          same_bits(layer(tg::zeros({1, length, features}, {.dtype = dtype})), rows_alone(length, features, dtype)),
          "length " << length << ", " << to_string(dtype));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(position)

BOOST_AUTO_TEST_CASE(positions) {
  check_unary({"sinusoidal_position"}, nn::SinusoidalPosition(6));
  nn::LearnedPosition learned(5, 2, {.dtype = tg::float64});
  const tg::Tensor x = tg::zeros({3, 4, 2}, {.dtype = tg::float64});
  check_close(learned(x)[2], learned.weight->slice(0, {.stop = 4}));
  BOOST_CHECK_THROW((void)learned(tg::zeros({1, 6, 2}, {.dtype = tg::float64})), tg::ShapeError);
}

BOOST_AUTO_TEST_CASE(sinusoidal_positions_do_not_depend_on_earlier_calls) {
  nn::SinusoidalPosition position(5);
  check_positions(position, 5, {1, 256, 257, 300, 7, 0});
  nn::SinusoidalPosition copy = position;
  check_positions(copy, 5, {7, 700});
  check_positions(position, 5, {300, 640});
  const nn::SinusoidalPosition moved = std::move(copy);
  check_positions(moved, 5, {7, 701});
  position = nn::SinusoidalPosition(4);  // of another width: nothing is left of the rows there were
  check_positions(position, 4, {7, 300});
  BOOST_CHECK_EXCEPTION(nn::SinusoidalPosition(-1), tg::ValueError,
                        says("[SinusoidalPosition] expected at least 0 features, got -1"));
}

BOOST_AUTO_TEST_CASE(a_position_far_away_costs_its_own_rows) {
  const nn::SinusoidalPosition position(4);
  const tg::Tensor x = tg::zeros({1, 2, 4}, {.dtype = tg::float64});
  const double far = 1e15;
  const auto row = [](double p) {
    return std::vector<double>{std::sin(p), std::cos(p), std::sin(p / 100), std::cos(p / 100)};
  };
  const tg::Tensor y = position(x, static_cast<std::int64_t>(far));
  BOOST_TEST(y[0][0].to_vector<double>() == row(far), boost::test_tools::per_element());
  BOOST_TEST(y[0][1].to_vector<double>() == row(far + 1), boost::test_tools::per_element());
  BOOST_CHECK_EXCEPTION((void)position(x, INT64_MAX), tg::ValueError,
                        says("[SinusoidalPosition] expected a first position whose last, for [1, 2, 4], is an int64"));
  BOOST_CHECK_EXCEPTION((void)nn::sinusoidal_positions(2, 2, tg::int64), tg::DTypeError,
                        says("[sinusoidal_positions] expected a floating dtype, got int64"));
}

BOOST_AUTO_TEST_CASE(sinusoidal_positions_are_computed_once) {
  const auto computes = [](const nn::SinusoidalPosition& layer, std::int64_t length) {
    const tg::Tensor x = tg::zeros({1, length, 64});
    tg::reset_peak_memory();
    const std::size_t before = tg::memory_statistics().bytes_in_use;
    (void)layer(x);
    const std::size_t most = tg::memory_statistics().peak_bytes_in_use - before;
    return 2 * most > 3 * sizeof(float) * static_cast<std::size_t>(x.numel());  // more than the sum's own memory
  };
  for (const std::int64_t length : {256, 257, 1000}) {
    const nn::SinusoidalPosition position(64);
    BOOST_TEST(computes(position, length));
    BOOST_TEST(!computes(position, length));
    BOOST_TEST(!computes(nn::SinusoidalPosition(position), length));
    BOOST_TEST(computes(position, length + 1));  // at once twice as many
    BOOST_TEST(!computes(position, 2 * length));
  }
}

BOOST_AUTO_TEST_CASE(sinusoidal_positions_are_computed_on_several_threads_at_once) {
  constexpr int kThreads = 6;
  for (int round = 0; round < 20; ++round) {
    const nn::SinusoidalPosition position(3);
    std::vector<int> right(kThreads, 0);
    std::latch start(kThreads);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        start.arrive_and_wait();
        for (const std::int64_t length : {7 + t, 40 * (kThreads - t), 300, 7})
          for (const tg::DType dtype : {tg::float32, tg::float64}) {
            const tg::Tensor x = tg::zeros({1, length, 3}, {.dtype = dtype}).set_requires_grad(true);
            tg::Tape tape;
            const tg::Tensor y = position(x) + nn::SinusoidalPosition(position)(x);  // copied while others call it
            const bool pulled =
                same_bits(tape.gradient(tg::sum(y), x), tg::full({1, length, 3}, 2.0, {.dtype = dtype}));
            if (pulled && same_bits(y.detach() * 0.5, rows_alone(length, 3, dtype)))
              ++right[static_cast<std::size_t>(t)];
          }
      });
    for (std::thread& thread : threads) thread.join();
    for (const int count : right) BOOST_TEST(count == 8);
  }
}

BOOST_AUTO_TEST_SUITE_END()
