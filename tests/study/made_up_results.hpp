// Results that nobody measured, to see how they are told.
#pragma once

#include <cmath>

#include "norm_study/report.hpp"

inline norm_study::StudyResults made_up_results() {
  using namespace norm_study;
  StudyResults results{
      .title = "LayerNorm or BatchNorm?",
      .subtitle = "A small transformer names the language of a word. Each belief about its normalisation, measured.",
      .command = "norm_study --seed 1 --out <folder> & \"more\"",
      .machine = "2 threads, 184 s",
      .claims = {},
      .runs = {},
      .runs_setup = "500 steps, batch 64, 5 seeds",
      .setup = {{"setting", "value"}, {{"optimiser", "AdamW"}}},
      .baselines = {.naive_bayes_3 = 0.803, .naive_bayes_5 = 0.842},
      .words = std::nullopt,
      .findings = {"LayerNorm wins on independence, not on accuracy.", "Length-bucketed batches hurt BatchNorm."}};

  StripPlot companions{.title = "Probability of Danish for “bestemme” in 20 batches of different companions",
                       .x_label = "probability that the network gives to Danish",
                       .categories = {"Danish", "Norwegian", "Swedish", "Dutch", "German", "Polish", "English"},
                       .rows = {{"BatchNorm, training mode", "20 companies, 7 different answers", {}},
                                {"LayerNorm", "20 companies, one answer, equal to the last bit", {}}}};
  for (std::size_t i = 0; i < 20; ++i) {
    const double value = 0.5 + 0.45 * std::sin(static_cast<double>(7 * i + 3));
    companions.rows[0].points.push_back({value, value > 0.5 ? 0 : i % 7});
    companions.rows[1].points.push_back({0.71, 0});
  }
  HeatMap jacobian{.title = "How much each word's logits depend on each other word's letters",
                   .x_label = "embedding of word",
                   .y_label = "logits of word",
                   .rows = {"1", "2", "3", "4", "5", "6", "7", "8"},
                   .columns = {"1", "2", "3", "4", "5", "6", "7", "8"},
                   .values = {},
                   .value_label = "norm of the Jacobian"};
  for (int i = 0; i < 64; ++i) jacobian.values.push_back(i / 8 == i % 8 ? 1.0 : 0.1 + 0.03 * (i * 37 % 7));

  const auto line = [](std::string name, Colour colour, std::vector<double> x, std::vector<double> y) {
    Series series{
        .name = std::move(name), .colour = colour, .x = std::move(x), .y = std::move(y), .low = {}, .high = {}};
    for (const double v : series.y) {
      series.low.push_back(v - 1.1);
      series.high.push_back(v + 1.1);
    }
    return series;
  };
  const std::vector<double> sizes{2, 4, 8, 16, 32, 64};
  LineChart ghost{.title = "Accuracy by the number of words that share their statistics",
                  .x_label = "words to one set of statistics (the optimiser's batch stays 64)",
                  .y_label = "accuracy, %",
                  .series = {line("BatchNorm", Colour::orange, sizes, {55.2, 59.8, 61.8, 63.0, 63.1, 63.0}),
                             line("LayerNorm", Colour::blue, sizes, {62.2, 62.2, 62.2, 62.2, 62.2, 62.2})},
                  .references = {{80.3, "naive Bayes, n ≤ 3"}},
                  .x_ticks = sizes,
                  .log_x = true};
  LineChart gradients{
      .title = "Gradient norm at the embedding",
      .x_label = "layers",
      .y_label = "norm of the gradient",
      .series = {{"post-BN", Colour::orange, {2, 4, 6, 8, 10, 12}, {1, 7, 60, 400, 1900, 3150}, {}, {}},
                 {"pre-LN", Colour::blue, {2, 4, 6, 8, 10, 12}, {0.1, 0.12, 0.15, 0.19, 0.21, 0.25}, {}, {}},
                 {"none", Colour::grey, {2, 4, 6, 8, 10, 12}, {0.3, 0.4, 0.6, 1.1, 2.2, 4.0}, {}, {}}},
      .references = {},
      .x_ticks = {},
      .log_y = true};
  BarChart bucketing{.title = "Accuracy after training on shuffled and on length-bucketed batches",
                     .x_label = "accuracy, %",
                     .categories = {"shuffled", "bucketed"},
                     .bars = {{"LayerNorm", Colour::blue, {62.2, 59.5}, {61.1, 58.2}, {63.3, 60.8}},
                              {"BatchNorm", Colour::orange, {63.0, 53.0}, {62.2, 51.8}, {63.9, 54.1}},
                              {"none", Colour::grey, {62.8, 58.8}, {}, {}}},
                     .references = {{80.3, "naive Bayes, n ≤ 3"}, {8.3, "chance"}}};

  const auto claim = [&](const std::string& id, std::string title, std::string sentence, Verdict verdict,
                         std::vector<Chart> charts) {
    Claim c{.id = id,
            .title = std::move(title),
            .sentence = std::move(sentence),
            .setup = "400 steps, batch 64, 3 seeds",
            .command = "./dev demo --claim " + id,
            .verdict = std::move(verdict),
            .charts = std::move(charts),
            .measurements = {{"norm", "shuffled, %", "bucketed, %"},
                             {{"LayerNorm", "62.2", "59.5"}, {"BatchNorm, masked", "63.0", "53.0"}}}};
    results.claims.push_back(std::move(c));
  };
  claim("1", "LayerNorm works over features, BatchNorm over the batch",
        "Each token has mean 0 after LayerNorm, each feature after BatchNorm.",
        {Outcome::holds, "largest |mean| 2.4e-07 (wanted: at most 1e-05)", true}, {});
  claim("3a", "BatchNorm suffers where 2 words share its statistics",
        "With statistics over 2 words BatchNorm loses 7 points; from 8 words on nothing.",
        {Outcome::inconclusive,
         "+1.4 [-0.8, +3.6] points, 3 seeds; if mean and scatter stay as they are, about 9 seeds would settle it"},
        {ghost});
  claim("3d", "Variable lengths hurt BatchNorm",
        "Batches of words of one length cost BatchNorm ten points and LayerNorm three.",
        {Outcome::confirmed, "+6.5 [+5.1, +7.9] points, 3 seeds"}, {bucketing});
  results.claims.back().seeds = {{"LayerNorm", "shuffled", 1, 0.622}, {"BatchNorm, unmasked", "bucketed", 2, 0.53}};
  claim("4", "BatchNorm ties the sequences of a batch together",
        "The same word, the same weights, twenty different companies: BatchNorm's answer moves with them, LayerNorm's "
        "does not.",
        {Outcome::holds, "rho 0 for LayerNorm (wanted: exactly 0); 0.32 for BatchNorm (wanted: above 0.001)", true},
        {companions, jacobian});
  claim("5", "LayerNorm evens out concatenated heads",
        "The ratio of the heads stays as it was: LayerNorm scales a token as a whole.",
        {Outcome::fails, "after/before 1 (wanted: at most 0.5)"}, {});
  claim("6a", "LayerNorm smooths the flow of gradients", "Nothing explodes at these depths.",
        {Outcome::no_material_difference, "+0.1 [-0.2, +0.4] points, 5 seeds"}, {gradients});

  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    for (const auto& [norm, colour, top] :
         {std::tuple{"LayerNorm", Colour::blue, 71.0}, std::tuple{"BatchNorm", Colour::orange, 72.3},
          std::tuple{"none", Colour::grey, 70.1}}) {
      TrainingRun run{.norm = norm, .colour = colour, .seed = seed, .points = {}};
      for (int step = 0; step <= 500; step += 20) {
        const double learnt = 1 - std::exp(-step / 110.0) + 0.02 * std::sin(step * 0.7 + static_cast<double>(seed));
        run.points.push_back({step, 2.48 - 1.6 * learnt, 0.083 + (top / 100 - 0.083) * learnt});
      }
      results.runs.push_back(run);
    }
  }
  return results;
}
