// Gradients that are zero to rounding: they prove nothing, and hide nothing beside them.
#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "diff/checks.hpp"
#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

using namespace tapegrad;
using namespace tapegrad::test::checks;

namespace {

struct Cancelled : Op<Cancelled> {
  static constexpr std::string_view name = "cancelled";
  double forward_error = 0.0;
  double second_error = 0.0;
  Tensor forward(const Tensor& x) const { return sum(layer_norm(x)); }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Tensor& x = s.input(0);
    return dy * (x - mean(x, {1}, true)) * 0.0 + second_error * dy * (x - x.detach());
  }
  Tensor jvp(const Saved& s, const Tensor& dx) const { return sum(0.0 * s.input(0) * dx) + forward_error * sum(dx); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck_vacuous)

BOOST_AUTO_TEST_CASE(vacuous_comparisons_do_not_pass_in_silence) {
  // The sum of x minus its mean is zero whatever x is.
  const auto centred_sum = [](const Tensor& x) { return sum_to(x - sum_to(x, {1}) * (1.0 / 8.0), {}); };
  const GradcheckReport report = tapegrad::gradcheck(centred_sum, {normal({8})}, kReverseOnly);
  BOOST_TEST((report.verdict() == Verdict::vacuous), fmt::format("{}", report));
  BOOST_TEST(!report.ok());
  GradcheckOptions allowed = kReverseOnly;
  allowed.allow = {{Verdict::vacuous, "the sum of a centred vector is zero"}};
  BOOST_TEST(tapegrad::gradcheck(centred_sum, {normal({8})}, allowed).ok());
  const auto nothing = [](const Tensor& x) { return x * 2.0; };
  BOOST_TEST(
      (tapegrad::gradcheck(nothing, {zeros({0}, {.dtype = float64})}, kReverseOnly).verdict() == Verdict::vacuous));
}

// Sums of what a norm or a softmax gives are constant, but what rounding leaves of their gradients is not the same by
// every way: from a row of the Jacobian, from a random cotangent, forwards, and as a slope of the gradient itself.
BOOST_AUTO_TEST_CASE(gradients_that_cancel_are_vacuous_by_every_way) {
  const std::vector<std::pair<const char*, std::function<Tensor(const Tensor&)>>> constant = {
      {"layer_norm", [](const Tensor& x) { return sum(layer_norm(x)); }},
      {"layer_norm of each row", [](const Tensor& x) { return sum(layer_norm(x), {1}); }},
      {"layer_norm without eps", [](const Tensor& x) { return sum(square(layer_norm(x, {}, {}, 0.0))); }},
      {"layer_norm on a height", [](const Tensor& x) { return sum(layer_norm(x)) + 1000.0; }},
      {"softmax", [](const Tensor& x) { return sum(softmax(x, 1)); }},
      {"mean", [](const Tensor& x) { return sum(x - mean(x)); }},
      {"scale", [](const Tensor& x) { return layer_norm(x, {}, {}, 0.0) - layer_norm(3.0 * x, {}, {}, 0.0); }}};
  // Order 2 tells what order 1 does, and more. The budget is of every element, or leaves directions.
  struct Way {
    std::int64_t rows, width, budget;
  };
  constexpr std::int64_t kEvery = 200'000, kAlong = 50;
  for (const auto& [name, f] : constant)
    for (const auto& [rows, width, budget] : {Way{4, 2, kEvery},
                                              {4, 3, kEvery},
                                              {4, 5, kEvery},
                                              {2, 17, kEvery},
                                              {4, 2, kAlong},
                                              {4, 3, kAlong},
                                              {4, 5, kAlong},
                                              {4, 17, kAlong}}) {
      const GradcheckReport report = tapegrad::gradcheck(f, {normal({rows, width}, 7)}, {.budget = budget});
      BOOST_TEST((report.verdict() == Verdict::vacuous),
                 fmt::format("{}, width {}, budget {}:\n{}", name, width, budget, report));
    }
}

BOOST_AUTO_TEST_CASE(what_is_wrong_beside_a_vacuous_gradient_is_seen) {
  const auto check = [](double forward_error, double second_error) {
    Cancelled op;
    op.forward_error = forward_error;
    op.second_error = second_error;
    return tapegrad::gradcheck([op](const Tensor& x) { return apply(op, x); }, {normal({4, 5})});
  };
  const auto expect = [&](Verdict verdict, double forward_error, double second_error) {
    const GradcheckReport report = check(forward_error, second_error);
    BOOST_TEST((report.verdict() == verdict), fmt::format("{}", report));
  };
  expect(Verdict::vacuous, 0.0, 0.0);
  expect(Verdict::wrong, 1e-5, 0.0);
  expect(Verdict::wrong, 0.0, 1e-3);
  // A gradient that is 0 at a point where its own slope is not.
  const auto squares = [](const Tensor& x) { return sum(square(x)); };
  const GradcheckReport flat = tapegrad::gradcheck(squares, {zeros({3}, {.dtype = float64})});
  BOOST_TEST((flat.verdict() == Verdict::vacuous), fmt::format("{}", flat));
}

BOOST_AUTO_TEST_SUITE_END()
