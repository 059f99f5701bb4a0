#include "word_maker/corpus.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "temporary_folder.hpp"
#include "word_maker/batches.hpp"

using namespace word_maker;

namespace {

bool says(const tapegrad::Error& error, const std::string& part) {
  return std::string(error.what()).find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(corpus)

BOOST_AUTO_TEST_CASE(a_vocabulary_goes_both_ways) {
  const Vocabulary vocabulary(U"zaß");
  BOOST_TEST(vocabulary.size() == 4);
  BOOST_TEST(vocabulary.encode(U"zaß") == (Sequence{2, 1, 3}), boost::test_tools::per_element());
  BOOST_TEST(vocabulary.decode(Sequence{1, 3, kBoundary, 2}) == "aß");
  BOOST_CHECK_EXCEPTION(vocabulary.encode(U"aé"), tapegrad::ValueError,
                        [](const auto& error) { return says(error, "\"é\" (U+00E9)"); });
  std::u32string many;
  for (char32_t c = 0; c <= Vocabulary::kLargest; ++c) many.push_back(c + 0x4e00);
  BOOST_CHECK_THROW(Vocabulary{many}, tapegrad::ValueError);
}

BOOST_AUTO_TEST_CASE(a_word_list_is_split_by_stems) {
  const TemporaryFolder folder;
  std::string text;
  for (char c = 'a'; c <= 'z'; ++c)
    for (char d = 'a'; d <= 'z'; ++d) text += std::string("Stem") + c + d + "\nstem" + c + d + "ing\nno'word\n";
  folder.write("american-english", text);
  const Corpus corpus = read_words(find_language("ENGLISH"), {.directory = folder.path(), .held_out = 20});
  BOOST_TEST((corpus.kind == Kind::words));
  BOOST_TEST(corpus.known.size() == 2U * 26 * 26);
  BOOST_TEST(corpus.held_out.size() == 20U);
  BOOST_TEST(corpus.learnt.size() ==
             static_cast<std::size_t>(std::count_if(corpus.known.begin(), corpus.known.end(),
                                                    [](const auto& word) { return word.second; })));
  for (const Sequence& word : corpus.held_out) {
    std::string letters = corpus.vocabulary.decode(word);
    BOOST_TEST(word.back() == kBoundary);
    BOOST_TEST(!corpus.known.at(letters));
    letters.resize(6);  // the stem is on the same side
    BOOST_TEST(!corpus.known.at(letters));
  }
}

BOOST_AUTO_TEST_CASE(a_missing_list_names_its_package) {
  const TemporaryFolder folder;
  BOOST_CHECK_EXCEPTION(read_words(find_language("german"), {.directory = folder.path()}), tapegrad::IoError,
                        [](const auto& error) { return says(error, "wngerman"); });
  BOOST_CHECK_EXCEPTION(find_language("klingon"), tapegrad::ValueError,
                        [](const auto& error) { return says(error, "english, german"); });
}

BOOST_AUTO_TEST_CASE(the_end_of_a_text_is_held_out) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 1000; ++i) text += i < 900 ? "a" : "\r\nb";  // the carriage returns go
  folder.write("text", text);
  const Corpus corpus = read_text(folder.path() / "text", 50);
  BOOST_TEST((corpus.kind == Kind::text));
  BOOST_TEST(corpus.vocabulary.decode(corpus.learnt.front()) == text.substr(0, 900) + [] {
    std::string rest;
    for (int i = 0; i < 45; ++i) rest += "\nb";
    return rest;
  }());
  BOOST_TEST(corpus.held_out.front().size() == 50U);
  folder.write("short", "too short");
  BOOST_CHECK_THROW(read_text(folder.path() / "short"), tapegrad::ValueError);
  BOOST_CHECK_THROW(read_text(folder.path() / "missing"), tapegrad::IoError);
  BOOST_CHECK_THROW(read_text(folder.path()), tapegrad::IoError);
  BOOST_CHECK_EXCEPTION(read_text("/dev/null"), tapegrad::IoError,
                        [](const auto& error) { return says(error, "a device, which may never end, is no file"); });
}

BOOST_AUTO_TEST_CASE(a_batch_is_shifted_and_padded) {
  const Sequence longer{3, 4, 5, kBoundary}, shorter{6, kBoundary};
  const Batch batch = make_batch(std::vector<Example>{{longer, 1}, {shorter}});
  const std::int64_t x = Batch::kIgnore;
  BOOST_TEST(batch.inputs.to_vector<std::int64_t>() == (std::vector<std::int64_t>{0, 3, 4, 5, 0, 6, 0, 0}),
             boost::test_tools::per_element());
  BOOST_TEST(batch.targets.to_vector<std::int64_t>() == (std::vector<std::int64_t>{x, 4, 5, 0, 6, 0, x, x}),
             boost::test_tools::per_element());
  BOOST_TEST(batch.characters == 5);
  BOOST_TEST(batch.valid.valid_count(2, 4) == 6);
}

BOOST_AUTO_TEST_CASE(a_long_sequence_is_measured_once_everywhere) {
  for (const std::size_t size : {1U, 7U, 8U, 9U, 12U, 13U, 40U}) {
    Sequence sequence(size);
    for (std::size_t i = 0; i < size; ++i) sequence[i] = static_cast<Token>(i + 1);
    Sequence measured;
    for (const Example& part : cut(sequence, 8)) {
      BOOST_TEST(part.tokens.size() <= 8U);
      BOOST_TEST(part.context == (measured.empty() ? 0U : 4U));
      measured.insert(measured.end(), part.tokens.begin() + static_cast<std::ptrdiff_t>(part.context),
                      part.tokens.end());
    }
    BOOST_TEST(measured == sequence, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(each_round_shows_each_word_once) {
  std::vector<std::u32string> words;
  for (char32_t c = U'a'; c < U'a' + 16; ++c) words.emplace_back(static_cast<std::size_t>(1 + c % 5), c);
  const Corpus made = make_word_corpus("made up", words, {U"a"});
  BatchSource source(made, 2, 8, 1);  // sixteen batches of two are two rounds
  std::vector<int> seen(static_cast<std::size_t>(made.vocabulary.size()), 0);
  for (int i = 0; i < 16; ++i) {
    const Batch batch = source.next();
    for (std::int64_t n = 0; n < 2; ++n) ++seen[static_cast<std::size_t>(batch.targets[n][0].item<std::int64_t>())];
  }
  for (std::size_t token = 1; token < seen.size(); ++token) BOOST_TEST(seen[token] == 2);
}

BOOST_AUTO_TEST_SUITE_END()
