#include "norm_study/prompt.hpp"

#include <boost/test/unit_test.hpp>
#include <numeric>

#include "console/columns.hpp"
#include "study/made_up_dictionary.hpp"
#include "word_lists/word_list.hpp"

using namespace norm_study;

BOOST_AUTO_TEST_SUITE(prompt)

BOOST_AUTO_TEST_CASE(lines_become_words) {
  const auto words = parse_line("  Straße,\t“Ñandú” don't 42 x ");
  BOOST_REQUIRE(words.size() == 5U);
  BOOST_CHECK(words[0].letters == U"straße");
  BOOST_CHECK(words[1].letters == U"ñandú");
  BOOST_TEST(words[2].fault == "holds a sign that is no letter");
  BOOST_TEST(words[3].fault == "has no letters of the Latin alphabet");
  BOOST_TEST(words[4].fault == "has 1 letters; words have 2 to 24");
  BOOST_TEST(parse_line(" \t ").empty());
}

BOOST_AUTO_TEST_CASE(bytes_that_are_not_utf8_are_read_as_latin1) {
  const auto words = parse_line("caf\xe9");
  BOOST_REQUIRE(words.size() == 1U);
  BOOST_CHECK(words[0].letters == U"café");
  BOOST_TEST(words[0].text == "café");
}

BOOST_AUTO_TEST_CASE(answers_fit_the_width_and_name_languages) {
  const TemporaryFolder folder;
  const WordData data = made_up_words(folder);
  const NaiveBayes bayes(data.train, word_lists::kLanguages.size());
  WordClassifier model({.letters = data.alphabet.size()}, 1);
  const TypedWord word = parse_line("somir").front();
  const auto probabilities = language_probabilities(model, data.alphabet, word.letters);
  BOOST_TEST(std::accumulate(probabilities.begin(), probabilities.end(), 0.0) == 1.0,
             boost::test_tools::tolerance(1e-5));
  for (const std::size_t width : {30U, 60U, 120U}) {
    const std::string text = answer(word, model, data.alphabet, bayes, width, false);
    BOOST_TEST(text.find("naive Bayes: ") != std::string::npos);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      BOOST_TEST(console::display_width(std::string_view(text).substr(at, end - at)) <=
                 std::max<std::size_t>(width, 34));
      at = end + 1;
    }
  }
  BOOST_TEST(answer(parse_line("1234").front(), model, data.alphabet, bayes, 80, false) ==
             "  “1234” has no letters of the Latin alphabet.\n");
}

BOOST_AUTO_TEST_SUITE_END()
