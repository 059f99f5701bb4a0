#include "norm_study/prompt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "console/bar.hpp"
#include "console/columns.hpp"
#include "console/interrupt.hpp"
#include "console/terminal.hpp"
#include "norm_study/training.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/tape/tape.hpp"
#include "word_lists/letters.hpp"
#include "word_lists/word_list.hpp"

namespace norm_study {
namespace {

constexpr std::size_t kShown = 4;           // languages shown for a word
constexpr std::size_t kLanguageWidth = 11;  // columns of the longest name and a space

bool is_space(char32_t c) { return c == U' ' || (c >= U'\t' && c <= U'\r') || c == 0xa0; }

TypedWord judge_word(std::u32string_view word, word_lists::LengthLimits limits) {
  TypedWord typed{.text = word_lists::to_utf8(word), .letters = {}, .fault = {}};
  while (!word.empty() && !word_lists::is_letter(word.front())) word.remove_prefix(1);
  while (!word.empty() && !word_lists::is_letter(word.back())) word.remove_suffix(1);
  if (word.empty()) {
    typed.fault = "has no letters of the Latin alphabet";
  } else if (word.size() < limits.min_letters || word.size() > limits.max_letters) {
    typed.fault =
        fmt::format("has {} letters; words have {} to {}", word.size(), limits.min_letters, limits.max_letters);
  } else if (const auto lower = word_lists::normalize_word(word, limits)) {
    typed.letters = *lower;
  } else {
    typed.fault = "holds a sign that is no letter";
  }
  return typed;
}

}  // namespace

std::vector<TypedWord> parse_line(std::string_view line, word_lists::LengthLimits limits) {
  const std::u32string letters = word_lists::decode(line, word_lists::detect_encoding(line));
  std::vector<TypedWord> words;
  for (std::size_t at = 0; at < letters.size();) {
    if (is_space(letters[at])) {
      ++at;
      continue;
    }
    const std::size_t start = at;
    while (at < letters.size() && !is_space(letters[at])) ++at;
    words.push_back(judge_word(std::u32string_view(letters).substr(start, at - start), limits));
  }
  return words;
}

std::vector<double> language_probabilities(WordClassifier& model, const Alphabet& alphabet, std::u32string_view word) {
  model.eval();
  const std::vector<EncodedWord> one{{alphabet.encode(word), 0}};
  const std::vector<std::size_t> pick{0};
  const tapegrad::Tensor probabilities = tapegrad::softmax(logits_of(model, make_batch(one, pick)));
  const auto values = probabilities.data<float>();
  return {values.begin(), values.end()};
}

std::string answer(const TypedWord& word, WordClassifier& model, const Alphabet& alphabet, const NaiveBayes& bayes,
                   std::size_t width, bool colour) {
  if (!word.fault.empty()) return fmt::format("  “{}” {}.\n", word.text, word.fault);
  const std::vector<double> network = language_probabilities(model, alphabet, word.letters);
  const std::vector<double> counted = bayes.probabilities(word.letters);
  std::vector<std::size_t> order(network.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return network[a] > network[b]; });
  order.resize(std::min(order.size(), kShown));

  std::string text = fmt::format("  {}\n", console::painted(word.text, "1", colour));
  constexpr std::size_t kBeside = 2 + kLanguageWidth + 8, kSmallestBar = 5, kLargestBar = 40;
  const std::size_t room = std::clamp(width - std::min(width, kBeside), kSmallestBar, kLargestBar);
  for (const std::size_t l : order) {
    text += fmt::format("  {}{} {:4.0f} %\n", console::fit(word_lists::kLanguages[l].name, kLanguageWidth),
                        console::painted(console::bar(network[l], room, " "), "36", colour), 100 * network[l]);
  }
  const auto best = static_cast<std::size_t>(std::max_element(counted.begin(), counted.end()) - counted.begin());
  return text + fmt::format("  naive Bayes: {}, {:.0f} %\n", word_lists::kLanguages[best].name, 100 * counted[best]);
}

void run_prompt(std::istream& in, WordClassifier& model, const Alphabet& alphabet, const NaiveBayes& bayes) {
  std::string line;
  for (;;) {
    fmt::print("> ");
    std::fflush(stdout);
    if (!std::getline(in, line) || console::interrupted()) break;
    const std::vector<TypedWord> words = parse_line(line);
    if (words.empty()) break;
    const console::Terminal terminal = console::terminal_at(stdout);
    for (const TypedWord& word : words)
      fmt::print("{}", answer(word, model, alphabet, bayes, terminal.width, terminal.coloured));
  }
  fmt::print("\n");
}

}  // namespace norm_study
