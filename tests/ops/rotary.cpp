// Rotary position embedding: values against PyTorch's complex numbers and the definition, and what it is for.
#include <cmath>

#include "as_pytorch.hpp"
#include "tapegrad/ops/attention.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "values.hpp"

using namespace tapegrad;
using test::check_as_pytorch;
using test::Fixture;
using test::normal;

BOOST_AUTO_TEST_SUITE(rotary)

BOOST_AUTO_TEST_CASE(as_pytorch) {
  for (const RotaryPairs pairs : {RotaryPairs::neighbours, RotaryPairs::halves})
    check_as_pytorch(pairs == RotaryPairs::halves ? "rotary_embedding_halves" : "rotary_embedding",
                     [=](const Tensor& x, const Fixture& f) {
                       return rotary_embedding(x, {.base = std::stod(f.attributes().at("base")),
                                                   .first = std::stoll(f.attributes().at("first")),
                                                   .pairs = pairs});
                     });
}

BOOST_AUTO_TEST_CASE(each_pair_is_turned_by_its_angle) {
  // Widths on either side of whole vectors, and a position far from the first.
  for (const std::int64_t width : {2, 6, 16, 34, 64})
    for (const std::int64_t first : {0, 5000})
      for (const bool halves : {false, true})
        for (const DType dtype : {float32, float64}) {
          const Tensor x = normal({3, 7, width}, 1, dtype);
          const Tensor y =
              rotary_embedding(x, {.first = first, .pairs = halves ? RotaryPairs::halves : RotaryPairs::neighbours});
          const std::vector<double> from = x.to(float64).to_vector<double>();
          const std::vector<double> to = y.to(float64).to_vector<double>();
          const double tolerance = dtype == float32 ? 1e-6 : 5e-12;
          for (std::int64_t row = 0; row < 21; ++row)
            for (std::int64_t i = 0; i < width / 2; ++i) {
              const auto p = static_cast<long double>(first + row % 7);
              const long double angle =
                  p * std::pow(10000.0L, -2.0L * static_cast<long double>(i) / static_cast<long double>(width));
              const auto a = static_cast<std::size_t>(row * width + (halves ? i : 2 * i));
              const auto b = a + static_cast<std::size_t>(halves ? width / 2 : 1);
              const auto xa = static_cast<long double>(from[a]), xb = static_cast<long double>(from[b]);
              const long double ya = xa * std::cos(angle) - xb * std::sin(angle);
              const long double yb = xb * std::cos(angle) + xa * std::sin(angle);
              BOOST_TEST(std::abs(to[a] - static_cast<double>(ya)) < tolerance);
              BOOST_TEST(std::abs(to[b] - static_cast<double>(yb)) < tolerance);
            }
        }
}

BOOST_AUTO_TEST_CASE(products_depend_on_distance_alone) {
  const Tensor q = normal({1, 8}, 1, float64), k = normal({1, 8}, 2, float64);
  for (const RotaryPairs pairs : {RotaryPairs::neighbours, RotaryPairs::halves}) {
    const auto product = [&](std::int64_t query, std::int64_t key) {
      return sum(rotary_embedding(q, {.first = query, .pairs = pairs}) *
                 rotary_embedding(k, {.first = key, .pairs = pairs}))
          .item();
    };
    BOOST_TEST(std::abs(product(0, 0) - sum(q * k).item()) < 1e-13);
    for (const std::int64_t distance : {1, 5, 30}) {
      BOOST_TEST(std::abs(product(17, 17 + distance) - product(0, distance)) < 1e-13);
      BOOST_TEST(std::abs(product(17 + distance, 17) - product(distance, 0)) < 1e-13);
      BOOST_TEST(std::abs(product(0, distance) - product(distance, 0)) > 1e-3);  // which one comes first counts
    }
  }
}

BOOST_AUTO_TEST_CASE(a_sequence_that_comes_piece_by_piece) {
  const Tensor x = normal({2, 3, 9, 6}, 1, float32);
  const Tensor whole = rotary_embedding(x);
  for (std::int64_t p = 0; p < 9; p += 4)
    test::check_same_bits(rotary_embedding(x.slice(2, {p, p + 4}), {.first = p}), whole.slice(2, {p, p + 4}));
}

BOOST_AUTO_TEST_CASE(heads_that_lie_interleaved_are_not_copied_and_results_lie_alike) {
  const Tensor x = transpose(normal({2, 5, 3, 4}, 1, float64), 1, 2);
  const Tensor y = rotary_embedding(x);
  BOOST_TEST(transpose(y, 1, 2).is_contiguous());
  test::check_same_bits(y, rotary_embedding(x.contiguous()));
  const Tensor columns = transpose(normal({4, 5}, 2, float64), 0, 1);  // whose rows are not dense
  test::check_same_bits(rotary_embedding(columns), rotary_embedding(columns.contiguous()));
}

BOOST_AUTO_TEST_SUITE_END()
