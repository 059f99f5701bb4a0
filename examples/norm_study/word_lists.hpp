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
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace norm_study {

struct Language {
  std::string_view name;     // as shown to the reader
  std::string_view package;  // the Debian package that installs the list
  std::string_view file;     // its name under /usr/share/dict
};

inline constexpr std::array<Language, 12> kLanguages{{
    {"English", "wamerican", "american-english"},
    {"German", "wngerman", "ngerman"},
    {"French", "wfrench", "french"},
    {"Spanish", "wspanish", "spanish"},
    {"Italian", "witalian", "italian"},
    {"Portuguese", "wportuguese", "portuguese"},
    {"Dutch", "wdutch", "dutch"},
    {"Swedish", "wswedish", "swedish"},
    {"Polish", "wpolish", "polish"},
    {"Danish", "wdanish", "danish"},
    {"Catalan", "wcatalan", "catalan"},
    {"Norwegian", "wnorwegian", "bokmaal"},
}};

inline constexpr std::string_view kWordListDirectory = "/usr/share/dict";

enum class Encoding { utf8, latin1 };

/// UTF-8 if every byte sequence is valid (RFC 3629: no overlong forms, no surrogates), otherwise ISO-8859-1.
Encoding detect_encoding(std::string_view bytes);

/// Code points of `bytes`. Throws tapegrad::IoError on invalid UTF-8; ISO-8859-1 is always valid.
std::u32string decode(std::string_view bytes, Encoding encoding);

std::string to_utf8(std::u32string_view letters);

/// A letter of the Latin alphabets of Latin-1 and Latin Extended-A (U+0041 to U+017F), or the capital sharp s.
bool is_letter(char32_t c);

/// Lower case of such a letter, independent of the locale. Other code points come back unchanged.
char32_t to_lower(char32_t c);

struct LengthLimits {
  std::size_t min_letters = 2, max_letters = 24;
};

/// The word in lower case, or nothing if it holds a sign that is no letter or its length is outside the limits.
std::optional<std::u32string> normalize_word(std::u32string_view word, LengthLimits limits = {});

/// One language's distinct usable words, in UTF-8. They stand in a random order that depends only on the words and the
/// seed (sorted by a hash): neither on the order of the file nor on the machine. A prefix of the list is therefore a
/// random sample.
class WordList {
 public:
  /// `text` is the whole file. `seed` chooses the order.
  WordList(std::string_view text, std::uint64_t seed, LengthLimits limits = {});

  std::size_t size() const { return entries_.size(); }
  std::string_view operator[](std::size_t i) const {
    return std::string_view(letters_).substr(entries_[i].begin, entries_[i].bytes);
  }
  /// Equal words have equal hashes in every list of the same seed; ascending in i.
  std::uint64_t hash(std::size_t i) const { return entries_[i].hash; }
  Encoding encoding() const { return encoding_; }
  std::size_t lines() const { return lines_; }

 private:
  struct Entry {
    std::uint64_t hash;
    std::uint32_t begin, bytes;
  };
  std::string letters_;
  std::vector<Entry> entries_;
  Encoding encoding_;
  std::size_t lines_ = 0;
};

/// Reads one list. Throws tapegrad::IoError that names the file, the package and the line that installs it.
WordList read_word_list(const Language& language, const std::filesystem::path& directory, std::uint64_t seed,
                        LengthLimits limits = {});

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
  Encoding encoding = Encoding::utf8;
  std::size_t lines = 0;   // lines of the file
  std::size_t usable = 0;  // distinct words of letters only, within the length limits
  std::size_t shared = 0;  // of these, words that stand in another list too (dropped)
  double shared_fraction() const {
    return usable == 0 ? 0.0 : static_cast<double>(shared) / static_cast<double>(usable);
  }
};

struct WordOptions {
  std::filesystem::path directory{kWordListDirectory};
  std::size_t train_per_language = 8000, test_per_language = 1000;
  std::uint64_t seed = 1;
  LengthLimits limits;
};

struct WordData {
  std::vector<LabelledWord> train, test;  // language after language: shuffle before cutting batches
  std::array<ListFacts, kLanguages.size()> facts;
  Alphabet alphabet;  // of the training words
};

/// Whether a word of this language belongs to the test side: decided by a fixed hash of language and first six letters.
bool is_test_word(std::string_view language, std::u32string_view word);

/// Reads the twelve lists. Throws tapegrad::IoError if lists are missing (one message names them all) or hold too few
/// words.
WordData load_words(const WordOptions& options);

}  // namespace norm_study
