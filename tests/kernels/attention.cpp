#include "kernels/attention.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include "kernels/reference.hpp"

using namespace tapegrad::kernels;
using namespace tapegrad::testing;

namespace {

struct Sizes {
  std::int64_t batch, heads, queries, keys, width, value_width;
};
const Sizes kAttentionSizes[] = {
    {2, 3, 7, 7, 10, 10}, {1, 1, 1, 1, 1, 1}, {1, 2, 70, 45, 16, 33}, {2, 1, 5, 40, 70, 3}, {1, 2, 33, 100, 64, 64}};

/// Heads side by side in each position: [batch, position, heads, width].
HeadStrides interleaved(std::int64_t heads, std::int64_t positions, std::int64_t width) {
  return {positions * heads * width, width, heads * width};
}

template <class T>
struct AttentionProblem {
  Sizes s;
  std::vector<T> q, k, v, dout, bias;
  HeadStrides at_queries, at_keys, at_values, at_outputs;
  std::unique_ptr<bool[]> valid, pairs;
  Attention<T> facts;

  explicit AttentionProblem(const Sizes& sizes, double deviation = 1)
      : s(sizes),
        q(normal<T>(s.batch * s.heads * s.queries * s.width, 1, 0, deviation)),
        k(normal<T>(s.batch * s.heads * s.keys * s.width, 2)),
        v(normal<T>(s.batch * s.heads * s.keys * s.value_width, 3)),
        dout(normal<T>(s.batch * s.heads * s.queries * s.value_width, 4)),
        at_queries(interleaved(s.heads, s.queries, s.width)),
        at_keys(interleaved(s.heads, s.keys, s.width)),
        at_values(interleaved(s.heads, s.keys, s.value_width)),
        at_outputs(interleaved(s.heads, s.queries, s.value_width)) {
    facts = {s.batch, s.heads, s.queries, s.keys, s.width, s.value_width};
    facts.q = {q.data(), at_queries};
    facts.k = {k.data(), at_keys};
    facts.v = {v.data(), at_values};
    facts.scale = 0.4;
  }

  void mask_keys() {
    valid.reset(new bool[static_cast<std::size_t>(s.batch * s.keys)]);
    for (std::int64_t i = 0; i < s.batch * s.keys; ++i) valid[static_cast<std::size_t>(i)] = i % 4 != 1;
    facts.valid_keys = valid.get();
  }
  /// One mask [queries, keys] for the whole batch; query 3 sees nothing.
  void mask_pairs() {
    pairs.reset(new bool[static_cast<std::size_t>(s.queries * s.keys)]);
    for (std::int64_t i = 0; i < s.queries * s.keys; ++i) {
      pairs[static_cast<std::size_t>(i)] = i / s.keys != 3 && (i * 7) % 5 != 1;
    }
    facts.pairs = {pairs.get(), 0, 0, s.keys, 1};
  }
  /// What the bits of `parts` say: some keys, later keys, some pairs, and what dropout drops.
  void hide(int parts) {
    if ((parts & 1) != 0) mask_keys();
    facts.causal = (parts & 2) != 0;
    if ((parts & 4) != 0) mask_pairs();
    if ((parts & 8) == 0) return;
    facts.dropout = 0.3;
    facts.stream = {5, 3};
  }
  /// A bias that is the same along dimensions of [batch, heads, queries, keys] that are not `own`. Some of it is -inf.
  void add_bias(const std::array<bool, 4>& own) {
    const std::array<std::int64_t, 4> sizes = {s.batch, s.heads, s.queries, s.keys};
    std::array<std::int64_t, 4> strides = {};
    std::int64_t count = 1;
    for (std::size_t d = 4; d-- > 0;) {
      if (!own[d]) continue;
      strides[d] = count;
      count *= sizes[d];
    }
    bias = normal<T>(count, 5);
    for (std::size_t i = 4; i < bias.size(); i += 11) bias[i] = -kInfinity<T>;
    facts.bias = {bias.data(), strides[0], strides[1], strides[2], strides[3]};
  }
  std::size_t place_in_bias(std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) const {
    const auto& at = facts.bias;
    return static_cast<std::size_t>(b * at.batch + h * at.head + i * at.query + j * at.key);
  }

  /// What dropout makes of 1.
  long double factor(std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) const {
    if (facts.dropout == 0.0) return 1.0L;
    const std::int64_t number = ((b * s.heads + h) * s.queries + i) * s.keys + j;
    const bool kept = facts.stream.uniform64(static_cast<std::uint64_t>(number)) >= facts.dropout;
    return kept ? 1.0L / (1.0L - static_cast<long double>(facts.dropout)) : 0.0L;
  }

  bool sees(std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) const {
    if (!bias.empty() && bias[place_in_bias(b, h, i, j)] == -kInfinity<T>) return false;
    return (!valid || valid[static_cast<std::size_t>(b * s.keys + j)]) && (!facts.causal || j <= i) &&
           (!pairs || pairs[static_cast<std::size_t>(i * s.keys + j)]);
  }
};

template <class V>
struct Results {
  V o, max, inverse_sum, dq, dk, dv, dbias;
};

template <class T>
Results<std::vector<T>> run(const AttentionProblem<T>& p) {
  Results<std::vector<T>> r;
  r.o.resize(p.dout.size());
  r.max.resize(static_cast<std::size_t>(p.s.batch * p.s.heads * p.s.queries));
  r.inverse_sum.resize(r.max.size());
  r.dq.resize(p.q.size());
  r.dk.resize(p.k.size());
  r.dv.resize(p.v.size());
  r.dbias.resize(p.bias.size());
  const auto& at = p.facts.bias;
  std::vector<double> sums(p.bias.size());
  OfPairs<T> dbias;
  OfPairs<double> shared_dbias;
  const bool shared = !p.bias.empty() && p.bias.size() < r.max.size() * static_cast<std::size_t>(p.s.keys);
  if (shared)
    shared_dbias = {sums.data(), at.batch, at.head, at.query, at.key};
  else if (!p.bias.empty())
    dbias = {r.dbias.data(), at.batch, at.head, at.query, at.key};
  attention_forward(p.facts, {r.o.data(), p.at_outputs}, {r.max.data(), r.inverse_sum.data()});
  attention_backward<T>(p.facts, {r.max.data(), r.inverse_sum.data()}, {p.dout.data(), p.at_outputs},
                        {r.dq.data(), p.at_queries}, {r.dk.data(), p.at_keys}, {r.dv.data(), p.at_values}, dbias,
                        shared_dbias);
  if (shared) std::transform(sums.begin(), sums.end(), r.dbias.begin(), [](double v) { return static_cast<T>(v); });
  return r;
}

/// The definition, pair by pair.
template <class T>
Results<Exact> reference(const AttentionProblem<T>& p) {
  const auto [batch, heads, queries, keys, width, value_width] = p.s;
  Results<Exact> r;
  r.o.resize(p.dout.size());
  r.dq.resize(p.q.size());
  r.dk.resize(p.k.size());
  r.dv.resize(p.v.size());
  r.dbias.resize(p.bias.size());
  const auto at = [](const HeadStrides& s, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t c) {
    return static_cast<std::size_t>(b * s.batch + h * s.head + i * s.position + c);
  };
  const long double scale = static_cast<long double>(p.facts.scale);
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t i = 0; i < queries; ++i) {
        Exact score(static_cast<std::size_t>(keys)), weight(score.size()), dweight(score.size());
        long double max = -kInfinity<long double>, sum = 0, mean = 0;
        for (std::int64_t j = 0; j < keys; ++j) {
          auto& value = score[static_cast<std::size_t>(j)];
          for (std::int64_t c = 0; c < width; ++c) {
            value += static_cast<long double>(p.q[at(p.at_queries, b, h, i, c)]) *
                     static_cast<long double>(p.k[at(p.at_keys, b, h, j, c)]) * scale;
          }
          if (!p.bias.empty()) value += static_cast<long double>(p.bias[p.place_in_bias(b, h, i, j)]);
          if (p.sees(b, h, i, j)) max = std::max(max, value);
        }
        for (std::int64_t j = 0; j < keys; ++j) {
          const auto u = static_cast<std::size_t>(j);
          if (p.sees(b, h, i, j)) sum += weight[u] = std::exp(score[u] - max);
        }
        r.max.push_back(max);
        r.inverse_sum.push_back(sum > 0 ? 1 / sum : 1);
        for (std::int64_t j = 0; j < keys; ++j) {
          const auto u = static_cast<std::size_t>(j);
          if (sum > 0) weight[u] /= sum;
          const long double factor = p.factor(b, h, i, j);
          for (std::int64_t c = 0; c < value_width; ++c) {
            const long double d = static_cast<long double>(p.dout[at(p.at_outputs, b, h, i, c)]);
            const long double v = static_cast<long double>(p.v[at(p.at_values, b, h, j, c)]);
            r.o[at(p.at_outputs, b, h, i, c)] += factor * weight[u] * v;
            r.dv[at(p.at_values, b, h, j, c)] += factor * weight[u] * d;
            dweight[u] += factor * d * v;
          }
          mean += weight[u] * dweight[u];
        }
        for (std::int64_t j = 0; j < keys; ++j) {
          const auto u = static_cast<std::size_t>(j);
          if (!p.bias.empty()) r.dbias[p.place_in_bias(b, h, i, j)] += weight[u] * (dweight[u] - mean);
          const long double ds = weight[u] * (dweight[u] - mean) * scale;
          for (std::int64_t c = 0; c < width; ++c) {
            r.dq[at(p.at_queries, b, h, i, c)] += ds * static_cast<long double>(p.k[at(p.at_keys, b, h, j, c)]);
            r.dk[at(p.at_keys, b, h, j, c)] += ds * static_cast<long double>(p.q[at(p.at_queries, b, h, i, c)]);
          }
        }
      }
    }
  }
  return r;
}

template <class T>
void check(const AttentionProblem<T>& p, double tolerance) {
  const auto got = run(p);
  const auto expected = reference(p);
  check_close(got.o, expected.o, tolerance);
  check_close(got.max, expected.max, tolerance);
  check_close(got.inverse_sum, expected.inverse_sum, tolerance);
  check_close(got.dq, expected.dq, tolerance);
  check_close(got.dk, expected.dk, tolerance);
  check_close(got.dv, expected.dv, tolerance);
  check_close(got.dbias, expected.dbias, tolerance);
}

template <class T>
constexpr double kAttentionTolerance = sizeof(T) == 4 ? 1e-5 : 1e-13;

/// Beside a weight of 1, smaller ones have faded.
template <class T>
constexpr T kTiny = sizeof(T) == 4 ? T(0x1p-100) : T(0x1p-960);

}  // namespace

BOOST_AUTO_TEST_SUITE(attention)

BOOST_AUTO_TEST_CASE_TEMPLATE(values_and_gradients, T, Reals) {
  for (const Sizes& s : kAttentionSizes) {
    for (const int parts : {0, 1, 2, 4, 7, 8, 15}) {
      AttentionProblem<T> p(s);
      p.hide(parts);
      check(p, kAttentionTolerance<T>);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(biased_values_and_gradients, T, Reals) {
  for (const Sizes& s : kAttentionSizes)
    for (const std::array<bool, 4>& own :
         {std::array{true, true, true, true}, std::array{false, true, true, true}, std::array{false, false, true, true},
          std::array{true, false, false, true}, std::array{false, true, true, false}})
      for (const int parts : {0, 1, 6, 15}) {
        AttentionProblem<T> p(s);
        p.add_bias(own);
        p.hide(parts);
        check(p, kAttentionTolerance<T>);
      }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_bias_of_zero_changes_no_bit, T, Reals) {
  for (const Sizes& s : kAttentionSizes) {
    AttentionProblem<T> p(s);
    const auto without = run(p);
    p.add_bias({false, true, true, true});
    std::fill(p.bias.begin(), p.bias.end(), T(0));
    const auto with = run(p);
    check_same_bits(with.o, without.o);
    check_same_bits(with.dq, without.dq);
    check_same_bits(with.dk, without.dk);
    check_same_bits(with.dv, without.dv);
  }
}

// An element that stands for 65,536 pairs: in float32 sums would lose what a tile adds.
BOOST_AUTO_TEST_CASE(gradients_of_a_bias_of_keys_are_summed_in_double) {
  AttentionProblem<float> p({64, 16, 64, 16, 4, 4});
  p.add_bias({false, false, false, true});
  const std::vector<float> got = run(p).dbias;
  const Exact expected = reference(p).dbias;
  long double largest = 0;
  for (const long double e : expected) largest = std::max(largest, std::fabs(e));
  for (std::size_t j = 0; j < got.size(); ++j) {
    const long double error = std::fabs(static_cast<long double>(got[j]) - expected[j]);
    BOOST_TEST(error <= 2e-7L * largest,  // which a NaN is not
               j << ": " << static_cast<double>(error) << " of " << static_cast<double>(largest));
  }
}

// Heads that share a bias add to one gradient, of which each element has one owner.
BOOST_AUTO_TEST_CASE_TEMPLATE(gradients_of_a_shared_bias_are_the_same_at_any_number_of_threads, T, Reals) {
  const ExpectTeams expect_teams;
  for (const std::array<bool, 4>& own : {std::array{true, false, true, true}, std::array{false, true, true, true}}) {
    AttentionProblem<T> p({6, 4, 40, 40, 20, 20});
    p.add_bias(own);
    check_thread_invariant([&] { return run(p).dbias; });
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(large_scores_do_not_overflow, T, Reals) {
  check(AttentionProblem<T>({1, 1, 9, 9, 8, 8}, 200), sizeof(T) == 4 ? 2e-3 : 1e-11);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(weights_of_equal_scores_are_equal_however_large, T, Reals) {
  // Both scores are 2^60: log 2 is lost beside them.
  AttentionProblem<T> p({1, 1, 1, 2, 1, 1});
  p.q = {T(1 << 30)};
  p.k = {T(1 << 30), T(1 << 30)};
  p.v = {1, 2};
  p.dout = {1};
  p.facts.q.data = p.q.data();
  p.facts.k.data = p.k.data();
  p.facts.v.data = p.v.data();
  p.facts.scale = 1;
  const auto r = run(p);
  BOOST_TEST(r.o[0] == T(1.5));
  BOOST_TEST(r.dv[0] == T(0.5));
  BOOST_TEST(r.dv[1] == T(0.5));
  BOOST_TEST(r.dk[0] == T(-0.25 * (1 << 30)));
  BOOST_TEST(r.dk[1] == T(0.25 * (1 << 30)));
}

// Weights that have faded are zero forward and backward: what they would be multiplied by next could become subnormal.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_key_far_below_the_largest_score_has_no_weight, T, Reals) {
  const T gap = std::log(kTiny<T>);
  for (const bool faded : {false, true}) {
    AttentionProblem<T> p({1, 1, 1, 2, 1, 1});
    p.q = {T(1)};
    p.k = {T(0), faded ? gap - T(1) : gap + T(1)};
    p.v = {T(0), T(1) / kTiny<T>};
    p.dout = {T(1)};
    p.facts.q.data = p.q.data();
    p.facts.k.data = p.k.data();
    p.facts.v.data = p.v.data();
    p.facts.scale = 1;
    const auto r = run(p);
    for (const T seen : {r.o[0], r.dv[1], r.dk[1], r.dq[0]}) BOOST_TEST((seen == T(0)) == faded);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_query_without_keys_gives_zero, T, Reals) {
  AttentionProblem<T> p({1, 1, 5, 6, 4, 4});
  p.mask_pairs();
  const auto r = run(p);
  for (std::size_t c = 12; c < 16; ++c) {
    BOOST_TEST(r.o[c] == 0);
    BOOST_TEST(r.dq[c] == 0);
  }
  BOOST_TEST(r.max[3] == -kInfinity<T>);
}

// Each query sees its own key alone, to rounding, so no score has a gradient, however far the values lie from zero.
BOOST_AUTO_TEST_CASE_TEMPLATE(where_one_key_has_all_the_weight_roundings_cancel, T, Reals) {
  AttentionProblem<T> p({1, 1, 16, 16, 32, 32});
  for (std::size_t i = 0; i < p.v.size(); ++i) {
    p.q[i] = p.k[i] = i / 32 == i % 32 ? T(30) : T(0);
    p.v[i] += T(1000);
  }
  p.facts.scale = 1.0;
  const auto r = run(p);
  for (const auto& gradient : {r.dq, r.dk})
    for (const T v : gradient) BOOST_TEST(v == T(0));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(only_wanted_gradients_are_written, T, Reals) {
  const AttentionProblem<T> p({2, 2, 9, 9, 12, 12});
  const auto r = run(p);
  std::vector<T> dk(p.k.size());
  attention_backward<T>(p.facts, {r.max.data(), r.inverse_sum.data()}, {p.dout.data(), p.at_outputs}, {},
                        {dk.data(), p.at_keys}, {});
  check_same_bits(dk, r.dk);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(bits_depend_on_the_sequence_alone, T, Reals) {
  const ExpectTeams expect_teams;
  const AttentionProblem<T> p({6, 4, 40, 40, 20, 20});
  check_thread_invariant([&] {
    auto r = run(p);
    r.o.insert(r.o.end(), r.dq.begin(), r.dq.end());
    r.o.insert(r.o.end(), r.dk.begin(), r.dk.end());
    r.o.insert(r.o.end(), r.dv.begin(), r.dv.end());
    return r.o;
  });
  const auto all = run(p);
  AttentionProblem<T> last({1, 4, 40, 40, 20, 20});
  const auto tail = [&](const std::vector<T>& x) { return std::vector<T>(x.end() - 4 * 40 * 20, x.end()); };
  last.q = tail(p.q);
  last.k = tail(p.k);
  last.v = tail(p.v);
  last.dout = tail(p.dout);
  last.facts.q.data = last.q.data();
  last.facts.k.data = last.k.data();
  last.facts.v.data = last.v.data();
  const auto alone = run(last);
  check_same_bits(alone.o, tail(all.o));
  check_same_bits(alone.dq, tail(all.dq));
  check_same_bits(alone.dk, tail(all.dk));
  check_same_bits(alone.dv, tail(all.dv));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(threads_that_share_the_queries_of_few_heads_give_the_same_bits, T, Reals) {
  const ExpectTeams expect_teams;
  for (const std::int64_t heads : {1, 3}) {
    AttentionProblem<T> p({1, heads, 150, 150, 20, 20});
    p.facts.causal = true;
    p.facts.dropout = 0.3;
    check_thread_invariant([&] {
      auto r = run(p);
      r.o.insert(r.o.end(), r.max.begin(), r.max.end());
      r.o.insert(r.o.end(), r.inverse_sum.begin(), r.inverse_sum.end());
      return r.o;
    });
  }
}

BOOST_AUTO_TEST_SUITE_END()
