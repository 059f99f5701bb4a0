// Debian's word lists of twelve languages.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "word_lists/letters.hpp"

namespace word_lists {

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

/// Whether a word of this language belongs to the test side: decided by a fixed hash of language and first six letters.
bool is_test_word(std::string_view language, std::u32string_view word);

/// "sudo apt-get install wswedish": the command that installs the lists of these languages.
std::string install_line(const std::vector<const Language*>& languages);

}  // namespace word_lists
