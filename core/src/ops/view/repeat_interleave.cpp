#include <fmt/format.h>

#include <algorithm>

#include "kernels/slices.hpp"
#include "ops/view/blocks.hpp"
#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct RepeatInterleave : Op<RepeatInterleave> {
  static constexpr std::string_view name = "repeat_interleave";
  static constexpr std::string_view math =
      R"(y_{\cdot\, c i + k\, \cdot} = x_{\cdot i \cdot},\ 0 \le k < c;\quad \bar x_{\cdot i \cdot} = \sum_k \bar y_{\cdot\, c i + k\, \cdot})";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  int axis;
  std::int64_t count;

  RepeatInterleave(int d, std::int64_t times) : axis(d), count(times) {}

  Tensor forward(const Tensor& x) const {
    const kernels::Slices at = kernels::slices_along(x.shape(), axis);
    Shape shape = x.shape();
    shape[axis] *= count;
    return reshape(repeat_blocks(x, at.outer * at.n, count, at.inner), shape);
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Shape& shape = s.input_shape(0);
    const kernels::Slices at = kernels::slices_along(shape, axis);
    return reshape(sum_blocks(dy, at.outer * at.n, count, at.inner), shape);
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("axis", axis);
    visitor("count", count);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{\cdot\, c i + k\, \cdot} = x_{\cdot i \cdot},\quad 0 \le k < c)",
             "c copies of each entry behind each other"},
            {"Cotangent", R"(\bar x_{\cdot i \cdot} = \sum_{k=0}^{c-1} \bar y_{\cdot\, c i + k\, \cdot})",
             "the transpose of copying is summing"},
            {"Different counts", R"(y_{\cdot j \cdot} = x_{\cdot m_j \cdot})",
             "entry k counts[k] times is index_select by m = 0, .., 0, 1, .., 1, ..: recorded as such"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto by = [](std::int64_t times, int d) {
      return catalogue::of([times, d](const Tensor& x) { return repeat_interleave(x, times, d); });
    };
    return {{"vector", {uniform(g, {3}, -2, 2)}, by(3, 0)},
            {"first dimension", {uniform(g, {2, 3}, -2, 2)}, by(2, 0)},
            {"middle dimension", {uniform(g, {2, 3, 2}, -2, 2)}, by(2, 1)},
            {"last dimension", {uniform(g, {2, 3}, -2, 2)}, by(3, -1)},
            {"different counts",
             {uniform(g, {2, 3}, -2, 2), from_vector(std::vector<std::int64_t>{2, 0, 3}, {3})},
             catalogue::of<2>([](const Tensor& x, const Tensor& counts) { return repeat_interleave(x, counts, 1); })},
            {"once", {uniform(g, {2, 2}, -2, 2)}, by(1, 0)},
            {"zero times", {uniform(g, {2, 2}, -2, 2)}, by(0, 0)},
            {"no elements", {uniform(g, {0, 2}, -2, 2)}, by(2, 0)}};
  }
  static catalogue::ErrorSamples errors() {
    const auto counts = [](const std::vector<std::int64_t>& values) { return from_vector(values); };
    return {{"negative", [] { (void)repeat_interleave(zeros({2}), -1, 0); },
             "[repeat_interleave] expected a count of at least 0, got -1"},
            {"too many elements",
             [] {
               (void)repeat_interleave(zeros({2, 3}), INT64_MAX / 4, 0);
             },
             "[repeat_interleave] a count of 2305843009213693951 is too large for axis 0 of [2, 3]"},
            {"axis",
             [] {
               (void)repeat_interleave(zeros({2, 3}), 2, 2);
             },
             "[repeat_interleave] axis 2 is out of range for rank 2"},
            {"scalar", [] { (void)repeat_interleave(zeros({}), 2, 0); },
             "[repeat_interleave] axis 0 is out of range for rank 0"},
            {"number of counts",
             [counts] {
               (void)repeat_interleave(zeros({2, 3}), counts({1, 2}), 1);
             },
             "[repeat_interleave] expected counts [3] for axis 1 of [2, 3], got [2]"},
            {"negative counts",
             [counts] {
               (void)repeat_interleave(zeros({2}), counts({1, -2}), 0);
             },
             "[repeat_interleave] expected a count of at least 0, got -2"},
            {"counts' dtype", [] { (void)repeat_interleave(zeros({2}), zeros({2}), 0); },
             "[repeat_interleave] expected int64 counts, got float32 [2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 128] by 4 along 1", {catalogue::uniform(g, {512, 128}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return repeat_interleave(x, 4, 1);
            })};
  }
};

namespace {
void expect_count(std::int64_t count) {
  if (count < 0) throw ValueError(fmt::format("[repeat_interleave] expected a count of at least 0, got {}", count));
}
}  // namespace

Tensor repeat_interleave(const Tensor& x, std::int64_t count, Axis axis) {
  const int d = axis_of(RepeatInterleave::name, axis, x);
  expect_count(count);
  Shape shape = x.shape();
  if (__builtin_mul_overflow(shape[d], count, &shape[d]) || !extent(shape))
    throw ShapeError(fmt::format("[repeat_interleave] a count of {} is too large for axis {} of {}", count, d,
                                 to_string(x.shape())));
  return apply(RepeatInterleave(d, count), x);
}

Tensor repeat_interleave(const Tensor& x, const Tensor& counts, Axis axis) {
  const int d = axis_of(RepeatInterleave::name, axis, x, "input 0 (x)");
  expect_defined(RepeatInterleave::name, counts, "input 1 (counts)");
  if (counts.dtype() != int64)
    throw DTypeError(fmt::format("[repeat_interleave] expected int64 counts, got {} {}", to_string(counts.dtype()),
                                 to_string(counts.shape())));
  if (counts.shape() != Shape{x.shape()[d]})
    throw ShapeError(fmt::format("[repeat_interleave] expected counts [{}] for axis {} of {}, got {}", x.shape()[d], d,
                                 to_string(x.shape()), to_string(counts.shape())));
  const std::vector<std::int64_t> times = counts.to_vector<std::int64_t>();
  std::int64_t total = 0;
  for (const std::int64_t count : times) {
    expect_count(count);
    if (__builtin_add_overflow(total, count, &total))
      throw ShapeError(
          fmt::format("[repeat_interleave] the counts for axis {} of {} are too large", d, to_string(x.shape())));
  }
  const Tensor entries = empty({total}, {.dtype = int64});
  auto* next = array_of(entries).as<std::int64_t>();
  for (std::size_t k = 0; k < times.size(); ++k) next = std::fill_n(next, times[k], static_cast<std::int64_t>(k));
  return index_select(x, d, entries);
}

TAPEGRAD_CATALOGUE(view, repeat_interleave, RepeatInterleave)

}  // namespace tapegrad
