// Text in columns of a terminal.
#include "tapegrad/columns.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace tapegrad::program;

BOOST_AUTO_TEST_SUITE(columns)

BOOST_AUTO_TEST_CASE(combining_marks_take_no_column) {
  BOOST_TEST(padded("x̄", 3) == "x̄  ");
  BOOST_TEST(wrapped("x̄ x̂ y", 3) == (std::vector<std::string>{"x̄ x̂", "y"}), boost::test_tools::per_element());
  BOOST_TEST(wrapped("", 3) == std::vector<std::string>{""}, boost::test_tools::per_element());
  BOOST_TEST(wrapped("a   b c", 5) == (std::vector<std::string>{"a", "b c"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
