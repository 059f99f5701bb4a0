#include <fmt/format.h>

#include <algorithm>

#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct PadSequence : Op<PadSequence> {
  static constexpr std::string_view name = "pad_sequence";
  static constexpr std::string_view math =
      R"(y_{n t \cdot} = x^{(n)}_{t \cdot},\ \text{behind its end } c;\quad \bar x^{(n)}_{t \cdot} = \bar y_{n t \cdot})";
  static constexpr Keep keep = Keep::nothing;
  std::int64_t length;  // the greatest
  double value;         // c

  PadSequence(std::int64_t longest, double with) : length(longest), value(with) {}

  Tensor forward(Inputs sequences) const {
    Shape shape = sequences[0].shape();
    shape[0] = length;
    shape.insert(0, sequences.size());
    Tensor y = full(shape, value, {.dtype = sequences[0].dtype()});
    const array::Array& whole = array_of(y);
    Shape strides = whole.strides;
    strides.erase(0);
    for (int n = 0; n < sequences.size(); ++n)
      array::assign(whole.view(sequences[n].shape(), strides, n * whole.strides[0]), array_of(sequences[n]));
    return y;
  }
  std::vector<Tensor> vjp(const Saved& s, Cotangents dys) const {
    std::vector<Tensor> dx(static_cast<std::size_t>(s.inputs()));
    for (int n = 0; n < s.inputs(); ++n)
      if (s.wants(n)) dx[static_cast<std::size_t>(n)] = slice(dys[0][n], 0, {.stop = s.input_shape(n)[0]});
    return dx;
  }
  /// Affine: the value drops out.
  Tensor jvp(const Saved& s, Tangents dx) const {
    std::vector<Tensor> changes(dx.begin(), dx.end());
    for (std::size_t n = 0; n < changes.size(); ++n) {
      const Tensor& x = s.input(static_cast<int>(n));
      if (!changes[n].defined()) changes[n] = zeros(x.shape(), {.dtype = x.dtype()});
    }
    return tapegrad::apply(PadSequence(length, 0.0), changes);
  }
  void describe(AttributeVisitor& visitor) const { visitor("value", value); }

  static catalogue::Derivation derivation() {
    return {{"Definition",
             R"(y_{n t \cdot} = x^{(n)}_{t \cdot} \text{ for } t < l_n,\quad y_{n t \cdot} = c \text{ behind})",
             "sequence n has $l_n$ positions, y as many for each as the longest has"},
            {"Cotangents", R"(\bar x^{(n)}_{t \cdot} = \bar y_{n t \cdot},\quad t < l_n)",
             "each element stands in one place of y, and padding is constant: views of y's cotangent, no copies"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with = [](double padding) -> catalogue::Call {
      return [=](const catalogue::Arguments& x) { return std::vector<Tensor>{pad_sequence(x, padding).padded}; };
    };
    return {{"features", {uniform(g, {2, 2}, -2, 2), uniform(g, {3, 2}, -2, 2), uniform(g, {1, 2}, -2, 2)}, with(0)},
            {"with a value", {uniform(g, {1}, -2, 2), uniform(g, {3}, -2, 2)}, with(1.5)},
            {"one sequence", {uniform(g, {2, 2}, -2, 2)}, with(0)},
            {"the same sequence twice", {uniform(g, {2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return pad_sequence({x, x}).padded;
             })},
            {"a sequence without positions", {uniform(g, {0, 2}, -2, 2), uniform(g, {2, 2}, -2, 2)}, with(-1)},
            {"no positions", {uniform(g, {0, 2}, -2, 2), uniform(g, {0, 2}, -2, 2)}, with(0)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"nothing", [] { (void)pad_sequence({}); }, "[pad_sequence] expected at least one sequence"},
            {"scalars",
             [] {
               (void)pad_sequence({zeros({2}), zeros({})});
             },
             "[pad_sequence] expected sequences [l, ..], got []"},
            {"features",
             [] {
               (void)pad_sequence({zeros({2, 3}), zeros({3, 4})});
             },
             "[pad_sequence] [2, 3] and [3, 4] differ outside axis 0"},
            {"ranks",
             [] {
               (void)pad_sequence({zeros({2, 3}), zeros({3})});
             },
             "[pad_sequence] [2, 3] and [3] differ outside axis 0"},
            {"dtypes",
             [] {
               (void)pad_sequence({zeros({2}), zeros({2}, {.dtype = float64})});
             },
             "[pad_sequence] float32 [2] with float64 [2]"},
            {"a number that the dtype has not",
             [] {
               (void)pad_sequence({arange(3), arange(2)}, 1.5);
             },
             "[pad_sequence] int64 has no 1.5"},
            {"room",
             [] {
               (void)pad_sequence({zeros({1, 1, 1, 1, 1, 1, 1, 1})});
             },
             "[pad_sequence] [1, 1, 1, 1, 1, 1, 1, 1] has no room for another dimension"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"4 sequences of 512 to 128 x 128",
            {catalogue::uniform(g, {512, 128}, -2, 2), catalogue::uniform(g, {384, 128}, -2, 2),
             catalogue::uniform(g, {256, 128}, -2, 2), catalogue::uniform(g, {128, 128}, -2, 2)},
            [](const catalogue::Arguments& x) -> std::vector<Tensor> { return {pad_sequence(x).padded}; }};
  }
};

PaddedSequences pad_sequence(const std::vector<Tensor>& sequences, double value) {
  expect_all_defined(PadSequence::name, sequences);
  if (sequences.empty()) throw ValueError("[pad_sequence] expected at least one sequence");
  const Tensor& first = sequences.front();
  std::vector<std::int64_t> lengths;
  lengths.reserve(sequences.size());
  for (const Tensor& x : sequences) {
    expect_same_dtype(PadSequence::name, first, x);
    if (x.dim() == 0)
      throw ShapeError(fmt::format("[pad_sequence] expected sequences [l, ..], got {}", to_string(x.shape())));
    Shape shape = x.shape();
    shape[0] = first.size(0);
    if (shape != first.shape())
      throw ShapeError(fmt::format("[pad_sequence] {} and {} differ outside axis 0", to_string(first.shape()),
                                   to_string(x.shape())));
    lengths.push_back(x.size(0));
  }
  expect_room(PadSequence::name, first.shape());
  engine::expect_number_of(PadSequence::name, first.dtype(), value);
  const std::int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  return {tapegrad::apply(PadSequence(longest, value), sequences), lengths};
}

TAPEGRAD_CATALOGUE(view, pad_sequence, PadSequence)

}  // namespace tapegrad
