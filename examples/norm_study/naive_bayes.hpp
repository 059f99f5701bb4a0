// The baseline beside every accuracy of the study: naive Bayes over character n-grams (Cavnar and Trenkle 1994 and its
// descendants).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "norm_study/word_data.hpp"

namespace norm_study {

struct NaiveBayesOptions {
  std::size_t max_order = 3;  // n-grams of 1 to max_order letters; at most 7
  double smoothing = 0.5;     // added to every count
};

/// P(language | word) is proportional to P(language) times the product over orders n and n-grams g of the word, its two
/// ends marked, of
///   (count(g, language) + smoothing) / (total(n, language) + smoothing * distinct(n)),
/// where distinct(n) counts the n-grams seen in training plus one that stands for all unseen ones.
class NaiveBayes {
 public:
  /// Throws tapegrad::ValueError on an order outside 1 to 7, a smoothing that is not positive, or labels outside [0,
  /// num_languages).
  NaiveBayes(std::span<const LabelledWord> train, std::size_t num_languages, NaiveBayesOptions options = {});

  /// Probabilities of the languages; they sum to 1.
  std::vector<double> probabilities(std::u32string_view word) const;
  std::int64_t classify(std::u32string_view word) const;
  /// Share of the words whose language is found, in [0, 1].
  double accuracy(std::span<const LabelledWord> words) const;

 private:
  std::vector<double> log_joint(std::u32string_view word) const;

  std::size_t num_languages_;
  NaiveBayesOptions options_;
  std::unordered_map<std::uint64_t, std::uint32_t> rows_;  // packed n-gram to its row in log_odds_
  std::vector<float> log_odds_;     // [distinct n-grams, languages]: log(count + smoothing) - log(smoothing)
  std::vector<double> log_unseen_;  // [max_order, languages]: log-probability of an n-gram with count 0
  std::vector<double> log_prior_;   // [languages]
};

}  // namespace norm_study
