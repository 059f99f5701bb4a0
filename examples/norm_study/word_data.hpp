// The study's data: words of twelve languages, from Debian's word lists, with the traps taken out.
//
// A network must not be able to read the language off anything but the spelling, so: every list becomes the same
// encoding and the same case; words with a sign that is no letter are dropped (English lists 's forms, French hyphens,
// Catalan l·l); a word that stands in more than one list is dropped, since it has no right answer; and train and test
// are split by the first six letters, since inflected forms of one stem on both sides would be learnt by heart.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "word_lists/letters.hpp"
#include "word_lists/word_list.hpp"

namespace norm_study {

/// Letters to token ids and back. Id 0 pads, id 1 stands for every letter that the training words do not hold.
class Alphabet {
 public:
  static constexpr std::int64_t kPad = 0, kUnknown = 1;

  Alphabet() = default;
  /// The given letters, in ascending order, get the ids from 2 on.
  explicit Alphabet(std::u32string letters);

  /// Number of ids, pad and unknown included.
  std::int64_t size() const { return static_cast<std::int64_t>(letters_.size()) + 2; }
  std::int64_t id(char32_t letter) const;
  std::vector<std::int64_t> encode(std::u32string_view word) const;
  const std::u32string& letters() const { return letters_; }

 private:
  std::u32string letters_;
  std::map<char32_t, std::int64_t> ids_;
};

struct LabelledWord {
  std::u32string letters;
  std::int64_t language;  // index into kLanguages
};

/// What became of one list.
struct ListFacts {
  word_lists::Encoding encoding = word_lists::Encoding::utf8;
  std::size_t lines = 0;   // lines of the file
  std::size_t usable = 0;  // distinct words of letters only, within the length limits
  std::size_t shared = 0;  // of these, words that stand in another list too (dropped)
  double shared_fraction() const {
    return usable == 0 ? 0.0 : static_cast<double>(shared) / static_cast<double>(usable);
  }
};

struct WordOptions {
  std::filesystem::path directory{word_lists::kWordListDirectory};
  std::size_t train_per_language = 8000, test_per_language = 1000;
  std::uint64_t seed = 1;
  word_lists::LengthLimits limits;
};

struct WordData {
  std::vector<LabelledWord> train, test;  // language after language: shuffle before cutting batches
  std::array<ListFacts, word_lists::kLanguages.size()> facts;
  Alphabet alphabet;  // of the training words
};

/// Reads the twelve lists. Throws tapegrad::IoError if lists are missing (one message names them all) or hold too few
/// words.
WordData load_words(const WordOptions& options);

}  // namespace norm_study
