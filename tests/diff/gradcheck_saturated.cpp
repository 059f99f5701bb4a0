// Softmaxes whose weight lies on one entry nearly all: what is left of their gradients is small beside the terms that
// have cancelled, and those round. At order 2 right rules were once called wrong for that, at a tenth to a third of
// points.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/ops/attention.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

using namespace tapegrad;

namespace {

/// A softmax whose rule is right, but for its own derivative by x.
struct SlopedSoftmax : Op<SlopedSoftmax> {
  static constexpr std::string_view name = "sloped_softmax";
  double error;  // of that derivative, relative
  bool single;   // whether in float32 alone
  explicit SlopedSoftmax(double relative, bool in_float32_alone = false) : error(relative), single(in_float32_alone) {}
  Tensor forward(const Tensor& x) const { return softmax(x); }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Tensor y = softmax(s.input(0));
    const double here = single && y.dtype() != float32 ? 0.0 : error;
    const Tensor sloped = (1.0 + here) * y - (here * y).detach();
    return sloped * (dy - sum(dy * y, {-1}, true));
  }
};

struct Case {
  std::function<std::vector<Tensor>(const std::vector<Tensor>&)> f;
  std::vector<Tensor> inputs;
};

Tensor numbers(Generator& g, const Shape& shape, double scale) { return scale * randn(shape, g, {.dtype = float64}); }

Case rows_of(double steepness, std::uint64_t seed, double error = 0.0, double height = 1.0) {
  Generator g(seed);
  const SlopedSoftmax weights(error);
  return {[=](const std::vector<Tensor>& xs) { return std::vector{height * apply(weights, steepness * xs[0])}; },
          {numbers(g, {3, 8}, 1.0)}};
}

/// Logits of about 36.
std::vector<Tensor> queries_keys_values(std::uint64_t seed) {
  constexpr double kLarge = 6.0;
  Generator g(seed);
  const Tensor q = numbers(g, {1, 1, 3, 4}, kLarge);
  const Tensor k = numbers(g, {1, 1, 3, 4}, kLarge);
  return {q, k, numbers(g, {1, 1, 3, 2}, 1.0)};
}

Case attention_of(std::uint64_t seed, double error) {
  const SlopedSoftmax weights(error);
  return {[=](const std::vector<Tensor>& xs) {
            return std::vector{matmul(apply(weights, 0.5 * matmul(xs[0], transpose(xs[1], 2, 3))), xs[2])};
          },
          queries_keys_values(seed)};
}

Case fused_attention_of(std::uint64_t seed) {
  return {[](const std::vector<Tensor>& xs) { return std::vector{scaled_dot_product_attention(xs[0], xs[1], xs[2])}; },
          queries_keys_values(seed)};
}

GradcheckReport check(const Case& c, std::uint64_t seed, std::int64_t budget = 4000) {
  return tapegrad::gradcheck(c.f, c.inputs, {.seed = seed, .budget = budget});
}

/// The highest verdict at order 2, and of order 1 where that is wrong.
Verdict verdict_at_order_2(const GradcheckReport& report) {
  Verdict verdict = Verdict::ok;
  for (const GradcheckFinding& f : report.findings)
    if (f.order == 2 || f.verdict == Verdict::wrong) verdict = std::max(verdict, f.verdict);
  return verdict;
}

/// How many of them are ok; none may be wrong.
int count_ok(const std::function<Case(std::uint64_t)>& of_seed, std::uint64_t seeds, std::int64_t budget = 4000) {
  int ok = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const GradcheckReport report = check(of_seed(seed), seed, budget);
    const Verdict verdict = verdict_at_order_2(report);
    BOOST_TEST((verdict != Verdict::wrong), "seed " << seed << "\n" << to_string(report));
    if (verdict == Verdict::ok) ++ok;
  }
  return ok;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gradcheck_saturated)

BOOST_AUTO_TEST_CASE(right_softmaxes_are_ok) {
  for (const double steepness : {10.0, 20.0})
    BOOST_TEST(count_ok([&](std::uint64_t seed) { return rows_of(steepness, seed); }, 40) == 40, steepness);
  // Of rows whose rest is 1e-12 differences tell little.
  BOOST_TEST(count_ok([](std::uint64_t seed) { return rows_of(50.0, seed); }, 40) >= 36);
}

BOOST_AUTO_TEST_CASE(right_attention_is_ok) {
  BOOST_TEST(count_ok([](std::uint64_t seed) { return attention_of(seed, 0.0); }, 40) >= 38);
  BOOST_TEST(count_ok(fused_attention_of, 40) >= 38);
}

BOOST_AUTO_TEST_CASE(along_directions_none_is_wrong) {
  BOOST_TEST(count_ok([](std::uint64_t seed) { return rows_of(20.0, seed); }, 40, 0) >= 25);
  BOOST_TEST(count_ok(fused_attention_of, 40, 0) >= 35);
}

// What stands still at the smallest steps is a row whose rest is below the rounding of 1, beside others or alone.
BOOST_AUTO_TEST_CASE(steep_rows_are_never_wrong) {
  for (const Shape& shape : {Shape{3}, Shape{6}, Shape{2, 5}})
    for (const double steepness : {20.0, 50.0})
      for (const std::int64_t budget : {std::int64_t{4000}, std::int64_t{0}})
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
          Generator g(seed);
          const GradcheckReport report = tapegrad::gradcheck([&](const Tensor& x) { return softmax(steepness * x); },
                                                             numbers(g, shape, 1.0), {.seed = seed, .budget = budget});
          BOOST_TEST((report.verdict() != Verdict::wrong), steepness << ", budget " << budget << ", seed " << seed
                                                                     << "\n"
                                                                     << to_string(report));
        }
}

/// In float32, of which differences are taken in float64.
GradcheckReport check_single(const SlopedSoftmax& weights, double steepness, std::uint64_t seed) {
  Generator g(seed);
  return tapegrad::gradcheck([&](const Tensor& x) { return apply(weights, steepness * x); },
                             randn({3, 4}, g, {.dtype = float32}), {.seed = seed, .differences_in_float64 = true});
}

BOOST_AUTO_TEST_CASE(rules_in_float32_may_round_as_their_terms_do) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const GradcheckReport report = check_single(SlopedSoftmax(0.0), 50.0, seed);
    BOOST_TEST((verdict_at_order_2(report) == Verdict::ok), "seed " << seed << "\n" << to_string(report));
  }
}

BOOST_AUTO_TEST_CASE(one_percent_is_wrong_in_float32_and_in_float32_alone) {
  for (const bool alone : {false, true})
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const GradcheckReport report = check_single(SlopedSoftmax(0.01, alone), 5.0, seed);
      BOOST_TEST((verdict_at_order_2(report) == Verdict::wrong), "seed " << seed << "\n" << to_string(report));
    }
}

BOOST_AUTO_TEST_CASE(the_unit_of_the_results_makes_no_difference) {
  for (const double height : {1e-6, 1e6})
    BOOST_TEST(count_ok([&](std::uint64_t seed) { return rows_of(20.0, seed, 0.0, height); }, 40) == 40, height);
}

BOOST_AUTO_TEST_CASE(one_percent_is_wrong) {
  for (const double error : {0.01, -0.01}) {
    int found = 0;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      for (const double steepness : {10.0, 20.0})
        BOOST_TEST((verdict_at_order_2(check(rows_of(steepness, seed, error), seed)) == Verdict::wrong),
                   steepness << " seed " << seed);
      BOOST_TEST((check(rows_of(20.0, seed, error), seed, 0).verdict() == Verdict::wrong), "seed " << seed);
      if (check(attention_of(seed, error), seed).verdict() == Verdict::wrong) ++found;
    }
    BOOST_TEST(found == 19);  // at one of them each query sees one key alone, to rounding: the gradient is vacuous
  }
}

BOOST_AUTO_TEST_SUITE_END()
