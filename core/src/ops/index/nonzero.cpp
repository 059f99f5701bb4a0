#include <limits>

#include "array/walk.hpp"
#include "base/dispatch.hpp"
#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct NonZero : Op<NonZero> {
  static constexpr std::string_view name = "nonzero";
  static constexpr std::string_view math =
      R"(y_{j \cdot} = k_j,\ k_1 < k_2 < \ldots \text{ the places with } x_{k_j} \ne 0)";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool differentiable = false;

  Tensor forward(const Tensor& x) const {
    const array::Array& a = array_of(x);
    std::vector<std::int64_t> places;
    std::int64_t count = 0;
    array::Walk<1> element(a.shape, {a.strides});
    with_element(a.dtype, [&](auto zero) {
      const auto* const elements = a.as<decltype(zero)>();
      for (std::int64_t i = 0, n = a.shape.numel(); i < n; ++i, element.advance()) {
        if (elements[element.offset()] == zero) continue;
        places.insert(places.end(), element.position().begin(), element.position().end());
        ++count;
      }
    });
    return from_vector(places, {count, a.shape.rank()});
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{j \cdot} = k_j,\quad k_1 < k_2 < \ldots \text{ with } x_{k_j} \ne 0)",
             "in row-major order; the elements decide how many rows y has"},
            {"Cotangent", R"(\bar x = 0)", "a place is piecewise constant: it carries no gradient"}};
  }
  static catalogue::Samples samples(Generator&) {
    using catalogue::vector64;
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return {{"matrix", {from_vector<double>({0, 2, -1, 0, 0, 3}, {2, 3})}},
            {"NaN and negative zero", {vector64({nan, -0.0, 0.0, 1e-310})}},
            {"integers", {tensor({0, 7, 0, -7}, {.dtype = int64})}},
            {"truth values", {from_vector<bool>({true, false, true}, {3})}},
            {"scalar", {tensor(2.0, {.dtype = float64})}},
            {"none", {zeros({2, 2}, {.dtype = float64})}},
            {"no elements", {zeros({0, 2}, {.dtype = float64})}}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"undefined", [] { (void)nonzero(Tensor()); }, "[nonzero] an input is undefined"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"half of [512, 512]", {catalogue::uniform(g, {512, 512}, -2, 2) > 0}};
  }
};

Tensor nonzero(const Tensor& x) { return apply(NonZero{}, x); }

TAPEGRAD_CATALOGUE(index, nonzero, NonZero)

}  // namespace tapegrad
