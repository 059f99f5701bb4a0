#include <cmath>
#include <limits>

#include "tape_test.hpp"
#include "tapegrad/base/scope.hpp"
#include "tapegrad/ops/softmax.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// y = x, whose rule gives a gradient that is not finite before one that is.
struct PartNotFinite : Op<PartNotFinite> {
  static constexpr std::string_view name = "part_not_finite";
  Tensor forward(const Tensor& x) const { return x.clone(); }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy; }
  void fused_vjp(const Saved&, const Tensor& dy, GradientSink& sink) const {
    sink.add(0, dy * kInfinity);
    sink.add(0, dy);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(anomalies)

BOOST_AUTO_TEST_CASE(the_op_that_makes_a_value_that_is_not_finite_is_named) {
  const Tensor x = leaf({{-1.0, 0.0}, {4.0, 9.0}});
  Tape tape({.anomaly = true});
  const Tensor h = x * 1.0;
  const Scope scope("encoder");
  BOOST_CHECK_EXCEPTION(
      (void)sqrt(h), TapeError,
      says("[sqrt] made a value that is not finite, as node 2: output 0 [2, 2] 1 NaN of 4, the rest in "
           "[0, 3]; input 0 [2, 2] in [-1, 9] (in encoder)"));
  BOOST_CHECK_EXCEPTION((void)log(h + 1.0), TapeError,
                        says("[log] made a value that is not finite, as node 3: output 0 [2, 2] 1 inf of 4"));
  BOOST_TEST(tape.size() == 3);  // a failed operation leaves the tape as it was
  // An op that is not recorded, because nothing asks for its gradient, is looked at all the same.
  BOOST_CHECK_EXCEPTION((void)exp(full({2}, 1e3)), TapeError, says("[exp] made a value that is not finite"));
}

BOOST_AUTO_TEST_CASE(a_sum_that_overflows_is_told_of_with_its_operands) {
  const Tensor x = tensor({1.0, 1.5e308}, {.dtype = float64});
  const Tape tape({.anomaly = true});
  BOOST_CHECK_EXCEPTION((void)(x + 1.0 * x), TapeError,
                        says("[add] made a value that is not finite, as node 0: output 0 [2] 1 inf of 2, the rest in "
                             "[2, 2]; input 0 [2] in [1, 1.5e+308]; input 1 [2] in [1, 1.5e+308]"));
}

BOOST_AUTO_TEST_CASE(an_op_that_names_its_inputs_is_told_of_by_their_names) {
  const Tensor x = leaf({{1.0, 1.5e308}});
  const Tape tape({.anomaly = true});
  BOOST_CHECK_EXCEPTION((void)linear(x, full({1, 2}, 2.0, {.dtype = float64})), TapeError,
                        says("input 0 (x) [1, 2] in [1, 1.5e+308]; input 1 (weight) [1, 2] in [2, 2]; "
                             "input 2 (bias) undefined"));
}

BOOST_AUTO_TEST_CASE(a_nan_that_comes_from_outside_is_told_apart) {
  const Tensor x = leaf({1.0, std::nan("")});
  Tape tape({.anomaly = true});
  BOOST_CHECK_EXCEPTION((void)square(x), TapeError,
                        says("[square] was given a value that is not finite, as node 1: output 0 [2] 1 NaN of 2, the "
                             "rest in [1, 1]; input 0 [2] 1 NaN of 2, the rest in [1, 1]"));
}

BOOST_AUTO_TEST_CASE(infinities_of_a_mask_are_meant) {
  Tensor x = leaf({1.0, 2.0, 3.0});
  Tape tape({.anomaly = true});
  const Tensor hidden = masked_fill(x, x > 2.5, -kInfinity);
  tape.backward(sum(square(softmax(hidden))));
  BOOST_TEST(x.grad().to_vector<double>()[2] == 0.0);
}

BOOST_AUTO_TEST_CASE(infinities_where_log_softmax_hides_are_meant) {
  const double p0 = 1 / (1 + std::exp(2.0)), p2 = 1 / (1 + std::exp(-2.0));
  const Tensor x = leaf({1.0, 2.0, 3.0});
  const Tensor keep = from_vector<bool>({true, false, true}, {3});
  Tape tape({.anomaly = true});
  // ln(p_0) + ln(p_2), whose slopes are 1 - 2 p
  const std::vector<double> d = tape.gradient(sum(where(keep, log_softmax(x, -1, keep), 0.0)), x).to_vector<double>();
  BOOST_TEST(std::abs(d[0] - (1 - 2 * p0)) < 1e-15);
  BOOST_TEST(d[1] == 0.0);
  BOOST_TEST(std::abs(d[2] - (1 - 2 * p2)) < 1e-15);
  // Another axis, and a row that is hidden altogether.
  const Tensor pairs = leaf({{1.0, 2.0}, {3.0, 4.0}});
  const Tensor some = from_vector<bool>({true, false, false, false}, {2, 2});
  BOOST_TEST(log_softmax(pairs, 0, some).to_vector<double>() == (Values{0.0, -kInfinity, -kInfinity, -kInfinity}),
             boost::test_tools::per_element());
  // Without a mask nothing is hidden.
  BOOST_CHECK_EXCEPTION((void)log_softmax(leaf({1.5e308, -1.5e308})), TapeError,
                        says("[log_softmax] made a value that is not finite"));
}

BOOST_AUTO_TEST_CASE(the_node_whose_rule_makes_it_is_named) {
  const Tensor x = leaf({0.0, 4.0});
  Tape tape({.anomaly = true});
  Tensor y;
  {
    const Scope scope("head");
    y = sqrt(x);
  }
  BOOST_CHECK_EXCEPTION(tape.backward(sum(y * 3.0)), TapeError,
                        says("[backward] at node 1, sqrt [2] in head: its reverse rule made a gradient that is not "
                             "finite: gradient of input 0 [2] 1 inf of 2, the rest in [0.75, 0.75]; cotangent 0 [2] in "
                             "[3, 3]; input 0 [2] in [0, 4]; output 0 [2] in [0, 2]"));
  BOOST_TEST(tape.size() == 0);
  // the guarded branch of where(): 0 times inf
  BOOST_CHECK_EXCEPTION((void)tape.gradient(sum(where(x > 0.0, sqrt(x), 0.0)), x), TapeError,
                        says("[gradient] at node 1, sqrt [2]: its reverse rule made a gradient that is not finite: "
                             "gradient of input 0 [2] 1 NaN of 2"));
}

BOOST_AUTO_TEST_CASE(sums_and_seeds_are_looked_at_too) {
  const double most = std::numeric_limits<double>::max();
  const Tensor x = leaf({1.0});
  Tape tape({.anomaly = true});
  const Tensor factor = full({1}, 0.75 * most, {.dtype = float64});
  const Tensor h = x * 1.0;
  // fine in each use, but not their sum
  const Tensor both = h * factor * 1e-3 + h * factor * 1e-3;
  BOOST_CHECK_EXCEPTION((void)tape.gradient(both, h, {.cotangent = full({1}, 900.0, {.dtype = float64})}), TapeError,
                        says("its cotangent, the sum over all uses, is not finite, although what each use gave was"));
  const Tensor z = square(x);
  BOOST_CHECK_EXCEPTION(
      (void)tape.gradient(z, x, {.cotangent = full({1}, kInfinity, {.dtype = float64})}), TapeError,
      says("[gradient] the sweep starts from a cotangent of node 1, square [1] that is not finite: all 1 inf"));
  BOOST_TEST(tape.gradient(z, x).item() == 2.0);
}

BOOST_AUTO_TEST_CASE(without_the_mode_nothing_is_said) {
  const Tensor x = leaf({0.0, 4.0});
  Tape tape;
  BOOST_TEST(tape.gradient(sum(sqrt(x)), x).to_vector<double>()[0] == kInfinity);
}

BOOST_AUTO_TEST_CASE(a_part_of_a_gradient_that_is_not_finite_is_found) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape({.anomaly = true});
  const Tensor y = sum(apply(PartNotFinite{}, x));
  BOOST_CHECK_EXCEPTION((void)tape.gradient(y, x), TapeError, says("at node 1, part_not_finite [2]"));
}

BOOST_AUTO_TEST_SUITE_END()
