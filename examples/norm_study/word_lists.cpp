#include "norm_study/word_lists.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <future>
#include <iterator>
#include <set>
#include <utility>

#include "tapegrad/base/error.hpp"

namespace norm_study {
namespace {

constexpr char32_t kInvalid = 0xffffffff;
constexpr std::size_t kSplitLetters = 6;
constexpr std::uint64_t kSplitParts = 9;  // one part in nine is the test side: 8,000 to 1,000

/// Decodes the sequence at bytes[at] and moves `at` behind it; kInvalid where RFC 3629 forbids the sequence.
char32_t next_utf8(std::string_view bytes, std::size_t& at) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
  };
  const std::uint32_t lead = byte(at);
  if (lead < 0x80) {
    ++at;
    return lead;
  }
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return kInvalid;
  std::uint32_t code = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const std::uint32_t next = byte(at + i);
    if ((next & 0xc0U) != 0x80) return kInvalid;
    code = (code << 6U) | (next & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return kInvalid;
  at += length;
  return code;
}

char32_t next_letter(std::string_view bytes, Encoding encoding, std::size_t& at) {
  if (encoding == Encoding::latin1) return static_cast<unsigned char>(bytes[at++]);
  return next_utf8(bytes, at);
}

void append_utf8(std::string& out, char32_t code) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto c = static_cast<std::uint32_t>(code);
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0U | (c >> 6U));
    put(0x80U | (c & 0x3fU));
  } else if (c < 0x10000) {
    put(0xe0U | (c >> 12U));
    put(0x80U | ((c >> 6U) & 0x3fU));
    put(0x80U | (c & 0x3fU));
  } else {
    put(0xf0U | (c >> 18U));
    put(0x80U | ((c >> 12U) & 0x3fU));
    put(0x80U | ((c >> 6U) & 0x3fU));
    put(0x80U | (c & 0x3fU));
  }
}

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

std::string install_line(const std::vector<const Language*>& languages) {
  std::string line = "sudo apt-get install";
  for (const Language* language : languages) line += fmt::format(" {}", language->package);
  return line;
}

/// For each list, which of its words stand in another one too. All lists ascend in hash, so one walk over their heads
/// finds them.
std::vector<std::vector<bool>> find_shared(const std::vector<WordList>& lists) {
  std::vector<std::vector<bool>> shared;
  for (const WordList& list : lists) shared.emplace_back(list.size(), false);
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

Encoding detect_encoding(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    if (next_utf8(bytes, at) == kInvalid) return Encoding::latin1;
  }
  return Encoding::utf8;
}

std::u32string decode(std::string_view bytes, Encoding encoding) {
  std::u32string letters;
  for (std::size_t at = 0; at < bytes.size();) {
    const char32_t c = next_letter(bytes, encoding, at);
    if (c == kInvalid)
      throw tapegrad::IoError(fmt::format("[decode] invalid UTF-8 at byte {} of {}", at, bytes.size()));
    letters.push_back(c);
  }
  return letters;
}

std::string to_utf8(std::u32string_view letters) {
  std::string out;
  for (const char32_t c : letters) append_utf8(out, c);
  return out;
}

bool is_letter(char32_t c) {
  if (c < 0x80) return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z');
  return (c >= 0xc0 && c <= 0x17f && c != 0xd7 && c != 0xf7) || c == 0x1e9e;
}

char32_t to_lower(char32_t c) {
  if (c >= U'A' && c <= U'Z') return c + 32;
  if (c < 0xc0) return c;
  if (c <= 0xde) return c == 0xd7 ? c : c + 32;
  // Latin Extended-A holds pairs of capital and small letter; the capital is even, except in two runs.
  if (c == 0x130) return U'i';   // capital I with dot
  if (c == 0x178) return 0xff;   // capital Y with diaeresis: its small letter is in Latin-1
  if (c == 0x1e9e) return 0xdf;  // capital sharp s
  if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e)) return c % 2 == 1 ? c + 1 : c;
  if ((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177)) return c % 2 == 0 ? c + 1 : c;
  return c;
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
  std::u32string line;
  for (std::size_t at = 0; at < text.size();) {
    line.clear();
    while (at < text.size()) {
      const char32_t c = next_letter(text, encoding_, at);
      if (c == U'\n') break;
      line.push_back(c);
    }
    ++lines_;
    if (!line.empty() && line.back() == U'\r') line.pop_back();
    const auto word = normalize_word(line, limits);
    if (!word) continue;
    const std::size_t begin = letters_.size();
    for (const char32_t c : *word) append_utf8(letters_, c);
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

bool is_test_word(std::string_view language, std::u32string_view word) {
  const std::uint64_t hash = fnv1a(to_utf8(word.substr(0, kSplitLetters)), fnv1a(" ", fnv1a(language)));
  return mix(hash) % kSplitParts == 0;
}

WordData load_words(const WordOptions& options) {
  std::vector<const Language*> missing;
  std::string names;
  for (const Language& language : kLanguages) {
    std::error_code ignored;
    if (std::filesystem::exists(options.directory / language.file, ignored)) continue;
    missing.push_back(&language);
    names += fmt::format("\n  {} ({}), package {}", (options.directory / language.file).string(), language.name,
                         language.package);
  }
  if (!missing.empty()) {
    throw tapegrad::IoError(fmt::format("[word_lists] {} of {} word lists are missing:{}\n  install them with: {}",
                                        missing.size(), kLanguages.size(), names, install_line(missing)));
  }

  std::vector<std::future<WordList>> readers;
  for (const Language& language : kLanguages) {
    readers.push_back(std::async(
        std::launch::async, [&] { return read_word_list(language, options.directory, options.seed, options.limits); }));
  }
  std::vector<WordList> lists;
  for (auto& reader : readers) lists.push_back(reader.get());
  const auto shared = find_shared(lists);

  WordData data;
  std::set<char32_t> letters;
  for (std::size_t l = 0; l < kLanguages.size(); ++l) {
    const Language& language = kLanguages[l];
    const WordList& list = lists[l];
    data.facts[l] = {list.encoding(), list.lines(), list.size(),
                     static_cast<std::size_t>(std::count(shared[l].begin(), shared[l].end(), true))};
    std::size_t train = 0, test = 0;
    for (std::size_t i = 0; i < list.size() && (train < options.train_per_language || test < options.test_per_language);
         ++i) {
      if (shared[l][i]) continue;
      std::u32string word = decode(list[i], Encoding::utf8);
      const bool to_test = is_test_word(language.name, word);
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
