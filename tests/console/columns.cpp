// Text in columns of a terminal.
#include "console/columns.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace console;

BOOST_AUTO_TEST_SUITE(columns)

BOOST_AUTO_TEST_CASE(combining_marks_take_no_column) { BOOST_TEST(padded("x̄", 3) == "x̄  "); }

BOOST_AUTO_TEST_CASE(wrapping_and_fitting_count_letters_not_bytes) {
  BOOST_TEST(wrapped("één twee drie", 8) == (std::vector<std::string>{"één twee", "drie"}),
             boost::test_tools::per_element());
  BOOST_TEST(fit("één", 5) == "één  ");
  BOOST_TEST(fit("ééééé", 3) == "éé…");
  BOOST_TEST(fit("abc", 0).empty());
  BOOST_TEST(fit("x̄x̄x̄", 3) == "x̄x̄x̄");
  BOOST_TEST(fit("x̄x̄x̄", 2) == "x̄…");
  for (std::size_t width = 1; width < 12; ++width) {  // bytes that are no characters, too
    BOOST_TEST(display_width(fit("ax̄é€ŷbcdefghij", width)) == width);
    BOOST_TEST(display_width(fit(std::string(30, '\x80'), width)) == width);
  }
  BOOST_TEST(fit("\x80\x81\x82\x83", 3) == "\x80\x81…");
}

BOOST_AUTO_TEST_CASE(help_keeps_its_paragraphs_within_the_width) {
  BOOST_TEST(reflowed("one two three\n\nfour\n", 7) == "one two\nthree\n\nfour\n");
  BOOST_TEST(reflowed("  call it     what it does\n", 40) == "  call it     what it does\n");
  BOOST_TEST(reflowed("  call it     what it does\n", 18) == "  call it\n      what it does\n");
}

BOOST_AUTO_TEST_SUITE_END()
