#include "tapegrad/ops/dropout.hpp"

#include <fmt/format.h>

#include "base/dispatch.hpp"
#include "kernels/dropout.hpp"
#include "ops/dropout/dropped.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/engine/dropout_options.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// Holds where its numbers stand in the stream, not the numbers: the reverse rule draws them again.
struct Dropout : Op<Dropout> {
  static constexpr std::string_view name = "dropout";
  static constexpr std::string_view math = R"(y_i = \frac{b_i}{1 - p} x_i;\quad \bar x_i = \frac{b_i}{1 - p} \bar y_i)";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  double p;
  RandomStream stream;

  Dropout(double probability, RandomStream numbers) : p(probability), stream(numbers) {}

  Tensor forward(const Tensor& x) const {
    const array::Array in = contiguous_array(x);
    Tensor y = empty(in.shape, {.dtype = in.dtype});
    with_floating(in.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::dropout(in.as<T>(), in.shape.numel(), stream, p, array_of(y).as<T>());
    });
    return y;
  }
  Tensor vjp(const Saved&, const Tensor& dy) const { return apply(*this, dy); }
  void describe(AttributeVisitor& visitor) const { visitor("p", p); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_i = \frac{b_i}{1 - p} x_i,\quad b_i = [u_i \ge p],\quad u_i \sim U[0, 1))",
         "Srivastava et al. 2014, JMLR 15, where p is the probability to keep, and weights are scaled in evaluation "
         "instead: here $b_i$ is 1 with probability $1 - p$; the factor $1/(1 - p)$ keeps the expectation at "
         "$x_i$, so evaluation does nothing"},
        {"Cotangent", R"(\bar x_i = \frac{b_i}{1 - p} \bar y_i)",
         "b is drawn independently of x: a constant, and the map is linear and diagonal"},
        {"The same numbers", R"(u_i = \mathrm{Philox}(\text{key}, \text{offset} + i))",
         "a counter-based generator gives number i without the ones before it, so b need not be kept"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    // The mask is the same at each call: a generator of its own.
    const auto with = [](double share) {
      return catalogue::of([share](const Tensor& x) {
        Generator numbers(7);
        return dropout(x, share, numbers);
      });
    };
    return {{"half", {uniform(g, {3, 5}, -2, 2)}, with(0.5)},
            {"a tenth", {uniform(g, {17}, -2, 2)}, with(0.1)},
            {"nothing", {uniform(g, {2, 2}, -2, 2)}, with(0.0)},
            {"a scalar", {uniform(g, {}, -2, 2)}, with(0.25)},
            {"no elements", {uniform(g, {0, 3}, -2, 2)}, with(0.5)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"everything", [] { (void)dropout(zeros({3}), 1.0); }, "[dropout] expected p in [0, 1), got 1"},
            {"negative", [] { (void)dropout(zeros({3}), -0.1); }, "[dropout] expected p in [0, 1), got -0.1"},
            {"integers", [] { (void)dropout(arange(3)); }, "[dropout] expected a floating tensor, got int64 [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512]", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return dropout(x, 0.1);
            })};
  }
};

Tensor dropped(const Tensor& x, double p, const RandomStream& stream) {
  return p == 0.0 ? x : apply(Dropout(p, stream), x);
}

void engine::expect_dropout(std::string_view owner, std::string_view option, double p) {
  if (!(p >= 0.0 && p < 1.0)) throw ValueError(fmt::format("[{}] expected {} in [0, 1), got {}", owner, option, p));
}

Tensor dropout(const Tensor& x, double p, Generator& generator) {
  expect_floating(Dropout::name, x);
  engine::expect_dropout(Dropout::name, "p", p);
  if (p == 0.0) return x;
  return dropped(x, p, generator.reserve(static_cast<std::uint64_t>(x.numel())));
}
Tensor dropout(const Tensor& x, double p) { return dropout(x, p, default_generator()); }

TAPEGRAD_CATALOGUE(dropout, dropout, Dropout)

}  // namespace tapegrad
