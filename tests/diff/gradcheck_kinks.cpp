// Kinks of tensor functions: one element's, and several elements'.
#include <fmt/format.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>
#include <utility>

#include "diff/checks.hpp"
#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/sort.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using namespace tapegrad::test::checks;

namespace {

/// x -> max(x, 0) with a slope of choice at 0.
struct Ramp : Op<Ramp> {
  static constexpr std::string_view name = "ramp";
  double slope_at_zero = 0.0;
  Tensor forward(const Tensor& x) const {
    Tensor y = x.detach() * 1.0;
    for (double& v : y.mutable_data<double>("ramp")) v = v > 0.0 ? v : 0.0;
    return y;
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    Tensor slope = s.input(0).detach() * 1.0;
    const NoRecord pause;
    for (double& v : slope.mutable_data<double>("ramp")) v = v > 0.0 ? 1.0 : v < 0.0 ? 0.0 : slope_at_zero;
    return dy * slope;
  }
};

/// The largest element of each row, of which every one gets `share` of the gradient.
struct Largest : Op<Largest> {
  static constexpr std::string_view name = "largest";
  double share = 1.0;
  Tensor forward(const Tensor& x) const { return max(x, 1); }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Tensor x = s.input(0).detach();
    return share * where(x == max(x, 1, true), unsqueeze(dy, 1), 0.0);
  }
};

/// The larger of two tensors' elements, of which each gets `share` of the gradient where they are equal.
struct Larger : Op<Larger> {
  static constexpr std::string_view name = "larger";
  double share = 0.5;
  Tensor forward(const Tensor& a, const Tensor& b) const { return maximum(a, b); }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    const Tensor a = s.input(0).detach(), b = s.input(1).detach();
    const Tensor tie = share * dy;
    return {where(a > b, dy, where(a == b, tie, 0.0)), where(b > a, dy, where(a == b, tie, 0.0))};
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck_kinks)

BOOST_AUTO_TEST_CASE(a_kink_passes_with_a_value_between_the_slopes) {
  const auto ramp = [](double slope) {
    return [slope](const Tensor& x) {
      Ramp op;
      op.slope_at_zero = slope;
      return apply(op, x);
    };
  };
  const Tensor x = from_vector<double>({-1.0, 0.0, 2.0}, {3});
  for (const double slope : {0.0, 0.3, 1.0}) {
    const GradcheckReport report = tapegrad::gradcheck(ramp(slope), {x}, kReverseOnly);
    BOOST_TEST((report.verdict() == Verdict::kink), fmt::format("{}", report));
    BOOST_TEST(report.ok());
  }
  for (const double slope : {-0.2, 1.5})
    BOOST_TEST((tapegrad::gradcheck(ramp(slope), {x}, kReverseOnly).verdict() == Verdict::wrong));
  // close to a kink, but not on it: the steps shrink until they stay on one side
  const Tensor near = from_vector<double>({1e-4, -1e-4, 1e-5}, {3});
  const GradcheckReport report = tapegrad::gradcheck(ramp(0.0), {near}, kReverseOnly);
  BOOST_TEST((report.verdict() == Verdict::ok), fmt::format("{}", report));
}

BOOST_AUTO_TEST_CASE(a_tie_that_counts_twice_or_not_at_all_is_wrong) {
  const Tensor x = from_vector<double>({1.0, 3.0, 3.0, 2.0, 2.0, 2.0}, {2, 3});
  const auto verdict = [&](double share, std::int64_t budget) {
    const auto f = [share](const Tensor& a) {
      Largest op;
      op.share = share;
      return apply(op, a);
    };
    return tapegrad::gradcheck(f, {x}, {.order = 1, .forward_mode = false, .budget = budget}).verdict();
  };
  for (const std::int64_t budget : {4000, 0})
    for (const double share : {0.0, 0.3, 1.0}) BOOST_TEST((verdict(share, budget) == Verdict::wrong), share);
  // The maximum's own rule, and rules of several kinks in one output.
  const auto right = {std::function<Tensor(const Tensor&)>([](const Tensor& a) { return max(a, 1); }),
                      std::function<Tensor(const Tensor&)>([](const Tensor& a) { return max(a); }),
                      std::function<Tensor(const Tensor&)>([](const Tensor& a) { return sum(relu(a - 2.0)); }),
                      std::function<Tensor(const Tensor&)>([](const Tensor& a) { return sum(abs(a - 2.0)); }),
                      std::function<Tensor(const Tensor&)>([](const Tensor& a) { return sum(clamp(a, 2.0, 3.0)); })};
  for (const auto& f : right) {
    const GradcheckReport report = tapegrad::gradcheck(f, x);
    BOOST_TEST(report.ok(), fmt::format("{}", report));
  }
}

BOOST_AUTO_TEST_CASE(a_kink_of_the_function_is_one_at_order_2_too) {
  const Tensor x = from_vector<double>({0.0, 1.0}, {2});
  const GradcheckReport report = tapegrad::gradcheck([](const Tensor& a) { return abs(a); }, x);
  BOOST_TEST(report.ok(), fmt::format("{}", report));
  BOOST_TEST((report.verdict() == Verdict::kink));
  // As many as there are, and no other element with them: x[12]^1.5 has a gradient whose own slope is infinite.
  const Tensor many = zeros({13}, {.dtype = float64});
  const Tensor weights = arange(1.0, 14.0, 1.0, {.dtype = float64});
  const auto ramps = [&](const Tensor& a) { return relu(a) * weights; };
  BOOST_TEST(tapegrad::gradcheck(ramps, many).ok());
  const auto steep_end = [&](const Tensor& a) {
    const Tensor last = a.slice(0, {.start = 12});
    return sum(ramps(a).slice(0, {.stop = 12})) + sum(where(last > 0.0, abs(last) * sqrt(abs(last)), 0.0));
  };
  const GradcheckReport mixed = tapegrad::gradcheck(steep_end, {many}, {.forward_mode = false});
  BOOST_TEST((mixed.verdict() == Verdict::out_of_domain || mixed.verdict() == Verdict::wrong),
             fmt::format("{}", mixed));
  // A gradient whose own slope is infinite, where the function has none of its own: told as before.
  const GradcheckReport steep =
      tapegrad::gradcheck([](const Tensor& a) { return abs(a) * sqrt(abs(a)); }, x, {.forward_mode = false});
  BOOST_TEST(!steep.ok(), fmt::format("{}", steep));
}

// All units stand at 0 with slope 0, as where all of them are off: a piece so narrow that no look around may find it.
BOOST_AUTO_TEST_CASE(a_network_of_relus_at_zero_is_not_called_wrong) {
  int wrong = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Tensor w = normal({8, 8}, seed), v = normal({8, 1}, 100 + seed);
    const auto f = [&](const Tensor& x) { return matmul(relu(matmul(x, w)), v); };
    const Tensor x = zeros({1, 8}, {.dtype = float64});
    if (tapegrad::gradcheck(f, x, {.order = 1, .seed = seed}).verdict() == Verdict::wrong) ++wrong;
  }
  BOOST_TEST(wrong <= 1);  // half of them, where any slope that is not found is taken for none
  // Weights and biases bend with the input: at the kinks of all units, each in several parts.
  const auto network = [](const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& v) {
    return matmul(relu(matmul(x, w) + b), v);
  };
  const Tensor none = zeros({4}, {.dtype = float64});
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const Tensor v = normal({4, 1}, 100 + seed);
    for (const auto& [x, w] : {std::pair(zeros({1, 4}, {.dtype = float64}), normal({4, 4}, seed)),
                               {normal({1, 4}, seed), zeros({4, 4}, {.dtype = float64})}}) {
      const GradcheckReport report = tapegrad::gradcheck(network, {x, w, none, v}, {.order = 1, .seed = seed});
      BOOST_TEST((report.verdict() != Verdict::wrong), to_string(report));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_made_of_sorted_ties_is_not_called_wrong) {
  for (const DType dtype : {float64, float32})
    for (const std::int64_t n : {3, 4, 7}) {
      const Tensor ties = full({n}, 1.0, {.dtype = dtype});
      const auto sorted = [](const Tensor& x) { return sort(x, 0).values; };
      BOOST_TEST((tapegrad::gradcheck(sorted, ties, {.order = 1}).verdict() == Verdict::kink), n);
      for (std::uint64_t seed = 0; seed < 10; ++seed) {
        const Tensor y = normal({n}, seed).to(dtype);
        const auto f = [&](const Tensor& x) { return sum(square(sort(x, 0).values) * y); };
        BOOST_TEST((tapegrad::gradcheck(f, ties, {.order = 1, .seed = seed}).verdict() != Verdict::wrong),
                   n << ", " << seed);
      }
    }
}

BOOST_AUTO_TEST_CASE(a_tie_between_two_tensors_counts_once) {
  const Tensor a = from_vector<double>({1.0, 3.0, -2.0, 0.0}, {2, 2}), b = from_vector<double>({1.0, 2.0}, {2});
  const Tensor c = from_vector<float>({0.25F, -1.5F, 3.0F}, {3});
  const auto verdict = [](double share, const Tensor& x, const Tensor& y) {
    const auto f = [share](const Tensor& p, const Tensor& q) {
      Larger op;
      op.share = share;
      return apply(op, p, q);
    };
    return tapegrad::gradcheck(f, {x, y}, {.order = 1, .forward_mode = false}).verdict();
  };
  for (const auto& [x, y] : {std::pair(b, b), {c, c}}) {
    BOOST_TEST((verdict(0.5, x, y) == Verdict::kink));
    for (const double share : {0.0, 0.3, 1.0}) BOOST_TEST((verdict(share, x, y) == Verdict::wrong), share);
  }
  // The maximum's own rule, of broadcast inputs too, at order 2 and in forward mode.
  for (const auto& f : {std::function<Tensor(const Tensor&, const Tensor&)>(
                            [](const Tensor&x, const Tensor&y) { return maximum(x, y); }),
                        std::function<Tensor(const Tensor&, const Tensor&)>(
                            [](const Tensor&x, const Tensor&y) { return sum(minimum(x, y) * y); })}) {
    const GradcheckReport report = tapegrad::gradcheck(f, {a, b});
    BOOST_TEST(report.ok(), fmt::format("{}", report));
    BOOST_TEST((report.verdict() == Verdict::kink), fmt::format("{}", report));
  }
}

BOOST_AUTO_TEST_SUITE_END()
