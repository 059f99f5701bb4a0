#include "word_maker/corpus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "tapegrad/base/error.hpp"
#include "word_lists/letters.hpp"

namespace word_maker {
namespace {

constexpr std::uint64_t kOrderSeed = 1;  // which words are measured on is the same in every run
constexpr std::size_t kShortestText = 1000;

std::string lower_ascii(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return lower;
}

Sequence encode_word(const Vocabulary& vocabulary, std::u32string_view word) {
  Sequence tokens = vocabulary.encode(word);
  tokens.push_back(kBoundary);
  return tokens;
}

}  // namespace

const word_lists::Language& find_language(std::string_view name) {
  std::string names;
  for (const word_lists::Language& language : word_lists::kLanguages) {
    if (lower_ascii(language.name) == lower_ascii(name)) return language;
    names += (names.empty() ? "" : ", ") + lower_ascii(language.name);
  }
  throw tapegrad::ValueError(fmt::format("[language] expected one of {}; got \"{}\"", names, name));
}

Corpus make_word_corpus(std::string source, const std::vector<std::u32string>& learnt,
                        const std::vector<std::u32string>& held_out) {
  if (learnt.empty() || held_out.empty())
    throw tapegrad::ValueError(fmt::format("[words] {}: expected words to learn and words to hold out, got {} and {}",
                                           source, learnt.size(), held_out.size()));
  Corpus corpus;
  corpus.source = std::move(source);
  std::set<char32_t> characters;
  for (const auto* side : {&learnt, &held_out}) {
    for (const std::u32string& word : *side) {
      characters.insert(word.begin(), word.end());
      corpus.known.emplace(word_lists::to_utf8(word), side == &learnt);
    }
  }
  corpus.vocabulary = Vocabulary({characters.begin(), characters.end()});
  for (const std::u32string& word : learnt) corpus.learnt.push_back(encode_word(corpus.vocabulary, word));
  for (const std::u32string& word : held_out) corpus.held_out.push_back(encode_word(corpus.vocabulary, word));
  return corpus;
}

Corpus read_words(const word_lists::Language& language, const WordCorpusOptions& options) {
  const word_lists::WordList list = word_lists::read_word_list(language, options.directory, kOrderSeed);
  std::vector<std::u32string> learnt, held_out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    std::u32string word = word_lists::decode(list[i], word_lists::Encoding::utf8);
    (word_lists::is_test_word(language.name, word) ? held_out : learnt).push_back(std::move(word));
  }
  Corpus corpus = make_word_corpus(
      fmt::format("{} words of {}", language.name, (options.directory / language.file).string()), learnt, held_out);
  // The list stands in a random order: its first words are a fair sample.
  if (corpus.held_out.size() > options.held_out) corpus.held_out.resize(options.held_out);
  return corpus;
}

Corpus read_text(const std::filesystem::path& path, std::size_t held_out) {
  const auto fail = [&](const char* reason) {
    throw tapegrad::IoError(fmt::format("[text] cannot read {}: {}", path.string(), reason));
  };
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (is_directory(status)) fail("it is a folder");
  if (is_character_file(status) || is_block_file(status)) fail("a device, which may never end, is no file");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) fail(errno == 0 ? "reading failed" : std::strerror(errno));
  if (bytes.find('\0') != std::string::npos) fail("it is not a text: it holds a zero byte");
  std::u32string text = word_lists::decode(bytes, word_lists::detect_encoding(bytes));
  std::erase(text, U'\r');
  if (text.size() < kShortestText)
    throw tapegrad::ValueError(
        fmt::format("[text] {}: expected at least {} characters, got {}", path.string(), kShortestText, text.size()));
  Corpus corpus;
  corpus.kind = Kind::text;
  corpus.source = path.string();
  const std::set<char32_t> characters(text.begin(), text.end());
  corpus.vocabulary = Vocabulary({characters.begin(), characters.end()});
  const std::size_t cut = text.size() - text.size() / 10;
  corpus.learnt.push_back(corpus.vocabulary.encode(std::u32string_view(text).substr(0, cut)));
  corpus.held_out.push_back(corpus.vocabulary.encode(std::u32string_view(text).substr(cut, held_out)));
  return corpus;
}

}  // namespace word_maker
