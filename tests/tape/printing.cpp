// Tensors and shapes in streams and in fmt, beside what fmt prints of ranges.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>
#include <vector>

#include "says.hpp"
#include "tape_test.hpp"
#include "tapegrad/format.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

BOOST_AUTO_TEST_SUITE(printing)

BOOST_AUTO_TEST_CASE(streams_show_what_fmt_shows) {
  const Tensor x = leaf({{1.0, 2.0}, {3.0, 4.5}});
  std::ostringstream stream;
  Tape tape;
  stream << x << ' ' << x.shape() << '\n' << tape;
  BOOST_TEST(stream.str() == fmt::format("{} {}\n{}", x, x.shape(), tape));
  BOOST_TEST(stream.str().starts_with("[[1. , 2. ],\n [3. , 4.5]] [2, 2]\ntape of 0 nodes"), stream.str());
}

BOOST_AUTO_TEST_CASE(shapes_print_where_ranges_do) {
  BOOST_TEST(fmt::format("{:>8}", Shape{2, 3}) == "  [2, 3]");
  BOOST_TEST(fmt::format("{}", std::vector<Shape>{{2, 3}, {}}) == "[[2, 3], []]");
}

BOOST_AUTO_TEST_CASE(a_precision_would_cut_the_text) {
  const Tensor x = leaf({1.0, 2.0});
  BOOST_CHECK_EXCEPTION((void)fmt::format(fmt::runtime("{:.3}"), x), ValueError, says("take no precision"));
  BOOST_CHECK_EXCEPTION((void)fmt::format(fmt::runtime("{:{}.3}"), x, 10), ValueError, says("take no precision"));
  BOOST_TEST(fmt::format("{:.>10}", x.shape()) == ".......[2]");
  BOOST_TEST(fmt::format("{:>{}}.", x.shape(), 5) == "  [2].");
}

BOOST_AUTO_TEST_SUITE_END()
