#include "kernels/softmax.hpp"

#include <algorithm>
#include <boost/mpl/list.hpp>
#include <memory>

#include "kernels/reference.hpp"

using namespace tapegrad::kernels;
using namespace tapegrad::testing;
using Reals = boost::mpl::list<float, double>;
using Exact = std::vector<long double>;

namespace {

const std::int64_t kLengths[] = {1, 2, 7, 16, 17, 33, 64, 100, 1000};

/// Softmax of each row in long double; entries for which keep(r, j) is false have probability 0.
template <class T, class Keep>
Exact softmax_of(const std::vector<T>& x, std::int64_t n, const Keep& keep) {
  Exact p(x.size());
  for (std::size_t start = 0; start < x.size(); start += static_cast<std::size_t>(n)) {
    long double max = -kInfinity<long double>;
    long double sum = 0;
    for (std::size_t j = 0; j < static_cast<std::size_t>(n); ++j) {
      if (keep(start + j)) max = std::max(max, static_cast<long double>(x[start + j]));
    }
    for (std::size_t j = 0; j < static_cast<std::size_t>(n); ++j) {
      if (keep(start + j) && std::isfinite(max))
        sum += p[start + j] = std::exp(static_cast<long double>(x[start + j]) - max);
    }
    for (std::size_t j = 0; j < static_cast<std::size_t>(n) && sum > 0; ++j) p[start + j] /= sum;
  }
  return p;
}

constexpr auto kKeepAll = [](std::size_t) { return true; };

template <class T>
constexpr double kTolerance = (sizeof(T) == 4 ? 8 : 16) * kEpsilon<T>;

}  // namespace

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
    check_close(y, p, kTolerance<T>);
    softmax_backward(y.data(), dy.data(), rows, n, d.data());
    check_close(d, dx, kTolerance<T>);
    log_softmax_forward(x.data(), rows, n, {}, y.data());
    check_close(y, log_p, kTolerance<T>);
    log_softmax_backward(y.data(), dy.data(), rows, n, d.data());
    check_close(d, log_dx, 4 * kTolerance<T>);
    auto in_place = x;
    softmax_forward(in_place.data(), rows, n, {}, in_place.data());
    check_close(in_place, p, kTolerance<T>);
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
  check_close(y, p, kTolerance<T>);
  log_softmax_forward(x.data(), rows, n, mask, log_y.data());
  Exact log_p;
  for (const long double v : p) log_p.push_back(std::log(v));
  check_close(log_y, log_p, kTolerance<T>);
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
      check_close(d, dx, kTolerance<T>);
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
      std::vector<T> x(40, filler), y(40), loss(1), lse(1);
      x[place] = kNaN<T>;
      softmax_forward(x.data(), 1, 40, {}, y.data());
      BOOST_TEST(all_nan(y), "softmax, NaN at " << place << " among " << filler);
      log_softmax_forward(x.data(), 1, 40, {}, y.data());
      BOOST_TEST(all_nan(y), "log_softmax, NaN at " << place << " among " << filler);
      const std::int64_t target = 3;
      cross_entropy_forward(CrossEntropy<T>{x.data(), &target, 1, 40}, loss.data(), lse.data());
      BOOST_TEST(std::isnan(loss[0]), "cross_entropy, NaN at " << place << " among " << filler);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(cross_entropy_values_and_gradients, T, Reals) {
  for (const std::int64_t n : kLengths) {
    for (const double smoothing : {0.0, 0.1}) {
      for (const bool weighted : {false, true}) {
        const std::int64_t rows = 6;
        const auto x = normal<T>(rows * n, 5, 50, 3);
        const auto scale = normal<T>(rows, 6);
        auto weights = normal<T>(n, 7);
        for (auto& w : weights) w = std::fabs(w);
        const std::vector<std::int64_t> targets = {0, n - 1, -7, n / 2, n / 3, n - 1};
        const CrossEntropy<T> facts{
            x.data(), targets.data(), rows, n, -7, smoothing, weighted ? weights.data() : nullptr};
        std::vector<T> loss(6), lse(6), d(x.size());
        cross_entropy_forward(facts, loss.data(), lse.data());
        cross_entropy_backward(facts, lse.data(), scale.data(), d.data());

        const Exact p = softmax_of(x, n, kKeepAll);
        Exact expected_loss(6), expected_d(x.size());
        long double total = 0;
        for (std::size_t r = 0; r < 6; ++r) {
          if (targets[r] == -7) continue;
          // d loss / d x_c of sum_k q_k (lse - x_k) is p_c sum_k q_k - q_c.
          std::vector<long double> q(static_cast<std::size_t>(n));
          long double all = 0;
          for (std::size_t c = 0; c < q.size(); ++c) {
            const long double w = weighted ? static_cast<long double>(weights[c]) : 1.0L;
            const bool hit = static_cast<std::int64_t>(c) == targets[r];
            q[c] = w * ((hit ? 1 - static_cast<long double>(smoothing) : 0) +
                        static_cast<long double>(smoothing) / static_cast<long double>(n));
            all += q[c];
            if (hit) total += w;
            expected_loss[r] -= q[c] * std::log(p[r * q.size() + c]);
          }
          for (std::size_t c = 0; c < q.size(); ++c) {
            expected_d[r * q.size() + c] = static_cast<long double>(scale[r]) * (p[r * q.size() + c] * all - q[c]);
          }
        }
        check_close(loss, expected_loss, kTolerance<T>);
        check_close(d, expected_d, kTolerance<T>);
        BOOST_TEST(std::fabs(cross_entropy_total_weight(facts) - static_cast<double>(total)) < 1e-12);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(cross_entropy_with_excluded_classes, T, Reals) {
  const T inf = kInfinity<T>;
  const std::vector<T> x = {-inf, 0, 0, -inf, -inf, -inf};
  const std::vector<std::int64_t> targets = {1, 0};
  const CrossEntropy<T> facts{x.data(), targets.data(), 2, 3};
  std::vector<T> loss(2), lse(2), d(6);
  const std::vector<T> scale = {1, 1};
  cross_entropy_forward(facts, loss.data(), lse.data());
  check_close(loss, {std::log(2.0L), kInfinity<long double>}, kTolerance<T>);
  cross_entropy_backward(facts, lse.data(), scale.data(), d.data());
  check_close(d, {0, -0.5L, 0.5L, 0, 0, 0}, kTolerance<T>);
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
