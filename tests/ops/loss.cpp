#include "tapegrad/ops/loss.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "fixture.hpp"
#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using test::check_close;
using test::Fixture;

namespace {

Reduction reduction_of(const Fixture& f) {
  const std::string& name = f.attributes().at("reduction");
  return name == "none" ? Reduction::none : name == "sum" ? Reduction::sum : Reduction::mean;
}

/// The output and gradients of `loss` against the fixture's, by the fused rule and by the differentiable one.
template <class F>
void check_case(const Fixture& f, const Tensor& x, const F& loss) {
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor y = loss();
    check_close(y, f["output.y"]);
    check_close(tape.gradient(y, x, {.cotangent = f["cotangent.y"], .create_graph = differentiable}),
                f["grad.input.input"]);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(loss)

BOOST_AUTO_TEST_CASE(cross_entropy_as_pytorch) {
  std::vector<std::string> names{"cross_entropy_extreme_logits"};
  for (const std::string reduction : {"mean", "sum", "none"})
    for (const std::string weight : {"", "_weight"})
      for (const std::string ignore : {"", "_ignore"})
        for (const std::string smoothing : {"", "_smoothing"})
          names.push_back("cross_entropy_" + reduction + weight + ignore + smoothing);
  for (const std::string& name : names) {
    BOOST_TEST_CONTEXT(name) {
      const Fixture f(name);
      const Tensor x = f.leaf("input.input");
      const CrossEntropyOptions options{.ignore_index = std::stoll(f.attributes().at("ignore_index")),
                                        .label_smoothing = f.number("label_smoothing"),
                                        .weight = f.has("input.weight") ? f["input.weight"] : Tensor(),
                                        .reduction = reduction_of(f)};
      check_case(f, x, [&] { return cross_entropy(x, f["input.target"], options); });
    }
  }
}

BOOST_AUTO_TEST_CASE(cross_entropy_of_probabilities_as_pytorch) {
  for (const std::string reduction : {"mean", "sum", "none"})
    for (const std::string weight : {"", "_weight"})
      for (const std::string smoothing : {"", "_smoothing"}) BOOST_TEST_CONTEXT(reduction + weight + smoothing) {
          const Fixture f("cross_entropy_of_probabilities_" + reduction + weight + smoothing);
          const Tensor x = f.leaf("input.input");
          const Tensor targets = f.leaf("input.target");
          const CrossEntropyOptions options{.label_smoothing = std::stod(f.attributes().at("label_smoothing")),
                                            .weight = f.has("input.weight") ? f["input.weight"] : Tensor(),
                                            .reduction = reduction_of(f)};
          check_case(f, x, [&] { return cross_entropy(x, targets, options); });
          Tape tape;
          check_close(tape.gradient(cross_entropy(x, targets, options), targets, {.cotangent = f["cotangent.y"]}),
                      f["grad.input.target"]);
        }
}

// All of the probability on one class is that class; what is impossible and has no probability counts for nothing.
BOOST_AUTO_TEST_CASE(certain_probabilities_are_classes) {
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor x = from_vector<double>({-infinity, 0.0, std::log(3.0)}, {1, 3}, {.requires_grad = true});
  const Tensor targets = from_vector<double>({0, 1, 0}, {1, 3}, {.requires_grad = true});
  Tape tape;
  const Tensor y = cross_entropy(x, targets);
  BOOST_TEST(std::abs(y.item() - std::log(4.0)) < 1e-15);
  const auto d = tape.gradient(y, {x, targets});
  check_close(d[0], from_vector<double>({0, -0.75, 0.75}, {1, 3}), 1e-15);
  check_close(d[1], from_vector<double>({0, std::log(4.0), std::log(4.0 / 3.0)}, {1, 3}), 1e-15);
  BOOST_TEST(cross_entropy(zeros({0, 3}), zeros({0, 3})).item() == 0.0);
}

BOOST_AUTO_TEST_CASE(cross_entropy_with_all_targets_ignored_is_zero) {
  const Tensor x = full({2, 3}, -std::numeric_limits<double>::infinity(), {.dtype = float64}).set_requires_grad(true);
  const Tensor targets = full({2}, -100, {.dtype = int64});
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    for (const bool differentiable : {false, true}) {
      Tape tape;
      const Tensor y = cross_entropy(x, targets, {.reduction = reduction});
      BOOST_TEST(y.item() == 0.0);
      for (const double v : tape.gradient(y, x, {.create_graph = differentiable}).to_vector<double>())
        BOOST_TEST(v == 0.0);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_an_ignored_row_holds_does_not_matter) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = from_vector<double>({nan, nan, 0.0, std::log(3.0)}, {2, 2}, {.requires_grad = true});
  const Tensor targets = from_vector<std::int64_t>({-100, 1}, {2});
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor y = cross_entropy(x, targets);
    BOOST_TEST(std::abs(y.item() - std::log(4.0 / 3.0)) < 1e-15);
    check_close(tape.gradient(y, x, {.create_graph = differentiable}), from_vector<double>({0, 0, 0.25, -0.25}, {2, 2}),
                1e-15);
  }
}

// No class is possible there: the loss is inf, and all rules have the gradient 0.
BOOST_AUTO_TEST_CASE(rows_of_minus_infinity_have_no_gradient) {
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor x = from_vector<double>({-infinity, -infinity, 0.0, std::log(3.0)}, {2, 2}, {.requires_grad = true});
  const Tensor targets = from_vector<std::int64_t>({1, 1}, {2});
  for (const double smoothing : {0.0, 0.2}) {
    const auto loss = [&](const Tensor& z, Reduction reduction) {
      return cross_entropy(z, targets, {.label_smoothing = smoothing, .reduction = reduction});
    };
    const double q = smoothing / 2;  // p = {1 / 4, 3 / 4} less {q, 1 - q}
    const Tensor expected = from_vector<double>({0, 0, (0.25 - q) / 2, (q - 0.25) / 2}, {2, 2});
    for (const bool differentiable : {false, true}) {
      Tape tape;
      const Tensor y = loss(x, Reduction::mean);
      BOOST_TEST(y.item() == infinity);
      check_close(tape.gradient(y, x, {.create_graph = differentiable}), expected, 1e-15);
      tape.clear();
      const Tensor squares = square(loss(x, Reduction::none));  // with an infinite slope
      const Tensor dx = tape.gradient(sum(squares), x, {.create_graph = differentiable});
      BOOST_TEST(dx.to_vector<double>()[0] == 0.0);
      BOOST_TEST(dx.to_vector<double>()[1] == 0.0);
      BOOST_TEST(dx.to_vector<double>()[2] != 0.0);
    }
    const Tensor direction = from_vector<double>({1, 2, 1, 0}, {2, 2});
    check_close(jvp([&](const Tensor& z) { return loss(z, Reduction::none); }, x.detach(), direction).second,
                from_vector<double>({0, 0.25 - q}, {2}), 1e-15);
  }
}

// A class of weight 0 may have a probability of 0: what cannot be and counts for nothing is no 0 times infinity.
BOOST_AUTO_TEST_CASE(an_impossible_class_of_weight_0_counts_for_nothing) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const DType dtype : {float32, float64})
    for (const std::int64_t classes : {2, 37})
      for (const double smoothing : {0.0, 0.3, 1.0})
        for (const std::int64_t target : {0, 1}) {
          BOOST_TEST_CONTEXT(to_string(dtype)
                             << ", " << classes << " classes, smoothing " << smoothing << ", target " << target) {
            std::vector<double> logits, weights, q, slopes;
            for (std::int64_t c = 0; c < classes; ++c) {
              const bool possible = c % 3 != 0;
              logits.push_back(possible ? 0.25 * static_cast<double>(c % 5) : -infinity);
              weights.push_back(possible ? 0.5 + 0.125 * static_cast<double>(c % 7) : 0.0);
              const double share = (c == target ? 1.0 - smoothing : 0.0) + smoothing / static_cast<double>(classes);
              q.push_back(weights.back() * share);
            }
            double sum_of_exponentials = 0.0, mass = 0.0, expected = 0.0;
            for (const double x : logits) sum_of_exponentials += std::exp(x);
            for (const double of_class : q) mass += of_class;
            for (std::size_t c = 0; c < q.size(); ++c) {
              if (q[c] > 0.0) expected += q[c] * (std::log(sum_of_exponentials) - logits[c]);
              slopes.push_back(std::exp(logits[c]) / sum_of_exponentials * mass - q[c]);
            }
            const double tolerance = dtype == float32 ? 1e-6 : 1e-14;
            const Tensor x = from_vector(logits, {1, classes}).to(dtype).set_requires_grad(true);
            const CrossEntropyOptions options{.label_smoothing = smoothing,
                                              .weight = from_vector(weights, {classes}).to(dtype),
                                              .reduction = Reduction::sum};
            std::vector<double> certain(q.size(), 0.0);
            certain[static_cast<std::size_t>(target)] = 1.0;
            for (const Tensor& t :
                 {from_vector<std::int64_t>({target}, {1}), from_vector(certain, {1, classes}).to(dtype)})
              for (const bool differentiable : {false, true}) {
                Tape tape;
                const Tensor y = cross_entropy(x, t, options);
                check_close(y.to(float64), tensor(expected, {.dtype = float64}), tolerance);
                check_close(tape.gradient(y, x, {.create_graph = differentiable}).to(float64),
                            from_vector(slopes, {1, classes}), tolerance);
              }
          }
        }
}

BOOST_AUTO_TEST_CASE(a_row_of_minus_infinity_whose_class_has_weight_0_counts_for_nothing) {
  const Tensor x = full({1, 2}, -std::numeric_limits<double>::infinity(), {.dtype = float64}).set_requires_grad(true);
  const CrossEntropyOptions options{.weight = from_vector<double>({0, 1}, {2}), .reduction = Reduction::sum};
  for (const Tensor& t : {from_vector<std::int64_t>({0}, {1}), from_vector<double>({1, 0}, {1, 2})}) {
    Tape tape;
    const Tensor y = cross_entropy(x, t, options);
    BOOST_TEST(y.item() == 0.0);
    check_close(tape.gradient(y, x), zeros({1, 2}, {.dtype = float64}), 0.0);
  }
}

// No weight is left to divide by, whatever the classes that smoothing adds have lost.
BOOST_AUTO_TEST_CASE(a_mean_without_weight_is_0_where_logits_are_minus_infinity) {
  const double infinity = std::numeric_limits<double>::infinity();
  const CrossEntropyOptions options{.label_smoothing = 0.1, .weight = from_vector<double>({0, 1, 1}, {3})};
  for (const std::vector<double>& logits : {std::vector<double>{0, -infinity, 0}, std::vector<double>(3, -infinity)}) {
    const Tensor x = from_vector(logits, {1, 3}).set_requires_grad(true);
    Tape tape;
    const Tensor y = cross_entropy(x, from_vector<std::int64_t>({0}, {1}), options);
    BOOST_TEST(y.item() == 0.0);
    check_close(tape.gradient(y, x), zeros({1, 3}, {.dtype = float64}), 0.0);
  }
}

BOOST_AUTO_TEST_CASE(a_mean_of_losses_whose_sum_overflows) {
  const auto check = [](double large, DType dtype, double tolerance) {
    BOOST_TEST_CONTEXT(large) {
      // -log softmax of the second class is `large`, to rounding.
      const Tensor x = tensor({{0.0, -large}, {0.0, -large}, {0.0, 0.0}, {0.0, 0.0}}, {.dtype = dtype});
      const Tensor targets = from_vector<std::int64_t>({1, 1, 0, 0}, {4});
      const auto loss = [&](const CrossEntropyOptions& options) { return cross_entropy(x, targets, options).item(); };
      BOOST_TEST(std::abs(loss({}) / (large / 2) - 1.0) < tolerance);
      // 2 (1 / 4) large / (2 / 4 + 2)
      const Tensor weight = tensor({1.0, 0.25}, {.dtype = dtype});
      BOOST_TEST(std::abs(loss({.weight = weight}) / (large / 5) - 1.0) < tolerance);
      BOOST_TEST(loss({.reduction = Reduction::sum}) == std::numeric_limits<double>::infinity());
    }
  };
  check(3e38, float32, 1e-6);
  check(1.5e308, float64, 1e-15);
}

BOOST_AUTO_TEST_CASE(a_loss_that_rounds_to_zero_is_not_called_wrong) {
  const Tensor logits = tensor({{50.0, 0.0, -50.0}}, {.dtype = float64});
  const Tensor target = zeros({1}, {.dtype = int64});
  const GradcheckReport report = gradcheck([&](const Tensor& x) { return cross_entropy(x, target); }, {logits});
  BOOST_TEST((report.verdict() == Verdict::vacuous), to_string(report));
}

BOOST_AUTO_TEST_CASE(class_weights_are_constants) {
  const Tensor weight = ones({2}).set_requires_grad(true);
  Tape tape;
  const Tensor target = zeros({1}, {.dtype = int64});
  BOOST_CHECK_THROW((void)cross_entropy(zeros({1, 2}), target, {.weight = weight}), TapeError);
  // In forward mode too, where no tape tracks them.
  const NoRecord pause;
  const auto cross = [&](const Tensor& w) { return cross_entropy(zeros({1, 2}), target, {.weight = w}); };
  const auto nll = [&](const Tensor& w) { return nll_loss(zeros({1, 2}), target, {.weight = w}); };
  BOOST_CHECK_THROW((void)jvp(cross, ones({2}), ones({2})), TapeError);
  BOOST_CHECK_THROW((void)jvp(nll, ones({2}), ones({2})), TapeError);
}

BOOST_AUTO_TEST_CASE(mse_loss_as_pytorch) {
  for (const std::string name : {"mse_loss_mean", "mse_loss_sum", "mse_loss_none"}) {
    BOOST_TEST_CONTEXT(name) {
      const Fixture f(name);
      const Tensor x = f.leaf("input.input");
      const Tensor target = f.leaf("input.target");
      check_case(f, x, [&] { return mse_loss(x, target, {.reduction = reduction_of(f)}); });
      Tape tape;
      const Tensor y = mse_loss(x, target, {.reduction = reduction_of(f)});
      check_close(tape.gradient(y, target, {.cotangent = f["cotangent.y"]}), f["grad.input.target"]);
    }
  }
  BOOST_CHECK_THROW((void)mse_loss(zeros({3, 1}), zeros({3})), ShapeError);
}

BOOST_AUTO_TEST_CASE(what_is_no_reduction_is_told) {
  const auto none = static_cast<Reduction>(9);
  const Tensor x = zeros({2, 3}), classes = zeros({2}, {.dtype = int64});
  const auto refused = [](const std::string& loss, const auto& call) {
    BOOST_CHECK_EXCEPTION((void)call(), ValueError, test::says("[" + loss + "] no such reduction"));
  };
  refused("cross_entropy", [&] { return cross_entropy(x, classes, {.reduction = none}); });
  refused("cross_entropy", [&] { return cross_entropy(x, x, {.reduction = none}); });
  refused("nll_loss", [&] { return nll_loss(x, classes, {.reduction = none}); });
  refused("bce_with_logits", [&] { return bce_with_logits(x, x, {.reduction = none}); });
  refused("mse_loss", [&] { return mse_loss(x, x, {.reduction = none}); });
  refused("l1_loss", [&] { return l1_loss(x, x, {.reduction = none}); });
  refused("huber_loss", [&] { return huber_loss(x, x, {.reduction = none}); });
  refused("ctc_loss", [&] {
    return ctc_loss(zeros({2, 4, 3}), ones({2, 3}, {.dtype = int64}), {}, {}, {.reduction = none});
  });
  refused("kl_div", [&] { return kl_div(x, x, {.reduction = static_cast<KLReduction>(9)}); });
}

BOOST_AUTO_TEST_CASE(bce_with_logits_as_pytorch) {
  for (const std::string reduction : {"mean", "sum", "none"}) {
    for (const std::string weight : {"", "_pos_weight"}) {
      BOOST_TEST_CONTEXT(reduction + weight) {
        const Fixture f("bce_with_logits_" + reduction + weight);
        const Tensor x = f.leaf("input.input");
        const Tensor pos_weight = f.has("input.pos_weight") ? f["input.pos_weight"] : Tensor();
        check_case(f, x, [&] {
          return bce_with_logits(x, f["input.target"], {.pos_weight = pos_weight, .reduction = reduction_of(f)});
        });
      }
    }
  }
}

// Every entry by itself: -w (q t log s(x) + (1 - t) log s(-x)).
BOOST_AUTO_TEST_CASE(bce_with_logits_weighs_entries) {
  const std::vector<double> x{0.5, -1.5}, t{1.0, 0.25}, w{2.0, 3.0}, q{0.5, 4.0};
  const Tensor y =
      bce_with_logits(from_vector(x, {2}), from_vector(t, {2}),
                      {.weight = from_vector(w, {2}), .pos_weight = from_vector(q, {2}), .reduction = Reduction::none});
  for (std::size_t i = 0; i < 2; ++i) {
    const double expected =
        w[i] * (q[i] * t[i] * std::log1p(std::exp(-x[i])) + (1 - t[i]) * std::log1p(std::exp(x[i])));
    BOOST_TEST(std::abs(y.to_vector<double>()[i] - expected) < 1e-14);
  }
}

namespace {

/// The loss of one entry and its derivatives by logit, target and weight, as far as long double has them, from the
/// logarithms of both probabilities.
std::array<long double, 4> bce_entry(long double x, long double t, long double q) {
  const auto softplus = [](long double z) { return std::max(z, 0.0L) + std::log1p(std::exp(-std::abs(z))); };
  return {q * t * softplus(-x) + (1 - t) * softplus(x), (1 - t) / (1 + std::exp(-x)) - q * t / (1 + std::exp(x)),
          q * softplus(-x) - softplus(x), t * softplus(-x)};
}

}  // namespace

// A confident and right prediction has a small loss and a small slope, which are relative to nothing but themselves.
BOOST_AUTO_TEST_CASE(bce_with_logits_keeps_its_digits_in_both_tails) {
  for (const DType dtype : {float32, float64})
    for (const double target : {0.0, 1.0, 0.25})
      for (const double weight : {1.0, 3.0, 0x1p-30})
        for (const double logit : {-60.0, -40.0, -20.0, -15.0, -3.0, 3.0, 15.0, 20.0, 40.0, 60.0})
          BOOST_TEST_CONTEXT(to_string(dtype) << " target " << target << " weight " << weight << " logit " << logit) {
            const auto leaf = [&](double value) { return tensor({value}, {.dtype = dtype}).set_requires_grad(true); };
            const Tensor x = leaf(logit), t = leaf(target), q = leaf(weight);
            const std::array<long double, 4> expected = bce_entry(logit, target, weight);
            const double tolerance = dtype == float32 ? 1e-6 : 4e-15;
            Tape tape;
            const Tensor y = bce_with_logits(x, t, {.pos_weight = q});
            const std::vector<Tensor> d = tape.gradient(y, {x, t, q});
            const std::array<Tensor, 4> found{y, d[0], d[1], d[2]};
            for (std::size_t i = 0; i < 4; ++i)
              BOOST_TEST(static_cast<long double>(found[i].item()) == expected[i],
                         boost::test_tools::tolerance(static_cast<long double>(tolerance)));
            if (weight != 1.0) continue;
            const Tensor plain = bce_with_logits(x, t);
            BOOST_TEST(plain.item() == y.item(), boost::test_tools::tolerance(tolerance));
            BOOST_TEST(tape.gradient(plain, x).item() == d[0].item(), boost::test_tools::tolerance(tolerance));
          }
}

namespace {

/// The gradient of both operands too.
template <class F>
void check_pair(const Fixture& f, const char* second, const F& loss) {
  const Tensor x = f.leaf("input.input");
  const Tensor t = f.leaf(std::string("input.") + second);
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor y = loss(x, t);
    check_close(y, f["output.y"]);
    const auto d = tape.pull_back({y}, {f["cotangent.y"]}, {x, t}, {.create_graph = differentiable});
    check_close(d[0], f["grad.input.input"]);
    if (const std::string key = std::string("grad.input.") + second; f.has(key)) check_close(d[1], f[key]);
  }
}

KLReduction kl_reduction_of(const Fixture& f) {
  const std::string& name = f.attributes().at("reduction");
  return name == "none"   ? KLReduction::none
         : name == "sum"  ? KLReduction::sum
         : name == "mean" ? KLReduction::mean
                          : KLReduction::batch_mean;
}

}  // namespace

BOOST_AUTO_TEST_CASE(l1_and_huber_loss_as_pytorch) {
  for (const std::string reduction : {"mean", "sum", "none"}) {
    BOOST_TEST_CONTEXT(reduction) {
      const Fixture l1("l1_loss_" + reduction);
      check_pair(l1, "target",
                 [&](const Tensor& x, const Tensor& t) { return l1_loss(x, t, {.reduction = reduction_of(l1)}); });
      const Fixture huber("huber_loss_" + reduction);
      const HuberOptions options{.delta = huber.number("delta"), .reduction = reduction_of(huber)};
      check_pair(huber, "target", [&](const Tensor& x, const Tensor& t) { return huber_loss(x, t, options); });
    }
  }
}

BOOST_AUTO_TEST_CASE(kl_div_as_pytorch) {
  std::vector<std::string> names{"kl_div_certain"};
  for (const std::string reduction : {"mean", "batchmean", "sum", "none"})
    for (const std::string target : {"", "_log_target"}) names.push_back("kl_div_" + reduction + target);
  for (const std::string& name : names) {
    BOOST_TEST_CONTEXT(name) {
      const Fixture f(name);
      const KLDivOptions options{.reduction = kl_reduction_of(f), .log_target = f.truth("log_target")};
      check_pair(f, "target", [&](const Tensor& x, const Tensor& t) { return kl_div(x, t, options); });
    }
  }
}

// p = 0 and log q = -inf, as two masked softmaxes give them: 0, and no NaN into either.
BOOST_AUTO_TEST_CASE(kl_div_of_what_cannot_happen_is_zero) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const bool log_target : {false, true}) {
    const double never = log_target ? -inf : 0.0;
    const Tensor x = from_vector<double>({-inf, -1.0}, {2}, {.requires_grad = true});
    const Tensor t = from_vector<double>({never, never}, {2}, {.requires_grad = true});
    for (const bool differentiable : {false, true}) {
      Tape tape;
      const Tensor y = kl_div(x, t, {.reduction = KLReduction::sum, .log_target = log_target});
      BOOST_TEST(y.item() == 0.0);
      const auto d = tape.pull_back({y}, {ones({}, {.dtype = float64})}, {x, t}, {.create_graph = differentiable});
      for (const double v : d[0].to_vector<double>()) BOOST_TEST(v == 0.0);
      BOOST_TEST(d[1].to_vector<double>()[0] == 0.0);
      BOOST_TEST(d[1].to_vector<double>()[1] == (log_target ? 0.0 : -inf));
    }
  }
}

BOOST_AUTO_TEST_CASE(nll_loss_as_pytorch) {
  for (const std::string reduction : {"mean", "sum", "none"})
    for (const std::string weight : {"", "_weight"})
      for (const std::string ignore : {"", "_ignore"}) {
        const std::string name = "nll_loss_" + reduction + weight + ignore;
        BOOST_TEST_CONTEXT(name) {
          const Fixture f(name);
          const Tensor x = f.leaf("input.input");
          const NLLOptions options{.ignore_index = f.whole_number("ignore_index", -100),
                                   .weight = f.has("input.weight") ? f["input.weight"] : Tensor(),
                                   .reduction = reduction_of(f)};
          check_case(f, x, [&] { return nll_loss(x, f["input.target"], options); });
        }
      }
}

BOOST_AUTO_TEST_CASE(nll_loss_with_all_targets_ignored_is_zero) {
  const Tensor x = full({2, 3}, -std::numeric_limits<double>::infinity(), {.dtype = float64}).set_requires_grad(true);
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    Tape tape;
    const Tensor y = nll_loss(x, full({2}, -100, {.dtype = int64}), {.reduction = reduction});
    BOOST_TEST(y.item() == 0.0);
    for (const double v : tape.gradient(y, x).to_vector<double>()) BOOST_TEST(v == 0.0);
  }
}

BOOST_AUTO_TEST_CASE(nll_loss_of_an_impossible_class_of_weight_0_is_zero) {
  const Tensor x =
      from_vector<double>({-std::numeric_limits<double>::infinity(), 0.0}, {1, 2}, {.requires_grad = true});
  const Tensor weight = from_vector<double>({0, 1}, {2});
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    Tape tape;
    const Tensor y = nll_loss(x, from_vector<std::int64_t>({0}, {1}), {.weight = weight, .reduction = reduction});
    BOOST_TEST(y.item() == 0.0);
    check_close(tape.gradient(y, x), zeros({1, 2}, {.dtype = float64}), 0.0);
  }
}

BOOST_AUTO_TEST_CASE(cosine_similarity_as_pytorch) {
  for (const std::string name : {"rows", "columns", "broadcast", "broadcast_axis", "zero_vector"}) {
    BOOST_TEST_CONTEXT(name) {
      const Fixture f("cosine_similarity_" + name);
      const int dim = static_cast<int>(f.whole_number("dim", 1));
      const double eps = f.number("eps");
      check_pair(f, "other", [&](const Tensor& a, const Tensor& b) { return cosine_similarity(a, b, dim, eps); });
    }
  }
}

BOOST_AUTO_TEST_CASE(a_zero_vector_is_like_no_other) {
  const Tensor a = zeros({2}, {.dtype = float64}).set_requires_grad(true);
  const Tensor b = from_vector<double>({3.0, 4.0}, {2}, {.requires_grad = true});
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor y = cosine_similarity(a, b);
    BOOST_TEST(y.item() == 0.0);
    const auto d = tape.pull_back({y}, {ones({}, {.dtype = float64})}, {a, b}, {.create_graph = differentiable});
    check_close(d[0], from_vector<double>({0.6e8, 0.8e8}, {2}));
    check_close(d[1], zeros({2}, {.dtype = float64}), 0.0);
  }
}

BOOST_AUTO_TEST_CASE(cosines_of_very_long_and_very_short_vectors) {
  const Tensor b = from_vector<float>({3.0F, 4.0F}, {2});
  for (const float length : {1e30F, 1.0F, 1e-6F}) {
    const Tensor a = from_vector<float>({length, 0.0F}, {2}, {.requires_grad = true});
    Tape tape;
    const Tensor y = cosine_similarity(a, b);
    BOOST_TEST(y.item() == 0.6, boost::test_tools::tolerance(1e-6));
    const std::vector<float> d = tape.gradient(y, a).to_vector<float>();
    BOOST_TEST(std::abs(d[0] * length) < 1e-6F);
    BOOST_TEST(d[1] * length == 0.8F, boost::test_tools::tolerance(1e-6F));
  }
  // Second derivatives, in units of the length.
  const Tensor first = from_vector<float>({1, 2, 2}, {3}), second = from_vector<float>({3, 1, 1}, {3});
  for (const double length : {1e-15, 1.0, 1e22}) {
    const auto curvature = [&](DType dtype, double units) {
      const Tensor other = second.to(dtype) * units;
      return hvp([&](const Tensor& a) { return cosine_similarity(a, other, -1, 1e-30); }, first.to(dtype) * units,
                 first.to(dtype) * units);
    };
    check_close(curvature(float32, length).to(float64) * length, curvature(float64, 1.0), 2e-6);
  }
  // An eps that is 0 in float32 counts as the smallest normal number.
  BOOST_TEST(cosine_similarity(zeros({2}), b, -1, 1e-60).item() == 0.0);
}

BOOST_AUTO_TEST_CASE(without_classes_every_target_is_ignored) {
  const Tensor logits = zeros({2, 0}).set_requires_grad(true);
  const Tensor targets = full({2}, -100, {.dtype = int64});
  Tape tape;
  const Tensor each = cross_entropy(logits, targets, {.reduction = Reduction::none});
  BOOST_TEST(each.to_vector<float>() == std::vector<float>(2, 0.0F), boost::test_tools::per_element());
  BOOST_TEST(cross_entropy(logits, targets).item() == 0.0);
  BOOST_TEST(tape.gradient(each, logits, {.cotangent = ones({2})}).numel() == 0);
}

BOOST_AUTO_TEST_CASE(an_ignored_sample_may_move_by_nan) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor t = from_vector<std::int64_t>({1, -100}, {2});
  const Tensor x = from_vector<double>({1, 2, 3, nan, nan, nan}, {2, 3});
  const auto loss = [&](const Tensor& z) { return cross_entropy(z, t); };
  const Tensor moved = from_vector<double>({1, 2, 3, 0, 0, 0}, {2, 3});
  BOOST_TEST(jvp(loss, x, x).second.item() == jvp(loss, x, moved).second.item());
}

// Where smoothed targets are met, every slope is 0, but it changes: H = q (1 - q) [[1, -1], [-1, 1]], q = 3 / 4.
BOOST_AUTO_TEST_CASE(at_its_minimum_cross_entropy_is_curved) {
  const Tensor t = from_vector<std::int64_t>({0}, {});
  const auto loss = [&](const Tensor& z) { return cross_entropy(z, t, {.label_smoothing = 0.5}); };
  const Tensor x = from_vector<double>({std::log(3.0), 0}, {2});
  const Tensor v = from_vector<double>({1, 0}, {2});
  const Tensor expected = from_vector<double>({0.1875, -0.1875}, {2});
  test::check_close(hvp(loss, x, v), expected, 1e-15);
  test::check_close(grad([&](const Tensor& z) { return jvp(loss, z, v).second; })(x), expected, 1e-15);
}

BOOST_AUTO_TEST_CASE(targets_of_another_form_are_told_what_to_do) {
  const Tensor logits = zeros({2, 3});
  const auto refuses = [&](const Tensor& targets, const char* text) {
    BOOST_CHECK_EXCEPTION((void)cross_entropy(logits, targets), ShapeError, test::says(text));
  };
  refuses(zeros({2, 3}, {.dtype = int64}),
          "[cross_entropy] expected targets [2] for logits [2, 3], got [2, 3]: a row for each sample, as one-hot, must "
          "be floating; else argmax(targets, -1)");
  refuses(zeros({2, 1}, {.dtype = int64}), "got [2, 1]: squeeze(targets, -1)");
  refuses(zeros({4}, {.dtype = int64}), "got [4]");
  BOOST_CHECK_EXCEPTION((void)cross_entropy(zeros({2, 3, 4}), zeros({2, 4}, {.dtype = int64})), ShapeError,
                        test::says("got [2, 4]: classes stand last, transpose(1, 2) a [N, C, ..]"));
  BOOST_CHECK_EXCEPTION(
      (void)cross_entropy(logits, from_vector<std::int64_t>({0, -1}, {2})), IndexError,
      test::says("target -1 at position 1 is not one of 3 classes (nor .ignore_index, which leaves a position out)"));
}

BOOST_AUTO_TEST_SUITE_END()
