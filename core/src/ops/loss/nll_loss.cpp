#include "base/dispatch.hpp"
#include "kernels/cross_entropy.hpp"
#include "ops/loss/class_samples.hpp"
#include "ops/loss/reduced.hpp"
#include "ops/loss/targets.hpp"
#include "ops/rows.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// Inputs: log-probabilities, targets and class weights (may be undefined: 1).
struct NllLoss : Op<NllLoss> {
  static constexpr std::string_view name = "nll_loss";
  static constexpr std::string_view math =
      R"(\ell_i = -w_{t_i}\, x_{i t_i};\quad \bar x_{ik} = -\bar\ell_i\, w_{t_i}\, [k = t_i],\ \bar\ell_i = \bar L / \sum_j w_{t_j} \text{ (mean)},\ \bar L \text{ (sum)})";
  static constexpr Names<3> input_names = {"x", "targets", "weight"};
  static constexpr Keep keep = Keep::input(1) | Keep::input(2);
  std::int64_t ignore_index;
  Reduction reduction;
  bool weighted;

  explicit NllLoss(const NLLOptions& options)
      : ignore_index(options.ignore_index), reduction(options.reduction), weighted(options.weight.defined()) {}

  Tensor forward(const Tensor& x, const Tensor& targets, const Tensor& weight) const {
    expect_targets(name, contiguous_array(targets), x.shape().back(), ignore_index);
    return losses(x, Chosen(*this, targets, weight, x.dtype()));
  }
  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    const Chosen c = chosen(s, dy.dtype());
    const Tensor each = reduction == Reduction::none ? unsqueeze(dy, -1) : dy;
    const Tensor dx = where(c.counts, c.factor * each, 0.0);
    const Tensor none = zeros(s.input_shape(0), {.dtype = dy.dtype()});
    return {none.numel() == 0 ? none : scatter_add(none, -1, c.index, dx), Tensor(), Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const { return losses(dx[0], chosen(s, dx[0].dtype())); }
  void describe(AttributeVisitor& visitor) const {
    visitor("ignore_index", ignore_index);
    visitor("reduction", name_of(reduction));
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(\ell_i = -w_{t_i}\, x_{i t_i},\quad x = \log p)",
         "the surprise at the target t of one sample; behind a log_softmax this is cross entropy"},
        {"Slope", R"(\frac{\partial \ell_i}{\partial x_{ik}} = -w_{t_i}\, [k = t_i])",
         "one entry of each row is looked at, and linearly: the gradient does not depend on x"},
        {"Over a batch",
         R"(L = \frac{\sum_i \ell_i}{\sum_i w_{t_i}},\quad \bar x_{ik} = -\bar L\, \frac{w_{t_i}}{\sum_j w_{t_j}}\, [k = t_i])",
         "the mean divides by the weights of the samples that are not ignored; with none of them L is 0, and so is the "
         "gradient (PyTorch: 0 / 0)"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with = [](const Tensor& targets, const NLLOptions& options = {}) {
      return class_loss(&nll_loss, targets, options);
    };
    const auto [targets, some_ignored, all_ignored, of_sequences, of_one_sample, weight] = FourClasses();
    const auto logarithms = [&g] { return uniform(g, {5, 4}, -3, -0.1); };
    return {{"mean", {logarithms()}, with(targets)},
            {"sum", {logarithms()}, with(targets, {.reduction = Reduction::sum})},
            {"none", {logarithms()}, with(targets, {.reduction = Reduction::none})},
            {"weights", {logarithms()}, with(targets, {.weight = weight})},
            {"everything, mean", {logarithms()}, with(some_ignored, {.weight = weight})},
            {"everything, none", {logarithms()}, with(some_ignored, {.weight = weight, .reduction = Reduction::none})},
            {"a class is ignored", {logarithms()}, with(targets, {.ignore_index = 2})},
            {"sequences", {uniform(g, {2, 3, 4}, -3, -0.1)}, with(of_sequences, {.reduction = Reduction::none})},
            {"one sample", {uniform(g, {4}, -3, -0.1)}, with(of_one_sample)},
            {"all ignored", {logarithms()}, with(all_ignored)},
            {"no samples", {uniform(g, {0, 4}, -3, -0.1)}, with(from_vector(std::vector<std::int64_t>{}, {0}))},
            {"no classes", {zeros({2, 0}, {.dtype = float64})}, with(from_vector<std::int64_t>({-100, -100}, {2}))}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"target",
             [] {
               (void)nll_loss(zeros({2, 5}), from_vector<std::int64_t>({1, 7}, {2}));
             },
             "[nll_loss] target 7 at position 1 is not one of 5 classes"},
            {"shapes",
             [] {
               (void)nll_loss(zeros({2, 5}), zeros({5}, {.dtype = int64}));
             },
             "[nll_loss] expected targets [2] for log_probs [2, 5], got [5]"},
            {"targets' dtype",
             [] {
               (void)nll_loss(zeros({2, 5}), zeros({2}));
             },
             "[nll_loss] expected targets of dtype int64, got float32 [2]"},
            {"weight",
             [] {
               (void)nll_loss(zeros({2, 5}), zeros({2}, {.dtype = int64}), {.weight = ones({4})});
             },
             "[nll_loss] expected weight [5], got [4]"},
            {"scalar", [] { (void)nll_loss(zeros({}), zeros({}, {.dtype = int64})); },
             "[nll_loss] expected log_probs [.., classes], got []"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    const Tensor targets = randint(0, 12, {512}, g);
    return {"[512, 12]", {catalogue::uniform(g, {512, 12}, -3, -0.1)}, catalogue::of([targets](const Tensor& x) {
              return nll_loss(x, targets);
            })};
  }

 private:
  /// Of each row [.., 1]: the entry that is looked at (0 in an ignored row), whether it counts, and the factor -w share
  /// that it counts with.
  struct Chosen {
    Tensor index, counts, factor;

    Chosen(const NllLoss& op, const Tensor& targets, const Tensor& weight, DType dtype) {
      const array::Array t = contiguous_array(targets);
      const OptionalElements w(weight);
      Shape one_per_row = t.shape;
      one_per_row.push_back(1);
      index = zeros(one_per_row, {.dtype = int64});
      counts = zeros(one_per_row, {.dtype = boolean});
      factor = zeros(one_per_row, {.dtype = dtype});
      with_floating(dtype, [&](auto zero) {
        using T = decltype(zero);
        const std::int64_t* target = t.as<std::int64_t>();
        const auto weight_of = [&](std::int64_t i) {
          return w.as<T>() ? static_cast<double>(w.as<T>()[target[i]]) : 1.0;
        };
        const std::int64_t rows = t.shape.numel();
        const double total = kernels::cross_entropy_total_weight<T>(
            {.targets = target, .rows = rows, .ignore_index = op.ignore_index, .class_weights = w.as<T>()});
        const double share = share_of(op.reduction, total);
        for (std::int64_t i = 0; i < rows; ++i) {
          if (target[i] == op.ignore_index) continue;
          written<std::int64_t>(index)[i] = target[i];
          written<bool>(counts)[i] = weight_of(i) != 0.0;
          written<T>(factor)[i] = static_cast<T>(-share * weight_of(i));
        }
      });
    }
  };

  Chosen chosen(const Saved& s, DType dtype) const {
    return {*this, s.input(1), weighted ? s.input(2) : Tensor(), dtype};
  }

  /// Rows that do not count, ignored or of weight 0, are hidden, so that nothing they hold (NaN, -inf) reaches the
  /// loss. Where there are no classes no row counts.
  Tensor losses(const Tensor& x, const Chosen& c) const {
    const Tensor each = x.numel() == 0 ? zeros_like(c.factor) : where(c.counts, gather(x, -1, c.index) * c.factor, 0.0);
    return reduction == Reduction::none ? squeeze(each, -1) : sum(each);
  }
};

Tensor nll_loss(const Tensor& log_probs, const Tensor& targets, const NLLOptions& options) {
  expect_classes(NllLoss::name, "log_probs", log_probs, targets, options.weight);
  expect_reduction(NllLoss::name, options.reduction);
  return apply(NllLoss(options), log_probs, targets, options.weight);
}

TAPEGRAD_CATALOGUE(loss, nll_loss, NllLoss)

}  // namespace tapegrad
