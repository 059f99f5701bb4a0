#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "ops/sum_of.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// The axis counts from the end, so that it means the same in operands of different rank.
struct CosineSimilarity : Op<CosineSimilarity> {
  static constexpr std::string_view name = "cosine_similarity";
  static constexpr std::string_view math =
      R"(y = \hat a \cdot \hat b,\ \hat a = \frac{a}{\max(\lVert a \rVert, \epsilon)};\quad \bar a = \bar y\, \frac{\hat b - y\, \hat a}{\lVert a \rVert},\ \bar b = \bar y\, \frac{\hat a - y\, \hat b}{\lVert b \rVert}\text{ for norms } > \epsilon)";
  int axis;
  double eps;

  CosineSimilarity(int from_the_end, double epsilon) : axis(from_the_end), eps(epsilon) {}

  Tensor forward(const Tensor& a, const Tensor& b) const {
    const Pair p(a, b, *this);
    return squeeze(p.cosine, axis);
  }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    const Pair p(s.input(0), s.input(1), *this);
    const Tensor each = unsqueeze(dy, axis);
    return {s.wants(0) ? each * p.slope(p.a, p.b) : Tensor(), s.wants(1) ? each * p.slope(p.b, p.a) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    const Pair p(s.input(0), s.input(1), *this);
    Tensor dy;
    if (dx[0].defined()) dy = sum(dx[0] * p.slope(p.a, p.b), axis);
    if (dx[1].defined()) add_to(dy, sum(dx[1] * p.slope(p.b, p.a), axis));
    return dy;
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("axis", axis);
    visitor("eps", eps);
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(y = \hat a \cdot \hat b,\quad \hat a = r_a\, a,\quad r_a = \frac{1}{\max(\lVert a \rVert, \epsilon)})",
         "and so for b: the inner product of two directions"},
        {"The direction, for norms above eps", R"(d\hat a = r_a\, (da - \hat a\, (\hat a \cdot da)))",
         "$d\\lVert a \\rVert = a \\cdot da / \\lVert a \\rVert$: what points along a changes its length alone, and is "
         "taken out"},
        {"One vector", R"(\frac{\partial y}{\partial a} = r_a\, (\hat b - y\, \hat a))",
         "the projection is symmetric, so it acts on $\\hat b$ in turn: what is left of b's direction across a. It is "
         "orthogonal to a: a step along a changes nothing"},
        {"The other", R"(\frac{\partial y}{\partial b} = r_b\, (\hat a - y\, \hat b))", "by symmetry"},
        {"Shorter than eps",
         R"(\lVert a \rVert < \epsilon \;\Rightarrow\; \frac{\partial y}{\partial a} = \frac{\hat b}{\epsilon})",
         "the norm counts as the constant eps, nothing is projected out and y is linear in a; the zero vector is "
         "one of these, with $y = 0$"},
        {"As short as eps",
         R"(\lVert a \rVert = \epsilon \;\Rightarrow\; \frac{\partial y}{\partial a} = r_a\, (\hat b - \tfrac12 y\, \hat a))",
         "a kink of the maximum: half of the projection, as for any tie"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto along = [](int over, double least = 1e-8) {
      return catalogue::of<2>([=](const Tensor& a, const Tensor& b) { return cosine_similarity(a, b, over, least); });
    };
    return {{"rows", {uniform(g, {3, 4}, -2, 2), uniform(g, {3, 4}, -2, 2)}, along(-1)},
            {"columns", {uniform(g, {3, 2}, -2, 2), uniform(g, {3, 2}, -2, 2)}, along(0)},
            {"broadcast", {uniform(g, {2, 1, 3}, -2, 2), uniform(g, {2, 3}, -2, 2)}, along(-1)},
            {"one value for the whole vector",
             {uniform(g, {2, 1}, 0.5, 2), uniform(g, {2, 3}, -2, 2)},
             along(-1),
             {.order = 0, .reason = "a length alone turns nothing: the gradient is 0 to rounding"}},
            {"two vectors", {uniform(g, {3}, -2, 2), uniform(g, {3}, -2, 2)}, along(0)},
            {"parallel",
             {catalogue::vector64({1.0, -2.0, 0.5}), catalogue::vector64({2.0, -4.0, 1.0})},
             along(0),
             {.order = 0, .reason = "the gradient is 0 to rounding: the cosine is at its largest"}},
            {"shorter than eps", {uniform(g, {2, 3}, -0.2, 0.2), uniform(g, {2, 3}, -2, 2)}, along(-1, 0.5)},
            {"zero vector", {catalogue::full64({2, 3}, 0.0), uniform(g, {2, 3}, -2, 2)}, along(-1, 0.5)},
            {"no vectors", {uniform(g, {0, 3}, -2, 2), uniform(g, {0, 3}, -2, 2)}, along(-1)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"shapes",
             [] {
               (void)cosine_similarity(zeros({2, 3}), zeros({2, 4}));
             },
             "[cosine_similarity] cannot broadcast [2, 3] with [2, 4]"},
            {"axis", [] { (void)cosine_similarity(zeros({3}), zeros({3}), 1); },
             "[cosine_similarity] axis 1 is out of range for rank 1"},
            {"eps", [] { (void)cosine_similarity(zeros({3}), zeros({3}), 0, 0.0); },
             "[cosine_similarity] expected eps above 0, got 0"},
            {"dtypes", [] { (void)cosine_similarity(zeros({3}), zeros({3}, {.dtype = float64})); },
             "[cosine_similarity] float32 [3] with float64 [3]"},
            {"integers", [] { (void)cosine_similarity(arange(3), arange(3)); },
             "[cosine_similarity] expected a floating tensor, got int64 [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 64]",
            {uniform(g, {512, 64}, -2, 2), uniform(g, {512, 64}, -2, 2)},
            catalogue::of<2>([](const Tensor& a, const Tensor& b) { return cosine_similarity(a, b); })};
  }

 private:
  struct Vector {
    Tensor direction, length, inverse_length;
  };
  /// Both directions and their inner product (its axis kept), out of differentiable operations.
  struct Pair {
    Tensor least;  // the length that shorter ones count as
    Vector a, b;
    Tensor cosine;

    Pair(const Tensor& x, const Tensor& y, const CosineSimilarity& op)
        : least(number_like(std::max(op.eps, smallest_normal(x.dtype())), x)),
          a(vector(x, op.axis)),
          b(vector(y, op.axis)),
          cosine(sum(a.direction * b.direction, op.axis, true)) {}

    Vector vector(const Tensor& x, int over) const {
      const Tensor length = norm(x, over, {.keepdim = true});  // not by squares, which overflow
      // In float64: its derivatives are powers of it, which float32 would lose.
      const Tensor inverse_length = (1.0 / maximum(length.to(float64), least.to(float64))).to(x.dtype());
      return {x * inverse_length, length, inverse_length};
    }
    /// Below it the inverse is infinite.
    static double smallest_normal(DType dtype) {
      return dtype == float64 ? std::numeric_limits<double>::min()
                              : static_cast<double>(std::numeric_limits<float>::min());
    }
    /// d cosine / d of, `other` being the other one. What is projected out: all along `of`, nothing where eps stands
    /// for its norm.
    Tensor slope(const Vector& of, const Vector& other) const {
      const Tensor length = of.length.detach();
      const Tensor share = where(greater(length, least), 1.0, where(equal(length, least), full_like(length, 0.5), 0.0));
      return of.inverse_length * (other.direction - share * cosine * of.direction);
    }
  };
};

Tensor cosine_similarity(const Tensor& a, const Tensor& b, Axis axis, double eps) {
  constexpr std::string_view op = CosineSimilarity::name;
  expect_defined(op, a, "input 0 (a)");
  expect_defined(op, b, "input 1 (b)");
  expect_floating(op, a);
  expect_same_dtype(op, a, b);
  const Shape shape = broadcast_shapes(CosineSimilarity::name, a.shape(), b.shape());
  const int d = normalize_axis(CosineSimilarity::name, axis, shape);
  if (!(eps > 0.0)) throw ValueError(fmt::format("[{}] expected eps above 0, got {}", op, eps));
  // Norms are taken along the whole axis, so both must have it.
  const int from_the_end = d - shape.rank();
  const auto whole = [&](const Tensor& x) {
    return x.dim() >= -from_the_end && x.size(from_the_end) == shape[d] ? x : x.expand(shape);
  };
  return apply(CosineSimilarity(from_the_end, eps), whole(a), whole(b));
}

TAPEGRAD_CATALOGUE(loss, cosine_similarity, CosineSimilarity)

}  // namespace tapegrad
