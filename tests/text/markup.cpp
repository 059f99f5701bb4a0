#include "text/markup.hpp"

#include <boost/test/unit_test.hpp>

using tapegrad::escaped;

BOOST_AUTO_TEST_SUITE(markup)

BOOST_AUTO_TEST_CASE(what_markup_reserves_is_written_as_entities) {
  BOOST_TEST(escaped("a<b>&\"c\"") == "a&lt;b&gt;&amp;&quot;c&quot;");
}

BOOST_AUTO_TEST_CASE(what_xml_cannot_hold_is_a_question_mark) {
  BOOST_TEST(escaped("\x01\x1f\n\r\t") == "??\n\r\t");
  BOOST_TEST(escaped("é × 😀") == "é × 😀");
  BOOST_TEST(escaped("\xff<\xc3(\xe2\x82") == "?&lt;?(??");
  BOOST_TEST(escaped("\xc0\xaf\xed\xa0\x80\xef\xbf\xbf") == "????????");  // too long, a surrogate, no character
}

BOOST_AUTO_TEST_SUITE_END()
