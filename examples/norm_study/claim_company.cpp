// Claim 4: BatchNorm ties the sequences of a batch together.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "console/bar.hpp"
#include "console/columns.hpp"
#include "console/interrupt.hpp"
#include "console/jobs.hpp"
#include "console/terminal.hpp"
#include "norm_study/claims.hpp"
#include "norm_study/cross_dependence.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "word_lists/word_list.hpp"

namespace norm_study {
namespace tg = tapegrad;
namespace {

constexpr std::size_t kCompanies = 20, kCompanySize = 64;
constexpr std::size_t kWatched = 640;  // words, ten batches of 64
constexpr std::int64_t kPadded = 24;   // all companies have as many positions: the longest word's

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
  console::run_side_by_side(kCompanies, laboratory.threads(), [&](std::size_t c) {
    WordClassifier own = in_training_mode(model);
    companies[c] = keep_company(own, laboratory, watched, c);
  });
  return companies;
}

std::size_t distinct_answers(const std::vector<Company>& companies, std::size_t word) {
  std::set<std::size_t> languages;
  for (const Company& company : companies) languages.insert(company.answers[word].language);
  return languages.size();
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

/// Of the watched words, those that are not answered alike in all companies, in %.
double percent_moved(const std::vector<Company>& companies) {
  const std::size_t words = companies.front().answers.size();
  std::size_t moved = 0;
  for (std::size_t w = 0; w < words; ++w) moved += distinct_answers(companies, w) > 1 ? 1 : 0;
  return 100.0 * static_cast<double>(moved) / static_cast<double>(words);
}

/// Watched words, and what either network answers them in all companies.
struct Watch {
  std::vector<std::size_t> words;     // which of the test words
  std::vector<Company> batch, layer;  // BatchNorm's and LayerNorm's answers
  std::size_t restless = 0;           // the watched word whose answers BatchNorm moves most
};

std::size_t language_of(const Laboratory& laboratory, std::size_t test_word) {
  return static_cast<std::size_t>(laboratory.corpus().test[test_word].language);
}

/// How much BatchNorm's answer to a watched word moves: the number of different ones beyond the first, times the range
/// of the right language's probability.
double unrest(const Laboratory& laboratory, const Watch& watch, std::size_t word) {
  const std::size_t truth = language_of(laboratory, watch.words[word]);
  double low = 1, high = 0;
  for (const Company& company : watch.batch) {
    low = std::min(low, company.answers[word].probabilities[truth]);
    high = std::max(high, company.answers[word].probabilities[truth]);
  }
  return static_cast<double>(distinct_answers(watch.batch, word) - 1) * (high - low);
}

Watch watch_words(const Laboratory& laboratory, const WordClassifier& batch, const WordClassifier& layer) {
  Watch watch;
  watch.words = laboratory.random_test_words(kWatched, 4);
  watch.batch = keep_companies(batch, laboratory, watch.words);
  watch.layer = keep_companies(layer, laboratory, watch.words);
  for (std::size_t w = 0; w < watch.words.size(); ++w) {
    if (unrest(laboratory, watch, w) > unrest(laboratory, watch, watch.restless)) watch.restless = w;
  }
  return watch;
}

/// Line after line: the most restless word, the same weights, another company.
void show_companies(const Laboratory& laboratory, const Watch& watch) {
  const Narrator& narrator = laboratory.narrator();
  const std::size_t test_word = watch.words[watch.restless];
  narrator.heading(
      fmt::format("The word that BatchNorm moves most, of {} words: “{}” ({}), in {} batches of {}: only its "
                  "companions change",
                  watch.words.size(), laboratory.word_text(test_word),
                  word_lists::kLanguages[language_of(laboratory, test_word)].name, kCompanies, kCompanySize));
  const std::size_t width = narrator.width();
  const bool companions = width >= 90;
  const std::size_t beside = 52 + (companions ? 26 : 0), widest = 20;
  const std::size_t columns = std::min(width - std::min(width, beside), widest);
  narrator.line(fmt::format("    {}{}{}", companions ? console::fit("in company with", 26) : "",
                            console::fit(columns >= 8 ? "BatchNorm, training mode" : "BatchNorm", columns + 20),
                            "LayerNorm"));
  std::size_t last = word_lists::kLanguages.size();
  for (std::size_t c = 0; c < kCompanies; ++c) {
    const Answer& b = watch.batch[c].answers[watch.restless];
    const Answer& l = watch.layer[c].answers[watch.restless];
    const bool changed = last != word_lists::kLanguages.size() && b.language != last;
    last = b.language;
    const std::string company =
        companions
            ? console::fit(fmt::format("{}, …", laboratory.word_text(watch.batch[c].neighbour[watch.restless])), 25) +
                  " "
            : "";
    narrator.line(fmt::format(
        " {:2} {}{}{} {:3.0f} %  {}{:.4f} %", c + 1, company,
        console::painted(console::fit(word_lists::kLanguages[b.language].name, 12), changed ? "33" : "1",
                         narrator.colour()),
        console::painted(console::bar(b.probabilities[b.language], columns, " "), "33", narrator.colour()),
        100 * b.probabilities[b.language],
        console::painted(console::fit(word_lists::kLanguages[l.language].name, 12), "36", narrator.colour()),
        100 * l.probabilities[l.language]));
    narrator.pause(150);
    if (console::interrupted()) return;
  }
}

/// The most restless word's right language in all companies.
StripPlot strip_plot(const Laboratory& laboratory, const Watch& watch) {
  const std::size_t word = watch.restless, truth = language_of(laboratory, watch.words[word]);
  std::vector<std::size_t> seen{truth};
  for (const auto* companies : {&watch.batch, &watch.layer}) {
    for (const Company& company : *companies) {
      const std::size_t language = company.answers[word].language;
      if (std::find(seen.begin(), seen.end(), language) == seen.end()) seen.push_back(language);
    }
  }
  const std::string_view right = word_lists::kLanguages[truth].name;
  StripPlot plot{
      .title = fmt::format("Probability of {} for “{}”, which BatchNorm moves most of {} words, in {} batches of "
                           "other companions",
                           right, laboratory.word_text(watch.words[word]), watch.words.size(), kCompanies),
      .x_label = fmt::format("probability of {}; the mark is the answer", right)};
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
  row("BatchNorm, training mode", watch.batch);
  row("LayerNorm", watch.layer);
  return plot;
}

std::string moved_by(double most) { return most == 0.0 ? "do not move" : fmt::format("move by {:.2g} at most", most); }

std::string company_sentence(const Laboratory& laboratory, const Watch& watch, const Dependences& found) {
  const Dependence &in_two = found.batch.front(), &in_64 = found.batch.back();
  return fmt::format(
      "The same word and the same weights in 20 batches of 64: BatchNorm in training mode changes its answer to {:.0f} "
      "% of {} "
      "words (“{}” moves most: {} answers), LayerNorm to {:.0f} % (its probabilities {}). ρ, "
      "the norm of the logits' Jacobian with respect to the other words over its norm with respect to all, is {:.2f} "
      "in a batch of 2 and {:.2f} in one of 64 with BatchNorm (ρ², the share of the squared norm: {:.2f} and {:.3f}), "
      "and exactly 0 with LayerNorm.",
      percent_moved(watch.batch), watch.words.size(), laboratory.word_text(watch.words[watch.restless]),
      distinct_answers(watch.batch, watch.restless), percent_moved(watch.layer), moved_by(largest_move(watch.layer)),
      in_two.norms, in_64.norms, in_two.squares, in_64.squares);
}

}  // namespace

/// The same weights, the same word, 20 batches of other words: the answers, then the Jacobian across the batch by the
/// engine's own jacobian, and one BatchNorm layer's against its closed form.
Claim measure_company(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "4", "BatchNorm ties the sequences of a batch together");
  const WordClassifier layer = laboratory.reference(Norm::layer), batch = laboratory.reference(Norm::batch);
  const Watch watch = watch_words(laboratory, batch, layer);
  show_companies(laboratory, watch);
  const Dependences found = measure_dependences(laboratory, batch, layer);
  if (console::interrupted()) {
    claim.verdict.detail = "stopped";
    return claim;
  }
  claim.verdict = exact_verdict(dependence_checks(found), true);
  claim.setup = fmt::format(
      "{}; answers in 20 companies; ρ is the mean over {} words, each with companions of its own ({} words where 0 is "
      "expected); RMSNorm and no normalisation: untrained networks, batches of 8",
      laboratory.reference_setup(), kJacobianWords, kFewJacobianWords);
  claim.sentence = company_sentence(laboratory, watch, found);
  claim.charts = {strip_plot(laboratory, watch), dependence_chart(found), found.map};
  claim.measurements = dependence_table(found);
  return claim;
}

}  // namespace norm_study
