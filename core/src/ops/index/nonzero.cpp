#include <algorithm>
#include <array>
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
    const array::Array a = contiguous_array(x);
    return with_element(a.dtype, [&](auto zero) {
      using T = decltype(zero);
      const T* const elements = a.as<T>();
      const std::int64_t n = a.shape.numel();
      const std::int64_t count = n - std::count(elements, elements + n, zero);
      Tensor places = empty({count, a.shape.rank()}, {.dtype = int64});
      if (a.shape.rank() > 0) write_places(a.shape, elements, array_of(places).as<std::int64_t>());
      return places;
    });
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

 private:
  /// The places of elements along the last axis are gathered without a branch, which a mask at random would let the
  /// processor guess wrongly every other time.
  template <class T>
  static void write_places(const Shape& shape, const T* elements, std::int64_t* to) {
    constexpr std::int64_t kPiece = 512;
    std::array<std::int64_t, kPiece> found;
    Shape rows = shape;
    const std::int64_t length = rows.back();
    rows.erase(rows.rank() - 1);
    array::Walk<1> row(rows, {rows});
    for (std::int64_t i = 0, n = rows.numel(); i < n; ++i, row.advance(), elements += length) {
      for (std::int64_t first = 0; first < length; first += kPiece) {
        std::size_t count = 0;
        for (std::int64_t j = first, end = std::min(first + kPiece, length); j < end; ++j) {
          found[count] = j;
          count += elements[j] != T{0} ? 1 : 0;
        }
        for (std::size_t k = 0; k < count; ++k) {
          to = std::copy(row.position().begin(), row.position().end(), to);
          *to++ = found[k];
        }
      }
    }
  }
};

Tensor nonzero(const Tensor& x) { return apply(NonZero{}, x); }

TAPEGRAD_CATALOGUE(index, nonzero, NonZero)

}  // namespace tapegrad
