#include "tapegrad/ops/view.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>

#include "kernels/always_teams.hpp"
#include "says.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/array/memory.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/threads.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"
#include "values.hpp"

using namespace tapegrad;
using test::check_values;
using test::says;
using test::Values;

namespace {

using Sizes = std::vector<std::int64_t>;

/// 0, 1, 2, ... in a shape.
Tensor counting(const Shape& shape) {
  return reshape(arange(0.0, static_cast<double>(shape.numel()), 1.0, {.dtype = float64}), shape);
}

bool shares_storage(const Tensor& a, const Tensor& b) { return array_of(a).storage.get() == array_of(b).storage.get(); }

/// The gradient of f at a tensor of ones of `shape`, pulled back from 1, 2, 3, ...
template <class F>
Tensor pull(const Shape& shape, const F& f) {
  Tensor x = ones(shape, {.dtype = float64}).set_requires_grad(true);
  Tape tape;
  const Tensor y = f(x);
  const Tensor dy = add(counting(y.shape()), ones(y.shape(), {.dtype = float64}));
  return tape.gradient(y, x, {.cotangent = dy});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(view)

BOOST_AUTO_TEST_CASE(reshape_is_a_view_where_strides_allow_it) {
  const Tensor x = counting({2, 3, 4});
  for (const Tensor& y : {reshape(x, {6, 4}), reshape(x, {-1}), reshape(x, {2, -1}), flatten(x), flatten(x, 1, 2),
                          unsqueeze(x, -1), unsqueeze(x, 0), squeeze(unsqueeze(x, 1)), squeeze(unsqueeze(x, 1), 1)})
    BOOST_TEST(shares_storage(x, y));
  BOOST_TEST(to_string(flatten(x, 1, 2).shape()) == "[2, 12]");
  BOOST_TEST(to_string(unsqueeze(x, -1).shape()) == "[2, 3, 4, 1]");
  BOOST_TEST(to_string(reshape(x, {2, -1}).shape()) == "[2, 12]");

  // Rows of a column range: the leading dimensions merge, the last does not.
  const Tensor columns = slice(x, 2, {.start = 1, .stop = 3});
  BOOST_TEST(shares_storage(x, reshape(columns, {6, 2})));
  check_values(reshape(columns, {6, 2}), {6, 2}, {1, 2, 5, 6, 9, 10, 13, 14, 17, 18, 21, 22});
  BOOST_TEST(!shares_storage(x, reshape(columns, {12})));
  check_values(reshape(columns, {12}), {12}, {1, 2, 5, 6, 9, 10, 13, 14, 17, 18, 21, 22});

  check_values(reshape(transpose(counting({2, 3}), 0, 1), {2, 3}), {2, 3}, {0, 3, 1, 4, 2, 5});
}

BOOST_AUTO_TEST_CASE(no_shape_is_too_large_for_its_strides) {
  const Tensor none = zeros({0});
  constexpr std::int64_t kLarge = std::int64_t{1} << 40;
  BOOST_CHECK_THROW((void)none.reshape({0, kLarge, kLarge}), ShapeError);
  BOOST_CHECK_THROW((void)none.reshape({kLarge, kLarge, 0}), ShapeError);
  BOOST_CHECK_THROW((void)zeros({0, kLarge}).reshape({kLarge, -1, kLarge}), ShapeError);
  BOOST_TEST(none.reshape({0, kLarge}).numel() == 0);
}

BOOST_AUTO_TEST_CASE(a_diagonal_outside_has_no_elements) {
  for (const std::int64_t offset : {std::int64_t{3}, std::int64_t{-2}, INT64_MAX, INT64_MIN})
    BOOST_TEST(diagonal(ones({2, 3}), offset).numel() == 0);
}

BOOST_AUTO_TEST_CASE(permuted_elements_stay_where_they_are) {
  const Tensor x = counting({2, 3, 2});
  const Tensor y = permute(x, {1, 2, 0});
  BOOST_TEST(shares_storage(x, y));
  check_values(y, {3, 2, 2}, {0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11});
  check_values(x.transpose(0, -1), {2, 3, 2}, {0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11});
  BOOST_TEST(shares_storage(x, x.transpose(0, 2)));
  // y[j][k][i] = x[i][j][k]: the cotangents 1, 2, 3, ... of y, read in x's order.
  check_values(pull({2, 3, 2},
                    [](const Tensor& t) {
                      return permute(t, {1, 2, 0});
                    }),
               {2, 3, 2}, {1, 3, 5, 7, 9, 11, 2, 4, 6, 8, 10, 12});
}

BOOST_AUTO_TEST_CASE(slices_follow_python) {
  const Tensor x = counting({6});
  constexpr std::int64_t kFarDown = std::numeric_limits<std::int64_t>::min();
  struct Case {
    Slice range;
    Values values;  // what Python prints for list(range(6))[start:stop:step]
  };
  for (const auto& [range, values] :
       {Case{{}, {0, 1, 2, 3, 4, 5}}, Case{{1, 4}, {1, 2, 3}}, Case{{-2}, {4, 5}}, Case{{0, -1}, {0, 1, 2, 3, 4}},
        Case{{-100, 100}, {0, 1, 2, 3, 4, 5}}, Case{{kFarDown, 2}, {0, 1}}, Case{{4, 2}, {}}, Case{{6}, {}},
        Case{{7}, {}}, Case{{0, Slice::kEnd, 2}, {0, 2, 4}}, Case{{1, Slice::kEnd, 2}, {1, 3, 5}},
        Case{{1, 5, 3}, {1, 4}}, Case{{1, 4, 3}, {1}}, Case{{5, Slice::kEnd, 4}, {5}},
        Case{{2, Slice::kEnd, Slice::kEnd}, {2}}}) {
    const Tensor y = slice(x, 0, range);
    check_values(y, {static_cast<std::int64_t>(values.size())}, values);
    BOOST_TEST(shares_storage(x, y));
  }
  check_values(counting({2, 3, 2}).slice(1, {.start = 0, .step = 2}), {2, 2, 2}, {0, 1, 4, 5, 6, 7, 10, 11});
}

BOOST_AUTO_TEST_CASE(entries_of_a_dimension) {
  const Tensor x = counting({2, 3, 2});
  check_values(x[1], {3, 2}, {6, 7, 8, 9, 10, 11});
  check_values(x[-2], {3, 2}, {0, 1, 2, 3, 4, 5});
  check_values(select(x, 1, 2), {2, 2}, {4, 5, 10, 11});
  check_values(select(x, -1, -1), {2, 3}, {1, 3, 5, 7, 9, 11});
  enum { kBatch, kTime };
  check_values(select(x, kTime, 2), {2, 2}, {4, 5, 10, 11});
  check_values(select(x, Axis(kBatch), 1), {3, 2}, {6, 7, 8, 9, 10, 11});
  check_values(x[1][2][0], {}, {10});
  BOOST_TEST(shares_storage(x, select(x, 1, 2)));
  // All dtypes.
  BOOST_TEST(arange(5)[3].item<std::int64_t>() == 3);
  BOOST_TEST(from_vector(std::vector<bool>{false, true}, {2})[1].item<bool>());
}

BOOST_AUTO_TEST_CASE(gradients_of_ranges) {
  check_values(pull({2, 3}, [](const Tensor& x) { return slice(x, 1, {.start = 1}); }), {2, 3}, {0, 1, 2, 0, 3, 4});
  check_values(pull({5}, [](const Tensor& x) { return slice(x, 0, {.start = 0, .step = 2}); }), {5}, {1, 0, 2, 0, 3});
  check_values(pull({2, 2, 2}, [](const Tensor& x) { return slice(x, 1, {.start = 1}); }), {2, 2, 2},
               {0, 0, 1, 2, 0, 0, 3, 4});
  check_values(pull({2, 3}, [](const Tensor& x) { return select(x, 1, 1); }), {2, 3}, {0, 1, 0, 0, 2, 0});
  check_values(pull({2, 2}, [](const Tensor& x) { return add(x[1], x[1]); }), {2, 2}, {0, 0, 2, 4});
  // A part and the whole: the buffer of the parts and a passed-on cotangent meet.
  check_values(pull({2, 2}, [](const Tensor& x) { return add(x, x[0]); }), {2, 2}, {1 + 1 + 3, 2 + 2 + 4, 3, 4});
  check_values(pull({2, 2}, [](const Tensor& x) { return add(x[0], x); }), {2, 2}, {1 + 1 + 3, 2 + 2 + 4, 3, 4});
}

BOOST_AUTO_TEST_CASE(a_loop_over_entries_fills_one_buffer) {
  // One full-sized zero tensor for each x[i] would make a reverse sweep of L entries cost O(L^2). Then two of them
  // would live at once: the sum so far and the next term.
  constexpr std::int64_t kLength = 64;
  constexpr std::int64_t kWidth = 4096;
  Tensor x = ones({kLength, kWidth}).set_requires_grad(true);
  const std::size_t bytes = static_cast<std::size_t>(kLength * kWidth) * sizeof(float);
  Tape tape;
  Tensor sum = x[0];
  for (std::int64_t i = 1; i < kLength; ++i)
    sum = add(sum, i % 2 == 0 ? x[i] : reshape(x.slice(0, {i, i + 1}), {kWidth}));
  reset_peak_memory();
  const std::size_t before = memory_statistics().bytes_in_use;
  tape.backward(sum, {.cotangent = ones({kWidth})});
  const std::size_t most = memory_statistics().peak_bytes_in_use - before;
  BOOST_TEST(most >= bytes);
  BOOST_TEST(most < bytes + bytes / 2);
  const Tensor dx = x.grad();
  for (const float d : dx.data<float>()) BOOST_REQUIRE(d == 1.0F);
}

BOOST_AUTO_TEST_CASE(the_gradient_of_a_slice_is_differentiable) {
  // y = x[1]^2, pulled back from ones: dy/dx = 2 x in row 1, whose slope is 2 there.
  Tensor x = counting({2, 2}).set_requires_grad(true);
  Tape tape;
  const Tensor row = x[1];
  const Tensor y = mul(row, row);
  const Tensor dx = tape.gradient(y, x, {.cotangent = ones_like(y), .create_graph = true});
  check_values(dx, {2, 2}, {0, 0, 4, 6});
  check_values(tape.gradient(dx, x, {.cotangent = ones_like(dx)}), {2, 2}, {0, 0, 2, 2});
}

BOOST_AUTO_TEST_CASE(parts_of_a_dimension) {
  const Tensor x = counting({5, 2});
  const auto sizes = [](const std::vector<Tensor>& parts, int d) {
    Sizes of_parts;
    for (const Tensor& part : parts) of_parts.push_back(part.size(d));
    return of_parts;
  };
  BOOST_TEST(sizes(split(x, 2), 0) == (Sizes{2, 2, 1}));
  BOOST_TEST(sizes(split(x, Sizes{1, 4, 0}), 0) == (Sizes{1, 4, 0}));
  BOOST_TEST(sizes(chunk(x, 2), 0) == (Sizes{3, 2}));
  BOOST_TEST(sizes(chunk(x, 4), 0) == (Sizes{2, 2, 1}));  // as PyTorch: never more than asked for, maybe fewer
  BOOST_TEST(sizes(chunk(x, 2, -1), 1) == (Sizes{1, 1}));
  BOOST_TEST(sizes(split(zeros({0, 2}), 3), 0) == (Sizes{0}));
  check_values(split(x, 2)[1], {2, 2}, {4, 5, 6, 7});
  BOOST_CHECK_THROW((void)split(x, 0), ValueError);
  BOOST_CHECK_THROW((void)split(x, Sizes{2, 2}), ShapeError);
  BOOST_CHECK_THROW((void)split(x, Sizes{6, -1}), ValueError);
  BOOST_CHECK_THROW((void)chunk(x, 0), ValueError);
}

BOOST_AUTO_TEST_CASE(a_cut_is_one_node) {
  const Tensor x = counting({5, 2}).set_requires_grad(true);
  Tape tape;
  const std::vector<Tensor> parts = split(x, 2);
  BOOST_TEST(tape.size() == 2);  // the leaf and the cut
  BOOST_TEST(shares_storage(x, parts[1]));
  // Of 0 and 2 alone, with unlike cotangents; nobody reads the part between.
  const Tensor y = sum(3 * parts[0]) + sum(mul(parts[2], parts[2]));
  check_values(tape.gradient(y, x, {.retain = true}), {5, 2}, {3, 3, 3, 3, 0, 0, 0, 0, 16, 18});
  check_values(tape.gradient(y + sum(7 * parts[1]), x), {5, 2}, {3, 3, 3, 3, 7, 7, 7, 7, 16, 18});
}

BOOST_AUTO_TEST_CASE(a_cut_into_more_parts_than_a_short_counts) {
  constexpr std::int64_t kParts = 70'000;
  const Tensor x = ones({kParts}).set_requires_grad(true);
  Tape tape;
  const std::vector<Tensor> parts = split(x, 1);
  BOOST_REQUIRE(parts.size() == static_cast<std::size_t>(kParts));
  const Tensor dx = tape.gradient(2 * parts.front() + 3 * parts.back(), x);
  BOOST_TEST(dx[0].item() == 2);
  BOOST_TEST(dx[kParts - 1].item() == 3);
  BOOST_TEST(sum(dx).item() == 5);
}

BOOST_AUTO_TEST_CASE(joined_padded_and_turned) {
  const Tensor x = counting({2, 2});
  const Tensor z = transpose(x, 0, 1);
  check_values(cat({x, z}), {4, 2}, {0, 1, 2, 3, 0, 2, 1, 3});
  check_values(cat({x, z, slice(x, 1, {1})}, 1), {2, 5}, {0, 1, 0, 2, 1, 2, 3, 1, 3, 3});
  check_values(stack({x, z}), {2, 2, 2}, {0, 1, 2, 3, 0, 2, 1, 3});
  check_values(stack({x, z}, 1), {2, 2, 2}, {0, 1, 0, 2, 2, 3, 1, 3});
  check_values(stack({x, z}, -1), {2, 2, 2}, {0, 0, 1, 2, 2, 1, 3, 3});
  check_values(pad(x, {{1, 0}, {0, 2}}, -1), {3, 4}, {-1, -1, -1, -1, 0, 1, -1, -1, 2, 3, -1, -1});
  check_values(flip(counting({2, 3}), {1}), {2, 3}, {2, 1, 0, 5, 4, 3});
  check_values(flip(counting({2, 3}), {0, 1}), {2, 3}, {5, 4, 3, 2, 1, 0});
  check_values(slice_embed(x, {2, 5}, 1, {1, 4, 2}), {2, 5}, {0, 0, 0, 1, 0, 0, 2, 0, 3, 0});
  BOOST_TEST(cat({arange(2), arange(1)}).to_vector<std::int64_t>() == (Sizes{0, 1, 0}),
             boost::test_tools::per_element());

  // y = [x, x^T]: the cotangents of both places, the second transposed.
  check_values(pull({2, 2},
                    [](const Tensor& t) {
                      return cat({t, transpose(t, 0, 1)}, 1);
                    }),
               {2, 2}, {1 + 3, 2 + 7, 5 + 4, 6 + 8});
  check_values(pull({2}, [](const Tensor& t) { return stack({t, t}, 1); }), {2}, {1 + 2, 3 + 4});
  check_values(pull({2}, [](const Tensor& t) { return pad(t, {{2, 1}}, 7); }), {2}, {3, 4});
  check_values(pull({3}, [](const Tensor& t) { return flip(t, {0}); }), {3}, {3, 2, 1});
}

BOOST_AUTO_TEST_CASE(axes_have_any_integer_type_or_a_name) {
  enum { kBatch, kTime };
  const Sizes last{-1};
  const std::vector<Axis> both{kTime, kBatch};
  const Tensor x = counting({2, 3});
  const Values turned{2, 1, 0, 5, 4, 3};
  for (const Tensor& y : {flip(x, kTime), flip(x, {kTime}), flip(x, 1U), flip(x, last)})
    check_values(y, {2, 3}, turned);
  check_values(flip(x, both), {2, 3}, {5, 4, 3, 2, 1, 0});
  check_values(flip(x, {}), {2, 3}, {0, 1, 2, 3, 4, 5});
  check_values(roll(x, Sizes{1}, kTime), {2, 3}, {2, 0, 1, 5, 3, 4});
  check_values(roll(x, {1, 1}, both), {2, 3}, {5, 3, 4, 2, 0, 1});
  for (const Tensor& y : {permute(x, {kTime, kBatch}), x.permute(both), permute(x, Sizes{1, 0})})
    check_values(y, {3, 2}, {0, 3, 1, 4, 2, 5});
  BOOST_CHECK_THROW((void)flip(x, Sizes{std::int64_t{1} << 32}), IndexError);
}

BOOST_AUTO_TEST_CASE(more_parts_than_a_word_has_bits) {
  // Which inputs want a gradient is told in 64 bits.
  constexpr std::int64_t kParts = 70;
  Tensor x = counting({kParts}).set_requires_grad(true);
  for (const auto join : {+[](const std::vector<Tensor>& parts) { return cat(parts); },
                          +[](const std::vector<Tensor>& parts) { return stack(parts); },
                          +[](const std::vector<Tensor>& parts) { return pad_sequence(parts).padded; }}) {
    Tape tape;
    std::vector<Tensor> parts;
    for (std::int64_t i = 0; i < kParts; ++i) {
      const Tensor part = x.slice(0, {i, i + 1});
      parts.push_back(i % 3 == 0 ? part.detach() : part);
    }
    const Tensor y = join(parts);
    const Tensor dx = tape.gradient(y, x, {.cotangent = reshape(counting({kParts}), y.shape())});
    for (std::int64_t i = 0; i < kParts; ++i) BOOST_TEST(dx[i].item() == (i % 3 == 0 ? 0.0 : static_cast<double>(i)));
  }
}

BOOST_AUTO_TEST_CASE(expand_keeps_a_size) {
  const Tensor x = counting({2, 1});
  check_values(expand(x, {-1, 3}), {2, 3}, {0, 0, 0, 1, 1, 1});
  check_values(x.expand({2, -1, -1}), {2, 2, 1}, {0, 1, 0, 1});
  BOOST_CHECK_EXCEPTION((void)expand(x, {-1, 2, 1}), ShapeError,
                        says("[expand] -1 keeps a size, and dimension 0 of [-1, 2, 1] is not in [2, 1]"));
  BOOST_CHECK_EXCEPTION((void)expand(x, {-1}), ShapeError, says("[expand] [2, 1] does not broadcast to [1]"));
  BOOST_CHECK_EXCEPTION((void)expand(Tensor(), {-1}), ValueError, says("[expand] an input is undefined"));
}

BOOST_AUTO_TEST_CASE(misuse_is_answered) {
  const Tensor x = zeros({2, 3});
  BOOST_CHECK_THROW((void)squeeze(x, 0), ShapeError);
  BOOST_CHECK_THROW((void)squeeze(x, 2), IndexError);
  BOOST_CHECK_EXCEPTION((void)unsqueeze(x, 3), IndexError, says("[unsqueeze] a new axis 3 is out of range for [2, 3]"));
  BOOST_CHECK_EXCEPTION((void)unsqueeze(zeros({1, 1, 1, 1, 1, 1, 1, 2}), 0), ShapeError,
                        says("[unsqueeze] [1, 1, 1, 1, 1, 1, 1, 2] has no room for another dimension"));
  for (const auto& [call, name] :
       std::vector<std::pair<Tensor (*)(), const char*>>{{[] { return squeeze(Tensor()); }, "[squeeze]"},
                                                         {[] { return unsqueeze(Tensor(), 0); }, "[unsqueeze]"},
                                                         {[] { return flatten(Tensor()); }, "[flatten]"}})
    BOOST_CHECK_EXCEPTION((void)call(), ValueError, says(std::string(name) + " an input is undefined"));
  constexpr std::int64_t kFar = std::int64_t{1} << 32;  // cut off to 32 bits: 0
  BOOST_CHECK_EXCEPTION(x.size(kFar), IndexError, says("[size] axis 4294967296 is out of range for rank 2"));
  BOOST_CHECK_THROW((void)x.transpose(kFar, 1), IndexError);
  BOOST_CHECK_THROW((void)x.slice(kFar, {}), IndexError);
  BOOST_CHECK_THROW((void)squeeze(zeros({1, 2}), kFar), IndexError);
  BOOST_CHECK_THROW((void)cat({x, x}, kFar), IndexError);
  BOOST_CHECK_THROW((void)roll(x, 1, kFar), IndexError);
  BOOST_CHECK_THROW((void)flatten(x, 1, 0), ShapeError);
  BOOST_CHECK_THROW((void)x[2], IndexError);
  BOOST_CHECK_THROW((void)Tensor()[0], Error);
  BOOST_CHECK_THROW((void)split(x, std::vector<std::int64_t>{INT64_MAX, INT64_MAX, 4}, 0),
                    ShapeError);  // 2 modulo 2^64
  const Tensor long_one = expand(zeros({1}), {std::int64_t{1} << 62});
  BOOST_CHECK_EXCEPTION((void)cat({long_one, long_one}), ShapeError,
                        says("[cat] the sizes along axis 0 add up to more than 9223372036854775807"));
  BOOST_TEST(chunk(x, INT64_MAX, 1).size() == 3U);
  BOOST_CHECK_THROW((void)reshape(Tensor(), {1}), Error);
}

BOOST_AUTO_TEST_CASE(ranges_are_the_same_at_any_number_of_threads) {
  const kernels::AlwaysTeams always;
  const Tensor a = counting({70, 300}), b = counting({70, 300}) + 0.5;
  const auto results = [&] {
    std::vector<Values> all;
    for (const int axis : {0, 1}) {
      for (const Tensor& y : {cat({a, b}, axis), stack({a, b}, axis), stack({a, b}, -1)})
        all.push_back(y.to_vector<double>());
      all.push_back(pull({70, 600}, [&](const Tensor& x) {
                      return slice(x, axis, {.start = 1, .step = 2}) *
                             slice(x, axis, {.start = 0, .stop = -1, .step = 2});
                    }).to_vector<double>());
    }
    all.push_back(pull({3, 20'000}, [](const Tensor& x) { return x[1] * x[2]; }).to_vector<double>());
    return all;
  };
  set_num_threads(1);
  const std::vector<Values> alone = results();
  Values joined = a.to_vector<double>();
  const Values behind = b.to_vector<double>();
  joined.insert(joined.end(), behind.begin(), behind.end());
  BOOST_TEST((alone[0] == joined));
  const std::int64_t before = kernels::teams_formed();
  for (const int threads : {2, 8}) {
    set_num_threads(threads);
    BOOST_TEST((results() == alone));
  }
  BOOST_TEST(kernels::teams_formed() >= before + 10);
  set_num_threads(0);
}

BOOST_AUTO_TEST_SUITE_END()
