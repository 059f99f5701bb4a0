// Claims 3a and 3d: what small batches, and batches of words of one length, do to BatchNorm's training.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "norm_study/claims.hpp"

namespace norm_study {
namespace {

constexpr std::int64_t kSteps = 400;
constexpr int kBatchSeeds = 3;

struct Bar {
  double value = 0, low = 0, high = 0;
};
Bar bar_of(const Runs& runs) {
  const std::vector<double> values = points(runs);
  if (values.empty()) return {};
  const Summary s = summarize(values);
  return {s.mean, s.mean - s.deviation, s.mean + s.deviation};
}

constexpr std::array<std::int64_t, 6> kGhosts{2, 4, 8, 16, 32, 64};  // words that share BatchNorm's statistics

struct GhostRuns {
  TrainOptions options;  // of LayerNorm's first
  Runs layer;
  std::array<Runs, kGhosts.size()> batch;

  const Runs& smallest() const { return batch.front(); }
  const Runs& largest() const { return batch.back(); }
};

/// All at once, so that no core waits for the last network of a group; seed after seed, so that a run that is stopped
/// has whole pairs.
GhostRuns train_ghosts(Laboratory& laboratory, int seeds) {
  const std::int64_t steps = laboratory.steps(kSteps);
  std::vector<TrainOptions> wanted;
  for (int s = 0; s < seeds; ++s) {
    wanted.push_back(laboratory.training({.norm = Norm::layer}, steps, s));
    for (const std::int64_t size : kGhosts)
      wanted.push_back(laboratory.training({.norm = Norm::batch, .ghost = size == 64 ? 0 : size}, steps, s));
  }
  const Runs all = laboratory.trained(wanted, "statistics over fewer words");
  GhostRuns runs{wanted.front(), {}, {}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t which = i % (1 + kGhosts.size());
    (which == 0 ? runs.layer : runs.batch[which - 1]).push_back(all[i]);
  }
  return runs;
}

/// A comparison for each number of words, as one with BatchNorm over them.
template <class Compare>
std::vector<Outcome> outcomes(const GhostRuns& runs, std::size_t count, const Compare& compared_with) {
  std::vector<Outcome> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(compared_with(runs.batch[i]).outcome);
  return all;
}

Table ghost_table(const Laboratory& laboratory, const GhostRuns& runs) {
  Table table{{"words to one set of statistics", "BatchNorm, %", "BatchNorm over 64 − over these", "LayerNorm, %",
               "LayerNorm − BatchNorm"},
              {}};
  for (std::size_t i = 0; i < kGhosts.size(); ++i) {
    const bool whole = i + 1 == kGhosts.size();
    table.rows.push_back({fmt::format("{}", kGhosts[i]), points_text(runs.batch[i]),
                          whole ? "" : cell_text(compare(laboratory, runs.largest(), runs.batch[i])),
                          points_text(runs.layer), cell_text(compare(laboratory, runs.layer, runs.batch[i]))});
  }
  return table;
}

/// None while a kind has no complete run.
std::vector<Chart> ghost_charts(const Laboratory& laboratory, const GhostRuns& runs) {
  Series ghost{.name = "BatchNorm", .colour = Colour::orange};
  Series steady{.name = "LayerNorm", .colour = Colour::blue};
  for (std::size_t i = 0; i < kGhosts.size(); ++i) {
    add_point(ghost, static_cast<double>(kGhosts[i]), runs.batch[i]);
    add_point(steady, static_cast<double>(kGhosts[i]), runs.layer);
  }
  if (ghost.x.empty() || steady.x.empty()) return {};
  return {LineChart{.title = "Accuracy by the number of words that share their statistics",
                    .x_label = "words to one set of statistics (the optimiser's batch stays 64)",
                    .y_label = "accuracy, %",
                    .series = {std::move(ghost), std::move(steady)},
                    .references = {accuracy_references(laboratory.baselines()).front()},
                    .x_ticks = {kGhosts.begin(), kGhosts.end()},
                    .log_x = true}};
}

constexpr std::array<Norm, 4> kBucketed{Norm::layer, Norm::batch, Norm::batch_unmasked, Norm::none};

/// For each of kBucketed: shuffled batches are the control, batches of words of one length the treatment.
struct BucketRuns {
  TrainOptions options;  // of the first
  std::array<Treatment, kBucketed.size()> by_norm;

  const Treatment& layer() const { return by_norm[0]; }
  const Treatment& batch() const { return by_norm[1]; }
};

/// All at once, seed after seed, as the ghosts.
BucketRuns train_buckets(Laboratory& laboratory, int seeds) {
  const std::int64_t steps = laboratory.steps(kSteps);
  std::vector<TrainOptions> wanted;
  for (int s = 0; s < seeds; ++s) {
    for (const BatchOrder order : {BatchOrder::by_length, BatchOrder::shuffled}) {
      for (const Norm norm : kBucketed) {
        wanted.push_back(laboratory.training({.norm = norm}, steps, s));
        wanted.back().order = order;
      }
    }
  }
  const Runs all = laboratory.trained(wanted, "batches of one length");
  BucketRuns runs{wanted.front(), {}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    Treatment& norm = runs.by_norm[i % kBucketed.size()];
    (wanted[i].order == BatchOrder::by_length ? norm.treated : norm.control).push_back(all[i]);
  }
  return runs;
}

Table bucket_table(const Laboratory& laboratory, const BucketRuns& runs) {
  Table table{{"network", "shuffled, %", "bucketed, %", "its loss", "its loss − LayerNorm's"}, {}};
  for (std::size_t n = 0; n < kBucketed.size(); ++n) {
    const auto& [shuffled, bucketed] = runs.by_norm[n];
    const bool itself = kBucketed[n] == Norm::layer;
    table.rows.push_back({norm_name(kBucketed[n]), points_text(shuffled), points_text(bucketed),
                          cell_text(compare(laboratory, shuffled, bucketed)),
                          itself ? "" : cell_text(compare_losses(laboratory, runs.by_norm[n], runs.layer()))});
  }
  return table;
}

BarChart bucket_chart(const Laboratory& laboratory, const BucketRuns& runs) {
  BarChart chart{.title = "Accuracy after training on shuffled and on length-bucketed batches",
                 .x_label = "accuracy, %",
                 .categories = {"shuffled", "bucketed"},
                 .references = accuracy_references(laboratory.baselines())};
  for (std::size_t n = 0; n < kBucketed.size(); ++n) {
    const Bar a = bar_of(runs.by_norm[n].control), b = bar_of(runs.by_norm[n].treated);
    chart.bars.push_back(
        {norm_name(kBucketed[n]), norm_colour(kBucketed[n]), {a.value, b.value}, {a.low, b.low}, {a.high, b.high}});
  }
  return chart;
}

}  // namespace

/// Ghost batches (Hoffer et al. 2017): the optimiser's batch stays 64, BatchNorm's statistics are those of 2 ... 64
/// words. The verdict is on what statistics over 2 words cost against those over 64.
Claim measure_ghost_batches(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "3a", "BatchNorm suffers where 2 words share its statistics");
  const int seeds = laboratory.seeds(kBatchSeeds);
  const GhostRuns runs = train_ghosts(laboratory, seeds);
  claim.verdict = compare(laboratory, runs.largest(), runs.smallest(), "BatchNorm over 64 words − over 2");
  claim.setup = setup_text(runs.options, seeds);
  claim.spread = kSpread;
  add_seeds(claim, "shuffled batches of 64", runs.layer);
  for (std::size_t i = 0; i < kGhosts.size(); ++i)
    add_seeds(claim, fmt::format("statistics over {} words", kGhosts[i]), runs.batch[i]);

  const bool judged = claim.verdict.outcome != Outcome::not_judged;
  const auto loses_until = unconfirmed_from(outcomes(
      runs, kGhosts.size() - 1, [&](const Runs& fewer) { return compare(laboratory, runs.largest(), fewer); }));
  const auto trails_until = unconfirmed_from(
      outcomes(runs, kGhosts.size(), [&](const Runs& batch) { return compare(laboratory, runs.layer, batch); }));
  claim.second =
      "LayerNorm − BatchNorm over 2 words: " + outcome_text(compare(laboratory, runs.layer, runs.smallest())) + ".";
  if (judged) {
    claim.second += trails_until
                        ? fmt::format(" From {} words on LayerNorm is not shown to be ahead.", kGhosts[*trails_until])
                        : std::string(" Over 64 words it is still ahead.");
  }
  std::string losing;
  if (judged) {
    losing = loses_until ? fmt::format("From {} words on BatchNorm is not shown to lose. ", kGhosts[*loses_until])
                         : std::string("Over 32 words it still loses. ");
  }
  claim.sentence = fmt::format(
      "With statistics over 2 words each BatchNorm reaches {} %, over all 64 {} %; LayerNorm reaches {} %. {}(naive "
      "Bayes, n ≤ "
      "3: {:.1f} %)",
      points_text(runs.smallest()), points_text(runs.largest()), points_text(runs.layer), losing,
      100 * laboratory.baselines().naive_bayes_3);
  claim.measurements = ghost_table(laboratory, runs);
  claim.charts = ghost_charts(laboratory, runs);
  return claim;
}

/// Batches cut from the words in order of their length, as is done to save padding, against shuffled ones. The verdict
/// is on what they cost BatchNorm beyond what they cost LayerNorm.
Claim measure_bucketing(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "3d", "Batches of words of one length hurt BatchNorm more than LayerNorm");
  const int seeds = laboratory.seeds(kBatchSeeds);
  const BucketRuns runs = train_buckets(laboratory, seeds);
  claim.verdict = compare_losses(laboratory, runs.batch(), runs.layer(), "BatchNorm's loss − LayerNorm's");
  claim.second = "LayerNorm − BatchNorm, both on batches of one length: " +
                 outcome_text(compare(laboratory, runs.layer().treated, runs.batch().treated)) + ".";
  claim.setup = setup_text(runs.options, seeds);
  claim.spread = kSpread;
  std::string losses;
  for (std::size_t n = 0; n < kBucketed.size(); ++n) {
    const auto& [shuffled, bucketed] = runs.by_norm[n];
    losses += fmt::format("{}{} from {} to {} %", losses.empty() ? "" : ", ", norm_name(kBucketed[n]),
                          points_text(shuffled), points_text(bucketed));
    add_seeds(claim, "shuffled", shuffled);
    add_seeds(claim, "bucketed", bucketed);
  }
  claim.sentence = fmt::format(
      "Batches of words of like length in place of shuffled ones change the accuracy of {}. (naive Bayes, n ≤ 3: "
      "{:.1f} %)",
      losses, 100 * laboratory.baselines().naive_bayes_3);
  claim.measurements = bucket_table(laboratory, runs);
  claim.charts = {bucket_chart(laboratory, runs)};
  return claim;
}

}  // namespace norm_study
