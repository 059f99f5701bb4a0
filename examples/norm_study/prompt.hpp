// The prompt at the end: words in, languages out.
#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "norm_study/batches.hpp"
#include "norm_study/model.hpp"
#include "norm_study/naive_bayes.hpp"
#include "word_lists/word_list.hpp"

namespace norm_study {

/// One word of a line that was typed.
struct TypedWord {
  std::string text;        // as typed, UTF-8
  std::u32string letters;  // in lower case; empty when there is a fault
  std::string fault;       // why it cannot be judged
};

/// The words of a line, apart at white space. Bytes that are not UTF-8 are read as ISO-8859-1. Signs that are not
/// letters at a word's ends (quotes, commas) are taken off.
std::vector<TypedWord> parse_line(std::string_view line, word_lists::LengthLimits limits = {});

/// Probabilities of the languages in evaluation mode.
std::vector<double> language_probabilities(WordClassifier& model, const Alphabet& alphabet, std::u32string_view word);

/// The answer to a word: its most probable languages as bars, and what naive Bayes says.
std::string answer(const TypedWord& word, WordClassifier& model, const Alphabet& alphabet, const NaiveBayes& bayes,
                   std::size_t width, bool colour);

/// Reads lines until an empty one, the end of the input or Ctrl-C, and prints an answer to each word.
void run_prompt(std::istream& in, WordClassifier& model, const Alphabet& alphabet, const NaiveBayes& bayes);

}  // namespace norm_study
