#define BOOST_TEST_MODULE word_maker
#include <boost/test/unit_test.hpp>
