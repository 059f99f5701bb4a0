// Functions that a transform runs more than once: with the same random numbers, and without effects but those of one
// run.
#include <boost/test/unit_test.hpp>
#include <vector>

#include "tapegrad/diff/checkpoint.hpp"
#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/dropout.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

using namespace tapegrad;

namespace {

Tensor dropped(const Tensor& x) { return dropout(x, 0.5); }

/// Counts its runs, and those that it may remember.
struct Counting {
  int runs = 0, remembered = 0;
  Tensor operator()(const Tensor& x) {
    ++runs;
    if (!is_replaying()) ++remembered;
    return square(x);
  }
};

const Tensor& six() {
  static const Tensor x = from_vector<double>({0.3, -1.2, 0.7, 2.0, -0.4, 1.1}, {6});
  return x;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(replays)

BOOST_AUTO_TEST_CASE(jacobian_is_that_of_one_draw_by_rows_and_by_columns) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    default_generator() = Generator(seed);
    const Tensor scale = dropped(ones({1}, {.dtype = float64}));
    const RandomStream after_one_draw = default_generator().state();
    // More results than arguments: by columns. The Jacobian of (s x, s x) is s I, twice.
    default_generator() = Generator(seed);
    const Tensor tall = jacobian(
        [](const Tensor& x) {
          const Tensor y = x * dropped(ones({1}, {.dtype = float64}));
          return cat({y, y}, 0);
        },
        six());
    BOOST_TEST(default_generator().state().offset == after_one_draw.offset);
    BOOST_TEST(tall.to_vector<double>() ==
                   (cat({eye(6, {.dtype = float64}), eye(6, {.dtype = float64})}, 0) * scale).to_vector<double>(),
               boost::test_tools::per_element());
    // As many: by rows.
    default_generator() = Generator(seed);
    const Tensor square_one =
        jacobian([](const Tensor& x) { return x * dropped(ones({1}, {.dtype = float64})); }, six());
    BOOST_TEST(default_generator().state().offset == after_one_draw.offset);
    BOOST_TEST(square_one.to_vector<double>() == (eye(6, {.dtype = float64}) * scale).to_vector<double>(),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(hessian_with_dropout_is_that_of_one_draw) {
  default_generator() = Generator(5);
  const Tensor mask = dropped(ones({6}, {.dtype = float64}));
  default_generator() = Generator(5);
  // The sum of m_i x_i, squared: its second derivatives are 2 m_i m_j.
  const Tensor h = hessian([](const Tensor& x) { return square(sum(dropped(x))); }, six());
  const Tensor expected = 2.0 * reshape(mask, {6, 1}) * mask;
  BOOST_TEST(h.to_vector<double>() == expected.to_vector<double>(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_remembered_is_that_of_one_run) {
  Counting tall;
  (void)jacobian([&tall](const Tensor& x) { return cat({tall(x), x}, 0); }, six());
  BOOST_TEST(tall.runs == 7);
  BOOST_TEST(tall.remembered == 1);

  Counting rows;
  (void)jacobian([&rows](const Tensor& x) { return rows(x); }, six());
  BOOST_TEST(rows.runs == 1);
  BOOST_TEST(rows.remembered == 1);

  Counting curved;
  (void)hessian([&curved](const Tensor& x) { return sum(curved(x)); }, six());
  BOOST_TEST(curved.runs == 6);
  BOOST_TEST(curved.remembered == 1);
  BOOST_TEST(!is_replaying());
}

BOOST_AUTO_TEST_CASE(gradcheck_only_tries_a_function_out) {
  default_generator() = Generator(7);
  const RandomStream before = default_generator().state();
  for (const int order : {1, 2}) {
    Counting counting;
    const auto f = [&counting](const Tensor& x) { return dropped(counting(x)); };
    BOOST_TEST(tapegrad::gradcheck(f, {six()}, {.order = order}).ok());
    BOOST_TEST(counting.runs > 10);
    BOOST_TEST(counting.remembered == 0);
    BOOST_TEST(default_generator().state().offset == before.offset);
    BOOST_TEST(!is_replaying());
  }
}

BOOST_AUTO_TEST_CASE(a_function_that_throws_leaves_nothing_behind) {
  const RandomStream before = default_generator().state();
  int runs = 0;
  const auto third_throws = [&runs](const Tensor& x) {
    if (++runs == 3) throw ValueError("enough");
    return cat({dropped(x), x}, 0);
  };
  BOOST_CHECK_THROW((void)jacobian(third_throws, six()), ValueError);
  BOOST_TEST(runs == 3);
  BOOST_TEST(!is_replaying());
  BOOST_TEST(default_generator().state().offset > before.offset);
}

BOOST_AUTO_TEST_SUITE_END()
