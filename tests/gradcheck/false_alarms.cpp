// Right derivatives of functions with nasty scales, at many points: none is called wrong, and those that differences
// can see are ok.
#include <boost/test/unit_test.hpp>

#include "gradcheck/functions.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

namespace {

constexpr std::uint64_t kSeeds = 40;

struct Scalar {
  std::string name;
  std::function<double(double)> f, slope;
  double scale, offset;  // of x
  bool must_be_ok = true;
};

const std::vector<Scalar> kScalars = {
    {"square, tiny x", [](double v) { return v * v; }, [](double v) { return 2.0 * v; }, 1e-8, 0.0},
    {"square, huge x", [](double v) { return v * v; }, [](double v) { return 2.0 * v; }, 1e8, 0.0},
    {"fast sine of tiny x", [](double v) { return std::sin(1e8 * v); },
     [](double v) { return 1e8 * std::cos(1e8 * v); }, 1e-8, 0.0},
    {"slow sine of huge x", [](double v) { return std::sin(1e-8 * v); },
     [](double v) { return 1e-8 * std::cos(1e-8 * v); }, 1e8, 0.0},
    {"sine far out", [](double v) { return std::sin(v); }, [](double v) { return std::cos(v); }, 1.0, 1e5},
    {"tiny values", [](double v) { return 1e-30 * std::exp(v); }, [](double v) { return 1e-30 * std::exp(v); }, 1.0,
     0.0},
    {"exp at 50", [](double v) { return std::exp(v); }, [](double v) { return std::exp(v); }, 1.0, 50.0},
    {"exp at -50", [](double v) { return std::exp(v); }, [](double v) { return std::exp(v); }, 1.0, -50.0},
    {"saturated tanh", [](double v) { return std::tanh(v); },
     [](double v) { return 1.0 / (std::cosh(v) * std::cosh(v)); }, 1.0, 6.0},
    {"softplus", [](double v) { return std::log1p(std::exp(v)); }, [](double v) { return 1.0 / (1.0 + std::exp(-v)); },
     10.0, 0.0},
    {"cancellation", [](double v) { return (v + 1e6) - 1e6; }, [](double) { return 1.0; }, 1.0, 0.0},
    {"worse cancellation", [](double v) { return (v + 1e11) - 1e11; }, [](double) { return 1.0; }, 1.0, 0.0, false},
    {"narrow peak", [](double v) { return 1.0 / (1.0 + 1e8 * v * v); },
     [](double v) { return -2e8 * v / ((1.0 + 1e8 * v * v) * (1.0 + 1e8 * v * v)); }, 1e-4, 0.0},
    {"large offset", [](double v) { return 1e6 + std::sin(v); }, [](double v) { return std::cos(v); }, 1.0, 0.0},
    {"high power", [](double v) { return std::pow(v, 15.0); }, [](double v) { return 15.0 * std::pow(v, 14.0); }, 1.0,
     0.0},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(false_alarms)

BOOST_AUTO_TEST_CASE(of_one_number) {
  for (const Scalar& s : kScalars) {
    int ok = 0;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      const Numbers x = {s.offset + s.scale * normal(1, seed)[0]};
      const GradcheckReport report =
          check_gradient([&](Point p) { return s.f(p[0]); }, [&](Point p) { return Numbers{s.slope(p[0])}; }, x);
      BOOST_TEST((report.verdict() != Verdict::wrong), s.name << " at " << x[0] << "\n" << to_string(report));
      if (report.ok())
        ++ok;
      else
        BOOST_TEST_MESSAGE(s.name << " at " << x[0] << "\n" << to_string(report));
    }
    if (s.must_be_ok) BOOST_TEST(ok == static_cast<int>(kSeeds), s.name << " is ok at " << ok << " of " << kSeeds);
  }
}

BOOST_AUTO_TEST_CASE(of_a_normalisation_far_from_zero) {
  for (const double sigma : {1.0, 0.1, 1e-2}) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      Numbers x = normal(12, seed, sigma);
      for (double& v : x) v += 1e6;
      const RowNormalisation f{.rows = 2, .columns = 6, .eps = 1e-12, .backward_eps = 1e-12};
      const GradcheckReport report = check_jacobian(
          f, [&](Point p) { return f.jacobian(p); }, x);
      BOOST_TEST((report.verdict() != Verdict::wrong), "sigma " << sigma << "\n" << to_string(report));
      BOOST_TEST((report.ok() || sigma < 1.0), "sigma " << sigma << "\n" << to_string(report));
    }
  }
}

BOOST_AUTO_TEST_CASE(of_a_long_sum) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const Numbers x = normal(10000, seed);
    const auto f = [](Point p) {
      double s = 0.0;
      for (const double v : p) s += std::sin(v) * v;
      return s;
    };
    const auto gradient = [](double factor) {
      return [factor](Point p) {
        Numbers g;
        for (const double v : p) g.push_back(std::cos(v) * v + std::sin(v));
        g[1234] *= factor;
        return g;
      };
    };
    const GradcheckReport report = check_gradient(f, gradient(1.0), x);
    BOOST_TEST(report.ok(), to_string(report));
    BOOST_TEST((check_gradient(f, gradient(1.03), x).verdict() == Verdict::wrong));  // one element of ten thousand
  }
}

BOOST_AUTO_TEST_SUITE_END()
