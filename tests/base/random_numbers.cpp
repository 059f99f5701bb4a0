#include "tapegrad/base/random.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "says.hpp"
#include "tapegrad/base/error.hpp"

using namespace tapegrad;

namespace {

using Words = std::array<std::uint32_t, 4>;

/// Philox4x32-10 as Salmon et al. write it (SC 2011, section 3.3), with all 128 bits of the counter.
Words reference(Words counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    counter = {high(b) ^ counter[1] ^ key[0], low(b), high(a) ^ counter[3] ^ key[1], low(a)};
    key = {key[0] + 0x9E3779B9U, key[1] + 0xBB67AE85U};
  }
  return counter;
}

constexpr std::uint32_t kOnes = 0xFFFFFFFF;

}  // namespace

BOOST_AUTO_TEST_SUITE(random_numbers)

// The published vectors of Random123 (kat_vectors, "philox4x32 10").
BOOST_AUTO_TEST_CASE(promise_numbers_are_those_of_philox) {
  const Words zero = {0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8};
  const Words ones = {0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD};
  const Words digits_of_pi = {0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1};
  BOOST_TEST(philox(0, 0) == zero, boost::test_tools::per_element());
  BOOST_TEST(reference({0, 0, 0, 0}, {0, 0}) == zero, boost::test_tools::per_element());
  BOOST_TEST(reference({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}) == ones, boost::test_tools::per_element());
  BOOST_TEST(reference({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0}) == digits_of_pi,
             boost::test_tools::per_element());
  // Our counters have 64 bits: elsewhere the reference, which those vectors confirm, must agree.
  std::uint64_t key = 1;
  std::uint64_t counter = UINT64_MAX;
  for (int i = 0; i < 1000; ++i) {
    const auto word = [](std::uint64_t x, int k) { return static_cast<std::uint32_t>(x >> (32 * k)); };
    BOOST_TEST_REQUIRE(
        philox(key, counter) == reference({word(counter, 0), word(counter, 1), 0, 0}, {word(key, 0), word(key, 1)}),
        boost::test_tools::per_element());
    key = key * 6364136223846793005U + 1442695040888963407U;
    counter = counter * 2862933555777941757U + 3037000493U;
  }
}

BOOST_AUTO_TEST_CASE(promise_numbers_depend_on_key_and_offset_alone) {
  Generator generator(42);
  const RandomStream first = generator.reserve(10);
  const RandomStream second = generator.reserve(5);
  BOOST_TEST(second.offset == first.offset + 10);
  BOOST_TEST(first.uniform64(12) == second.uniform64(2));
  BOOST_TEST(first.normal(13) == second.normal(3));
  Generator again(42);
  again.set_state(second);
  BOOST_TEST(again.uniform() == second.uniform64(0));
  BOOST_TEST(Generator(43).uniform() != Generator(42).uniform());
}

BOOST_AUTO_TEST_CASE(a_range_without_integers_is_refused) {
  Generator generator;
  BOOST_TEST(generator.below(1) == 0);
  for (const std::int64_t bound : {std::int64_t{0}, std::int64_t{-3}, INT64_MIN})
    BOOST_CHECK_EXCEPTION(generator.below(bound), ValueError,
                          test::says("[below] expected a bound of at least 1, got " + std::to_string(bound)));
  BOOST_TEST(generator.state().offset == 1U);  // nothing is drawn for what is refused
}

BOOST_AUTO_TEST_CASE(promise_manual_seed_fixes_all_threads) {
  const auto draw = [] {
    manual_seed(7);
    std::vector<double> drawn = {default_generator().uniform()};
    default_generator().reserve(99);
    drawn.push_back(default_generator().normal());
    return drawn;
  };
  const std::vector<double> once = draw();
  BOOST_TEST(draw() == once, boost::test_tools::per_element());
  std::vector<double> elsewhere;
  std::thread([&] { elsewhere = draw(); }).join();
  BOOST_TEST(elsewhere == once, boost::test_tools::per_element());  // the seeding thread draws from the seed itself
  double mine = default_generator().uniform();
  double other = mine;
  std::thread([&] { other = default_generator().uniform(); }).join();
  BOOST_TEST(other != mine);
}

// However many threads there have been before: the first that draws since the seed was set draws the same.
BOOST_AUTO_TEST_CASE(a_thread_started_after_the_seed_repeats) {
  const auto first_draw_of_a_thread = [] {
    manual_seed(7);
    double drawn = 0.0;
    std::thread([&] { drawn = default_generator().uniform(); }).join();
    return drawn;
  };
  const double once = first_draw_of_a_thread();
  BOOST_TEST(first_draw_of_a_thread() == once);
  manual_seed(7);
  BOOST_TEST(default_generator().uniform() != once);
}

// Bounds of five standard errors or more: fixed seeds, so the outcome is fixed too.
BOOST_AUTO_TEST_CASE(distributions) {
  constexpr int kCount = 100000;
  Generator generator(1);
  double sum = 0.0;
  double normal_sum = 0.0;
  double normal_squares = 0.0;
  double normal_fourth = 0.0;
  std::array<int, 7> seen{};
  for (int i = 0; i < kCount; ++i) {
    const double u = generator.uniform();
    BOOST_TEST_REQUIRE((u >= 0.0 && u < 1.0));
    sum += u;
    const double z = generator.normal();
    normal_sum += z;
    normal_squares += z * z;
    normal_fourth += z * z * z * z;
    const std::int64_t k = generator.below(7);
    BOOST_TEST_REQUIRE((k >= 0 && k < 7));
    ++seen[static_cast<std::size_t>(k)];
  }
  const double n = kCount;
  BOOST_TEST(std::abs(sum / n - 0.5) < 5.0 * std::sqrt(1.0 / 12.0 / n));
  BOOST_TEST(std::abs(normal_sum / n) < 5.0 / std::sqrt(n));
  BOOST_TEST(std::abs(normal_squares / n - 1.0) < 5.0 * std::sqrt(2.0 / n));
  BOOST_TEST(std::abs(normal_fourth / n - 3.0) < 5.0 * std::sqrt(96.0 / n));
  for (const int count : seen) BOOST_TEST(std::abs(count - n / 7.0) < 5.0 * std::sqrt(n / 7.0));
  BOOST_TEST(Generator(3).below(1) == 0);
  BOOST_TEST(generator.uniform(2.0, 3.0) >= 2.0);
}

// Box and Muller 1958, on the block of the complemented key: uniform numbers of the same place are others.
BOOST_AUTO_TEST_CASE(normal_numbers_by_hand) {
  const RandomStream stream{.key = 5, .offset = 3};
  const Words block = philox(~std::uint64_t{5}, 3 + 7);
  const auto unit = [&](std::size_t low) {
    const std::uint64_t bits = std::uint64_t{block[low + 1]} << 32U | block[low];
    return (static_cast<double>(bits >> 11U) + 0.5) * 0x1p-53;
  };
  const double expected = std::sqrt(-2 * std::log(unit(0))) * std::cos(2 * M_PI * unit(2));
  BOOST_TEST(std::abs(stream.normal(7) - expected) < 1e-14);
}

BOOST_AUTO_TEST_SUITE_END()
