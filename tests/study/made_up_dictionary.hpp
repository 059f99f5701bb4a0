#pragma once

#include <array>
#include <string>

#include "norm_study/word_data.hpp"
#include "tapegrad/base/random.hpp"
#include "temporary_folder.hpp"
#include "word_lists/word_list.hpp"

/// Twelve lists of words that no language has: each language builds its words from three syllables of its own and three
/// that all share, so that there is something to learn and something to doubt.
inline void write_made_up_dictionary(const TemporaryFolder& folder, std::size_t words_per_language = 600) {
  constexpr std::array<const char*, 3> shared{"an", "so", "mir"};
  tapegrad::Generator generator(7);
  for (std::size_t l = 0; l < word_lists::kLanguages.size(); ++l) {
    std::array<std::string, 3> own;
    for (std::size_t s = 0; s < own.size(); ++s) {
      own[s] = {"bdfghjklptvz"[l], "aeiou"[(l + s) % 5], "lnrstm"[(2 * l + s) % 6]};
    }
    std::string list;
    for (std::size_t w = 0; w < words_per_language; ++w) {
      std::string word;
      const std::int64_t syllables = 2 + generator.below(4);
      for (std::int64_t s = 0; s < syllables; ++s) {
        const auto pick = static_cast<std::size_t>(generator.below(6));
        word += pick < 3 ? own[pick] : std::string(shared[pick - 3]);
      }
      list += word + "\n";
    }
    folder.write(std::string(word_lists::kLanguages[l].file), list);
  }
}

/// Few of them, enough for batches of 64.
inline norm_study::WordData made_up_words(const TemporaryFolder& folder) {
  write_made_up_dictionary(folder);
  return norm_study::load_words(
      {.directory = folder.path(), .train_per_language = 60, .test_per_language = 12, .seed = 1, .limits = {}});
}
