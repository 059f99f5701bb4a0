#include "kernels/batch_norm.hpp"

#include <memory>

#include "kernels/norm_reference.hpp"

using namespace tapegrad::kernels;
using namespace tapegrad::testing;

BOOST_AUTO_TEST_SUITE(batch_norm)

BOOST_AUTO_TEST_CASE_TEMPLATE(forward_and_backward, T, Reals) {
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
        check_close(y, expected.y, condition * kNormTolerance<T>);
        check_close(mean, expected.mean, kSumTolerance<T>);
        check_close(variance, expected.variance, kSumTolerance<T>);
        batch_norm_backward(facts, mean.data(), rstd.data(), dy.data(), {dx.data(), dgamma.data(), dbeta.data()});
        check_close(dx, expected.dx, 10 * condition * kNormTolerance<T>);
        check_close(dgamma, expected.dgamma, condition * kNormTolerance<T>);
        check_close(dbeta, expected.dbeta, condition * kNormTolerance<T>);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(with_given_statistics, T, Reals) {
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
  check_close(out, y, kNormTolerance<T>);
  batch_norm_eval_backward(facts, mean.data(), variance.data(), kEps, dy.data(),
                           {out.data(), dgamma_out.data(), dbeta_out.data()});
  check_close(out, dx, kNormTolerance<T>);
  check_close(dgamma_out, dgamma, kNormTolerance<T>);
  check_close(dbeta_out, dbeta, kNormTolerance<T>);
}

// E[x^2] - mean^2 has no correct digit here, and a mean rounded to float32 is off by 6e-4 deviations.
BOOST_AUTO_TEST_CASE(float_keeps_its_precision_far_from_zero) {
  const std::int64_t rows = 40, n = 384;
  const auto x = normal<float>(rows * n, 17, 1e4);
  const auto dy = normal<float>(rows * n, 18);
  const auto c = static_cast<std::size_t>(n);
  std::vector<float> y(x.size()), dx(x.size()), dgamma(c), dbeta(c), mean(c), variance(c), rstd(c);
  auto expected = over_columns(rows, n);
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
