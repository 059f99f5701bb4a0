#define BOOST_TEST_MODULE mpfr
#include <boost/test/unit_test.hpp>
