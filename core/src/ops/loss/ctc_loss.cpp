#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "base/dispatch.hpp"
#include "kernels/ctc.hpp"
#include "ops/expect_positions.hpp"
#include "ops/loss/reduced.hpp"
#include "ops/loss/targets.hpp"
#include "ops/rows.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// Inputs: log-probabilities [N, T, C], targets [N, S], and the valid positions of both (may be undefined: all).
struct CtcLoss : Op<CtcLoss> {
  static constexpr std::string_view name = "ctc_loss";
  static constexpr std::string_view math =
      R"(\ell = -\log \sum_{\pi \mapsto l} e^{\sum_t x_{t \pi_t}}\ (\pi \text{ without repetitions, then blanks, is } l);\quad \bar x_{tk} = -\bar\ell\, \gamma_{tk},\ \gamma_{tk} = e^{\ell} \sum_{\pi \mapsto l,\, \pi_t = k} e^{\sum_u x_{u \pi_u}},\ \bar\ell = \bar L / (N \max(1, S)) \text{ (mean)},\ \bar L \text{ (sum)})";
  static constexpr Names<4> input_names = {"log_probs", "targets", "valid_frames", "valid_targets"};
  static constexpr Names<2> residual_names = {"log_likelihood", "alpha"};
  std::int64_t blank;
  Reduction reduction;
  bool zero_infinity, masks_frames, masks_targets;

  CtcLoss(const CTCOptions& options, const Mask& mask, const Mask& target_mask)
      : blank(options.blank),
        reduction(options.reduction),
        zero_infinity(options.zero_infinity),
        masks_frames(mask.positions().defined()),
        masks_targets(target_mask.positions().defined()) {}

  Tensor forward(Keeper& keeper, const Tensor& log_probs, const Tensor& targets, const Tensor& valid_frames,
                 const Tensor& valid_targets) const {
    const Batch batch(log_probs, targets, valid_frames, valid_targets);
    expect_labels(batch);
    const Tensor log_likelihood = empty({batch.sequences()}, {.dtype = float64});
    const Tensor alpha = keeper.recording()
                             ? empty({batch.sequences(), batch.frames(), batch.kept_width()}, {.dtype = float64})
                             : Tensor();
    Tensor y = empty(reduction == Reduction::none ? Shape{batch.sequences()} : Shape{}, {.dtype = batch.x.dtype});
    with_floating(batch.x.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::ctc_forward(batch.facts<T>(blank), written<double>(log_likelihood), written<double>(alpha));
      const std::vector<double> share = shares(batch);
      double total = 0.0;
      for (std::size_t n = 0; n < share.size(); ++n) {
        const double loss = loss_of(written<double>(log_likelihood)[n]);
        if (reduction == Reduction::none) written<T>(y)[n] = static_cast<T>(loss);
        total += loss * share[n];
      }
      if (reduction != Reduction::none) *written<T>(y) = static_cast<T>(total);
    });
    if (keeper.recording()) {
      keeper.save(log_likelihood);
      keeper.save(alpha);
    }
    return y;
  }

  std::array<Tensor, 4> vjp(const Saved& s, const Tensor& dy) const {
    const Tensor each = reduction == Reduction::none ? dy.reshape({-1, 1, 1}) : dy;
    const Slopes slope = slopes(s);
    return {where(slope.counts, each * slope.of_log_probs, 0.0), Tensor(), Tensor(), Tensor()};  // each may be infinite
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const Batch batch = batch_of(s);
    const array::Array g = contiguous_array(dy);
    const Tensor dx = empty(batch.x.shape, {.dtype = batch.x.dtype});
    with_floating(batch.x.dtype, [&](auto zero) {
      using T = decltype(zero);
      std::vector<double> scale = shares(batch);
      for (std::size_t n = 0; n < scale.size(); ++n)
        scale[n] *= static_cast<double>(g.as<T>()[reduction == Reduction::none ? n : 0]);
      kernels::ctc_backward(batch.facts<T>(blank), array_of(s.residual(0)).as<double>(),
                            array_of(s.residual(1)).as<double>(), scale.data(), written<T>(dx));
    });
    sink.add(0, dx);
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    const Slopes slope = slopes(s);
    // What is left out, or can never be, may move by NaN. What merely has slope 0 stays: its slope may change.
    const Tensor takes_part = slope.counts & ~(isinf(s.input(0)) & (slope.of_log_probs == 0.0));
    const Tensor change = where(takes_part, slope.of_log_probs * dx[0], 0.0);
    return reduction == Reduction::none ? sum(change, {1, 2}) : sum(change);
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("blank", blank);
    visitor("reduction", name_of(reduction));
    visitor("zero_infinity", zero_infinity);
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(\ell = -\log p,\quad p = \sum_{\pi \mapsto l} \prod_{t=1}^T e^{x_{t \pi_t}})",
         "Graves, Fernandez, Gomez and Schmidhuber 2006, ICML: the surprise at the labels $l_1 \\ldots l_S$ of one "
         "sequence, where $e^{x_{tk}}$ is the probability of class k at frame t. An alignment $\\pi$ says a class at "
         "each of T frames; $\\pi \\mapsto l$: of a run of one class one is left, then blanks are taken out, and l "
         "remains"},
        {"Extended labels", R"(l' = (\emptyset, l_1, \emptyset, l_2, \ldots, l_S, \emptyset))",
         "blanks may stand between labels and around them: 2S + 1 states. Alignments are the paths through them that "
         "stay in a state, go to the next, or skip a blank"},
        {"What may be skipped", R"(a_s = [l'_s \ne \emptyset][l'_s \ne l'_{s-2}])",
         "into state s from $s - 2$: the blank between two labels, unless these are equal, for without it they would "
         "be one run"},
        {"Beginnings",
         R"(\alpha_t(s) = e^{x_{t l'_s}} \left(\alpha_{t-1}(s) + \alpha_{t-1}(s-1) + a_s\, \alpha_{t-1}(s-2)\right),\quad \alpha_0(s) = [s = 1])",
         "the sum over all paths of t frames that end in state s, by their last step: T (2S + 1) sums of three terms "
         "stand for exponentially many alignments. Before the first frame a path stands at the first blank, and what "
         "lies outside $l'$ is 0"},
        {"Likelihood", R"(p = \alpha_T(2S + 1) + \alpha_T(2S))", "a path ends at the last blank or the last label"},
        {"Endings",
         R"(\beta_{t-1}(s) = e^{x_{t l'_s}} \beta_t(s) + e^{x_{t l'_{s+1}}} \beta_t(s+1) + a_{s+2}\, e^{x_{t l'_{s+2}}} \beta_t(s+2),\quad \beta_T(s) = [s \ge 2S])",
         "the sum over all that may follow state s, whose own frame $\\alpha$ has counted: the same steps from the "
         "other end. (Their $\\beta$ counts that frame too, so that they divide each $\\alpha \\beta$ by "
         "$e^{x_{t l'_s}}$.)"},
        {"Through a state", R"(\sum_s \alpha_t(s)\, \beta_t(s) = p)",
         "$\\alpha_t(s)\\, \\beta_t(s)$ is the sum over the paths that are in s at frame t, and at each frame a path "
         "is in one state"},
        {"Slope", R"(\frac{\partial p}{\partial x_{tk}} = \sum_{s:\, l'_s = k} \alpha_t(s)\, \beta_t(s))",
         "a path has the factor $e^{x_{tk}}$, once, if it is at frame t in a state of class k, else not: each term "
         "that has it is its own derivative"},
        {"Occupancy",
         R"(\gamma_{tk} = \frac{1}{p} \sum_{s:\, l'_s = k} \alpha_t(s)\, \beta_t(s),\quad \frac{\partial \ell}{\partial x_{tk}} = -\frac{1}{p} \frac{\partial p}{\partial x_{tk}} = -\gamma_{tk})",
         "the probability of class k at frame t among the alignments of l. For each frame it sums to 1"},
        {"Behind a log-softmax",
         R"(x = \log \mathrm{softmax}(z) \Rightarrow \frac{\partial \ell}{\partial z_{tk}} = e^{x_{tk}} - \gamma_{tk})",
         "what is predicted less what the labels ask for: cross entropy's slope, with $\\gamma$ for a target"},
        {"In logarithms", R"(\log \alpha_t(s) = x_{t l'_s} + \log \sum_{s' \to s} e^{\log \alpha_{t-1}(s')})",
         "products of hundreds of probabilities are too small for any number; $\\log \\beta$ likewise, and $\\gamma$ "
         "is the exponential of a difference"},
        {"Over a batch",
         R"(L = \frac{1}{N} \sum_n \frac{\ell_n}{\max(1, S_n)},\quad \bar x_{ntk} = -\frac{\bar L}{N \max(1, S_n)}\, \gamma_{ntk})",
         "the mean loss of a label, averaged over the sequences"},
        {"No alignment", R"(p = 0 \Rightarrow \ell = \infty,\ \bar x = 0)",
         "too few frames, or a label that is nowhere possible: there is no path whose share could be taken (PyTorch: "
         "NaN)"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with = [](const Tensor& targets, const CTCOptions& options = {}, const Mask& mask = {},
                         const Mask& target_mask = {}) {
      return catalogue::of([=](const Tensor& x) { return ctc_loss(x, targets, mask, target_mask, options); });
    };
    const auto pairs = [](const std::vector<std::int64_t>& labels) { return from_vector(labels).reshape({-1, 2}); };
    const auto logarithms = [&g] { return uniform(g, {2, 4, 3}, -3, -0.1); };
    Tensor never = logarithms();
    for (const std::size_t place : {1U, 5U, 14U, 18U})
      never.mutable_data<double>("samples")[place] = -std::numeric_limits<double>::infinity();
    const Mask holes =
        Mask::keep_positions(from_vector<bool>({true, false, true, true, false, true, false, true}, {2, 4}));
    const Mask one_hole = Mask::keep_positions(from_vector<bool>({false, true, true, true}, {2, 2}));
    const Tensor differing = pairs({1, 2, 2, 1}), impossible = pairs({1, 2, 2, 2});
    const CTCOptions each{.reduction = Reduction::none};
    return {
        {"mean", {logarithms()}, with(differing)},
        {"sum", {logarithms()}, with(differing, {.reduction = Reduction::sum})},
        {"none", {logarithms()}, with(differing, each)},
        {"of logits", {uniform(g, {2, 4, 3}, -2, 2)}, catalogue::of([differing](const Tensor& z) {
           return ctc_loss(log_softmax(z, -1), differing);
         })},
        {"repeated labels", {logarithms()}, with(pairs({1, 1, 2, 2}))},
        {"lengths",
         {logarithms()},
         with(pairs({1, -1, 2, 1}), {}, Mask::from_lengths({2, 4}, 4), Mask::from_lengths({1, 2}, 2))},
        {"holes", {logarithms()}, with(pairs({0, 2, 1, 2}), each, holes, one_hole)},
        {"an empty target", {logarithms()}, with(differing, {}, {}, Mask::from_lengths({0, 2}, 2))},
        {"empty targets", {logarithms()}, with(zeros({2, 0}, {.dtype = int64}), each)},
        {"blank in the middle", {logarithms()}, with(pairs({0, 2, 0, 0}), {.blank = 1, .reduction = Reduction::none})},
        {"blank last", {logarithms()}, with(pairs({0, 1, 0, 0}), {.blank = 2})},
        {"one alignment",
         {uniform(g, {1, 3, 3}, -3, -0.1)},
         with(pairs({1, 1})),
         {.order = 1, .reason = "the loss is linear"}},
        {"more labels than lanes",
         {uniform(g, {1, 23, 4}, -3, -0.1)},
         with(from_vector<std::int64_t>({1, 2, 3, 3, 1, 2, 1, 2, 3, 1, 3, 2, 2, 1, 3, 1, 2, 3, 1}, {1, 19})),
         {.order = 1, .reason = "order 2 is checked on the small ones"}},
        {"too few frames, zero_infinity",
         {logarithms()},
         with(impossible, {.zero_infinity = true}, Mask::from_lengths({4, 2}, 4))},
        {"too few frames",
         {logarithms()},
         with(impossible, each, Mask::from_lengths({4, 2}, 4)),
         {.order = 0, .reason = "one of the losses is infinite"}},
        {"classes that cannot be", {never}, with(differing), {.order = 0, .reason = "differences of infinities"}},
        {"no frames", {uniform(g, {2, 0, 3}, -3, -0.1)}, with(zeros({2, 0}, {.dtype = int64}))},
        {"no sequences", {uniform(g, {0, 4, 3}, -3, -0.1)}, with(zeros({0, 2}, {.dtype = int64}), each)}};
  }
  static catalogue::ErrorSamples errors() {
    const auto at = [](const Tensor& log_probs, const Tensor& targets, const Mask& mask = {},
                       const Mask& target_mask = {}, const CTCOptions& options = {}) {
      return [=] { (void)ctc_loss(log_probs, targets, mask, target_mask, options); };
    };
    const Tensor x = zeros({2, 4, 5}), t = ones({2, 3}, {.dtype = int64});
    const auto labels = [](const std::vector<std::int64_t>& values) { return from_vector(values, {2, 3}); };
    return {
        {"target", at(x, labels({1, 2, 3, 4, 7, 1})),
         "[ctc_loss] target 7 at position 1 of sequence 1 is not one of 5 classes"},
        {"negative target", at(x, labels({1, 2, -1, 4, 3, 1})),
         "[ctc_loss] target -1 at position 2 of sequence 0 is not one of 5 classes: a mask of the targets hides "
         "padding"},
        {"blank as target", at(x, labels({1, 2, 0, 4, 3, 1})),
         "[ctc_loss] target 0 at position 2 of sequence 0 is the blank: a mask of the targets hides padding"},
        {"blank", at(x, t, {}, {}, {.blank = 5}), "[ctc_loss] expected blank to be one of 5 classes, got 5"},
        {"negative blank", at(x, t, {}, {}, {.blank = -1}), "[ctc_loss] expected blank to be one of 5 classes, got -1"},
        {"rank", at(zeros({4, 5}), t),
         "[ctc_loss] expected log_probs [N, T, C] and targets [N, S], got [4, 5] and [2, 3]"},
        {"targets' rank", at(x, ones({6}, {.dtype = int64})),
         "[ctc_loss] expected log_probs [N, T, C] and targets [N, S], got [2, 4, 5] and [6]: pad_sequence() puts "
         "targets of several lengths side by side"},
        {"time first", at(x, ones({4, 3}, {.dtype = int64})),
         "[ctc_loss] expected log_probs [N, T, C] and targets [N, S], got [2, 4, 5] and [4, 3]: sequences stand first, "
         "transpose(0, 1) a [T, N, C]"},
        {"targets' dtype", at(x, ones({2, 3})), "[ctc_loss] expected targets of dtype int64, got float32 [2, 3]"},
        {"integers", at(zeros({2, 4, 5}, {.dtype = int64}), t),
         "[ctc_loss] expected a floating tensor, got int64 [2, 4, 5]"},
        {"mask", at(x, t, Mask::from_lengths({4, 2}, 5)),
         "[ctc_loss] expected the mask's positions to be [N, T] = [2, 4], got [2, 5]"},
        {"target mask", at(x, t, {}, Mask::from_lengths({3}, 3)),
         "[ctc_loss] expected the target mask's positions to be [N, S] = [2, 3], got [1, 3]"},
        {"length",
         [=] {
           (void)ctc_loss(x, t, Mask::from_lengths({4, 5}, 4));
         },
         "[mask] sequence 1 has length 5, expected 0 to 4"},
        {"negative length",
         [=] {
           (void)ctc_loss(x, t, {}, Mask::from_lengths({-1, 3}, 3));
         },
         "[mask] sequence 0 has length -1, expected 0 to 3"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    const Tensor targets = randint(1, 32, {16, 40}, g);
    return {"[16, 200, 32], 40 labels",
            {catalogue::uniform(g, {16, 200, 32}, -5, -2)},
            catalogue::of([targets](const Tensor& x) { return ctc_loss(x, targets); })};
  }

 private:
  /// What is given, contiguous.
  struct Batch {
    array::Array x, targets;
    OptionalElements valid_frames, valid_targets;

    Batch(const Tensor& log_probs, const Tensor& labels, const Tensor& of_frames, const Tensor& of_targets)
        : x(contiguous_array(log_probs)),
          targets(contiguous_array(labels)),
          valid_frames(of_frames),
          valid_targets(of_targets) {}

    std::int64_t sequences() const { return x.shape[0]; }
    std::int64_t frames() const { return x.shape[1]; }
    std::int64_t classes() const { return x.shape[2]; }
    std::int64_t width() const { return targets.shape[1]; }
    std::int64_t kept_width() const { return kernels::ctc_kept_width(width()); }
    /// The labels that sequence n should spell.
    std::vector<std::int64_t> labels(std::int64_t n) const {
      const std::int64_t* const row = targets.as<std::int64_t>() + n * width();
      const bool* const valid = valid_targets.as<bool>();
      std::vector<std::int64_t> found;
      for (std::int64_t i = 0; i < width(); ++i)
        if (!valid || valid[n * width() + i]) found.push_back(row[i]);
      return found;
    }
    template <class T>
    kernels::Ctc<T> facts(std::int64_t blank_class) const {
      return {.log_probs = x.as<T>(),
              .targets = targets.as<std::int64_t>(),
              .valid_frames = valid_frames.as<bool>(),
              .valid_labels = valid_targets.as<bool>(),
              .sequences = sequences(),
              .frames = frames(),
              .classes = classes(),
              .labels = width(),
              .blank = blank_class};
    }
  };

  Batch batch_of(const Saved& s) const {
    return {s.input(0), s.input(1), masks_frames ? s.input(2) : Tensor(), masks_targets ? s.input(3) : Tensor()};
  }

  void expect_labels(const Batch& batch) const {
    const std::int64_t* const t = batch.targets.as<std::int64_t>();
    const bool* const valid = batch.valid_targets.as<bool>();
    constexpr std::string_view kAdvice = ": a mask of the targets hides padding";
    for (std::int64_t i = 0, count = batch.targets.shape.numel(); i < count; ++i) {
      if (valid && !valid[i]) continue;
      if (t[i] >= 0 && t[i] < batch.classes() && t[i] != blank) continue;
      const std::string where =
          fmt::format("[{}] target {} at position {} of sequence {}", name, t[i], i % batch.width(), i / batch.width());
      if (t[i] == blank) throw IndexError(fmt::format("{} is the blank{}", where, kAdvice));
      throw IndexError(fmt::format("{} is not one of {} classes{}", where, batch.classes(), t[i] < 0 ? kAdvice : ""));
    }
  }

  double loss_of(double log_likelihood) const {
    const bool impossible = log_likelihood == -std::numeric_limits<double>::infinity();
    return impossible && zero_infinity ? 0.0 : 0.0 - log_likelihood;
  }

  /// What each sequence's loss counts in the result.
  std::vector<double> shares(const Batch& batch) const {
    std::vector<double> share(static_cast<std::size_t>(batch.sequences()), 1.0);
    if (reduction != Reduction::mean) return share;
    for (std::int64_t n = 0; n < batch.sequences(); ++n)
      share[static_cast<std::size_t>(n)] =
          1.0 / (static_cast<double>(batch.sequences()) *
                 static_cast<double>(std::max<std::size_t>(1, batch.labels(n).size())));
    return share;
  }

  /// The states of all sequences, [N, 2 S + 1], and what paths may do in them; a number is 0 where they may, else -inf.
  /// What lies behind a sequence's own states leads to no end.
  struct States {
    Tensor classes;  // the extended labels
    Tensor begins;   // before the first frame
    Tensor skips;    // coming from two states before
    Tensor ends;     // behind the last frame

    States(const Batch& batch, std::int64_t blank_class) {
      const Shape shape{batch.sequences(), 2 * batch.width() + 1};
      const Tensor never = full(shape, -std::numeric_limits<double>::infinity(), {.dtype = float64});
      classes = full(shape, static_cast<double>(blank_class), {.dtype = int64});
      begins = never.clone();
      skips = never.clone();
      ends = never;
      for (std::int64_t n = 0; n < batch.sequences(); ++n) {
        const std::int64_t first = n * shape[1];
        const std::vector<std::int64_t> labels = batch.labels(n);
        const std::int64_t last = first + 2 * static_cast<std::int64_t>(labels.size());
        written<double>(begins)[first] = 0.0;
        written<double>(ends)[last] = 0.0;
        if (last > first) written<double>(ends)[last - 1] = 0.0;
        for (std::size_t i = 0; i < labels.size(); ++i) {
          const std::int64_t state = first + 2 * static_cast<std::int64_t>(i) + 1;
          written<std::int64_t>(classes)[state] = labels[i];
          if (i > 0 && labels[i] != labels[i - 1]) written<double>(skips)[state] = 0.0;
        }
      }
    }
  };

  /// The numbers of states, each moved to the state `by` places further.
  static Tensor moved(const Tensor& states, std::int64_t by) {
    constexpr double kNever = -std::numeric_limits<double>::infinity();
    return by > 0 ? slice(pad(states, {{}, {.before = by}}, kNever), -1, {.stop = states.size(-1)})
                  : slice(pad(states, {{}, {.after = -by}}, kNever), -1, {.start = -by});
  }
  static Tensor joined(const Tensor& stays, const Tensor& steps, const Tensor& skips) {
    return logsumexp(stack({stays, steps, skips}, 0), 0);
  }

  struct Slopes {
    Tensor of_log_probs;  ///< d result / d log_probs, a differentiable function of log_probs: -share gamma
    Tensor counts;        ///< bool [N, T, 1]: which frames take part
  };
  /// The recursions of the derivation, all sequences' states at a time, in double as in the kernel.
  Slopes slopes(const Saved& s) const {
    const Tensor& log_probs = s.input(0);
    const Batch batch = batch_of(s);
    const std::int64_t sequences = batch.sequences(), frames = batch.frames();
    const Tensor valid = masks_frames ? unsqueeze(s.input(2), -1) : ones({sequences, frames, 1}, {.dtype = boolean});
    if (log_probs.numel() == 0) return {zeros_like(log_probs), valid};
    const States states(batch, blank);
    const Tensor index = unsqueeze(states.classes, 1).expand({sequences, frames, states.classes.size(1)});
    // Frames that are left out are hidden, so that nothing they hold (NaN, -inf) reaches a gradient.
    const Tensor emitted = where(valid, gather(log_probs.to(float64), -1, index), 0.0);
    std::vector<Tensor> alpha{states.begins}, gamma(static_cast<std::size_t>(frames));
    for (std::int64_t t = 0; t < frames; ++t) {
      const Tensor& before = alpha.back();
      const Tensor paths = joined(before, moved(before, 1), moved(before, 2) + states.skips);
      alpha.push_back(where(select(valid, 1, t), paths + select(emitted, 1, t), before));
    }
    const Tensor likelihood = logsumexp(alpha.back() + states.ends, -1, true);
    const Tensor possible = likelihood != -std::numeric_limits<double>::infinity();
    const Tensor finite = where(possible, likelihood, 0.0);  // where nothing is possible each gamma is exp(-inf)
    Tensor beta = states.ends;
    for (std::int64_t t = frames - 1; t >= 0; --t) {
      gamma[static_cast<std::size_t>(t)] = exp(alpha[static_cast<std::size_t>(t) + 1] + beta - finite);
      const Tensor next = beta + select(emitted, 1, t);
      const Tensor paths = joined(next, moved(next, -1), moved(next + states.skips, -2));
      beta = where(select(valid, 1, t), paths, beta);
    }
    const Tensor of_states = where(valid, stack(gamma, 1), 0.0);
    // A NaN or +inf that an alignment meets spoils all frames that take part, as in the kernel.
    const Tensor spoilt = valid & unsqueeze(possible & ~isfinite(likelihood), -1);
    const Tensor none =
        masked_fill(zeros(log_probs.shape(), {.dtype = float64}), spoilt, std::numeric_limits<double>::quiet_NaN());
    const Tensor occupancy = scatter_add(none, -1, index, of_states);
    const Tensor share = from_vector(shares(batch), {sequences, 1, 1});
    return {(-share * occupancy).to(log_probs.dtype()), valid & unsqueeze(possible, -1)};
  }
};

namespace {

/// What to do about shapes that are often given, or nothing.
std::string_view advice_on_layout(const Shape& log_probs, const Shape& targets) {
  if (log_probs.rank() == 3 && targets.rank() == 1)
    return ": pad_sequence() puts targets of several lengths side by side";
  if (log_probs.rank() == 3 && targets.rank() == 2 && log_probs[1] == targets[0])
    return ": sequences stand first, transpose(0, 1) a [T, N, C]";
  return "";
}

}  // namespace

Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const Mask& mask, const Mask& target_mask,
                const CTCOptions& options) {
  constexpr std::string_view op = CtcLoss::name;
  expect_defined(op, log_probs, "input 0 (log_probs)");
  expect_defined(op, targets, "input 1 (targets)");
  expect_floating(op, log_probs);
  expect_target_dtype(op, targets);
  if (log_probs.dim() != 3 || targets.dim() != 2 || log_probs.size(0) != targets.size(0))
    throw ShapeError(fmt::format("[{}] expected log_probs [N, T, C] and targets [N, S], got {} and {}{}", op,
                                 to_string(log_probs.shape()), to_string(targets.shape()),
                                 advice_on_layout(log_probs.shape(), targets.shape())));
  expect_positions(op, mask, "[N, T]", {log_probs.size(0), log_probs.size(1)});
  expect_positions(op, target_mask, "[N, S]", targets.shape(), "target mask");
  expect_reduction(op, options.reduction);
  if (options.blank < 0 || options.blank >= log_probs.size(2))
    throw ValueError(
        fmt::format("[{}] expected blank to be one of {} classes, got {}", op, log_probs.size(2), options.blank));
  return apply(CtcLoss(options, mask, target_mask), log_probs, targets, mask.positions(), target_mask.positions());
}

TAPEGRAD_CATALOGUE(loss, ctc_loss, CtcLoss)

}  // namespace tapegrad
