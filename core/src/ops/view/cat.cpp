#include <fmt/format.h>

#include "ops/view/sections.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

struct Cat : Op<Cat> {
  static constexpr std::string_view name = "cat";
  static constexpr std::string_view math =
      R"(y = [x^{(1)}, \ldots, x^{(n)}];\quad \bar x^{(i)} = \bar y_{\cdot\, a_i : a_{i+1}\, \cdot})";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  Sections sections;

  explicit Cat(Sections parts) : sections(std::move(parts)) {}

  Tensor forward(Inputs parts) const {
    Shape shape = parts[0].shape();
    shape[sections.axis] = sections.whole();
    Tensor y = empty(shape, {.dtype = parts[0].dtype()});
    for (std::size_t i = 0; i < sections.count(); ++i)
      write_range(array_of(y), sections.range(i), parts[static_cast<int>(i)]);
    return y;
  }
  std::vector<Tensor> vjp(const Saved& s, Cotangents dys) const {
    std::vector<Tensor> dx(sections.count());
    for (std::size_t i = 0; i < dx.size(); ++i) {
      const AxisRange range = sections.range(i);
      if (s.wants(static_cast<int>(i))) dx[i] = slice(dys[0], range.axis, {range.start, range.start + range.count});
    }
    return dx;
  }
  void describe(AttributeVisitor& visitor) const { visitor("axis", sections.axis); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{\cdot\, a_i + k\, \cdot} = x^{(i)}_{\cdot k \cdot},\quad a_{i+1} = a_i + n_i)",
             "$n_i$ is the size of the i-th part along the axis"},
            {"Cotangents", R"(\bar x^{(i)}_{\cdot k \cdot} = \bar y_{\cdot\, a_i + k\, \cdot})",
             "each element stands in one place of y: views of its cotangent, no copies"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto along = [](int d) -> catalogue::Call {
      return [d](const catalogue::Arguments& x) -> std::vector<Tensor> { return {cat(x, d)}; };
    };
    return {{"rows", {uniform(g, {2, 3}, -2, 2), uniform(g, {1, 3}, -2, 2)}, along(0)},
            {"columns", {uniform(g, {2, 1}, -2, 2), uniform(g, {2, 3}, -2, 2), uniform(g, {2, 2}, -2, 2)}, along(1)},
            {"negative axis", {uniform(g, {2, 2, 1}, -2, 2), uniform(g, {2, 2, 2}, -2, 2)}, along(-1)},
            {"one tensor", {uniform(g, {2, 2}, -2, 2)}, along(0)},
            {"the same tensor twice", {uniform(g, {2, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return cat({x, x}, 1);
             })},
            {"an empty part", {uniform(g, {0, 2}, -2, 2), uniform(g, {2, 2}, -2, 2)}, along(0)},
            {"no elements", {uniform(g, {2, 0}, -2, 2), uniform(g, {3, 0}, -2, 2)}, along(0)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"nothing", [] { (void)cat({}); }, "[cat] expected at least one tensor"},
            {"sizes",
             [] {
               (void)cat({zeros({2, 3}), zeros({2, 4})}, 0);
             },
             "[cat] [2, 3] and [2, 4] differ outside axis 0"},
            {"ranks",
             [] {
               (void)cat({zeros({2, 3}), zeros({3})}, 0);
             },
             "[cat] [2, 3] and [3] differ outside axis 0"},
            {"dtypes",
             [] {
               (void)cat({zeros({2}), zeros({2}, {.dtype = float64})});
             },
             "[cat] float32 [2] with float64 [2]"},
            {"axis", [] { (void)cat({zeros({2})}, 1); }, "[cat] axis 1 is out of range for rank 1"},
            {"scalars",
             [] {
               (void)cat({zeros({}), zeros({})});
             },
             "[cat] axis 0 is out of range for rank 0"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"4 x [512, 128] along 1",
            {catalogue::uniform(g, {512, 128}, -2, 2), catalogue::uniform(g, {512, 128}, -2, 2),
             catalogue::uniform(g, {512, 128}, -2, 2), catalogue::uniform(g, {512, 128}, -2, 2)},
            [](const catalogue::Arguments& x) -> std::vector<Tensor> { return {cat(x, 1)}; }};
  }
};

Tensor cat(const std::vector<Tensor>& tensors, Axis axis) {
  expect_all_defined(Cat::name, tensors);
  if (tensors.empty()) throw ValueError("[cat] expected at least one tensor");
  const Tensor& first = tensors.front();
  const int d = axis_of(Cat::name, axis, first);
  Sections sections(d);
  for (const Tensor& t : tensors) {
    expect_same_dtype(Cat::name, first, t);
    bool agree = t.dim() == first.dim();
    for (int k = 0; agree && k < t.dim(); ++k) agree = k == d || t.shape()[k] == first.shape()[k];
    if (!agree)
      throw ShapeError(
          fmt::format("[cat] {} and {} differ outside axis {}", to_string(first.shape()), to_string(t.shape()), d));
    if (std::int64_t whole = 0; __builtin_add_overflow(sections.whole(), t.shape()[d], &whole))
      throw ShapeError(fmt::format("[cat] the sizes along axis {} add up to more than {}", d, INT64_MAX));
    sections.add(t.shape()[d]);
  }
  return tapegrad::apply(Cat(std::move(sections)), tensors);
}

TAPEGRAD_CATALOGUE(view, cat, Cat)

}  // namespace tapegrad
