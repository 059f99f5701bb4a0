// Elements put in other places: pad_sequence, roll, tile, repeat_interleave, diag, tril, triu, scatter, index_put and
// masks.
#include <cmath>
#include <limits>

#include "as_pytorch.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "values.hpp"

using namespace tapegrad;
using test::check_as_pytorch;
using test::check_values;
using test::Fixture;
using test::Values;
using test::vector;

namespace {

using Indices = std::vector<std::int64_t>;

Tensor indices(const Indices& values) { return from_vector(values); }

}  // namespace

BOOST_AUTO_TEST_SUITE(arranging)

BOOST_AUTO_TEST_CASE(as_pytorch) {
  check_as_pytorch("roll", [](const Tensor& x, const Fixture&) { return roll(x, {1, -6}, {0, 1}); });
  check_as_pytorch("tile", [](const Tensor& x, const Fixture&) { return tile(x, {2, 1, 3}); });
  check_as_pytorch("repeat_interleave", [](const Tensor& x, const Fixture&) { return repeat_interleave(x, 3, 1); });
  check_as_pytorch("diag_of_matrix", [](const Tensor& x, const Fixture&) { return diag(x, 1); });
  check_as_pytorch("diag_of_vector", [](const Tensor& x, const Fixture&) { return diag(x, -2); });
  check_as_pytorch("tril", [](const Tensor& x, const Fixture&) { return tril(x, -1); });
  check_as_pytorch("triu", [](const Tensor& x, const Fixture&) { return triu(x, 1); });
}

BOOST_AUTO_TEST_CASE(indexed_as_pytorch) {
  check_as_pytorch(Fixture("scatter"), {"x", "index", "source"},
                   [](const std::vector<Tensor>& x) { return std::vector<Tensor>{scatter(x[0], 1, x[1], x[2])}; });
  check_as_pytorch(Fixture("index_put"), {"x", "first", "second", "values"}, [](const std::vector<Tensor>& x) {
    return std::vector<Tensor>{index_put(x[0], {x[1], x[2]}, x[3])};
  });
  check_as_pytorch(Fixture("index_put_accumulate"), {"x", "index", "values"}, [](const std::vector<Tensor>& x) {
    return std::vector<Tensor>{index_put(x[0], {x[1]}, x[2], true)};
  });
  check_as_pytorch(Fixture("masked_select"), {"x", "mask"},
                   [](const std::vector<Tensor>& x) { return std::vector<Tensor>{masked_select(x[0], x[1])}; });
  check_as_pytorch(Fixture("masked_fill"), {"x", "mask"},
                   [](const std::vector<Tensor>& x) { return std::vector<Tensor>{masked_fill(x[0], x[1], 1.5)}; });
}

BOOST_AUTO_TEST_CASE(sequences_as_pytorch) {
  check_as_pytorch(Fixture("pad_sequence"), {"0", "1", "2", "3"}, [](const std::vector<Tensor>& x) {
    const auto [padded, lengths] = pad_sequence(x, -1.5);
    BOOST_TEST(lengths == (Indices{2, 4, 0, 1}), boost::test_tools::per_element());
    return std::vector<Tensor>{padded};
  });
}

BOOST_AUTO_TEST_CASE(padding_is_constant_and_nothing_of_its_cotangent_passes) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = vector({1, 2, 3}).set_requires_grad(true);
  const Tensor other = vector({4});
  Tape tape;
  const Tensor y = pad_sequence({x.slice(0, {.stop = 2}), other, flip(x, {0})}, nan).padded;
  check_values(y.slice(1, {.stop = 1}), {3, 1}, {1, 4, 3});
  for (const std::int64_t behind : {2, 4, 5}) BOOST_TEST(std::isnan(y.reshape({9})[behind].item()));
  const Tensor dy = from_vector<double>({1, 2, nan, 3, nan, nan, 4, 5, 6}, {3, 3});
  check_values(tape.gradient(y, x, {.cotangent = dy}), {3}, {1 + 6, 2 + 5, 4});
  check_values(jvp(
                   [&](const Tensor& z) {
                     return pad_sequence({other, z}, 7).padded;
                   },
                   x.detach(), vector({1, 2, 3}))
                   .second,
               {2, 3}, {0, 0, 0, 1, 2, 3});
}

BOOST_AUTO_TEST_CASE(of_repeated_indices_the_last_stays_and_it_alone_gets_a_gradient) {
  const Tensor x = vector({10, 20, 30}).set_requires_grad(true);
  const Tensor source = vector({1, 2, 3, 4}).set_requires_grad(true);
  const Tensor at = indices({1, 1, 0, 1});
  const Tensor dy = vector({7, 8, 9});
  for (const bool accumulate : {false, true}) {
    Tape tape;
    const Tensor y = index_put(x, {at}, source, accumulate);
    check_values(y, {3}, accumulate ? Values{13, 27, 30} : Values{3, 4, 30});
    const std::vector<Tensor> gradients = tape.gradient(y, {x, source}, {.cotangent = dy});
    check_values(gradients[0], {3}, accumulate ? Values{7, 8, 9} : Values{0, 0, 9});
    check_values(gradients[1], {4}, accumulate ? Values{8, 8, 7, 8} : Values{0, 0, 7, 8});
  }
  Tape tape;
  const Tensor y = scatter(x, 0, at, source);
  check_values(y, {3}, {3, 4, 30});
  const std::vector<Tensor> gradients = tape.gradient(y, {x, source}, {.cotangent = dy});
  check_values(gradients[0], {3}, {0, 0, 9});
  check_values(gradients[1], {4}, {0, 0, 7, 8});
}

BOOST_AUTO_TEST_CASE(what_is_covered_gets_exactly_zero) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = vector({nan, 2, 3}).set_requires_grad(true);
  const Tensor covered = from_vector(std::vector<bool>{true, false, true}, {3});
  Tape tape;
  const Tensor filled = masked_fill(x, covered, 5);
  check_values(filled, {3}, {5, 2, 5});
  check_values(tape.gradient(filled, x, {.cotangent = vector({nan, 4, nan})}), {3}, {0, 4, 0});
  const Tensor lower = tril(expand(x, {3, 3}), -3);
  check_values(lower, {3, 3}, Values(9, 0.0));
}

BOOST_AUTO_TEST_CASE(diagonals_of_a_batch_of_vectors) {
  const Tensor x = from_vector<double>({1, 2, 3, 4}, {2, 2}, {.requires_grad = true});
  Tape tape;
  check_values(diag_embed(x), {2, 2, 2}, {1, 0, 0, 2, 3, 0, 0, 4});
  check_values(diag_embed(x, 1), {2, 3, 3}, {0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0});
  const Tensor below = diag_embed(x, -1);
  check_values(below, {2, 3, 3}, {0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 4, 0});
  const Tensor cotangent = arange(18, {.dtype = float64}).reshape({2, 3, 3});
  check_values(tape.gradient(below, x, {.cotangent = cotangent}), {2, 2}, {3, 7, 12, 16});
}

BOOST_AUTO_TEST_CASE(other_dtypes) {
  const Tensor whole = reshape(arange(6), {2, 3});
  const auto check_whole = [](const Tensor& x, const Indices& values) {
    BOOST_TEST(x.to_vector<std::int64_t>() == values, boost::test_tools::per_element());
  };
  check_whole(roll(whole, 1, 1), {2, 0, 1, 5, 3, 4});
  check_whole(tile(whole, {1, 2}), {0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5});
  check_whole(repeat_interleave(whole, 2, 0), {0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5});
  check_whole(diag(indices({1, 2})), {1, 0, 0, 2});
  check_whole(pad_sequence({indices({1}), indices({2, 3})}, -1).padded, {1, -1, 2, 3});
  check_whole(triu(whole), {0, 1, 2, 0, 4, 5});
  check_whole(masked_select(whole, whole > 2), {3, 4, 5});
  check_whole(masked_fill(whole, whole > 2, -1), {0, 1, 2, -1, -1, -1});
  check_whole(index_put(whole, {indices({1})}, indices({7, 8, 9})), {0, 1, 2, 7, 8, 9});
  const Tensor truth = from_vector(std::vector<bool>{true, true, true, true}, {2, 2});
  BOOST_TEST(tril(truth).to_vector<bool>() == (std::vector<bool>{true, false, true, true}),
             boost::test_tools::per_element());
  BOOST_TEST(scatter(truth, 1, from_vector(Indices{0, 1}, {2, 1}), 0.0).to_vector<bool>() ==
                 (std::vector<bool>{false, true, true, false}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
