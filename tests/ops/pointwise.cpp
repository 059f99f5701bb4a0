#include "tapegrad/ops/pointwise.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "fixture.hpp"
#include "ops/slopes.hpp"
#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/gated.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/tape.hpp"
#include "values.hpp"

using namespace tapegrad;
using test::check_close;
using test::Fixture;
using test::Values;
using test::vector;
using namespace test::slopes_of_ops;

namespace {

using Binary = std::function<Tensor(const Tensor&, const Tensor&)>;
using Exact = long double (*)(long double);

void check_unary_fixture(const std::string& name, const Unary& f, double tolerance = 1e-14) {
  BOOST_TEST_CONTEXT(name) {
    const Fixture fixture(name);
    const Tensor x = fixture.leaf("input.x");
    Tape tape;
    const Tensor y = f(x);
    check_close(y.detach(), fixture["output.y"], tolerance);
    check_close(tape.gradient(y, x, {.cotangent = fixture["cotangent.y"]}), fixture["grad.input.x"], tolerance);
  }
}

void check_binary_fixture(const std::string& name, const Binary& f, const char* second = "other") {
  BOOST_TEST_CONTEXT(name) {
    const Fixture fixture(name);
    const Tensor a = fixture.leaf("input.input");
    const Tensor b = fixture.leaf(std::string("input.") + second);
    Tape tape;
    const Tensor y = f(a, b);
    check_close(y.detach(), fixture["output.y"], 1e-14);
    const auto gradients = tape.gradient(y, {a, b}, {.cotangent = fixture["cotangent.y"]});
    check_close(gradients[0], fixture["grad.input.input"], 1e-14);
    check_close(gradients[1], fixture[std::string("grad.input.") + second], 1e-14);
  }
}

/// Relative error of value and slope, by both reverse rules, against a closed form in long double.
void check_exact(const std::string& name, const Unary& f, Exact value, Exact derivative, const Values& x,
                 double tolerance) {
  BOOST_TEST_CONTEXT(name) {
    const Values y = f(vector(x)).to_vector<double>();
    const Values fused = slope(f, x), recorded = slope(f, x, true);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto expect = [&](const char* what, double actual, long double exact) {
        const auto error = static_cast<double>(std::abs(static_cast<long double>(actual) - exact));
        // Below the normal range only the absolute error can be small.
        BOOST_TEST(error <= tolerance * static_cast<double>(std::abs(exact)) + std::numeric_limits<double>::min(),
                   what << " at " << x[i] << " is " << actual << ", not " << static_cast<double>(exact));
      };
      expect("the value", y[i], value(static_cast<long double>(x[i])));
      expect("the fused slope", fused[i], derivative(static_cast<long double>(x[i])));
      expect("the recorded slope", recorded[i], derivative(static_cast<long double>(x[i])));
    }
  }
}

constexpr long double kSqrt2 = 1.41421356237309504880168872420969808L;
constexpr long double kSqrt2Pi = 2.50662827463100050241576528481104525L;
long double sigmoid_exact(long double x) { return 1 / (1 + std::exp(-x)); }
long double tanh_form_argument(long double x) { return 4 / kSqrt2Pi * (x + 0.044715L * x * x * x); }
long double tanh_form_slope(long double x) { return 4 / kSqrt2Pi * (1 + 3 * 0.044715L * x * x); }

}  // namespace

BOOST_AUTO_TEST_SUITE(pointwise)

BOOST_AUTO_TEST_CASE(unary_functions_as_in_pytorch) {
  check_unary_fixture("relu", relu);
  check_unary_fixture("sigmoid", sigmoid);
  check_unary_fixture("tanh", [](const Tensor& x) { return tanh(x); });
  check_unary_fixture("silu", silu);
  check_unary_fixture("gelu", [](const Tensor& x) { return gelu(x); });
  check_unary_fixture("gelu_tanh", [](const Tensor& x) { return gelu(x, GELUForm::tanh); });
  check_unary_fixture("softplus", softplus);
  check_unary_fixture("abs", [](const Tensor& x) { return abs(x); });
  check_unary_fixture("neg", neg);
  check_unary_fixture("square", square);
  check_unary_fixture("clamp", [](const Tensor& x) { return clamp(x, -1.5, 2.0); });
  check_unary_fixture("exp", [](const Tensor& x) { return exp(x); });
  check_unary_fixture("expm1", [](const Tensor& x) { return expm1(x); });
  check_unary_fixture("sin", [](const Tensor& x) { return sin(x); });
  check_unary_fixture("cos", [](const Tensor& x) { return cos(x); });
  check_unary_fixture("sqrt", [](const Tensor& x) { return sqrt(x); });
  check_unary_fixture("rsqrt", rsqrt);
  check_unary_fixture("log", [](const Tensor& x) { return log(x); });
  check_unary_fixture("log1p", [](const Tensor& x) { return log1p(x); });
}

BOOST_AUTO_TEST_CASE(binary_functions_as_in_pytorch) {
  check_binary_fixture("add", add);
  check_binary_fixture("sub", sub);
  check_binary_fixture("mul", mul);
  check_binary_fixture("div", [](const Tensor& a, const Tensor& b) { return div(a, b); });
  check_binary_fixture("maximum", [](const Tensor& a, const Tensor& b) { return maximum(a, b); });
  check_binary_fixture("minimum", [](const Tensor& a, const Tensor& b) { return minimum(a, b); });
  const Binary power = [](const Tensor& a, const Tensor& b) { return pow(a, b); };
  check_binary_fixture("pow_tensor", power, "exponent");
  check_binary_fixture("pow_tensor_zero_base", power, "exponent");
  for (const char* name : {"0", "0_5", "1", "2", "3", "minus_1", "minus_2_5"}) {
    const std::string fixture = std::string("pow_scalar_") + name;
    const double exponent = Fixture(fixture).number("exponent");
    check_unary_fixture(fixture, [exponent](const Tensor& x) { return pow(x, exponent); });
  }
}

BOOST_AUTO_TEST_CASE(where_as_in_pytorch) {
  const Fixture fixture("where");
  const Tensor a = fixture.leaf("input.input"), b = fixture.leaf("input.other");
  Tape tape;
  const Tensor y = where(fixture["input.condition"], a, b);
  check_close(y.detach(), fixture["output.y"], 0);
  const auto gradients = tape.gradient(y, {a, b}, {.cotangent = fixture["cotangent.y"]});
  check_close(gradients[0], fixture["grad.input.input"], 0);
  check_close(gradients[1], fixture["grad.input.other"], 1e-15);
}

BOOST_AUTO_TEST_CASE(infinite_slopes_as_in_pytorch) {
  const Fixture fixture("zero_slopes_at_infinity");
  check_values(slope([](const Tensor& x) { return sqrt(x); }, {0.0}), fixture["grad.input.sqrt"].to_vector<double>());
  check_values(slope([](const Tensor& x) { return log(x); }, {0.0}), fixture["grad.input.log"].to_vector<double>());
}

// Where finite differences see nothing.
BOOST_AUTO_TEST_CASE(tails_against_long_double) {
  const Values both = {-700, -300, -100, -40, -20, -5, -1.5, -0.3, -1e-9, 0.0, 1e-9, 0.3, 1, 5, 20, 25, 40, 100, 700};
  check_exact(
      "softplus", softplus, [](long double x) { return std::log1p(std::exp(x)); }, sigmoid_exact, both, 2e-15);
  check_exact(
      "expm1", [](const Tensor& x) { return expm1(x); }, [](long double x) { return std::expm1(x); },
      [](long double x) { return std::exp(x); }, both, 2e-15);
  check_exact(
      "exp", [](const Tensor& x) { return exp(x); }, [](long double x) { return std::exp(x); },
      [](long double x) { return std::exp(x); }, both, 2e-15);
  check_exact(
      "log1p", [](const Tensor& x) { return log1p(x); }, [](long double x) { return std::log1p(x); },
      [](long double x) { return 1 / (1 + x); }, {-0.999999999, -0.5, -1e-9, 0.0, 1e-300, 1e-9, 1, 1e9, 1e300}, 2e-15);
  check_exact(
      "silu", silu, [](long double x) { return x * sigmoid_exact(x); },
      [](long double x) { return sigmoid_exact(x) * (1 + x * sigmoid_exact(-x)); }, both, 4e-15);
  // The rounding of x^2 / 2 is magnified by x^2 / 2 in e^(-x^2 / 2).
  const Values reach = {-36, -30, -20, -10, -5, -1.5, -0.3, -1e-9, 0.0, 1e-9, 0.3, 1, 5, 9, 40, 1e4, 1e200};
  check_exact(
      "gelu", [](const Tensor& x) { return gelu(x); }, [](long double x) { return x / 2 * std::erfc(-x / kSqrt2); },
      [](long double x) { return std::erfc(-x / kSqrt2) / 2 + x * std::exp(-x * x / 2) / kSqrt2Pi; }, reach, 2e-13);
  check_exact(
      "gelu, tanh form", [](const Tensor& x) { return gelu(x, GELUForm::tanh); },
      [](long double x) { return x * sigmoid_exact(tanh_form_argument(x)); },
      [](long double x) {
        const long double s = sigmoid_exact(tanh_form_argument(x));
        return std::abs(x) > 50 ? s : s * (1 + x * tanh_form_slope(x) * sigmoid_exact(-tanh_form_argument(x)));
      },
      {-20, -10, -5, -1.5, -0.3, -1e-9, 0.0, 1e-9, 0.3, 1, 5, 9, 40, 1e4, 1e200}, 2e-13);
  check_exact(
      "erfc", [](const Tensor& x) { return erfc(x); }, [](long double x) { return std::erfc(x); },
      [](long double x) { return -2 * kSqrt2 / kSqrt2Pi * std::exp(-x * x); }, {-6, -1, -0.1, 0, 0.1, 1, 5, 10, 26},
      2e-13);
}

// Odd functions of x: the digits of a small one are relative to x.
BOOST_AUTO_TEST_CASE(second_derivatives_keep_their_digits_near_0) {
  const Exact of_sigmoid = [](long double x) { return -sigmoid_exact(x) * sigmoid_exact(-x) * std::tanh(x / 2); };
  const auto slope_of = [](Unary f) -> Unary {
    return [f](const Tensor& x) { return grad([&](const Tensor& a) { return sum(f(a)); })(x); };
  };
  const struct {
    const char* name;
    Unary f;
    Exact second;
  } cases[] = {
      {"tanh", [](const Tensor& x) { return tanh(x); },
       [](long double x) { return -2 * std::tanh(x) / (std::cosh(x) * std::cosh(x)); }},
      {"sigmoid", sigmoid, of_sigmoid},
      {"the slope of softplus", slope_of(softplus), of_sigmoid},
      {"the slope of -log_sigmoid", slope_of([](const Tensor& x) { return -log_sigmoid(-x); }), of_sigmoid},
      {"the gate of glu",
       [](const Tensor& x) {
         return glu(cat({ones_like(x), x}, 0), 0);
       },
       of_sigmoid},
      {"asin", [](const Tensor& x) { return asin(x); }, [](long double x) { return x * std::pow(1 - x * x, -1.5L); }},
      {"acos", [](const Tensor& x) { return acos(x); }, [](long double x) { return -x * std::pow(1 - x * x, -1.5L); }},
      {"atanh", [](const Tensor& x) { return atanh(x); },
       [](long double x) { return 2 * x / ((1 - x * x) * (1 - x * x)); }},
  };
  for (const auto& [name, f, second] : cases)
    for (const DType dtype : {float32, float64}) {
      const Tensor x = from_vector<double>({1e-16, -1e-12, 1e-9, -1e-7, 1e-5, -1e-3, 0.25}).to(dtype);
      const auto total = [&f = f](const Tensor& a) { return sum(f(a)); };
      const auto slopes_total = [&](const Tensor& a) { return sum(grad(total)(a)); };
      const Values at = x.to(float64).to_vector<double>();
      const Values forward_over_reverse = hvp(total, x, ones_like(x)).to(float64).to_vector<double>();
      const Values reverse_over_reverse = grad(slopes_total)(x).to(float64).to_vector<double>();
      for (std::size_t i = 0; i < at.size(); ++i)
        for (const double found : {forward_over_reverse[i], reverse_over_reverse[i]})
          BOOST_TEST_CONTEXT(name << " at " << at[i] << " in " << to_string(dtype))
      BOOST_TEST(static_cast<long double>(found) == second(static_cast<long double>(at[i])),
                 boost::test_tools::tolerance(dtype == float32 ? 1e-6L : 4e-15L));
    }
}

BOOST_AUTO_TEST_CASE(choices_at_kinks_and_borders) {
  const auto relu_of = [](const Tensor& x) { return relu(x); };
  for (const bool recorded : {false, true}) {
    check_values(slope(relu_of, {-1, 0, 2}, recorded), {0, 0, 1});
    check_values(slope([](const Tensor& x) { return abs(x); }, {-1, 0, 2}, recorded), {-1, 0, 1});
    check_values(slope([](const Tensor& x) { return clamp(x, -1, 2); }, {-2, -1, 0, 2, 3}, recorded), {0, 1, 1, 1, 0});
    check_values(slope([](const Tensor& x) { return pow(x, 0); }, {-1, 0, 2, kNaN}, recorded), {0, 0, 0, 0});
    check_values(slope([](const Tensor& x) { return pow(x, 1); }, {-1, 0, 2}, recorded), {1, 1, 1});
    check_values(slope([](const Tensor& x) { return pow(0, x); }, {0, 1, 2.5}, recorded), {0, 0, 0});
    for (const auto& step :
         {Unary([](const Tensor& x) { return sign(x); }), Unary([](const Tensor& x) { return floor(x); }),
          Unary([](const Tensor& x) { return ceil(x); }), Unary([](const Tensor& x) { return round(x); })})
      check_values(slope(step, {-3, -0.5, 0, 0.5, 3}, recorded), {0, 0, 0, 0, 0});
    // Between the slopes on either side the one of least norm.
    const auto elu_of = [](double alpha) { return [alpha](const Tensor& x) { return elu(x, alpha); }; };
    check_values(slope(elu_of(1), {0, 2}, recorded), {1, 1});
    check_values(slope(elu_of(0.5), {0, 2, 1e4}, recorded), {0.5, 1, 1});
    check_values(slope(elu_of(2), {0, 2}, recorded), {1, 1});
    check_values(slope(elu_of(-1), {0, 2}, recorded), {0, 1});
    check_values(slope([](const Tensor& x) { return leaky_relu(x); }, {-1, 0, 2}, recorded), {0.01, 0.01, 1});
    check_values(slope([](const Tensor& x) { return leaky_relu(x, 3); }, {-1, 0, 2}, recorded), {3, 1, 1});
    check_values(slope(log_sigmoid, {0}, recorded), {0.5});
    check_values(slope(softsign, {-1, 0, 1, kInf}, recorded), {0.25, 1, 0.25, 0});
    check_values(slope([](const Tensor& x) { return cbrt(x); }, {0}, recorded), {kInf});
    check_values(slope([](const Tensor& x) { return asin(x); }, {-1, 1}, recorded), {kInf, kInf});
    check_values(slope([](const Tensor& x) { return acosh(x); }, {1}, recorded), {kInf});
    const auto angle = slopes([](const std::vector<Tensor>& x) { return atan2(x[0], x[1]); },
                              {leaf({0, 1, 0, -kInf}), leaf({0, 0, 2, kInf})}, recorded);
    check_values(angle[0].to_vector<double>(), {0, 0, 0.5, 0});
    check_values(angle[1].to_vector<double>(), {0, -1, 0, 0});
    const auto none = slopes([](const std::vector<Tensor>& x) { return atan2(x[0], x[1]); },
                             {leaf({0, kNaN, kNaN}), leaf({kNaN, 0, kNaN})}, recorded);
    for (const Tensor& slope : none) check_values(slope.to_vector<double>(), {kNaN, kNaN, kNaN});
    for (const Binary& f : {Binary([](const Tensor&a, const Tensor&b) { return maximum(a, b); }),
                            Binary([](const Tensor&a, const Tensor&b) { return minimum(a, b); })}) {
      const auto both = slopes([&](const std::vector<Tensor>& x) { return f(x[0], x[1]); },
                               {leaf({1, kInf, -kInf}), leaf({1, kInf, -kInf})}, recorded);
      check_values(both[0].to_vector<double>(), {0.5, 0.5, 0.5});
      check_values(both[1].to_vector<double>(), {0.5, 0.5, 0.5});
    }
  }
  check_values(maximum(vector({1, kNaN, 2}), vector({kNaN, 1, 3})).to_vector<double>(), {kNaN, kNaN, 3});
  check_values(minimum(vector({1, kNaN, 2}), vector({kNaN, 1, 3})).to_vector<double>(), {kNaN, kNaN, 2});
  check_values(clamp(vector({kNaN, -kInf, kInf}), -1, 2).to_vector<double>(), {kNaN, -1, 2});
  check_values(relu(vector({kNaN, -kInf, kInf})).to_vector<double>(), {kNaN, 0, kInf});
}

BOOST_AUTO_TEST_CASE(xlogy_is_0_where_its_factor_is) {
  check_close(xlogy(vector({2, -3, 0.5}), vector({3, 0.25, 1e-300})),
              vector({2 * std::log(3.0), 3 * std::log(4.0), 0.5 * std::log(1e-300)}), 1e-15);
  check_close(xlogy(2, vector({3, 5})), vector({2 * std::log(3.0), 2 * std::log(5.0)}), 1e-15);
  check_values(
      xlogy(vector({0, 0, 0, 0, 0, 1, 1, kNaN, kInf}), vector({5, 0, -1, kInf, kNaN, 0, -1, 2, 1})).to_vector<double>(),
      {0, 0, 0, 0, kNaN, -kInf, kNaN, kNaN, kNaN});
  check_values(xlogy(vector({3, 0}), 0).to_vector<double>(), {-kInf, 0});
  for (const bool recorded : {false, true}) {
    const auto of_both = [&](const Values& a, const Values& b) {
      return slopes([](const std::vector<Tensor>& x) { return xlogy(x[0], x[1]); }, {leaf(a), leaf(b)}, recorded);
    };
    const auto finite = of_both({2, 0}, {4, 5});
    check_close(finite[0], vector({std::log(4.0), std::log(5.0)}), 1e-15);
    check_close(finite[1], vector({0.5, 0}), 1e-15);
    const auto at_edges = of_both({0, 0, 0, 0, 1}, {0, -2, kInf, kNaN, 0});
    check_values(at_edges[0].to_vector<double>(), {0, 0, kInf, kNaN, -kInf});
    check_values(at_edges[1].to_vector<double>(), {0, 0, 0, kNaN, kInf});
  }
  // What is taken out of the gradient is out of its gradient too.
  const auto second = [](const Tensor& at) { return hessian([](const Tensor& x) { return xlogy(x[0], x[1]); }, at); };
  check_values(second(vector({0, 0})).to_vector<double>(), {0, 0, 0, 0});
  check_values(second(vector({0, -1})).to_vector<double>(), {0, 0, 0, 0});
  check_values(second(vector({0, 2})).to_vector<double>(), {0, 0.5, 0.5, 0});
}

// b / (a^2 + b^2), whose squares are beyond double on either side.
BOOST_AUTO_TEST_CASE(slopes_of_atan2_at_any_scale) {
  for (const double scale : {1e-300, 1e-170, 1.0, 1e170, 1e300}) {
    const Values a = {3 * scale, scale, -2 * scale}, b = {scale, -2 * scale, -scale};
    const auto both = slopes([](const std::vector<Tensor>& x) { return atan2(x[0], x[1]); }, {leaf(a), leaf(b)});
    for (std::size_t i = 0; i < a.size(); ++i) {
      const long double p = a[i], q = b[i], square = p * p + q * q;
      BOOST_TEST(both[0].to_vector<double>()[i] == static_cast<double>(q / square),
                 boost::test_tools::tolerance(1e-15));
      BOOST_TEST(both[1].to_vector<double>()[i] == static_cast<double>(-p / square),
                 boost::test_tools::tolerance(1e-15));
    }
  }
}

BOOST_AUTO_TEST_CASE(derivatives_of_lgamma_in_closed_form) {
  constexpr double kEuler = 0.57721566490153286061, kPi = 3.14159265358979323846, kZeta3 = 1.20205690315959428540;
  const Tensor x = leaf({1.0, 0.5});
  Tape tape;
  const Tensor y = lgamma(x);
  const Tensor first = tape.gradient(y, x, {.cotangent = ones_like(y), .create_graph = true});
  const Tensor second = tape.gradient(first, x, {.cotangent = ones_like(y), .create_graph = true});
  const Tensor third = tape.gradient(second, x, {.cotangent = ones_like(y)});
  check_close(first.detach(), vector({-kEuler, -kEuler - 2 * std::log(2.0)}), 1e-15);
  check_close(second.detach(), vector({kPi * kPi / 6, kPi * kPi / 2}), 1e-15);
  check_close(third.detach(), vector({-2 * kZeta3, -14 * kZeta3}), 1e-15);
}

BOOST_AUTO_TEST_CASE(far_out_erf_is_flat_in_every_derivative) {
  for (const double x : {kInf, -kInf, 1e200}) {
    for (const bool complement : {false, true}) {
      const auto f = [&](const Tensor& z) { return complement ? erfc(z) : erf(z); };
      check_values(hvp(f, vector({x}), vector({1.0})).to_vector<double>(), {0.0});
    }
  }
}

BOOST_AUTO_TEST_CASE(the_branch_not_chosen_gets_exactly_zero) {
  const Values dx = slope(
      [](const Tensor& x) {
        const Tensor positive = x > 0;
        return where(positive, sqrt(where(positive, x, 1)), 0);
      },
      {0.0, 4.0});
  check_values(dx, {0.0, 0.25});
  Tape tape;
  const Tensor a = leaf({1, 2}), b = leaf({3, 4});
  const Tensor y = where(from_vector<bool>({true, false}, {2}), a, b);
  const auto gradients = tape.gradient(y, {a, b}, {.cotangent = vector({kInf, kNaN})});
  check_values(gradients[0].to_vector<double>(), {kInf, 0});
  check_values(gradients[1].to_vector<double>(), {0, kNaN});
}

BOOST_AUTO_TEST_CASE(masked_fill_cuts_the_gradient) {
  const Tensor mask = from_vector<bool>({true, false, true}, {3});
  check_values(masked_fill(vector({1, 2, 3}), mask, -kInf).to_vector<double>(), {-kInf, 2, -kInf});
  check_values(slope([&](const Tensor& x) { return masked_fill(x, mask, 5); }, {1, 2, 3}), {0, 1, 0});
}

BOOST_AUTO_TEST_CASE(integers) {
  using Integers = std::vector<std::int64_t>;
  const auto of = [](const Tensor& x) { return x.to_vector<std::int64_t>(); };
  const Tensor a = from_vector(Integers{7, -3, INT64_MAX}, {3});
  const Tensor b = from_vector(Integers{2, 5, 1}, {3});
  BOOST_TEST(of(a + b) == (Integers{9, 2, INT64_MIN}), boost::test_tools::per_element());
  BOOST_TEST(of(a - b) == (Integers{5, -8, INT64_MAX - 1}), boost::test_tools::per_element());
  BOOST_TEST(of(a * b) == (Integers{14, -15, INT64_MAX}), boost::test_tools::per_element());
  BOOST_TEST(of(-a) == (Integers{-7, 3, -INT64_MAX}), boost::test_tools::per_element());
  BOOST_TEST(of(maximum(a, b)) == (Integers{7, 5, INT64_MAX}), boost::test_tools::per_element());
  BOOST_TEST(of(minimum(a, b)) == (Integers{2, -3, 1}), boost::test_tools::per_element());
  BOOST_TEST(of(10 - b) == (Integers{8, 5, 9}), boost::test_tools::per_element());
  BOOST_TEST(of(where(a > b, a, b)) == (Integers{7, 5, INT64_MAX}), boost::test_tools::per_element());
  // A column against a row: neither operand lies in the order of the result.
  const Tensor table = from_vector(Integers{1, 2, 3}, {3, 1}) * from_vector(Integers{10, 20}, {2});
  BOOST_TEST(of(table) == (Integers{10, 20, 20, 40, 30, 60}), boost::test_tools::per_element());
  const Tensor c = from_vector(Integers{-4, INT64_MIN, 3037000500}, {3});  // whose square is above 2^63
  BOOST_TEST(of(abs(c)) == (Integers{4, INT64_MIN, 3037000500}), boost::test_tools::per_element());
  BOOST_TEST(of(square(c)) == (Integers{16, 0, -9223372036709301616}), boost::test_tools::per_element());
  BOOST_TEST(of(clamp(a, -1, 5)) == (Integers{5, -1, 5}), boost::test_tools::per_element());
  BOOST_TEST(of(clamp_min(a, 0)) == (Integers{7, 0, INT64_MAX}), boost::test_tools::per_element());
  BOOST_TEST(of(clamp_max(a, 2)) == (Integers{2, -3, 2}), boost::test_tools::per_element());
  BOOST_CHECK_EXCEPTION((void)clamp(a, 0.5, 2), DTypeError, test::says("[clamp] int64 has no 0.5"));
  BOOST_CHECK_EXCEPTION((void)clamp(a, kInf, kInf), DTypeError, test::says("[clamp] int64 has no inf"));
  Tensor unbounded = clamp(a, -kInf, kInf);
  const std::int64_t before = a.to_vector<std::int64_t>()[0];
  unbounded.mutable_data<std::int64_t>()[0] = before + 1;
  BOOST_TEST(a.to_vector<std::int64_t>()[0] == before);
  BOOST_CHECK_THROW((void)div(a, b), DTypeError);
  BOOST_CHECK_THROW((void)(a + vector({1, 2, 3})), DTypeError);
}

BOOST_AUTO_TEST_CASE(one_bound) {
  const Values x = {-3, 0.5, 4, kNaN, -kInf, kInf};
  check_values(clamp_min(vector(x), -1).to_vector<double>(), {-1, 0.5, 4, kNaN, -1, kInf});
  check_values(clamp_max(vector(x), 2).to_vector<double>(), {-3, 0.5, 2, kNaN, -kInf, 2});
  check_values(slope([](const Tensor& t) { return clamp_min(t, -1); }, {-3, -1, 4}), {0, 1, 1});
  check_values(slope([](const Tensor& t) { return clamp_max(t, 2); }, {-3, 2, 4}), {1, 1, 0});
}

BOOST_AUTO_TEST_CASE(a_choice_between_two_numbers) {
  const Tensor y = where(vector({1, -1, 2}) > 0.0, 1, 0.25);
  BOOST_TEST(to_string(y.dtype()) == "float32");
  BOOST_TEST(y.to_vector<float>() == (std::vector<float>{1, 0.25, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(compound_assignment_gives_a_new_tensor_the_old_name) {
  Tensor sum_so_far = vector({1, 2});
  const Tensor first = sum_so_far;
  sum_so_far += vector({10, 20});
  sum_so_far *= 2.0;
  sum_so_far -= 1.0;
  sum_so_far /= vector({7, 43});
  BOOST_TEST(sum_so_far.to_vector<double>() == (Values{3, 1}));
  BOOST_TEST(first.to_vector<double>() == (Values{1, 2}));  // another handle keeps what it had
}

BOOST_AUTO_TEST_CASE(comparisons) {
  using Truths = std::vector<bool>;
  const auto of = [](const Tensor& x) { return x.to_vector<bool>(); };
  const Tensor a = vector({1, 2, 3, kNaN}), b = vector({2, 2, 2, kNaN});
  BOOST_TEST(of(a == b) == (Truths{false, true, false, false}));
  BOOST_TEST(of(a != b) == (Truths{true, false, true, true}));
  BOOST_TEST(of(a < b) == (Truths{true, false, false, false}));
  BOOST_TEST(of(a <= b) == (Truths{true, true, false, false}));
  BOOST_TEST(of(a > b) == (Truths{false, false, true, false}));
  BOOST_TEST(of(a >= b) == (Truths{false, true, true, false}));
  BOOST_TEST(of(2 < a) == (Truths{false, false, true, false}));
  BOOST_TEST(of(arange(3) == 1) == (Truths{false, true, false}));
  BOOST_TEST(of(a.to(float32) > 1.5) == (Truths{false, true, true, false}));
  // Against a column, and read through a view of any stride.
  BOOST_TEST(of(vector({1, 2, 3}).expand({2, 3}) > from_vector(Values{2, 0}, {2, 1})) ==
             (Truths{false, false, true, true, true, true}));
  const Tensor p = from_vector<bool>({true, true, false, false}, {4});
  const Tensor q = from_vector<bool>({true, false, true, false}, {4});
  BOOST_TEST(of(logical_and(p, q)) == (Truths{true, false, false, false}));
  BOOST_TEST(of(logical_or(p, q)) == (Truths{true, true, true, false}));
  BOOST_TEST(of(logical_not(p)) == (Truths{false, false, true, true}));
  BOOST_TEST(of(p & q) == of(logical_and(p, q)));
  BOOST_TEST(of(p | q) == of(logical_or(p, q)));
  BOOST_TEST(of(~p) == of(logical_not(p)));
  BOOST_TEST(of(~(p | q) & (q | ~p)) == (Truths{false, false, false, true}));
  BOOST_TEST(of(p == q) == (Truths{true, false, false, true}));
  Tape tape;
  BOOST_TEST(!(leaf({1}) > 0).is_tracked());
}

BOOST_AUTO_TEST_CASE(conversions) {
  const Tensor x = leaf({1.0 / 3.0, -2.0, 1e300});
  Tape tape;
  const Tensor y = x.to(float32);
  BOOST_TEST((y.dtype() == float32));
  BOOST_TEST(y.to_vector<float>()[0] == 1.0F / 3.0F);
  BOOST_TEST(std::isinf(y.to_vector<float>()[2]));
  BOOST_TEST(!x.to(int64).is_tracked());
  BOOST_TEST(!x.to(boolean).is_tracked());
  const Tensor dx = tape.gradient(y, x, {.cotangent = from_vector<float>({1, 2, 3}, {3})});
  BOOST_TEST((dx.dtype() == float64));
  check_values(dx.to_vector<double>(), {1, 2, 3});
  const std::vector<std::int64_t> whole = vector({-1.9, 2.9, kNaN, 1e300, -kInf}).to(int64).to_vector<std::int64_t>();
  BOOST_TEST(whole == (std::vector<std::int64_t>{-1, 2, INT64_MIN, INT64_MIN, INT64_MIN}),
             boost::test_tools::per_element());
  BOOST_TEST(vector({0, -0.0, 0.5, kNaN}).to(boolean).to_vector<bool>() ==
             (std::vector<bool>{false, false, true, true}));
  check_values(from_vector<bool>({true, false}, {2}).to(float64).to_vector<double>(), {1, 0});
}

BOOST_AUTO_TEST_CASE(copies) {
  const Tensor x = leaf({1, 2});
  Tape tape;
  const Tensor wide = x.expand({3, 2});
  const Tensor dense = wide.contiguous();
  BOOST_TEST(dense.is_contiguous());
  check_values(dense.to_vector<double>(), {1, 2, 1, 2, 1, 2});
  BOOST_TEST(dense.contiguous().impl() == dense.impl());
  const Tensor copy = x.clone();
  BOOST_TEST(copy.data<double>().data() != x.data<double>().data());
  BOOST_TEST(!copy.requires_grad());
  const Tensor dx = tape.pull_back({dense, copy}, {ones_like(dense), vector({10, 20})}, {x})[0];
  check_values(dx.to_vector<double>(), {13, 23});
  BOOST_TEST(from_vector<bool>({true, false}, {2, 1}).expand({2, 2}).contiguous().to_vector<bool>() ==
             (std::vector<bool>{true, true, false, false}));
}

BOOST_AUTO_TEST_CASE(what_is_not_chosen_gets_nothing) {
  // sqrt has slope inf at 0: it ends at relu, which has slope 0 there. As PyTorch.
  const auto check = [](const Unary& f, const Values& x, const Values& expected) {
    const Tensor at = leaf(x);
    Tape tape;
    const Tensor y = f(at);
    for (const bool differentiable : {false, true}) {
      const Tensor dx = tape.gradient(
          y, at, {.cotangent = ones(y.shape(), {.dtype = float64}), .retain = true, .create_graph = differentiable});
      BOOST_TEST(dx.to_vector<double>() == expected, boost::test_tools::per_element());
    }
  };
  check([](const Tensor& x) { return sqrt(relu(x)); }, {-1, 0, 4}, {0, 0, 0.25});
  check([](const Tensor& x) { return log(relu(x)); }, {-1, 0, 4}, {0, 0, 0.25});
  check([](const Tensor& x) { return sqrt(clamp(x, 0, 9)); }, {-1, 4, 10}, {0, 0.25, 0});
  check([](const Tensor& x) { return sqrt(maximum(x, 0.0)); }, {-1, 4}, {0, 0.25});
  check([](const Tensor& x) { return sqrt(-minimum(x, 0.0)); }, {1, -4}, {0, -0.25});
}

BOOST_AUTO_TEST_CASE(what_kind_of_number_and_how_close) {
  using Truths = std::vector<bool>;
  const Tensor x = vector({1.0, kInf, -kInf, kNaN});
  for (const DType dtype : {float64, float32}) {
    BOOST_TEST((isnan(x.to(dtype)).to_vector<bool>() == Truths{false, false, false, true}));
    BOOST_TEST((isinf(x.to(dtype)).to_vector<bool>() == Truths{false, true, true, false}));
    BOOST_TEST((isfinite(x.to(dtype)).to_vector<bool>() == Truths{true, false, false, false}));
  }
  BOOST_TEST((isfinite(arange(2)).to_vector<bool>() == Truths{true, true}));

  BOOST_TEST((isclose(x, x).to_vector<bool>() == Truths{true, true, true, false}));
  BOOST_TEST((isclose(x, x, {.equal_nan = true}).to_vector<bool>() == Truths{true, true, true, true}));
  BOOST_TEST(
      (isclose(x, vector({1.0 + 9e-6, -kInf, 1.0, 1.0})).to_vector<bool>() == Truths{true, false, false, false}));
  BOOST_TEST(!isclose(vector({1.0}), vector({kInf})).item<bool>());
  BOOST_TEST(!allclose(vector({1.0}), vector({1.0 + 2e-5})));
  BOOST_TEST(allclose(vector({1.0, 1.0}), vector({1.0 + 2e-5}), {.rtol = 1e-4}));
  BOOST_TEST(allclose(vector({0.0}), vector({-1e-9})));
  BOOST_TEST(!allclose(vector({0.0}), vector({-1e-9}), {.atol = 0.0}));
  BOOST_TEST(allclose(arange(3), arange(3)));
  BOOST_TEST(!allclose(arange(2), arange(2) + 1));
  BOOST_TEST(allclose(zeros({0, 3}), zeros({3})));
  Tape tape;
  const Tensor w = leaf({1.0});
  BOOST_TEST(allclose(w, w * 1.0));
  BOOST_CHECK_THROW((void)allclose(zeros({1}), zeros({1}, {.dtype = float64})), DTypeError);
  BOOST_CHECK_THROW((void)allclose(zeros({2}), zeros({3})), ShapeError);
}

BOOST_AUTO_TEST_CASE(only_what_a_wanted_slope_reads_is_kept) {
  const Tensor a = zeros({1000}, {.dtype = float64, .requires_grad = true});
  const Tensor b = ones({1000}, {.dtype = float64});
  const auto kept = [](const std::function<Tensor()>& f) {
    Tape tape;
    const Tensor y = f();
    return tape.bytes_kept();
  };
  BOOST_TEST(kept([&] { return a * b; }) == 8000U);  // b
  BOOST_TEST(kept([&] { return a * a.detach(); }) == 8000U);
  BOOST_TEST(kept([&] { return a / 2.0; }) == 8U);     // the number
  BOOST_TEST(kept([&] { return b / a; }) == 16000U);   // a and the quotient
  BOOST_TEST(kept([&] { return relu(a); }) == 8000U);  // the output
  BOOST_TEST(kept([&] { return a + b; }) == 0U);
}

BOOST_AUTO_TEST_CASE(third_derivatives_in_float32_follow_float64) {
  std::size_t compared = 0;
  for (const catalogue::OpEntry* op : catalogue::all_ops()) {
    if (op->family != "pointwise") continue;
    Generator generator(0);
    for (const catalogue::Sample& sample : op->samples(generator)) {
      if (sample.inputs.size() != 1 || sample.inputs[0].dtype() != float64) continue;
      BOOST_TEST_CONTEXT(op->name << ", sample \"" << sample.name << "\"") {
        const auto third = [&](DType dtype) {
          const auto f = [&](const Tensor& t) { return sample.call({t})[0]; };
          const auto along = [](const auto& g) {
            return [g](const Tensor& t) { return jvp(g, t, ones_like(t)).second; };
          };
          return along(along(along(f)))(sample.inputs[0].to(dtype));
        };
        if (!third(float64).defined()) continue;  // of comparisons
        const Values expected = third(float64).to_vector<double>();
        const Values found = third(float32).to(float64).to_vector<double>();
        for (std::size_t i = 0; i < expected.size(); ++i) {
          if (!(std::abs(expected[i]) < 1e30)) continue;
          BOOST_TEST(std::abs(found[i] - expected[i]) <= 1e-3 * std::max(1.0, std::abs(expected[i])),
                     "element " << i << ": " << found[i] << " and " << expected[i]);
          ++compared;
        }
      }
    }
  }
  BOOST_TEST(compared > 100U);
}

BOOST_AUTO_TEST_CASE(float32_follows_float64) {
  Values x;
  for (int i = -60; i <= 60; ++i) x.push_back(static_cast<float>(0.17 * i));
  const std::vector<std::pair<const char*, Unary>> functions = {
      {"sigmoid", sigmoid},
      {"silu", silu},
      {"softplus", softplus},
      {"gelu", [](const Tensor& t) { return gelu(t); }},
      {"gelu, tanh form", [](const Tensor& t) { return gelu(t, GELUForm::tanh); }},
      {"expm1", [](const Tensor& t) { return expm1(t); }},
      {"square", square},
      {"sin", [](const Tensor& t) { return sin(t); }},
      {"erf", [](const Tensor& t) { return erf(t); }}};
  for (const auto& [name, f] : functions) {
    BOOST_TEST_CONTEXT(name) {
      const Tensor narrow = vector(x).to(float32).set_requires_grad(true);
      check_close(f(narrow.detach()).to(float64), f(vector(x)), 4e-7);
      const Tensor dx = slopes([&f = f](const std::vector<Tensor>& in) { return f(in[0]); }, {narrow})[0];
      check_close(dx.to(float64), vector(slope(f, x)), 1e-6);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
