#include "kernels/update.hpp"

#include <algorithm>
#include <limits>

#include "kernels/reference.hpp"

using namespace tapegrad::kernels;
using tapegrad::AdamRule;
using tapegrad::SGDRule;
using namespace tapegrad::testing;

namespace {

const std::int64_t kLengths[] = {1, 40, 17, 40000, 3};

template <class T>
Exact exact(const std::vector<T>& v) {
  return {v.begin(), v.end()};
}

/// Tensors of kLengths standing one after another in each array.
template <class T>
struct UpdateProblem {
  std::int64_t size = 0;
  std::vector<T> parameter, m, v, v_max;

  UpdateProblem() {
    for (const std::int64_t n : kLengths) size += n;
    parameter = normal<T>(size, 1);
    m.resize(parameter.size());
    v.resize(parameter.size());
    v_max.resize(parameter.size());
  }
  std::vector<T> gradient(unsigned step) const { return normal<T>(size, 100 + step); }

  template <class F>
  void each(const F& f) const {
    std::int64_t start = 0;
    for (const std::int64_t n : kLengths) {
      f(start, n);
      start += n;
    }
  }
};

template <class T>
std::vector<T> adam_steps(const AdamRule& base, unsigned steps, bool amsgrad = false) {
  UpdateProblem<T> p;
  for (unsigned step = 1; step <= steps; ++step) {
    const auto g = p.gradient(step);
    std::vector<AdamTensor<T>> tensors;
    p.each([&](std::int64_t s, std::int64_t n) {
      T* const v_max = amsgrad ? p.v_max.data() + s : nullptr;
      tensors.push_back({p.parameter.data() + s, g.data() + s, p.m.data() + s, p.v.data() + s, v_max, n});
    });
    AdamRule settings = base;
    settings.step = step;
    adam_update<T>(tensors, settings);
  }
  return p.parameter;
}

template <class T>
constexpr double kUpdateTolerance = (sizeof(T) == 4 ? 8 : 32) * kEpsilon<T>;

/// Four steps beside torch.optim.Adam and AdamW, as their documentation defines them.
template <class T>
void check_adam(const AdamRule& s, bool amsgrad) {
  const UpdateProblem<T> p;
  Exact theta = exact(p.parameter), m(theta.size()), v(theta.size()), v_max(theta.size());
  const long double lr = s.lr, b1 = s.beta1, b2 = s.beta2, wd = s.weight_decay;
  for (unsigned step = 1; step <= 4; ++step) {
    Exact g = exact(p.gradient(step));
    for (std::size_t i = 0; i < g.size(); ++i) {
      if (s.decoupled) {
        theta[i] -= lr * wd * theta[i];
      } else {
        g[i] += wd * theta[i];
      }
      m[i] = b1 * m[i] + (1 - b1) * g[i];
      v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
      v_max[i] = std::max(v_max[i], v[i]);
      const long double mhat = m[i] / (1 - std::pow(b1, static_cast<long double>(step)));
      const long double vhat = (amsgrad ? v_max[i] : v[i]) / (1 - std::pow(b2, static_cast<long double>(step)));
      theta[i] -= lr * mhat / (std::sqrt(vhat) + static_cast<long double>(s.eps));
    }
  }
  check_close(adam_steps<T>(s, 4, amsgrad), theta, kUpdateTolerance<T>);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(update)

BOOST_AUTO_TEST_CASE_TEMPLATE(adam_and_adamw, T, Reals) {
  // A weight decay that float32 holds: where it cancels the first gradient, m / sqrt(v) magnifies its rounding.
  AdamRule rule{.lr = 0.01, .beta1 = 0.9, .beta2 = 0.98, .eps = 1e-6, .weight_decay = 0.125};
  for (const bool decoupled : {true, false}) {
    rule.decoupled = decoupled;
    check_adam<T>(rule, false);
    AdamRule forgetful = rule;
    forgetful.beta2 = 0.5;  // or v hardly ever falls
    check_adam<T>(forgetful, true);
  }
}

BOOST_AUTO_TEST_CASE(first_adam_step_is_the_lr) {
  double p = 1, m = 0, v = 0;
  const double g = 123.0;
  const std::vector<AdamTensor<double>> tensors = {{&p, &g, &m, &v, nullptr, 1}};
  adam_update<double>(tensors, {.lr = 0.25, .eps = 0});
  BOOST_TEST(std::fabs(p - 0.75) < 1e-14);
}

// Or it would end as a subnormal number and make every later step slow.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_moment_that_has_faded_is_zero, T, Reals) {
  const T faded = sizeof(T) == 4 ? T(0x1p-100) : T(0x1p-960), nan = std::numeric_limits<T>::quiet_NaN();
  const std::vector<T> g(4, T(0));
  const std::vector<T> start = {faded, -faded, 2 * faded, nan};
  std::vector<T> p(4, T(1)), m = start, v(4, T(1)), velocity = start;
  const std::vector<AdamTensor<T>> adam = {{p.data(), g.data(), m.data(), v.data(), nullptr, 4}};
  adam_update<T>(adam, {.beta1 = 0.5});
  const std::vector<SgdTensor<T>> sgd = {{p.data(), g.data(), velocity.data(), 4}};
  sgd_update<T>(sgd, {.momentum = 0.5});
  for (const std::vector<T>& moment : {m, velocity}) {
    BOOST_TEST(moment[0] == 0);
    BOOST_TEST(moment[1] == 0);
    BOOST_TEST(moment[2] == faded);
    BOOST_TEST(std::isnan(moment[3]));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_mean_of_squares_that_has_become_subnormal_is_zero, T, Reals) {
  const T least = std::numeric_limits<T>::min(), nan = std::numeric_limits<T>::quiet_NaN();
  const std::vector<T> g(3, T(0));
  const std::vector<T> start = {least, 2 * least, nan};
  std::vector<T> p(3, T(1)), m(3, T(0)), of_adam = start, of_rms = start;
  const std::vector<AdamTensor<T>> adam = {{p.data(), g.data(), m.data(), of_adam.data(), nullptr, 3}};
  adam_update<T>(adam, {.beta2 = 0.5});
  const std::vector<RmsTensor<T>> rms = {{p.data(), g.data(), of_rms.data(), nullptr, nullptr, 3}};
  rms_update<T>(rms, {.keep = 0.5});
  for (const std::vector<T>& v : {of_adam, of_rms}) {
    BOOST_TEST(v[0] == 0);
    BOOST_TEST(v[1] == least);
    BOOST_TEST(std::isnan(v[2]));
  }
}

// The bias of a class that is to have no probability: 0 times infinity would make it NaN.
BOOST_AUTO_TEST_CASE_TEMPLATE(an_infinite_parameter_stays_without_a_decay, T, Reals) {
  const T low = -std::numeric_limits<T>::infinity(), g = 0;
  const auto updated = [&](const auto& update) {
    T p = low;
    std::vector<T> states(3, T(0));
    update(p, states.data());
    return p;
  };
  for (const bool decoupled : {false, true}) {
    BOOST_TEST(updated([&](T& p, T* s) {
                 const std::vector<AdamTensor<T>> tensors = {{&p, &g, s, s + 1, nullptr, 1}};
                 adam_update<T>(tensors, {.decoupled = decoupled});
               }) == low);
  }
  BOOST_TEST(updated([&](T& p, T* s) {
               const std::vector<SgdTensor<T>> tensors = {{&p, &g, s, 1}};
               sgd_update<T>(tensors, {.momentum = 0.5});
             }) == low);
  BOOST_TEST(updated([&](T& p, T* s) {
               const std::vector<RmsTensor<T>> tensors = {{&p, &g, s, s + 1, s + 2, 1}};
               rms_update<T>(tensors, {.momentum = 0.5});
             }) == low);
}

// A step from the old moment towards the gradient would lose what is small beside their distance.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_moment_that_keeps_nothing_is_the_gradient, T, Reals) {
  T p = 0, m = T(0x1p60), v = 0;
  const T g = 1;
  const std::vector<AdamTensor<T>> tensors = {{&p, &g, &m, &v, nullptr, 1}};
  adam_update<T>(tensors, {.beta1 = 0});
  BOOST_TEST(m == g);
}

// torch.optim.SGD, whose momentum buffer starts as the first gradient: the same as starting at 0 when dampening is 0.
BOOST_AUTO_TEST_CASE_TEMPLATE(sgd, T, Reals) {
  for (const double momentum : {0.0, 0.9}) {
    for (const bool nesterov : {false, true}) {
      const SGDRule s{.lr = 0.1, .momentum = momentum, .weight_decay = 0.01, .nesterov = nesterov};
      UpdateProblem<T> p;
      Exact theta = exact(p.parameter), velocity(theta.size());
      const long double mu = momentum;
      for (unsigned step = 1; step <= 3; ++step) {
        const auto g = p.gradient(step);
        std::vector<SgdTensor<T>> tensors;
        p.each([&](std::int64_t start, std::int64_t n) {
          tensors.push_back(
              {p.parameter.data() + start, g.data() + start, momentum > 0 ? p.m.data() + start : nullptr, n});
        });
        sgd_update<T>(tensors, s);
        for (std::size_t i = 0; i < theta.size(); ++i) {
          const long double d = static_cast<long double>(g[i]) + static_cast<long double>(s.weight_decay) * theta[i];
          velocity[i] = mu * velocity[i] + d;
          theta[i] -= static_cast<long double>(s.lr) * (nesterov ? d + mu * velocity[i] : velocity[i]);
        }
      }
      check_close(p.parameter, theta, kUpdateTolerance<T>);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(norm_and_scaling_of_gradients, T, Reals) {
  const UpdateProblem<T> p;
  auto g = p.gradient(1);
  std::vector<GradientTensor<T>> tensors;
  std::vector<GradientTensor<const T>> read_only;
  p.each([&](std::int64_t s, std::int64_t n) {
    tensors.push_back({g.data() + s, n});
    read_only.push_back({g.data() + s, n});
  });
  long double sum = 0;
  Exact scaled;
  for (const T v : g) {
    sum += static_cast<long double>(v) * static_cast<long double>(v);
    scaled.push_back(static_cast<long double>(v) / 4);
  }
  BOOST_TEST(std::fabs(static_cast<long double>(sum_of_squares<T>(read_only)) - sum) < 1e-13L * sum);
  scale_gradients<T>(tensors, 0.25);
  check_close(g, scaled, 0);
  BOOST_TEST(sum_of_squares<T>({}) == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(clamp, T, Reals) {
  const UpdateProblem<T> p;
  auto g = p.gradient(1);
  g[20] = -T{50};
  g[21] = std::numeric_limits<T>::quiet_NaN();
  std::vector<GradientTensor<T>> tensors;
  p.each([&](std::int64_t s, std::int64_t n) { tensors.push_back({g.data() + s, n}); });
  const auto before = g;
  BOOST_TEST(clamp_gradients<T>(tensors, 0.5) == 50.0);
  for (std::size_t i = 0; i < g.size(); ++i) {
    if (i == 21) {
      BOOST_TEST(std::isnan(g[i]));
    } else {
      BOOST_TEST_REQUIRE(g[i] == std::min(std::max(before[i], T(-0.5)), T(0.5)));
    }
  }
  BOOST_TEST(clamp_gradients<T>({}, 1) == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(bits_are_the_same_at_any_number_of_threads, T, Reals) {
  const ExpectTeams expect_teams;
  check_thread_invariant([] { return adam_steps<T>({.weight_decay = 0.1}, 2); });
  auto g = normal<T>(200000, 5);
  const std::vector<GradientTensor<const T>> tensors = {{g.data(), 70000}, {g.data() + 70000, 130000}};
  check_thread_invariant([&] { return std::vector<double>{sum_of_squares<T>(tensors)}; });
}

BOOST_AUTO_TEST_SUITE_END()
