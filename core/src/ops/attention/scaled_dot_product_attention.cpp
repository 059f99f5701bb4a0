#include <fmt/format.h>

#include <limits>

#include "base/dispatch.hpp"
#include "kernels/attention.hpp"
#include "ops/attention/heads.hpp"
#include "ops/attention/pair_mask.hpp"
#include "ops/dropout/dropped.hpp"
#include "ops/rows.hpp"
#include "ops/sum_of.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/attention.hpp"
#include "tapegrad/ops/engine/dropout_options.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// Inputs: q, k, v, the mask's positions and pairs, and the bias.
struct ScaledDotProductAttention : Op<ScaledDotProductAttention> {
  static constexpr std::string_view name = "scaled_dot_product_attention";
  static constexpr std::string_view math =
      R"(O = (R \odot P) V,\ P = \mathrm{softmax}(s Q K^\top + B),\ R = 1 \text{ without dropout};\quad \bar V = (R \odot P)^\top \bar O,\ \bar P = R \odot \bar O V^\top,\ \bar S = P \odot (\bar P - \mathrm{rowsum}(P \odot \bar P)),\ \bar Q = s \bar S K,\ \bar K = s \bar S^\top Q,\ \bar B = \bar S)";
  static constexpr Names<6> input_names = {"q", "k", "v", "positions", "pairs", "bias"};
  static constexpr Names<2> residual_names = {"row maximum", "1 / row sum"};
  static constexpr Keep keep = Keep::inputs;
  double scale;
  double dropout_p;
  RandomStream stream;  // of dropout
  bool causal, with_positions, with_pairs, with_bias;

  ScaledDotProductAttention(double factor, const Mask& mask, bool biased, double share, RandomStream numbers)
      : scale(factor),
        dropout_p(share),
        stream(numbers),
        causal(mask.is_causal()),
        with_positions(mask.positions().defined()),
        with_pairs(mask.pairs().defined()),
        with_bias(biased) {}

  Tensor forward(Keeper& keeper, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& positions,
                 const Tensor& pairs, const Tensor& bias) const {
    const Operands in(q, k, v, positions, pairs, bias);
    Tensor o = interleaved(q.shape(), v.shape().back(), q.dtype());
    const Shape queries{q.size(0), q.size(1), q.size(2)};
    const Tensor max = empty(queries, {.dtype = q.dtype()});
    const Tensor inverse_sum = empty(queries, {.dtype = q.dtype()});
    with_floating(q.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::attention_forward(facts<T>(in), heads_of<T>(array_of(o)), {written<T>(max), written<T>(inverse_sum)});
    });
    keeper.save(max);
    keeper.save(inverse_sum);
    return o;
  }

  std::array<Tensor, 6> vjp(const Saved& s, const Tensor& dy) const {
    const Visible visible(s, mask(s), bias(s));
    const Tensor q = visible.queries(s.input(0));
    const Tensor k = visible.keys(s.input(1));
    const Tensor p = weights_of_kept(q, k, visible.keep, bias(s), scale);
    const Tensor dout = visible.queries(dy);
    std::array<Tensor, 6> d;
    if (s.wants(2)) d[2] = visible.product_back(drop(p), dout);
    if (!s.wants(0) && !s.wants(1) && !s.wants(5)) return d;
    const Tensor dp = visible.pairs(drop(matmul(dout, transpose(visible.keys(s.input(2)), 2, 3))));
    const Tensor ds = visible.pairs(softmax_jacobian(p, dp));
    if (s.wants(5)) d[5] = ds;
    if (!s.wants(0) && !s.wants(1)) return d;
    const Tensor of_product = ds * scale;
    if (s.wants(0)) d[0] = visible.product(of_product, k);
    if (s.wants(1)) d[1] = visible.product_back(of_product, q);
    return d;
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const Operands in(s.input(0), s.input(1), s.input(2), with_positions ? s.input(3) : Tensor(),
                      with_pairs ? s.input(4) : Tensor(), bias(s));
    const array::Array dout = with_unit_rows(dy);
    const auto gradient = [&](int i) {
      const Shape& shape = s.input(i).shape();
      return s.wants(i) ? interleaved(shape, shape.back(), dy.dtype()) : Tensor();
    };
    const Tensor dq = gradient(0);
    const Tensor dk = gradient(1);
    const Tensor dv = gradient(2);
    const bool shares = s.wants(5) && s.input(5).numel() < s.residual(0).numel() * in.k.shape[2];  // sums of many pairs
    const Tensor dbias = s.wants(5) ? zeros(s.input(5).shape(), {.dtype = shares ? float64 : dy.dtype()}) : Tensor();
    with_floating(dy.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const auto to = [](const Tensor& d) { return d.defined() ? heads_of<T>(array_of(d)) : kernels::Heads<T>{}; };
      kernels::attention_backward(facts<T>(in), {array_of(s.residual(0)).as<T>(), array_of(s.residual(1)).as<T>()},
                                  heads_of<const T>(dout), to(dq), to(dk), to(dv),
                                  dbias.defined() && !shares ? of_pairs<T>(array_of(dbias), in) : kernels::OfPairs<T>{},
                                  shares ? of_pairs<double>(array_of(dbias), in) : kernels::OfPairs<double>{});
    });
    sink.add(0, dq);
    sink.add(1, dk);
    sink.add(2, dv);
    sink.add(5, shares ? dbias.to(dy.dtype()) : dbias);
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    const Visible visible(s, mask(s), bias(s));
    const Tensor q = visible.queries(s.input(0));
    const Tensor k = visible.keys(s.input(1));
    const Tensor p = weights_of_kept(q, k, visible.keep, bias(s), scale);
    Tensor dy;
    Tensor ds;
    if (dx[0].defined()) add_to(ds, matmul(dx[0], transpose(k, 2, 3)));
    if (dx[1].defined()) add_to(ds, matmul(q, transpose(visible.keys(dx[1]), 2, 3)));
    if (ds.defined()) ds = visible.pairs(ds) * scale;
    if (dx[5].defined()) add_to(ds, visible.pairs(dx[5]));
    if (ds.defined()) {
      const Tensor dp = softmax_jacobian(p, ds);
      add_to(dy, visible.product(drop(visible.pairs(dp)), visible.keys(s.input(2))));
    }
    if (dx[2].defined()) add_to(dy, visible.product(drop(p), visible.keys(dx[2])));
    return dy;
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("scale", scale);
    visitor("causal", causal);
    if (dropout_p > 0.0) visitor("dropout_p", dropout_p);
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(S_{ij} = s\, q_i \cdot k_j + B_{ij},\quad P_{ij} = \frac{e^{S_{ij}}}{\sum_l e^{S_{il}}},\quad o_i = \sum_j P_{ij} v_j)",
         "Vaswani et al. 2017, arXiv:1706.03762: per batch entry and head; i runs over queries, j over the keys that i "
         "may see. The scale s is $1 / \\sqrt D$ for queries of D features, unless another is given; the bias B, of "
         "distances perhaps, is 0 without one"},
        {"Values", R"(\bar v_j = \sum_i P_{ij} \bar o_i,\quad \bar V = P^\top \bar O)",
         "o is linear in v: $v_j$ enters each $o_i$ with coefficient $P_{ij}$"},
        {"Weights", R"(\bar P_{ij} = \bar o_i \cdot v_j,\quad \bar P = \bar O V^\top)", "and linear in P"},
        {"Through the softmax", R"(\bar S_{ij} = P_{ij} \left( \bar P_{ij} - \sum_l P_{il} \bar P_{il} \right))",
         "the softmax rule for each row of scores"},
        {"The inner sum, two ways",
         R"(\sum_l P_{il} \bar P_{il} = \bar o_i \cdot \sum_l P_{il} v_l = \bar o_i \cdot o_i)",
         "the product of two rows that are at hand would do without the keys (Dao et al. 2022, FlashAttention, "
         "arXiv:2205.14135), but $o_i$ has been rounded: where one key has all the weight and values lie far from 0, "
         "its rounding error would be all of the gradient. So the sum runs over the keys, of the numbers that it is "
         "taken from"},
        {"Queries and keys", R"(\bar q_i = s \sum_j \bar S_{ij} k_j,\quad \bar k_j = s \sum_i \bar S_{ij} q_i)",
         "S is bilinear in q and k"},
        {"Bias", R"(\bar B_{ij} = \bar S_{ij})",
         "it is added to the scores; an element that stands for many pairs has the sum over them, taken a few queries "
         "at a time, so that there is no matrix beside the bias's own gradient"},
        {"Dropout",
         R"(o_i = \sum_j r_{ij} P_{ij} v_j,\quad \bar v_j = \sum_i r_{ij} P_{ij} \bar o_i,\quad \bar P_{ij} = r_{ij}\, \bar o_i \cdot v_j)",
         "r is 0 for a weight that is dropped and $1 / (1 - p)$ for one that is not: a constant that is drawn again in "
         "the reverse sweep, and 1 without dropout"},
        {"What is kept",
         R"(P_{ij} = \frac{e^{S_{ij} - m_i}}{Z_i},\quad m_i = \max_l S_{il},\quad Z_i = \sum_l e^{S_{il} - m_i})",
         "two numbers per query: the scores are computed again, a few queries at a time, and no matrix of Lq x Lk is "
         "stored; their logarithm log Z + m would be one number, of fewer digits"},
        {"Hidden keys", R"(P_{ij} = 0 \Rightarrow \bar S_{ij} = 0)",
         "a key that is masked, or whose bias is $-\\infty$, gets no gradient from this query, nor does the bias; a "
         "query that sees none has $o_i = 0$ and gradient 0"},
        {"What a hidden key holds", R"(P_{ij} = 0 \Rightarrow P_{ij} v_j := 0)",
         "also where $v_j$ or $k_j$ is NaN or inf, of which 0 times would be NaN"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto inputs = [&g](std::int64_t n, std::int64_t h, std::int64_t lq, std::int64_t lk, std::int64_t d,
                             std::int64_t dv) {
      return catalogue::Arguments{uniform(g, {n, h, lq, d}, -2, 2), uniform(g, {n, h, lk, d}, -2, 2),
                                  uniform(g, {n, h, lk, dv}, -2, 2)};
    };
    const auto with = [](const Mask& mask, const AttentionOptions& options = {}) {
      return catalogue::of<3>([=](const Tensor& q, const Tensor& k, const Tensor& v) {
        return scaled_dot_product_attention(q, k, v, mask, options);
      });
    };
    // The mask is the same at each call: a generator of its own.
    const auto with_dropout = [](const Mask& mask, double share) {
      return catalogue::of<3>([=](const Tensor& q, const Tensor& k, const Tensor& v) {
        Generator numbers(7);
        return scaled_dot_product_attention(q, k, v, mask, {.dropout_p = share, .generator = &numbers});
      });
    };
    const auto and_bias = [&g](catalogue::Arguments x, const Shape& shape) {
      x.push_back(uniform(g, shape, -2, 2));
      return x;
    };
    const auto with_bias = [](const Mask& mask, double share) {
      return catalogue::of<4>([=](const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias) {
        Generator numbers(7);
        return scaled_dot_product_attention(q, k, v, mask, {.dropout_p = share, .generator = &numbers, .bias = bias});
      });
    };
    const Mask lengths = Mask::from_lengths({3, 1}, 3);
    const Mask first_row_hidden = Mask::keep_pairs(from_vector<bool>({false, false, false, true, false, true}, {2, 3}));
    return {
        {"self", inputs(2, 2, 3, 3, 2, 2), with({})},
        {"cross, other widths", inputs(1, 2, 2, 3, 4, 1), with({})},
        {"causal", inputs(1, 2, 3, 3, 2, 2), with(Mask::causal())},
        {"valid keys", inputs(2, 1, 2, 3, 2, 2), with(lengths)},
        {"a sequence of padding", inputs(2, 1, 2, 3, 2, 2), with(Mask::from_lengths({0, 2}, 3))},
        {"pairs, one query that sees nothing", inputs(2, 1, 2, 3, 2, 2), with(first_row_hidden)},
        {"pairs of each sequence", inputs(2, 2, 2, 2, 2, 1),
         with(Mask::keep_pairs(from_vector<bool>({true, false, true, true, false, true, true, false}, {2, 2, 2})))},
        {"all masks", inputs(2, 1, 3, 3, 2, 2),
         with(lengths & Mask::causal() &
              Mask::keep_pairs(from_vector<bool>({true, true, false, true, true, true, false, true, true}, {3, 3})))},
        {"scale", inputs(1, 1, 2, 3, 2, 2), with({}, {.scale = 0.3})},
        {"dropout", inputs(2, 2, 3, 3, 2, 2), with_dropout({}, 0.4)},
        {"dropout and masks", inputs(2, 1, 3, 3, 2, 2), with_dropout(lengths & Mask::causal(), 0.3)},
        {"bias", and_bias(inputs(2, 2, 2, 3, 2, 2), {2, 2, 2, 3}), with_bias({}, 0.0)},
        {"bias of each head", and_bias(inputs(2, 2, 2, 3, 2, 1), {2, 2, 3}), with_bias({}, 0.0)},
        {"bias of each key", and_bias(inputs(2, 2, 2, 3, 2, 2), {2, 1, 1, 3}), with_bias({}, 0.0)},
        {"bias and masks", and_bias(inputs(2, 2, 3, 3, 2, 2), {3, 3}), with_bias(lengths & Mask::causal(), 0.0)},
        {"bias, dropout and masks", and_bias(inputs(2, 1, 3, 3, 2, 2), {1, 3, 3}),
         with_bias(lengths & Mask::causal(), 0.3)},
        {"a bias that hides keys", and_bias(inputs(1, 2, 3, 3, 2, 2), {2, 3, 3}),
         catalogue::of<4>([](const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias) {
           const Tensor shown = from_vector<bool>({true, false, true, false, false, false, true, true, true}, {3, 3});
           const Tensor hiding = where(shown, bias, -std::numeric_limits<double>::infinity());
           return scaled_dot_product_attention(q, k, v, {}, {.bias = hiding});
         })},
        {"one key",
         inputs(1, 1, 2, 1, 2, 2),
         with({}),
         {.order = 0, .reason = "the gradient of q and k is 0 to rounding"}},
        {"no sequences", inputs(0, 1, 2, 2, 2, 2), with({})},
        {"no keys", inputs(1, 1, 2, 0, 2, 2), with({})}};
  }
  static catalogue::ErrorSamples errors() {
    const auto at = [](const Shape& q, const Shape& k, const Shape& v, const Mask& mask = {},
                       const AttentionOptions& options = {}) {
      return [=] { (void)scaled_dot_product_attention(zeros(q), zeros(k), zeros(v), mask, options); };
    };
    return {
        {"rank", at({2, 3, 4}, {2, 3, 4}, {2, 3, 4}),
         "[scaled_dot_product_attention] expected q [N, H, Lq, D] and k [N, H, Lk, D], got [2, 3, 4] and [2, 3, 4]"},
        {"widths", at({1, 2, 3, 4}, {1, 2, 3, 5}, {1, 2, 3, 4}),
         "[scaled_dot_product_attention] expected q [N, H, Lq, D] and k [N, H, Lk, D], got [1, 2, 3, 4]"},
        {"values", at({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 5, 4}),
         "[scaled_dot_product_attention] expected v [1, 2, 3, Dv] for k [1, 2, 3, 4], got [1, 2, 5, 4]"},
        {"positions", at({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, Mask::from_lengths({1, 2}, 3)),
         "[scaled_dot_product_attention] expected the mask's positions to be [N, Lk] = [1, 3], got [2, 3]"},
        {"pairs", at({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, Mask::keep_pairs(zeros({2, 3}, {.dtype = boolean}))),
         "[scaled_dot_product_attention] expected the mask's pairs to broadcast to [N, H, Lq, Lk] = [1, 2, 3, 3], "
         "got [2, 3]"},
        {"bias", at({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, {}, {.bias = zeros({3, 1, 3, 3})}),
         "[scaled_dot_product_attention] expected a bias [.., Lq, Lk] that broadcasts to [N, H, Lq, Lk] = [1, 2, 3, "
         "3], "
         "got [3, 1, 3, 3]"},
        {"bias of another dtype",
         at({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, {}, {.bias = zeros({3, 3}, {.dtype = float64})}),
         "[scaled_dot_product_attention] float32 [1, 2, 3, 4] with float64 [3, 3]"},
        {"dropout", at({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, {}, {.dropout_p = 1.0}),
         "[scaled_dot_product_attention] expected dropout_p in [0, 1), got 1"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    const auto heads = [&g] { return catalogue::uniform(g, {64, 4, 12, 16}, -2, 2); };
    return {"64 x 4 heads, 12 x 12, width 16",
            {heads(), heads(), heads()},
            catalogue::of<3>([](const Tensor& q, const Tensor& k, const Tensor& v) {
              return scaled_dot_product_attention(q, k, v);
            })};
  }

 private:
  struct Operands {
    array::Array q, k, v;
    OptionalElements positions;
    array::Array pairs, bias;

    Operands(const Tensor& queries, const Tensor& keys, const Tensor& values, const Tensor& valid, const Tensor& kept,
             const Tensor& added)
        : q(with_unit_rows(queries)), k(with_unit_rows(keys)), v(with_unit_rows(values)), positions(valid) {
      if (kept.defined()) pairs = array_of(kept);
      if (added.defined()) bias = array_of(added);
    }
  };

  /// What broadcasts to all pairs; nothing without elements.
  template <class T>
  static kernels::OfPairs<T> of_pairs(const array::Array& a, const Operands& in) {
    if (!a.storage) return {};
    const Shape pairs{in.q.shape[0], in.q.shape[1], in.q.shape[2], in.k.shape[2]};
    const Shape strides = broadcast_strides(a.shape, a.strides, pairs);
    return {a.as<T>(), strides[0], strides[1], strides[2], strides[3]};
  }

  template <class T>
  kernels::Attention<T> facts(const Operands& in) const {
    kernels::Attention<T> f;
    f.batch = in.q.shape[0];
    f.heads = in.q.shape[1];
    f.queries = in.q.shape[2];
    f.keys = in.k.shape[2];
    f.width = in.q.shape[3];
    f.value_width = in.v.shape[3];
    f.q = heads_of<const T>(in.q);
    f.k = heads_of<const T>(in.k);
    f.v = heads_of<const T>(in.v);
    f.scale = scale;
    f.valid_keys = in.positions.as<bool>();
    f.causal = causal;
    f.dropout = dropout_p;
    f.stream = stream;
    f.pairs = of_pairs<const bool>(in.pairs, in);
    f.bias = of_pairs<const T>(in.bias, in);
    return f;
  }

  /// What dropout makes of weights, or of their changes and cotangents.
  Tensor drop(const Tensor& of_pairs) const { return dropped(of_pairs, dropout_p, stream); }

  Tensor bias(const Saved& s) const { return with_bias ? s.input(5) : Tensor(); }
  Mask mask(const Saved& s) const {
    Mask m;
    if (with_positions) m = m & Mask::keep_positions(s.input(3));
    if (with_pairs) m = m & Mask::keep_pairs(s.input(4));
    if (causal) m = m & Mask::causal();
    return m;
  }
  /// What the differentiable rules may read: what is hidden counts as 0, whatever it holds.
  struct Visible {
    std::int64_t query_count, key_count;
    Tensor keep;

    Visible(const Saved& s, const Mask& mask, const Tensor& bias)
        : query_count(s.input(0).size(2)),
          key_count(s.input(1).size(2)),
          keep(keep_of(mask, bias, query_count, key_count)) {}
    Tensor queries(const Tensor& x) const { return without_blind(x, keep, key_count); }
    Tensor keys(const Tensor& x) const { return without_unseen(x, keep, query_count); }
    Tensor pairs(const Tensor& x) const { return keep.defined() ? where(keep, x, 0.0) : x; }
    Tensor product(const Tensor& of_pairs, const Tensor& x) const { return product_of_seen(of_pairs, x, keep); }
    Tensor product_back(const Tensor& of_pairs, const Tensor& x) const {
      return product_of_seen(transpose(of_pairs, 2, 3), x, keep.defined() ? transpose(keep, -2, -1) : keep);
    }
  };
  static Tensor softmax_jacobian(const Tensor& p, const Tensor& d) { return p * (d - sum(p * d, -1, true)); }
};

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Mask& mask,
                                    const AttentionOptions& options) {
  constexpr std::string_view op = ScaledDotProductAttention::name;
  expect_attention(op, q, k, mask, options.bias);
  expect_defined(op, v, "input 2 (v)");
  expect_same_dtype(op, k, v);
  if (v.dim() != 4 || v.size(0) != k.size(0) || v.size(1) != k.size(1) || v.size(2) != k.size(2))
    throw ShapeError(fmt::format("[{}] expected v [{}, {}, {}, Dv] for k {}, got {}", op, k.size(0), k.size(1),
                                 k.size(2), to_string(k.shape()), to_string(v.shape())));
  engine::expect_dropout(op, "dropout_p", options.dropout_p);
  const double scale = scale_of_scores(q, options.scale);
  RandomStream stream;
  if (options.dropout_p > 0.0) {
    Generator& generator = options.generator != nullptr ? *options.generator : default_generator();
    const auto rows = static_cast<std::uint64_t>(q.size(0) * q.size(1) * q.size(2));
    stream = generator.reserve(rows * static_cast<std::uint64_t>(k.size(2)));
  }
  return apply(ScaledDotProductAttention(scale, mask, options.bias.defined(), options.dropout_p, stream), q, k, v,
               mask.positions(), aligned_pairs(mask.pairs()), options.bias);
}

TAPEGRAD_CATALOGUE(attention, scaled_dot_product_attention, ScaledDotProductAttention)

}  // namespace tapegrad
