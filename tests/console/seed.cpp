#include "console/seed.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(seed)

BOOST_AUTO_TEST_CASE(a_seed_is_a_number_of_64_bits) {
  for (const char* const good : {"0", "7", "18446744073709551615"})
    BOOST_TEST(console::seed_problem(good).empty(), good);
  for (const char* const bad : {"", "-1", "18446744073709551616", "99999999999999999999", "1.5", "7 ", "seven"})
    BOOST_TEST(!console::seed_problem(bad).empty(), bad);
  BOOST_TEST(console::seed_problem("-1") == "'-1' is no number from 0 to 2^64 - 1");
}

BOOST_AUTO_TEST_SUITE_END()
