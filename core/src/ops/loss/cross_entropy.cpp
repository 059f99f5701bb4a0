#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/dispatch.hpp"
#include "kernels/cross_entropy.hpp"
#include "kernels/reduce.hpp"
#include "ops/loss/class_samples.hpp"
#include "ops/loss/reduced.hpp"
#include "ops/loss/targets.hpp"
#include "ops/rows.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

struct CrossEntropy : Op<CrossEntropy> {
  static constexpr std::string_view name = "cross_entropy";
  static constexpr std::string_view math =
      R"(\ell_i = \sum_k q_{ik} \left(\log \sum_j e^{x_{ij}} - x_{ik}\right),\ q_{ik} = (1 - s)\, w_{t_i} [k = t_i] + \tfrac{s}{C} w_k;\quad \bar x_{ik} = \bar\ell_i \left(p_{ik} \sum_j q_{ij} - q_{ik}\right),\ p = \mathrm{softmax}(x),\ \bar\ell_i = \bar L / \sum_j w_{t_j} \text{ (mean)},\ \bar L \text{ (sum)})";
  static constexpr Names<3> input_names = {"logits", "targets", "weight"};
  static constexpr Names<1> residual_names = {"logsumexp"};
  std::int64_t ignore_index;
  double label_smoothing;
  Reduction reduction;
  bool weighted;

  explicit CrossEntropy(const CrossEntropyOptions& options)
      : ignore_index(options.ignore_index),
        label_smoothing(options.label_smoothing),
        reduction(options.reduction),
        weighted(options.weight.defined()) {}

  Tensor forward(Keeper& keeper, const Tensor& logits, const Tensor& targets, const Tensor& weight) const {
    const array::Array x = contiguous_array(logits);
    const array::Array t = contiguous_array(targets);
    const OptionalElements w(weight);
    expect_targets(name, t, x.shape.back(), ignore_index);
    const Tensor losses = empty(t.shape, {.dtype = x.dtype});
    const Tensor logsumexp = empty(t.shape, {.dtype = x.dtype});
    Tensor y = losses;
    with_floating(x.dtype, [&](auto zero) {
      using T = decltype(zero);
      const kernels::CrossEntropy<T> facts = facts_of(x.as<T>(), x.shape.back(), t, w.as<T>());
      kernels::cross_entropy_forward(facts, written<T>(losses), written<T>(logsumexp));
      if (reduction == Reduction::none) return;
      y = empty({}, {.dtype = x.dtype});
      T* total = written<T>(y);
      kernels::reduce_sum(array_of(losses).as<T>(), {.n = facts.rows}, total);
      const double part = share(facts);
      if (part == 0.0) {  // nothing counts, be it inf
        *total = 0;
      } else if (std::isinf(*total)) {  // T may hold the mean where it does not hold the sum
        double sum_of_shares = 0.0;
        for (std::int64_t r = 0; r < facts.rows; ++r)
          sum_of_shares += static_cast<double>(written<T>(losses)[r]) * part;
        *total = static_cast<T>(sum_of_shares);
      } else {
        *total = static_cast<T>(static_cast<double>(*total) * part);
      }
    });
    keeper.save(logsumexp);
    return y;
  }

  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    const auto [slope, counts] = slopes(s);
    const Tensor each = reduction == Reduction::none ? unsqueeze(dy, -1) : dy;
    return {where(counts, each * slope, 0.0), Tensor(), Tensor()};  // dy may be infinite
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const array::Array x = contiguous_array(s.input(0));
    const array::Array t = contiguous_array(s.input(1));
    const array::Array g = contiguous_array(dy);
    const OptionalElements w(weighted ? s.input(2) : Tensor());
    const Tensor scale = reduction == Reduction::none ? Tensor() : empty(t.shape, {.dtype = x.dtype});
    const Tensor dx = empty(x.shape, {.dtype = x.dtype});
    with_floating(x.dtype, [&](auto zero) {
      using T = decltype(zero);
      const kernels::CrossEntropy<T> facts = facts_of(x.as<T>(), x.shape.back(), t, w.as<T>());
      const T* per_row = g.as<T>();
      if (scale.defined()) {
        std::fill_n(written<T>(scale), facts.rows, static_cast<T>(static_cast<double>(*per_row) * share(facts)));
        per_row = array_of(scale).as<T>();
      }
      kernels::cross_entropy_backward(facts, array_of(s.residual(0)).as<T>(), per_row, written<T>(dx));
    });
    sink.add(0, dx);
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    const auto [slope, counts] = slopes(s);
    // What is ignored, or can never be, may move by NaN. What merely has slope 0 stays: its slope may change.
    const Tensor takes_part = counts & ~(isinf(s.input(0)) & (slope == 0.0));
    const Tensor change = where(takes_part, slope * dx[0], 0.0);
    return reduction == Reduction::none ? sum(change, -1) : sum(change);
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("ignore_index", ignore_index);
    visitor("label_smoothing", label_smoothing);
    visitor("reduction", name_of(reduction));
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(\ell = -\log p_t,\quad p_k = \frac{e^{x_k}}{\sum_j e^{x_j}})",
         "the surprise at the target t of one sample (a row of logits x)"},
        {"In logits", R"(\ell = \log \sum_j e^{x_j} - x_t)",
         "the logarithm undoes the exponential of the target: no probability is formed that could round to 0"},
        {"Slope", R"(\frac{\partial \ell}{\partial x_k} = \frac{e^{x_k}}{\sum_j e^{x_j}} - [k = t] = p_k - [k = t])",
         "the slope of log-sum-exp is the softmax; what is predicted less what is true"},
        {"Smoothed and weighted targets",
         R"(\ell = \sum_c q_c \left(\log \sum_j e^{x_j} - x_c\right),\quad q_c = (1 - s)\, w_t\, [c = t] + \frac{s}{C} w_c)",
         "with label smoothing s the target is a mixture over the C classes; w are the class weights"},
        {"Its slope", R"(\frac{\partial \ell}{\partial x_k} = p_k \sum_c q_c - q_k)",
         "each of the terms as before; without smoothing and weights q is one-hot"},
        {"Over a batch",
         R"(L = \frac{\sum_i \ell_i}{\sum_i w_{t_i}},\quad \bar x_{ik} = \frac{\bar L}{\sum_i w_{t_i}} \left(p_{ik} \sum_c q_{ic} - q_{ik}\right))",
         "the mean divides by the weights of the samples that are not ignored; with none of them L is 0, and so is the "
         "gradient (PyTorch: 0 / 0)"},
        {"All -inf", R"(x_i = -\infty \Rightarrow \ell_i = \infty,\ \bar x_i = 0)",
         "no class is possible: there are no probabilities whose slope could be taken (PyTorch: NaN)"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with = [](const Tensor& targets, const CrossEntropyOptions& options = {}) {
      return class_loss(&cross_entropy, targets, options);
    };
    const auto [targets, some_ignored, all_ignored, of_sequences, of_one_sample, weight] = FourClasses();
    const auto logits = [&g] { return uniform(g, {5, 4}, -2, 2); };
    Tensor ignored_infinite = logits();
    for (double& v : ignored_infinite.mutable_data<double>("samples").subspan(4, 4))
      v = -std::numeric_limits<double>::infinity();
    return {
        {"mean", {logits()}, with(targets)},
        {"sum", {logits()}, with(targets, {.reduction = Reduction::sum})},
        {"none", {logits()}, with(targets, {.reduction = Reduction::none})},
        {"smoothing", {logits()}, with(targets, {.label_smoothing = 0.15})},
        {"weights", {logits()}, with(targets, {.weight = weight})},
        {"everything",
         {logits()},
         with(some_ignored, {.label_smoothing = 0.15, .weight = weight, .reduction = Reduction::none})},
        {"everything, mean", {logits()}, with(some_ignored, {.label_smoothing = 0.15, .weight = weight})},
        {"sequences", {uniform(g, {2, 3, 4}, -2, 2)}, with(of_sequences, {.reduction = Reduction::none})},
        {"one sample", {uniform(g, {4}, -2, 2)}, with(of_one_sample)},
        {"one class",
         {uniform(g, {2, 1}, -2, 2)},
         with(FourClasses::of({0, 0})),
         {.order = 0, .reason = "the loss is 0 whatever the logits are"}},
        {"all ignored", {logits()}, with(all_ignored), {.order = 0, .reason = "the loss is 0 whatever the logits are"}},
        {"ignored rows of -inf",
         {ignored_infinite},
         with(some_ignored),
         {.order = 0, .reason = "differences of infinities"}},
        {"extreme logits",
         {from_vector<double>({1000.0, -1000.0, 0.0, -1000.0, 1000.0, 0.0}, {2, 3})},
         with(FourClasses::of({1, 1})),
         {.order = 1, .reason = "the second order is 0 to rounding"}},
        {"no samples", {uniform(g, {0, 4}, -2, 2)}, with(from_vector(std::vector<std::int64_t>{}, {0}))}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"target",
             [] {
               (void)cross_entropy(zeros({2, 5}), from_vector<std::int64_t>({1, 7}, {2}));
             },
             "[cross_entropy] target 7 at position 1 is not one of 5 classes"},
            {"negative target",
             [] {
               (void)cross_entropy(zeros({2, 5}), from_vector<std::int64_t>({-1, 0}, {2}));
             },
             "[cross_entropy] target -1 at position 0 is not one of 5 classes"},
            {"shapes",
             [] {
               (void)cross_entropy(zeros({2, 5}), zeros({5}, {.dtype = int64}));
             },
             "[cross_entropy] expected targets [2] for logits [2, 5], got [5]"},
            {"scalar", [] { (void)cross_entropy(zeros({}), zeros({}, {.dtype = int64})); },
             "[cross_entropy] expected logits [.., classes], got []"},
            {"targets' dtype",
             [] {
               (void)cross_entropy(zeros({2, 5}), zeros({2}));
             },
             "[cross_entropy] expected targets of dtype int64, got float32 [2]: say {.dtype = int64}, or to(int64) "
             "(floating targets of the logits' own shape are taken as probabilities)"},
            {"targets' dtype, no probabilities",
             [] {
               (void)cross_entropy(zeros({2, 5}), zeros({2}, {.dtype = boolean}));
             },
             "[cross_entropy] expected targets of dtype int64, got bool [2]: say {.dtype = int64}, or to(int64)"},
            {"classes in the middle",
             [] {
               (void)cross_entropy(zeros({2, 3, 7}), zeros({2, 7}, {.dtype = int64}));
             },
             "[cross_entropy] expected targets [2, 3] for logits [2, 3, 7], got [2, 7]: classes stand last, "
             "transpose(1, 2) a [N, C, ..]"},
            {"probabilities' dtype",
             [] {
               (void)cross_entropy(zeros({2, 5}), zeros({2, 5}, {.dtype = float64}));
             },
             "[cross_entropy] float32 [2, 5] with float64 [2, 5]: convert one of them with to()"},
            {"weights",
             [] {
               (void)cross_entropy(zeros({2, 5}), zeros({2}, {.dtype = int64}), {.weight = ones({4})});
             },
             "[cross_entropy] expected weight [5], got [4]"},
            {"smoothing",
             [] {
               (void)cross_entropy(zeros({2, 5}), zeros({2}, {.dtype = int64}), {.label_smoothing = 1.5});
             },
             "[cross_entropy] expected label_smoothing in [0, 1], got 1.5"},
            {"integers",
             [] {
               (void)cross_entropy(zeros({2, 5}, {.dtype = int64}), zeros({2}, {.dtype = int64}));
             },
             "[cross_entropy] expected a floating tensor, got int64 [2, 5]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    const Tensor targets = randint(0, 12, {512}, g);
    return {"[512, 12]", {catalogue::uniform(g, {512, 12}, -2, 2)}, catalogue::of([targets](const Tensor& x) {
              return cross_entropy(x, targets);
            })};
  }

 private:
  template <class T>
  kernels::CrossEntropy<T> facts_of(const T* logits, std::int64_t classes, const array::Array& targets,
                                    const T* weights) const {
    return {.logits = logits,
            .targets = targets.as<std::int64_t>(),
            .rows = targets.shape.numel(),
            .classes = classes,
            .ignore_index = ignore_index,
            .label_smoothing = label_smoothing,
            .class_weights = weights};
  }

  template <class T>
  static bool is_possible(T logit) {
    return logit != -std::numeric_limits<T>::infinity();
  }

  /// What each row's loss counts in the result.
  template <class T>
  double share(const kernels::CrossEntropy<T>& facts) const {
    return share_of(reduction, reduction == Reduction::mean ? kernels::cross_entropy_total_weight(facts) : 0.0);
  }

  struct Slopes {
    Tensor of_logits;  ///< d result / d logits, a differentiable function of the logits: share (p sum_c q_c - q)
    Tensor counts;     ///< bool [.., 1]: which rows take part
  };
  Slopes slopes(const Saved& s) const {
    const Tensor& x = s.input(0);
    const array::Array logits = contiguous_array(x);
    const array::Array t = contiguous_array(s.input(1));
    const OptionalElements w(weighted ? s.input(2) : Tensor());
    Shape one_per_row = t.shape;
    one_per_row.push_back(1);
    const Tensor counts = empty(one_per_row, {.dtype = boolean});
    const Tensor mass = empty(one_per_row, {.dtype = x.dtype()});   // sum_c q_c
    const Tensor mixture = zeros(x.shape(), {.dtype = x.dtype()});  // q
    with_floating(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const std::int64_t classes = x.shape().back();
      const kernels::CrossEntropy<T> facts = facts_of(logits.as<T>(), classes, t, w.as<T>());
      const double part = share(facts);
      const auto weight_of = [&](std::int64_t c) { return w.as<T>() ? static_cast<double>(w.as<T>()[c]) : 1.0; };
      for (std::int64_t i = 0; i < facts.rows; ++i) {
        const std::int64_t target = facts.targets[i];
        const T* of_row = facts.logits + i * classes;
        const bool taken = target != ignore_index && std::any_of(of_row, of_row + classes, is_possible<T>);
        written<bool>(counts)[i] = taken;
        double sum_of_row = 0.0;
        T* row = written<T>(mixture) + i * classes;
        for (std::int64_t c = 0; taken && c < classes; ++c) {
          const double own = c == target ? (1.0 - label_smoothing) * weight_of(c) : 0.0;
          const double q = part * (own + label_smoothing / static_cast<double>(classes) * weight_of(c));
          row[c] = static_cast<T>(q);
          sum_of_row += q;
        }
        written<T>(mass)[i] = static_cast<T>(sum_of_row);
      }
    });
    // Ignored rows are hidden, so that nothing they hold (NaN, -inf) reaches a gradient; so are rows that are -inf
    // throughout, where there are no probabilities: the loss is inf, with gradient 0.
    return {softmax(x, -1, counts) * mass - mixture, counts};
  }
};

namespace {

/// For targets [.., C] that are probabilities: made of other ops, so that targets may have a gradient too.
Tensor cross_entropy_of_probabilities(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  const double smoothing = options.label_smoothing;
  Tensor q = targets;
  if (smoothing > 0.0) q = (1.0 - smoothing) * q + smoothing / static_cast<double>(logits.size(-1));
  if (options.weight.defined()) q = q * options.weight;
  const Tensor log_p = log_softmax(logits, -1);
  // What cannot be and is not said to be counts for nothing, where 0 times -inf would be NaN.
  Tensor losses = -sum(q * masked_fill(log_p, isinf(log_p) & (q == 0.0), 0.0), -1);
  if (options.reduction == Reduction::none) return losses;
  return sum(losses) * share_of(options.reduction, static_cast<double>(losses.numel()));
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  constexpr std::string_view op = CrossEntropy::name;
  const bool of_probabilities = logits.defined() && targets.defined() && is_floating(targets.dtype()) &&
                                logits.dim() > 0 && targets.shape() == logits.shape();
  if (of_probabilities) {
    expect_floating(op, logits);
    expect_same_dtype(op, logits, targets);
    expect_weight(op, logits, options.weight);
  } else {
    expect_classes(op, "logits", logits, targets, options.weight,
                   " (floating targets of the logits' own shape are taken as probabilities)");
  }
  if (!(options.label_smoothing >= 0.0 && options.label_smoothing <= 1.0))
    throw ValueError(fmt::format("[{}] expected label_smoothing in [0, 1], got {}", op, options.label_smoothing));
  expect_reduction(op, options.reduction);
  return of_probabilities ? cross_entropy_of_probabilities(logits, targets, options)
                          : apply(CrossEntropy(options), logits, targets, options.weight);
}

TAPEGRAD_CATALOGUE(loss, cross_entropy, CrossEntropy)

}  // namespace tapegrad
