#include "tapegrad/ops/sort.hpp"

#include <limits>

#include "as_pytorch.hpp"
#include "says.hpp"
#include "tapegrad/ops/index.hpp"

using namespace tapegrad;
using test::check_as_pytorch;
using test::Fixture;
using test::is_true;

namespace {

void check_indices(const Tensor& x, const std::vector<std::int64_t>& expected) {
  BOOST_TEST(x.to_vector<std::int64_t>() == expected, boost::test_tools::per_element());
}

}  // namespace

namespace ops {
BOOST_AUTO_TEST_SUITE(sort)

BOOST_AUTO_TEST_CASE(as_pytorch) {
  for (const char* name : {"sort", "sort_descending"}) {
    const Fixture f(name);
    check_as_pytorch(
        f, {"x"},
        [&](const std::vector<Tensor>& x) { return tapegrad::sort(x[0], 1, {.descending = is_true(f, "descending")}); },
        {"values", "indices"});
  }
  for (const char* name : {"topk_largest", "topk_smallest"}) {
    const Fixture f(name);
    check_as_pytorch(f, {"x"},
                     [&](const std::vector<Tensor>& x) { return topk(x[0], 3, 1, {.largest = is_true(f, "largest")}); },
                     {"values", "indices"});
  }
  for (const char* name : {"order_of_nan", "order_of_nan_descending"}) {
    const Fixture f(name);
    check_indices(tapegrad::sort(f["input.x"], 0, {.descending = is_true(f, "descending")}).indices,
                  f["output.indices"].to_vector<std::int64_t>());
  }
}

BOOST_AUTO_TEST_CASE(topk_in_the_order_of_positions) {
  const Tensor x = from_vector(std::vector<std::int64_t>{5, 9, 5, 7, 5}, {5});
  check_indices(topk(x, 3).indices, {1, 3, 0});
  check_indices(topk(x, 3, 0, {.sorted = false}).indices, {0, 1, 3});
  check_indices(topk(x, 2, 0, {.largest = false}).values, {5, 5});
  check_indices(topk(x, 2, 0, {.largest = false}).indices, {0, 2});
}

BOOST_AUTO_TEST_CASE(ties_give_the_gradient_to_the_index_that_is_returned) {
  const Tensor x = full({3}, 2.0, {.dtype = float64}).set_requires_grad(true);
  Tape tape;
  const auto [values, indices] = topk(x, 1);
  tape.backward(values[0]);
  check_indices(indices, {0});
  BOOST_TEST(x.grad().to_vector<double>() == (std::vector<double>{1, 0, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(indices_that_sort) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = from_vector<double>({2, nan, -1, 2, 0, 7, 0, 0}, {2, 4});
  check_indices(argsort(x), {2, 0, 3, 1, 0, 2, 3, 1});
  check_indices(argsort(x, 1, {.descending = true}), {1, 0, 3, 2, 1, 0, 2, 3});
  check_indices(argsort(x, 0), {1, 1, 0, 1, 0, 0, 1, 0});
  check_indices(argsort(from_vector(std::vector<std::int64_t>{5, 9, 5}, {3})), {0, 2, 1});
}

BOOST_AUTO_TEST_CASE(different_elements) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = from_vector<double>({2, nan, -1, 2, -0.0, 0.0, nan, 2}, {2, 4});
  const Unique u = unique(x);
  const std::vector<double> values = u.values.to_vector<double>();
  BOOST_TEST_REQUIRE(values.size() == 4U);
  BOOST_TEST((values[0] == -1.0 && values[1] == 0.0 && values[2] == 2.0 && std::isnan(values[3])));
  BOOST_TEST(to_string(u.inverse.shape()) == "[2, 4]");
  check_indices(u.inverse, {2, 3, 0, 2, 1, 1, 3, 2});
  check_indices(u.counts, {1, 2, 3, 2});
  const Tensor labels = from_vector(std::vector<std::int64_t>{7, 3, 7, INT64_MIN}, {4});
  check_indices(unique(labels).values, {INT64_MIN, 3, 7});
  check_indices(unique(labels).inverse, {2, 1, 2, 0});
  check_indices(unique(labels).counts, {1, 1, 2});
  check_indices(unique(tensor(4, {.dtype = int64})).counts, {1});
  BOOST_TEST(unique(tensor(4.0)).inverse.dim() == 0);
  BOOST_TEST(unique(zeros({0, 3})).values.numel() == 0);
  BOOST_TEST(to_string(unique(zeros({0, 3})).inverse.shape()) == "[0, 3]");
  BOOST_CHECK_EXCEPTION((void)unique(ones({2}, {.dtype = boolean})), DTypeError,
                        test::says("[unique] bool [2] has no order"));
  BOOST_CHECK_EXCEPTION((void)unique(Tensor()), ValueError, test::says("[unique] an input is undefined"));
}

BOOST_AUTO_TEST_CASE(no_gradient_of_different_elements) {
  const Tensor x = ones({3}, {.requires_grad = true});
  const Tape tape;
  BOOST_TEST(!unique(x).values.is_tracked());
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace ops
