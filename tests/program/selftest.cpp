// A small part of `tapegrad check --selftest`: mistakes planted into a few very different ops are found.
#include "tapegrad/selftest.hpp"

#include <boost/test/unit_test.hpp>
#include <set>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "all_entries.hpp"
#include "broken_entry.hpp"
#include "suite/entry.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/planted.hpp"
#include "tapegrad/selftest_command.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using namespace tapegrad::program;

namespace {

/// x^2 log x at {first, 2}, where no element is below 1.
suite::Entry entry_above_one(double first) {
  suite::Entry entry = test::entry_with_scale(1.0);
  entry.samples = [first](Generator&) {
    return catalogue::Samples{{"plain", {tensor({first, 2.0}, {.dtype = float64})}, [](const catalogue::Arguments& xs) {
                                 if (min(xs[0]).item() < 1.0) throw std::runtime_error("below 1");
                                 return std::vector<Tensor>{square(xs[0]) * log(xs[0])};
                               }}};
  };
  return entry;
}

/// Right, but refuses a cotangent of one output alone, if it is not 1: what gives one is a mistake that leaves the
/// others out.
struct Spread : Op<Spread> {
  static constexpr std::string_view name = "spread";
  Tensor forward(const Tensor& x) const { return expand(x * x, {3}); }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const double largest = max(abs(dy)).item();
    if (largest != 0.0 && largest != 1.0 && largest == sum(abs(dy)).item())
      throw std::runtime_error("one output alone");
    return 2.0 * s.input(0) * sum(dy, {0}, true);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(selftest)

BOOST_AUTO_TEST_CASE(planted_mistakes_are_found) {
  const std::set<std::string_view> some = {"mul", "where", "layer_norm", "softmax", "linear", "dropout", "sum"};
  DetectionResult all;
  for (const suite::Entry& entry : test::all_entries())
    if (some.count(entry.name) > 0) all += detect(entry, 3, 24);
  BOOST_TEST(all.samples >= 10U);
  BOOST_TEST(all.suspected.empty());
  for (const Missed& m : all.missed)
    BOOST_TEST(false, kBugs[m.bug] << " in " << m.entry << ", " << m.sample << ", " << m.where << ": not found by "
                                   << kModes[m.mode] << "\n"
                                   << m.report);
  BOOST_TEST(all.passed());
  for (std::size_t b = 0; b < kBugs.size(); ++b)
    BOOST_TEST(all.bugs[b].modes[kDefaultMode].tried > 0U, "no mistake of the kind " << kBugs[b]);
  BOOST_TEST(all.bugs[kTranspose].same > 0U, "the transpose of a symmetric Jacobian is no mistake");
}

// As of a recurrence without a bias, which has a state behind it.
BOOST_AUTO_TEST_CASE(rules_are_planted_beside_an_input_that_is_left_out) {
  const catalogue::Call product = [](const catalogue::Arguments& xs) { return std::vector<Tensor>{xs[0] * xs[2]}; };
  const Tensor x = tensor({2.0}).set_requires_grad(true);
  const Tensor y = tensor({3.0}).set_requires_grad(true);
  for (const auto with_rule : {with_reverse_rule, with_forward_rule}) {
    Tape tape;
    const Tensor z = with_rule(product, rule_of(product))({x, Tensor(), y}).front();
    BOOST_TEST(tape.gradient(z, y).item() == 2.0);
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_found_is_told) {
  // the right rule of a wrong op is not right
  const DetectionResult result = detect(test::entry_with_scale(1.03), 3);
  BOOST_TEST(!result.suspected.empty());
  BOOST_TEST(!result.passed());
}

BOOST_AUTO_TEST_CASE(what_throws_is_told_and_hinders_nothing_else) {
  suite::Entry entry = test::entry_with_scale(1.0);
  const auto right = entry.samples;
  entry.samples = [right](Generator& g) {
    catalogue::Samples samples = right(g);
    samples.insert(samples.begin(), catalogue::Sample("throws", samples.front().inputs,
                                                      [](const catalogue::Arguments&) -> std::vector<Tensor> {
                                                        throw std::runtime_error("no");
                                                      }));
    return samples;
  };
  DetectionResult all = detect(entry, 3);
  BOOST_TEST(all.samples == 1U);
  BOOST_TEST(all.bugs[kScale].modes[kDefaultMode].found > 0U);
  BOOST_TEST_REQUIRE(all.threw.size() == 1U);
  BOOST_TEST(all.threw.front().name == "scaled");
  BOOST_TEST_REQUIRE(all.threw.front().checks.size() == 1U);
  BOOST_TEST(all.threw.front().checks.front().sample == "throws");
  BOOST_TEST(all.threw.front().checks.front().message == "threw no");
  BOOST_TEST(!all.passed());
  entry.samples = [](Generator&) -> catalogue::Samples { throw std::runtime_error("none"); };
  all += detect(entry, 3);
  BOOST_TEST_REQUIRE(all.threw.size() == 2U);
  BOOST_TEST(all.threw.back().checks.front().message == "threw none");
}

// As a mistake that moves an input moves it out of where the function is defined.
BOOST_AUTO_TEST_CASE(a_mistake_that_only_throws_is_not_planted) {
  const DetectionResult result = detect(entry_above_one(1.04), 3);
  BOOST_TEST(result.threw.empty());
  BOOST_TEST(result.samples == 1U);
  BOOST_TEST(result.bugs[kScale].modes[kDefaultMode].found == 1U);
  BOOST_TEST(result.bugs[kStale].planted == 0U);
  BOOST_TEST(result.passed());
  BOOST_TEST(detect(entry_above_one(1.5), 3).bugs[kStale].modes[kDefaultMode].found == 1U);
}

BOOST_AUTO_TEST_CASE(what_a_planted_rule_throws_is_told_apart) {
  suite::Entry entry = test::entry_with_scale(1.0);
  entry.samples = [](Generator&) {
    return catalogue::Samples{{"plain", {tensor({2.0}, {.dtype = float64})}, catalogue::of([](const Tensor& x) {
                                 return apply(Spread(), x);
                               })}};
  };
  const DetectionResult result = detect(entry, 3);
  BOOST_TEST_REQUIRE(result.threw.size() == 1U);
  BOOST_TEST_REQUIRE(result.threw.front().checks.size() == 1U);
  BOOST_TEST(result.threw.front().checks.front().check == kPlantedRule);
  BOOST_TEST(result.bugs[kScale].modes[kDefaultMode].found == 1U);
  BOOST_TEST(!result.passed());
}

// One that normalises by a root's eps, and takes neither small inputs nor the large ones that would tell.
BOOST_AUTO_TEST_CASE(an_eps_is_misplaced_only_where_the_function_is_defined) {
  const auto normed = [](double least, double most) {
    suite::Entry entry = entry_above_one(1.5);
    entry.samples = [least, most](Generator&) {
      return catalogue::Samples{
          {"plain", {tensor({1.5, 2.0}, {.dtype = float64})}, [least, most](const catalogue::Arguments& xs) {
             if (min(xs[0]).item() < least || max(xs[0]).item() > most) throw std::runtime_error("out of range");
             return std::vector<Tensor>{rms_norm(xs[0], {}, 0.5)};
           }}};
    };
    return detect(entry, 3);
  };
  for (const DetectionResult& result : {normed(1.3, 1e9), normed(0.1, 1e3)}) {
    BOOST_TEST(result.threw.empty());
    BOOST_TEST(result.bugs[kEps].planted == 0U);
    BOOST_TEST(result.bugs[kScale].modes[kDefaultMode].found == 1U);
  }
  BOOST_TEST(normed(0.1, 1e9).bugs[kEps].modes[kDefaultMode].found == 1U);
}

BOOST_AUTO_TEST_CASE(what_counts_as_missed_is_the_exit_status) {
  BOOST_TEST(selftest_status({}, true) == 0);
  BOOST_TEST(selftest_status({}, false) == 1);
  for (std::size_t mode = 0; mode < kModes.size(); ++mode) {
    DetectionResult result;
    result.missed.push_back({.entry = "x", .sample = "", .where = "", .mode = mode, .report = ""});
    const bool must_find = kModes[mode] == "default" || kModes[mode] == "forward";
    BOOST_TEST(selftest_status(result, true) == (must_find ? 1 : 0), kModes[mode]);
  }
  DetectionResult suspicious;
  suspicious.suspected.push_back({.entry = "x", .sample = "", .where = "", .report = ""});
  BOOST_TEST(selftest_status(suspicious, true) == 1);
}

BOOST_AUTO_TEST_CASE(results_add_up) {
  DetectionResult sum;
  for (const std::size_t times : {1U, 10U}) {
    DetectionResult one;
    one.samples = times;
    one.bugs[kTranspose].planted = 2 * times;
    one.bugs[kTranspose].same = 3 * times;
    one.bugs[kTranspose].beyond = 4 * times;
    one.bugs[kTranspose].modes[1] = {.tried = 6 * times, .found = 5 * times};
    one.missed.push_back({.entry = "m", .sample = "", .where = "", .report = ""});
    one.suspected.push_back({.entry = "s", .sample = "", .where = "", .report = ""});
    sum += one;
  }
  BOOST_TEST(sum.samples == 11U);
  BOOST_TEST(sum.bugs[kTranspose].planted == 22U);
  BOOST_TEST(sum.bugs[kTranspose].same == 33U);
  BOOST_TEST(sum.bugs[kTranspose].beyond == 44U);
  BOOST_TEST(sum.bugs[kTranspose].modes[1].tried == 66U);
  BOOST_TEST(sum.bugs[kTranspose].modes[1].found == 55U);
  BOOST_TEST(sum.missed.size() == 2U);
  BOOST_TEST(sum.suspected.size() == 2U);
}

BOOST_AUTO_TEST_CASE(rules_are_compared_by_their_jacobians) {
  Generator g(1);
  const suite::Entry entry = test::entry_with_scale(1.0);
  const catalogue::Sample sample = entry.samples(g).front();
  const ReverseRule right = rule_of(sample.call);
  const auto times = [&](double factor) -> ReverseRule {
    return [right, factor](const catalogue::Arguments& xs, const std::vector<Tensor>& dys) {
      return std::vector<Tensor>{factor * right(xs, dys)[0]};
    };
  };
  const Jacobian jacobian = jacobian_of(right, sample.call, sample.inputs);
  BOOST_TEST(jacobian.rows.size() == 6U);
  BOOST_TEST(jacobian.finite());
  BOOST_TEST(distance(jacobian, jacobian_of(times(1.0 + 1e-15), sample.call, sample.inputs)) < kSameFunction);
  BOOST_TEST(distance(jacobian, jacobian_of(times(1.0 + 1e-12), sample.call, sample.inputs)) > kSameFunction);
  BOOST_TEST(distance(jacobian, jacobian_of(times(1.5), sample.call, sample.inputs)) == 0.5,
             boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_SUITE_END()
