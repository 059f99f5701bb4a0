// The suite that tests and program share: what is wrong is found, and how it runs does not matter.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "all_entries.hpp"
#include "broken_entry.hpp"
#include "console/jobs.hpp"
#include "says.hpp"
#include "suite/entry.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/nn/module.hpp"
#include "tapegrad/nn/parameter.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/suite.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

using namespace tapegrad;
using namespace tapegrad::suite;

namespace {

/// The kinds of check that fail.
std::string failing(const EntryResult& result) {
  std::string text;
  for (const CheckResult& check : result.checks)
    if (check.outcome == Outcome::failed) text += std::string(check.check) + " ";
  return text;
}

Entry entry(catalogue::Call call, catalogue::SampleOptions options = {}) {
  return {.kind = "op",
          .family = "test",
          .name = "made_up",
          .samples =
              [call, options](Generator& g) {
                return catalogue::Samples{{"plain", {catalogue::uniform(g, {2, 3}, 0.5, 2)}, call, options}};
              },
          .others = {}};
}

/// Two rules that disagree.
struct TwoRules : Op<TwoRules> {
  static constexpr std::string_view name = "two_rules";
  Tensor forward(const Tensor& x) const { return x * x; }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return 2.0 * s.input(0) * dy; }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const { sink.add(0, 2.1 * s.input(0) * dy); }
};

/// A reverse rule that is not linear in the cotangent.
struct Affine : Op<Affine> {
  static constexpr std::string_view name = "affine";
  Tensor forward(const Tensor& x) const { return x + 1.0; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy + 1.0; }
};

/// Differentiable once alone.
struct Once : Op<Once> {
  static constexpr std::string_view name = "once";
  Tensor forward(const Tensor& x) const { return x * x; }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const { sink.add(0, 2.0 * s.input(0) * dy); }
};

/// Another gradient in each call.
struct Moody : Op<Moody> {
  static constexpr std::string_view name = "moody";
  Tensor forward(const Tensor& x) const { return x + 1.0; }
  Tensor vjp(const Saved&, const Tensor& dy) const {
    static double calls = 0;
    return dy * ++calls;
  }
};

nn::Parameter three() { return nn::Parameter(ones({3}, {.dtype = float64})); }

struct Right : nn::Module {
  nn::Parameter w = three();
  TAPEGRAD_MODULE(w)
  Tensor operator()(const Tensor& x) const { return x * w; }
};

struct Alternating : Right {
  Tensor operator()(const Tensor& x) const { return x * w * (1.0 + static_cast<double>(calls++ % 2)); }
  static inline int calls = 0;
};

struct CountingInEvaluation : nn::Module {
  nn::Parameter w = three();
  nn::Buffer calls{zeros({}, {.dtype = int64})};
  TAPEGRAD_MODULE(w, calls)
  Tensor operator()(const Tensor& x) {
    Tensor count = calls;
    count.mutable_data<std::int64_t>("calls")[0] += 1;
    return x * w;
  }
};

struct Unused : nn::Module {
  nn::Parameter w = three();
  nn::Parameter unused = three();
  TAPEGRAD_MODULE(w, unused)
  Tensor operator()(const Tensor& x) const { return x * w; }
};

struct OtherAsACopy : nn::Module {
  OtherAsACopy() = default;
  OtherAsACopy(const OtherAsACopy& other) : nn::Module(other), w(other.w), factor(other.factor + 1.0) {}
  OtherAsACopy(OtherAsACopy&&) noexcept = default;
  nn::Parameter w = three();
  double factor = 1.0;
  TAPEGRAD_MODULE(w)
  Tensor operator()(const Tensor& x) const { return x * w * factor; }
};

/// It has a number of its own that no state_dict holds.
struct HiddenState : nn::Module {
  nn::Parameter w = three();
  double factor = -1.0;
  TAPEGRAD_MODULE(w)
  Tensor operator()(const Tensor& x) {
    if (factor < 0) factor = ++made;
    return x * w * factor;
  }
  static inline double made = 0;
};

/// The kinds of check that fail of a layer.
template <class L>
std::string failing_of_layer() {
  nn::catalogue::LayerEntry layer = *nn::catalogue::all_layers().front();
  layer.errors = [] { return catalogue::ErrorSamples{}; };
  layer.samples = [](Generator& g) {
    return nn::catalogue::LayerSamples{nn::catalogue::layer_sample(
        "plain", L(), {catalogue::uniform(g, {2, 3}, 0.5, 2)}, {.order = 0, .reason = "made up"})};
  };
  layer.benchmark = [](Generator& g) {
    return nn::catalogue::layer_sample("plain", Right(), {catalogue::uniform(g, {2, 3}, 0.5, 2)});
  };
  return failing(check(entry_of(layer), {}));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(suite)

BOOST_AUTO_TEST_CASE(each_kind_of_mistake_of_a_layer_fails_its_check) {
  BOOST_TEST(failing_of_layer<Right>().empty());
  BOOST_TEST(failing_of_layer<CountingInEvaluation>() == "evaluation ");
  BOOST_TEST(failing_of_layer<Unused>() == "names ");
  BOOST_TEST(failing_of_layer<OtherAsACopy>() == "copy ");
  BOOST_TEST(failing_of_layer<HiddenState>() == "state ");
  const std::string alternating = failing_of_layer<Alternating>();
  for (const char* kind : {"evaluation ", "copy ", "state "})
    BOOST_TEST(alternating.find(kind) != std::string::npos, alternating);
}

BOOST_AUTO_TEST_CASE(a_right_op_passes) { BOOST_TEST(failing(check(test::entry_with_scale(1.0))).empty()); }

BOOST_AUTO_TEST_CASE(each_kind_of_mistake_fails_its_check) {
  BOOST_TEST(failing(check(test::entry_with_scale(1.03))) == "differences ");
  BOOST_TEST(failing(check(entry(catalogue::of([](const Tensor& x) { return apply(TwoRules{}, x); })))) ==
             "both rules differences ");
  BOOST_TEST(failing(check(entry(catalogue::of([](const Tensor& x) { return apply(Affine{}, x); })))) ==
             "zero cotangent differences ");
  // what is stored first, not what stands first
  BOOST_TEST(
      failing(check(entry(catalogue::of([](const Tensor& x) { return x.is_contiguous() ? x * 1.0 : x * 2.0; })))) ==
      "memory order memory order of cotangents ");
  BOOST_TEST(
      failing(check(entry(catalogue::of([](const Tensor& x) { return x.dtype() == float32 ? x * 1.01 : x * 1.0; })))) ==
      "float32 ");
  BOOST_TEST(failing(check(entry(catalogue::of([](const Tensor& x) { return x * 1.0; }), {.order = 0}))) ==
             "differences ");
  BOOST_TEST(failing(check(entry([](const catalogue::Arguments&) -> std::vector<Tensor> {
               throw std::runtime_error("no");
             }))) == "memory order gradient ");
  BOOST_TEST(failing(check(entry(catalogue::of([](const Tensor& x) { return apply(Once{}, x); })))) ==
             "both rules differences ");
  Entry once = entry(catalogue::of([](const Tensor& x) { return apply(Once{}, x); }), {.order = 1});
  once.differentiable = Differentiable::once;
  BOOST_TEST(failing(check(once)) == "");
  once = entry(catalogue::of([](const Tensor& x) { return apply(Once{}, x); }));
  once.differentiable = Differentiable::once;
  BOOST_TEST(failing(check(once)) == "both rules differences ");
  BOOST_TEST(failing(check(entry(catalogue::of(
                 [](const Tensor& x) { return x.dtype() == float32 ? x * 1.001 : x * 1.0; })))) == "float32 ");
  BOOST_TEST(failing(check(entry(catalogue::of([](const Tensor& x) { return sum(softmax(x, -1)); })))) ==
             "differences ");  // vacuous, and no sample says why
  Entry constant = entry(catalogue::of([](const Tensor& x) { return x * 2.0; }));
  constant.differentiable = Differentiable::never;
  BOOST_TEST(failing(check(constant)) == "gradient's kind ");
  Entry empty = entry({});
  empty.samples = [](Generator&) { return catalogue::Samples{}; };
  BOOST_TEST(failing(check(empty)) == "samples ");
}

BOOST_AUTO_TEST_CASE(a_check_of_ones_own_passes_fails_or_throws) {
  const Check right("right", [](const GradcheckOptions& o) {
    return gradcheck([](const Tensor& x) { return x * x; }, tensor({1.0}), o);
  });
  EntryResult result = check(entry_of(right), {.order = 1, .seed = 8});
  BOOST_TEST(failing(result) == "");
  BOOST_TEST(result.checks.size() == 1U);
  BOOST_TEST(result.checks[0].report->seed == 8U);
  const Check threw("threw", [] { return gradcheck([](const Tensor& x) { return softmax(x, 5); }, tensor({1.0})); });
  result = check(entry_of(threw));
  BOOST_TEST(failing(result) == "differences ");
  BOOST_TEST(result.checks[0].threw);
  BOOST_TEST(result.checks[0].message.find("threw [") == 0U, result.checks[0].message);
  const Check vacuous("vacuous", [] { return gradcheck([](const Tensor& x) { return 0.0 * x; }, tensor({1.0})); });
  result = check(entry_of(vacuous));
  BOOST_TEST(failing(result) == "differences ");
  BOOST_TEST(!result.checks[0].threw);
}

BOOST_AUTO_TEST_CASE(what_an_entry_draws_is_its_own) {
  std::vector<double> drawn;
  const Check drawing("drawing", [&] {
    drawn.push_back(default_generator().uniform());
    return GradcheckReport();
  });
  Entry sampled = entry(catalogue::of([](const Tensor& x) { return x * 1.0; }));
  sampled.samples = [&](Generator& g) {
    drawn.push_back(default_generator().uniform());
    BOOST_TEST(g.uniform() != drawn.back());
    return catalogue::Samples{
        {"drawn", {ones({1}, {.dtype = float64})}, catalogue::of([](const Tensor& x) { return x * 1.0; })}};
  };
  for (const Entry& each : {entry_of(drawing), sampled}) {
    for (const std::uint64_t seed : {3U, 3U, 4U}) {
      default_generator().uniform();  // wherever it stands
      const RandomStream before = default_generator().state();
      BOOST_TEST(failing(check(each, {.seed = seed})) == "");
      BOOST_TEST(default_generator().state().key == before.key);
      BOOST_TEST(default_generator().state().offset == before.offset);
    }
    BOOST_TEST(drawn[0] == drawn[1]);
    BOOST_TEST(drawn[0] != drawn[2]);
    drawn.clear();
  }
}

// None of them has samples, and --dtype is about those.
BOOST_AUTO_TEST_CASE(checks_alone_have_no_options_of_samples) {
  const auto status = [](std::vector<std::string> words) {
    std::vector<char*> line;
    for (std::string& word : words) line.push_back(word.data());
    return run_program(static_cast<int>(line.size()), line.data(),
                       {.program = "checks", .checks = {{"nothing", [] { return GradcheckReport(); }}}});
  };
  BOOST_TEST(status({"checks", "check", "--order", "1"}) == 0);
  for (const auto& [option, value] : {std::pair("--dtype", "float32"), {"--sample", "plain"}, {"--seeds", "3"}})
    BOOST_TEST(status({"checks", "check", option, value}) == 2);
  BOOST_TEST(status({"checks", "check", "--selftest"}) == 2);
}

BOOST_AUTO_TEST_CASE(names_of_contents_are_their_own) {
  const auto nothing = [] { return GradcheckReport(); };
  const std::vector<Check> two = {{"b", nothing}, {"a", nothing}};
  BOOST_TEST(entries_of({.program = "p", .checks = two}).front().name == "a");
  BOOST_CHECK_EXCEPTION(entries_of({.program = "p", .checks = {{"a", nothing}, {"b", nothing}, {"a", nothing}}}),
                        ValueError, test::says("a name of its own for each check, got two 'a'"));
  BOOST_CHECK_EXCEPTION(entries_of({.program = "p", .checks = {{"", nothing}}}), ValueError,
                        test::says("expected a name for each check"));
  catalogue::OpEntry op = *catalogue::all_ops().front();
  BOOST_CHECK_EXCEPTION(entries_of({.program = "p", .ops = {op}, .built_in_ops = catalogue::all_ops()}), ValueError,
                        test::says("for each op, got two"));
}

// What nobody but tapegrad must say is not asked of others.
BOOST_AUTO_TEST_CASE(an_op_and_a_layer_of_ones_own_may_say_less) {
  catalogue::OpEntry op = *catalogue::all_ops().front();
  op.math = "";
  op.benchmark = {};
  BOOST_TEST(failing(check(entry_of(op))) == "documents ");
  BOOST_TEST(failing(check(entry_of(op, Origin::own))) == "");
  nn::catalogue::LayerEntry layer = *nn::catalogue::all_layers().front();
  layer.math = "";
  layer.benchmark = nullptr;
  BOOST_TEST(failing(check(entry_of(layer))) == "documents ");
  BOOST_TEST(failing(check(entry_of(layer, Origin::own))) == "");
}

BOOST_AUTO_TEST_CASE(errors_and_threads_of_an_op) {
  catalogue::OpEntry op = *catalogue::all_ops().front();
  op.errors = [] {
    return catalogue::ErrorSamples{{"none", [] {}, "[x] "}, {"other", [] { throw ValueError("[y] no"); }, "[x] "}};
  };
  op.math = "";
  op.benchmark = [](Generator& g) {
    return catalogue::Sample("", {catalogue::uniform(g, {4}, -1, 1)}, catalogue::of([](const Tensor& x) {
                               static double call = 0.0;
                               return x * ++call;
                             }));
  };
  BOOST_TEST(failing(check(entry_of(op))) == "documents errors errors threads ");
  op = *catalogue::all_ops().front();
  op.errors = [] { return catalogue::ErrorSamples{}; };
  op.benchmark = [](Generator& g) {
    return catalogue::Sample("", {catalogue::uniform(g, {4}, -1, 1)},
                             catalogue::of([](const Tensor& x) { return apply(Moody{}, x); }));
  };
  BOOST_TEST(failing(check(entry_of(op))) == "threads ");  // the gradient's alone
}

BOOST_AUTO_TEST_CASE(the_same_at_any_number_of_workers) {
  std::vector<Entry> entries;
  for (const Entry& e : test::all_entries())
    if (e.name == "dropout" || e.name == "softmax" || e.name == "matmul") entries.push_back(e);
  BOOST_TEST(entries.size() == 3U);
  const auto run = [&](int workers) {
    std::vector<EntryResult> results(entries.size());
    console::run_side_by_side(entries.size(), workers, [&](std::size_t i) {
      default_generator().uniform();  // where a worker's numbers stand must not matter
      results[i] = check_differences(entries[i], {});
    });
    std::vector<double> numbers;
    for (const EntryResult& result : results)
      for (const CheckResult& c : result.checks)
        if (c.report)
          for (const GradcheckFinding& f : c.report->findings) {
            numbers.push_back(f.analytic);
            numbers.push_back(f.numeric);
          }
    return numbers;
  };
  const std::vector<double> alone = run(1);
  const std::vector<double> together = run(3);
  BOOST_TEST(alone.size() > 20U);
  BOOST_TEST(alone == together, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
