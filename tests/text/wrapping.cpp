#include "text/wrapping.hpp"

#include <boost/test/unit_test.hpp>

using tapegrad::wrapped;
using Lines = std::vector<std::string>;
using boost::test_tools::per_element;

BOOST_AUTO_TEST_SUITE(wrapping)

BOOST_AUTO_TEST_CASE(letters_count_and_not_bytes) {
  BOOST_TEST(wrapped("één twee drie", 8) == (Lines{"één twee", "drie"}), per_element());
  BOOST_TEST(wrapped("x̄ x̂ y", 3) == (Lines{"x̄ x̂", "y"}), per_element());  // a mark takes no column
}

BOOST_AUTO_TEST_CASE(no_text_is_an_empty_line) {
  BOOST_TEST(wrapped("", 3) == Lines{""}, per_element());
  BOOST_TEST(wrapped("  ", 8) == Lines{""}, per_element());
}

BOOST_AUTO_TEST_CASE(lines_end_best_at_wide_gaps) {
  BOOST_TEST(wrapped("a   b c", 5) == (Lines{"a", "b c"}), per_element());
  // Three spaces fit into 7 columns with "a b" and "c", not into 6; at a line's ends none are left.
  BOOST_TEST(wrapped(" a b   c  ", 7) == (Lines{"a b   c"}), per_element());
  BOOST_TEST(wrapped("a b   c", 6) == (Lines{"a b", "c"}), per_element());
}

BOOST_AUTO_TEST_CASE(a_long_word_has_a_line_of_its_own) {
  BOOST_TEST(wrapped("a bcdef g", 3) == (Lines{"a", "bcdef", "g"}), per_element());
}

BOOST_AUTO_TEST_SUITE_END()
