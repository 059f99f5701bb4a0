#include "kernels/norm.hpp"

#include <boost/mpl/list.hpp>
#include <functional>
#include <memory>

#include "kernels/reference.hpp"

using namespace tapegrad::kernels;
using namespace tapegrad::testing;
using Reals = boost::mpl::list<float, double>;
using Exact = std::vector<long double>;

namespace {

constexpr double kEps = 1e-5;

/// Normalises [groups, size] sets in long double and differentiates sum(dy * y), one group after another: element k of
/// group s stands at place(s, k), its parameters at parameter(s, k). `member` says which elements the statistics are
/// taken over.
struct Normaliser {
  std::int64_t groups, size;
  bool centred;
  std::function<std::size_t(std::int64_t, std::int64_t)> place;
  std::function<std::size_t(std::int64_t, std::int64_t)> parameter;
  std::function<bool(std::int64_t)> member = [](std::int64_t) { return true; };
  bool write_others = true;
  Exact y = {}, dx = {}, dgamma = {}, dbeta = {}, mean = {}, variance = {};

  template <class T>
  void run(const std::vector<T>& x, const std::vector<T>& gamma, const std::vector<T>& beta, const std::vector<T>& dy,
           std::size_t parameters) {
    const auto exact = [](const std::vector<T>& v, std::size_t i, long double otherwise) {
      return v.empty() ? otherwise : static_cast<long double>(v[i]);
    };
    y.assign(x.size(), 0);
    dx.assign(x.size(), 0);
    dgamma.assign(parameters, 0);
    dbeta.assign(parameters, 0);
    for (std::int64_t s = 0; s < groups; ++s) {
      long double n = 0, m = 0, v = 0;
      for (std::int64_t k = 0; k < size; ++k) {
        if (member(k)) {
          n += 1;
          m += exact(x, place(s, k), 0);
        }
      }
      m = centred && n > 0 ? m / n : 0;
      for (std::int64_t k = 0; k < size; ++k) {
        if (member(k)) v += (exact(x, place(s, k), 0) - m) * (exact(x, place(s, k), 0) - m);
      }
      v = n > 0 ? v / n : 0;
      mean.push_back(m);
      variance.push_back(v);
      const long double r = 1 / std::sqrt(v + static_cast<long double>(kEps));
      long double sum_g = 0, sum_gx = 0;
      for (std::int64_t k = 0; k < size; ++k) {
        const std::size_t i = place(s, k), p = parameter(s, k);
        if (!member(k) && !write_others) continue;
        const long double xhat = (exact(x, i, 0) - m) * r;
        const long double d = exact(dy, i, 0);
        y[i] = xhat * exact(gamma, p, 1) + exact(beta, p, 0);
        dgamma[p] += d * xhat;
        dbeta[p] += d;
        sum_g += centred ? d * exact(gamma, p, 1) : 0;
        sum_gx += d * exact(gamma, p, 1) * xhat;
      }
      for (std::int64_t k = 0; k < size; ++k) {
        const std::size_t i = place(s, k);
        if (!member(k) && !write_others) continue;
        const long double xhat = (exact(x, i, 0) - m) * r;
        dx[i] = r * exact(dy, i, 0) * exact(gamma, parameter(s, k), 1);
        if (member(k)) dx[i] -= r / n * (sum_g + xhat * sum_gx);
      }
    }
  }
};

Normaliser over_rows(std::int64_t rows, std::int64_t n, bool centred) {
  return {rows, n, centred, [n](auto s, auto k) { return static_cast<std::size_t>(s * n + k); },
          [](auto, auto k) { return static_cast<std::size_t>(k); }};
}

Normaliser over_columns(std::int64_t rows, std::int64_t channels) {
  return {channels, rows, true, [channels](auto s, auto k) { return static_cast<std::size_t>(k * channels + s); },
          [](auto s, auto) { return static_cast<std::size_t>(s); }};
}

template <class T>
constexpr double kTolerance = sizeof(T) == 4 ? 1e-6 : 1e-13;

struct Size {
  std::int64_t rows, n;
};
const Size kSizes[] = {{1, 2}, {3, 7}, {112, 40}, {70, 33}, {5, 384}, {300, 16}};

}  // namespace

BOOST_AUTO_TEST_SUITE(norm)

BOOST_AUTO_TEST_CASE_TEMPLATE(layer_norm, T, Reals) {
  for (const auto [rows, n] : kSizes) {
    for (const bool affine : {true, false}) {
      const auto x = normal<T>(rows * n, 1, 1, 2);
      const auto dy = normal<T>(rows * n, 2);
      const auto gamma = affine ? normal<T>(n, 3, 1) : std::vector<T>();
      const auto beta = affine ? normal<T>(n, 4) : std::vector<T>();
      const T* g = affine ? gamma.data() : nullptr;
      const T* b = affine ? beta.data() : nullptr;
      auto expected = over_rows(rows, n, true);
      expected.run(x, gamma, beta, dy, static_cast<std::size_t>(n));
      std::vector<T> y(x.size()), dx(x.size()), dgamma(static_cast<std::size_t>(n)), dbeta(dgamma.size());
      std::vector<T> mean(static_cast<std::size_t>(rows)), rstd(mean.size());
      const RowNorm<T> facts{x.data(), rows, n, g, b};
      layer_norm_forward(facts, kEps, y.data(), mean.data(), rstd.data());
      check_close(y, expected.y, kTolerance<T>);
      check_close(mean, expected.mean, kSumTolerance<T>);
      // dx of two numbers is the difference of nearly equal terms as large as rstd.
      const double condition = n == 2 ? 100 : 4;
      layer_norm_backward(facts, mean.data(), rstd.data(), dy.data(), {dx.data(), dgamma.data(), dbeta.data()});
      check_close(dx, expected.dx, condition * kTolerance<T>);
      check_close(dgamma, expected.dgamma, 4 * kTolerance<T>);
      check_close(dbeta, expected.dbeta, 4 * kTolerance<T>);
      std::vector<T> dx_alone(x.size()), dgamma_alone(dgamma.size());
      layer_norm_backward(facts, mean.data(), rstd.data(), dy.data(), {.dx = dx_alone.data()});
      layer_norm_backward(facts, mean.data(), rstd.data(), dy.data(), {.dgamma = dgamma_alone.data()});
      check_same_bits(dx, dx_alone);
      check_same_bits(dgamma, dgamma_alone);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(layer_norm_of_one_value_without_eps, T, Reals) {
  const std::vector<T> x = {3, T(-1e8), 0, kNaN<T>}, dy = {1, 2, 3, 4}, gamma = {2}, beta = {T(0.5)};
  std::vector<T> y(4), dx(4), dgamma(1), dbeta(1), mean(4), rstd(4);
  layer_norm_forward<T>({x.data(), 4, 1, gamma.data(), beta.data()}, 0.0, y.data(), mean.data(), rstd.data());
  check_close(y, {0.5L, 0.5L, 0.5L, kNaN<long double>}, 0);
  layer_norm_backward<T>({x.data(), 3, 1, gamma.data()}, mean.data(), rstd.data(), dy.data(),
                         {dx.data(), dgamma.data(), dbeta.data()});
  check_close(dx, {0, 0, 0, 0}, 0);
  check_close(dgamma, {0}, 0);
  check_close(dbeta, {6}, 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(rms_norm, T, Reals) {
  for (const auto [rows, n] : kSizes) {
    const auto x = normal<T>(rows * n, 5, 1, 2);
    const auto dy = normal<T>(rows * n, 6);
    const auto gamma = normal<T>(n, 7, 1);
    auto expected = over_rows(rows, n, false);
    expected.run(x, gamma, {}, dy, static_cast<std::size_t>(n));
    std::vector<T> y(x.size()), dx(x.size()), dgamma(static_cast<std::size_t>(n)), rstd(static_cast<std::size_t>(rows));
    const RowNorm<T> facts{x.data(), rows, n, gamma.data()};
    rms_norm_forward(facts, kEps, y.data(), rstd.data());
    check_close(y, expected.y, kTolerance<T>);
    rms_norm_backward(facts, rstd.data(), dy.data(), {dx.data(), dgamma.data()});
    check_close(dx, expected.dx, 4 * kTolerance<T>);
    check_close(dgamma, expected.dgamma, 4 * kTolerance<T>);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(batch_norm, T, Reals) {
  for (const auto [rows, channels] : kSizes) {
    for (const bool masked : {false, true}) {
      for (const bool zero_padding : {true, false}) {
        if (rows == 1) continue;
        const auto x = normal<T>(rows * channels, 8, 1, 2);
        const auto dy = normal<T>(rows * channels, 9);
        const auto gamma = normal<T>(channels, 10, 1);
        const auto beta = normal<T>(channels, 11);
        const std::unique_ptr<bool[]> valid(new bool[static_cast<std::size_t>(rows)]);
        for (std::int64_t r = 0; r < rows; ++r) valid[static_cast<std::size_t>(r)] = r % 3 != 2;
        auto expected = over_columns(rows, channels);
        if (masked) {
          expected.member = [&](std::int64_t r) { return r % 3 != 2; };
          expected.write_others = !zero_padding;
        }
        expected.run(x, gamma, beta, dy, static_cast<std::size_t>(channels));
        const BatchNorm<T> facts{.x = x.data(),
                                 .rows = rows,
                                 .channels = channels,
                                 .valid = masked ? valid.get() : nullptr,
                                 .count = masked ? rows - rows / 3 : rows,
                                 .zero_padding = zero_padding,
                                 .gamma = gamma.data(),
                                 .beta = beta.data()};
        const auto c = static_cast<std::size_t>(channels);
        std::vector<T> y(x.size()), dx(x.size()), mean(c), variance(c), rstd(c), dgamma(c), dbeta(c);
        batch_norm_forward(facts, kEps, y.data(), mean.data(), variance.data(), rstd.data());
        // Of three rows, statistics over two: written padding lies far outside.
        const double condition = rows == 3 ? 100 : 4;
        check_close(y, expected.y, condition * kTolerance<T>);
        check_close(mean, expected.mean, kSumTolerance<T>);
        check_close(variance, expected.variance, kSumTolerance<T>);
        batch_norm_backward(facts, mean.data(), rstd.data(), dy.data(), {dx.data(), dgamma.data(), dbeta.data()});
        check_close(dx, expected.dx, 10 * condition * kTolerance<T>);
        check_close(dgamma, expected.dgamma, condition * kTolerance<T>);
        check_close(dbeta, expected.dbeta, condition * kTolerance<T>);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(batch_norm_with_given_statistics, T, Reals) {
  const std::int64_t rows = 50, channels = 21;
  const auto x = normal<T>(rows * channels, 12);
  const auto dy = normal<T>(rows * channels, 13);
  const auto gamma = normal<T>(channels, 14);
  const auto mean = normal<T>(channels, 15);
  auto variance = normal<T>(channels, 16);
  for (auto& v : variance) v = std::fabs(v) + T(0.1);
  const std::unique_ptr<bool[]> valid(new bool[static_cast<std::size_t>(rows)]);
  for (std::int64_t r = 0; r < rows; ++r) valid[static_cast<std::size_t>(r)] = r != 4;
  const BatchNorm<T> facts{
      .x = x.data(), .rows = rows, .channels = channels, .valid = valid.get(), .gamma = gamma.data()};
  const auto c = static_cast<std::size_t>(channels);
  Exact y(x.size()), dx(x.size()), dgamma(c), dbeta(c);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (i / c == 4) continue;
    const std::size_t k = i % c;
    const long double r = 1 / std::sqrt(static_cast<long double>(variance[k]) + static_cast<long double>(kEps));
    const long double xhat = (static_cast<long double>(x[i]) - static_cast<long double>(mean[k])) * r;
    y[i] = xhat * static_cast<long double>(gamma[k]);
    dx[i] = static_cast<long double>(gamma[k]) * static_cast<long double>(dy[i]) * r;
    dgamma[k] += static_cast<long double>(dy[i]) * xhat;
    dbeta[k] += static_cast<long double>(dy[i]);
  }
  std::vector<T> out(x.size()), dgamma_out(c), dbeta_out(c);
  batch_norm_eval_forward(facts, mean.data(), variance.data(), kEps, out.data());
  check_close(out, y, kTolerance<T>);
  batch_norm_eval_backward(facts, mean.data(), variance.data(), kEps, dy.data(),
                           {out.data(), dgamma_out.data(), dbeta_out.data()});
  check_close(out, dx, kTolerance<T>);
  check_close(dgamma_out, dgamma, kTolerance<T>);
  check_close(dbeta_out, dbeta, kTolerance<T>);
}

// E[x^2] - mean^2 has no correct digit here, and a mean rounded to float32 is off by 6e-4 deviations.
BOOST_AUTO_TEST_CASE(float_keeps_its_precision_far_from_zero) {
  const std::int64_t rows = 40, n = 384;
  const auto x = normal<float>(rows * n, 17, 1e4);
  const auto dy = normal<float>(rows * n, 18);
  const auto c = static_cast<std::size_t>(n);
  std::vector<float> y(x.size()), dx(x.size()), dgamma(c), dbeta(c), mean(c), variance(c), rstd(c);
  auto expected = over_rows(rows, n, true);
  expected.run(x, {}, {}, dy, c);
  const RowNorm<float> row_facts{x.data(), rows, n};
  layer_norm_forward(row_facts, kEps, y.data(), mean.data(), rstd.data());
  check_close(y, expected.y, 3e-7);
  layer_norm_backward(row_facts, mean.data(), rstd.data(), dy.data(), {dx.data(), dgamma.data(), dbeta.data()});
  check_close(dx, expected.dx, 1e-6);
  check_close(dgamma, expected.dgamma, 2e-6);
  expected = over_columns(rows, n);
  expected.run(x, {}, {}, dy, c);
  const BatchNorm<float> facts{.x = x.data(), .rows = rows, .channels = n, .count = rows};
  batch_norm_forward(facts, kEps, y.data(), mean.data(), variance.data(), rstd.data());
  check_close(y, expected.y, 3e-7);
  batch_norm_backward(facts, mean.data(), rstd.data(), dy.data(), {dx.data(), dgamma.data(), dbeta.data()});
  check_close(dx, expected.dx, 1e-6);
  check_close(dgamma, expected.dgamma, 2e-6);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(bits_depend_on_the_shape_alone, T, Reals) {
  const ExpectTeams expect_teams;
  const std::int64_t rows = 3000, n = 40;
  const auto x = normal<T>(rows * n, 19);
  const auto dy = normal<T>(rows * n, 20);
  const auto c = static_cast<std::size_t>(n);
  const auto layer = [&](std::int64_t first) {
    std::vector<T> y(x.size() - static_cast<std::size_t>(first * n)), mean(static_cast<std::size_t>(rows)),
        rstd(mean.size());
    layer_norm_forward<T>({x.data() + first * n, rows - first, n}, kEps, y.data(), mean.data(), rstd.data());
    return y;
  };
  check_thread_invariant([&] { return layer(0); });
  const auto all = layer(0);
  check_same_bits(layer(rows - 1), std::vector<T>(all.end() - n, all.end()));
  check_thread_invariant([&] {
    std::vector<T> y(x.size()), mean(static_cast<std::size_t>(rows)), rstd(mean.size()), gradients(2 * c);
    const RowNorm<T> facts{x.data(), rows, n};
    layer_norm_forward(facts, kEps, y.data(), mean.data(), rstd.data());
    layer_norm_backward(facts, mean.data(), rstd.data(), dy.data(), {y.data(), gradients.data(), gradients.data() + n});
    return gradients;
  });
  check_thread_invariant([&] {
    std::vector<T> y(x.size()), mean(c), variance(c), rstd(c), gradients(2 * c);
    const BatchNorm<T> facts{.x = x.data(), .rows = rows, .channels = n, .count = rows};
    batch_norm_forward(facts, kEps, y.data(), mean.data(), variance.data(), rstd.data());
    batch_norm_backward(facts, mean.data(), rstd.data(), dy.data(), {y.data(), gradients.data(), gradients.data() + n});
    y.insert(y.end(), gradients.begin(), gradients.end());
    return y;
  });
}

BOOST_AUTO_TEST_SUITE_END()
