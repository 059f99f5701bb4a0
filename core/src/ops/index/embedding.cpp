#include <fmt/format.h>

#include "ops/index/indices.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct Embedding : Op<Embedding> {
  static constexpr std::string_view name = "embedding";
  static constexpr std::string_view math =
      R"(y_{pe} = w_{t_p e};\quad \bar w_{ve} = \sum_{p:\, t_p = v} \bar y_{pe}\ (v \ne \mathrm{padding}))";
  static constexpr Names<2> input_names = {"weight", "tokens"};
  static constexpr Keep keep = Keep::input(1);
  std::int64_t padding;  // or kNoRow

  explicit Embedding(std::int64_t padding_row) : padding(padding_row) {}

  /// weight [V, E], tokens [...]: [..., E].
  Tensor forward(const Tensor& weight, const Tensor& tokens) const {
    const kernels::Slices rows = kernels::slices_along(weight.shape(), 0);
    const array::Array chosen = checked_indices(name, tokens, rows.n);
    const array::Array table = contiguous_array(weight);
    Shape shape = tokens.shape();
    expect_room(name, shape);
    shape.push_back(rows.inner);
    Tensor y = empty(shape, {.dtype = weight.dtype()});
    copy_rows(table.data(), rows, chosen.as<std::int64_t>(), tokens.numel(), array_of(y).data(),
              size_of(weight.dtype()));
    return y;
  }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    const Shape& table = s.input_shape(0);
    Tensor tokens = reshape(s.input(1), {-1});
    Tensor rows = reshape(dy, {tokens.numel(), table[1]});
    if (padding != kNoRow) {
      const Tensor places = trained_places(tokens);
      tokens = index_select(tokens, 0, places);
      rows = index_select(rows, 0, places);
    }
    return {index_add(zeros(table, {.dtype = s.input_dtype(0)}), 0, tokens, rows), Tensor()};
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const Tensor sums = sink.accumulate_into(0);
    array_of(sums).storage->written_by("embedding's gradient");
    add_rows(array_of(sums), kernels::slices_along(sums.shape(), 0), contiguous_array(s.input(1)), contiguous_array(dy),
             padding);
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    if (padding == kNoRow) return embedding(dx[0], s.input(1));
    const Tensor tokens = reshape(s.input(1), {-1});
    const Tensor places = trained_places(tokens);
    const Tensor rows = index_select(dx[0], 0, index_select(tokens, 0, places));
    const Shape& shape = s.output_shape();
    return reshape(index_add(zeros({tokens.numel(), shape.back()}, {.dtype = rows.dtype()}), 0, places, rows), shape);
  }
  void describe(AttributeVisitor& visitor) const {
    if (padding != kNoRow) visitor("padding_idx", padding);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{pe} = w_{t_p e})", "p runs over the places of the token tensor, e over the features"},
            {"Cotangent", R"(\bar w_{ve} = \sum_{p:\, t_p = v} \bar y_{pe})",
             "a row collects a cotangent from each place where its token stands"},
            {"Padding", R"(\bar w_{\mathrm{padding},\, e} = 0)",
             "the padding row counts as constant: its places are left out, in forward mode too"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto tokens = [](const std::vector<std::int64_t>& values, const Shape& shape) {
      return from_vector(values, shape);
    };
    const catalogue::Call plain =
        catalogue::of<2>([](const Tensor& weight, const Tensor& t) { return embedding(weight, t); });
    return {{"batch", {uniform(g, {5, 3}, -2, 2), tokens({0, 4, 2, 1}, {2, 2})}, plain},
            {"repeated token", {uniform(g, {4, 2}, -2, 2), tokens({1, 1, 3, 1, 3, 0}, {2, 3})}, plain},
            {"one token", {uniform(g, {4, 2}, -2, 2), tokens({2}, {})}, plain},
            {"no tokens", {uniform(g, {4, 2}, -2, 2), tokens({}, {0, 3})}, plain},
            {"no features", {uniform(g, {4, 0}, -2, 2), tokens({1, 2}, {2})}, plain},
            // The function that padding stands for: a table whose padding row is constant.
            {"padding row",
             {uniform(g, {3, 2}, -2, 2), tokens({0, 2, 0, 3, 1, 3}, {2, 3})},
             catalogue::of<2>([](const Tensor& trained, const Tensor& t) {
               return embedding(slice_embed(trained, {4, 2}, 0, {.start = 1}), t, 0);
             })},
            {"negative padding row",
             {uniform(g, {3, 2}, -2, 2), tokens({0, 2, 3, 3}, {4})},
             catalogue::of<2>([](const Tensor& trained, const Tensor& t) {
               return embedding(slice_embed(trained, {4, 2}, 0, {.stop = 3}), t, -1);
             })}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"out of range",
             [] {
               (void)embedding(zeros({3, 2}), from_vector(std::vector<std::int64_t>{0, 1, 3, 2}, {2, 2}));
             },
             "[embedding] index 3 at [1, 0] is out of range for size 3"},
            {"no room",
             [] {
               (void)embedding(zeros({3, 2}), zeros({1, 1, 1, 1, 1, 1, 1, 2}, {.dtype = int64}));
             },
             "[embedding] [1, 1, 1, 1, 1, 1, 1, 2] has no room for another dimension"},
            {"table", [] { (void)embedding(zeros({3}), zeros({2}, {.dtype = int64})); },
             "[embedding] expected a weight [V, E], got [3]"},
            {"dtype",
             [] {
               (void)embedding(zeros({3, 2}), zeros({2}));
             },
             "[embedding] expected int64 indices, got float32 [2]: say {.dtype = int64}, or to(int64)"},
            {"tokens first",
             [] {
               (void)embedding(zeros({2}, {.dtype = int64}), zeros({3, 2}));
             },
             "[embedding] got int64 [2] and float32 [3, 2]: the weight stands first, embedding(weight, tokens)"},
            {"padding",
             [] {
               (void)embedding(zeros({3, 2}), zeros({2}, {.dtype = int64}), 3);
             },
             "[embedding] padding_idx 3 is out of range for a weight [3, 2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[16, 64] of [1000, 128]",
            {catalogue::uniform(g, {1000, 128}, -2, 2), randint(0, 1000, {16, 64}, g)},
            catalogue::of<2>([](const Tensor& weight, const Tensor& t) { return embedding(weight, t); })};
  }

 private:
  /// The places in `tokens` [T] that do not hold the padding token.
  Tensor trained_places(const Tensor& tokens) const {
    const array::Array a = contiguous_array(tokens);
    std::vector<std::int64_t> places;
    for (std::int64_t p = 0; p < a.shape.numel(); ++p)
      if (a.as<std::int64_t>()[p] != padding) places.push_back(p);
    return from_vector(places);
  }
};

Tensor embedding(const Tensor& weight, const Tensor& tokens, std::optional<std::int64_t> padding_idx) {
  expect_defined(Embedding::name, weight, "input 0 (weight)");
  if (weight.dtype() == int64 && tokens.defined() && is_floating(tokens.dtype()))
    throw DTypeError(
        fmt::format("[embedding] got int64 {} and {} {}: the weight stands first, embedding(weight, tokens)",
                    to_string(weight.shape()), to_string(tokens.dtype()), to_string(tokens.shape())));
  if (weight.dim() != 2)
    throw ShapeError(fmt::format("[embedding] expected a weight [V, E], got {}", to_string(weight.shape())));
  std::int64_t padding = kNoRow;
  if (padding_idx.has_value()) {
    const std::int64_t size = weight.shape()[0];
    if (*padding_idx < -size || *padding_idx >= size)
      throw IndexError(fmt::format("[embedding] padding_idx {} is out of range for a weight {}", *padding_idx,
                                   to_string(weight.shape())));
    padding = *padding_idx < 0 ? *padding_idx + size : *padding_idx;
  }
  return apply(Embedding(padding), weight, tokens);
}

TAPEGRAD_CATALOGUE(index, embedding, Embedding)

}  // namespace tapegrad
