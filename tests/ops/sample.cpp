#include "tapegrad/ops/sample.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "kernels/thread_count.hpp"
#include "says.hpp"
#include "tapegrad/tape/create.hpp"

using namespace tapegrad;
using tapegrad::test::says;

namespace {

using Row = std::vector<std::int64_t>;

Tensor row(const std::vector<double>& weights) { return from_vector(weights); }

/// How often each draw of `width` indices came.
std::map<Row, double> counts_of(const Tensor& indices, std::size_t width = 1) {
  const Row drawn = indices.to_vector<std::int64_t>();
  std::map<Row, double> counts;
  for (auto d = drawn.begin(); d != drawn.end(); d += static_cast<std::ptrdiff_t>(width))
    counts[Row(d, d + static_cast<std::ptrdiff_t>(width))] += 1;
  return counts;
}

/// Pearson's statistic of what was counted against what was expected.
double chi_square(const std::map<Row, double>& counts, const std::map<Row, double>& expected) {
  double sum = 0.0;
  for (const auto& [outcome, mean] : expected) {
    const auto found = counts.find(outcome);
    sum += std::pow((found == counts.end() ? 0.0 : found->second) - mean, 2) / mean;
  }
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sample)

// With replacement: the index whose part of the running sum holds the stream's number, from the definition.
BOOST_AUTO_TEST_CASE(each_index_takes_its_share_of_the_unit_interval) {
  const std::vector<double> weights{0, 1, 2, 0, 1, 0};
  Generator generator(3);
  const RandomStream stream = generator.state();
  const Row drawn = multinomial(row(weights), 200, generator, {.replacement = true}).to_vector<std::int64_t>();
  for (std::size_t d = 0; d < drawn.size(); ++d) {
    const double u = stream.uniform64(d);
    BOOST_TEST(drawn[d] == (u < 0.25 ? 1 : u < 0.75 ? 2 : 4));
  }
  BOOST_TEST(generator.state().offset == 200U);
}

// A single index needs no keys of those that are left: one number for a row.
BOOST_AUTO_TEST_CASE(one_index_is_the_same_draw_with_and_without_replacement) {
  const Tensor weights = rand({300, 7}, {.dtype = float64});
  Generator once(3), again(3);
  const Row drawn = multinomial(weights, 1, once).to_vector<std::int64_t>();
  BOOST_TEST(drawn == multinomial(weights, 1, again, {.replacement = true}).to_vector<std::int64_t>(),
             boost::test_tools::per_element());
  BOOST_TEST(once.state().offset == 300U);
}

// The probability of an ordered pair without replacement is w_i / W times w_j / (W - w_i). With eleven degrees of
// freedom the statistic exceeds 37.4 once in 10,000 seeds.
BOOST_AUTO_TEST_CASE(without_replacement_each_is_drawn_from_those_left) {
  const std::vector<double> weights{4, 1, 3, 0, 2};
  constexpr std::int64_t kDraws = 20000;
  std::map<Row, double> expected;
  for (std::int64_t i = 0; i < 5; ++i)
    for (std::int64_t j = 0; j < 5; ++j) {
      const double first = weights[static_cast<std::size_t>(i)], second = weights[static_cast<std::size_t>(j)];
      if (i != j && first * second > 0) expected[{i, j}] = kDraws * (first / 10) * (second / (10 - first));
    }
  Generator generator(7);
  const std::map<Row, double> counts = counts_of(multinomial(row(weights).expand({kDraws, 5}), 2, generator), 2);
  BOOST_TEST(counts.size() == expected.size());
  BOOST_TEST(chi_square(counts, expected) < 37.4);
}

// 10,000 draws: with three degrees of freedom the statistic exceeds 21.1 once in 10,000 seeds.
BOOST_AUTO_TEST_CASE(with_replacement_draws_follow_the_weights) {
  Generator generator(5);
  const std::map<Row, double> counts =
      counts_of(multinomial(tensor({4.0, 1.0, 3.0, 2.0}), 10000, generator, {.replacement = true}));
  BOOST_TEST(chi_square(counts, {{{0}, 4000}, {{1}, 1000}, {{2}, 3000}, {{3}, 2000}}) < 21.1);
}

// Weights whose sum or whose reciprocals double does not hold, and the smallest there is.
BOOST_AUTO_TEST_CASE(weights_of_any_size) {
  for (const double size : {1.0, 1e308, 1e-310, 5e-324}) {
    for (const bool replacement : {false, true}) {
      Generator generator(5);
      const Tensor weights = row({size, 0.0, size, size, size, 0.0}).expand({4000, 6});
      const Tensor pairs = multinomial(weights, 2, generator, {.replacement = replacement});
      const std::map<Row, double> counts = counts_of(pairs.slice(1, {.stop = 1}));
      BOOST_TEST(counts.size() == 4U, "weights of " << size);
      BOOST_TEST(chi_square(counts, {{{0}, 1000}, {{2}, 1000}, {{3}, 1000}, {{4}, 1000}}) < 21.1);
    }
  }
}

BOOST_AUTO_TEST_CASE(all_are_drawn_once) {
  Generator generator(1);
  const Row drawn = multinomial(ones({50}), 50, generator).to_vector<std::int64_t>();
  BOOST_TEST(std::set<std::int64_t>(drawn.begin(), drawn.end()).size() == 50U);
}

BOOST_AUTO_TEST_CASE(rows_draw_apart_at_any_number_of_threads) {
  const Tensor weights = rand({3, 40, 11}, {.dtype = float64});
  for (const bool replacement : {false, true}) {
    std::vector<Row> drawn;
    for (const int threads : {1, 3}) {
      const kernels::ThreadCount team(threads);
      Generator generator(2);
      const Tensor indices = multinomial(weights, 4, generator, {.replacement = replacement});
      BOOST_TEST((indices.shape() == Shape{3, 40, 4}));
      BOOST_TEST((indices.dtype() == int64));
      drawn.push_back(indices.to_vector<std::int64_t>());
    }
    BOOST_TEST(drawn[0] == drawn[1]);
    // The second half of the rows is what a generator that has passed the first draws from them alone.
    Generator generator(2);
    generator.reserve(std::uint64_t{60} * (replacement ? 4U : 11U));
    const Row rest =
        multinomial(weights.reshape({120, 11}).slice(0, {.start = 60}), 4, generator, {.replacement = replacement})
            .to_vector<std::int64_t>();
    BOOST_TEST(rest == Row(drawn[0].begin() + 240, drawn[0].end()), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(empty_draws) {
  BOOST_TEST((multinomial(ones({2, 3}), 0).shape() == Shape{2, 0}));
  BOOST_TEST((multinomial(ones({0, 3}), 2).shape() == Shape{0, 2}));
  BOOST_TEST((multinomial(ones({2, 0}), 0, {.replacement = true}).shape() == Shape{2, 0}));
}

BOOST_AUTO_TEST_CASE(weights_outside_the_domain_are_told) {
  const double inf = std::numeric_limits<double>::infinity();
  BOOST_CHECK_EXCEPTION(
      (void)multinomial(row({1, -1}), 1), ValueError,
      says("[multinomial] weights must be finite and at least 0, got -1 at 1 of row 0: softmax(logits) "
           "makes weights of logits"));
  BOOST_CHECK_THROW((void)multinomial(row({1, std::nan("")}), 1), ValueError);
  BOOST_CHECK_THROW((void)multinomial(row({1, inf}), 1), ValueError);
  BOOST_CHECK_EXCEPTION((void)multinomial(tensor({{1.0, 1.0}, {1.0, 0.0}}), 2), ValueError,
                        says("[multinomial] row 1 has 1 weight above 0, needed are 2"));
  BOOST_CHECK_EXCEPTION((void)multinomial(row({0, 0}), 3, {.replacement = true}), ValueError,
                        says("row 0 has 0 weights above 0, needed are 1"));
  BOOST_CHECK_EXCEPTION((void)multinomial(row({1}), -1), ValueError, says("expected a count of at least 0, got -1"));
  BOOST_CHECK_THROW((void)multinomial(tensor(1.0), 1), ShapeError);
  BOOST_CHECK_THROW((void)multinomial(arange(3), 1), DTypeError);
}

// 1 where the stream's number is below the probability, from the definition.
BOOST_AUTO_TEST_CASE(bernoulli_by_its_definition) {
  std::vector<double> p;
  for (int i = 0; i < 600; ++i) p.push_back(i % 4 == 0 ? 0.0 : i % 4 == 1 ? 1.0 : i % 4 == 2 ? 0.25 : 0.75);
  const Tensor probabilities = from_vector(p, {20, 30});
  for (const DType dtype : {float32, float64}) {
    Generator generator(5);
    generator.reserve(3);
    const RandomStream stream = generator.state();
    const Tensor drawn = bernoulli(probabilities.to(dtype), generator);
    BOOST_TEST((drawn.dtype() == dtype));
    BOOST_TEST((drawn.shape() == Shape{20, 30}));
    const std::vector<double> values = drawn.to(float64).to_vector<double>();
    for (std::size_t i = 0; i < p.size(); ++i) BOOST_TEST(values[i] == (stream.uniform64(i) < p[i] ? 1.0 : 0.0));
    BOOST_TEST(generator.state().offset == 603U);
  }
  Generator first(9), second(9);
  const Tensor turned = from_vector(p, {30, 20}).transpose(0, 1);
  BOOST_TEST(bernoulli(turned, first).to_vector<double>() == bernoulli(turned.clone(), second).to_vector<double>());
  manual_seed(4);
  const std::vector<double> once = bernoulli(probabilities).to_vector<double>();
  manual_seed(4);
  BOOST_TEST(bernoulli(probabilities, default_generator()).to_vector<double>() == once);
  BOOST_TEST(bernoulli(zeros({0, 2})).numel() == 0);
}

BOOST_AUTO_TEST_CASE(bernoulli_refuses_what_is_no_probability) {
  for (const double p : {-0.5, 1.5, std::nan("")}) {
    Generator generator(1);
    BOOST_CHECK_EXCEPTION((void)bernoulli(tensor({{0.5, 1.0}, {p, 0.0}}), generator), ValueError,
                          says("[bernoulli] expected probabilities in [0, 1], got"));
    BOOST_CHECK_EXCEPTION((void)bernoulli(tensor({{0.5, 1.0}, {p, 0.0}}), generator), ValueError,
                          says("at position 2 of [2, 2]"));
    BOOST_TEST(generator.state().offset == 0U);
  }
  BOOST_CHECK_EXCEPTION((void)bernoulli(arange(2)), DTypeError,
                        says("[bernoulli] expected a floating tensor, got int64 [2]"));
}

BOOST_AUTO_TEST_SUITE_END()
