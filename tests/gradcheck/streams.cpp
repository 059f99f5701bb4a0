// What a check draws for one purpose changes nothing of what it draws for others.
#include "gradcheck/streams.hpp"

#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <set>

using namespace tapegrad::checker;

BOOST_AUTO_TEST_SUITE(streams)

BOOST_AUTO_TEST_CASE(each_purpose_part_and_order_has_numbers_of_its_own) {
  constexpr std::size_t kDraws = 50;
  std::set<std::uint64_t> bits;
  std::set<double> normals;
  std::size_t draws = 0;
  for (const std::uint64_t seed : {0U, 1U, 2U})
    for (const int order : {1, 2})
      for (auto purpose = std::uint8_t{0}; purpose <= static_cast<std::uint8_t>(Purpose::beside); ++purpose)
        for (const std::size_t part : {0U, 1U, 1000U}) {
          const tapegrad::RandomStream stream = Streams(seed, order).of(static_cast<Purpose>(purpose), part).state();
          for (std::size_t i = 0; i < kDraws; ++i, ++draws) {
            bits.insert(stream.bits(i));
            normals.insert(stream.normal(i));
          }
        }
  BOOST_TEST(bits.size() == draws);
  BOOST_TEST(normals.size() == draws);
}

BOOST_AUTO_TEST_SUITE_END()
