// Claim 0, the one that all others are meant to explain: LayerNorm beats BatchNorm.
#include <fmt/format.h>

#include <array>
#include <string_view>

#include "norm_study/claims.hpp"

namespace norm_study {
namespace {

constexpr int kAccuracySeeds = 5;

std::string_view against_none_text(Outcome layer_against_none) {
  switch (layer_against_none) {
    case Outcome::confirmed: return "LayerNorm does better than no normalisation at all";
    case Outcome::no_material_difference: return "No normalisation at all does as well as LayerNorm";
    case Outcome::reversed: return "No normalisation at all does better than LayerNorm";
    default: return "No normalisation at all is not shown to do worse than LayerNorm";
  }
}

}  // namespace

/// Pre-norm networks with LayerNorm, BatchNorm and none, on shuffled batches.
Claim measure_accuracy(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "0", "LayerNorm makes a transformer more accurate than BatchNorm");
  const int seeds = laboratory.seeds(kAccuracySeeds);
  const std::array<Norm, 3> norms{Norm::layer, Norm::batch, Norm::none};
  std::vector<TrainOptions> wanted;
  for (int s = 0; s < seeds; ++s)
    for (const Norm norm : norms) wanted.push_back(laboratory.main_training(norm, s));
  const auto all = laboratory.trained(wanted, "the main comparison");
  std::array<Runs, 3> by_norm;
  for (std::size_t i = 0; i < all.size(); ++i) by_norm[i % norms.size()].push_back(all[i]);
  const Baselines& baselines = laboratory.baselines();

  claim.verdict = compare(laboratory, by_norm[0], by_norm[1]);
  const Verdict against_none = compare(laboratory, by_norm[0], by_norm[2]);
  if (against_none.outcome != Outcome::not_judged)
    claim.second = fmt::format("{}: {}.", against_none_text(against_none.outcome), against_none.detail);
  claim.setup = setup_text(wanted.front(), seeds);
  claim.spread = kSpread;
  claim.sentence = fmt::format(
      "LayerNorm reaches {} %, BatchNorm {} %, no normalisation at all {} %. Naive Bayes, which counts letter groups, "
      "reaches "
      "{:.1f} % (n ≤ 3) and {:.1f} % (n ≤ 5).",
      points_text(by_norm[0]), points_text(by_norm[1]), points_text(by_norm[2]), 100 * baselines.naive_bayes_3,
      100 * baselines.naive_bayes_5);
  claim.measurements = {{"network", "accuracy, %", "mean training loss", "LayerNorm against it"}, {}};
  for (std::size_t n = 0; n < norms.size(); ++n) {
    std::vector<double> losses;
    for (const Trained* run : by_norm[n])
      if (run->complete()) losses.push_back(run->mean_loss);
    add_seeds(claim, "shuffled batches of 64", by_norm[n]);
    claim.measurements.rows.push_back({norm_name(norms[n]), points_text(by_norm[n]),
                                       losses.empty() ? "–" : fmt::format("{:.3f}", summarize(losses).mean),
                                       n == 0 ? "" : cell_text(compare(laboratory, by_norm[0], by_norm[n]))});
  }
  claim.measurements.rows.push_back(
      {"naive Bayes, n ≤ 3", fmt::format("{:.1f}", 100 * baselines.naive_bayes_3), "", ""});
  claim.measurements.rows.push_back(
      {"naive Bayes, n ≤ 5", fmt::format("{:.1f}", 100 * baselines.naive_bayes_5), "", ""});
  return claim;
}

}  // namespace norm_study
