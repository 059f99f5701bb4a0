#include "kernels/softmax.hpp"

#include <algorithm>
#include <limits>
#include <memory>

#include "kernels/softmax_reference.hpp"

using namespace tapegrad::kernels;
using namespace tapegrad::testing;

BOOST_AUTO_TEST_SUITE(softmax)

BOOST_AUTO_TEST_CASE_TEMPLATE(forward_and_backward, T, Reals) {
  for (const std::int64_t n : kLengths) {
    const std::int64_t rows = 5;
    const auto x = normal<T>(rows * n, 1, 0, 3);
    const auto dy = normal<T>(rows * n, 2);
    const Exact p = softmax_of(x, n, kKeepAll);
    Exact log_p(p.size()), dx(p.size()), log_dx(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) {
      const std::size_t start = i / static_cast<std::size_t>(n) * static_cast<std::size_t>(n);
      log_p[i] = std::log(p[i]);
      long double dot = 0, sum = 0;
      for (std::size_t j = start; j < start + static_cast<std::size_t>(n); ++j) {
        dot += static_cast<long double>(dy[j]) * p[j];
        sum += static_cast<long double>(dy[j]);
      }
      dx[i] = p[i] * (static_cast<long double>(dy[i]) - dot);
      log_dx[i] = static_cast<long double>(dy[i]) - p[i] * sum;
    }
    std::vector<T> y(x.size()), d(x.size());
    softmax_forward(x.data(), rows, n, {}, y.data());
    check_close(y, p, kSoftmaxTolerance<T>);
    softmax_backward(y.data(), dy.data(), rows, n, d.data());
    check_close(d, dx, kSoftmaxTolerance<T>);
    log_softmax_forward(x.data(), rows, n, {}, y.data());
    check_close(y, log_p, kSoftmaxTolerance<T>);
    log_softmax_backward(y.data(), dy.data(), rows, n, d.data());
    check_close(d, log_dx, 4 * kSoftmaxTolerance<T>);
    auto in_place = x;
    softmax_forward(in_place.data(), rows, n, {}, in_place.data());
    check_close(in_place, p, kSoftmaxTolerance<T>);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(masks_and_empty_rows, T, Reals) {
  const std::int64_t rows = 6, n = 21;
  const auto x = normal<T>(rows * n, 3);
  const auto dy = normal<T>(rows * n, 4);
  // Two masks in memory; rows 0, 2, 4 use the first, the others the second, row 5 an all-false one.
  const std::unique_ptr<bool[]> keep(new bool[static_cast<std::size_t>(3 * n)]());
  for (std::int64_t j = 0; j < 2 * n; ++j) keep[static_cast<std::size_t>(j)] = j % 3 != 1;
  const std::int64_t offsets[] = {0, n, 0, n, 0, 2 * n};
  const auto kept = [&](std::size_t i) {
    const auto u = static_cast<std::size_t>(n);
    return keep[static_cast<std::size_t>(offsets[i / u]) + i % u];
  };
  const Exact p = softmax_of(x, n, kept);
  std::vector<T> y(x.size()), log_y(x.size()), d(x.size());
  const RowMask mask{keep.get(), offsets};
  softmax_forward(x.data(), rows, n, mask, y.data());
  check_close(y, p, kSoftmaxTolerance<T>);
  log_softmax_forward(x.data(), rows, n, mask, log_y.data());
  Exact log_p;
  for (const long double v : p) log_p.push_back(std::log(v));
  check_close(log_y, log_p, kSoftmaxTolerance<T>);
  softmax_backward(y.data(), dy.data(), rows, n, d.data());
  for (std::size_t i = 0; i < d.size(); ++i) BOOST_TEST((kept(i) || d[i] == 0));
  log_softmax_backward(log_y.data(), dy.data(), rows, n, d.data());
  for (std::size_t i = 0; i < d.size(); ++i) BOOST_TEST((kept(i) ? std::isfinite(d[i]) : d[i] == 0));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(cotangents_of_masked_entries_are_not_looked_at, T, Reals) {
  for (const std::int64_t n : kLengths) {
    const auto x = normal<T>(n, 13);
    auto dy = normal<T>(n, 14);
    const auto kept = [](std::size_t i) { return i % 3 != 1; };
    const std::unique_ptr<bool[]> keep(new bool[static_cast<std::size_t>(n)]());
    for (std::size_t i = 0; i < x.size(); ++i) keep[i] = kept(i);
    const Exact p = softmax_of(x, n, kept);
    long double dot = 0;
    for (std::size_t i = 0; i < x.size(); ++i) dot += static_cast<long double>(dy[i]) * p[i];
    Exact dx;
    for (std::size_t i = 0; i < x.size(); ++i) dx.push_back(p[i] * (static_cast<long double>(dy[i]) - dot));
    for (const T held : {kInfinity<T>, -kInfinity<T>, kNaN<T>, std::numeric_limits<T>::max()}) {
      for (std::size_t i = 0; i < x.size(); ++i) dy[i] = kept(i) ? dy[i] : held;
      std::vector<T> y(x.size()), d(x.size());
      softmax_forward(x.data(), 1, n, {keep.get()}, y.data());
      softmax_backward(y.data(), dy.data(), 1, n, d.data());
      check_close(d, dx, kSoftmaxTolerance<T>);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(special_values, T, Reals) {
  const T inf = kInfinity<T>;
  const std::vector<T> x = {-inf, 0, -inf, -inf, -inf,  -inf, kNaN<T>, 0,     1,
                            inf,  0, 1,    1000, -1000, 1000, -3e38f,  3e38f, 0};
  std::vector<T> y(x.size());
  softmax_forward(x.data(), 6, 3, {}, y.data());
  const long double nan = kNaN<long double>;
  check_close(y, {0, 1, 0, 0, 0, 0, nan, nan, nan, nan, nan, nan, 0.5L, 0, 0.5L, 0, 1, 0}, 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nan_anywhere_makes_its_row_nan, T, Reals) {
  const auto all_nan = [](const std::vector<T>& v) {
    return std::all_of(v.begin(), v.end(), [](T value) { return std::isnan(value); });
  };
  for (const T filler : {-kInfinity<T>, T(0), T(1), kInfinity<T>}) {
    for (std::size_t place = 0; place < 40; ++place) {
      std::vector<T> x(40, filler), y(40);
      x[place] = kNaN<T>;
      softmax_forward(x.data(), 1, 40, {}, y.data());
      BOOST_TEST(all_nan(y), "softmax: NaN at " << place << " among " << filler);
      log_softmax_forward(x.data(), 1, 40, {}, y.data());
      BOOST_TEST(all_nan(y), "log_softmax: NaN at " << place << " among " << filler);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(bits_depend_on_the_row_alone, T, Reals) {
  const ExpectTeams expect_teams;
  const std::int64_t rows = 1000, n = 77;
  const auto x = normal<T>(rows * n, 8);
  const auto forward = [&](const std::vector<T>& in) {
    std::vector<T> y(in.size());
    softmax_forward(in.data(), static_cast<std::int64_t>(in.size()) / n, n, {}, y.data());
    return y;
  };
  check_thread_invariant([&] { return forward(x); });
  const auto y = forward(x);
  check_same_bits(forward({x.end() - n, x.end()}), {y.end() - n, y.end()});
}

BOOST_AUTO_TEST_SUITE_END()
