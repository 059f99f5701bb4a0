#include "tapegrad/ops/dropout.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "kernels/always_teams.hpp"
#include "kernels/thread_count.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;

BOOST_AUTO_TEST_SUITE(dropout)

// Which elements stay, from the scalar definition of the stream, at even and odd offsets and every tail.
BOOST_AUTO_TEST_CASE(draws_the_numbers_of_the_stream) {
  for (const std::uint64_t before : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{6}}) {
    for (const std::int64_t n : {1, 2, 3, 17, 255, 256, 257, 1000}) {
      BOOST_TEST_CONTEXT(n << " elements from number " << before) {
        Generator g(11);
        g.reserve(before);
        const RandomStream stream = g.state();
        const double p = 0.3;
        const std::vector<double> y = tapegrad::dropout(ones({n}, {.dtype = float64}), p, g).to_vector<double>();
        for (std::int64_t i = 0; i < n; ++i)
          BOOST_TEST(y[static_cast<std::size_t>(i)] ==
                     (stream.uniform64(static_cast<std::uint64_t>(i)) >= p ? 1 / (1 - p) : 0.0));
        BOOST_TEST(g.state().offset == before + static_cast<std::uint64_t>(n));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(counts_beyond_32_bits) {
  Generator g(5);
  g.set_state({0xDEADBEEF12345678, (std::uint64_t{1} << 33) - 6});  // the block counter passes 2^32
  const RandomStream stream = g.state();
  const std::vector<double> y = tapegrad::dropout(ones({40}, {.dtype = float64}), 0.5, g).to_vector<double>();
  for (std::size_t i = 0; i < 40; ++i) BOOST_TEST(y[i] == (stream.uniform64(i) >= 0.5 ? 2.0 : 0.0));
}

BOOST_AUTO_TEST_CASE(float32_drops_the_same_elements) {
  Generator g(3), h(3);
  const Tensor a = tapegrad::dropout(ones({999}, {.dtype = float64}), 0.25, g).to(float32);
  const Tensor b = tapegrad::dropout(ones({999}), 0.25, h);
  BOOST_TEST(a.to_vector<float>() == b.to_vector<float>(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_gradient_has_the_same_mask) {
  Generator g(9);
  const Tensor x = ones({50, 3}, {.dtype = float64}).set_requires_grad(true);
  Tape tape;
  const Tensor y = tapegrad::dropout(x, 0.4, g);
  const Tensor dx = tape.gradient(y, x, {.cotangent = ones({50, 3}, {.dtype = float64})});
  BOOST_TEST(dx.to_vector<double>() == y.to_vector<double>(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_same_at_any_number_of_threads) {
  const auto with = [](int threads) {
    const kernels::ThreadCount count(threads);
    // Recycled memory holds no right answer of the run before.
    { const Tensor first = zeros({100'000}), second = zeros({100'000}), third = zeros({100'000}); }
    Generator g(21);
    return tapegrad::dropout(ones({100'000}), 0.1, g).to_vector<float>();
  };
  const std::vector<float> one = with(1);
  const std::int64_t before = kernels::teams_formed();
  BOOST_TEST((with(2) == one));
  BOOST_TEST((with(8) == one));
  BOOST_TEST(kernels::teams_formed() >= before + 2);
}

// The number kept is binomial: within five deviations.
BOOST_AUTO_TEST_CASE(keeps_the_share_that_was_asked_for) {
  Generator g(2);
  constexpr double n = 100'000;
  for (const double p : {0.05, 0.5, 0.9}) {
    double kept = 0;
    for (const float v : tapegrad::dropout(ones({100'000}), p, g).to_vector<float>()) kept += v != 0.0F;
    BOOST_TEST(std::abs(kept - n * (1 - p)) < 5 * std::sqrt(n * p * (1 - p)));
  }
}

BOOST_AUTO_TEST_CASE(nothing_to_drop_is_x_itself) {
  const Tensor x = ones({3});
  Generator g(1);
  BOOST_TEST(tapegrad::dropout(x, 0.0, g).impl() == x.impl());
  BOOST_TEST(g.state().offset == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
