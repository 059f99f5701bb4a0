#include "word_maker/sampling.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/init.hpp"

using namespace word_maker;

namespace {

const std::vector<float> kLogits{std::log(4.0F), std::log(1.0F), std::log(3.0F), std::log(2.0F)};

void expect(const std::vector<float>& logits, const SamplingOptions& options,
            const std::vector<double>& probabilities) {
  BOOST_TEST(distribution(logits, options) == probabilities, boost::test_tools::tolerance(1e-6)
                                                                 << boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sampling)

BOOST_AUTO_TEST_CASE(temperature_raises_the_odds_to_a_power) {
  expect(kLogits, {}, {.4, .1, .3, .2});
  expect(kLogits, {.temperature = 0.5}, {16. / 30, 1. / 30, 9. / 30, 4. / 30});
  const double sum = 2 + 1 + std::sqrt(3.0) + std::sqrt(2.0);
  expect(kLogits, {.temperature = 2}, {2 / sum, 1 / sum, std::sqrt(3.0) / sum, std::sqrt(2.0) / sum});
  expect(kLogits, {.temperature = 0}, {1, 0, 0, 0});
  expect({1000.0F, 0.0F}, {}, {1, 0});
}

BOOST_AUTO_TEST_CASE(top_k_keeps_the_likeliest) {
  expect(kLogits, {.top_k = 2}, {4. / 7, 0, 3. / 7, 0});
  expect(kLogits, {.temperature = 0.5, .top_k = 3}, {16. / 29, 0, 9. / 29, 4. / 29});
  expect(kLogits, {.top_k = 1}, {1, 0, 0, 0});
  expect(kLogits, {.top_k = 9}, {.4, .1, .3, .2});
  expect({0.0F, 1.0F, 1.0F, 1.0F}, {.top_k = 2}, {0, .5, .5, 0});  // of equal ones the first
  expect({1.0F, 1.0F}, {.temperature = 0}, {1, 0});
}

BOOST_AUTO_TEST_CASE(an_impossible_token_stays_impossible) {
  const float never = -std::numeric_limits<float>::infinity();
  expect({never, 0.0F, 0.0F}, {}, {0, .5, .5});
  expect({never, 0.0F, never}, {.top_k = 2}, {0, 1, 0});
}

BOOST_AUTO_TEST_CASE(options_outside_the_domain_are_told) {
  BOOST_CHECK_THROW(distribution(kLogits, {.temperature = -1}), tapegrad::ValueError);
  BOOST_CHECK_THROW(distribution(kLogits, {.temperature = std::nan("")}), tapegrad::ValueError);
  BOOST_CHECK_THROW(distribution(kLogits, {.top_k = -1}), tapegrad::ValueError);
  BOOST_CHECK_THROW(distribution({}, {}), tapegrad::ValueError);
  BOOST_CHECK_THROW(distribution(std::vector<float>{std::nanf("")}, {}), tapegrad::ValueError);
}

BOOST_AUTO_TEST_CASE(words_begin_with_the_prefix_and_end_in_time) {
  tapegrad::manual_seed(1);
  CharacterModel model({.vocabulary = 5, .length = 6, .embed = 8, .layers = 1, .heads = 2});
  tapegrad::Generator generator(1);
  for (const Sequence& word : make_up(model, Kind::words, {.count = 30, .prefix = {3, 1}}, generator)) {
    BOOST_TEST(word.size() <= 6U);
    BOOST_TEST(word[0] == 3);
    BOOST_TEST(word[1] == 1);
  }
  BOOST_CHECK_THROW(make_up(model, Kind::words, {.prefix = Sequence(6, 1)}, generator), tapegrad::ValueError);
  BOOST_TEST(make_up(model, Kind::words, {.count = 0}, generator).empty());
  // Text goes on beyond the network's length and has no end.
  const Sequence text = make_up(model, Kind::text, {.characters = 50}, generator).front();
  BOOST_TEST(text.size() == 50U);
  BOOST_TEST(std::count(text.begin(), text.end(), kBoundary) == 0);
}

// Temperature 0 takes the likeliest character: as by the logits of the whole window, read anew for each.
BOOST_AUTO_TEST_CASE(what_is_made_up_follows_the_logits_of_its_window) {
  constexpr std::size_t kLength = 12;
  constexpr std::int64_t kVocabulary = 7;
  tapegrad::manual_seed(4);
  CharacterModel model({.vocabulary = kVocabulary, .length = kLength, .embed = 8, .layers = 2, .heads = 2});
  for (const tapegrad::Tensor& p : model.parameters())  // far from the start, where all characters are alike
    tapegrad::nn::init::normal(p, 0.0, 0.7);
  tapegrad::nn::init::normal(model.position.weight, 0.0, 3.0);
  tapegrad::Generator generator(1);
  std::set<Token> seen;
  for (Token first = 1; first < kVocabulary; ++first) {
    const MakeUpOptions options{.prefix = {first, 1}, .characters = 20, .sampling = {.temperature = 0.0}};
    const Sequence text = make_up(model, Kind::text, options, generator).front();
    BOOST_TEST_REQUIRE(text.size() == 20U);
    for (std::size_t p = 2; p < text.size(); ++p) {
      const auto end = text.begin() + static_cast<std::ptrdiff_t>(p);
      const Sequence window(end - static_cast<std::ptrdiff_t>(std::min(p, kLength - 1)), end);
      const std::vector<float> logits = logits_along(model, window);
      const auto last = logits.end() - kVocabulary;
      BOOST_TEST(text[p] == static_cast<Token>(std::max_element(last + 1, logits.end()) - last));  // but the boundary
    }
    seen.insert(text.begin(), text.end());
  }
  BOOST_TEST(seen.size() == 6U);
}

BOOST_AUTO_TEST_CASE(a_seed_repeats_its_words) {
  tapegrad::manual_seed(1);
  CharacterModel model({.vocabulary = 5, .length = 9, .embed = 8, .layers = 1, .heads = 2});
  const auto words = [&](std::uint64_t seed) {
    tapegrad::Generator generator(seed);
    return make_up(model, Kind::words, {.count = 5}, generator);
  };
  BOOST_TEST((words(1) == words(1)));
  BOOST_TEST((words(1) != words(2)));
}

BOOST_AUTO_TEST_SUITE_END()
