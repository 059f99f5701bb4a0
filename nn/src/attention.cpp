#include "tapegrad/nn/attention.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "expect_options.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/nn/init.hpp"
#include "tapegrad/ops/attention.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::nn {

namespace {

/// The options, once they have been checked: before the first part is made of them.
const MultiHeadAttentionOptions& checked_attention(const MultiHeadAttentionOptions& options) {
  expect_heads("MultiHeadAttention", options.embed_dim, options.num_heads);
  expect_dropout("MultiHeadAttention", options.dropout);
  expect_rotary("MultiHeadAttention", options);
  expect_floating("MultiHeadAttention", options.dtype);
  const std::int64_t key_dim = options.kdim.value_or(options.embed_dim);
  const std::int64_t value_dim = options.vdim.value_or(options.embed_dim);
  if (key_dim < 1 || value_dim < 1)
    throw ValueError(
        fmt::format("[MultiHeadAttention] expected a positive kdim and vdim, got {} and {}", key_dim, value_dim));
  return options;
}

/// "[2, 1, 3, 4] and no values".
std::string shapes_of(const Tensor& key, const Tensor& value) {
  return fmt::format("{} and {}", key.defined() ? to_string(key.shape()) : "no keys",
                     value.defined() ? to_string(value.shape()) : "no values");
}

void expect_keys_and_values(const Tensor& key, const Tensor& value) {
  if (!key.defined() && !value.defined()) return;
  if (!key.defined() || !value.defined() || key.dim() != 4 || value.dim() != 4 || key.size(2) != value.size(2))
    throw ShapeError(fmt::format("[AttentionCache] expected keys and values [N, H, L, E / H] of one L, got {}",
                                 shapes_of(key, value)));
}

/// "1 position", "2 positions".
std::string counted_positions(std::int64_t count) { return fmt::format("{} position{}", count, count == 1 ? "" : "s"); }

}  // namespace

AttentionCache::AttentionCache(Tensor keys, Tensor values, std::int64_t first_position)
    : key(std::move(keys)), value(std::move(values)), first(first_position) {
  expect_keys_and_values(key, value);
  if (first < 0 || __builtin_add_overflow(first, length(), &seen_))
    throw ValueError(fmt::format("[AttentionCache] {} cannot stand from {} on", counted_positions(length()), first));
}

AttentionCache::AttentionCache(AttentionCache&& other) noexcept
    : key(std::move(other.key)),
      value(std::move(other.value)),
      first(std::exchange(other.first, 0)),
      seen_(std::exchange(other.seen_, 0)) {}

AttentionCache& AttentionCache::operator=(AttentionCache&& other) noexcept {
  key = std::move(other.key);
  value = std::move(other.value);
  first = std::exchange(other.first, 0);
  seen_ = std::exchange(other.seen_, 0);
  return *this;
}

void AttentionCache::keep_last(std::int64_t count) {
  if (count < 0) throw ValueError(fmt::format("[AttentionCache] cannot keep the last {} positions", count));
  expect_keys_and_values(key, value);
  const std::int64_t cut = length() - count;
  if (cut <= 0) return;
  Tensor last_keys = slice(key, 2, {.start = cut}), last_values = slice(value, 2, {.start = cut});
  key = std::move(last_keys);
  value = std::move(last_values);
  first += cut;
}

AttentionCache AttentionCache::index_select(const Tensor& rows) const {
  AttentionCache selected = *this;
  if (key.defined()) selected.key = tapegrad::index_select(key, 0, rows);
  if (value.defined()) selected.value = tapegrad::index_select(value, 0, rows);
  return selected;
}

MultiHeadAttention::MultiHeadAttention(MultiHeadAttentionOptions options)
    : out_proj(checked_attention(options).embed_dim, options.embed_dim, {.bias = options.bias, .dtype = options.dtype}),
      embed_dim_(options.embed_dim),
      key_dim_(options.kdim.value_or(options.embed_dim)),
      value_dim_(options.vdim.value_or(options.embed_dim)),
      num_heads_(options.num_heads),
      dropout_(options.dropout),
      rotary_(options.rotary) {
  const auto projection = [&](std::int64_t rows, std::int64_t columns) {
    const Tensor weight = zeros({rows, columns}, {.dtype = options.dtype});
    init::xavier_uniform(weight);
    return Parameter(weight);
  };
  if (projects_apart()) {
    q_proj_weight = projection(embed_dim_, embed_dim_);
    k_proj_weight = projection(embed_dim_, key_dim_);
    v_proj_weight = projection(embed_dim_, value_dim_);
  } else {
    in_proj_weight = projection(3 * embed_dim_, embed_dim_);
  }
  if (!options.bias) return;
  in_proj_bias = Parameter(zeros({3 * embed_dim_}, {.dtype = options.dtype}));
  out_proj.bias = Parameter(zeros({embed_dim_}, {.dtype = options.dtype}));
}

/// Projections first ... first + count - 1 of query, key and value, [N, L, width of x] -> [N, L, count E].
Tensor MultiHeadAttention::projected(const Tensor& x, std::int64_t first, std::int64_t count) const {
  if (count == 3) return linear(x, in_proj_weight, in_proj_bias);
  const Slice rows{.start = first * embed_dim_, .stop = (first + count) * embed_dim_};
  const Tensor bias = in_proj_bias.defined() ? slice(in_proj_bias, 0, rows) : Tensor();
  if (!projects_apart()) return linear(x, slice(in_proj_weight, 0, rows), bias);
  return linear(x, first == 0 ? q_proj_weight : first == 1 ? k_proj_weight : v_proj_weight, bias);
}

/// `count` projections side by side, [N, L, count E] -> one by one, [N, H, L, E / H], without a copy.
std::vector<Tensor> MultiHeadAttention::split_heads(const Tensor& x, std::int64_t count) const {
  const Tensor heads = reshape(x, {x.size(0), x.size(1), count * num_heads_, embed_dim_ / num_heads_});
  std::vector<Tensor> projections = count == 1 ? std::vector{heads} : chunk(heads, count, 2);
  for (Tensor& projection : projections) projection = transpose(projection, 1, 2);
  return projections;
}

/// [N, H, L, E / H] -> [N, L, E]; without a copy from scaled_dot_product_attention
Tensor MultiHeadAttention::merge_heads(const Tensor& y) const {
  return reshape(transpose(y, 1, 2), {y.size(0), y.size(2), embed_dim_});
}

MultiHeadAttention::Heads MultiHeadAttention::project(const Tensor& query, const Tensor& key,
                                                      const Tensor& value) const {
  expect_defined("MultiHeadAttention", query, "the query");
  expect_defined("MultiHeadAttention", key, "the key");
  expect_defined("MultiHeadAttention", value, "the value");
  const auto fits = [&](const Tensor& x, std::int64_t width) {
    return x.dim() == 3 && x.size(0) == query.size(0) && x.size(2) == width;
  };
  if (!fits(query, embed_dim_) || !fits(key, key_dim_) || !fits(value, value_dim_) || key.size(1) != value.size(1))
    throw ShapeError(fmt::format(
        "[MultiHeadAttention] expected query [N, Lq, {}], key [N, Lk, {}] and value [N, Lk, {}], got {}, {} and {}",
        embed_dim_, key_dim_, value_dim_, to_string(query.shape()), to_string(key.shape()), to_string(value.shape())));
  const bool one_memory =
      identity_of(query) == identity_of(key) && identity_of(key) == identity_of(value) && !projects_apart();
  if (!one_memory) return {split_heads(projected(query, 0, 1), 1).front(), project(key, value)};
  const std::vector<Tensor> all = split_heads(projected(query, 0, 3), 3);
  return {all[0], {all[1], all[2]}};
}

AttentionCache MultiHeadAttention::project(const Tensor& key, const Tensor& value) const {
  if (identity_of(key) != identity_of(value) || projects_apart())
    return {split_heads(projected(key, 1, 1), 1).front(), split_heads(projected(value, 2, 1), 1).front()};
  const std::vector<Tensor> both = split_heads(projected(key, 1, 2), 2);
  return {both[0], both[1]};
}

Tensor MultiHeadAttention::turned(const Tensor& x, std::int64_t seen) const {
  if (!rotary_) return x;
  RotaryOptions options = *rotary_;
  if (__builtin_add_overflow(options.first, seen, &options.first))
    throw ValueError(
        fmt::format("[MultiHeadAttention] the position after {} from {} on is no int64", seen, rotary_->first));
  return rotary_embedding(x, options);
}

MultiHeadAttention::Heads MultiHeadAttention::turned(Heads heads, std::int64_t seen) const {
  heads.query = turned(heads.query, seen);
  heads.seen.key = turned(heads.seen.key, seen);
  return heads;
}

Tensor MultiHeadAttention::attend(const Heads& heads, const Mask& mask, const Tensor& bias) const {
  return out_proj(
      merge_heads(scaled_dot_product_attention(heads.query, heads.seen.key, heads.seen.value, mask,
                                               {.dropout_p = is_training() ? dropout_ : 0.0, .bias = bias})));
}

Tensor MultiHeadAttention::operator()(const Tensor& query, const Tensor& key, const Tensor& value, const Mask& mask,
                                      const Tensor& bias) const {
  const Scope scope = entered();
  return attend(turned(project(query, key, value)), mask, bias);
}

AttentionWithWeights MultiHeadAttention::with_weights(const Tensor& query, const Tensor& key, const Tensor& value,
                                                      const Mask& mask, const Tensor& bias) const {
  const Scope scope = entered();
  const Heads heads = turned(project(query, key, value));
  return {attend(heads, mask, bias), attention_weights(heads.query, heads.seen.key, mask, {.bias = bias})};
}

AttentionCache MultiHeadAttention::remember(const Tensor& key, const Tensor& value) const {
  const Scope scope = entered();
  expect_defined("MultiHeadAttention", key, "the key");
  expect_defined("MultiHeadAttention", value, "the value");
  const auto fits = [](const Tensor& x, std::int64_t width) { return x.dim() == 3 && x.size(2) == width; };
  if (!fits(key, key_dim_) || !fits(value, value_dim_) || key.size(0) != value.size(0) || key.size(1) != value.size(1))
    throw ShapeError(fmt::format("[MultiHeadAttention] expected key [N, Lk, {}] and value [N, Lk, {}], got {} and {}",
                                 key_dim_, value_dim_, to_string(key.shape()), to_string(value.shape())));
  AttentionCache seen = project(key, value);
  seen.key = turned(seen.key);
  return seen;
}

void MultiHeadAttention::expect_cache_for(const Tensor& x, const AttentionCache& cache) const {
  const auto fits = [&](const Tensor& seen) {
    return seen.defined() && seen.dim() == 4 &&
           seen.shape() == Shape{x.size(0), num_heads_, cache.length(), embed_dim_ / num_heads_};
  };
  for (const Tensor* seen : {&cache.key, &cache.value})
    if (seen->defined() && seen->dtype() != x.dtype())
      throw DTypeError(fmt::format("[MultiHeadAttention] {} {} with a cache of {}", to_string(x.dtype()),
                                   to_string(x.shape()), to_string(seen->dtype())));
  if (!fits(cache.key) || !fits(cache.value))
    throw ShapeError(fmt::format(
        "[MultiHeadAttention] expected a cache of keys and values [{}, {}, L, {}] for {}, got {}", x.size(0),
        num_heads_, embed_dim_ / num_heads_, to_string(x.shape()), shapes_of(cache.key, cache.value)));
}

Tensor MultiHeadAttention::recall(const Tensor& query, const AttentionCache& cache, const Mask& mask,
                                  const Tensor& bias) const {
  const Scope scope = entered();
  expect_defined("MultiHeadAttention", query, "the query");
  if (query.dim() != 3 || query.size(2) != embed_dim_)
    throw ShapeError(
        fmt::format("[MultiHeadAttention] expected query [N, Lq, {}], got {}", embed_dim_, to_string(query.shape())));
  expect_cache_for(query, cache);
  return attend({turned(split_heads(projected(query, 0, 1), 1).front()), cache}, mask, bias);
}

namespace {

/// Each of the last `count` of `length` positions sees those up to its own, as far as the mask keeps them.
Mask up_to_own(std::int64_t count, std::int64_t length, const Mask& mask) {
  Mask kept;
  if (count == length) {
    kept = Mask::causal();
  } else if (count > 1) {  // one position is the last, and sees all
    const Tensor query = unsqueeze(arange(length - count, length), 1);
    kept = Mask::keep_pairs(arange(length) <= query);
  }
  if (mask.positions().defined()) kept = kept & Mask::keep_positions(mask.positions());
  if (const Tensor& pairs = mask.pairs(); pairs.defined()) {
    const auto fits = [&](int d, std::int64_t size) { return pairs.size(d) == size || pairs.size(d) == 1; };
    if (pairs.dim() < 2 || !fits(-2, count) || !fits(-1, length))
      throw ShapeError(
          fmt::format("[MultiHeadAttention] expected pairs [.., {}, {}] for {} new of {} positions, got {}", count,
                      length, count, length, to_string(pairs.shape())));
    kept = kept & Mask::keep_pairs(pairs);
  }
  return kept;
}

}  // namespace

Tensor MultiHeadAttention::extend(const Tensor& x, AttentionCache& cache, const Mask& mask, const Tensor& bias) const {
  const Scope scope = entered();
  Heads heads = project(x, x, x);
  const bool is_first = !cache.key.defined() && !cache.value.defined();
  if (!is_first) expect_cache_for(x, cache);
  if (rotary_ && cache.seen() - cache.length() != cache.first)
    throw ValueError(
        fmt::format("[MultiHeadAttention] a cache of {} from {} on has seen {}, so that it is open where the next ones "
                    "stand: {}",
                    counted_positions(cache.length()), cache.first, cache.seen(),
                    cache.length() == 0 ? "begin anew with a new AttentionCache"
                                        : "cut it with keep_last(), or make it as AttentionCache(key, value, first)"));
  heads = turned(std::move(heads), cache.seen());
  heads.seen = is_first ? AttentionCache(heads.seen.key, heads.seen.value, cache.first)
                        : AttentionCache(cat({cache.key, heads.seen.key}, 2), cat({cache.value, heads.seen.value}, 2),
                                         cache.first);
  Tensor y = attend(heads, up_to_own(x.size(1), heads.seen.length(), mask), bias);
  cache = std::move(heads.seen);
  return y;
}

namespace {

struct MultiHeadAttentionEntry {
  static constexpr std::string_view math =
      R"(y = [o_1, \ldots, o_H] W_o^\top + b_o,\ o_h = \mathrm{softmax}\!\left(\frac{Q_h K_h^\top}{\sqrt{E / H}} + B_h\right) V_h,\ Q_h, K_h, V_h \text{ what head } h \text{ of } H \text{ has of the projected queries, keys and values, } E \text{ the width of all heads, } B \text{ the bias, if there is one; rotary attention turns } Q_h \text{ and } K_h \text{ by their positions})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    const auto sequences = [&g](std::int64_t length) { return uniform(g, {2, length, 4}, -2, 2); };
    const auto layer = [](double dropout, bool bias) {
      return MultiHeadAttention({.embed_dim = 4, .num_heads = 2, .dropout = dropout, .bias = bias, .dtype = float64});
    };
    const auto to_itself = [](const Mask& mask) {
      return [mask](MultiHeadAttention& self, const Tensor& x) { return self(x, x, x, mask); };
    };
    const Mask padded = Mask::from_lengths({3, 2}, 3);
    return {
        layer_sample("to itself", layer(0.0, true), {sequences(3)}, to_itself({})),
        layer_sample("without bias, causal and padded", layer(0.0, false), {sequences(3)},
                     to_itself(padded & Mask::causal())),
        layer_sample(
            "to a memory", layer(0.0, true), {sequences(2), sequences(3)},
            [](MultiHeadAttention& self, const Tensor& x, const Tensor& memory) { return self(x, memory, memory); }),
        layer_sample("query, key and value, padded", layer(0.0, true), {sequences(2), sequences(3), sequences(3)},
                     [padded](MultiHeadAttention& self, const Tensor& q, const Tensor& k, const Tensor& v) {
                       return self(q, k, v, padded);
                     }),
        layer_sample("with weights", layer(0.0, true), {sequences(3)},
                     [padded](MultiHeadAttention& self, const Tensor& x) {
                       const AttentionWithWeights result = self.with_weights(x, x, x, padded);
                       return std::vector<Tensor>{result.y, result.weights};
                     }),
        layer_sample("bias, causal and padded", layer(0.0, true), {sequences(3), uniform(g, {2, 3, 3}, -2, 2)},
                     [padded](MultiHeadAttention& self, const Tensor& x, const Tensor& bias) {
                       const AttentionWithWeights result = self.with_weights(x, x, x, padded & Mask::causal(), bias);
                       return std::vector<Tensor>{result.y, result.weights};
                     }),
        layer_sample("dropout", layer(0.3, true), {sequences(3)}, to_itself({})),
        layer_sample(
            "rotary",
            MultiHeadAttention(
                {.embed_dim = 4, .num_heads = 2, .rotary = RotaryOptions{.base = 10.0, .first = 1}, .dtype = float64}),
            {sequences(3)}, to_itself(padded))};
  }
  static catalogue::ErrorSamples errors() {
    return {{"heads", [] { MultiHeadAttention({.embed_dim = 6, .num_heads = 4}); },
             "[MultiHeadAttention] embed_dim 6 must be a positive multiple of num_heads 4"},
            {"width", [] { MultiHeadAttention({.embed_dim = -4}); },
             "[MultiHeadAttention] embed_dim -4 must be a positive multiple of num_heads 1"},
            {"dropout", [] { MultiHeadAttention({.embed_dim = 6, .dropout = 1.0}); },
             "[MultiHeadAttention] expected dropout in [0, 1), got 1"},
            {"rotary", [] { MultiHeadAttention({.embed_dim = 6, .num_heads = 2, .rotary = RotaryOptions{}}); },
             "[MultiHeadAttention] rotary embedding pairs the features of a head, of which embed_dim 6 and num_heads 2 "
             "make 3"},
            {"lengths",
             [] {
               (void)MultiHeadAttention({.embed_dim = 6})(ones({2, 3, 6}), ones({2, 4, 6}), ones({2, 5, 6}));
             },
             "[MultiHeadAttention] expected query [N, Lq, 6], key [N, Lk, 6] and value [N, Lk, 6], got [2, 3, 6], [2, "
             "4, 6] and "
             "[2, 5, 6]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("64 x 12 positions, width 64, 4 heads",
                                   MultiHeadAttention({.embed_dim = 64, .num_heads = 4, .dtype = float64}),
                                   {catalogue::uniform(g, {64, 12, 64}, -2, 2)},
                                   [](MultiHeadAttention& self, const Tensor& x) { return self(x, x, x); });
  }
};

}  // namespace

TAPEGRAD_LAYER(attention, MultiHeadAttention, MultiHeadAttentionEntry)

}  // namespace tapegrad::nn
