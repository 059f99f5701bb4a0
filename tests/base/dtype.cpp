#include "tapegrad/base/dtype.hpp"

#include <boost/test/unit_test.hpp>
#include <sstream>

using namespace tapegrad;

BOOST_AUTO_TEST_SUITE(dtype)

BOOST_AUTO_TEST_CASE(streams_take_its_name) {
  std::ostringstream stream;
  stream << float32 << ' ' << float64 << ' ' << int64 << ' ' << boolean;
  BOOST_TEST(stream.str() == "float32 float64 int64 bool");
}

BOOST_AUTO_TEST_SUITE_END()
