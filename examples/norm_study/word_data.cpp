#include "norm_study/word_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <set>
#include <utility>

#include "tapegrad/base/error.hpp"
#include "word_lists/letters.hpp"
#include "word_lists/word_list.hpp"

namespace norm_study {
namespace {

/// Throws tapegrad::IoError that names all that are missing.
void expect_lists(const WordOptions& options) {
  std::vector<const word_lists::Language*> missing;
  std::string names;
  for (const word_lists::Language& language : word_lists::kLanguages) {
    std::error_code ignored;
    if (std::filesystem::exists(options.directory / language.file, ignored)) continue;
    missing.push_back(&language);
    names += fmt::format("\n  {} ({}), package {}", (options.directory / language.file).string(), language.name,
                         language.package);
  }
  if (!missing.empty()) {
    throw tapegrad::IoError(fmt::format("[word_lists] {} of {} word lists are missing:{}\n  install them with: {}",
                                        missing.size(), word_lists::kLanguages.size(), names,
                                        word_lists::install_line(missing)));
  }
}

/// One for each language, read side by side.
std::vector<word_lists::WordList> read_lists(const WordOptions& options) {
  std::vector<std::future<word_lists::WordList>> readers;
  for (const word_lists::Language& language : word_lists::kLanguages) {
    readers.push_back(std::async(std::launch::async, [&] {
      return word_lists::read_word_list(language, options.directory, options.seed, options.limits);
    }));
  }
  std::vector<word_lists::WordList> lists;
  for (auto& reader : readers) lists.push_back(reader.get());
  return lists;
}

/// For each list, which of its words stand in another one too. All lists ascend in hash, so one walk over their heads
/// finds them.
std::vector<std::vector<bool>> find_shared(const std::vector<word_lists::WordList>& lists) {
  std::vector<std::vector<bool>> shared;
  for (const word_lists::WordList& list : lists) shared.emplace_back(list.size(), false);
  std::vector<std::size_t> head(lists.size(), 0);
  std::vector<std::size_t> holders;
  for (;;) {
    holders.clear();
    std::uint64_t smallest = 0;
    for (std::size_t l = 0; l < lists.size(); ++l) {
      if (head[l] == lists[l].size()) continue;
      const std::uint64_t hash = lists[l].hash(head[l]);
      if (holders.empty() || hash < smallest) {
        holders.clear();
        smallest = hash;
      }
      if (hash == smallest) holders.push_back(l);
    }
    if (holders.empty()) return shared;
    for (const std::size_t l : holders) shared[l][head[l]++] = holders.size() > 1;
  }
}

}  // namespace

Alphabet::Alphabet(std::u32string letters) : letters_(std::move(letters)) {
  std::sort(letters_.begin(), letters_.end());
  letters_.erase(std::unique(letters_.begin(), letters_.end()), letters_.end());
  for (const char32_t c : letters_) ids_.emplace(c, static_cast<std::int64_t>(ids_.size()) + 2);
}

std::int64_t Alphabet::id(char32_t letter) const {
  const auto found = ids_.find(letter);
  return found == ids_.end() ? kUnknown : found->second;
}

std::vector<std::int64_t> Alphabet::encode(std::u32string_view word) const {
  std::vector<std::int64_t> ids(word.size());
  std::transform(word.begin(), word.end(), ids.begin(), [&](char32_t c) { return id(c); });
  return ids;
}

WordData load_words(const WordOptions& options) {
  expect_lists(options);
  const std::vector<word_lists::WordList> lists = read_lists(options);
  const auto shared = find_shared(lists);

  WordData data;
  std::set<char32_t> letters;
  for (std::size_t l = 0; l < word_lists::kLanguages.size(); ++l) {
    const word_lists::Language& language = word_lists::kLanguages[l];
    const word_lists::WordList& list = lists[l];
    data.facts[l] = {list.encoding(), list.lines(), list.size(),
                     static_cast<std::size_t>(std::count(shared[l].begin(), shared[l].end(), true))};
    std::size_t train = 0, test = 0;
    for (std::size_t i = 0; i < list.size() && (train < options.train_per_language || test < options.test_per_language);
         ++i) {
      if (shared[l][i]) continue;
      std::u32string word = word_lists::decode(list[i], word_lists::Encoding::utf8);
      const bool to_test = word_lists::is_test_word(language.name, word);
      std::size_t& taken = to_test ? test : train;
      if (taken == (to_test ? options.test_per_language : options.train_per_language)) continue;
      ++taken;
      if (!to_test) letters.insert(word.begin(), word.end());
      (to_test ? data.test : data.train).push_back({std::move(word), static_cast<std::int64_t>(l)});
    }
    if (train < options.train_per_language || test < options.test_per_language) {
      throw tapegrad::IoError(
          fmt::format("[word_lists] the {} list {} gives {} training and {} test words, wanted {} and {} (of {} usable "
                      "words, {} stand in other lists too)",
                      language.name, (options.directory / language.file).string(), train, test,
                      options.train_per_language, options.test_per_language, list.size(), data.facts[l].shared));
    }
  }
  data.alphabet = Alphabet(std::u32string(letters.begin(), letters.end()));
  return data;
}

}  // namespace norm_study
