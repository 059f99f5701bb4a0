// Every unary pointwise op against MPFR: value and reverse sweep, float32 and float64, over the whole domain.
#include <boost/test/unit_test.hpp>
#include <limits>
#include <set>
#include <string>
#include <string_view>

#include "tapegrad/catalogue/entry.hpp"
#include "truth/measure.hpp"

using namespace tapegrad;
using namespace tapegrad::truth;

namespace {

void check_bound(std::string_view what, const Worst& worst, double bound) {
  BOOST_TEST(worst.error <= bound, what << " at " << worst.at << " is " << worst.got << ", exact " << worst.exact
                                        << ": " << worst.error << " ulp, allowed " << bound);
}

template <class T>
void check_accuracy(const Reference& reference) {
  constexpr bool kNarrow = sizeof(T) == 4;
  const auto of = [](const Bound& bound) { return kNarrow ? bound.float32 : bound.float64; };
  BOOST_TEST_CONTEXT((kNarrow ? "float32" : "float64")) {
    const Accuracy accuracy = measure<T>(reference, by_reverse_sweep<T>(reference));
    check_bound("the value", accuracy.value, of(reference.value_bound));
    check_bound("the derivative", accuracy.derivative, of(reference.derivative_bound));
  }
}

/// Adds the cases when the program starts: they are known only then.
struct Cases {
  explicit Cases(boost::unit_test::test_suite& suite) {
    for (const Reference& reference : references())
      suite.add(boost::unit_test::make_test_case(
          [&reference] {
            check_accuracy<float>(reference);
            check_accuracy<double>(reference);
          },
          std::string(reference.row), __FILE__, __LINE__));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(accuracy)

namespace {
const Cases cases(boost::unit_test::framework::current_auto_test_suite());
}

BOOST_AUTO_TEST_CASE(every_unary_op_has_a_reference) {
  std::set<std::string_view> known;
  for (const Reference& reference : references()) known.insert(reference.op);
  for (const catalogue::OpEntry* op : catalogue::all_ops()) {
    Generator g(1);
    const catalogue::Samples samples = op->samples(g);
    const catalogue::Arguments& inputs = samples.front().inputs;
    // What is not differentiable gives truth values.
    if (op->family != "pointwise" || inputs.size() != 1 || !is_floating(inputs[0].dtype()) || !op->differentiable)
      continue;
    BOOST_TEST(known.erase(op->name) == 1U, op->name << " has no reference in tests/mpfr/truth/references.cpp");
  }
  for (const std::string_view name : known) BOOST_TEST(false, name << " is no unary op of the catalogue");
}

BOOST_AUTO_TEST_CASE(errors_are_measured_right) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kDenorm = std::numeric_limits<double>::denorm_min();
  constexpr double kMax = std::numeric_limits<double>::max();
  BOOST_TEST(error_in_ulps(1.0, Real(1.0) + scale(1.0, -53)) == 0.5);
  BOOST_TEST(error_in_ulps(1.0F, Real(1.0) + scale(1.0, -22)) == 2);
  BOOST_TEST(error_in_ulps(-2.0, Real(-2.0) - scale(3.0, -52)) == 1.5);  // the unit grows at a power of two
  BOOST_TEST(error_in_ulps(0.0, Real(kDenorm)) == 1);
  BOOST_TEST(error_in_ulps(0.0, Real(3 * kDenorm)) == kInfinity);  // a vanished tail
  BOOST_TEST(error_in_ulps(kInfinity, Real(kMax)) == 1);
  BOOST_TEST(error_in_ulps(kInfinity, scale(Real(kMax), 1)) == 0);
  BOOST_TEST(error_in_ulps(kMax, scale(Real(kMax), 1)) == 1);
  BOOST_TEST(error_in_ulps(-kInfinity, Real(kInfinity)) == kInfinity);
  BOOST_TEST(error_in_ulps(std::numeric_limits<double>::quiet_NaN(), Real(1.0)) == kInfinity);
}

BOOST_AUTO_TEST_SUITE_END()
