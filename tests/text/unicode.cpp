#include "text/unicode.hpp"

#include <boost/test/unit_test.hpp>

using namespace tapegrad;

namespace {

/// Bytes of the character that a text begins with; 0 where that is none.
std::size_t length_of(std::string_view text) {
  const Character c = first_character(text);
  BOOST_TEST((c.valid || c.bytes.size() == 1U));
  return c.valid ? c.bytes.size() : 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(unicode)

BOOST_AUTO_TEST_CASE(characters_are_decoded_and_a_byte_that_is_none_stands_for_itself) {
  BOOST_CHECK(decoded("aé€😀") == U"aé€😀");
  // Cut off, a lead byte before a letter, bytes that never begin one.
  BOOST_CHECK(decoded("\xe2\x82") == (std::u32string{0xe2, 0x82}));
  BOOST_CHECK(decoded("\xc3(\xff\x80") == (std::u32string{0xc3, '(', 0xff, 0x80}));
  // Longer than need be ('/' in two bytes), a surrogate, beyond the last character.
  BOOST_CHECK(decoded("\xc0\xaf") == (std::u32string{0xc0, 0xaf}));
  BOOST_CHECK(decoded("\xed\xa0\x80") == (std::u32string{0xed, 0xa0, 0x80}));
  BOOST_CHECK(decoded("\xf4\x90\x80\x80") == (std::u32string{0xf4, 0x90, 0x80, 0x80}));
}

BOOST_AUTO_TEST_CASE(the_length_of_a_character_is_that_of_its_shortest_form) {
  BOOST_TEST(length_of("a") == 1U);
  BOOST_TEST(length_of("\x7f") == 1U);
  BOOST_TEST(length_of("é!") == 2U);
  BOOST_TEST(length_of("€!") == 3U);
  BOOST_TEST(length_of("\xf4\x8f\xbf\xbf") == 4U);  // the last
  for (const char* none : {"\x80", "\xc3", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xbf\xbf", "\xf8\x88\x80\x80\x80"})
    BOOST_TEST(length_of(none) == 0U, none);
}

BOOST_AUTO_TEST_CASE(a_name_on_one_line_holds_nothing_that_a_terminal_obeys) {
  BOOST_TEST(on_one_line("a\nb\tc\x1b[31m\x7f") == "a\\nb\\tc\\x1b[31m\\x7f");
  BOOST_TEST(on_one_line("é\u0085\u2028\u2029") == "é\\x85\\u2028\\u2029");
  // A byte that is none takes nothing along that follows it.
  BOOST_TEST(on_one_line("\xff\n\x1b[31m") == "\\xff\\n\\x1b[31m");
  BOOST_TEST(on_one_line("\xe2\n\x9b") == "\\xe2\\n\\x9b");
}

BOOST_AUTO_TEST_SUITE_END()
