#include "norm_study/naive_bayes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tapegrad/base/error.hpp"

namespace norm_study {
namespace {

// An n-gram is packed into 64 bits, 9 for a letter, behind a leading 1 that tells the orders apart.
constexpr unsigned kLetterBits = 9;
constexpr std::size_t kLargestOrder = 7;
constexpr std::uint64_t kBoundary = 1;
constexpr std::uint64_t kForeign = (1U << kLetterBits) - 1;  // every letter beyond Latin Extended-A

/// Calls visit(order, packed n-gram) for each n-gram of the word between its boundary marks.
template <class Visit>
void for_each_ngram(std::u32string_view word, std::size_t max_order, const Visit& visit) {
  std::vector<std::uint64_t> letters{kBoundary};
  for (const char32_t c : word) letters.push_back(std::min<std::uint64_t>(c, kForeign));
  letters.push_back(kBoundary);
  for (std::size_t begin = 0; begin < letters.size(); ++begin) {
    std::uint64_t packed = 1;
    for (std::size_t order = 1; order <= max_order && begin + order <= letters.size(); ++order) {
      packed = (packed << kLetterBits) | letters[begin + order - 1];
      if (order == 1 && letters[begin] == kBoundary) continue;  // the mark alone says nothing
      visit(order, packed);
    }
  }
}

}  // namespace

NaiveBayes::NaiveBayes(std::span<const LabelledWord> train, std::size_t num_languages, NaiveBayesOptions options)
    : num_languages_(num_languages), options_(options) {
  if (options.max_order < 1 || options.max_order > kLargestOrder) {
    throw tapegrad::ValueError(
        fmt::format("[naive_bayes] max_order must be 1 to {}, got {}", kLargestOrder, options.max_order));
  }
  if (!(options.smoothing > 0)) {
    throw tapegrad::ValueError(fmt::format("[naive_bayes] smoothing must be positive, got {}", options.smoothing));
  }
  std::vector<float> counts;
  std::vector<double> totals(options.max_order * num_languages, 0.0), distinct(options.max_order, 1.0),
      words(num_languages, 0.0);
  for (const LabelledWord& word : train) {
    if (word.language < 0 || static_cast<std::size_t>(word.language) >= num_languages) {
      throw tapegrad::ValueError(
          fmt::format("[naive_bayes] label {} is outside [0, {})", word.language, num_languages));
    }
    const auto language = static_cast<std::size_t>(word.language);
    words[language] += 1;
    for_each_ngram(word.letters, options.max_order, [&](std::size_t order, std::uint64_t packed) {
      const auto [row, added] = rows_.try_emplace(packed, static_cast<std::uint32_t>(rows_.size()));
      if (added) {
        counts.resize(counts.size() + num_languages, 0.0F);
        distinct[order - 1] += 1;
      }
      counts[row->second * num_languages + language] += 1;
      totals[(order - 1) * num_languages + language] += 1;
    });
  }
  const double smoothing = options.smoothing;
  log_odds_.resize(counts.size());
  std::transform(counts.begin(), counts.end(), log_odds_.begin(),
                 [&](float count) { return static_cast<float>(std::log1p(count / smoothing)); });
  for (std::size_t i = 0; i < totals.size(); ++i) {
    log_unseen_.push_back(std::log(smoothing / (totals[i] + smoothing * distinct[i / num_languages])));
  }
  const double all = std::accumulate(words.begin(), words.end(), 0.0);
  for (const double n : words)
    log_prior_.push_back(std::log((n + smoothing) / (all + smoothing * static_cast<double>(num_languages))));
}

std::vector<double> NaiveBayes::log_joint(std::u32string_view word) const {
  std::vector<double> scores = log_prior_;
  for_each_ngram(word, options_.max_order, [&](std::size_t order, std::uint64_t packed) {
    const auto row = rows_.find(packed);
    for (std::size_t l = 0; l < num_languages_; ++l) {
      scores[l] += log_unseen_[(order - 1) * num_languages_ + l];
      if (row != rows_.end()) scores[l] += static_cast<double>(log_odds_[row->second * num_languages_ + l]);
    }
  });
  return scores;
}

std::vector<double> NaiveBayes::probabilities(std::u32string_view word) const {
  std::vector<double> scores = log_joint(word);
  const double top = *std::max_element(scores.begin(), scores.end());
  for (double& score : scores) score = std::exp(score - top);
  const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
  for (double& score : scores) score /= sum;
  return scores;
}

std::int64_t NaiveBayes::classify(std::u32string_view word) const {
  const std::vector<double> scores = log_joint(word);
  return std::max_element(scores.begin(), scores.end()) - scores.begin();
}

double NaiveBayes::accuracy(std::span<const LabelledWord> words) const {
  const auto hits = std::count_if(words.begin(), words.end(),
                                  [&](const LabelledWord& w) { return classify(w.letters) == w.language; });
  return words.empty() ? 0.0 : static_cast<double>(hits) / static_cast<double>(words.size());
}

}  // namespace norm_study
