#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "kernels/reduce.hpp"
#include "ops/reduce/reduce_op.hpp"
#include "tape/expect.hpp"

namespace tapegrad {

struct Norm : ReduceOp<Norm> {
  static constexpr std::string_view name = "norm";
  static constexpr std::string_view math =
      R"(y_j = \Vert x_{i \mapsto j} \Vert_p;\quad \bar x_i = \bar y_{j(i)} \cdot \begin{cases} \mathrm{sgn}\, x_i & p = 1 \\ x_i / y_{j(i)} & p = 2 \\ \mathrm{sgn}(x_i)\, [\vert x_i \vert = y_{j(i)}] / \#\mathrm{ties} & p = \infty \end{cases})";
  static constexpr Keep keep = Keep::inputs | Keep::output;
  double p;

  Norm(AxisSet set, const NormOptions& options) : ReduceOp(set, options.keepdim), p(options.p) {}

  /// The sum of magnitudes reads no result.
  Keep keep_for(Wants) const { return p == 1.0 ? Keep::inputs : keep; }

  Tensor forward(const Tensor& x) const {
    if (std::isinf(p)) expect_elements(x);
    return reduce(x, [&](const auto* in, const kernels::Slices& slices, auto* out) {
      if (p == 1.0) {
        kernels::reduce_magnitude_sum(in, slices, out);
      } else if (p == 2.0) {
        kernels::reduce_length(in, slices, out);
      } else {
        kernels::reduce_magnitude_max(in, slices, out);
      }
    });
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return unreduce(dy, s.input_shape(0)) * slope(s); }
  Tensor jvp(const Saved& s, const Tensor& dx) const { return sum(slope(s) * dx, axis_list(), keepdim); }
  void describe(AttributeVisitor& visitor) const {
    ReduceOp::describe(visitor);
    visitor("p", p);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition",
             R"(y = \Big(\sum_i \vert x_i \vert^p\Big)^{1/p},\quad y = \max_i \vert x_i \vert \text{ for } p = \infty)",
             "for each result; p is 1, 2 or infinity"},
            {"Chain rule",
             R"(\frac{\partial y}{\partial x_i} = \Big(\frac{\vert x_i \vert}{y}\Big)^{p-1} \mathrm{sgn}\, x_i)",
             "$p = 1$ leaves the sign, $p = 2$ the unit vector $x/y$"},
            {"p = infinity", R"(\bar x_i = \tfrac1t\, \bar y\, \mathrm{sgn}\, x_i)",
             "for each of the t elements that tie for the largest: the shortest of the subgradients"},
            {"At 0", R"(x = 0 \Rightarrow \bar x = 0)", "every norm has a tip there: 0 is the shortest subgradient"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::of;
    using catalogue::signed_scattered;
    using catalogue::uniform;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    catalogue::Samples s = reduction_samples(
        g, [](const Tensor& x, const Axes& axes, bool keepdim) { return norm(x, axes, {.keepdim = keepdim}); });
    const auto of_last = [](double order) {
      return of([order](const Tensor& x) { return norm(x, -1, {.p = order}); });
    };
    for (const double order : {1.0, kInfinity}) {
      s.push_back({fmt::format("p = {}", order), {signed_scattered(g, {3, 4}, 2)}, of_last(order)});
      s.push_back({fmt::format("p = {}, outer axes, kept", order),
                   {signed_scattered(g, {2, 3, 2}, 2)},
                   of([order](const Tensor& x) {
                     return norm(x, {0, 2}, {.p = order, .keepdim = true});
                   })});
    }
    for (const double order : {1.0, 2.0, kInfinity})
      s.push_back({fmt::format("p = {} at 0", order),
                   {catalogue::full64({2, 3}, 0.0)},
                   of_last(order),
                   {.order = 1, .reason = "a kink", .kink = true}});
    s.push_back({"ties of both signs",
                 {catalogue::vector64({-2.0, 2.0, 0.5})},
                 of_last(kInfinity),
                 {.order = 1, .reason = "a kink", .kink = true}});
    s.push_back({"one zero", {catalogue::vector64({-2.0, 0.0, 0.5})}, of_last(2.0)});
    s.push_back({"a scalar", {uniform(g, {}, -2, -1)}, of([](const Tensor& x) { return norm(x); })});
    s.push_back({"over no elements", {uniform(g, {3, 0}, -2, 2)}, of_last(2.0)});
    return s;
  }
  static catalogue::ErrorSamples errors() {
    return {{"p", [] { (void)norm(zeros({3}), {}, {.p = 3.0}); }, "[norm] expected p to be 1, 2 or infinity, got 3"},
            {"axis",
             [] {
               (void)norm(zeros({2, 3}), 2);
             },
             "[norm] axis 2 is out of range for rank 2"},
            {"no elements",
             [] {
               (void)norm(zeros({2, 0}), 1, {.p = std::numeric_limits<double>::infinity()});
             },
             "[norm] no elements to choose from in [2, 0]"},
            {"integers", [] { (void)norm(arange(3)); }, "[norm] expected a floating tensor"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 1", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return norm(x, 1);
            })};
  }

 private:
  Tensor slope(const Saved& s) const {
    const Tensor& x = s.input(0);
    if (p == 1.0) return sign(x);
    const Tensor y = unreduce(s.output(), x.shape());
    if (p == 2.0) return over_or_zero(x, y);
    return sign(x) * even_share(equal(abs(x.detach()), y.detach()), x.dtype());
  }
};

Tensor norm(const Tensor& x, const Axes& axes, NormOptions options) {
  if (options.p != 1.0 && options.p != 2.0 && options.p != std::numeric_limits<double>::infinity())
    throw ValueError(fmt::format("[norm] expected p to be 1, 2 or infinity, got {}", options.p));
  return apply(Norm(axes_of(Norm::name, axes, x), options), x);
}

TAPEGRAD_CATALOGUE(reduce, norm, Norm)

}  // namespace tapegrad
