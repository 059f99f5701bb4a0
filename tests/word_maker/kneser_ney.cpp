#include "word_maker/kneser_ney.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/base/random.hpp"

using namespace word_maker;

namespace {

constexpr Token a = 1, b = 2, end = kBoundary;
const std::vector<Sequence> kTwoWords{{a, b, end}, {a, a, end}};  // "ab", "aa"

double p(const KneserNey& model, const Sequence& history, Token next) { return model.probability(history, next); }

/// The history begins with the boundary.
constexpr Token start = kBoundary;

}  // namespace

BOOST_AUTO_TEST_SUITE(kneser_ney)

// Pairs: start a twice; ab, b., aa, a. once: D_2 = 4 / (4 + 2). What stands before a: start, a; before b: a; before the
// end: b, a. So the lowest order counts 2, 1, 2 and D_1 = 1 / (1 + 4): p_1(a) = (2 - 1/5) / 5 + (1/5) (3/5) (1/3) =
// 2/5, p_1(b) = 1/5, p_1(end) = 2/5.
BOOST_AUTO_TEST_CASE(order_two_by_hand) {
  const KneserNey model(kTwoWords, 3, 2);
  const auto close = boost::test_tools::tolerance(1e-14);
  BOOST_TEST(model.order() == 2);
  BOOST_TEST(model.discount(1) == 1.0 / 5, close);
  BOOST_TEST(model.discount(2) == 2.0 / 3, close);
  // (2 - 2/3) / 2 + (2/3)(1/2)(2/5)
  BOOST_TEST(p(model, {start}, a) == 4.0 / 5, close);
  BOOST_TEST(p(model, {start}, b) == 1.0 / 15, close);
  BOOST_TEST(p(model, {start}, end) == 2.0 / 15, close);
  // after a: three types, once each: (1 - 2/3) / 3 + (2/3) p_1
  BOOST_TEST(p(model, {start, a}, b) == 11.0 / 45, close);
  BOOST_TEST(p(model, {start, a}, a) == 17.0 / 45, close);
  BOOST_TEST(p(model, {start, a}, end) == 17.0 / 45, close);
  BOOST_TEST(p(model, {start, a, b}, end) == 3.0 / 5, close);
  BOOST_TEST(p(model, {start, a, b}, a) == 4.0 / 15, close);
  BOOST_TEST(model.bits({a, b, end}) == -std::log2(4.0 / 5 * 11 / 45 * 3 / 5), close);
  BOOST_TEST(
      bits_per_character(model, kTwoWords) == -std::log2(4.0 / 5 * 11 / 45 * 3 / 5 * 4 / 5 * 17 / 45 * 17 / 45) / 6,
      close);
}

// Threes, each once: start ab, start aa, ab., aa.: no two of a kind, D_3 = 1/2. Pairs count what stands before them,
// but "start a", before which nothing can stand, counts its two occurrences: D_2 = 2/3 as above.
BOOST_AUTO_TEST_CASE(order_three_by_hand) {
  const KneserNey model(kTwoWords, 3, 3);
  const auto close = boost::test_tools::tolerance(1e-14);
  BOOST_TEST(model.discount(3) == 0.5, close);
  BOOST_TEST(model.discount(2) == 2.0 / 3, close);
  BOOST_TEST(p(model, {start}, a) == 4.0 / 5, close);
  BOOST_TEST(p(model, {start, a}, b) == 67.0 / 180, close);  // (1 - 1/2) / 2 + (1/2)(11/45)
  // "ba" was never seen: its history hands over to that of a.
  BOOST_TEST(p(model, {start, b, a}, b) == 11.0 / 45, close);
}

// "a" alone has no more than start a, a. and start a.: every discount is 1/2, p_1(a) = p_1(end) = 1/4 + (1/2)(1/3).
BOOST_AUTO_TEST_CASE(a_word_shorter_than_the_order_by_hand) {
  const KneserNey model(std::vector<Sequence>{{a, end}}, 3);
  const auto close = boost::test_tools::tolerance(1e-14);
  BOOST_TEST(p(model, {start}, a) == 17.0 / 24, close);       // 1/2 + (1/2)(5/12)
  BOOST_TEST(p(model, {start, a}, end) == 41.0 / 48, close);  // 1/2 + (1/2)(17/24)
  BOOST_TEST(p(model, {start, a, a}, end) == 17.0 / 24, close);
}

BOOST_AUTO_TEST_CASE(order_one_counts_occurrences) {
  const KneserNey model(kTwoWords, 3, 1);  // a 3, b 1, end 2: D = 1 / (1 + 2)
  const auto close = boost::test_tools::tolerance(1e-14);
  BOOST_TEST(p(model, {start, a}, a) == (3 - 1.0 / 3) / 6 + 1.0 / 3 * 3 / 6 / 3, close);
  BOOST_TEST(p(model, {}, b) == (1 - 1.0 / 3) / 6 + 1.0 / 3 * 3 / 6 / 3, close);
}

BOOST_AUTO_TEST_CASE(probabilities_of_every_history_sum_to_one) {
  tapegrad::Generator generator(3);
  constexpr Token vocabulary = 6;  // the last token is never seen
  std::vector<Sequence> words(40);
  for (Sequence& word : words) {
    const auto letters = generator.below(7);
    for (std::int64_t i = 0; i < letters; ++i) word.push_back(static_cast<Token>(1 + generator.below(vocabulary - 2)));
    word.push_back(end);
  }
  for (int order = 1; order <= KneserNey::kLargestOrder; ++order) {
    const KneserNey model(words, vocabulary, order);
    for (int trial = 0; trial < 200; ++trial) {
      Sequence history{start};
      const auto letters = generator.below(6);
      for (std::int64_t i = 0; i < letters; ++i)
        history.push_back(static_cast<Token>(1 + generator.below(vocabulary - 1)));
      double sum = 0, least = 1;
      for (Token next = 0; next < vocabulary; ++next) {
        const double probability = model.probability(history, next);
        sum += probability;
        least = std::min(least, probability);
      }
      BOOST_TEST(sum == 1.0, boost::test_tools::tolerance(1e-12));
      BOOST_TEST(least > 0.0);
    }
  }
}

// No order of the model learns anything from nothing.
BOOST_AUTO_TEST_CASE(without_words_all_is_uniform) {
  const KneserNey model({}, 8);
  BOOST_TEST(model.bits({1, 2, 3, end}) == 4 * 3.0);
}

BOOST_AUTO_TEST_CASE(sizes_outside_the_domain_are_told) {
  BOOST_CHECK_THROW(KneserNey(kTwoWords, 3, 0), tapegrad::ValueError);
  BOOST_CHECK_THROW(KneserNey(kTwoWords, 3, KneserNey::kLargestOrder + 1), tapegrad::ValueError);
  BOOST_CHECK_THROW(KneserNey(kTwoWords, Vocabulary::kLargest + 2), tapegrad::ValueError);
}

BOOST_AUTO_TEST_SUITE_END()
