#include "console/terminal.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(terminal)

BOOST_AUTO_TEST_CASE(what_commands_a_terminal_is_not_printed) {
  BOOST_TEST(console::printable("a\tb\nc é €") == "a\tb\nc é €");
  BOOST_TEST(console::printable("\x1b[31mred\a\r\x7f") == "\ufffd[31mred\ufffd\ufffd\ufffd");
  BOOST_TEST(console::printable("\u009b31m \u00a0") == "\ufffd31m \u00a0");
  BOOST_TEST(console::printable("\xc2") == "\ufffd");  // cut off
  BOOST_TEST(console::printable("\x9b"
                                "2J") ==
             "\ufffd"
             "2J");  // no UTF-8, but an old terminal obeys it
}

BOOST_AUTO_TEST_SUITE_END()
