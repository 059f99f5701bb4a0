#define BOOST_TEST_MODULE word_lists
#include <boost/test/unit_test.hpp>
