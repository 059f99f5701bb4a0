#include "kernels/row_norm.hpp"

#include "kernels/norm_reference.hpp"

using namespace tapegrad::kernels;
using namespace tapegrad::testing;

BOOST_AUTO_TEST_SUITE(row_norm)

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
      check_close(y, expected.y, kNormTolerance<T>);
      check_close(mean, expected.mean, kSumTolerance<T>);
      // dx of two numbers is the difference of nearly equal terms as large as rstd.
      const double condition = n == 2 ? 100 : 4;
      layer_norm_backward(facts, mean.data(), rstd.data(), dy.data(), {dx.data(), dgamma.data(), dbeta.data()});
      check_close(dx, expected.dx, condition * kNormTolerance<T>);
      check_close(dgamma, expected.dgamma, 4 * kNormTolerance<T>);
      check_close(dbeta, expected.dbeta, 4 * kNormTolerance<T>);
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
    check_close(y, expected.y, kNormTolerance<T>);
    rms_norm_backward(facts, rstd.data(), dy.data(), {dx.data(), dgamma.data()});
    check_close(dx, expected.dx, 4 * kNormTolerance<T>);
    check_close(dgamma, expected.dgamma, 4 * kNormTolerance<T>);
  }
}

// E[x^2] - mean^2 has no correct digit here, and a mean rounded to float32 is off by 6e-4 deviations.
BOOST_AUTO_TEST_CASE(float_keeps_its_precision_far_from_zero) {
  const std::int64_t rows = 40, n = 384;
  const auto x = normal<float>(rows * n, 17, 1e4);
  const auto dy = normal<float>(rows * n, 18);
  const auto c = static_cast<std::size_t>(n);
  std::vector<float> y(x.size()), dx(x.size()), dgamma(c), dbeta(c), mean(c), rstd(c);
  auto expected = over_rows(rows, n, true);
  expected.run(x, {}, {}, dy, c);
  const RowNorm<float> facts{x.data(), rows, n};
  layer_norm_forward(facts, kEps, y.data(), mean.data(), rstd.data());
  check_close(y, expected.y, 3e-7);
  layer_norm_backward(facts, mean.data(), rstd.data(), dy.data(), {dx.data(), dgamma.data(), dbeta.data()});
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
}

BOOST_AUTO_TEST_SUITE_END()
