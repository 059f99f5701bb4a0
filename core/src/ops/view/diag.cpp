#include <fmt/format.h>

#include <algorithm>

#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// Both ways, each the other's adjoint: the diagonals of [.., m, n], or [.., m, n] with a diagonal and 0 elsewhere.
struct Diag : Op<Diag> {
  static constexpr std::string_view name = "diag";
  static constexpr std::string_view math =
      R"(y_{\cdot i} = x_{\cdot\, i + a,\, i + b},\ a = \max(-k, 0),\ b = \max(k, 0);\quad \bar x_{\cdot\, i + a,\, i + b} = \bar y_{\cdot i},\ \text{else } 0 \quad \text{(and the other way round)})";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  bool embed;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t offset;

  Diag(bool to_matrix, std::int64_t m, std::int64_t n, std::int64_t k)
      : embed(to_matrix), rows(m), columns(n), offset(k) {}

  Tensor forward(const Tensor& x) const {
    if (!embed) return wrap(diagonal_of(array_of(x)));
    Shape shape = x.shape();
    shape[shape.rank() - 1] = rows;
    shape.push_back(columns);
    Tensor y = zeros(shape, {.dtype = x.dtype()});
    array::assign(diagonal_of(array_of(y)), array_of(x));
    return y;
  }
  Tensor vjp(const Saved&, const Tensor& dy) const { return apply(Diag(!embed, rows, columns, offset), dy); }
  void describe(AttributeVisitor& visitor) const {
    visitor("embed", embed);
    visitor("offset", offset);
  }

  static catalogue::Derivation derivation() {
    return {
        {"Taken", R"(y_{\cdot i} = x_{\cdot\, i + a,\, i + b},\ a = \max(-k, 0),\ b = \max(k, 0))",
         "offset k; no element moves, one stride is the sum of two"},
        {"Embedded", R"(y_{\cdot\, i + a,\, i + b} = x_{\cdot i},\ \text{else } 0)", "0 off the diagonal"},
        {"Cotangents",
         R"(\langle \bar Y, \mathrm{embed}(x) \rangle = \sum_i \bar Y_{i + a,\, i + b}\, x_i = \langle \mathrm{take}(\bar Y), x \rangle)",
         "each is the other's transpose"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::of;
    using catalogue::uniform;
    const auto with = [](std::int64_t k) { return of([k](const Tensor& x) { return diag(x, k); }); };
    return {
        {"of a matrix", {uniform(g, {3, 3}, -2, 2)}, with(0)},
        {"above, of a wide matrix", {uniform(g, {2, 4}, -2, 2)}, with(1)},
        {"below, of a tall matrix", {uniform(g, {4, 2}, -2, 2)}, with(-1)},
        {"outside the matrix", {uniform(g, {2, 3}, -2, 2)}, with(3)},
        {"of a vector", {uniform(g, {3}, -2, 2)}, with(0)},
        {"of a vector, above", {uniform(g, {2}, -2, 2)}, with(2)},
        {"of a vector, below", {uniform(g, {2}, -2, 2)}, with(-1)},
        {"of a batch", {uniform(g, {2, 3, 2}, -2, 2)}, of([](const Tensor& x) { return diagonal(x, -1); })},
        {"of a batch of vectors", {uniform(g, {2, 3}, -2, 2)}, of([](const Tensor& x) { return diag_embed(x, 1); })},
        {"of no elements", {uniform(g, {0}, -2, 2)}, with(1)},
        {"of no rows", {uniform(g, {0, 3}, -2, 2)}, with(0)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"rank",
             [] {
               (void)diag(zeros({2, 3, 3}));
             },
             "[diag] expected a vector or a matrix, got [2, 3, 3]: diagonal and diag_embed take batches"},
            {"scalar", [] { (void)diag(zeros({})); }, "[diag] expected a vector or a matrix, got []"},
            {"diagonal of a vector", [] { (void)diagonal(zeros({3})); },
             "[diagonal] expected matrices [.., m, n], got [3]"},
            {"embedded scalar", [] { (void)diag_embed(zeros({})); }, "[diag_embed] expected vectors [.., k], got []"},
            {"no room",
             [] {
               (void)diag_embed(zeros({1, 1, 1, 1, 1, 1, 1, 2}));
             },
             "[diag_embed] [1, 1, 1, 1, 1, 1, 1, 2] has no room for another dimension"},
            {"too far", [] { (void)diag(zeros({2}), INT64_MIN); }, "[diag] offset -9223372036854775808 is too large"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512] to [512, 512]", {catalogue::uniform(g, {512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return diag(x);
            })};
  }

 private:
  /// The diagonal of [.., m, n] as a view.
  array::Array diagonal_of(const array::Array& a) const {
    const int last = a.shape.rank() - 1;
    const std::int64_t down = offset < 0 ? -offset : 0;
    const std::int64_t right = offset > 0 ? offset : 0;
    const std::int64_t length = std::max<std::int64_t>(0, std::min(rows - down, columns - right));
    Shape shape = a.shape;
    Shape strides = a.strides;
    shape.erase(last);
    strides.erase(last);
    shape[last - 1] = length;
    strides[last - 1] = a.strides[last - 1] + a.strides[last];
    const std::int64_t start = length == 0 ? 0 : down * a.strides[last - 1] + right * a.strides[last];
    return a.view(shape, strides, start);
  }
};

namespace {

/// Offsets whose magnitude added to a size would overflow.
void expect_offset(std::string_view op, std::int64_t offset) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  if (offset > kMost || offset < -kMost) throw ValueError(fmt::format("[{}] offset {} is too large", op, offset));
}

Tensor embedded(std::string_view op, const Tensor& x, std::int64_t offset) {
  expect_offset(op, offset);
  expect_room(op, x.shape());
  const std::int64_t n = x.size(-1) + (offset < 0 ? -offset : offset);
  return apply(Diag(true, n, n, offset), x);
}

Tensor taken(const Tensor& x, std::int64_t offset) {
  const std::int64_t rows = x.size(-2), columns = x.size(-1);
  return apply(Diag(false, rows, columns, std::clamp(offset, -rows, columns)), x);  // outside it has no elements
}

}  // namespace

Tensor diag(const Tensor& x, std::int64_t offset) {
  expect_defined(Diag::name, x);
  if (x.dim() == 1) return embedded(Diag::name, x, offset);
  if (x.dim() == 2) return taken(x, offset);
  throw ShapeError(fmt::format("[diag] expected a vector or a matrix, got {}: diagonal and diag_embed take batches",
                               to_string(x.shape())));
}

Tensor diagonal(const Tensor& x, std::int64_t offset) {
  if (rank_of("diagonal", x) < 2)
    throw ShapeError(fmt::format("[diagonal] expected matrices [.., m, n], got {}", to_string(x.shape())));
  return taken(x, offset);
}

Tensor diag_embed(const Tensor& x, std::int64_t offset) {
  if (rank_of("diag_embed", x) < 1)
    throw ShapeError(fmt::format("[diag_embed] expected vectors [.., k], got {}", to_string(x.shape())));
  return embedded("diag_embed", x, offset);
}

TAPEGRAD_CATALOGUE(view, diag, Diag)

}  // namespace tapegrad
