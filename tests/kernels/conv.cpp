#include "kernels/conv.hpp"

#include <limits>

#include "kernels/reference.hpp"

using namespace tapegrad::kernels;
using namespace tapegrad::testing;

namespace {

/// Sequences, groups, channels in and out of a group, length, steps, taps, stride, dilation, before. Some cut their
/// columns into several blocks, some within a sequence.
const Convolution kConvolutions[] = {
    {1, 1, 1, 1, 5, 3, 3, 1, 1, 0},    {2, 1, 3, 4, 9, 9, 3, 1, 1, 1},      {3, 2, 2, 3, 11, 6, 3, 2, 1, 1},
    {2, 1, 2, 2, 10, 3, 2, 3, 1, 0},   {2, 3, 1, 1, 12, 12, 4, 1, 2, 6},    {1, 1, 2, 5, 9, 3, 3, 2, 2, 0},
    {70, 1, 4, 3, 37, 37, 3, 1, 1, 2}, {2, 1, 3, 2, 1500, 750, 5, 2, 3, 6}, {1, 4, 60, 8, 130, 130, 9, 1, 1, 4},
    {2, 1, 3, 2, 4, 9, 3, 1, 1, 4},    {2, 1, 0, 2, 4, 2, 3, 1, 1, 0},      {0, 1, 2, 2, 4, 2, 3, 1, 1, 0}};

std::int64_t size_of_x(const Convolution& c) { return c.sequences * c.groups * c.in * c.length; }
std::int64_t size_of_w(const Convolution& c) { return c.groups * c.out * c.in * c.taps; }
std::int64_t size_of_g(const Convolution& c) { return c.sequences * c.groups * c.out * c.steps; }

/// term(index into x, index into w, index into g) for each product of the trilinear form.
template <class F>
void for_each_term(const Convolution& c, const F& term) {
  for (std::int64_t n = 0; n < c.sequences; ++n)
    for (std::int64_t o = 0; o < c.groups * c.out; ++o)
      for (std::int64_t i = 0; i < c.in; ++i)
        for (std::int64_t k = 0; k < c.taps; ++k)
          for (std::int64_t t = 0; t < c.steps; ++t) {
            const std::int64_t place = t * c.stride + k * c.dilation - c.before;
            if (place < 0 || place >= c.length) continue;
            const std::int64_t channel = o / c.out * c.in + i;
            term(static_cast<std::size_t>((n * c.groups * c.in + channel) * c.length + place),
                 static_cast<std::size_t>((o * c.in + i) * c.taps + k),
                 static_cast<std::size_t>((n * c.groups * c.out + o) * c.steps + t));
          }
}

/// `start` (one for each channel of `per_channel` elements, or null) and the terms added to it.
std::vector<long double> started(std::int64_t size, std::int64_t channels, std::int64_t per_channel,
                                 const std::vector<long double>& start) {
  std::vector<long double> out(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < out.size() && !start.empty(); ++i)
    out[i] = start[i / static_cast<std::size_t>(per_channel) % static_cast<std::size_t>(channels)];
  return out;
}

template <class T>
std::vector<long double> wide(const std::vector<T>& x) {
  return {x.begin(), x.end()};
}

template <class T>
constexpr double kConvolutionTolerance = 400 * static_cast<double>(std::numeric_limits<T>::epsilon());

}  // namespace

BOOST_AUTO_TEST_SUITE(conv)

BOOST_AUTO_TEST_CASE_TEMPLATE(as_plain_loops_in_long_double, T, Reals) {
  for (const Convolution& c : kConvolutions) {
    BOOST_TEST_CONTEXT("shape " << &c - kConvolutions) {
      const auto x = normal<T>(size_of_x(c), 1);
      const auto w = normal<T>(size_of_w(c), 2);
      const auto g = normal<T>(size_of_g(c), 3);
      const auto bias = normal<T>(c.groups * c.out, 4);
      const auto shift = normal<T>(c.groups * c.in, 5);

      auto expected_y = started(size_of_g(c), c.groups * c.out, c.steps, wide(bias));
      auto expected_x = started(size_of_x(c), c.groups * c.in, c.length, wide(shift));
      auto expected_w = started(size_of_w(c), 1, 1, {});
      for_each_term(c, [&](std::size_t at_x, std::size_t at_w, std::size_t at_g) {
        const long double xv = x[at_x], wv = w[at_w], gv = g[at_g];
        expected_y[at_g] += wv * xv;
        expected_x[at_x] += wv * gv;
        expected_w[at_w] += gv * xv;
      });

      std::vector<T> y(g.size(), kNaN<T>), dx(x.size(), kNaN<T>), dw(w.size(), kNaN<T>);
      convolve(c, x.data(), w.data(), bias.data(), y.data());
      check_close(y, expected_y, kConvolutionTolerance<T>);
      convolve_adjoint(c, g.data(), w.data(), shift.data(), dx.data(), false);
      check_close(dx, expected_x, kConvolutionTolerance<T>);
      correlate(c, x.data(), g.data(), dw.data(), false);
      check_close(dw, expected_w, kConvolutionTolerance<T>);

      // what is there already stays
      std::vector<T> more_x(x), more_w(w);
      convolve_adjoint<T>(c, g.data(), w.data(), shift.data(), more_x.data(), true);
      for (std::size_t i = 0; i < x.size(); ++i) expected_x[i] += static_cast<long double>(x[i]);
      check_close(more_x, expected_x, kConvolutionTolerance<T>);
      correlate(c, x.data(), g.data(), more_w.data(), true);
      for (std::size_t i = 0; i < w.size(); ++i) expected_w[i] += static_cast<long double>(w[i]);
      check_close(more_w, expected_w, kConvolutionTolerance<T>);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_long_weight_gradient_stagnates_nowhere, T, Reals) {
  // Equal terms are the worst: all are rounded the same way.
  const Convolution c{1, 1, 1, 1, 1 << 20, 1 << 20, 1, 1, 1, 0};
  const T term = static_cast<T>(0.1);
  const std::vector<T> x(1 << 20, term), g(1 << 20, T(1));
  const double exact = static_cast<double>(term) * (1 << 20);
  T w = 1000;
  correlate(c, x.data(), g.data(), &w, true);
  BOOST_TEST(std::abs(static_cast<double>(w) - exact - 1000.0) <= 1e-4 * exact);
  correlate(c, x.data(), g.data(), &w, false);
  BOOST_TEST(std::abs(static_cast<double>(w) - exact) <= 1e-4 * exact);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_same_bits_at_any_number_of_threads, T, Reals) {
  const ExpectTeams expect_teams;
  for (const Convolution& c : {kConvolutions[6], kConvolutions[7], kConvolutions[8]}) {
    const auto x = normal<T>(size_of_x(c), 6);
    const auto w = normal<T>(size_of_w(c), 7);
    const auto g = normal<T>(size_of_g(c), 8);
    check_thread_invariant([&] {
      std::vector<T> y(g.size());
      convolve<T>(c, x.data(), w.data(), nullptr, y.data());
      return y;
    });
    check_thread_invariant([&] {
      std::vector<T> dx(x.size());
      convolve_adjoint<T>(c, g.data(), w.data(), nullptr, dx.data(), false);
      return dx;
    });
    check_thread_invariant([&] {
      std::vector<T> dw(w.size());
      correlate(c, x.data(), g.data(), dw.data(), false);
      return dw;
    });
  }
}

BOOST_AUTO_TEST_SUITE_END()
