// An entry of the suite whose reverse rule is the right one times a factor.
#pragma once

#include "suite/entry.hpp"
#include "tapegrad/catalogue/samples.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad::test {

struct Scaled : Op<Scaled> {
  static constexpr std::string_view name = "scaled";
  double factor;

  explicit Scaled(double f) : factor(f) {}
  Tensor forward(const Tensor& x) const { return x * x; }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return 2.0 * factor * s.input(0) * dy; }
};

inline suite::Entry entry_with_scale(double factor) {
  return {
      .kind = "op",
      .family = "test",
      .name = "scaled",
      .samples =
          [factor](Generator& g) {
            return catalogue::Samples{{"a <sample> & \"more\"",
                                       {catalogue::uniform(g, {2, 3}, 0.5, 2)},
                                       catalogue::of([factor](const Tensor& x) { return apply(Scaled(factor), x); })}};
          },
      .others = {}};
}

}  // namespace tapegrad::test
