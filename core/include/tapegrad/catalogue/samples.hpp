// What samples are made of: their tensors, and how they are called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "tapegrad/base/random.hpp"
#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::catalogue {

/// float64 tensors for samples.
inline Tensor uniform(Generator& g, const Shape& shape, double low, double high) {
  Tensor t = rand(shape, g, {.dtype = float64});
  for (double& v : t.mutable_data<double>("uniform")) v = low + (high - low) * v;
  return t;
}
/// As uniform(), but no two elements are nearer than half of what lies between neighbours on average: for functions
/// with kinks where elements are equal.
inline Tensor scattered(Generator& g, const Shape& shape, double low, double high) {
  Tensor t = uniform(g, shape, 0.25, 0.75);
  const std::span<double> values = t.mutable_data<double>("scattered");
  const auto count = static_cast<double>(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = low + (high - low) * (static_cast<double>(i) + values[i]) / count;
  for (std::size_t left = values.size(); left > 1; --left)
    std::swap(values[left - 1], values[static_cast<std::size_t>(g.below(static_cast<std::int64_t>(left)))]);
  return t;
}
/// scattered() magnitudes up to `most`, signs at random: for functions with kinks at 0 or where magnitudes are equal.
/// No element is near 0 or `most`; of an even number none is near the middle between.
inline Tensor signed_scattered(Generator& g, const Shape& shape, double most) {
  Tensor t = scattered(g, shape, 0.0, most);
  for (double& v : t.mutable_data<double>("signed_scattered")) v = g.below(2) == 0 ? v : -v;
  return t;
}
inline Tensor full64(const Shape& shape, double value) { return full(shape, value, {.dtype = float64}); }
/// A float64 vector of the given values.
inline Tensor vector64(const std::vector<double>& values) { return from_vector(values); }

/// Makes a Call of a function of tensors: of(softplus), or of two:
/// of<2>([](const Tensor& a, const Tensor& b) { return matmul(a, b); }).
template <std::size_t Count = 1, class F>
Call of(F f) {
  return [f](const Arguments& x) -> std::vector<Tensor> {
    return [&]<std::size_t... I>(std::index_sequence<I...>)->std::vector<Tensor> {
      if constexpr (requires { std::tuple_size<decltype(f(x[I]...))>::value; }) {
        auto results = f(x[I]...);
        return std::vector<Tensor>(results.begin(), results.end());
      } else if constexpr (std::is_convertible_v<decltype(f(x[I]...)), std::vector<Tensor>>) {
        return f(x[I]...);
      } else {
        return {f(x[I]...)};
      }
    }
    (std::make_index_sequence<Count>{});
  };
}

}  // namespace tapegrad::catalogue
