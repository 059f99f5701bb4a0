#include "kernels/sort.hpp"

#include <algorithm>
#include <boost/mpl/list.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/reference.hpp"

using namespace tapegrad::kernels;
using namespace tapegrad::testing;
using Numbers = boost::mpl::list<float, double, std::int64_t>;

namespace {

template <class T>
struct Ranked {
  std::vector<T> values;
  std::vector<std::int64_t> positions;
};

template <class T>
Ranked<T> ranked(const std::vector<T>& x, std::int64_t n, const Ranking& ranking) {
  const std::int64_t rows = static_cast<std::int64_t>(x.size()) / n;
  Ranked<T> y{std::vector<T>(static_cast<std::size_t>(rows * ranking.k)),
              std::vector<std::int64_t>(static_cast<std::size_t>(rows * ranking.k))};
  rank_rows(x.data(), rows, n, ranking, y.values.data(), y.positions.data());
  return y;
}

template <class T>
bool is_nan(T x) {
  return x != x;
}

/// NaN above all.
template <class T>
bool smaller(T a, T b) {
  return is_nan(b) ? !is_nan(a) : a < b;
}

/// By std::stable_sort on the elements themselves.
template <class T>
std::vector<std::int64_t> expected_positions(const T* row, std::int64_t n, const Ranking& ranking) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
    return ranking.descending ? smaller(row[j], row[i]) : smaller(row[i], row[j]);
  });
  order.resize(static_cast<std::size_t>(ranking.k));
  if (!ranking.sorted) std::sort(order.begin(), order.end());
  return order;
}

/// Rounded normal numbers: many ties; zeros of both signs, infinities and NaNs where there are such.
template <class T>
std::vector<T> many_ties(std::int64_t count, unsigned seed) {
  const std::vector<double> drawn = normal<double>(count, seed, 0, 3);
  std::vector<T> x(drawn.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(std::round(drawn[i]));
  if constexpr (std::is_floating_point_v<T>) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (i % 5 == 0 && x[i] == 0) x[i] = -x[i];
      if (i % 31 == 7) x[i] = kInfinity<T>;
      if (i % 37 == 7) x[i] = -kInfinity<T>;
      if (i % 29 == 3) x[i] = i % 2 == 0 ? kNaN<T> : -kNaN<T>;
    }
  } else if (x.size() > 2) {
    x[1] = std::numeric_limits<T>::min();
    x[2] = std::numeric_limits<T>::max();
  }
  return x;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sort)

BOOST_AUTO_TEST_CASE_TEMPLATE(rows_as_by_a_stable_sort, T, Numbers) {
  for (const auto& [rows, n] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {3, 2}, {5, 33}, {400, 17}, {2, 3000}}) {
    const std::vector<T> x = many_ties<T>(rows * n, static_cast<unsigned>(n));
    for (const std::int64_t k : {n, n - 1, (n + 1) / 2, std::min<std::int64_t>(n, 1), std::int64_t{0}})
      for (const bool descending : {false, true})
        for (const bool sorted : {true, false}) {
          const Ranking ranking{.k = k, .descending = descending, .sorted = sorted};
          const Ranked<T> got = ranked(x, n, ranking);
          for (std::int64_t r = 0; r < rows; ++r) {
            const T* row = x.data() + r * n;
            const std::vector<std::int64_t> expected = expected_positions(row, n, ranking);
            const auto* positions = got.positions.data() + r * k;
            BOOST_TEST_REQUIRE(std::equal(expected.begin(), expected.end(), positions));
            for (std::int64_t j = 0; j < k; ++j) {
              const T value = got.values[static_cast<std::size_t>(r * k + j)];
              const T moved = row[positions[j]];
              BOOST_TEST_REQUIRE(((value == moved && std::signbit(value) == std::signbit(moved)) ||
                                  (std::isnan(value) && std::isnan(moved))));
            }
          }
        }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_same_at_any_number_of_threads, T, Numbers) {
  const ExpectTeams expect_teams;
  const std::vector<T> x = many_ties<T>(64 * 500, 9);
  check_thread_invariant([&] { return ranked(x, 500, {.k = 500}).positions; });
  check_thread_invariant([&] { return ranked(x, 500, {.k = 7, .descending = true}).positions; });
}

BOOST_AUTO_TEST_SUITE_END()
