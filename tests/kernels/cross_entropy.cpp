#include "kernels/cross_entropy.hpp"

#include "kernels/softmax_reference.hpp"

using namespace tapegrad::kernels;
using namespace tapegrad::testing;

BOOST_AUTO_TEST_SUITE(cross_entropy)

BOOST_AUTO_TEST_CASE_TEMPLATE(values_and_gradients, T, Reals) {
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
        check_close(loss, expected_loss, kSoftmaxTolerance<T>);
        check_close(d, expected_d, kSoftmaxTolerance<T>);
        BOOST_TEST(std::fabs(cross_entropy_total_weight(facts) - static_cast<double>(total)) < 1e-12);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(with_excluded_classes, T, Reals) {
  const T inf = kInfinity<T>;
  const std::vector<T> x = {-inf, 0, 0, -inf, -inf, -inf};
  const std::vector<std::int64_t> targets = {1, 0};
  const CrossEntropy<T> facts{x.data(), targets.data(), 2, 3};
  std::vector<T> loss(2), lse(2), d(6);
  const std::vector<T> scale = {1, 1};
  cross_entropy_forward(facts, loss.data(), lse.data());
  check_close(loss, {std::log(2.0L), kInfinity<long double>}, kSoftmaxTolerance<T>);
  cross_entropy_backward(facts, lse.data(), scale.data(), d.data());
  check_close(d, {0, -0.5L, 0.5L, 0, 0, 0}, kSoftmaxTolerance<T>);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nan_anywhere_makes_its_row_nan, T, Reals) {
  for (const T filler : {-kInfinity<T>, T(0), T(1), kInfinity<T>}) {
    for (std::size_t place = 0; place < 40; ++place) {
      std::vector<T> x(40, filler), loss(1), lse(1);
      x[place] = kNaN<T>;
      const std::int64_t target = 3;
      cross_entropy_forward(CrossEntropy<T>{x.data(), &target, 1, 40}, loss.data(), lse.data());
      BOOST_TEST(std::isnan(loss[0]), "NaN at " << place << " among " << filler);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
