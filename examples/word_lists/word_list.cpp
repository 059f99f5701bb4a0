#include "word_lists/word_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "tapegrad/base/error.hpp"

namespace word_lists {
namespace {

constexpr std::size_t kSplitLetters = 6;
constexpr std::uint64_t kSplitParts = 9;  // one part in nine is the test side: 8,000 to 1,000

constexpr std::uint64_t kFnvOffset = 0xcbf29ce484222325U;

/// FNV-1a (Fowler, Noll, Vo), 64 bits.
std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = kFnvOffset) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): every bit of the result depends on every bit of x.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

}  // namespace

std::string install_line(const std::vector<const Language*>& languages) {
  std::string line = "sudo apt-get install";
  for (const Language* language : languages) line += fmt::format(" {}", language->package);
  return line;
}

std::optional<std::u32string> normalize_word(std::u32string_view word, LengthLimits limits) {
  if (word.size() < limits.min_letters || word.size() > limits.max_letters) return std::nullopt;
  if (!std::all_of(word.begin(), word.end(), is_letter)) return std::nullopt;
  std::u32string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
  return lower;
}

WordList::WordList(std::string_view text, std::uint64_t seed, LengthLimits limits) {
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);  // byte order mark
  encoding_ = detect_encoding(text);
  letters_.reserve(text.size() + text.size() / 8);
  const std::uint64_t start = kFnvOffset ^ mix(seed);
  for (std::size_t at = 0; at < text.size();) {
    std::string_view line = text.substr(at, text.find('\n', at) - at);
    at += line.size() + 1;
    ++lines_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto word = normalize_word(decode(line, encoding_), limits);
    if (!word) continue;
    const std::size_t begin = letters_.size();
    letters_ += to_utf8(*word);
    const std::string_view bytes = std::string_view(letters_).substr(begin);
    entries_.push_back(
        {mix(fnv1a(bytes, start)), static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(bytes.size())});
  }
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.hash < b.hash; });
  const auto same = [](const Entry& a, const Entry& b) { return a.hash == b.hash; };
  entries_.erase(std::unique(entries_.begin(), entries_.end(), same), entries_.end());
}

WordList read_word_list(const Language& language, const std::filesystem::path& directory, std::uint64_t seed,
                        LengthLimits limits) {
  const std::filesystem::path path = directory / language.file;
  const auto fail = [&](std::string_view reason) {
    throw tapegrad::IoError(fmt::format("[word_lists] cannot read the {} word list {}: {}\n  install it with: {}",
                                        language.name, path.string(), reason, install_line({&language})));
  };
  std::error_code error;
  const bool regular = std::filesystem::is_regular_file(path, error);
  if (error) fail(error.message());
  if (!regular) fail("not a file");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) fail(errno == 0 ? "reading failed" : std::strerror(errno));
  if (text.size() >= std::size_t{1} << 31U) {
    throw tapegrad::IoError(
        fmt::format("[word_lists] {} has {} bytes; word lists have less than 2 GiB", path.string(), text.size()));
  }
  return {text, seed, limits};
}

bool is_test_word(std::string_view language, std::u32string_view word) {
  const std::uint64_t hash = fnv1a(to_utf8(word.substr(0, kSplitLetters)), fnv1a(" ", fnv1a(language)));
  return mix(hash) % kSplitParts == 0;
}

}  // namespace word_lists
