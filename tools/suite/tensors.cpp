#include "suite/tensors.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/dispatch.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::suite {
namespace {

template <class T>
Tensor scattered_as(const Tensor& x) {
  std::vector<int> reversed(static_cast<std::size_t>(x.dim()));
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  const Tensor turned = permute(x, reversed);
  const std::vector<T> elements = turned.to_vector<T>();
  std::vector<T> block(2 * elements.size() + 1, static_cast<T>(77));
  for (std::size_t i = 0; i < elements.size(); ++i) block[2 * i + 1] = elements[i];
  const Tensor every_second = slice(from_vector(block), 0, {.start = 1, .step = 2});
  return permute(reshape(every_second, turned.shape()), reversed);
}

}  // namespace

bool carries_gradient(const Tensor& x) { return x.defined() && is_floating(x.dtype()); }

std::vector<double> doubles(const Tensor& x) {
  if (x.dtype() == float64) return x.to_vector<double>();
  const std::vector<float> values = x.to_vector<float>();
  return {values.begin(), values.end()};
}

double distance(const Tensor& a, const Tensor& b, double size) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a.defined() != b.defined()) return kInfinity;
  if (!a.defined()) return 0.0;
  if (a.shape() != b.shape() || is_floating(a.dtype()) != is_floating(b.dtype())) return kInfinity;
  if (!is_floating(a.dtype())) return same_bits(a, b) ? 0.0 : kInfinity;
  const std::vector<double> p = doubles(a);
  const std::vector<double> q = doubles(b);
  double most = 0.0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (std::isfinite(p[i])) size = std::max(size, std::abs(p[i]));
    if (p[i] == q[i] || (std::isnan(p[i]) && std::isnan(q[i]))) continue;
    if (!std::isfinite(p[i]) || !std::isfinite(q[i])) return kInfinity;
    size = std::max(size, std::abs(q[i]));
    most = std::max(most, std::abs(p[i] - q[i]));
  }
  return most == 0.0 ? 0.0 : most / size;
}

Tensor scattered(const Tensor& x) {
  if (!x.defined() || x.dim() == 0 || x.numel() == 0) return x;
  const NoRecord pause;
  return with_element(x.dtype(), [&](auto zero) { return scattered_as<decltype(zero)>(x); });
}

catalogue::Arguments scattered(const catalogue::Arguments& xs) {
  catalogue::Arguments result;
  for (const Tensor& x : xs) result.push_back(scattered(x));
  return result;
}

Tensor in_float32(const Tensor& x) {
  if (!carries_gradient(x)) return x;
  const std::vector<double> values = x.to_vector<double>();
  Tensor y = empty(x.shape());
  std::transform(values.begin(), values.end(), y.mutable_data<float>("in_float32").begin(),
                 [](double v) { return static_cast<float>(v); });
  return y;
}

Tensor rounded_to_float32(const Tensor& x) {
  if (!carries_gradient(x)) return x;
  Tensor y = empty(x.shape(), {.dtype = float64});
  const std::vector<double> values = x.to_vector<double>();
  std::transform(values.begin(), values.end(), y.mutable_data<double>("rounded").begin(),
                 [](double v) { return static_cast<double>(static_cast<float>(v)); });
  return y;
}

Tensor normal_like(const Tensor& x, Generator& g) {
  Tensor y = randn(x.shape(), g, {.dtype = float64});
  return x.dtype() == float32 ? in_float32(y) : y;
}

}  // namespace tapegrad::suite
