#include "kernels/scan.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>

#include "kernels/reference.hpp"

using namespace tapegrad::kernels;
using namespace tapegrad::testing;

namespace {

// Some are several tiles wide and tall enough for a team; tiles of long lines are narrow.
const Slices kScannedSlices[] = {{1, 1, 1},    {5, 7, 1},     {2, 384, 1}, {300, 33, 1}, {4, 3, 5}, {2, 9, 600},
                                 {1, 700, 70}, {1, 4200, 70}, {0, 4, 3},   {3, 4, 0},    {3, 0, 2}};

std::size_t elements(const Slices& s) { return static_cast<std::size_t>(s.outer * s.n * s.inner); }

/// Calls line(position of step r) for each line of the array.
template <class F>
void for_lines(const Slices& s, const F& line) {
  for (std::int64_t o = 0; o < s.outer; ++o)
    for (std::int64_t i = 0; i < s.inner; ++i)
      line([=](std::int64_t r) { return static_cast<std::size_t>((o * s.n + r) * s.inner + i); });
}

/// Numbers whose running products neither vanish nor overflow.
template <class T>
std::vector<T> factors(const Slices& s, unsigned seed) {
  std::vector<T> x = normal<T>(s.outer * s.n * s.inner, seed, 0, 0.1);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<T>((i % 3 == 0 ? -1.0 : 1.0) + static_cast<double>(x[i]));
  return x;
}

template <class T>
inline constexpr double kScanTolerance = (sizeof(T) == 4 ? 4 : 4096) * kEpsilon<T>;

}  // namespace

BOOST_AUTO_TEST_SUITE(scan)

BOOST_AUTO_TEST_CASE_TEMPLATE(running_sums_from_either_end, T, Reals) {
  const ExpectTeams expect_teams;
  for (const Slices& s : kScannedSlices) {
    const auto x = normal<T>(static_cast<std::int64_t>(elements(s)), 1, 0.5);
    for (const Direction direction : {Direction::forward, Direction::backward}) {
      std::vector<long double> expected(elements(s));
      for_lines(s, [&](auto at) {
        long double sum = 0;
        for (std::int64_t r = 0; r < s.n; ++r) {
          const std::size_t p = at(direction == Direction::forward ? r : s.n - 1 - r);
          expected[p] = sum += static_cast<long double>(x[p]);
        }
      });
      check_thread_invariant([&] {
        std::vector<T> y(elements(s));
        cumulative_sum(x.data(), s, direction, y.data());
        check_close(y, expected, kScanTolerance<T>);
        return y;
      });
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(running_products_and_their_gradient, T, Reals) {
  const ExpectTeams expect_teams;
  for (const Slices& s : kScannedSlices) {
    auto x = factors<T>(s, 2);
    for (std::size_t i = 40; i < x.size(); i += 37) x[i] = 0;
    const auto dy = normal<T>(static_cast<std::int64_t>(elements(s)), 3);
    std::vector<long double> expected(elements(s));
    std::vector<long double> gradient(elements(s), 0);
    for_lines(s, [&](auto at) {
      long double product = 1;
      for (std::int64_t r = 0; r < s.n; ++r) expected[at(r)] = product *= static_cast<long double>(x[at(r)]);
      // d y[i] / d x[k], each by its definition; behind a zero that is another's the product of the others stays 0
      for (std::int64_t k = 0; k < s.n; ++k) {
        long double others = 1;
        for (std::int64_t j = 0; j < k && others != 0; ++j) others *= static_cast<long double>(x[at(j)]);
        for (std::int64_t i = k; i < s.n && others != 0; ++i) {
          if (i > k) others *= static_cast<long double>(x[at(i)]);
          gradient[at(k)] += static_cast<long double>(dy[at(i)]) * others;
        }
      }
    });
    check_thread_invariant([&] {
      std::vector<T> y(elements(s));
      cumulative_product(x.data(), s, y.data());
      check_close(y, expected, kScanTolerance<T>);
      return y;
    });
    check_thread_invariant([&] {
      std::vector<T> dx(elements(s));
      cumulative_product_backward(x.data(), dy.data(), s, dx.data());
      check_close(dx, gradient, kScanTolerance<T>);
      return dx;
    });
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(recurrences_from_either_end, T, Reals) {
  const ExpectTeams expect_teams;
  for (const Slices& s : kScannedSlices) {
    auto a = factors<T>(s, 4);
    for (T& v : a) v *= static_cast<T>(0.9);
    for_lines(s, [&](auto at) {  // what meets the state outside is not read
      if (s.n > 0) a[at(0)] = kNaN<T>;
    });
    const auto b = normal<T>(static_cast<std::int64_t>(elements(s)), 5);
    std::vector<long double> expected(elements(s));
    for_lines(s, [&](auto at) {
      long double state = 0;
      for (std::int64_t r = 0; r < s.n; ++r) {
        if (r > 0) state *= static_cast<long double>(a[at(r)]);
        expected[at(r)] = state += static_cast<long double>(b[at(r)]);
      }
    });
    check_thread_invariant([&] {
      std::vector<T> h(elements(s));
      linear_recurrence(a.data(), b.data(), s, Direction::forward, h.data());
      check_close(h, expected, kScanTolerance<T>);
      return h;
    });
    if (elements(s) == 0) continue;
    // The same lines with their entries in reverse order, from the other end.
    auto reversed = [&](const std::vector<T>& x) {
      std::vector<T> y(x.size());
      for_lines(s, [&](auto at) {
        for (std::int64_t r = 0; r < s.n; ++r) y[at(s.n - 1 - r)] = x[at(r)];
      });
      return y;
    };
    std::vector<T> forward(elements(s));
    linear_recurrence(a.data(), b.data(), s, Direction::forward, forward.data());
    std::vector<T> backward(elements(s));
    linear_recurrence(reversed(a).data(), reversed(b).data(), s, Direction::backward, backward.data());
    check_same_bits(reversed(backward), forward);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(products_and_products_of_the_others, T, Reals) {
  const ExpectTeams expect_teams;
  for (const Slices& s : kScannedSlices) {
    auto x = factors<T>(s, 6);
    for (std::size_t i = 40; i < x.size(); i += 37) x[i] = 0;
    std::vector<long double> whole;
    std::vector<long double> others(elements(s), 1);
    for_lines(s, [&](auto at) {
      long double product = 1;
      for (std::int64_t r = 0; r < s.n; ++r) product *= static_cast<long double>(x[at(r)]);
      whole.push_back(product);
      for (std::int64_t k = 0; k < s.n; ++k)
        for (std::int64_t r = 0; r < s.n && others[at(k)] != 0; ++r)
          if (r != k) others[at(k)] *= static_cast<long double>(x[at(r)]);
    });
    check_thread_invariant([&] {
      std::vector<T> y(whole.size());
      reduce_product(x.data(), s, y.data());
      check_close(y, whole, kScanTolerance<T>);
      return y;
    });
    check_thread_invariant([&] {
      std::vector<T> y(elements(s));
      exclusive_product(x.data(), s, y.data());
      check_close(y, others, kScanTolerance<T>);
      return y;
    });
  }
}

// Of few different numbers, so that they tie, and some NaN: the first of the largest (smallest) so far, or the first
// NaN.
BOOST_AUTO_TEST_CASE_TEMPLATE(running_extremes_and_their_places, T, Reals) {
  const ExpectTeams expect_teams;
  for (const Slices& s : kScannedSlices) {
    std::vector<T> x = normal<T>(static_cast<std::int64_t>(elements(s)), 7, 0, 4);
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = i % 37 == 36 ? std::numeric_limits<T>::quiet_NaN() : std::round(x[i]);
    for (const Extremum which : {Extremum::largest, Extremum::smallest}) {
      std::vector<std::int64_t> expected(elements(s));
      for_lines(s, [&](auto at) {
        std::int64_t best = 0;
        for (std::int64_t r = 0; r < s.n; ++r) {
          const T so_far = x[at(best)], here = x[at(r)];
          const bool further = which == Extremum::largest ? here > so_far : here < so_far;
          if (!std::isnan(so_far) && (std::isnan(here) || further)) best = r;
          expected[at(r)] = best;
        }
      });
      check_thread_invariant([&] {
        std::vector<T> values(elements(s));
        std::vector<std::int64_t> places(elements(s));
        cumulative_extremum(x.data(), s, which, values.data(), places.data());
        BOOST_TEST((places == expected));
        const auto bytes_of = [](T value) { return std::bit_cast<std::array<std::byte, sizeof(T)>>(value); };
        bool gathered = true;
        for_lines(s, [&](auto at) {
          for (std::int64_t r = 0; r < s.n; ++r)
            gathered = gathered && bytes_of(values[at(r)]) == bytes_of(x[at(expected[at(r)])]);
        });
        BOOST_TEST(gathered);
        return values;
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(float_products_pass_through_the_range_of_double) {
  const std::vector<float> x = {1e30F, 1e30F, 1e-30F, 1e-30F};
  float y = 0;
  reduce_product(x.data(), {1, 4, 1}, &y);
  BOOST_TEST(y == 1.0F, boost::test_tools::tolerance(1e-6F));
  std::vector<float> others(4);
  exclusive_product(x.data(), {1, 4, 1}, others.data());
  BOOST_TEST(others[0] == 1e-30F, boost::test_tools::tolerance(1e-6F));
  BOOST_TEST(others[3] == 1e30F, boost::test_tools::tolerance(1e-6F));
}

BOOST_AUTO_TEST_SUITE_END()
