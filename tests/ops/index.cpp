#include "tapegrad/ops/index.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>

#include "fixture.hpp"
#include "kernels/always_teams.hpp"
#include "kernels/thread_count.hpp"
#include "says.hpp"
#include "tapegrad/array/memory.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/scan.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/tape.hpp"
#include "values.hpp"

using namespace tapegrad;
using test::check_close;
using test::check_values;
using test::Fixture;
using test::says;
using test::Values;

namespace {

Tensor indices(const std::vector<std::int64_t>& values, const Shape& shape) { return from_vector(values, shape); }

Tensor doubles(const Values& values, const Shape& shape) { return from_vector(values, shape); }

template <class F>
void check_message(const F& call, const std::string& message) {
  BOOST_CHECK_EXCEPTION(call(), IndexError, [&](const IndexError& e) { return message == e.what(); });
}

}  // namespace

namespace ops {  // <strings.h> has a global index()
BOOST_AUTO_TEST_SUITE(index)

BOOST_AUTO_TEST_CASE(values_by_hand) {
  const Tensor x = doubles({0, 1, 2, 10, 11, 12}, {2, 3});
  check_values(gather(x, 1, indices({2, 0, 1, 1}, {2, 2})), {2, 2}, {2, 0, 11, 11});
  check_values(gather(x, 0, indices({1, 0, 1}, {1, 3})), {1, 3}, {10, 1, 12});
  check_values(gather(transpose(x, 0, 1), 0, indices({2, 0, 1, 1}, {2, 2})), {2, 2}, {2, 10, 1, 11});
  check_values(scatter_add(x, 1, indices({2, 2, 0, 1}, {2, 2}), doubles({1, 2, 3, 4}, {2, 2})), {2, 3},
               {0, 1, 5, 13, 15, 12});
  check_values(scatter_add(x, 0, indices({1, 1, 0}, {1, 3}), doubles({1, 2, 3}, {1, 3})), {2, 3},
               {0, 1, 5, 11, 13, 12});
  check_values(x, {2, 3}, {0, 1, 2, 10, 11, 12});
  check_values(index_select(x, 1, indices({2, 2, 0}, {3})), {2, 3}, {2, 2, 0, 12, 12, 10});
  check_values(index_select(x, -2, indices({1}, {1})), {1, 3}, {10, 11, 12});
  check_values(index_add(x, 1, indices({2, 2}, {2}), doubles({1, 2, 3, 4}, {2, 2})), {2, 3}, {0, 1, 5, 10, 11, 19});
  check_values(embedding(x, indices({1, 0, 1}, {3, 1})), {3, 1, 3}, {10, 11, 12, 0, 1, 2, 10, 11, 12});
  check_values(one_hot(indices({2, 0}, {2}), 3, float64), {2, 3}, {0, 0, 1, 1, 0, 0});
}

BOOST_AUTO_TEST_CASE(other_dtypes) {
  const Tensor whole = arange(6);
  BOOST_TEST(
      index_select(whole, 0, indices({4, 1}, {2})).to_vector<std::int64_t>() == (std::vector<std::int64_t>{4, 1}),
      boost::test_tools::per_element());
  BOOST_TEST(index_add(whole, 0, indices({1, 1}, {2}), indices({5, 7}, {2}))[1].item<std::int64_t>() == 13);
  const Tensor truth = from_vector(std::vector<bool>{true, false}, {2});
  BOOST_TEST(gather(truth, 0, indices({0, 1, 0}, {3})).to_vector<bool>() == (std::vector<bool>{true, false, true}),
             boost::test_tools::per_element());
  const Tensor single = from_vector(std::vector<float>{1, 2, 3, 4}, {2, 2});
  BOOST_TEST(embedding(single, indices({1}, {1})).to_vector<float>() == (std::vector<float>{3, 4}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(sums_of_integers_wrap_around) {
  using Integers = std::vector<std::int64_t>;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  const Tensor x = from_vector(Integers{kMost, 0, kLeast}, {3});
  const Tensor at = indices({0, 2, 0, 1}, {4});
  const Tensor terms = from_vector(Integers{2, -1, kMost, 7}, {4});
  const Integers sums{0, 7, kMost};  // kMost + 2 + kMost is 2^64
  for (const Tensor& y : {index_add(x, 0, at, terms), scatter_add(x, 0, at, terms), index_put(x, {at}, terms, true)})
    BOOST_TEST(y.to_vector<std::int64_t>() == sums, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_index_outside_is_named_with_its_place) {
  const Tensor x = zeros({4, 3});
  check_message(
      [&] {
        (void)gather(x, 1, indices({0, 1, 2, 0, 7, 1}, {3, 2}));
      },
      "[gather] index 7 at [2, 0] is out of range for size 3");
  check_message(
      [&] {
        (void)gather(x, 1, indices({0, -1}, {1, 2}));
      },
      "[gather] index -1 at [0, 1] is out of range for size 3");
  check_message(
      [&] {
        (void)scatter_add(x, 0, indices({4}, {1, 1}), zeros({1, 1}));
      },
      "[scatter_add] index 4 at [0, 0] is out of range for size 4");
  check_message(
      [&] {
        (void)index_select(x, 0, indices({0, 4}, {2}));
      },
      "[index_select] index 4 at [1] is out of range for size 4");
  check_message(
      [&] {
        (void)embedding(x, indices({1, 2, 3, 99}, {2, 2}));
      },
      "[embedding] index 99 at [1, 1] is out of range for size 4");
  check_message(
      [&] {
        (void)embedding(zeros({0, 3}), indices({0}, {}));
      },
      "[embedding] index 0 at [] is out of range for size 0");
}

BOOST_AUTO_TEST_CASE(of_several_inputs_the_undefined_one_is_named) {
  const Tensor none;
  const Tensor x = zeros({2, 3});
  const Tensor at = zeros({2, 3}, {.dtype = int64});
  const auto named = [](const auto& call, const std::string& message) {
    BOOST_CHECK_EXCEPTION((void)call(), ValueError, says(message + " is undefined"));
  };
  named([&] { return gather(none, 0, at); }, "[gather] input 0 (x)");
  named([&] { return gather(x, 0, none); }, "[gather] input 1 (index)");
  named([&] { return index_select(none, 0, at); }, "[index_select] input 0 (x)");
  named([&] { return index_add(none, 0, at, x); }, "[index_add] input 0 (x)");
  named([&] { return scatter_add(none, 0, at, x); }, "[scatter_add] input 0 (x)");
  named([&] { return scatter(none, 0, at, x); }, "[scatter] input 0 (x)");
  named([&] { return scatter(none, 0, at, 1.0); }, "[scatter] input 0 (x)");
  named([&] { return scatter(x, 0, none, 1.0); }, "[scatter] input 1 (index)");
  named([&] { return tapegrad::index(none, {at}); }, "[index] input 0 (x)");
  named([&] { return tapegrad::index(x, {at, none}); }, "[index] indices[1]");
  named([&] { return index_put(x, {none}, x); }, "[index_put] indices[0]");
  named([&] { return repeat_interleave(none, at, 0); }, "[repeat_interleave] input 0 (x)");
  named([&] { return repeat_interleave(x, none, 0); }, "[repeat_interleave] input 1 (counts)");
  named([&] { return linear_recurrence(none, x, 0); }, "[linear_recurrence] input 0 (a)");
  named([&] { return softmax(none); }, "[softmax] input 0 (x)");
  named([&] { return log_softmax(none); }, "[log_softmax] input 0 (x)");
}

BOOST_AUTO_TEST_CASE(as_pytorch) {
  {
    const Fixture f("gather");
    const Tensor x = f.leaf("input.x");
    Tape tape;
    const Tensor y = gather(x, 1, f["input.index"]);
    check_close(y, f["output.y"]);
    check_close(tape.gradient(y, x, {.cotangent = f["cotangent.y"]}), f["grad.input.x"]);
  }
  {
    const Fixture f("scatter_add");
    const Tensor x = f.leaf("input.x");
    const Tensor source = f.leaf("input.source");
    Tape tape;
    const Tensor y = scatter_add(x, 1, f["input.index"], source);
    check_close(y, f["output.y"]);
    const std::vector<Tensor> gradients = tape.gradient(y, {x, source}, {.cotangent = f["cotangent.y"]});
    check_close(gradients[0], f["grad.input.x"]);
    check_close(gradients[1], f["grad.input.source"]);
  }
  {
    const Fixture f("index_select");
    const Tensor x = f.leaf("input.x");
    Tape tape;
    const Tensor y = index_select(x, 1, f["input.index"]);
    check_close(y, f["output.y"]);
    check_close(tape.gradient(y, x, {.cotangent = f["cotangent.y"]}), f["grad.input.x"]);
  }
  for (const bool padded : {false, true}) {
    const Fixture f(padded ? "embedding_padding_idx" : "embedding");
    const Tensor weight = f.leaf("param.weight");
    std::optional<std::int64_t> padding;
    if (padded) padding = std::stoll(f.attributes().at("padding_idx"));
    for (const bool create_graph : {false, true}) {  // the fused and the differentiable rule
      Tape tape;
      const Tensor y = embedding(weight, f["input.input"], padding);
      check_close(y, f["output.y"]);
      check_close(tape.gradient(y, weight, {.cotangent = f["cotangent.y"], .create_graph = create_graph}),
                  f["grad.param.weight"]);
    }
  }
}

BOOST_AUTO_TEST_CASE(padding_keeps_even_nan_out_of_its_row) {
  const Tensor weight = zeros({3, 2}, {.dtype = float64}).set_requires_grad(true);
  for (const bool create_graph : {false, true}) {
    Tape tape;
    const Tensor y = embedding(weight, indices({0, 1, 0, 2}, {4}), 0);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const Tensor dy = doubles({nan, nan, 1, 2, nan, 5, 3, 4}, {4, 2});
    check_values(tape.gradient(y, weight, {.cotangent = dy, .create_graph = create_graph}), {3, 2}, {0, 0, 1, 2, 3, 4});
  }
}

BOOST_AUTO_TEST_CASE(repeated_indices_sum_to_the_same_bits_at_any_number_of_threads) {
  Generator g(7);
  const Tensor tokens = randint(0, 5, {600}, g);
  const Tensor weight = zeros({5, 1000}).set_requires_grad(true);
  const Tensor dy = randn({600, 1000}, g);
  const auto gradient = [&](int threads) {
    const kernels::ThreadCount count(threads);
    Tape tape;
    return tape.gradient(embedding(weight, tokens), weight, {.cotangent = dy}).to_vector<float>();
  };
  // The order of the tokens, one after the other, in float.
  std::vector<float> sums(5 * 1000, 0.0F);
  for (std::size_t p = 0; p < 600; ++p)
    for (std::size_t e = 0; e < 1000; ++e)
      sums[static_cast<std::size_t>(tokens.data<std::int64_t>()[p]) * 1000 + e] += dy.data<float>()[p * 1000 + e];
  const std::int64_t before = kernels::teams_formed();
  for (const int threads : {1, 2, 8}) BOOST_TEST((gradient(threads) == sums));
  BOOST_TEST(kernels::teams_formed() >= before + 2);
}

BOOST_AUTO_TEST_CASE(gather_and_scatter_add_give_the_same_bits_at_any_number_of_threads) {
  Generator g(8);
  const Shape whole{90, 7, 110};
  const Tensor x = permute(randn({110, 90, 7}, g), {1, 2, 0});  // strides of any kind
  for (const int axis : {0, 1, 2}) {
    Shape shape{80, 6, 100};
    shape[axis] = 150;
    const Tensor index = randint(0, whole[axis], shape, g);
    const Tensor source = randn(shape, g);
    // Element by element, in the order of the index, in float.
    std::vector<float> picked;
    std::vector<float> sums = x.contiguous().to_vector<float>();
    const std::vector<float> values = sums;
    const auto at = index.data<std::int64_t>();
    for (std::int64_t k = 0; k < index.numel(); ++k) {
      std::array<std::int64_t, 3> place{k / (shape[1] * shape[2]), k / shape[2] % shape[1], k % shape[2]};
      place[static_cast<std::size_t>(axis)] = at[static_cast<std::size_t>(k)];
      const auto target = static_cast<std::size_t>((place[0] * whole[1] + place[1]) * whole[2] + place[2]);
      picked.push_back(values[target]);
      sums[target] += source.data<float>()[static_cast<std::size_t>(k)];
    }
    for (const int threads : {1, 2, 8}) {
      const kernels::ThreadCount team(threads);
      BOOST_TEST((gather(x, axis, index).to_vector<float>() == picked), "gather along " << axis);
      BOOST_TEST((scatter_add(x, axis, index, source).to_vector<float>() == sums), "scatter_add along " << axis);
    }
  }
}

BOOST_AUTO_TEST_CASE(narrow_rows_give_the_same_bits_at_any_number_of_threads) {
  Generator g(9);
  const std::int64_t outer = 300, rows = 4, count = 9;
  const Tensor at = randint(0, rows, {count}, g);
  for (const std::int64_t inner : {1, 3, 70}) {
    const Tensor x = randn({outer, rows, inner}, g), source = randn({outer, count, inner}, g);
    std::vector<float> sums = x.to_vector<float>();
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t k = 0; k < count; ++k)
        for (std::int64_t i = 0; i < inner; ++i)
          sums[static_cast<std::size_t>((o * rows + at.data<std::int64_t>()[static_cast<std::size_t>(k)]) * inner +
                                        i)] +=
              source.data<float>()[static_cast<std::size_t>((o * count + k) * inner + i)];
    for (const int threads : {1, 2, 8}) {
      const kernels::ThreadCount team(threads);
      BOOST_TEST((index_add(x, 1, at, source).to_vector<float>() == sums), inner << " columns");
    }
  }
}

BOOST_AUTO_TEST_CASE(of_repeated_rows_the_last_stays_at_any_number_of_threads) {
  Generator g(10);
  const Tensor at = randint(0, 5, {40}, g);
  const Tensor x = randn({5, 3000}, g), values = randn({40, 3000}, g);
  std::vector<float> written = x.to_vector<float>();
  for (std::size_t b = 0; b < 40; ++b)
    std::copy_n(values.data<float>().begin() + static_cast<std::ptrdiff_t>(b * 3000), 3000,
                written.begin() + static_cast<std::ptrdiff_t>(at.data<std::int64_t>()[b] * 3000));
  for (const int threads : {1, 2, 8}) {
    const kernels::ThreadCount team(threads);
    BOOST_TEST((index_put(x, {at}, values).to_vector<float>() == written));
  }
}

BOOST_AUTO_TEST_CASE(a_loop_of_lookups_fills_one_buffer) {
  // As for slices (view): one full-sized gradient, not one for each lookup.
  constexpr std::int64_t kRows = 4096;
  constexpr std::int64_t kWidth = 64;
  const Tensor weight = ones({kRows, kWidth}).set_requires_grad(true);
  const std::size_t bytes = static_cast<std::size_t>(kRows * kWidth) * sizeof(float);
  Tape tape;
  Tensor sum = embedding(weight, indices({0}, {}));
  for (std::int64_t i = 1; i < 20; ++i) {
    const Tensor at = indices({i}, {1});
    sum = add(sum, i % 2 == 0 ? embedding(weight, at) : index_select(weight, 0, at));
    sum = add(sum, gather(weight, 0, expand(reshape(at, {1, 1}), {1, kWidth})));
  }
  reset_peak_memory();
  const std::size_t before = memory_statistics().bytes_in_use;
  tape.backward(sum, {.cotangent = ones(sum.shape())});
  const std::size_t most = memory_statistics().peak_bytes_in_use - before;
  BOOST_TEST(most >= bytes);
  BOOST_TEST(most < bytes + bytes / 2);
  const Tensor gradient = weight.grad();
  for (std::int64_t v = 0; v < kRows; ++v)
    BOOST_REQUIRE(gradient[v][0].item<float>() == (v == 0 ? 1.0F : v < 20 ? 2.0F : 0.0F));
}

BOOST_AUTO_TEST_CASE(counts_that_no_tensor_holds) {
  const Tensor x = ones({2});
  const auto counts = [](std::int64_t a, std::int64_t b) { return from_vector<std::int64_t>({a, b}, {2}); };
  BOOST_CHECK_EXCEPTION((void)repeat_interleave(x, counts(INT64_MAX, 1), 0), ShapeError,
                        says("[repeat_interleave] the counts for axis 0 of [2] are too large"));
  BOOST_CHECK_EXCEPTION((void)repeat_interleave(x, counts(INT64_MAX - 1, 1), 0), ShapeError, says("too many elements"));
  BOOST_CHECK_EXCEPTION((void)repeat_interleave(x, INT64_MAX, 0), ShapeError,
                        says("[repeat_interleave] a count of 9223372036854775807 is too large for axis 0 of [2]"));
}

BOOST_AUTO_TEST_CASE(a_number_that_the_dtype_has_not) {
  const Tensor first = zeros({1}, {.dtype = int64});
  BOOST_CHECK_THROW((void)scatter(arange(3), 0, first, 2.5), DTypeError);
  BOOST_CHECK_THROW((void)scatter(arange(3), 0, first, std::numeric_limits<double>::quiet_NaN()), DTypeError);
  BOOST_TEST((scatter(arange(3), 0, first, 7.0).to_vector<std::int64_t>() == std::vector<std::int64_t>{7, 1, 2}));
}

BOOST_AUTO_TEST_CASE(a_padding_row_has_no_gradient_and_no_tangent) {
  const Tensor table = zeros({3, 1}, {.dtype = float64}).set_requires_grad(true);
  const Tensor tokens = from_vector<std::int64_t>({0, 2}, {2});
  for (const std::int64_t padding : {std::int64_t{2}, std::int64_t{-1}}) {
    Tape tape;
    BOOST_TEST(tape.gradient(sum(embedding(table, tokens, padding)), table).to_vector<double>() ==
               (std::vector<double>{1, 0, 0}));
  }
  const auto look_up = [&](const Tensor& t) { return embedding(t, tokens, 2); };
  BOOST_TEST(jvp(look_up, table.detach(), ones({3, 1}, {.dtype = float64})).second.to_vector<double>() ==
             (std::vector<double>{1, 0}));
}

BOOST_AUTO_TEST_CASE(several_index_tensors) {
  const Tensor x = doubles({0, 1, 2, 10, 11, 12}, {2, 3});
  check_values(tapegrad::index(x, {indices({1, 0, 1}, {3}), indices({2, 0, 0}, {3})}), {3}, {12, 0, 10});
  check_values(tapegrad::index(x, {indices({1, 0}, {2, 1}), indices({2, 0}, {2})}), {2, 2}, {12, 10, 2, 0});  // a grid
  check_values(tapegrad::index(x, {indices({1, 1}, {2})}), {2, 3}, {10, 11, 12, 10, 11, 12});
  check_values(tapegrad::index(x, {indices({1}, {}), indices({2}, {})}), {}, {12});
  check_values(tapegrad::index(transpose(x, 0, 1), {indices({2, 1}, {2}), indices({1, 0}, {2})}), {2}, {12, 1});
  check_values(tapegrad::index(x, {indices({}, {0}), indices({1}, {1})}), {0}, {});
  BOOST_TEST(
      (tapegrad::index(x.reshape({2, 3, 1}), {indices({0, 1}, {2}), indices({1, 1}, {2})}).shape() == Shape{2, 1}));
  BOOST_TEST(tapegrad::index(from_vector<bool>({true, false}, {2}), {indices({1, 0}, {2})}).to_vector<bool>() ==
             (std::vector<bool>{false, true}));
  // What it reads is what index_put writes.
  const std::vector<Tensor> at = {indices({1, 0}, {2, 1}), indices({2, 0}, {2})};
  const Tensor values = doubles({1, 2, 3, 4}, {2, 2});
  check_values(tapegrad::index(index_put(x, at, values), at), {2, 2}, {1, 2, 3, 4});
}

// The place [1, 2] is read twice, [0, 0] once.
BOOST_AUTO_TEST_CASE(several_index_tensors_add_their_gradients) {
  Tensor x = doubles({0, 1, 2, 10, 11, 12}, {2, 3}).set_requires_grad(true);
  Tape tape;
  const Tensor y = tapegrad::index(x, {indices({1, 0, 1}, {3}), indices({2, 0, 2}, {3})});
  check_values(tape.gradient(y, x, {.cotangent = doubles({1, 10, 100}, {3})}), {2, 3}, {10, 0, 0, 0, 0, 101});
}

BOOST_AUTO_TEST_CASE(places_that_are_not_zero) {
  const auto check = [](const Tensor& x, const Shape& shape, const std::vector<std::int64_t>& places) {
    const Tensor found = nonzero(x);
    BOOST_TEST(to_string(found.shape()) == to_string(shape));
    BOOST_TEST(found.to_vector<std::int64_t>() == places, boost::test_tools::per_element());
  };
  check(doubles({0, 2, -1, 0, 0, 3}, {2, 3}), {3, 2}, {0, 1, 0, 2, 1, 2});
  check(transpose(doubles({0, 2, -1, 0, 0, 3}, {2, 3}), 0, 1), {3, 2}, {1, 0, 2, 0, 2, 1});
  check(doubles({0, 1, 0, 0, 0, 0, 0, 2}, {2, 2, 2}), {2, 3}, {0, 0, 1, 1, 1, 1});
  check(doubles({std::numeric_limits<double>::quiet_NaN(), -0.0, 0.0, 1e-310}, {4}), {2, 1}, {0, 3});
  check(doubles({1, 2}, {2}) > 1.5, {1, 1}, {1});
  check(tensor(3, {.dtype = int64}), {1, 0}, {});
  check(tensor(0.0), {0, 0}, {});
  check(zeros({0, 2}), {0, 2}, {});
  check(zeros({2, 0}), {0, 2}, {});
  // Rows longer than what is looked through at once: every third element of [2, 1100], by its flat place.
  std::vector<double> long_rows(2200, 0.0);
  std::vector<std::int64_t> places;
  for (std::int64_t i = 1; i < 2200; i += 3) {
    long_rows[static_cast<std::size_t>(i)] = 1.0;
    places.insert(places.end(), {i / 1100, i % 1100});
  }
  check(doubles(long_rows, {2, 1100}), {733, 2}, places);
}

BOOST_AUTO_TEST_CASE(counts_of_integers) {
  using Counts = std::vector<std::int64_t>;
  const Tensor x = indices({3, 1, 1, 0}, {2, 2});
  BOOST_TEST(bincount(x).to_vector<std::int64_t>() == (Counts{1, 2, 0, 1}), boost::test_tools::per_element());
  BOOST_TEST(bincount(x, 6).to_vector<std::int64_t>() == (Counts{1, 2, 0, 1, 0, 0}), boost::test_tools::per_element());
  BOOST_TEST(bincount(x, 2).to_vector<std::int64_t>() == (Counts{1, 2, 0, 1}), boost::test_tools::per_element());
  BOOST_TEST(bincount(indices({}, {0})).numel() == 0);
  BOOST_TEST(bincount(indices({}, {0}), 2).to_vector<std::int64_t>() == (Counts{0, 0}));
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace ops
