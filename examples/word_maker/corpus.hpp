// What is learnt from: the words of a list, or running text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "word_lists/word_list.hpp"
#include "word_maker/vocabulary.hpp"

namespace word_maker {

enum class Kind : std::uint8_t { words, text };

struct Corpus {
  Kind kind = Kind::words;
  std::string source;            // as shown to the reader
  Vocabulary vocabulary;         // of all of it, held out or not: both models know which characters there are
  std::vector<Sequence> learnt;  // words: one sequence each, with the boundary at its end; text: one sequence
  std::vector<Sequence> held_out;
  /// Words alone: every word of the list in UTF-8, and whether it is among those learnt from.
  std::unordered_map<std::string, bool> known;
};

/// The language of that name, in any case. Throws tapegrad::ValueError that lists the names.
const word_lists::Language& find_language(std::string_view name);

/// Throws tapegrad::ValueError unless there is a word on both sides.
Corpus make_word_corpus(std::string source, const std::vector<std::u32string>& learnt,
                        const std::vector<std::u32string>& held_out);

struct WordCorpusOptions {
  std::filesystem::path directory{word_lists::kWordListDirectory};
  /// At most so many words are measured on; held-out words beyond them are not learnt from either.
  std::size_t held_out = 2000;
};

/// A word list in lower case, without words that hold a sign which is no letter. Held out is each word whose first six
/// letters say so (one stem in nine): inflected forms of a word that was learnt would be known by heart. Throws
/// tapegrad::IoError that names the package when the list is missing.
Corpus read_words(const word_lists::Language& language, const WordCorpusOptions& options = {});

/// A text file, in UTF-8 or else ISO-8859-1; its last tenth (at most `held_out` characters) is held out. Throws
/// tapegrad::IoError, for a device too, or tapegrad::ValueError for a text of less than 1000 characters.
Corpus read_text(const std::filesystem::path& path, std::size_t held_out = 20000);

}  // namespace word_maker
