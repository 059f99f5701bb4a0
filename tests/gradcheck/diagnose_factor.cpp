// Factors: a constant, none at all, the values of an input, or rounding.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gradcheck/diagnosed.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

BOOST_AUTO_TEST_SUITE(diagnose_factor)

BOOST_AUTO_TEST_CASE(single_precision_is_told) {
  const auto as_single = [](Numbers values) {
    for (double& v : values) v = static_cast<double>(static_cast<float>(v));
    return values;
  };
  const auto cosines = [](Point x) {
    Numbers y;
    for (const double v : x) y.push_back(std::cos(v));
    return y;
  };
  const auto sum_of_sines = [](Point x) {
    double sum = 0.0;
    for (const double v : x) sum += std::sin(v);
    return sum;
  };
  const Numbers x = normal(kSide, 4);
  const char* const words = "computed or stored in single precision";
  expect(check_gradient(
             sum_of_sines, [&](Point p) { return as_single(cosines(p)); }, x),
         GradcheckMistake::single_precision, words);
  // Not only rounded at the end.
  const auto computed = [](Point p) {
    Numbers y;
    for (const double v : p) y.push_back(std::cos(static_cast<float>(v)));
    return y;
  };
  expect(check_gradient(sum_of_sines, computed, x), GradcheckMistake::single_precision, words);
  const auto product = [&](Point p, Point v) {
    Numbers y = cosines(p);
    for (std::size_t k = 0; k < y.size(); ++k) y[k] *= v[k];
    return as_single(y);
  };
  expect(check_pullback(sines, product, x), GradcheckMistake::single_precision, words);
  // Its sums of cotangents round too, which is all that is said of them.
  BOOST_TEST(to_string(check_pullback(sines, product, x)).find("forgets or distorts") == std::string::npos);
  // A factor that is not 1 is told, however the numbers are stored.
  const auto doubled = [&](Point p) {
    Numbers y = cosines(p);
    for (double& v : y) v *= 2.0;
    return as_single(y);
  };
  expect(check_gradient(sum_of_sines, doubled, x), GradcheckMistake::constant_factor, "a factor 2 too much");
}

// 2 x is a float32 number where x is: what is missing is a term.
BOOST_AUTO_TEST_CASE(right_numbers_of_single_precision_are_not_blamed) {
  Numbers x = normal(kSide, 4);
  for (double& v : x) v = static_cast<double>(static_cast<float>(v));
  const auto f = [](Point p) {
    double sum = 0.0;
    for (const double v : p) sum += v * v + 3e-6 * v;
    return sum;
  };
  const auto gradient = [](Point p) {
    Numbers g;
    for (const double v : p) g.push_back(2.0 * v);
    return g;
  };
  const GradcheckReport report = check_gradient(f, gradient, x);
  BOOST_TEST((report.verdict() == Verdict::wrong));
  BOOST_TEST(to_string(report).find("single precision") == std::string::npos, to_string(report));
}

// A wrong unit, not a missing gradient.
BOOST_AUTO_TEST_CASE(a_tiny_or_a_huge_factor_is_one) {
  const Numbers x = normal(9, 8);
  const auto check = [&](double factor) {
    return check_elementwise([=](Point p, std::size_t k) { return factor * std::cos(p[k]); }, sines, x, {});
  };
  expect(check(1e-9), GradcheckMistake::constant_factor, "analytic = 1e-09 × numeric");
  expect(check(1e9), GradcheckMistake::constant_factor, "analytic = 1e+09 × numeric");
  expect(check(0.0), GradcheckMistake::no_gradient);
}

BOOST_AUTO_TEST_CASE(a_factor_near_one_is_told_in_full) {
  const auto cosines = [](Point x) {
    Numbers y;
    for (const double v : x) y.push_back(std::cos(v) * (1.0 - 2e-6));
    return y;
  };
  const auto sum_of_sines = [](Point x) {
    double sum = 0.0;
    for (const double v : x) sum += std::sin(v);
    return sum;
  };
  expect(check_gradient(sum_of_sines, cosines, normal(kSide, 4)), GradcheckMistake::constant_factor,
         "analytic = (1 - 2e-06) × numeric");
}

BOOST_AUTO_TEST_CASE(constant_factors_are_named) {
  const Numbers x = normal(12, 1);
  const auto mean_square = [](Point p) {
    double s = 0.0;
    for (const double v : p) s += v * v / 12.0;
    return s;
  };
  const auto gradient = [](double factor) {
    return [factor](Point p) {
      Numbers g;
      for (const double v : p) g.push_back(factor * v / 6.0);
      return g;
    };
  };
  BOOST_TEST(check_gradient(mean_square, gradient(1.0), x).ok());
  expect(check_gradient(mean_square, gradient(12.0), x), GradcheckMistake::constant_factor, "1/N of a mean is missing");
  expect(check_gradient(mean_square, gradient(1.0 / 12.0), x), GradcheckMistake::constant_factor, "once too often");
  expect(check_gradient(mean_square, gradient(-1.0), x), GradcheckMistake::constant_factor, "sign");
  expect(check_gradient(mean_square, gradient(0.5), x), GradcheckMistake::constant_factor, "a factor 2 is missing");
  expect(check_gradient(mean_square, gradient(12.0 / 11.0), x), GradcheckMistake::constant_factor, "N - 1");
  expect(check_gradient(mean_square, gradient(1.03), x), GradcheckMistake::constant_factor, "1.03 × numeric on all 12");
  expect(check_gradient(mean_square, gradient(0.0), x), GradcheckMistake::no_gradient);
}

BOOST_AUTO_TEST_CASE(every_size_that_a_factor_may_come_from_is_named) {
  const auto check = [](const std::vector<std::int64_t>& shape, double factor) {
    const auto size = static_cast<std::size_t>(shape[0] * shape[1]);
    return check_gradient(
        [](Point p) {
          double sum = 0.0;
          for (const double v : p) sum += std::sin(v);
          return sum;
        },
        [=](Point p) {
          Numbers g;
          for (const double v : p) g.push_back(factor * std::cos(v));
          return g;
        },
        normal(size, 18), {.input_shapes = {shape}});
  };
  expect(check({4, 4}, 4.0), GradcheckMistake::constant_factor,
         "4 is the size of axis 0 of the input or the size of axis 1 of the input: the 1/N of a mean is missing");
  expect(check({4, 4}, 4.0), GradcheckMistake::constant_factor, "or the square root of 16");
  expect(check({2, 5}, 2.0), GradcheckMistake::constant_factor, "a factor 2 too much");
  expect(check({2, 5}, 2.0), GradcheckMistake::constant_factor,
         "2 is the size of axis 0 of the input: the 1/N of a mean is missing");
  expect(check({2, 5}, 0.5), GradcheckMistake::constant_factor, "divided by N once too often");
  // what the function holds, samples above all, the check knows nothing of
  expect(check({4, 4}, 7.0), GradcheckMistake::constant_factor, "7 is no size of input or output: the 1/N of a mean");
  expect(check({4, 4}, 1.0 / 7.0), GradcheckMistake::constant_factor, "7 is no size of input or output: what");
  for (const double factor : {7.01, 1.0 / 7.01}) {
    const std::string text = check({4, 4}, factor).findings.front().diagnosis.value().text;
    BOOST_TEST(text.ends_with("of the error unexplained)"), text);
  }
}

BOOST_AUTO_TEST_CASE(a_missing_factor_is_told) {
  const Numbers x = normal(20, 11);  // ten values and ten factors
  const GradcheckOptions options{.input_names = {"h", "gamma"}, .input_shapes = {{10}, {10}}};
  const Function scaled = [](Point p) {
    Numbers y;
    for (std::size_t k = 0; k < 10; ++k) y.push_back(std::sin(p[k]) * p[10 + k]);
    return y;
  };
  const auto jacobian = [](bool gamma) {
    return [gamma](Point p) {
      Jacobian j{10, 20};
      for (std::size_t k = 0; k < 10; ++k) {
        j(k, k) = std::cos(p[k]) * (gamma ? p[10 + k] : 1.0);
        j(k, 10 + k) = std::sin(p[k]);
      }
      return j.values;
    };
  };
  BOOST_TEST(check_jacobian(scaled, jacobian(true), x, options).ok());
  const GradcheckReport report = check_jacobian(scaled, jacobian(false), x, options);
  expect(report, GradcheckMistake::missing_factor, "the factor input 'gamma' is missing");
  BOOST_TEST((report.findings[1].verdict == Verdict::ok));
}

BOOST_AUTO_TEST_CASE(a_sign_that_is_wrong_where_an_input_is_negative_is_told) {
  const Numbers x = normal(12, 21);
  const Function squares = [](Point p) {
    Numbers y;
    for (const double v : p) y.push_back(v * v);
    return y;
  };
  const auto check = [&](const Function& f, const std::function<double(double)>& slope, const Numbers& at) {
    return check_elementwise([&](Point p, std::size_t k) { return slope(p[k]); }, f, at, {.input_names = {"x"}});
  };
  BOOST_TEST(check(
                 squares, [](double v) { return 2.0 * v; }, x)
                 .ok());
  expect(check(
             squares, [](double v) { return 2.0 * std::abs(v); }, x),
         GradcheckMistake::sign_of_input,
         "analytic = numeric × the sign of input 'x', broadcast over the input's elements");
  const Function sizes = [](Point p) {
    Numbers y;
    for (const double v : p) y.push_back(std::abs(v));
    return y;
  };
  expect(check(
             sizes, [](double) { return 1.0; }, x),
         GradcheckMistake::sign_of_input, "without a factor sign(x)");
  const Function exponentials = [](Point p) {
    Numbers y;
    for (const double v : p) y.push_back(std::exp(v));
    return y;
  };
  expect(check(
             exponentials, [](double v) { return std::exp(std::abs(v)); }, x),
         GradcheckMistake::sign_of_input, "the derivative at the absolute values of 'x'");

  // The sign of a factor, which is another input.
  const Function scaled = [](Point p) {
    Numbers y;
    for (std::size_t k = 0; k < 12; ++k) y.push_back(std::sin(p[k]) * p[12 + k]);
    return y;
  };
  const auto without_sign = [](Point p) {
    Jacobian j{12, 24};
    for (std::size_t k = 0; k < 12; ++k) {
      j(k, k) = std::cos(p[k]) * std::abs(p[12 + k]);
      j(k, 12 + k) = std::sin(p[k]);
    }
    return j.values;
  };
  const GradcheckReport report =
      check_jacobian(scaled, without_sign, normal(24, 22), {.input_names = {"h", "w"}, .input_shapes = {{12}, {12}}});
  expect(report, GradcheckMistake::sign_of_input, "the sign of input 'w'");
  BOOST_TEST((report.findings[1].verdict == Verdict::ok));
}

BOOST_AUTO_TEST_CASE(a_sign_that_is_wrong_elsewhere_is_not_an_inputs) {
  const Function squares = [](Point p) {
    Numbers y;
    for (const double v : p) y.push_back(v * v);
    return y;
  };
  const auto check = [&](const Numbers& x, const std::function<double(double, std::size_t)>& slope) {
    const GradcheckReport report =
        check_elementwise([&](Point p, std::size_t k) { return slope(p[k], k); }, squares, x, {});
    BOOST_TEST((report.verdict() == Verdict::wrong));
    const auto& diagnosis = report.findings.front().diagnosis;
    return diagnosis && diagnosis->mistake == GradcheckMistake::sign_of_input;
  };
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Numbers x = normal(12, 100 + seed);
    const Numbers others = normal(12, 200 + seed);
    x[5] = -0.8;
    BOOST_TEST(!check(x, [&](double v, std::size_t k) { return 2.0 * std::copysign(v, others[k]); }));
    BOOST_TEST(!check(x, [](double v, std::size_t k) { return k % 2 == 0 ? 2.0 * v : -2.0 * v; }));
    // right but for one element, and wrong by more than the sign
    BOOST_TEST(!check(x, [](double v, std::size_t k) { return k == 5 ? 2.2 * std::abs(v) : 2.0 * std::abs(v); }));
    BOOST_TEST(!check(x, [](double v, std::size_t) { return v < 0.0 ? -2.2 * v : 2.0 * v; }));
  }
  // of few elements any may be the negative ones
  BOOST_TEST(!check({0.7, -0.4, 0.9, -1.1, 0.3}, [](double v, std::size_t) { return 2.0 * std::abs(v); }));
  BOOST_TEST(!check({0.7, -0.4, 0.9, 1.1, 0.3, 0.2}, [](double v, std::size_t) { return 2.0 * std::abs(v); }));
}

BOOST_AUTO_TEST_CASE(a_single_element_is_called_so) {
  const auto square = [](Point p) { return p[0] * p[0]; };
  const auto half = [](Point p) { return Numbers{p[0]}; };
  expect(check_gradient(square, half, Numbers{0.7}), GradcheckMistake::constant_factor,
         "numeric on the only element (");
}

BOOST_AUTO_TEST_SUITE_END()
