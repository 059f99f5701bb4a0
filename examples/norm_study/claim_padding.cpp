// Claim 3b: padding disturbs BatchNorm, unless it is masked.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "norm_study/claims.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/tape.hpp"

namespace norm_study {
namespace tg = tapegrad;
namespace {

struct Change {
  double relative = 0;  // norm(padded - plain) / norm(plain) of the logits
  double flipped = 0;   // share of the answers that change
};

Change change(WordClassifier& model, const Laboratory& laboratory, const std::vector<std::size_t>& picks,
              double factor) {
  const tg::NoRecord pause;
  const auto& words = laboratory.corpus().test;
  const Batch plain = make_batch(words, picks);
  const auto length = static_cast<std::int64_t>(std::lround(factor * static_cast<double>(plain.letters.size(1))));
  const tg::Tensor before = logits_of(model, plain), after = logits_of(model, make_batch(words, picks, length));
  const tg::Tensor differ = tg::argmax(before, -1) != tg::argmax(after, -1);
  return {euclidean_norm(after - before) / euclidean_norm(before), tg::mean(differ.to(tg::float64)).item()};
}

}  // namespace

/// A batch of 64 words in training mode, and the same batch with more padding: how far the logits move. All BatchNorm
/// networks are the one that was trained masked; "unmasked here" is that one with its mask taken away for the test.
Claim measure_padding(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "3b", "Padding disturbs BatchNorm");
  const std::array<double, 4> factors{1.25, 1.5, 2, 3};
  struct Case {
    std::string name;
    WordClassifier model;
    Colour colour;
    std::vector<Change> changes;
  };
  std::vector<Case> cases;
  cases.push_back({"LayerNorm", laboratory.reference(Norm::layer), Colour::blue, {}});
  cases.push_back({"BatchNorm, masked", laboratory.reference(Norm::batch), Colour::orange, {}});
  cases.push_back({"BatchNorm, unmasked here", laboratory.reference(Norm::batch), Colour::red, {}});
  cases.push_back({"BatchNorm in evaluation", laboratory.reference(Norm::batch), Colour::grey, {}});
  const auto picks = laboratory.random_test_words(64, 3);
  for (std::size_t c = 0; c < cases.size(); ++c) {
    cases[c].model.train(c != 3);
    cases[c].model.set_tracking(false);
    if (c == 2) cases[c].model.set_masked(false);
    for (const double factor : factors) cases[c].changes.push_back(change(cases[c].model, laboratory, picks, factor));
  }
  const auto most = [&](std::size_t c) {
    double value = 0;
    for (const Change& x : cases[c].changes) value = larger(value, x.relative);
    return value;
  };
  const std::vector<ExactCheck> checks{{"logits of LayerNorm move by", most(0), Bound::at_most, 1e-5},
                                       {"masked BatchNorm", most(1), Bound::at_most, 1e-5},
                                       {"BatchNorm in evaluation", most(3), Bound::at_most, 1e-5},
                                       {"unmasked BatchNorm", most(2), Bound::above, 1e-2}};
  claim.verdict = exact_verdict(checks, false);
  claim.setup = "one batch of 64 test words, padded further; " + laboratory.reference_setup() +
                "; BatchNorm trained masked, unmasked for the test only";
  claim.sentence = fmt::format(
      "Only if its statistics count the padding: where the mask of the network, trained with it, is taken away for the "
      "test, the logits move by {:.0f} % (padded 1.25-fold) to {:.0f} % "
      "(threefold), "
      "and {:.0f} to {:.0f} % of the answers change. Masked statistics do not notice padding at all.",
      100 * cases[2].changes.front().relative, 100 * cases[2].changes.back().relative,
      100 * cases[2].changes.front().flipped, 100 * cases[2].changes.back().flipped);
  LineChart chart{.title = "How far more padding moves the logits, in training mode",
                  .x_label = "positions of the batch, as a multiple",
                  .y_label = "relative change of the logits",
                  .x_ticks = {factors.begin(), factors.end()}};
  const double others = std::max({most(0), most(1), most(3)});
  if (others <= 1e-5) {
    chart.references = {
        {0, others == 0 ? "the other three: 0" : fmt::format("the other three: at most {:.0e}", others)}};
  }
  claim.measurements = {{"network", "× 1.25", "× 1.5", "× 2", "× 3", "answers changed at × 3"}, {}};
  for (const Case& c : cases) {
    Series series{.name = c.name, .colour = c.colour, .x = chart.x_ticks};
    std::vector<std::string> row{c.name};
    for (const Change& x : c.changes) {
      series.y.push_back(x.relative);
      row.push_back(fmt::format("{:.2g}", x.relative));
    }
    row.push_back(fmt::format("{:.0f} %", 100 * c.changes.back().flipped));
    claim.measurements.rows.push_back(std::move(row));
    chart.series.push_back(std::move(series));
  }
  claim.charts = {chart};
  return claim;
}

}  // namespace norm_study
