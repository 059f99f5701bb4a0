#include "word_lists/word_list.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "word_lists/letters.hpp"

using namespace word_lists;

BOOST_AUTO_TEST_SUITE(word_list)

BOOST_AUTO_TEST_CASE(utf8_is_told_from_latin1) {
  const auto detected = [](std::string_view bytes) { return detect_encoding(bytes) == Encoding::utf8; };
  BOOST_TEST(detected(""));
  BOOST_TEST(detected("plain\n"));
  BOOST_TEST(detected("\xc3\xa5ngstr\xc3\xb6m"));
  BOOST_TEST(detected("\xf0\x9f\x98\x80"));
  BOOST_TEST(!detected("\xe5ngstr\xf6m"));    // ISO-8859-1
  BOOST_TEST(!detected("\xc0\xaf"));          // overlong
  BOOST_TEST(!detected("\xe0\x80\xaf"));      // overlong
  BOOST_TEST(!detected("\xed\xa0\x80"));      // surrogate
  BOOST_TEST(!detected("\xf4\x90\x80\x80"));  // above U+10FFFF
  BOOST_TEST(!detected("\xc3"));              // cut off
  BOOST_TEST(!detected("\x80"));              // continuation first
}

BOOST_AUTO_TEST_CASE(both_encodings_give_the_same_letters) {
  BOOST_TEST((decode("\xe5ngstr\xf6m", Encoding::latin1) == U"\u00e5ngstr\u00f6m"));
  BOOST_TEST((decode("\xc3\xa5ngstr\xc3\xb6m", Encoding::utf8) == U"\u00e5ngstr\u00f6m"));
  BOOST_TEST(to_utf8(U"a\u00e5\u20ac\U0001f600") == "a\xc3\xa5\xe2\x82\xac\xf0\x9f\x98\x80");
  BOOST_CHECK_THROW(decode("\xe5ngstr\xf6m", Encoding::utf8), tapegrad::IoError);
  const WordList latin1("\xc5ngstr\xf6m\n", 1), utf8("\xc3\x85ngstr\xc3\xb6m\r\n", 1),
      marked("\xef\xbb\xbf\xc3\xa5ngstr\xc3\xb6m", 1);
  BOOST_TEST((latin1.encoding() == Encoding::latin1));
  for (const WordList* list : {&latin1, &utf8, &marked}) {
    BOOST_REQUIRE(list->size() == 1U);
    BOOST_TEST((*list)[0] == "\xc3\xa5ngstr\xc3\xb6m");
    BOOST_TEST(list->hash(0) == latin1.hash(0));
  }
}

BOOST_AUTO_TEST_CASE(lower_case_of_the_latin_alphabets) {
  const std::u32string upper = U"AZÀÈÉÖÞŁŚŠŹŻŽĆČĐĘŒŸĲŇŊŐŮẞ";
  const std::u32string lower = U"azàèéöþłśšźżžćčđęœÿĳňŋőůß";
  BOOST_REQUIRE(upper.size() == lower.size());
  for (std::size_t i = 0; i < upper.size(); ++i) {
    BOOST_TEST((to_lower(upper[i]) == lower[i]), "letter " << i);
    BOOST_TEST((to_lower(lower[i]) == lower[i]), "letter " << i);
    BOOST_TEST(is_letter(upper[i]));
  }
  BOOST_TEST((to_lower(U'İ') == U'i'));
  BOOST_TEST((to_lower(U'×') == U'×'));
  for (const char32_t c : {U'×', U'÷', U'\'', U'-', U'·', U'1', U' ', U'.', U'α', U'\u0301'}) BOOST_TEST(!is_letter(c));
  for (char32_t c = 0; c < 0x180; ++c) BOOST_TEST((to_lower(to_lower(c)) == to_lower(c)));
}

BOOST_AUTO_TEST_CASE(words_with_other_signs_or_lengths_are_dropped) {
  BOOST_TEST((normalize_word(U"Straße") == std::optional<std::u32string>(U"straße")));
  for (const auto* word : {U"it's", U"arc-en-ciel", U"col·legi", U"06", U"etc.", U"a", U"", U"a b"}) {
    BOOST_TEST(!normalize_word(word).has_value());
  }
  BOOST_TEST(normalize_word(std::u32string(24, U'a')).has_value());
  BOOST_TEST(!normalize_word(std::u32string(25, U'a')).has_value());
}

BOOST_AUTO_TEST_CASE(order_depends_on_words_and_seed_alone) {
  const auto words = [](const WordList& list) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < list.size(); ++i) out.emplace_back(list[i]);
    return out;
  };
  const WordList forth("eins\nzwei\ndrei\nEins\nvier\n", 1), back("vier\neins\ndrei\nzwei", 1),
      other("eins\nzwei\ndrei\nvier\n", 2);
  BOOST_TEST(forth.size() == 4U);
  BOOST_TEST(forth.lines() == 5U);
  BOOST_TEST(words(forth) == words(back), boost::test_tools::per_element());
  BOOST_TEST(words(forth) != words(other));
}

BOOST_AUTO_TEST_CASE(split_keeps_inflections_together) {
  std::size_t test_side = 0;
  for (char32_t a = U'a'; a <= U'z'; ++a) {
    for (char32_t b = U'a'; b <= U'z'; ++b) {
      const std::u32string stem = std::u32string(U"stam") + a + b;
      BOOST_TEST(is_test_word("Danish", stem + U"erne") == is_test_word("Danish", stem));
      test_side += is_test_word("Danish", stem) ? 1 : 0;
    }
  }
  // 676 stems, one in nine: 75 expected, standard deviation 8.
  BOOST_TEST(test_side > 75U - 33U);
  BOOST_TEST(test_side < 75U + 33U);
}

BOOST_AUTO_TEST_SUITE_END()
