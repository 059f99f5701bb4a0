#include "norm_study/word_data.hpp"
#include "word_lists/letters.hpp"
#include "word_lists/word_list.hpp"

#include <boost/test/unit_test.hpp>
#include <set>
#include <string>
#include <utility>

#include "tapegrad/base/error.hpp"
#include "temporary_folder.hpp"

using namespace norm_study;

namespace {

/// Twelve lists of 200 words each, no stem of six letters twice; every list also holds "radio".
void write_made_up_lists(const TemporaryFolder& folder) {
  for (std::size_t l = 0; l < word_lists::kLanguages.size(); ++l) {
    std::string text = "Radio\n";
    for (std::size_t i = 0; i < 200; ++i) {
      std::string word(1, static_cast<char>('a' + l));
      for (std::size_t rest = i + 1; word.size() < 5; rest /= 7) word += static_cast<char>('n' + rest % 7);
      text += word + "\n" + word + "endings\n";  // "endings" begins inside the first six letters: another stem
    }
    folder.write(std::string(word_lists::kLanguages[l].file), text);
  }
}

WordOptions small(const TemporaryFolder& folder) {
  WordOptions options;
  options.directory = folder.path();
  options.train_per_language = 60;
  options.test_per_language = 8;
  return options;
}

std::vector<std::pair<std::int64_t, std::string>> plain(const std::vector<LabelledWord>& words) {
  std::vector<std::pair<std::int64_t, std::string>> out;
  for (const LabelledWord& w : words) out.emplace_back(w.language, word_lists::to_utf8(w.letters));
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(word_data)

BOOST_AUTO_TEST_CASE(splits_are_disjoint_and_deterministic) {
  const TemporaryFolder folder;
  write_made_up_lists(folder);
  const WordData data = load_words(small(folder)), again = load_words(small(folder));
  BOOST_TEST(data.train.size() == 12U * 60U);
  BOOST_TEST(data.test.size() == 12U * 8U);
  BOOST_TEST((plain(data.train) == plain(again.train)));
  BOOST_TEST((plain(data.test) == plain(again.test)));

  std::set<std::pair<std::int64_t, std::u32string>> stems, words;
  for (const LabelledWord& w : data.train) {
    stems.emplace(w.language, w.letters.substr(0, 6));
    BOOST_TEST(words.emplace(w.language, w.letters).second);
    BOOST_TEST(word_lists::to_utf8(w.letters) != "radio");
  }
  for (const LabelledWord& w : data.test) {
    BOOST_TEST(!stems.contains({w.language, w.letters.substr(0, 6)}));
    BOOST_TEST(word_lists::to_utf8(w.letters) != "radio");
  }
  for (const ListFacts& facts : data.facts) {
    BOOST_TEST(facts.lines == 401U);
    BOOST_TEST(facts.usable == 401U);
    BOOST_TEST(facts.shared == 1U);
    BOOST_TEST(facts.shared_fraction() == 1.0 / 401.0);
  }

  WordOptions reseeded = small(folder);
  reseeded.seed = 2;
  BOOST_TEST((plain(load_words(reseeded).train) != plain(data.train)));
}

BOOST_AUTO_TEST_CASE(alphabet_keeps_pad_and_unknown_apart) {
  const Alphabet alphabet(U"cabca");
  BOOST_TEST(alphabet.size() == 5);
  const std::vector<std::int64_t> expected{2, 3, 4, Alphabet::kUnknown};
  BOOST_TEST(alphabet.encode(U"abcz") == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(missing_lists_name_file_package_and_command) {
  const TemporaryFolder folder;
  write_made_up_lists(folder);
  std::filesystem::remove(folder.path() / "swedish");
  std::filesystem::remove(folder.path() / "bokmaal");
  BOOST_CHECK_EXCEPTION(load_words(small(folder)), tapegrad::IoError, [&](const auto& e) {
    const std::string message = e.what();
    return message.find((folder.path() / "swedish").string()) != std::string::npos &&
           message.find("sudo apt-get install wswedish wnorwegian") != std::string::npos &&
           message.find("wpolish") == std::string::npos;
  });
  BOOST_CHECK_EXCEPTION(
      word_lists::read_word_list(word_lists::kLanguages[7], folder.path(), 1), tapegrad::IoError,
      [](const auto& e) { return std::string(e.what()).find("sudo apt-get install wswedish") != std::string::npos; });
  std::filesystem::create_directory(folder.path() / "swedish");  // there, but not a file
  BOOST_CHECK_THROW(word_lists::read_word_list(word_lists::kLanguages[7], folder.path(), 1), tapegrad::IoError);
}

BOOST_AUTO_TEST_CASE(a_list_with_too_few_words_is_an_error) {
  const TemporaryFolder folder;
  write_made_up_lists(folder);
  folder.write("polish", "kot\npies\n");
  BOOST_CHECK_EXCEPTION(load_words(small(folder)), tapegrad::IoError,
                        [](const auto& e) { return std::string(e.what()).find("Polish") != std::string::npos; });
}

BOOST_AUTO_TEST_SUITE_END()
