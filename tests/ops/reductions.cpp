// Sums, means, products, norms, deviations, logsumexp, and where the largest and smallest stand.
#include <cmath>
#include <limits>
#include <utility>

#include "as_pytorch.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/engine_ops.hpp"
#include "values.hpp"

using namespace tapegrad;
using test::check_as_pytorch;
using test::check_values;
using test::dimensions;
using test::Fixture;
using test::is_true;

BOOST_AUTO_TEST_SUITE(reductions)

BOOST_AUTO_TEST_CASE(one_number_of_many_as_pytorch) {
  using Reduce = Tensor (*)(const Tensor&, const Axes&, bool);
  for (const auto& [name, reduce] : std::vector<std::pair<std::string, Reduce>>{
           {"sum", sum}, {"mean", mean}, {"amax", tapegrad::max}, {"amin", tapegrad::min}, {"logsumexp", logsumexp}}) {
    const auto of = [reduce = reduce](const Tensor& x, const Fixture& f) {
      return reduce(x, dimensions(f), is_true(f, "keepdim"));
    };
    for (const char* const over : {"_over_1", "_over_02", "_over_012"}) check_as_pytorch(name + over, of);
    if (name == "amax" || name == "amin") check_as_pytorch(name + "_ties", of);
    if (name == "logsumexp") check_as_pytorch(name + "_extreme", of);
  }
}

BOOST_AUTO_TEST_CASE(sums_brought_to_a_shape) {
  const Tensor x = from_vector<double>({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {2, 2, 3}, {.requires_grad = true});
  const auto check = [&x](const Shape& shape, const std::vector<double>& expected) {
    const Tensor y = sum_to(x, shape);
    BOOST_TEST(to_string(y.shape()) == to_string(shape));
    BOOST_TEST(y.to_vector<double>() == expected, boost::test_tools::per_element());
  };
  check({}, {78});
  check({3}, {22, 26, 30});
  check({2, 1}, {30, 48});
  check({2, 1, 3}, {5, 7, 9, 17, 19, 21});
  Tape tape;
  const Tensor y = sum_to(x, {2, 1});
  BOOST_TEST(tape.gradient(y, x, {.cotangent = from_vector<double>({1, 10}, {2, 1})}).to_vector<double>() ==
                 (std::vector<double>{1, 1, 1, 10, 10, 10, 1, 1, 1, 10, 10, 10}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(largest_and_smallest_with_their_places_as_pytorch) {
  const std::vector<std::string> results = {"values", "indices"};
  check_as_pytorch(
      Fixture("max_with_indices"), {"x"},
      [](const std::vector<Tensor>& x) {
        const auto [values, places] = max_with_indices(x[0], 1);
        return std::vector<Tensor>{values, places};
      },
      results);
  check_as_pytorch(
      Fixture("min_with_indices"), {"x"},
      [](const std::vector<Tensor>& x) {
        const auto [values, places] = min_with_indices(x[0], 1);
        return std::vector<Tensor>{values, places};
      },
      results);
}

BOOST_AUTO_TEST_CASE(products_as_pytorch) {
  for (const char* name : {"prod_over_1", "prod_over_012"})
    check_as_pytorch(name, [](const Tensor& x, const Fixture& f) { return prod(x, dimensions(f)); });
  check_as_pytorch("prod_zeros", [](const Tensor& x, const Fixture&) { return prod(x, 1); });
}

BOOST_AUTO_TEST_CASE(norms_as_pytorch) {
  for (const std::string p : {"1", "2", "inf"})
    for (const char* over : {"_over_1", "_over_02", "_kinks"})
      check_as_pytorch("norm_" + p + over, [](const Tensor& x, const Fixture& f) {
        return norm(x, dimensions(f), {.p = f.number("p"), .keepdim = is_true(f, "keepdim")});
      });
}

BOOST_AUTO_TEST_CASE(deviations_as_pytorch) {
  for (const std::string divisor : {"", "_population"})
    for (const char* over : {"_over_1", "_over_02", "_over_012"}) {
      const auto options = [](const Fixture& f) {
        return VarOptions{.correction = f.number("correction"), .keepdim = is_true(f, "keepdim")};
      };
      check_as_pytorch("std" + divisor + over,
                       [&](const Tensor& x, const Fixture& f) { return tapegrad::std(x, dimensions(f), options(f)); });
      check_as_pytorch("var" + divisor + over,
                       [&](const Tensor& x, const Fixture& f) { return var(x, dimensions(f), options(f)); });
    }
  check_as_pytorch("std_constant", [](const Tensor& x, const Fixture&) { return tapegrad::std(x, 1); });
}

// g++ 12 takes {.keepdim = true} for a list of one bool.
template <class... Axis>
concept NamesAxes = requires(const Tensor& x, Axis... axis) {
  sum(x, {axis...});
};
static_assert(NamesAxes<int> && NamesAxes<int, std::int64_t> && !NamesAxes<bool> && !NamesAxes<int, bool>);

BOOST_AUTO_TEST_CASE(axes_have_any_integer_type_or_a_name) {
  enum { kBatch, kTime };
  const Tensor x = from_vector<double>({1, 2, 3, 4, 5, 6}, {2, 3});
  for (const Tensor& y : {sum(x, kTime), sum(x, {kTime}), sum(x, 1U), sum(x, std::vector<std::int64_t>{-1}),
                          sum(x, std::vector<Axis>{kTime})})
    check_values(y, {2}, {6, 15});
  check_values(sum(x, {kBatch, kTime}), {}, {21});
  check_values(sum(x, std::vector<std::int64_t>{}), {}, {21});
}

BOOST_AUTO_TEST_CASE(places_of_the_largest_and_smallest) {
  // [2, 3, 2]: along the middle axis, with a tie and a NaN.
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = from_vector<double>({1, 9, 5, 2, 5, -3, 4, nan, 7, 8, 0, 6}, {2, 3, 2});
  const auto check = [](const Tensor& places, const Shape& shape, const std::vector<std::int64_t>& expected) {
    BOOST_TEST(to_string(places.shape()) == to_string(shape));
    BOOST_TEST(places.to_vector<std::int64_t>() == expected, boost::test_tools::per_element());
  };
  check(argmax(x, 1), {2, 2}, {1, 0, 1, 0});
  check(argmax(x, -2, true), {2, 1, 2}, {1, 0, 1, 0});
  check(argmin(x, 1), {2, 2}, {0, 2, 2, 0});
  check(argmin(x, 2, true), {2, 3, 1}, {0, 1, 1, 1, 0, 0});
  check(argmax(x, 0), {3, 2}, {1, 1, 1, 1, 0, 1});
  check(argmax(x.transpose(1, 2), 2), {2, 2}, {1, 0, 1, 0});  // a view whose elements lie in another order
  check(argmax(x), {}, {7});                                  // among all: the NaN
  check(argmin(x[0]), {}, {5});
  check(argmax(x[0].transpose(0, 1)), {}, {3});  // 9 stands at [1, 0] of [2, 3]
  check(argmax(tensor(4.0)), {}, {0});
  BOOST_CHECK_THROW((void)argmax(zeros({0, 2})), ShapeError);

  const Tensor y = x.slice(2, {.start = 0, .stop = 1}).clone().set_requires_grad(true);
  Tape tape;
  const auto [values, places] = max_with_indices(y, 1, true);
  check(places, {2, 1, 1}, {1, 1});
  BOOST_TEST(values.to_vector<double>() == (std::vector<double>{5, 7}), boost::test_tools::per_element());
  BOOST_TEST(
      tape.gradient(sum(values), y, {.retain = true}).to_vector<double>() == (std::vector<double>{0, 1, 0, 0, 1, 0}),
      boost::test_tools::per_element());
  const auto [least, least_places] = min_with_indices(y, 1);
  check(least_places, {2, 1}, {0, 2});
  BOOST_TEST(least.to_vector<double>() == (std::vector<double>{1, 0}), boost::test_tools::per_element());
  BOOST_TEST(tape.gradient(sum(least), y).to_vector<double>() == (std::vector<double>{1, 0, 0, 0, 0, 1}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(deviations_far_from_zero) {
  // 1e7 and twice 1e7 + 1: the mean is no float32, the deviations -2/3, 1/3, 1/3 are all the same.
  const Tensor x = from_vector<float>({1e7F, 1e7F + 1, 1e7F + 1}, {3}).set_requires_grad(true);
  const auto check = [&](const Tensor& gradient, double scale) {
    const std::vector<float> d = gradient.to_vector<float>();
    for (const std::size_t i : {0U, 1U, 2U})
      BOOST_TEST(std::abs(d[i] - scale * (i == 0 ? -2.0 : 1.0) / 3.0) < 1e-6, "element " << i << ": " << d[i]);
  };
  Tape tape;
  check(tape.gradient(var(x), x, {.retain = true}), 1.0);  // 2 / (3 - 1)
  check(tape.gradient(var(x), x, {.retain = true, .create_graph = true}), 1.0);
  check(tape.gradient(tapegrad::std(x), x, {.retain = true}), 0.5 / std::sqrt(1.0 / 3.0));
}

BOOST_AUTO_TEST_CASE(integers_and_truth_values) {
  using Integers = std::vector<std::int64_t>;
  using Truths = std::vector<bool>;
  const auto integers = [](const Tensor& x) { return x.to_vector<std::int64_t>(); };
  constexpr std::int64_t kMost = INT64_MAX, kLeast = INT64_MIN;
  // 2^53 + 1 is no double.
  const Tensor x = from_vector(Integers{(1LL << 53) + 1, 1LL << 53, -5, 7, 7, kLeast}, {2, 3});
  BOOST_TEST((integers(sum(x.slice(1, {.stop = 2}), 0)) == Integers{(1LL << 53) + 8, (1LL << 53) + 7}));
  BOOST_TEST((integers(sum(x.slice(1, {.stop = 2}), 1, true)) == Integers{(1LL << 54) + 1, 14}));
  BOOST_TEST((integers(sum(tensor({kMost, 1}, {.dtype = int64}))) == Integers{kLeast}));  // wraps around
  BOOST_TEST((integers(tapegrad::max(x, 1)) == Integers{(1LL << 53) + 1, 7}));
  BOOST_TEST((integers(tapegrad::min(x)) == Integers{kLeast}));
  BOOST_TEST((integers(tapegrad::max(x, 0, true)) == Integers{(1LL << 53) + 1, 1LL << 53, -5}));
  BOOST_TEST((integers(argmax(x, 1)) == Integers{0, 0}));  // of ties the first
  BOOST_TEST((integers(argmin(x, 1)) == Integers{2, 2}));
  BOOST_TEST((integers(argmax(x.transpose(0, 1), 1)) == Integers{0, 0, 0}));
  BOOST_TEST((integers(argmin(x, 0)) == Integers{1, 1, 1}));
  BOOST_TEST((integers(sum(zeros({2, 0}, {.dtype = int64}), 1)) == Integers{0, 0}));
  BOOST_CHECK_THROW((void)tapegrad::max(zeros({2, 0}, {.dtype = int64}), 1), ShapeError);

  const Tensor t = from_vector<bool>({true, false, true, false, false, false}, {2, 3});
  BOOST_TEST((integers(sum(t, 1)) == Integers{2, 0}));
  BOOST_TEST(sum(t).item<std::int64_t>() == 2);
  BOOST_TEST((any(t, 1).to_vector<bool>() == Truths{true, false}));
  BOOST_TEST((any(t, 0).to_vector<bool>() == Truths{true, false, true}));
  BOOST_TEST((all(t, 0).to_vector<bool>() == Truths{false, false, false}));
  BOOST_TEST((all(t.slice(1, {.start = 0, .stop = 1}), 1).to_vector<bool>() == Truths{true, false}));
  BOOST_TEST(any(t).item<bool>());
  BOOST_TEST(!all(t).item<bool>());
  const Tensor none = zeros({0}, {.dtype = boolean});
  BOOST_TEST(!any(none).item<bool>());
  BOOST_TEST(all(none).item<bool>());
}

BOOST_AUTO_TEST_CASE(without_freedom_or_elements) {
  const Tensor none = zeros({2, 0}, {.dtype = float64});
  for (const double v : tapegrad::std(none, 1).to_vector<double>()) BOOST_TEST(std::isnan(v));
  for (const double v : tapegrad::std(zeros({2, 1}, {.dtype = float64}), 1, {.correction = 3}).to_vector<double>())
    BOOST_TEST(std::isnan(v));
  BOOST_TEST(prod(none, 1).to_vector<double>() == (std::vector<double>{1, 1}), boost::test_tools::per_element());
  BOOST_TEST(norm(none, 1, {.p = 1}).to_vector<double>() == (std::vector<double>{0, 0}),
             boost::test_tools::per_element());
}

// d/dc of c + the (empty) sum of c's gradient by x: nothing comes back from over no elements, and no NaN either.
BOOST_AUTO_TEST_CASE(second_derivatives_over_no_elements_are_zero) {
  for (const auto& reduce : {+[](const Tensor& x) { return mean(x); }, +[](const Tensor& x) { return var(x); },
                             +[](const Tensor& x) { return var(x, Axes{}, {.correction = 0}); }}) {
    const Tensor x = zeros({0}, {.dtype = float64, .requires_grad = true});
    const Tensor c = full({}, 3.0, {.dtype = float64, .requires_grad = true});
    Tape tape;
    const Tensor dx = tape.gradient(c * reduce(x), x, {.create_graph = true});
    BOOST_TEST(tape.gradient(sum(dx) + c, c).item() == 1.0);
  }
}

BOOST_AUTO_TEST_CASE(gradients_far_out_stay_finite) {
  for (const double scale : {1e200, 1e-200}) {
    const Tensor x = from_vector(std::vector<double>{3 * scale, -4 * scale}, {2}).set_requires_grad(true);
    Tape tape;
    tape.backward(norm(x));
    test::check_close(x.grad(), from_vector(std::vector<double>{0.6, -0.8}, {2}));
  }
}

BOOST_AUTO_TEST_CASE(gradients_of_subnormal_lengths) {
  const Tensor x = from_vector<float>({1e-39F, 0.0F}, {2}, {.requires_grad = true});
  Tape tape;
  BOOST_TEST(tape.gradient(norm(x), x).to_vector<float>() == (std::vector<float>{1.0F, 0.0F}),
             boost::test_tools::per_element());
}

// Of s and 3 s: sqrt(2) s, with slopes -+1 / sqrt(2).
BOOST_AUTO_TEST_CASE(deviations_whose_squares_leave_the_range) {
  const auto check = [](double s, DType dtype) {
    BOOST_TEST_CONTEXT(s << " as " << to_string(dtype)) {
      const double tolerance = dtype == float32 ? 1e-6 : 1e-15, slope = std::sqrt(0.5);
      // One such column beside a usual one and a constant.
      const Tensor x = tensor({{s, 1.0, s}, {3 * s, 3.0, s}}, {.dtype = dtype, .requires_grad = true});
      Tape tape;
      const Tensor y = tapegrad::std(x, 0);
      const std::vector<double> v = y.to(float64).to_vector<double>();
      BOOST_TEST(std::abs(v[0] / (std::sqrt(2.0) * s) - 1.0) < tolerance);
      BOOST_TEST(std::abs(v[1] - std::sqrt(2.0)) < tolerance);
      BOOST_TEST(v[2] == 0.0);
      test::check_close(tape.gradient(sum(y), x).to(float64),
                        tensor({{-slope, -slope, 0.0}, {slope, slope, 0.0}}, {.dtype = float64}), tolerance);
      const auto f = [](const Tensor& z) { return tapegrad::std(z, 0); };
      const Tensor direction = tensor({{0.0, 0.0, 0.0}, {2.0, 0.0, 1.0}}, {.dtype = dtype});
      test::check_close(jvp(f, x.detach(), direction).second.to(float64),
                        tensor({2 * slope, 0.0, 0.0}, {.dtype = float64}), tolerance);
    }
  };
  for (const double s : {1e20, 1e38, 1e-23, 1e-30}) check(s, float32);
  for (const double s : {1e160, 1e200, 1e-160, 1e-200}) check(s, float64);
}

BOOST_AUTO_TEST_CASE(a_deviation_far_out_keeps_small_differences) {
  // Neighbours at 2^1000, 2^948 apart.
  const double x = 0x1p1000, step = 0x1p948;
  const Tensor y = tapegrad::std(tensor({x, x + step, x + 2 * step}, {.dtype = float64}));
  BOOST_TEST(std::abs(y.item() / step - 1.0) < 1e-15);
  const double infinity = std::numeric_limits<double>::infinity();
  BOOST_TEST(std::isnan(tapegrad::std(tensor({1.0, infinity}, {.dtype = float64})).item()));
}

// With p_k = e^k / (1 + e + e^2): slopes p_i, second derivatives p_i ([i = j] - p_j), whatever is added to x.
BOOST_AUTO_TEST_CASE(slopes_of_logsumexp_sum_to_one_however_large_it_is) {
  const std::vector<double> e{1.0, std::exp(1.0), std::exp(2.0)};
  std::vector<double> p;
  for (const double v : e) p.push_back(v / (e[0] + e[1] + e[2]));
  const std::vector<double> second{p[0] * (1 - p[0]), -p[0] * p[1], -p[0] * p[2]};
  const auto check = [&](double offset, DType dtype) {
    BOOST_TEST_CONTEXT(offset << " as " << to_string(dtype)) {
      const double tolerance = dtype == float32 ? 5e-7 : 1e-15;
      const Tensor x = tensor({offset, offset + 1, offset + 2}, {.dtype = dtype, .requires_grad = true});
      Tape tape;
      const Tensor d = tape.gradient(logsumexp(x), x, {.create_graph = true});
      test::check_close(d.detach().to(float64), from_vector(p, {3}), tolerance);
      test::check_close(tape.gradient(d[0], x).to(float64), from_vector(second, {3}), tolerance);
      const auto f = [](const Tensor& z) { return logsumexp(z, -1); };
      const Tensor ones_like_x = ones({3}, {.dtype = dtype});
      BOOST_TEST(std::abs(jvp(f, x.detach(), ones_like_x).second.item() - 1.0) < tolerance);
    }
  };
  for (const double offset : {0.0, 1e3, 1e6, 1e7, -1e7}) check(offset, float32);
  for (const double offset : {0.0, 1e6, 1e15, -1e15}) check(offset, float64);
}

BOOST_AUTO_TEST_CASE(slopes_of_logsumexp_at_infinity) {
  const double infinity = std::numeric_limits<double>::infinity();
  // Over both outer axes: all -inf, one -inf of four equal, and one +inf, whose slope is that of no limit.
  const Tensor x = from_vector<double>({-infinity, -infinity, 1.0, -infinity, -infinity, 2.0,  //
                                        -infinity, 2.0, infinity, -infinity, 2.0, 3.0},
                                       {2, 2, 3})
                       .set_requires_grad(true);
  Tape tape;
  const Tensor y = logsumexp(x, {0, 1});
  BOOST_TEST(y.to_vector<double>()[0] == -infinity);
  BOOST_TEST(y.to_vector<double>()[2] == infinity);
  for (const bool differentiable : {true, false}) {
    const std::vector<double> d =
        tape.gradient(sum(y), x, {.retain = true, .create_graph = differentiable}).to_vector<double>();
    for (const std::size_t i : {0U, 3U, 6U, 9U}) BOOST_TEST(d[i] == 0.0);
    BOOST_TEST(d[1] == 0.0);
    BOOST_TEST(std::abs(d[7] - 0.5) < 1e-15);
    BOOST_TEST(std::abs(d[10] - 0.5) < 1e-15);
    for (const std::size_t i : {2U, 5U, 11U}) BOOST_TEST(d[i] == 0.0);
    BOOST_TEST(std::isnan(d[8]));
  }
}

BOOST_AUTO_TEST_CASE(a_norm_whose_squares_lose_their_last_bits) {
  BOOST_TEST(std::abs(norm(from_vector<double>({3e-160, 4e-160}, {2})).item() / 5e-160 - 1.0) < 1e-15);
}

BOOST_AUTO_TEST_CASE(an_axis_beyond_int_is_out_of_range) {
  BOOST_CHECK_THROW((void)sum(ones({2, 3}), std::int64_t{1} << 32), IndexError);
  BOOST_CHECK_THROW((void)sum(ones({2, 3}), std::uint64_t{0xFFFFFFFF}), IndexError);  // -1 as an int
}

BOOST_AUTO_TEST_CASE(quantiles_lie_between_their_neighbours) {
  Generator g(3);
  for (int i = 0; i < 500; ++i) {
    const Tensor x = 2.0 * rand({2}, g) - 1.0;
    for (const double q : {1e-9, 0.3, 0.7, 1.0 - 1e-9}) {
      const double y = quantile(x, q).item();
      BOOST_TEST(y >= min(x).item());
      BOOST_TEST(y <= max(x).item());
    }
  }
  const double near_the_end = quantile(from_vector<float>({-1.0F, 1e-9F}, {2}), 1.0 - 1e-12).item();
  BOOST_TEST(std::abs(near_the_end / 9.99e-10 - 1.0) < 1e-4);  // 1 - 1e-12 has lost digits
}

// By hand, as numpy.quantile: the place is q (n - 1), between its neighbours a line.
BOOST_AUTO_TEST_CASE(quantiles_by_hand) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const auto of = [](const std::vector<double>& values) { return from_vector(values); };
  const Tensor x = of({40, 10, 20, 30});
  BOOST_TEST(quantile(x, 0.0).item() == 10.0);
  BOOST_TEST(quantile(x, 1.0).item() == 40.0);
  BOOST_TEST(quantile(x, 0.25).item() == 17.5);
  BOOST_TEST(std::abs(quantile(x, 0.9).item() - 37.0) < 1e-13);
  BOOST_TEST(median(x).item() == 25.0);
  BOOST_TEST(median(of({5, -1, 2})).item() == 2.0);
  BOOST_TEST(median(tensor(7.0)).item() == 7.0);
  BOOST_TEST(quantile(of({0.1, 0.1, 0.1}), 0.3).item() == 0.1);
  // [2, 3, 2] over the outer and inner axes: {0, 1, 6, 7}, {2, 3, 8, 9}, {4, 5, 10, 11}
  const Tensor cube = reshape(arange(0.0, 12.0, 1.0, {.dtype = float64}), {2, 3, 2});
  BOOST_TEST(median(cube, {0, 2}).to_vector<double>() == (std::vector<double>{3.5, 5.5, 7.5}));
  BOOST_TEST(to_string(median(cube, {0, 2}, true).shape()) == "[1, 3, 1]");
  BOOST_TEST(quantile(cube, 0.5, 1).to_vector<double>() == (std::vector<double>{2, 3, 8, 9}));
  BOOST_TEST((median(cube.to(float32)).dtype() == float32));
  // Infinities count as numbers, a NaN as no number at all.
  BOOST_TEST(quantile(of({1, inf}), 0.75).item() == inf);
  BOOST_TEST(quantile(of({-inf, 5}), 0.25).item() == -inf);
  BOOST_TEST(median(of({inf, inf})).item() == inf);
  BOOST_TEST(median(of({-inf, 2, inf})).item() == 2.0);
  BOOST_TEST(std::isnan(quantile(of({1, nan, 2}), 0.0).item()));
  BOOST_TEST(quantile(of({-1.5e308, 1.5e308}), 0.5).item() == 0.0);
}

BOOST_AUTO_TEST_CASE(a_quantile_gives_its_gradient_to_two) {
  const Tensor x = from_vector<double>({40, 10, 20, 30}, {4}).set_requires_grad(true);
  const auto slope = [&](double q) {
    Tape tape;
    return tape.gradient(quantile(x, q), x).to_vector<double>();
  };
  BOOST_TEST(slope(0.25) == (std::vector<double>{0, 0.25, 0.75, 0}), boost::test_tools::per_element());
  BOOST_TEST(slope(0.5) == (std::vector<double>{0, 0, 0.5, 0.5}), boost::test_tools::per_element());
  BOOST_TEST(slope(1.0) == (std::vector<double>{1, 0, 0, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
