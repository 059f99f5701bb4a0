#include "kernels/reduce.hpp"

#include <algorithm>
#include <initializer_list>
#include <limits>

#include "kernels/reference.hpp"

using namespace tapegrad::kernels;
using namespace tapegrad::testing;

namespace {

const Slices kReducedSlices[] = {{1, 1, 1},     {5, 7, 1},     {3, 40, 1}, {2, 384, 1},  {300, 33, 1},
                                 {1, 50000, 1}, {3, 20001, 1}, {4, 3, 5},  {1, 112, 40}, {2, 1000, 3},
                                 {2, 9, 600},   {1, 5000, 70}, {0, 4, 3},  {3, 4, 0}};

template <class F>
std::vector<long double> for_slices(const Slices& shape, const F& f) {
  std::vector<long double> out;
  for (std::int64_t o = 0; o < shape.outer; ++o) {
    for (std::int64_t i = 0; i < shape.inner; ++i) {
      out.push_back(
          f([&, o, i](std::int64_t r) { return static_cast<std::size_t>((o * shape.n + r) * shape.inner + i); }));
    }
  }
  return out;
}

template <class T, class F>
std::vector<T> run(const F& f, const std::vector<T>& x, const Slices& shape) {
  std::vector<T> out(static_cast<std::size_t>(shape.outer * shape.inner));
  f(x.data(), shape, out.data());
  return out;
}

template <class T>
std::vector<T> input(const Slices& s, unsigned seed, double mean = 0) {
  return normal<T>(s.outer * s.n * s.inner, seed, mean);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reduce)

BOOST_AUTO_TEST_CASE_TEMPLATE(sum_and_mean, T, Reals) {
  for (const Slices& s : kReducedSlices) {
    const auto x = input<T>(s, 1, 0.5);
    const auto expected = for_slices(s, [&](auto at) {
      long double sum = 0;
      for (std::int64_t r = 0; r < s.n; ++r) sum += static_cast<long double>(x[at(r)]);
      return sum;
    });
    check_close(run<T>(reduce_sum<T>, x, s), expected, kSumTolerance<T>);
    auto means = expected;
    for (auto& m : means) m /= static_cast<long double>(s.n);
    check_close(run<T>(reduce_mean<T>, x, s), means, kSumTolerance<T>);
  }
  check_close(run<T>(reduce_sum<T>, {}, {2, 0, 3}), std::vector<long double>(6, 0.0L), 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(extremes_and_their_places, T, Reals) {
  for (const Slices& s : kReducedSlices) {
    auto x = input<T>(s, 2);
    for (auto& v : x) v = std::round(v * 4);  // ties
    for (std::size_t i = 17; i < x.size(); i += 5003) x[i] = kNaN<T>;
    const auto place = [&](bool largest) {
      return for_slices(s, [&](auto at) {
        std::int64_t best = 0;
        for (std::int64_t r = 1; r < s.n; ++r) {
          const T a = x[at(r)];
          const T b = x[at(best)];
          if (std::isnan(b)) break;
          if (std::isnan(a) || (largest ? a > b : a < b)) best = r;
        }
        return static_cast<long double>(best);
      });
    };
    for (const bool largest : {true, false}) {
      const auto expected = place(largest);
      std::vector<std::int64_t> places(expected.size());
      (largest ? reduce_argmax<T> : reduce_argmin<T>)(x.data(), s, places.data());
      for (std::size_t i = 0; i < places.size(); ++i)
        BOOST_TEST_REQUIRE(places[i] == static_cast<std::int64_t>(expected[i]));
      std::size_t next = 0;
      const auto values = for_slices(
          s, [&](auto at) { return static_cast<long double>(x[at(static_cast<std::int64_t>(expected[next++]))]); });
      check_close(run<T>(largest ? reduce_max<T> : reduce_min<T>, x, s), values, 0);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_place_in_a_long_row_is_the_first, T, Reals) {
  constexpr std::int64_t kLength = 100'003;
  std::vector<T> x(static_cast<std::size_t>(kLength), T(1));
  const auto check = [&](std::int64_t largest, std::int64_t smallest) {
    std::int64_t place = -1;
    reduce_argmax(x.data(), {1, kLength, 1}, &place);
    BOOST_TEST(place == largest);
    reduce_argmin(x.data(), {1, kLength, 1}, &place);
    BOOST_TEST(place == smallest);
  };
  const auto put = [&](std::initializer_list<std::size_t> places, T value) {
    for (const std::size_t i : places) x[i] = value;
  };
  check(0, 0);
  x.back() = T(2);
  check(kLength - 1, 0);
  put({70'000, 50'001, 50'000}, T(2));
  put({20'000, 16'384, 90'000}, T(0));
  check(50'000, 16'384);
  x[16'383] = -T(0);  // equal to what stands behind it
  check(50'000, 16'383);
  put({99'999, 60'001, 60'000}, kNaN<T>);
  check(60'000, 60'000);
  x[3] = kNaN<T>;
  check(3, 3);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(variance, T, Reals) {
  for (const double mean : {0.0, 1e4}) {
    for (const Slices& s : kReducedSlices) {
      if (s.n < 2) continue;
      const auto x = input<T>(s, 3, mean);
      const auto expected = for_slices(s, [&](auto at) {
        long double m = 0;
        for (std::int64_t r = 0; r < s.n; ++r) m += static_cast<long double>(x[at(r)]);
        m /= static_cast<long double>(s.n);
        long double sum = 0;
        for (std::int64_t r = 0; r < s.n; ++r)
          sum += (static_cast<long double>(x[at(r)]) - m) * (static_cast<long double>(x[at(r)]) - m);
        return sum / static_cast<long double>(s.n - 1);
      });
      const auto unbiased = [](const T* p, const Slices& shape, T* out) { reduce_variance<T>(p, shape, 1, out); };
      check_close(run<T>(unbiased, x, s), expected, sizeof(T) == 4 ? 3e-7 : 1e-11);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(logsumexp, T, Reals) {
  for (const double mean : {0.0, -2000.0, 2000.0}) {
    for (const Slices& s : kReducedSlices) {
      const auto x = input<T>(s, 4, mean);
      const auto expected = for_slices(s, [&](auto at) {
        long double sum = 0;
        for (std::int64_t r = 0; r < s.n; ++r)
          sum += std::exp(static_cast<long double>(x[at(r)]) - static_cast<long double>(mean));
        return std::log(sum) + static_cast<long double>(mean);
      });
      check_close(run<T>(reduce_logsumexp<T>, x, s), expected, kSumTolerance<T>);
    }
  }
  const T inf = kInfinity<T>;
  const std::vector<T> x = {-inf, -inf, -inf, inf, 1, -inf, inf, inf, -inf, kNaN<T>, 1, 2, 0, -inf, 0};
  check_close(
      run<T>(reduce_logsumexp<T>, x, {5, 3, 1}),
      {-kInfinity<long double>, kInfinity<long double>, kInfinity<long double>, kNaN<long double>, std::log(2.0L)},
      1e-7);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(bits_depend_on_the_slice_alone, T, Reals) {
  const ExpectTeams expect_teams;
  for (const Slices& s :
       {Slices{1, 300000, 1}, Slices{40, 5000, 1}, Slices{600, 100, 1}, Slices{1, 4000, 100}, Slices{5, 1000, 40}}) {
    const auto x = input<T>(s, 5, 1);
    check_thread_invariant([&] { return run<T>(reduce_sum<T>, x, s); });
    check_thread_invariant([&] { return run<T>(reduce_logsumexp<T>, x, s); });
    const auto all = run<T>(reduce_sum<T>, x, s);
    const std::vector<T> last(x.end() - s.n * s.inner, x.end());
    check_same_bits(run<T>(reduce_sum<T>, last, {1, s.n, s.inner}), std::vector<T>(all.end() - s.inner, all.end()));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(norms, T, Reals) {
  const ExpectTeams expect_teams;
  for (const Slices& s : kReducedSlices) {
    const auto x = input<T>(s, 8, 0.5);
    const auto norm = [&](const auto& step, const auto& finish) {
      return for_slices(s, [&](auto at) {
        long double value = 0;
        for (std::int64_t r = 0; r < s.n; ++r) value = step(value, std::fabs(static_cast<long double>(x[at(r)])));
        return finish(value);
      });
    };
    const auto as_is = [](long double v) { return v; };
    const auto sum = norm([](long double a, long double m) { return a + m; }, as_is);
    const auto largest = norm([](long double a, long double m) { return std::max(a, m); }, as_is);
    const auto length =
        norm([](long double a, long double m) { return a + m * m; }, [](long double v) { return std::sqrt(v); });
    check_close(run<T>(reduce_magnitude_sum<T>, x, s), sum, kSumTolerance<T>);
    check_close(run<T>(reduce_magnitude_max<T>, x, s), largest, 0);
    check_close(run<T>(reduce_length<T>, x, s), length, kSumTolerance<T>);
    check_thread_invariant([&] { return run<T>(reduce_magnitude_sum<T>, x, s); });
    check_thread_invariant([&] { return run<T>(reduce_magnitude_max<T>, x, s); });
    check_thread_invariant([&] { return run<T>(reduce_length<T>, x, s); });
  }
  check_close(run<T>(reduce_length<T>, {}, {2, 0, 3}), std::vector<long double>(6, 0.0L), 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(lengths_reach_the_ends_of_the_range, T, Reals) {
  const T most = std::numeric_limits<T>::max() / 8;
  const T least = std::numeric_limits<T>::denorm_min();
  // columns: large, small, with an infinity, with a NaN, zeros
  const std::vector<T> x = {3 * most, 3 * least, 1, kNaN<T>, 0, 4 * most, -4 * least, -kInfinity<T>, kInfinity<T>, 0};
  const std::vector<long double> expected = {5.0L * static_cast<long double>(most),
                                             5.0L * static_cast<long double>(least), kInfinity<long double>,
                                             kNaN<long double>, 0.0L};
  const std::vector<T> length = run<T>(reduce_length<T>, x, {1, 2, 5});
  check_close(length, expected, kSumTolerance<T>);
  BOOST_TEST(length[1] == 5 * least);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(variance_without_freedom_is_nan, T, Reals) {
  const std::vector<T> x = {1, 2, 3};
  for (const double correction : {3.0, 4.0}) {
    T variance = 0;
    reduce_variance(x.data(), Slices{1, 3, 1}, correction, &variance);
    BOOST_TEST(std::isnan(variance));
  }
  T of_none = 0;
  reduce_variance(x.data(), Slices{1, 0, 1}, 1.0, &of_none);
  BOOST_TEST(std::isnan(of_none));
}

BOOST_AUTO_TEST_SUITE_END()
