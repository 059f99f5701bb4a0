#include "tapegrad/ops/attention.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "as_pytorch.hpp"
#include "fixture.hpp"
#include "tapegrad/array/memory.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/threads.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"
#include "values.hpp"

using namespace tapegrad;
using test::check_close;
using test::check_same_bits;
using test::Fixture;
using test::normal;

namespace {

Mask mask_of(const Fixture& f) {
  Mask mask;
  if (f.has("input.keep")) mask = mask & Mask::keep_positions(f["input.keep"]);
  if (f.has("input.keep_pairs")) mask = mask & Mask::keep_pairs(f["input.keep_pairs"]);
  if (f.attributes().at("causal") == "true") mask = mask & Mask::causal();
  return mask;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(attention)

BOOST_AUTO_TEST_CASE(as_pytorch) {
  for (const std::string which : {"", "_causal", "_keep", "_nothing_kept", "_pairs", "_pairs_keep_causal"}) {
    BOOST_TEST_CONTEXT("scaled_dot_product_attention" << which) {
      const Fixture f("scaled_dot_product_attention" + which);
      const Tensor q = f.leaf("input.query");
      const Tensor k = f.leaf("input.key");
      const Tensor v = f.leaf("input.value");
      for (const bool differentiable : {false, true}) {
        Tape tape;
        const Tensor y = scaled_dot_product_attention(q, k, v, mask_of(f));
        check_close(y, f["output.y"]);
        check_close(matmul(attention_weights(q, k, mask_of(f)), v), f["output.y"]);
        const auto d = tape.pull_back({y}, {f["cotangent.y"]}, {q, k, v}, {.create_graph = differentiable});
        check_close(d[0], f["grad.input.query"]);
        check_close(d[1], f["grad.input.key"]);
        check_close(d[2], f["grad.input.value"]);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(bias_as_pytorch) {
  for (const char* name : {"scaled_dot_product_attention_bias", "scaled_dot_product_attention_bias_hides"})
    BOOST_TEST_CONTEXT(name) {
      test::check_as_pytorch(Fixture(name), {"query", "key", "value", "bias"}, [](const std::vector<Tensor>& x) {
        const Tensor y = scaled_dot_product_attention(x[0], x[1], x[2], {}, {.bias = x[3]});
        check_close(matmul(attention_weights(x[0], x[1], {}, {.bias = x[3]}), x[2]), y.detach());
        return std::vector<Tensor>{y};
      });
    }
}

/// Of one array, whatever it is broadcast over; more queries than a tile of the kernel has.
BOOST_AUTO_TEST_CASE(a_bias_is_added_to_the_scores) {
  const Shape pairs{2, 3, 37, 21};
  const auto leaf = [](const Shape& shape, std::uint64_t seed) {
    return normal(shape, seed, float64).set_requires_grad(true);
  };
  const Tensor q = leaf({2, 3, 37, 4}, 1), k = leaf({2, 3, 21, 4}, 2), v = leaf({2, 3, 21, 5}, 3);
  const Tensor dy = normal({2, 3, 37, 5}, 4, float64);
  for (const Shape& shape : {pairs, Shape{3, 37, 21}, Shape{37, 21}, Shape{2, 1, 37, 21}, Shape{3, 1, 21}, Shape{37, 1},
                             Shape{2, 1, 1, 1}}) {
    const Tensor bias = leaf(shape, 5);
    const std::vector<Tensor> xs = {q, k, v, bias};
    Tape tape;
    const Tensor expected = matmul(softmax(matmul(q * 0.5, transpose(k, 2, 3)) + bias, -1), v);
    const auto d_expected = tape.gradient(expected, xs, {.cotangent = dy, .retain = true});
    for (const bool differentiable : {false, true})
      BOOST_TEST_CONTEXT(to_string(shape) << (differentiable ? ", differentiable" : "")) {
        const Tensor y = scaled_dot_product_attention(q, k, v, {}, {.bias = bias});
        check_close(y, expected, 1e-13);
        const auto d = tape.gradient(y, xs, {.cotangent = dy, .retain = true, .create_graph = differentiable});
        for (std::size_t i = 0; i < d.size(); ++i) check_close(d[i], d_expected[i], 1e-12);
      }
  }
}

BOOST_AUTO_TEST_CASE(heads_that_lie_interleaved_are_not_copied_and_results_lie_alike) {
  const Shape interleaved{2, 5, 3, 4};
  const auto heads = [&](std::uint64_t seed) { return transpose(normal(interleaved, seed, float64), 1, 2); };
  const Tensor q = heads(1), k = heads(2), v = heads(3);
  const Tensor y = scaled_dot_product_attention(q, k, v);
  BOOST_TEST(transpose(y, 1, 2).is_contiguous());
  check_close(y, scaled_dot_product_attention(q.contiguous(), k.contiguous(), v.contiguous()), 0.0);
}

BOOST_AUTO_TEST_CASE(an_entry_is_the_same_in_any_batch) {
  const auto make = [](std::uint64_t seed) { return normal({6, 2, 7, 10}, seed, float32).set_requires_grad(true); };
  const Tensor q = make(1), k = make(2), v = make(3);
  const Tensor dy = normal({6, 2, 7, 10}, 4, float32);
  const std::vector<std::int64_t> lengths{7, 3, 0, 5, 1, 6};
  Tape tape;
  const Tensor y = scaled_dot_product_attention(q, k, v, Mask::from_lengths(lengths, 7));
  const auto d = tape.pull_back({y}, {dy}, {q, k, v}, {.retain = true});
  for (std::int64_t n = 0; n < 6; ++n) {
    const auto alone = [n](const Tensor& t) { return t.detach().slice(0, {n, n + 1}).clone().set_requires_grad(true); };
    const Tensor q1 = alone(q), k1 = alone(k), v1 = alone(v);
    const Tensor y1 =
        scaled_dot_product_attention(q1, k1, v1, Mask::from_lengths({lengths[static_cast<std::size_t>(n)]}, 7));
    check_same_bits(y1[0], y[n]);
    const auto d1 = tape.pull_back({y1}, {dy.slice(0, {n, n + 1}).contiguous()}, {q1, k1, v1}, {.retain = true});
    for (std::size_t i = 0; i < 3; ++i) check_same_bits(d1[i][0], d[i][n]);
  }
}

BOOST_AUTO_TEST_CASE(padding_changes_nothing) {
  const Tensor q = normal({1, 2, 3, 4}, 1, float64);
  const Tensor k = normal({1, 2, 5, 4}, 2, float64);
  const Tensor v = normal({1, 2, 5, 4}, 3, float64);
  const auto first = [](const Tensor& t) { return t.slice(2, {0, 3}); };
  check_close(scaled_dot_product_attention(q, k, v, Mask::from_lengths({3}, 5)),
              scaled_dot_product_attention(q, first(k), first(v)), 1e-14);
}

BOOST_AUTO_TEST_CASE(no_matrix_is_stored_beside_a_bias_and_its_gradient) {
  constexpr std::int64_t kLength = 512;
  constexpr std::size_t kMatrix = kLength * kLength * sizeof(float);
  const auto peak = [&](const Shape& shape) {
    const auto leaf = [](const Shape& s) { return normal(s, 1, float32).set_requires_grad(true); };
    const Tensor q = leaf({2, 2, kLength, 4}), k = leaf({2, 2, kLength, 4}), v = leaf({2, 2, kLength, 4});
    const Tensor bias = leaf(shape);
    const Tensor dy = ones({2, 2, kLength, 4});
    const auto sweep = [&] {
      Tape tape;
      const Tensor y = scaled_dot_product_attention(q, k, v, {}, {.bias = bias});
      return tape.gradient(y, {q, k, v, bias}, {.cotangent = dy});
    };
    sweep();
    const std::size_t before = memory_statistics().bytes_in_use;
    reset_peak_memory();
    sweep();
    return memory_statistics().peak_bytes_in_use - before;
  };
  set_num_threads(1);                           // each has room for tiles of its own
  BOOST_TEST(peak({2, 1, kLength}) < kMatrix);  // of one head, where there are four
  const std::size_t of_a_matrix = peak({kLength, kLength});
  BOOST_TEST(of_a_matrix > kMatrix);
  BOOST_TEST(of_a_matrix < 4 * kMatrix);  // its sums in double, and what they round to; four heads have four and that
  set_num_threads(0);
}

using Poison = std::array<double, 2>;
constexpr Poison kNoNumbers = {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()};
constexpr Poison kLargeNumbers = {1.7e308, -1.7e308};  // whose products overflow

/// x [N, H, L, D] with such numbers in the positions [begin, ..) of sequence n.
Tensor poisoned(const Tensor& x, std::int64_t n, std::int64_t begin, const Poison& poison = kNoNumbers) {
  Tensor copy = x.clone();
  for (std::int64_t h = 0; h < x.size(1); ++h)
    for (std::int64_t j = begin; j < x.size(2); ++j)
      for (std::int64_t c = 0; c < x.size(3); ++c) {
        Tensor element = copy[n][h][j][c];
        element.mutable_data<double>()[0] = poison[static_cast<std::size_t>(c % 2)];
      }
  return copy;
}

BOOST_AUTO_TEST_CASE(promise_what_padding_holds_reaches_nothing) {
  const Tensor q = normal({2, 2, 3, 5}, 1, float64);
  const Tensor k = normal({2, 2, 4, 5}, 2, float64);
  const Tensor v = normal({2, 2, 4, 5}, 3, float64);
  const Mask lengths = Mask::from_lengths({4, 2}, 4);
  const Mask columns = Mask::keep_pairs(
      logical_and(expand(unsqueeze(lengths.positions(), 1), {2, 3, 4}), ones({2, 3, 4}, {.dtype = boolean})));
  struct Case {
    const char* name;
    Mask mask;
    double dropout;
  };
  for (const Case& c : {Case{"lengths", lengths, 0.0}, Case{"pairs", columns, 0.0}, Case{"dropout", lengths, 0.3}}) {
    const auto all_of = [&](const Tensor& keys, const Tensor& values) {
      const auto attend = [&](const Tensor& a, const Tensor& b, const Tensor& d) {
        Generator g(5);
        return scaled_dot_product_attention(a, b, d, c.mask, {.dropout_p = c.dropout, .generator = &g});
      };
      std::vector<Tensor> xs;
      for (const Tensor& x : {q, keys, values}) xs.push_back(x.clone().set_requires_grad(true));
      Tape tape;
      const Tensor y = attend(xs[0], xs[1], xs[2]);
      const Tensor dy = normal(y.shape(), 4, float64);
      std::vector<Tensor> all = tape.gradient(y, xs, {.cotangent = dy, .retain = true});
      const auto again = tape.gradient(y, xs, {.cotangent = dy, .create_graph = true});
      for (const Tensor& d : tape.pull_back(again, {q, k, v}, xs)) all.push_back(d);
      for (const Tensor& d : again) all.push_back(d.detach());
      all.push_back(y.detach());
      all.push_back(
          jvp([&](const std::vector<Tensor>& x) { return attend(x[0], x[1], x[2]); }, {q, keys, values}, {q, k, v})
              .second);
      return all;
    };
    const auto clean = all_of(k, v);
    for (const Poison& poison : {kNoNumbers, kLargeNumbers}) {
      const auto dirty = all_of(poisoned(k, 1, 2, poison), poisoned(v, 1, 2, poison));
      for (std::size_t i = 0; i < clean.size(); ++i)
        BOOST_TEST_CONTEXT(c.name << ", " << poison[0] << ", result " << i) check_close(dirty[i], clean[i], 1e-13);
    }
  }
}

BOOST_AUTO_TEST_CASE(promise_a_bias_of_minus_infinity_hides_as_a_mask) {
  const Tensor q = normal({2, 2, 3, 5}, 1, float64);
  const Tensor k = normal({2, 2, 4, 5}, 2, float64);
  const Tensor v = normal({2, 2, 4, 5}, 3, float64);
  const Tensor added = normal({2, 3, 4}, 4, float64);
  // Sequence 1 ends behind position 1; in sequence 0 query 1 sees nothing.
  Tensor keep = ones({2, 1, 3, 4}, {.dtype = boolean});
  const std::span<bool> flags = keep.mutable_data<bool>();
  for (std::size_t j = 4; j < 8; ++j) flags[j] = false;
  for (std::size_t i = 0; i < 3; ++i) flags[12 + 4 * i + 2] = flags[12 + 4 * i + 3] = false;
  const auto all_of = [&](const Tensor& keys, const Tensor& values, bool by_bias, double dropout) {
    const auto attend = [&](const std::vector<Tensor>& x) {
      Generator g(5);
      const Tensor hiding = where(keep, x[3], -std::numeric_limits<double>::infinity());
      return scaled_dot_product_attention(x[0], x[1], x[2], by_bias ? Mask() : Mask::keep_pairs(keep),
                                          {.dropout_p = dropout, .generator = &g, .bias = by_bias ? hiding : x[3]});
    };
    std::vector<Tensor> xs;
    for (const Tensor& x : {q, keys, values, added}) xs.push_back(x.clone().set_requires_grad(true));
    Tape tape;
    const Tensor y = attend(xs);
    const Tensor dy = normal(y.shape(), 6, float64);
    std::vector<Tensor> all = tape.gradient(y, xs, {.cotangent = dy, .retain = true});
    const auto again = tape.gradient(y, xs, {.cotangent = dy, .create_graph = true});
    for (const Tensor& d : tape.pull_back(again, {q, k, v, added}, xs)) all.push_back(d);
    for (const Tensor& d : again) all.push_back(d.detach());
    all.push_back(y.detach());
    all.push_back(jvp(attend, {q, keys, values, added}, {q, k, v, added}).second);
    all.push_back(
        attention_weights(q, keys, by_bias ? Mask() : Mask::keep_pairs(keep),
                          {.bias = by_bias ? where(keep, added, -std::numeric_limits<double>::infinity()) : added}));
    return all;
  };
  for (const double dropout : {0.0, 0.3}) {
    const auto masked = all_of(k, v, false, dropout);
    for (const Poison& poison : {Poison{0.0, 0.0}, kNoNumbers, kLargeNumbers}) {
      const auto hidden = all_of(poisoned(k, 1, 2, poison), poisoned(v, 1, 2, poison), true, dropout);
      for (std::size_t i = 0; i < masked.size(); ++i)
        BOOST_TEST_CONTEXT(poison[0] << ", dropout " << dropout << ", result " << i)
      check_close(hidden[i], masked[i], 1e-13);
    }
  }
}

/// What a query holds that sees no key, and its cotangent, reach neither keys nor values.
BOOST_AUTO_TEST_CASE(promise_a_blind_query_reaches_nothing) {
  constexpr std::int64_t kQueries = 40, kBlind = 35;  // in the second tile of the kernel
  const Tensor q = normal({1, 2, kQueries, 4}, 1, float64);
  const Tensor k = normal({1, 2, 3, 4}, 2, float64);
  const Tensor v = normal({1, 2, 3, 4}, 3, float64);
  const Tensor dy = normal({1, 2, kQueries, 4}, 4, float64);
  const Tensor sees = reshape(arange(kQueries) < kBlind, {kQueries, 1});
  const Mask mask = Mask::keep_pairs(expand(sees, {kQueries, 3}).contiguous());
  const auto run = [&](const Tensor& queries, const Tensor& cotangent, double dropout) {
    std::vector<Tensor> xs;
    for (const Tensor& x : {queries, k, v}) xs.push_back(x.clone().set_requires_grad(true));
    Tape tape;
    Generator generator(4);
    const Tensor y =
        scaled_dot_product_attention(xs[0], xs[1], xs[2], mask, {.dropout_p = dropout, .generator = &generator});
    std::vector<Tensor> all = tape.gradient(y, xs, {.cotangent = cotangent, .retain = true});
    for (const Tensor& d : tape.gradient(y, xs, {.cotangent = cotangent, .create_graph = true}))
      all.push_back(d.detach());
    all.push_back(y.detach());
    return all;
  };
  for (const double dropout : {0.0, 0.2}) {
    const auto clean = run(q, dy, dropout);
    for (const Poison& poison : {kNoNumbers, kLargeNumbers}) {
      const auto dirty = run(poisoned(q, 0, kBlind, poison), poisoned(dy, 0, kBlind, poison), dropout);
      for (std::size_t i = 0; i < clean.size(); ++i)
        BOOST_TEST_CONTEXT(poison[0] << ", dropout " << dropout << ", result " << i)
      check_close(dirty[i], clean[i], 1e-13);
    }
  }
  // No query at all sees a key: no tile writes the gradients of the keys.
  const Mask nothing = Mask::keep_pairs(zeros({kQueries, 3}, {.dtype = boolean}));
  Tensor keys = k.clone().set_requires_grad(true);
  Tape tape;
  const Tensor y = scaled_dot_product_attention(q, keys, v, nothing);
  check_close(tape.gradient(y, keys, {.cotangent = dy}), zeros(k.shape(), {.dtype = float64}), 0.0);
}

BOOST_AUTO_TEST_CASE(a_query_that_holds_nan_shows_in_the_gradients_of_what_it_sees) {
  const auto of = [](const std::vector<double>& x) { return from_vector(x, {1, 1, 2, 1}); };
  const Tensor q = of({std::numeric_limits<double>::quiet_NaN(), 1.0});
  const Tensor k = of({0.5, -1.0}).set_requires_grad(true);
  const Tensor v = of({2.0, 3.0}).set_requires_grad(true);
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor y = scaled_dot_product_attention(q, k, v, Mask::causal());
    for (const Tensor& d : tape.gradient(sum(y), {k, v}, {.create_graph = differentiable}))
      BOOST_TEST(std::isnan(d.to_vector<double>()[0]), differentiable);
  }
}

BOOST_AUTO_TEST_CASE(promise_a_later_key_reaches_no_earlier_query) {
  const Tensor x = normal({1, 2, 40, 3}, 1, float64);
  const auto first = [](const Tensor& t) { return t.slice(2, {.stop = 37}); };
  const auto run = [&](const Tensor& keys) {
    Tensor q = x.clone().set_requires_grad(true);
    Tape tape;
    const Tensor y = scaled_dot_product_attention(q, keys, keys, Mask::causal());
    const Tensor dq = tape.gradient(y, q, {.cotangent = ones(y.shape(), {.dtype = float64})});
    return std::array<Tensor, 2>{first(y.detach()), first(dq)};
  };
  const auto clean = run(x);
  const auto dirty = run(poisoned(x, 0, 37));
  for (std::size_t i = 0; i < 2; ++i)
    BOOST_TEST(dirty[i].contiguous().to_vector<double>() == clean[i].contiguous().to_vector<double>(),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(promise_masks_merge_part_by_part) {
  const auto pairs = [](const Shape& shape, std::int64_t hidden) {
    Tensor keep = ones(shape, {.dtype = boolean});
    keep.mutable_data<bool>()[static_cast<std::size_t>(hidden)] = false;
    return Mask::keep_pairs(keep);
  };
  const Mask mask = Mask::from_lengths({2, 1}, 2) & Mask::causal() & pairs({2, 2, 2}, 4) &
                    Mask::from_lengths({1, 2}, 2) & pairs({2, 3, 2, 2}, 0);
  BOOST_TEST(mask.is_causal());
  BOOST_TEST((mask.positions().to_vector<bool>() == std::vector<bool>{true, false, true, false}));
  BOOST_TEST(to_string(mask.pairs().shape()) == "[2, 3, 2, 2]");
  const std::vector<bool> keep = mask.pairs().to_vector<bool>();
  for (std::size_t i = 0; i < keep.size(); ++i)  // entry 4 of [N, Lq, Lk] stands in every head of sequence 1
    BOOST_TEST(keep[i] == (i != 0 && i != 12 && i != 16 && i != 20), i);
  BOOST_CHECK_THROW((void)(Mask::from_lengths({1}, 2) & Mask::from_lengths({1}, 3)), ShapeError);
  BOOST_CHECK_THROW((void)Mask::from_lengths({3}, 2), ValueError);
  BOOST_CHECK_THROW((void)Mask::keep_positions(ones({2, 2})), DTypeError);
}

BOOST_AUTO_TEST_CASE(dropout_hides_weights_and_scales_the_rest) {
  const Tensor q = normal({1, 1, 2, 4}, 1, float64);
  const Tensor k = normal({1, 1, 6, 4}, 2, float64);
  const Tensor v = reshape(eye(6, {.dtype = float64}), {1, 1, 6, 6});  // the result is the weights themselves
  Generator g(4), h(4);
  const RandomStream stream = h.state();
  const Tensor y = scaled_dot_product_attention(q, k, v, {}, {.dropout_p = 0.5, .generator = &g});
  const std::vector<double> weights = attention_weights(q, k).to_vector<double>();
  const std::vector<double> dropped = y.contiguous().to_vector<double>();
  for (std::size_t i = 0; i < 12; ++i)
    BOOST_TEST(std::abs(dropped[i] - (stream.uniform64(i) >= 0.5 ? 2.0 * weights[i] : 0.0)) < 1e-14);
  BOOST_CHECK_THROW((void)attention_weights(q, k, {}, {.dropout_p = 0.5}), ValueError);
}

BOOST_AUTO_TEST_CASE(without_features_all_keys_weigh_the_same) {
  const Tensor none = zeros({1, 1, 2, 0}, {.dtype = float64});
  const Tensor v = from_vector<double>({1, 5}, {1, 1, 2, 1});
  test::check_close(scaled_dot_product_attention(none, none, v), full({1, 1, 2, 1}, 3.0, {.dtype = float64}), 0.0);
  test::check_close(attention_weights(none, none), full({1, 1, 2, 2}, 0.5, {.dtype = float64}), 0.0);
}

// More than there is memory for: an Error with the op's name, here and in every other op.
BOOST_AUTO_TEST_CASE(what_does_not_fit_is_an_error) {
  for (const int power : {57, 58})
    for (const std::int64_t queries : {1, 32})
      for (const double dropout_p : {0.0, 0.5}) {
        const Tensor q = zeros({1, 1, queries, 0});
        const Tensor k = zeros({1, 1, std::int64_t{1} << power, 0});
        BOOST_CHECK_EXCEPTION(
            (void)scaled_dot_product_attention(q, k, k, {}, {.dropout_p = dropout_p}), Error, [](const Error& e) {
              return std::string(e.what()).rfind("[scaled_dot_product_attention] the system has no memory", 0) == 0;
            });
      }
}

BOOST_AUTO_TEST_CASE(promise_tangents_of_hidden_keys_reach_nothing) {
  const Tensor q = normal({1, 2, 3, 4}, 1, float64);
  const Tensor k = normal({1, 2, 3, 4}, 2, float64);
  const Tensor v = normal({1, 2, 3, 4}, 3, float64);
  const Mask mask = Mask::from_lengths({2}, 3);
  const auto run = [&](double hidden) {
    const Tensor at = from_vector<bool>({true, true, false}, {3, 1});
    const Tensor dk = where(at, normal({1, 2, 3, 4}, 4, float64), hidden);
    const Tensor dv = where(at, normal({1, 2, 3, 4}, 5, float64), hidden);
    return jvp([&](const Tensor& a, const Tensor& b) { return scaled_dot_product_attention(q, a, b, mask); }, {k, v},
               {dk, dv})
        .second;
  };
  check_close(run(std::numeric_limits<double>::quiet_NaN()), run(0.0), 0.0);
}

BOOST_AUTO_TEST_CASE(what_some_see_reaches_no_others) {
  // Key and value 2 hold NaN; causal, only query 2 sees them.
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto of = [](const std::vector<double>& x) { return from_vector(x, {1, 1, 3, 1}); };
  const Tensor q = of({1, 2, 3}).set_requires_grad(true), cotangent = of({1, 1, 0});
  for (const bool in_key : {true, false}) {
    const Tensor k = of({1, -1, in_key ? nan : 0.5}), v = of({1, 2, in_key ? 3 : nan});
    const Tensor k_shown = of({1, -1, 0.5}), v_shown = of({1, 2, 3});
    const auto f = [&](const Tensor& x, const Tensor& keys, const Tensor& values, double dropout) {
      Generator generator(4);
      return scaled_dot_product_attention(x, keys, values, Mask::causal(),
                                          {.dropout_p = dropout, .generator = &generator});
    };
    const auto first_two = [](const Tensor& x) { return x.slice(2, {.stop = 2}).to_vector<double>(); };
    for (const double dropout : {0.0, 0.3}) {
      BOOST_TEST(first_two(f(q, k, v, dropout)) == first_two(f(q, k_shown, v_shown, dropout)),
                 boost::test_tools::per_element());
      for (const bool differentiable : {false, true}) {
        const auto gradient = [&](const Tensor& keys, const Tensor& values) {
          Tape tape;
          return first_two(tape.gradient(f(q, keys, values, dropout), q,
                                         {.cotangent = cotangent, .retain = true, .create_graph = differentiable}));
        };
        BOOST_TEST(gradient(k, v) == gradient(k_shown, v_shown), boost::test_tools::per_element());
      }
      const auto change = [&](const Tensor& keys, const Tensor& values) {
        return first_two(
            jvp([&](const Tensor& x) { return f(x, keys, values, dropout); }, q.detach(), cotangent).second);
      };
      BOOST_TEST(change(k, v) == change(k_shown, v_shown), boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
