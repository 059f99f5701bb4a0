// What the programs of both frameworks check.
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include "tapegrad/base/random.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tensor.hpp"

inline tapegrad::Tensor sample(std::uint64_t seed) {
  tapegrad::Generator g(seed);
  return tapegrad::randn({2, 3}, g, {.dtype = tapegrad::float64});
}

inline tapegrad::Tensor product(const tapegrad::Tensor& a, const tapegrad::Tensor& b) { return tapegrad::tanh(a) * b; }

inline double energy(std::span<const double> x) { return std::sin(x[0]) * x[1] + x[2] * x[2]; }
inline std::vector<double> energy_gradient(std::span<const double> x) {
  return {std::cos(x[0]) * x[1], std::sin(x[0]), 2.0 * x[2]};
}
inline std::vector<double> doubled_gradient(std::span<const double> x) {
  std::vector<double> g = energy_gradient(x);
  for (double& v : g) v *= 2.0;
  return g;
}

/// A point that is drawn, and remembered.
inline tapegrad::Tensor drawn(std::vector<double>& points) {
  tapegrad::Tensor x = tapegrad::randn({2}, {.dtype = tapegrad::float64});
  points.push_back(x[0].item());
  return x;
}
/// Whether the default generator stands where `other` does.
inline bool stands_at(const tapegrad::RandomStream& other) {
  const tapegrad::RandomStream here = tapegrad::default_generator().state();
  return here.key == other.key && here.offset == other.offset;
}

inline const std::vector<double> kPoint = {0.3, -1.2, 0.7};
