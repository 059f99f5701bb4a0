#include <fmt/format.h>

#include <algorithm>

#include "ops/view/sections.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct Split : Op<Split> {
  static constexpr std::string_view name = "split";
  static constexpr std::string_view math =
      R"(y^{(j)}_{\cdot k \cdot} = x_{\cdot\, a_j + k\, \cdot};\quad \bar x = [\bar y^{(1)}, \ldots, \bar y^{(m)}])";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  Sections sections;

  explicit Split(Sections parts) : sections(std::move(parts)) {}

  std::size_t outputs() const { return sections.count(); }

  std::vector<Tensor> forward(const Tensor& x) const {
    std::vector<Tensor> parts;
    parts.reserve(sections.count());
    for (std::size_t j = 0; j < sections.count(); ++j) parts.push_back(wrap(view_of(array_of(x), sections.range(j))));
    return parts;
  }
  Tensor vjp(const Saved& s, Cotangents dys) const {
    std::vector<Tensor> whole(dys.begin(), dys.end());
    for (std::size_t j = 0; j < whole.size(); ++j)
      if (!whole[j].defined()) whole[j] = zeros(s.output_shape(static_cast<int>(j)), {.dtype = s.input_dtype(0)});
    return cat(whole, sections.axis);
  }
  void fused_vjp(const Saved& s, Cotangents dys, GradientSink& sink) const {
    if (std::all_of(dys.begin(), dys.end(), [](const Tensor& dy) { return dy.defined(); })) {
      sink.add(0, vjp(s, dys));
      return;
    }
    const Tensor buffer = sink.accumulate_into(0);
    for (std::size_t j = 0; j < dys.size(); ++j)
      if (dys[j].defined()) add_to_range(buffer, sections.range(j), dys[j]);
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("axis", sections.axis);
    visitor("parts", static_cast<std::int64_t>(sections.count()));
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y^{(j)}_{\cdot k \cdot} = x_{\cdot\, a_j + k\, \cdot},\quad a_{j+1} = a_j + n_j)",
             "$n_j$ is the size of the j-th part along the axis"},
            {"Cotangent", R"(\bar x = [\bar y^{(1)}, \ldots, \bar y^{(m)}])",
             "each element of x stands in one place of one part: the parts' cotangents joined. The adjoint of cat"},
            {"Parts that nobody read", R"(\bar y^{(j)} = 0)",
             "then the others are added to their places of x's gradient: work for what they hold, not for the whole"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto into = [](std::vector<std::int64_t> sizes, int d) {
      return catalogue::of([sizes = std::move(sizes), d](const Tensor& x) { return split(x, sizes, d); });
    };
    return {{"rows", {uniform(g, {5, 2}, -2, 2)}, into({1, 4}, 0)},
            {"columns", {uniform(g, {2, 5}, -2, 2)}, into({2, 2, 1}, -1)},
            {"inner dimension", {uniform(g, {2, 4, 3}, -2, 2)}, into({3, 1}, 1)},
            {"equal sizes and a rest", {uniform(g, {5, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return split(x, 2);
             })},
            {"chunk", {uniform(g, {2, 6}, -2, 2)}, catalogue::of([](const Tensor& x) { return chunk(x, 3, 1); })},
            {"a part that nobody reads", {uniform(g, {6, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               const std::vector<Tensor> parts = split(x, std::vector<std::int64_t>{2, 2, 2}, 0);
               return mul(parts[0], parts[2]);
             })},
            {"one part", {uniform(g, {3, 2}, -2, 2)}, into({3}, 0)},
            {"an empty part", {uniform(g, {3, 2}, -2, 2)}, into({0, 3}, 0)},
            {"no elements", {uniform(g, {0, 2}, -2, 2)}, into({0, 0}, 0)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"sizes",
             [] {
               (void)split(zeros({5, 2}), std::vector<std::int64_t>{2, 2});
             },
             "[split] sizes that add up to 4 do not cut axis 0 of [5, 2]"},
            {"negative size",
             [] {
               (void)split(zeros({5, 2}), std::vector<std::int64_t>{6, -1});
             },
             "[split] expected sizes of at least 0, got -1"},
            {"size 0",
             [] {
               (void)split(zeros({5, 2}), 0);
             },
             "[split] expected a size of at least 1, got 0"},
            {"axis", [] { (void)split(zeros({5}), 2, 1); }, "[split] axis 1 is out of range for rank 1"},
            {"no chunks",
             [] {
               (void)chunk(zeros({5, 2}), 0);
             },
             "[chunk] expected at least 1 chunk, got 0"},
            {"axis of chunk", [] { (void)chunk(zeros({5}), 2, 1); }, "[chunk] axis 1 is out of range for rank 1"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 768] in 3 along 1", {catalogue::uniform(g, {512, 768}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return chunk(x, 3, 1);
            })};
  }
};

namespace {

std::vector<Tensor> split_into(const Tensor& x, Sections sections) {
  if (sections.count() == 0) return {};
  return apply(Split(std::move(sections)), x);
}

std::vector<Tensor> split_evenly(const Tensor& x, std::int64_t size, int axis) {
  const std::int64_t whole = x.shape()[axis];
  Sections sections(axis);
  do sections.add(std::min(size, whole - sections.whole()));
  while (sections.whole() < whole);
  return split_into(x, std::move(sections));
}

}  // namespace

std::vector<Tensor> split(const Tensor& x, const std::vector<std::int64_t>& sizes, Axis axis) {
  Sections sections(axis_of(Split::name, axis, x));
  const std::int64_t whole = x.shape()[sections.axis];
  std::int64_t total = 0;
  for (const std::int64_t size : sizes) {
    if (size < 0) throw ValueError(fmt::format("[split] expected sizes of at least 0, got {}", size));
    if (__builtin_add_overflow(total, size, &total))
      throw ShapeError(fmt::format("[split] sizes beyond any axis for {}", to_string(x.shape())));
    sections.add(size);
  }
  if (total != whole)
    throw ShapeError(fmt::format("[split] sizes that add up to {} do not cut axis {} of {}", total, sections.axis,
                                 to_string(x.shape())));
  return split_into(x, std::move(sections));
}

std::vector<Tensor> split(const Tensor& x, std::int64_t size, Axis axis) {
  const int d = axis_of(Split::name, axis, x);
  if (size < 1) throw ValueError(fmt::format("[split] expected a size of at least 1, got {}", size));
  return split_evenly(x, size, d);
}

std::vector<Tensor> chunk(const Tensor& x, std::int64_t count, Axis axis) {
  const int d = axis_of("chunk", axis, x);
  if (count < 1) throw ValueError(fmt::format("[chunk] expected at least 1 chunk, got {}", count));
  const std::int64_t whole = x.shape()[d];
  return split_evenly(x, std::max<std::int64_t>(whole / count + (whole % count != 0 ? 1 : 0), 1), d);
}

TAPEGRAD_CATALOGUE(view, split, Split)

}  // namespace tapegrad
