#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "kernels/always_teams.hpp"
#include "kernels/thread_count.hpp"
#include "tape_test.hpp"
#include "tapegrad/ops/mask.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"
#include "tapegrad/tape/named_tensors.hpp"
#include "tapegrad/tape/same_bits.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

namespace {

Values values(const Tensor& x) { return x.to(float64).to_vector<double>(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(creation)

BOOST_AUTO_TEST_CASE(nested_lists) {
  BOOST_TEST(to_string(tensor(1.0).shape()) == "[]");
  BOOST_TEST(to_string(tensor({1.0}).shape()) == "[1]");
  BOOST_TEST(to_string(tensor({{1.0}, {2.0}}).shape()) == "[2, 1]");
  BOOST_TEST(to_string(tensor({{1.0, 2.0}}).shape()) == "[1, 2]");
  BOOST_TEST(to_string(tensor({{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}).shape()) == "[2, 2, 2]");
  BOOST_TEST(values(tensor({{1, 2}, {3, 4}})) == (Values{1, 2, 3, 4}));
  BOOST_TEST((tensor({true, false}, {.dtype = boolean}).to_vector<bool>() == std::vector<bool>{true, false}));
  BOOST_CHECK_EXCEPTION((void)tensor({{1.0, 2.0}, {3.0}}), ShapeError,
                        says("[tensor] rows of unequal length at depth 1: 2 and 1"));
  BOOST_CHECK_EXCEPTION((void)tensor({{1.0}, 2.0}), ShapeError,
                        says("[tensor] the nested list mixes numbers and lists"));
  BOOST_CHECK_EXCEPTION((void)tensor({1.0, {2.0}}), ShapeError,
                        says("[tensor] the nested list mixes numbers and lists"));
}

BOOST_AUTO_TEST_CASE(elements_outlive_the_tensor_that_they_were_made_with) {
  // Few elements lie in one block with their first tensor, many in a block of their own.
  for (const std::int64_t size : {std::int64_t{2}, std::int64_t{5000}}) {
    Tensor last;
    {
      const Tensor whole = full({size}, 3.0);
      last = whole[size - 1];
    }
    const Tensor other = full({size}, 4.0);  // would take the block
    BOOST_TEST(last.item() == 3.0);
    const Tensor kept = last;
    last = other;
    BOOST_TEST(kept.item() == 3.0);
  }
}

BOOST_AUTO_TEST_CASE(a_tensor_outlives_its_first_elements) {
  const Tensor x = full({2}, 3.0);
  engine::convert_in_place(x, float64);
  std::vector<Tensor> later;
  for (int i = 0; i < 16; ++i) later.push_back(full({2}, 4.0));
  BOOST_TEST((x.dtype() == float64));
  BOOST_TEST(values(x) == (Values{3, 3}));
  engine::convert_in_place(x, float32);
  BOOST_TEST(values(x) == (Values{3, 3}));
}

BOOST_AUTO_TEST_CASE(integers_are_exact) {
  constexpr std::int64_t kBeyondDouble = 9007199254740993;  // 2^53 + 1
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  const auto values_of = [](const Tensor& x) { return x.to_vector<std::int64_t>(); };
  const auto truth = [](const Tensor& x) { return bool(x.to_vector<bool>()[0]); };
  BOOST_TEST(values_of(tensor(kBeyondDouble, {.dtype = int64}))[0] == kBeyondDouble);
  const Tensor five = from_vector<std::int64_t>({5}, {1});
  BOOST_TEST(values_of(minimum(five, kLargest))[0] == 5);
  BOOST_TEST(values_of(five + (kBeyondDouble - 5))[0] == kBeyondDouble);
  BOOST_TEST(truth(five < kLargest));
  BOOST_TEST(truth(from_vector<std::int64_t>({kBeyondDouble}, {1}) == kBeyondDouble));
  BOOST_TEST(values_of(where(five > 9, five, kBeyondDouble))[0] == kBeyondDouble);
  BOOST_TEST(tensor(std::uint64_t{kBeyondDouble}, {.dtype = int64}).item<std::int64_t>() == kBeyondDouble);
  BOOST_TEST(tensor(std::uint64_t{1} << 63).item() == 0x1p63);
  const Tensor listed = tensor({{kBeyondDouble, kLargest}, {std::int64_t{-1}, std::int64_t{0}}}, {.dtype = int64});
  BOOST_TEST(values_of(listed) == (std::vector<std::int64_t>{kBeyondDouble, kLargest, -1, 0}));
  BOOST_TEST((tensor(true, {.dtype = boolean}).to_vector<bool>()[0]));
}

BOOST_AUTO_TEST_CASE(promise_the_default_dtype_is_float32_and_dtypes_do_not_mix) {
  BOOST_TEST((tensor({1.0}).dtype() == float32));
  BOOST_TEST((zeros({1}).dtype() == float32));
  BOOST_TEST((randn({1}).dtype() == float32));
  BOOST_TEST((arange(3).dtype() == int64));
  const Tensor single = tensor({1.5});
  const Tensor twice = tensor({1.5}, {.dtype = float64});
  BOOST_CHECK_EXCEPTION((void)(single + twice), DTypeError, says("[add]"));
  BOOST_CHECK_EXCEPTION((void)mul(twice, single), DTypeError, says("[mul]"));
  BOOST_TEST(((single * 2.0).dtype() == float32));  // numbers adapt
  BOOST_TEST(((2 + twice).dtype() == float64));
  BOOST_TEST((single.to(float64) + twice).item() == 3.0);
}

BOOST_AUTO_TEST_CASE(a_number_that_the_dtype_cannot_hold_is_no_operand) {
  const Tensor whole = arange(4);
  BOOST_TEST(((whole < 2).to_vector<bool>() == std::vector<bool>{true, true, false, false}));
  BOOST_TEST((whole * 2.0).to_vector<std::int64_t>() == (std::vector<std::int64_t>{0, 2, 4, 6}));  // 2.0 is whole
  BOOST_CHECK_EXCEPTION((void)(whole < 2.5), DTypeError, says("[less] int64 has no 2.5: convert the tensor with to()"));
  BOOST_CHECK_EXCEPTION((void)(0.5 * whole), DTypeError, says("[mul] int64 has no 0.5"));
  BOOST_CHECK_EXCEPTION((void)(whole + NAN), DTypeError, says("[add] int64 has no nan"));
  BOOST_CHECK_EXCEPTION((void)maximum(whole, 1e30), DTypeError, says("[maximum] int64 has no 1e+30"));
  BOOST_CHECK_EXCEPTION((void)(whole == (std::uint64_t{1} << 63)), DTypeError, says("[equal] int64 has no 9.22"));
  BOOST_CHECK_EXCEPTION((void)where(whole < 2, whole, 0.5), DTypeError, says("[where] int64 has no 0.5"));
  BOOST_CHECK_EXCEPTION((void)masked_fill(whole, whole < 2, 0.5), DTypeError, says("[masked_fill] int64 has no 0.5"));
  const Tensor flags = whole < 2;
  BOOST_TEST(((flags == true).to_vector<bool>() == std::vector<bool>{true, true, false, false}));
  BOOST_CHECK_EXCEPTION((void)(flags == 2), DTypeError, says("[equal] bool has no 2"));
  BOOST_TEST((tensor({1.0F}) + 1e-9).item() == 1.0);  // a floating dtype rounds
}

// From a number in a file, say.
BOOST_AUTO_TEST_CASE(a_number_that_names_no_dtype_makes_no_tensor) {
  const auto none = static_cast<DType>(9);
  BOOST_CHECK_EXCEPTION((void)empty({3}, {.dtype = none}), DTypeError, says("[tensor] 9 is no dtype"));
  BOOST_CHECK_EXCEPTION((void)ones({0}, {.dtype = none}), DTypeError, says("[tensor] 9 is no dtype"));
  BOOST_CHECK_EXCEPTION((void)tensor({1, 2}, {.dtype = none}), DTypeError, says("[tensor] 9 is no dtype"));
  BOOST_CHECK_EXCEPTION((void)arange(3.0, 5.0, 1.0, {.dtype = none}), DTypeError, says("[tensor] 9 is no dtype"));
  BOOST_CHECK_EXCEPTION((void)eye(2, {.dtype = none}), DTypeError, says("[tensor] 9 is no dtype"));
  BOOST_CHECK_EXCEPTION((void)randint(0, 3, {2}, {.dtype = none}), DTypeError, says("[tensor] 9 is no dtype"));
}

BOOST_AUTO_TEST_CASE(filled) {
  BOOST_TEST(values(zeros({2})) == (Values{0, 0}));
  BOOST_TEST(values(ones({2}, {.dtype = int64})) == (Values{1, 1}));
  BOOST_TEST(values(full({2, 1}, -2.5)) == (Values{-2.5, -2.5}));
  BOOST_TEST(values(eye(3)) == (Values{1, 0, 0, 0, 1, 0, 0, 0, 1}));
  BOOST_TEST(full({}, 7.0).item() == 7.0);
  BOOST_TEST(zeros({3, 0}).numel() == 0);
  BOOST_TEST(ones({2}, {.requires_grad = true}).requires_grad());
  const Tensor x = ones({2, 3}, {.dtype = float64, .requires_grad = true});
  BOOST_TEST(values(full_like(x, 4.0)) == (Values{4, 4, 4, 4, 4, 4}));
  BOOST_TEST((zeros_like(x).dtype() == float64));
  BOOST_TEST(!zeros_like(x).requires_grad());
  BOOST_CHECK_THROW((void)zeros({-1}), ShapeError);
  BOOST_CHECK_EXCEPTION((void)eye(-1), ValueError, says("[eye] expected n >= 0, got -1"));
  BOOST_CHECK_THROW((void)ones({2}, {.dtype = int64, .requires_grad = true}), DTypeError);
}

BOOST_AUTO_TEST_CASE(like_another) {
  const Tensor x = zeros({3, 50}, {.dtype = float64, .requires_grad = true}).transpose(0, 1);
  BOOST_CHECK_EXCEPTION((void)full_like(Tensor(), 1.0), ValueError, says("[full_like] an input is undefined"));
  for (Tensor (*make)(const Tensor&) : {empty_like, zeros_like, ones_like, rand_like, randn_like}) {
    BOOST_CHECK_EXCEPTION((void)make(Tensor()), ValueError, says("_like] an input is undefined"));
    const Tensor y = make(x);
    BOOST_TEST(to_string(y.shape()) == "[50, 3]");
    BOOST_TEST((y.dtype() == float64));
    BOOST_TEST(y.is_contiguous());
    BOOST_TEST(!y.requires_grad());
  }
  for (const double v : rand_like(x).to_vector<double>()) BOOST_TEST((v >= 0.0 && v < 1.0));
  double squares = 0.0;
  for (const double v : randn_like(x).to_vector<double>()) squares += v * v;
  BOOST_TEST(std::abs(squares / 150.0 - 1.0) < 5.0 * std::sqrt(2.0 / 150.0));
  BOOST_CHECK_THROW((void)rand_like(zeros({2}, {.dtype = int64})), DTypeError);
  const Tensor dice = randint_like(zeros({200}, {.dtype = int64}), 1, 7);
  BOOST_TEST((dice.dtype() == int64));
  for (const std::int64_t v : dice.to_vector<std::int64_t>()) BOOST_TEST((v >= 1 && v < 7));
  BOOST_TEST((randint_like(x, 0, 2).dtype() == float64));
  BOOST_CHECK_EXCEPTION((void)randint_like(Tensor(), 0, 2), ValueError, says("[randint_like] an input is undefined"));
}

// (stop - start) / step is a whole number but for rounding, which takes it, the last element, or both beyond.
BOOST_AUTO_TEST_CASE(a_range_ends_before_its_stop_in_its_own_dtype) {
  for (const auto& [dtype, one] : {std::pair{float64, 0x1p-54}, {float32, 0x1p-25}}) {
    BOOST_TEST_CONTEXT(to_string(dtype)) {
      const auto as = [type = dtype](const std::vector<double>& numbers) {
        return values(from_vector(numbers).to(type));
      };
      const auto range = [type = dtype](double start, double stop, double step) {
        return values(arange(start, stop, step, {.dtype = type}));
      };
      BOOST_TEST(range(1.0, 1.3, 0.1) == as({1.0, 1.1, 1.0 + 2 * 0.1}));
      BOOST_TEST(range(-1.0, -1.3, -0.1) == as({-1.0, -1.1, -1.0 - 2 * 0.1}));
      BOOST_TEST(range(1.3, 1.0, -0.1) == as({1.3, 1.3 - 0.1, 1.3 - 2 * 0.1}));
      BOOST_TEST(range(0.1, 0.4, 0.1) == as({0.1, 0.1 + 0.1, 0.1 + 2 * 0.1}));
      // What is nearest to 1 rounds to it.
      BOOST_TEST(range(1.0 - 4 * one, 1.0, one) == as({1.0 - 4 * one, 1.0 - 3 * one, 1.0 - 2 * one}));
      BOOST_TEST(range(4 * one - 1.0, -1.0, -one) == as({4 * one - 1.0, 3 * one - 1.0, 2 * one - 1.0}));
      // Nothing is missing that is below.
      BOOST_TEST(range(0.0, 1.0 + 1e-9, 0.5) == (Values{0.0, 0.5, 1.0}));
      BOOST_TEST(range(0.0, -1.0 - 1e-9, -0.5) == (Values{0.0, -0.5, -1.0}));
      BOOST_TEST(range(0x1p24 - 1, 0x1p24 + 1, 1.0) == (Values{0x1p24 - 1, 0x1p24}));
    }
  }
  // Not up to 0, beside which the dtype has numbers as small as what rounding leaves.
  for (int start = 0; start < 30; ++start)
    for (int stop = 1; stop < 60; ++stop)
      for (const double step : {0.05, 0.1, 0.2, 0.3, 0.7, -0.1, -0.3, -0.7}) {
        const double a = start / 10.0, b = stop / 10.0;
        const std::vector<float> narrow = arange(a, b, step, {.dtype = float32}).to_vector<float>();
        const std::vector<double> wide = arange(a, b, step, {.dtype = float64}).to_vector<double>();
        // Of all decimals: the hundredths from start to stop, over those of a step, rounded up.
        const std::int64_t hundredths = std::lround((b - a) * 100), each = std::lround(step * 100);
        const std::int64_t count = hundredths * each > 0 ? (std::abs(hundredths) - 1) / std::abs(each) + 1 : 0;
        BOOST_TEST(static_cast<std::int64_t>(narrow.size()) == count, a << ", " << b << ", " << step);
        // float64 may keep the element that rounding has left below.
        BOOST_TEST((wide.size() == narrow.size() || wide.size() == narrow.size() + 1), a << ", " << b << ", " << step);
        for (const float x : narrow) BOOST_TEST((step > 0 ? x < static_cast<float>(b) : x > static_cast<float>(b)));
        for (const double x : wide) BOOST_TEST((step > 0 ? x < b : x > b), a << ", " << b << ", " << step);
      }
}

BOOST_AUTO_TEST_CASE(ranges) {
  BOOST_TEST(values(arange(4)) == (Values{0, 1, 2, 3}));
  BOOST_TEST(values(arange(0)).empty());
  BOOST_TEST(values(arange(5.0, -1.0, -2.0)) == (Values{5, 3, 1}));
  BOOST_TEST(values(arange(0.0, 1.0, 0.25, {.dtype = float64})) == (Values{0, 0.25, 0.5, 0.75}));
  BOOST_CHECK_THROW((void)arange(0.0, 1.0, 0.0), ValueError);
  BOOST_CHECK_THROW((void)arange(0.0, HUGE_VAL), ValueError);
  BOOST_CHECK_THROW((void)arange(1e19, 1e19 + 8192, 2048), ValueError);
  BOOST_TEST(values(arange(0.0, 2.5)) == (Values{0, 1, 2}));
  BOOST_CHECK_EXCEPTION((void)arange(0.0, 1.0, 0.25), ValueError,
                        says("[arange] from 0 in steps of 0.25 are no int64 values"));
  BOOST_CHECK_EXCEPTION((void)arange(0.5, 3.0), ValueError,
                        says("[arange] from 0.5 in steps of 1 are no int64 values"));
  BOOST_CHECK_THROW((void)randint(INT64_MIN, INT64_MAX, {1}), ValueError);
  BOOST_CHECK_EXCEPTION((void)randint(33554431, 33554432, {2}, {.dtype = float32}), ValueError,
                        says("[randint] float32 does not hold every integer from 33554431 to 33554432"));
  BOOST_CHECK_EXCEPTION((void)randint(0, 3, {2}, {.dtype = boolean}), ValueError,
                        says("[randint] bool does not hold every integer from 0 to 3"));
  BOOST_CHECK_THROW((void)randint(-1, 1, {2}, {.dtype = boolean}), ValueError);
  BOOST_TEST((randint(0, 2, {2}, {.dtype = boolean}).dtype() == boolean));
  BOOST_CHECK_THROW((void)arange(0x1p53, 0x1p53 + 4.0), ValueError);
  BOOST_CHECK_THROW((void)arange(0x1p60, 0x1p60 + 100.0), ValueError);  // the same double
  BOOST_TEST(values(arange(0x1p53 - 2.0, 0x1p53)) == (Values{0x1p53 - 2.0, 0x1p53 - 1.0}));
  BOOST_TEST(values(linspace(-1.0, 1.0, 5, {.dtype = float64})) == (Values{-1, -0.5, 0, 0.5, 1}));
  BOOST_TEST(values(linspace(3.0, 9.0, 1)) == (Values{3}));
  BOOST_TEST(values(linspace(-1.5e308, 1.5e308, 3, {.dtype = float64})) == (Values{-1.5e308, 0, 1.5e308}));
  for (const std::int64_t n : {10, 11, 100}) {
    const Values counted = values(linspace(1.0, static_cast<double>(n), n, {.dtype = float64}));
    for (std::size_t i = 0; i < counted.size(); ++i) BOOST_TEST(counted[i] == static_cast<double>(i + 1));
    for (const double v : values(linspace(0.1, 0.1, n, {.dtype = float64}))) BOOST_TEST(v == 0.1);
  }
  BOOST_CHECK_THROW((void)linspace(0.0, 1.0, 3, {.dtype = int64}), DTypeError);
  BOOST_CHECK_EXCEPTION((void)linspace(0.0, 1.0, -1), ValueError,
                        says("[linspace] expected a count of at least 0, got -1"));
  BOOST_CHECK_EXCEPTION((void)linspace(0.0, HUGE_VAL, 3), ValueError,
                        says("[linspace] expected finite bounds, got 0 and inf"));
}

BOOST_AUTO_TEST_CASE(integers_count_as_far_as_int64_goes) {
  using Integers = std::vector<std::int64_t>;
  const auto integers = [](const Tensor& t) { return t.to_vector<std::int64_t>(); };
  constexpr std::int64_t kLeast = INT64_MIN;
  constexpr std::int64_t kMost = INT64_MAX;
  BOOST_TEST(integers(arange(kMost - 2, kMost)) == (Integers{kMost - 2, kMost - 1}));
  BOOST_TEST(integers(arange(kLeast + 2, kLeast, -1)) == (Integers{kLeast + 2, kLeast + 1}));
  const std::int64_t step = std::int64_t{1} << 62;
  BOOST_TEST(integers(arange(kLeast, kMost, step)) == (Integers{kLeast, kLeast + step, 0, step}));
  BOOST_TEST(integers(arange(kMost, kLeast, kLeast)) == (Integers{kMost, -1}));
  const Integers hundred = integers(arange(std::int64_t{1} << 60, (std::int64_t{1} << 60) + 100));
  BOOST_TEST(hundred.size() == 100U);
  BOOST_TEST(hundred[99] == (std::int64_t{1} << 60) + 99);
  BOOST_TEST(integers(arange(2, 9, 3)) == (Integers{2, 5, 8}));
  BOOST_TEST(integers(arange(2, 8, 3)) == (Integers{2, 5}));
  BOOST_TEST(integers(arange(8, 2, -3)) == (Integers{8, 5}));
  BOOST_TEST(integers(arange(3, 3)).empty());
  BOOST_TEST(integers(arange(3, 2)).empty());
  BOOST_TEST(integers(arange(kMost, kLeast)).empty());
  BOOST_TEST(values(arange(1, 4, 2, {.dtype = float64})) == (Values{1, 3}));
  BOOST_CHECK_THROW((void)arange(1, 4, 0), ValueError);
  BOOST_CHECK_THROW((void)arange(kLeast, kMost), ValueError);
  BOOST_CHECK_THROW((void)arange(UINT64_MAX - 2, UINT64_MAX), ValueError);
}

BOOST_AUTO_TEST_CASE(from_vectors) {
  const Tensor x = from_vector<std::int64_t>({1, 2, 3, 4}, {2, 2});
  BOOST_TEST((x.dtype() == int64));
  BOOST_TEST((x.to_vector<std::int64_t>() == std::vector<std::int64_t>{1, 2, 3, 4}));
  BOOST_TEST((from_vector(std::vector<float>{1.5F, 2.0F, 3.0F}).to_vector<float>() == std::vector<float>{1.5F, 2, 3}));
  BOOST_TEST(to_string(from_vector<std::int64_t>({4, 5}).shape()) == "[2]");
  BOOST_TEST((from_vector(std::vector<int>{-3, 4}).to_vector<std::int64_t>() == std::vector<std::int64_t>{-3, 4}));
  BOOST_TEST((from_vector(std::vector<bool>{true, false}).to_vector<bool>() == std::vector<bool>{true, false}));
  BOOST_TEST(to_string(from_vector(std::vector<double>{}).shape()) == "[0]");
  BOOST_CHECK_EXCEPTION((void)from_vector(std::vector<std::uint64_t>{UINT64_MAX}), ValueError,
                        says("[from_vector] int64 has no 18446744073709551615"));
  BOOST_CHECK_EXCEPTION((void)from_vector<float>({1, 2, 3}, {2, 2}), ShapeError,
                        says("[from_vector] 3 values for shape [2, 2]"));
  constexpr std::int64_t kLarge = std::int64_t{1} << 32;  // whose square is 0 modulo 2^64
  BOOST_CHECK_EXCEPTION((void)from_vector(std::vector<float>{}, {kLarge, kLarge}), ShapeError,
                        says("[from_vector] 0 values for shape [4294967296, 4294967296]"));
  BOOST_TEST(from_vector<double>({1.5}, {}, {.requires_grad = true}).requires_grad());
  BOOST_CHECK_THROW((void)from_vector(std::vector<int>{1}, {1}, {.requires_grad = true}), DTypeError);

  const std::vector<int> six{1, 2, 3, 4, 5, 6};
  BOOST_TEST(to_string(from_vector(six, {-1, 3}).shape()) == "[2, 3]");
  BOOST_TEST(to_string(from_vector(six, {-1}).shape()) == "[6]");
  BOOST_TEST(to_string(from_vector(std::vector<float>{}, {-1, 3}).shape()) == "[0, 3]");
  BOOST_CHECK_EXCEPTION((void)from_vector(six, {-1, 5}), ShapeError, says("[from_vector] 6 values for shape [-1, 5]"));
  BOOST_CHECK_EXCEPTION((void)from_vector(six, {-1, 0}), ShapeError, says("[from_vector] 6 values for shape [-1, 0]"));
  BOOST_CHECK_EXCEPTION((void)from_vector(six, {-1, -1}), ShapeError,
                        says("[from_vector] one size at most may be -1, got [-1, -1]"));
  BOOST_CHECK_EXCEPTION((void)from_vector(six, {-2, 3}), ShapeError, says("[from_vector] negative size in [-2, 3]"));
}

BOOST_AUTO_TEST_CASE(from_memory_of_any_kind) {
  const std::array<double, 4> four{1.5, 2, 3, 4};
  BOOST_TEST(to_string(from_span(four, {2, -1}).shape()) == "[2, 2]");
  BOOST_TEST((from_span(four, {4}).dtype() == float64));
  BOOST_TEST(from_span(four, {4}).to_vector<double>() == std::vector<double>(four.begin(), four.end()));
  const float numbers[] = {1.5F, -2.0F, 7.0F};
  const float* const first = numbers;
  BOOST_TEST((from_span({first, std::size_t{2}}, {2}).to_vector<float>() == std::vector<float>{1.5F, -2.0F}));
  BOOST_TEST(from_span({first, std::size_t{2}}, {2}, {.requires_grad = true}).requires_grad());
  const std::vector<std::uint8_t> bytes{255, 0};
  BOOST_TEST((from_span(bytes, {2}).to_vector<std::int64_t>() == std::vector<std::int64_t>{255, 0}));
  const std::array<std::int32_t, 2> integers{-7, 8};
  const Tensor labels = from_span(integers, {2});
  BOOST_TEST((labels.to_vector<std::int64_t>() == std::vector<std::int64_t>{-7, 8}));
  const std::array<bool, 2> truths{true, false};
  BOOST_TEST((from_span(truths, {2}).dtype() == boolean));
  const std::array<std::int64_t, 1> one{std::int64_t{1} << 60};
  BOOST_TEST(from_span(one, {}).item<std::int64_t>() == one[0]);
  BOOST_CHECK_EXCEPTION((void)from_span(four, {3}), ShapeError, says("[from_span] 4 values for shape [3]"));
  BOOST_CHECK_THROW((void)from_span(integers, {2}, {.requires_grad = true}), DTypeError);
}

BOOST_AUTO_TEST_CASE(promise_random_tensors_repeat) {
  Generator a(5);
  Generator b(5);
  BOOST_TEST(values(randn({3, 4}, a)) == values(randn({3, 4}, b)));
  BOOST_TEST(values(rand({7}, a)) == values(rand({7}, b)));
  BOOST_TEST(values(randint(-2, 3, {50}, a)) == values(randint(-2, 3, {50}, b)));
  for (const double v : values(randint(-2, 3, {500}, a))) BOOST_TEST_REQUIRE((v >= -2 && v < 3));
  // The stream's own numbers, one by one, wherever in it a tensor begins.
  for (const DType dtype : {float32, float64}) {
    const TensorOptions options{.dtype = dtype};
    for (const std::int64_t n : {1, 2, 700, 20001}) {
      const RandomStream stream = a.state();
      const Values uniform = values(rand({n}, a, options)), normal = values(randn({n}, a, options));
      for (std::size_t i = 0; i < uniform.size(); i += 1 + uniform.size() / 100) {
        const double v = stream.normal(uniform.size() + i);
        BOOST_TEST(uniform[i] == (dtype == float32 ? double{stream.uniform32(i)} : stream.uniform64(i)));
        BOOST_TEST(normal[i] == (dtype == float32 ? double{static_cast<float>(v)} : v));
      }
    }
  }
  for (const double v : values(rand({500}, a))) BOOST_TEST_REQUIRE((v >= 0 && v < 1));
  manual_seed(3);
  const Values first = values(randn({2}));
  const Values second = values(randn({2}));
  BOOST_TEST(first != second);
  manual_seed(3);
  BOOST_TEST(values(randn({4})) == (Values{first[0], first[1], second[0], second[1]}));
  BOOST_CHECK_THROW((void)randint(3, 3, {1}), ValueError);
  BOOST_CHECK_THROW((void)randn({1}, {.dtype = int64}), DTypeError);
}

BOOST_AUTO_TEST_CASE(promise_random_tensors_are_the_same_at_any_number_of_threads) {
  const auto draw = [](int threads) {
    const kernels::ThreadCount count(threads);
    Generator generator(9);
    auto drawn = randn({100000}, generator).to_vector<float>();
    const auto uniform = rand({100000}, generator).to_vector<float>();
    drawn.insert(drawn.end(), uniform.begin(), uniform.end());
    return drawn;
  };
  const auto one = draw(1);
  const std::int64_t teams = kernels::teams_formed();
  BOOST_TEST((draw(2) == one));
  BOOST_TEST(kernels::teams_formed() > teams);
  BOOST_TEST((draw(4) == one));
}

BOOST_AUTO_TEST_CASE(integers_of_any_type) {
  BOOST_TEST((from_vector(std::vector<int>{-3, 4}, {2}).to_vector<std::int64_t>() == std::vector<std::int64_t>{-3, 4}));
  const Tensor bytes = from_vector(std::vector<unsigned char>{200, 1}, {2, 1});
  BOOST_TEST(to_string(bytes.shape()) == "[2, 1]");
  BOOST_TEST(bytes[0].item() == 200.0);
  BOOST_CHECK_EXCEPTION(
      tensor(1.0F).item<double>(), DTypeError,
      says("[item] the tensor is float32, not float64: item() without a type converts any to double"));
}

BOOST_AUTO_TEST_CASE(a_refused_shape_draws_no_numbers) {
  Generator generator(5);
  const RandomStream before = generator.state();
  BOOST_CHECK_THROW((void)rand({-1}, generator), ShapeError);
  BOOST_CHECK_THROW((void)randn({2, -3}, generator), ShapeError);
  BOOST_TEST(generator.state().offset == before.offset);
}

BOOST_AUTO_TEST_CASE(numbers_that_int64_has_not) {
  BOOST_CHECK_EXCEPTION((void)full({1}, 1e19, {.dtype = int64}), ValueError, says("[full] int64 has no 1e+19"));
  BOOST_CHECK_THROW((void)full({1}, std::nan(""), {.dtype = int64}), ValueError);
  BOOST_CHECK_THROW((void)tensor({0.5, std::nan("")}, {.dtype = int64}), ValueError);
  BOOST_TEST(full({1}, -0x1p63, {.dtype = int64}).item<std::int64_t>() == INT64_MIN);
  BOOST_TEST(full({1}, 2.5, {.dtype = int64}).item() == 2.0);
}

BOOST_AUTO_TEST_CASE(permutations) {
  Generator generator(3);
  std::vector<int> seen(24);  // each of the 4! orders
  for (int draw = 0; draw < 2400; ++draw) {
    const std::vector<std::int64_t> order = randperm(4, generator).to_vector<std::int64_t>();
    std::vector<std::int64_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    BOOST_REQUIRE((sorted == std::vector<std::int64_t>{0, 1, 2, 3}));
    std::int64_t rank = 0;
    for (std::size_t i = 0; i < 4; ++i)
      rank = rank * static_cast<std::int64_t>(4 - i) +
             std::count_if(order.begin() + static_cast<std::ptrdiff_t>(i), order.end(),
                           [&](std::int64_t later) { return later < order[i]; });
    ++seen[static_cast<std::size_t>(rank)];
  }
  // 100 each, with a standard deviation of 10.
  for (const int count : seen) BOOST_TEST(std::abs(count - 100) < 45);
  BOOST_TEST(randperm(0).numel() == 0);
  BOOST_CHECK_EXCEPTION((void)randperm(-1), ValueError, says("[randperm] expected n >= 0, got -1"));
}

BOOST_AUTO_TEST_CASE(more_than_the_system_has) {
  const Shape shape{1 << 20, 1 << 20, 1 << 16};
  BOOST_CHECK_EXCEPTION(
      (void)zeros(shape), Error,
      says("[tensor] the system has no 288230376151711744 bytes for float32 [1048576, 1048576, 65536]"));
}

BOOST_AUTO_TEST_CASE(the_same_to_the_bit) {
  const double nan = std::nan("");
  BOOST_TEST(same_bits(tensor({1.0, nan}), tensor({1.0, nan})));
  BOOST_TEST(!same_bits(tensor({0.0}), tensor({-0.0})));
  BOOST_TEST(!same_bits(tensor({1.0, 2.0}), tensor({1.0, std::nextafter(2.0F, 3.0F)})));
  BOOST_TEST(!same_bits(tensor({1.0, 2.0}), tensor({{1.0, 2.0}})));
  BOOST_TEST(!same_bits(tensor({1.0}), tensor({1.0}, {.dtype = float64})));
  BOOST_TEST(same_bits(zeros({0, 3}), zeros({0, 3})));
  BOOST_TEST(same_bits(tensor({{1.0, 2.0}, {3.0, 4.0}}).transpose(0, 1), tensor({{1.0, 3.0}, {2.0, 4.0}})));
  BOOST_TEST(same_bits(Tensor(), Tensor()));
  BOOST_TEST(!same_bits(Tensor(), zeros({})));
  BOOST_TEST(!same_bits(std::vector<Tensor>{zeros({})}, std::vector<Tensor>{zeros({}), zeros({})}));
}

BOOST_AUTO_TEST_CASE(what_a_temporary_says_of_itself_outlives_it) {
  static_assert(std::is_same_v<decltype(std::declval<Tensor>().shape()), Shape>);
  static_assert(std::is_same_v<decltype(std::declval<Tensor>().strides()), Shape>);
  static_assert(std::is_same_v<decltype(std::declval<Mask>().positions()), Tensor>);
  static_assert(std::is_same_v<decltype(std::declval<Mask>().pairs()), Tensor>);
  const Shape& shape = zeros({2, 3}).shape();
  const Shape& strides = zeros({2, 3}).strides();
  const Tensor& keep = Mask::from_lengths({1, 2}, 4).positions();
  const Tensor& pairs = Mask::keep_pairs(ones({5, 6}, {.dtype = boolean})).pairs();
  const std::vector<Tensor> later = {zeros({7, 8}), zeros({9, 10})};  // where the temporaries were
  BOOST_TEST(to_string(shape) == "[2, 3]");
  BOOST_TEST(to_string(strides) == "[3, 1]");
  BOOST_TEST(to_string(keep.shape()) == "[2, 4]");
  BOOST_TEST(to_string(pairs.shape()) == "[5, 6]");
}

BOOST_AUTO_TEST_CASE(integers_of_unsigned_types_and_lengths_of_any) {
  const std::vector<std::size_t> sizes = {3, 0};
  BOOST_TEST((from_vector(sizes, {2}).to_vector<std::int64_t>() == std::vector<std::int64_t>{3, 0}));
  BOOST_CHECK_EXCEPTION((void)from_vector(std::vector<std::uint64_t>{1, std::uint64_t{1} << 63}, {2}), ValueError,
                        says("[from_vector] int64 has no 9223372036854775808"));
  const std::vector<bool> keep = Mask::from_lengths({1, 2}, 2).positions().to_vector<bool>();
  BOOST_TEST((Mask::from_lengths(std::vector<int>{1, 2}, 2).positions().to_vector<bool>() == keep));
  BOOST_TEST((Mask::from_lengths(std::vector<std::size_t>{1, 2}, 2).positions().to_vector<bool>() == keep));
  BOOST_CHECK_EXCEPTION((void)Mask::from_lengths(std::vector<int>{1, -2}, 2), ValueError,
                        says("[mask] sequence 1 has length -2, expected 0 to 2"));
}

BOOST_AUTO_TEST_CASE(a_clone_of_a_list_is_a_snapshot) {
  Tensor x = tensor({1.0, 2.0}, {.requires_grad = true});
  const NamedTensors list = {{"x", x}, {"none", Tensor()}};
  const Tape tape;
  const NamedTensors copy = list.clone();
  BOOST_TEST(tape.size() == 0);
  BOOST_TEST(copy.names() == list.names(), boost::test_tools::per_element());
  BOOST_TEST(!copy.at("none").defined());
  BOOST_TEST(!copy.at("x").requires_grad());
  const NoRecord pause;
  x.mutable_data<float>()[0] = 7.0F;
  BOOST_TEST(values(copy.at("x")) == (Values{1, 2}));
  BOOST_TEST(values(list.at("x")) == (Values{7, 2}));
}

BOOST_AUTO_TEST_SUITE_END()
