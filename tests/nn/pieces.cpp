// Sequences that arrive piece by piece: extend() gives what the whole sequence gives, and refuses a cache that does not
// fit.
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fixture.hpp"
#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;
using tg::test::check_close;
using tg::test::says;

namespace {

/// x in pieces of these lengths, one extend() each.
template <class Layer, class Cache>
tg::Tensor in_pieces(Layer& layer, const tg::Tensor& x, const std::vector<std::int64_t>& lengths, Cache cache) {
  std::vector<tg::Tensor> ys;
  std::int64_t first = 0;
  for (const std::int64_t length : lengths) {
    ys.push_back(layer.extend(tg::slice(x, 1, {.start = first, .stop = first + length}), cache));
    first += length;
  }
  return tg::cat(ys, 1);
}

nn::TransformerDecoder rotary_decoder() {
  return nn::TransformerDecoder({.num_layers = 2,
                                 .embed_dim = 4,
                                 .num_heads = 2,
                                 .dropout = 0.0,
                                 .rotary = tg::RotaryOptions{.base = 20.0},
                                 .dtype = tg::float64});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pieces)

BOOST_AUTO_TEST_CASE(a_causal_sequence_may_arrive_in_pieces) {
  const auto expect_same = [](auto layer, auto cache, const auto& whole) {
    for (const std::vector<std::int64_t>& lengths :
         {std::vector<std::int64_t>{5}, {1, 1, 1, 1, 1}, {2, 3}, {3, 0, 1, 1}, {4, 1}}) {
      tg::Tensor x = tg::randn({2, 5, 6}, {.dtype = tg::float64, .requires_grad = true});
      const tg::Tensor cotangent = tg::randn({2, 5, 6}, {.dtype = tg::float64});
      const auto gradients = [&](const auto& run) {
        tg::Tape tape;
        std::vector<tg::Tensor> of{x};
        for (const tg::Tensor& p : layer.parameters()) of.push_back(p);
        const tg::Tensor y = run();
        std::vector<tg::Tensor> all = tape.gradient(y, of, {.cotangent = cotangent});
        all.push_back(y.detach());
        return all;
      };
      const std::vector<tg::Tensor> expected = gradients([&] { return whole(layer, x); });
      const std::vector<tg::Tensor> actual = gradients([&] { return in_pieces(layer, x, lengths, cache); });
      for (std::size_t i = 0; i < expected.size(); ++i) check_close(actual[i], expected[i], 1e-12);
    }
  };
  expect_same(nn::MultiHeadAttention({.embed_dim = 6, .num_heads = 2, .dtype = tg::float64}), nn::AttentionCache{},
              [](auto& self, const tg::Tensor& x) { return self(x, x, x, tg::Mask::causal()); });
  expect_same(nn::MultiHeadAttention({.embed_dim = 6,
                                      .num_heads = 1,
                                      .rotary = tg::RotaryOptions{.base = 20.0, .first = 2},
                                      .dtype = tg::float64}),
              nn::AttentionCache{}, [](auto& self, const tg::Tensor& x) { return self(x, x, x, tg::Mask::causal()); });
  expect_same(nn::TransformerEncoder({.num_layers = 2,
                                      .embed_dim = 6,
                                      .num_heads = 1,
                                      .dropout = 0.0,
                                      .gate = nn::Gate::swiglu,
                                      .rotary = tg::RotaryOptions{.pairs = tg::RotaryPairs::halves},
                                      .dtype = tg::float64}),
              std::vector<nn::AttentionCache>{},
              [](auto& self, const tg::Tensor& x) { return self(x, tg::Mask::causal()); });
  for (const nn::Norm norm : {nn::Norm::layer, nn::Norm::rms})
    expect_same(nn::TransformerEncoder({.num_layers = 2,
                                        .embed_dim = 6,
                                        .num_heads = 3,
                                        .norm = norm,
                                        .norm_first = norm == nn::Norm::rms,
                                        .dropout = 0.0,
                                        .final_norm = true,
                                        .dtype = tg::float64}),
                std::vector<nn::AttentionCache>{},
                [](auto& self, const tg::Tensor& x) { return self(x, tg::Mask::causal()); });
}

BOOST_AUTO_TEST_CASE(pieces_of_a_sequence_have_masks_and_biases_of_all_so_far) {
  nn::TransformerEncoder encoder(
      {.num_layers = 2, .embed_dim = 6, .num_heads = 2, .norm = nn::Norm::batch, .dropout = 0.0, .dtype = tg::float64});
  encoder.eval();
  const tg::Tensor x = tg::randn({2, 5, 6}, {.dtype = tg::float64});
  const tg::Tensor keep = tg::from_vector(std::vector<bool>{true, true, false, true, true,  //
                                                            false, true, true, true, false},
                                          {2, 5});
  const tg::Tensor pairs =
      tg::greater(tg::rand({5, 5}, {.dtype = tg::float64}), tg::full({}, 0.3, {.dtype = tg::float64}));
  const tg::Tensor bias = tg::randn({2, 5, 5}, {.dtype = tg::float64});
  const tg::Tensor whole =
      encoder(x, tg::Mask::causal() & tg::Mask::keep_positions(keep) & tg::Mask::keep_pairs(pairs), bias);
  std::vector<nn::AttentionCache> caches;
  std::vector<tg::Tensor> ys;
  for (const auto& [first, last] : {std::pair{0, 2}, {2, 3}, {3, 5}}) {
    const tg::Slice new_ones{.start = first, .stop = last}, so_far{.stop = last};
    const auto of_pairs = [&](const tg::Tensor& all) { return tg::slice(tg::slice(all, -2, new_ones), -1, so_far); };
    const tg::Mask mask = tg::Mask::keep_positions(tg::slice(keep, 1, so_far)) & tg::Mask::keep_pairs(of_pairs(pairs));
    ys.push_back(encoder.extend(tg::slice(x, 1, new_ones), caches, mask, of_pairs(bias)));
  }
  BOOST_TEST(caches[1].length() == 5);
  check_close(tg::cat(ys, 1), whole, 1e-12);
}

BOOST_AUTO_TEST_CASE(a_decoder_takes_a_bias_of_its_own_sequence) {
  nn::TransformerDecoder decoder(
      {.num_layers = 2, .embed_dim = 6, .num_heads = 2, .dropout = 0.0, .dtype = tg::float64});
  const tg::Tensor x = tg::randn({2, 3, 6}, {.dtype = tg::float64}),
                   memory = tg::randn({2, 4, 6}, {.dtype = tg::float64});
  const tg::Tensor later = tg::triu(tg::full({3, 3}, -INFINITY, {.dtype = tg::float64}), 1);
  check_close(decoder(x, memory, {}, {}, later), decoder(x, memory, tg::Mask::causal()), 0.0);

  const tg::Tensor bias = tg::randn({2, 3, 3}, {.dtype = tg::float64});
  const tg::Tensor whole = decoder(x, memory, tg::Mask::causal(), {}, bias);
  BOOST_TEST(!tg::same_bits(whole, decoder(x, memory, tg::Mask::causal())));
  std::vector<nn::DecoderCache> caches = decoder.remember(memory);
  const auto piece = [&](const tg::Slice& new_ones, const tg::Slice& so_far) {
    return decoder.extend(tg::slice(x, 1, new_ones), caches, {}, {},
                          tg::slice(tg::slice(bias, 1, new_ones), 2, so_far));
  };
  const tg::Tensor first = piece({.stop = 2}, {.stop = 2});
  check_close(tg::cat({first, piece({.start = 2}, {})}, 1), whole, 1e-12);
}

BOOST_AUTO_TEST_CASE(a_rotary_decoder_turns_its_own_sequence_alone) {
  nn::TransformerDecoder decoder = rotary_decoder();
  const tg::Tensor x = tg::randn({2, 5, 4}, {.dtype = tg::float64}),
                   memory = tg::randn({2, 3, 4}, {.dtype = tg::float64});
  const tg::Tensor whole = decoder(x, memory, tg::Mask::causal());
  std::vector<nn::DecoderCache> caches = decoder.remember(memory);
  std::vector<tg::Tensor> ys;
  for (const auto& [first, last] : {std::pair{0, 2}, {2, 3}, {3, 5}})
    ys.push_back(decoder.extend(tg::slice(x, 1, {.start = first, .stop = last}), caches));
  check_close(tg::cat(ys, 1), whole, 1e-12);
  // The order of the memory does not matter to an attention that is not turned, that of the sequence does.
  check_close(decoder(x, tg::flip(memory, {1}), tg::Mask::causal()), whole, 1e-12);
  const tg::Tensor turned = decoder(tg::flip(x, {1}), memory);
  BOOST_TEST(!tg::allclose(tg::flip(turned, {1}), decoder(x, memory)));
}

BOOST_AUTO_TEST_CASE(positions_of_a_piece_count_from_its_first) {
  const tg::Tensor x = tg::randn({2, 5, 4}, {.dtype = tg::float64});
  const auto check_layer = [&](const auto& layer) {
    check_close(tg::cat({layer(tg::slice(x, 1, {.stop = 2})), layer(tg::slice(x, 1, {.start = 2}), 2)}, 1), layer(x),
                0.0);
  };
  check_layer(nn::SinusoidalPosition(4));
  check_layer(nn::LearnedPosition(5, 4, {.dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(a_cache_that_does_not_fit_is_refused_and_left_alone) {
  nn::TransformerEncoder encoder({.num_layers = 2, .embed_dim = 4, .num_heads = 2, .dropout = 0.0});
  std::vector<nn::AttentionCache> caches;
  (void)encoder.extend(tg::ones({2, 3, 4}), caches);
  BOOST_CHECK_EXCEPTION((void)encoder.extend(tg::ones({3, 1, 4}), caches), tg::ShapeError,
                        says("expected a cache of keys and values [3, 2, L, 2] for [3, 1, 4], got [2, 2, 3, 2] and "
                             "[2, 2, 3, 2]"));
  caches[1] = nn::AttentionCache{};
  caches[1].value = tg::ones({2, 2, 3, 2});  // without keys: the first layer has gone on when this is seen
  BOOST_CHECK_EXCEPTION((void)encoder.extend(tg::ones({2, 1, 4}), caches), tg::ShapeError, says("got no keys"));
  BOOST_TEST(caches[0].length() == 3);
  caches.pop_back();
  BOOST_CHECK_EXCEPTION((void)encoder.extend(tg::ones({2, 1, 4}), caches), tg::ValueError,
                        says("[TransformerEncoder] expected a cache for each of 2 layers, got 1"));
  const nn::MultiHeadAttention attention({.embed_dim = 4, .num_heads = 2});
  nn::AttentionCache wide{tg::ones({2, 2, 3, 2}, {.dtype = tg::float64}), tg::ones({2, 2, 3, 2})};
  BOOST_CHECK_EXCEPTION((void)attention.extend(tg::ones({2, 1, 4}), wide), tg::DTypeError,
                        says("[MultiHeadAttention] float32 [2, 1, 4] with a cache of float64"));
  BOOST_CHECK_EXCEPTION((void)encoder.layers[0].extend(tg::Tensor(), caches[0], tg::Mask::from_lengths({2}, 3)),
                        tg::ValueError, says("[TransformerEncoderLayer] an input is undefined"));
  BOOST_CHECK_EXCEPTION(
      (void)attention.recall(tg::ones({2, 1, 4}), {}), tg::ShapeError,
      says("expected a cache of keys and values [2, 2, L, 2] for [2, 1, 4], got no keys and no values"));
  BOOST_CHECK_EXCEPTION((void)attention.recall(tg::ones({2, 4}), {}), tg::ShapeError,
                        says("[MultiHeadAttention] expected query [N, Lq, 4], got [2, 4]"));
  BOOST_CHECK_EXCEPTION(attention.remember(tg::ones({2, 3, 4}), tg::ones({2, 2, 4})), tg::ShapeError,
                        says("expected key [N, Lk, 4] and value [N, Lk, 4], got [2, 3, 4] and [2, 2, 4]"));
}

BOOST_AUTO_TEST_CASE(a_cache_that_is_cut_to_a_window_knows_where_its_positions_stand) {
  constexpr std::int64_t kLength = 9, kWindow = 4;
  const tg::Tensor x = tg::randn({2, kLength, 6}, {.dtype = tg::float64});
  const tg::Tensor query = tg::unsqueeze(tg::arange(kLength), 1), key = tg::arange(kLength);
  const tg::Mask window = tg::Mask::keep_pairs(tg::logical_and(key <= query, key > query - kWindow));
  const auto one_by_one = [&](auto& layer, auto& cache, const auto& cut) {
    std::vector<tg::Tensor> ys;
    for (std::int64_t p = 0; p < kLength; ++p) {
      cut(cache);
      ys.push_back(layer.extend(tg::slice(x, 1, {.start = p, .stop = p + 1}), cache));
    }
    return tg::cat(ys, 1);
  };
  for (const bool turns : {false, true}) {
    const std::optional<tg::RotaryOptions> rotary =
        turns ? std::optional(tg::RotaryOptions{.base = 20.0, .first = 2}) : std::nullopt;
    const nn::MultiHeadAttention attention({.embed_dim = 6, .num_heads = 1, .rotary = rotary, .dtype = tg::float64});
    nn::AttentionCache cache;
    check_close(one_by_one(attention, cache, [](auto& c) { c.keep_last(kWindow - 1); }), attention(x, x, x, window),
                1e-12);
    BOOST_TEST(cache.length() == kWindow);
    BOOST_TEST(cache.first == kLength - kWindow);
    BOOST_TEST(cache.seen() == kLength);
    nn::TransformerEncoder encoder(
        {.num_layers = 2, .embed_dim = 6, .num_heads = 1, .dropout = 0.0, .rotary = rotary, .dtype = tg::float64});
    std::vector<nn::AttentionCache> caches;
    const auto cut_all = [](auto& all) {
      for (nn::AttentionCache& c : all) c.keep_last(kWindow - 1);
    };
    check_close(one_by_one(encoder, caches, cut_all), encoder(x, window), 1e-12);
  }

  // Cut by hand: right where `first` is raised too, refused where rotary attention would turn by the wrong positions.
  const nn::MultiHeadAttention rotary(
      {.embed_dim = 6, .num_heads = 1, .rotary = tg::RotaryOptions{.base = 20.0}, .dtype = tg::float64});
  const tg::Tensor expected = rotary(x, x, x, window);
  const auto cut_by_hand = [](nn::AttentionCache& c) {
    c.key = tg::slice(c.key, 2, {.start = 1});
    c.value = tg::slice(c.value, 2, {.start = 1});
  };
  nn::AttentionCache cache;
  check_close(one_by_one(rotary, cache,
                         [&](nn::AttentionCache& c) {
                           if (c.length() < kWindow) return;
                           cut_by_hand(c);
                           ++c.first;
                         }),
              expected, 1e-12);
  cut_by_hand(cache);
  const std::int64_t before = cache.length();
  BOOST_CHECK_EXCEPTION((void)rotary.extend(tg::slice(x, 1, {.stop = 1}), cache), tg::ValueError,
                        says("[MultiHeadAttention] a cache of 3 positions from 5 on has seen 9, so that it is open "
                             "where the next ones stand: cut it with keep_last()"));
  BOOST_TEST(cache.length() == before);
  cache = nn::AttentionCache(cache.key, cache.value, 6);
  BOOST_TEST(cache.seen() == kLength);
  (void)rotary.extend(tg::slice(x, 1, {.stop = 1}), cache);
  BOOST_TEST(cache.first == 6);
  BOOST_TEST(cache.length() == 4);
  cache.keep_last(9);
  BOOST_TEST(cache.length() == 4);
  cache.keep_last(0);
  BOOST_TEST(cache.seen() == 10);
  BOOST_CHECK_EXCEPTION(cache.keep_last(-1), tg::ValueError,
                        says("[AttentionCache] cannot keep the last -1 positions"));
  BOOST_CHECK_EXCEPTION(nn::AttentionCache({}, {}, -2), tg::ValueError,
                        says("[AttentionCache] 0 positions cannot stand from -2 on"));
  const tg::Tensor one = tg::ones({1, 1, 1, 6});
  BOOST_CHECK_EXCEPTION(nn::AttentionCache(one, one, -3), tg::ValueError,
                        says("[AttentionCache] 1 position cannot stand from -3 on"));
}

BOOST_AUTO_TEST_CASE(a_cache_that_is_emptied) {
  const nn::MultiHeadAttention rotary(
      {.embed_dim = 4, .num_heads = 2, .rotary = tg::RotaryOptions{}, .dtype = tg::float64});
  const tg::Tensor x = tg::randn({1, 3, 4}, {.dtype = tg::float64});
  nn::AttentionCache cache;
  const tg::Tensor y = rotary.extend(x, cache);
  cache.keep_last(2);

  nn::AttentionCache taken = std::move(cache);
  BOOST_TEST(taken.length() == 2);
  BOOST_TEST(taken.first == 1);
  BOOST_TEST(taken.seen() == 3);
  // A cache that was moved from is what a new one is. NOLINTBEGIN(bugprone-use-after-move)
  BOOST_TEST(cache.first == 0);
  BOOST_TEST(cache.seen() == 0);
  check_close(rotary.extend(x, cache), y, 0.0);
  cache = std::move(taken);
  BOOST_TEST(cache.length() == 2);
  BOOST_TEST(cache.seen() == 3);
  check_close(rotary.extend(x, taken), y, 0.0);
  // NOLINTEND(bugprone-use-after-move)

  cache = taken;
  cache.key = tg::Tensor();
  cache.value = tg::Tensor();
  BOOST_CHECK_EXCEPTION(
      (void)rotary.extend(x, cache), tg::ValueError,
      says("[MultiHeadAttention] a cache of 0 positions from 0 on has seen 3, so that it is open where "
           "the next ones stand: begin anew with a new AttentionCache"));
}

BOOST_AUTO_TEST_CASE(keys_without_their_values) {
  const tg::Tensor five = tg::ones({1, 1, 5, 2});
  const auto refused = [](const char* got) {
    return says("[AttentionCache] expected keys and values [N, H, L, E / H] of one L, got " + std::string(got));
  };
  BOOST_CHECK_EXCEPTION(nn::AttentionCache(tg::ones({1, 5}), tg::ones({1, 5})), tg::ShapeError,
                        refused("[1, 5] and [1, 5]"));
  BOOST_CHECK_EXCEPTION(nn::AttentionCache(five, tg::Tensor()), tg::ShapeError, refused("[1, 1, 5, 2] and no values"));
  BOOST_CHECK_EXCEPTION(nn::AttentionCache(tg::Tensor(), five), tg::ShapeError, refused("no keys and [1, 1, 5, 2]"));
  nn::AttentionCache cache(five, five);
  for (const tg::Tensor& value : {tg::Tensor(), tg::ones({1, 1, 4, 2}), tg::ones({5})}) {
    cache.value = value;
    BOOST_CHECK_THROW(cache.keep_last(2), tg::ShapeError);
    BOOST_TEST(cache.length() == 5);
    BOOST_TEST(cache.first == 0);
  }
  cache.value = tg::Tensor();
  BOOST_CHECK_EXCEPTION(cache.keep_last(2), tg::ShapeError, refused("[1, 1, 5, 2] and no values"));
}

BOOST_AUTO_TEST_CASE(a_beam_goes_on_with_rows_of_a_cache) {
  nn::TransformerDecoder decoder = rotary_decoder();
  const tg::Tensor x = tg::randn({3, 4, 4}, {.dtype = tg::float64}),
                   memory = tg::randn({3, 2, 4}, {.dtype = tg::float64});
  const tg::Tensor beams = tg::tensor({2, 0, 2, 1}, {.dtype = tg::int64});
  const auto rows = [&](const tg::Tensor& of) { return tg::index_select(of, 0, beams); };
  std::vector<nn::DecoderCache> caches = decoder.remember(memory);
  const tg::Tensor first = decoder.extend(tg::slice(x, 1, {.stop = 3}), caches);
  for (nn::DecoderCache& cache : caches) {
    cache.sequence.keep_last(2);
    cache = cache.index_select(beams);
  }
  BOOST_TEST(caches[0].sequence.first == 1);
  BOOST_TEST(caches[0].sequence.seen() == 3);
  const tg::Tensor last = decoder.extend(rows(tg::slice(x, 1, {.start = 3})), caches);
  // Each position sees itself and all before it, but for the last, which does not see the first.
  const tg::Tensor query = tg::unsqueeze(tg::arange(4), 1), key = tg::arange(4);
  const tg::Mask seen = tg::Mask::keep_pairs(tg::logical_and(key <= query, key > query - 3));
  const tg::Tensor whole = decoder(rows(x), rows(memory), seen);
  check_close(tg::cat({rows(first), last}, 1), whole, 1e-12);
  BOOST_TEST(!nn::AttentionCache{}.index_select(beams).key.defined());
}

BOOST_AUTO_TEST_CASE(a_block_that_throws_leaves_the_cache) {
  nn::TransformerEncoderLayer layer({.embed_dim = 4, .norm = nn::Norm::batch});
  nn::AttentionCache cache;
  BOOST_CHECK_THROW((void)layer.extend(tg::ones({1, 1, 4}), cache), tg::ShapeError);  // one position has no variance
  BOOST_TEST(!cache.key.defined());
}

BOOST_AUTO_TEST_CASE(pairs_of_another_length) {
  const nn::MultiHeadAttention attention({.embed_dim = 4});
  nn::AttentionCache cache;
  (void)attention.extend(tg::ones({2, 3, 4}), cache);
  BOOST_CHECK_EXCEPTION(
      (void)attention.extend(tg::ones({2, 3, 4}), cache, tg::Mask::keep_pairs(tg::ones({3, 5}) > 0.0)), tg::ShapeError,
      says("[MultiHeadAttention] expected pairs [.., 3, 6] for 3 new of 6 positions, got [3, 5]"));
}

BOOST_AUTO_TEST_SUITE_END()
