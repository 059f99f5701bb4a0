// Claim 4: BatchNorm ties the sequences of a batch together.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

#include "console/interrupt.hpp"
#include "console/terminal.hpp"
#include "norm_study/claims.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"
#include "word_lists/letters.hpp"
#include "word_lists/word_list.hpp"

namespace norm_study {
namespace tg = tapegrad;
namespace {

constexpr std::size_t kCompanies = 20, kCompanySize = 64;
constexpr std::size_t kWatched = 640;                              // words, ten batches of 64
constexpr std::size_t kJacobianWords = 20, kFewJacobianWords = 4;  // the latter where 0 is expected
constexpr std::int64_t kPadded = 24;  // all companies have as many positions: the longest word's

struct Answer {
  std::size_t language = 0;
  std::vector<double> probabilities;
};

/// Watched words in one partition into batches.
struct Company {
  std::vector<Answer> answers;         // of each watched word
  std::vector<std::size_t> neighbour;  // of each: one word that shares its batch
};

Company keep_company(WordClassifier& model, const Laboratory& laboratory, const std::vector<std::size_t>& watched,
                     std::size_t which) {
  tg::Generator generator(laboratory.options().seed * 1000 + 100 + which);
  const std::vector<std::size_t> order = shuffled_indices(watched.size(), generator);
  Company company{std::vector<Answer>(watched.size()), std::vector<std::size_t>(watched.size())};
  for (std::size_t first = 0; first < order.size(); first += kCompanySize) {
    const std::size_t count = std::min(kCompanySize, order.size() - first);
    std::vector<std::size_t> picks;
    for (std::size_t i = 0; i < count; ++i) picks.push_back(watched[order[first + i]]);
    const tg::Tensor probabilities =
        tg::softmax(logits_of(model, make_batch(laboratory.corpus().test, picks, kPadded)));
    const auto values = probabilities.to_vector<float>();
    const std::size_t languages = word_lists::kLanguages.size();
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = values.begin() + static_cast<std::ptrdiff_t>(i * languages);
      Answer& answer = company.answers[order[first + i]];
      answer.probabilities.assign(row, row + static_cast<std::ptrdiff_t>(languages));
      answer.language =
          static_cast<std::size_t>(std::max_element(row, row + static_cast<std::ptrdiff_t>(languages)) - row);
      company.neighbour[order[first + i]] = watched[order[first + (i + 1) % count]];
    }
  }
  return company;
}

/// The same words in all companies, in training mode without a trace in the running statistics.
std::vector<Company> keep_companies(const WordClassifier& model, const Laboratory& laboratory,
                                    const std::vector<std::size_t>& watched) {
  std::vector<Company> companies(kCompanies);
  run_side_by_side(kCompanies, laboratory.threads(), [&](std::size_t c) {
    WordClassifier own = model;
    own.train();
    own.set_tracking(false);
    companies[c] = keep_company(own, laboratory, watched, c);
  });
  return companies;
}

std::size_t distinct_answers(const std::vector<Company>& companies, std::size_t word) {
  std::set<std::size_t> languages;
  for (const Company& company : companies) languages.insert(company.answers[word].language);
  return languages.size();
}

/// How much a word's answer moves: the number of different ones beyond the first, times the range of the right
/// language's probability.
double unrest(const Laboratory& laboratory, const std::vector<Company>& companies,
              const std::vector<std::size_t>& watched, std::size_t word) {
  const auto truth = static_cast<std::size_t>(laboratory.corpus().test[watched[word]].language);
  double low = 1, high = 0;
  for (const Company& company : companies) {
    low = std::min(low, company.answers[word].probabilities[truth]);
    high = std::max(high, company.answers[word].probabilities[truth]);
  }
  return static_cast<double>(distinct_answers(companies, word) - 1) * (high - low);
}

/// The most that any probability of any word moves between two companies.
double largest_move(const std::vector<Company>& companies) {
  double most = 0;
  for (std::size_t w = 0; w < companies.front().answers.size(); ++w) {
    for (std::size_t l = 0; l < word_lists::kLanguages.size(); ++l) {
      double low = 1, high = 0;
      for (const Company& company : companies) {
        low = std::min(low, company.answers[w].probabilities[l]);
        high = std::max(high, company.answers[w].probabilities[l]);
      }
      most = std::max(most, high - low);
    }
  }
  return most;
}

/// norm(J_ij)^2 for all j, J_ij = d logits_i / d embedding_j.
std::vector<double> squared_jacobian(WordClassifier& model, const Batch& batch, std::int64_t i) {
  const auto logits = [&](const tg::Tensor& embedded) { return model.classify(embedded, batch.mask)[i]; };
  const tg::Tensor jacobian = tg::jacobian(logits, model.embed(batch));  // [languages, N, L, E]
  return tg::sum(tg::square(jacobian.to(tg::float64)), {0, 2, 3}).to_vector<double>();
}

/// How much a word's logits depend on the other words of its batch: of the norms of J_ij, the other words' over the
/// whole, and of their squares. Means over words.
struct Dependence {
  double norms = 0, squares = 0;
};

/// Of `words` words, each among `size` - 1 companions of its own.
Dependence cross_dependence(WordClassifier& model, const Laboratory& laboratory, std::size_t size, std::size_t words) {
  Dependence mean;
  for (std::size_t w = 0; w < words; ++w) {
    const std::vector<std::size_t> picks = laboratory.random_test_words(size, 300 + w);
    const double rho = norm_of_others(squared_jacobian(model, make_batch(laboratory.corpus().test, picks), 0), 0);
    mean.norms += rho / static_cast<double>(words);
    mean.squares += rho * rho / static_cast<double>(words);
  }
  return mean;
}

/// Largest difference between the Jacobian of one BatchNorm layer and (gamma / sigma)(delta_ij - 1/n - xhat_i xhat_j /
/// n).
double closed_form_difference(std::uint64_t seed) {
  constexpr std::int64_t n = 12;
  constexpr double epsilon = 1e-5;
  tg::Generator generator(seed);
  const tg::Tensor x = tg::randn({n, 1}, generator, {.dtype = tg::float64});
  const double gamma = 1.7;
  const auto layer = [&](const tg::Tensor& values) {
    return tg::batch_norm(values, tg::full({1}, gamma, {.dtype = tg::float64}), {}, {.eps = epsilon}).y;
  };
  const auto jacobian = tg::jacobian(layer, x).to_vector<double>();  // [n, 1, n, 1]
  const auto values = x.to_vector<double>();
  double mean = 0, variance = 0;
  for (const double v : values) mean += v / n;
  for (const double v : values) variance += (v - mean) * (v - mean) / n;
  const double sigma = std::sqrt(variance + epsilon);
  double most = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      const double at_i = (values[static_cast<std::size_t>(i)] - mean) / sigma;
      const double at_j = (values[static_cast<std::size_t>(j)] - mean) / sigma;
      const double wanted = gamma / sigma * ((i == j ? 1.0 : 0.0) - 1.0 / n - at_i * at_j / n);
      most = std::max(most, std::abs(jacobian[static_cast<std::size_t>(i * n + j)] - wanted));
    }
  }
  return most;
}

std::string word_text(const Laboratory& laboratory, std::size_t index) {
  return word_lists::to_utf8(laboratory.corpus().data.test[index].letters);
}

/// Line after line: the same word, the same weights, another company.
void show_companies(const Laboratory& laboratory, const std::vector<Company>& batch, const std::vector<Company>& layer,
                    std::size_t word) {
  const Narrator& narrator = laboratory.narrator();
  const int width = narrator.width();
  const bool companions = width >= 90;
  const int bar = std::clamp(width - 52 - (companions ? 26 : 0), 0, 20);
  narrator.line(
      fmt::format("    {}{}{}", companions ? console::fit("in company with", 26) : "",
                  console::fit(bar >= 8 ? "BatchNorm, training mode" : "BatchNorm", static_cast<std::size_t>(bar) + 20),
                  "LayerNorm"));
  std::size_t last = word_lists::kLanguages.size();
  for (std::size_t c = 0; c < kCompanies; ++c) {
    const Answer& b = batch[c].answers[word];
    const Answer& l = layer[c].answers[word];
    const bool changed = last != word_lists::kLanguages.size() && b.language != last;
    last = b.language;
    const std::string company =
        companions ? console::fit(fmt::format("{}, …", word_text(laboratory, batch[c].neighbour[word])), 26) : "";
    narrator.line(fmt::format(
        " {:2} {}{}{} {:3.0f} %  {}{:.4f} %", c + 1, company,
        painted(console::fit(word_lists::kLanguages[b.language].name, 12), changed ? 33 : 1, narrator.colour()),
        painted(bar_text(b.probabilities[b.language], bar), 33, narrator.colour()), 100 * b.probabilities[b.language],
        painted(console::fit(word_lists::kLanguages[l.language].name, 12), 36, narrator.colour()),
        100 * l.probabilities[l.language]));
    narrator.pause(150);
    if (console::interrupted()) return;
  }
}

StripPlot strip_plot(const Laboratory& laboratory, const std::vector<Company>& batch, const std::vector<Company>& layer,
                     std::size_t word, std::size_t test_index) {
  const auto truth = static_cast<std::size_t>(laboratory.corpus().test[test_index].language);
  std::vector<std::size_t> seen{truth};
  for (const auto* companies : {&batch, &layer}) {
    for (const Company& company : *companies) {
      const std::size_t language = company.answers[word].language;
      if (std::find(seen.begin(), seen.end(), language) == seen.end()) seen.push_back(language);
    }
  }
  const std::string_view right = word_lists::kLanguages[truth].name;
  StripPlot plot{.title = fmt::format("Probability of {} for “{}” in 20 batches of other companions", right,
                                      word_text(laboratory, test_index)),
                 .x_label = fmt::format("probability of {}; the mark is the answer", right),
                 .categories = {},
                 .rows = {}};
  for (const std::size_t language : seen) plot.categories.emplace_back(word_lists::kLanguages[language].name);
  const auto row = [&](std::string label, const std::vector<Company>& companies) {
    const std::size_t answers = distinct_answers(companies, word);
    StripPlot::Row r{
        std::move(label),
        answers == 1 ? "20 companies, one answer" : fmt::format("20 companies, {} different answers", answers),
        {}};
    for (const Company& company : companies) {
      const Answer& a = company.answers[word];
      const auto category = std::find(seen.begin(), seen.end(), a.language) - seen.begin();
      r.points.push_back({a.probabilities[truth], static_cast<std::size_t>(category)});
    }
    plot.rows.push_back(std::move(r));
  };
  row("BatchNorm, training mode", batch);
  row("LayerNorm", layer);
  return plot;
}

HeatMap heat_map(WordClassifier& model, const Laboratory& laboratory) {
  const std::vector<std::size_t> picks = laboratory.random_test_words(8, 298);
  const Batch batch = make_batch(laboratory.corpus().test, picks);
  HeatMap map{.title = "How much the logits of each word depend on the letters of each other: BatchNorm, batch of 8",
              .x_label = "embedding of",
              .y_label = "logits of",
              .rows = {},
              .columns = {},
              .values = {},
              .value_label = "norm of the Jacobian"};
  for (std::size_t i = 0; i < picks.size(); ++i) {
    map.rows.push_back(word_text(laboratory, picks[i]));
    map.columns.push_back(fmt::format("{}", i + 1));
    for (const double square : squared_jacobian(model, batch, static_cast<std::int64_t>(i)))
      map.values.push_back(std::sqrt(square));
  }
  return map;
}

}  // namespace

/// The same weights, the same word, 20 batches of other words: the answers, then the Jacobian across the batch by the
/// engine's own jacobian, and one BatchNorm layer's against its closed form.
Claim measure_company(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "4", "BatchNorm ties the sequences of a batch together");
  const Narrator& narrator = laboratory.narrator();
  WordClassifier layer = laboratory.reference(Norm::layer), batch = laboratory.reference(Norm::batch);

  const std::vector<std::size_t> watched = laboratory.random_test_words(kWatched, 4);
  const std::vector<Company> by_batch = keep_companies(batch, laboratory, watched);
  const std::vector<Company> by_layer = keep_companies(layer, laboratory, watched);
  std::size_t word = 0, moved_batch = 0, moved_layer = 0;
  for (std::size_t w = 0; w < watched.size(); ++w) {
    if (unrest(laboratory, by_batch, watched, w) > unrest(laboratory, by_batch, watched, word)) word = w;
    moved_batch += distinct_answers(by_batch, w) > 1 ? 1 : 0;
    moved_layer += distinct_answers(by_layer, w) > 1 ? 1 : 0;
  }
  const auto share = [&](std::size_t moved) {
    return 100.0 * static_cast<double>(moved) / static_cast<double>(watched.size());
  };
  const std::string shown = word_text(laboratory, watched[word]);
  narrator.heading(fmt::format(
      "One word, “{}” ({}), in 20 batches of 64: only its companions change", shown,
      word_lists::kLanguages[static_cast<std::size_t>(laboratory.corpus().test[watched[word]].language)].name));
  show_companies(laboratory, by_batch, by_layer, word);
  const double layer_move = largest_move(by_layer);
  // The Jacobian across the batch.
  const std::array<std::size_t, 5> sizes{2, 4, 8, 16, 64};
  std::array<Dependence, 5> batch_on_others{}, layer_on_others{};
  double rho_none = 0, rho_rms = 0, rho_evaluation = 0, closed_form = 0;
  HeatMap map;
  run_side_by_side(2 * sizes.size() + 1, laboratory.threads(), [&](std::size_t job) {
    if (console::interrupted()) return;
    if (job < 2 * sizes.size()) {
      // The largest batches first: they take longest.
      const std::size_t s = sizes.size() - 1 - job / 2;
      WordClassifier own = job % 2 == 0 ? batch : layer;
      own.train();
      own.set_tracking(false);
      (job % 2 == 0 ? batch_on_others : layer_on_others)[s] =
          cross_dependence(own, laboratory, sizes[s], job % 2 == 0 ? kJacobianWords : kFewJacobianWords);
      return;
    }
    WordClassifier own = batch;
    own.train();
    own.set_tracking(false);
    map = heat_map(own, laboratory);
    own.eval();
    rho_evaluation = cross_dependence(own, laboratory, 8, kFewJacobianWords).norms;
    for (auto& [norm, rho] : {std::pair{Norm::none, &rho_none}, std::pair{Norm::rms, &rho_rms}}) {
      WordClassifier untrained(laboratory.training({.norm = norm}, 1, 0).model, laboratory.options().seed);
      *rho = cross_dependence(untrained, laboratory, 8, kFewJacobianWords).norms;
    }
    closed_form = closed_form_difference(laboratory.options().seed);
  });
  if (console::interrupted()) {
    claim.verdict.detail = "stopped";
    return claim;
  }
  double layer_most = 0;
  for (const Dependence& d : layer_on_others) layer_most = std::max(layer_most, d.norms);
  const std::vector<ExactCheck> checks{
      {"ρ of LayerNorm", layer_most, Bound::equal_to, 0},
      {"of RMSNorm and no normalisation, untrained", std::max(rho_none, rho_rms), Bound::equal_to, 0},
      {"of BatchNorm in evaluation", rho_evaluation, Bound::equal_to, 0},
      {"of BatchNorm in training, batch of 64", batch_on_others.back().norms, Bound::above, 1e-3},
      {"one BatchNorm layer against the closed form", closed_form, Bound::at_most, 1e-10}};
  claim.verdict = exact_verdict(checks, true);
  claim.setup = fmt::format(
      "{}; answers in 20 companies; ρ is the mean over {} words, each with companions of its own ({} words where 0 is "
      "expected); RMSNorm and no normalisation: untrained networks, batches of 8",
      laboratory.reference_setup(), kJacobianWords, kFewJacobianWords);
  claim.sentence = fmt::format(
      "The same word and the same weights in 20 batches of 64: BatchNorm in training mode changes its answer to {:.0f} "
      "% of {} "
      "words (“{}” moves most: {} answers), LayerNorm to {:.0f} % (its probabilities move by {:.2g} at most). ρ, "
      "the norm of the logits' Jacobian with respect to the other words over its norm with respect to all, is {:.2f} "
      "in a batch of 2 and {:.2f} in one of 64 with BatchNorm (ρ², the share of the squared norm: {:.2f} and {:.3f}), "
      "and exactly 0 with LayerNorm.",
      share(moved_batch), watched.size(), shown, distinct_answers(by_batch, word), share(moved_layer), layer_move,
      batch_on_others.front().norms, batch_on_others.back().norms, batch_on_others.front().squares,
      batch_on_others.back().squares);
  LineChart dependence{
      .title = "Norm of a word's Jacobian with respect to the other words, over that with respect to all",
      .x_label = "words in the batch",
      .y_label = "ρ",
      .series = {},
      .references = {},
      .x_ticks = {},
      .log_x = true};
  for (const std::size_t size : sizes) dependence.x_ticks.push_back(static_cast<double>(size));
  for (const auto& [norm, values] :
       {std::pair{Norm::batch, &batch_on_others}, std::pair{Norm::layer, &layer_on_others}}) {
    std::vector<double> rho;
    for (const Dependence& d : *values) rho.push_back(d.norms);
    dependence.series.push_back({.name = norm_name(norm),
                                 .colour = norm_colour(norm),
                                 .x = dependence.x_ticks,
                                 .y = std::move(rho),
                                 .low = {},
                                 .high = {}});
  }
  claim.charts = {strip_plot(laboratory, by_batch, by_layer, word, watched[word]), dependence, map};
  claim.measurements = {{"words in the batch", "ρ of BatchNorm", "ρ² (share of the squared norm)", "ρ of LayerNorm"},
                        {}};
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    claim.measurements.rows.push_back({fmt::format("{}", sizes[s]), fmt::format("{:.3f}", batch_on_others[s].norms),
                                       fmt::format("{:.3f}", batch_on_others[s].squares),
                                       fmt::format("{:.3g}", layer_on_others[s].norms)});
  }
  return claim;
}

}  // namespace norm_study
