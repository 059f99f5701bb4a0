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

constexpr std::array<double, 4> kFactors{1.25, 1.5, 2, 3};  // of the batch's length

struct Change {
  double relative = 0;  // norm(padded - plain) / norm(plain) of the logits
  double flipped = 0;   // share of the answers that change
};

struct PaddedNetwork {
  std::string name;
  Colour colour;
  WordClassifier model;
  std::vector<Change> changes = {};  // for each of kFactors

  double largest_change() const {
    double value = 0;
    for (const Change& x : changes) value = larger(value, x.relative);
    return value;
  }
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

/// In training mode but for the last. All BatchNorm networks are the one that was trained masked.
struct PaddedNetworks {
  std::array<PaddedNetwork, 4> all;

  const PaddedNetwork& layer() const { return all[0]; }
  const PaddedNetwork& masked() const { return all[1]; }
  const PaddedNetwork& unmasked() const { return all[2]; }
  const PaddedNetwork& evaluated() const { return all[3]; }
};

PaddedNetworks pad_networks(Laboratory& laboratory) {
  PaddedNetworks networks{{{{"LayerNorm", Colour::blue, laboratory.reference(Norm::layer)},
                            {"BatchNorm, masked", Colour::orange, laboratory.reference(Norm::batch)},
                            {"BatchNorm, unmasked here", Colour::red, laboratory.reference(Norm::batch)},
                            {"BatchNorm in evaluation", Colour::grey, laboratory.reference(Norm::batch)}}}};
  networks.all[2].model.set_masked(false);
  const auto picks = laboratory.random_test_words(64, 3);
  for (PaddedNetwork& network : networks.all) {
    network.model.train(&network != &networks.evaluated());
    network.model.set_tracking(false);
    for (const double factor : kFactors) network.changes.push_back(change(network.model, laboratory, picks, factor));
  }
  return networks;
}

LineChart padding_chart(const PaddedNetworks& networks) {
  LineChart chart{.title = "How far more padding moves the logits, in training mode",
                  .x_label = "positions of the batch, as a multiple",
                  .y_label = "relative change of the logits",
                  .x_ticks = {kFactors.begin(), kFactors.end()}};
  const double others = std::max(
      {networks.layer().largest_change(), networks.masked().largest_change(), networks.evaluated().largest_change()});
  if (others <= 1e-5) {
    chart.references = {
        {0, others == 0 ? "the other three: 0" : fmt::format("the other three: at most {:.0e}", others)}};
  }
  for (const PaddedNetwork& network : networks.all) {
    Series series{.name = network.name, .colour = network.colour, .x = chart.x_ticks};
    for (const Change& x : network.changes) series.y.push_back(x.relative);
    chart.series.push_back(std::move(series));
  }
  return chart;
}

Table padding_table(const PaddedNetworks& networks) {
  Table table{{"network", "× 1.25", "× 1.5", "× 2", "× 3", "answers changed at × 3"}, {}};
  for (const PaddedNetwork& network : networks.all) {
    std::vector<std::string> row{network.name};
    for (const Change& x : network.changes) row.push_back(fmt::format("{:.2g}", x.relative));
    row.push_back(fmt::format("{:.0f} %", 100 * network.changes.back().flipped));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

/// A batch of 64 words in training mode, and the same batch with more padding: how far the logits move. All BatchNorm
/// networks are the one that was trained masked; "unmasked here" is that one with its mask taken away for the test.
Claim measure_padding(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "3b", "Padding disturbs BatchNorm");
  const PaddedNetworks networks = pad_networks(laboratory);
  const std::vector<ExactCheck> checks{
      {"logits of LayerNorm move by", networks.layer().largest_change(), Bound::at_most, 1e-5},
      {"masked BatchNorm", networks.masked().largest_change(), Bound::at_most, 1e-5},
      {"BatchNorm in evaluation", networks.evaluated().largest_change(), Bound::at_most, 1e-5},
      {"unmasked BatchNorm", networks.unmasked().largest_change(), Bound::above, 1e-2}};
  claim.verdict = exact_verdict(checks, false);
  claim.setup = "one batch of 64 test words, padded further; " + laboratory.reference_setup() +
                "; BatchNorm trained masked, unmasked for the test only";
  const Change &least = networks.unmasked().changes.front(), &most = networks.unmasked().changes.back();
  claim.sentence = fmt::format(
      "Only if its statistics count the padding: where the mask of the network, trained with it, is taken away for the "
      "test, the logits move by {:.0f} % (padded 1.25-fold) to {:.0f} % (threefold), and {:.0f} to {:.0f} % of the "
      "answers change. Masked statistics do not notice padding at all.",
      100 * least.relative, 100 * most.relative, 100 * least.flipped, 100 * most.flipped);
  claim.measurements = padding_table(networks);
  claim.charts = {padding_chart(networks)};
  return claim;
}

}  // namespace norm_study
