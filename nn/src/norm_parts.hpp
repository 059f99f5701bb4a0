// What the norms have in common.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

#include "expect_options.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/nn/parameter.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::nn {

/// The number of features, once it and the options have been checked: before the first part is made of them.
template <class Options>
std::int64_t checked_features(const char* layer, std::int64_t features, const Options& options) {
  if (features < 1) throw ValueError(fmt::format("[{}] expected at least one feature, got {}", layer, features));
  expect_eps(layer, options.eps);
  expect_floating(layer, options.dtype);
  return features;
}

/// A weight of ones and a bias of zeros, where the options want them.
template <class Options>
void make_affine(const Options& options, std::int64_t features, Parameter& weight, Parameter& bias) {
  if (!options.affine) return;
  weight = Parameter(ones({features}, {.dtype = options.dtype}));
  bias = Parameter(zeros({features}, {.dtype = options.dtype}));
}

/// Throws ShapeError for another width: without a weight nothing else would notice it. `otherwise` ends the advice for
/// channels that stand first.
inline void expect_features(const char* layer, const Tensor& x, std::int64_t features,
                            std::string_view otherwise = "") {
  expect_defined(layer, x);
  if (x.dim() >= 1 && x.size(-1) == features) return;
  const bool channels_first = x.dim() == 3 && x.size(1) == features;
  throw ShapeError(
      fmt::format("[{}] expected [.., {}], got {}{}{}", layer, features, to_string(x.shape()),
                  channels_first ? ": features stand last here, where transpose(x, 1, 2) brings channels" : "",
                  channels_first ? otherwise : ""));
}

/// For the catalogue: x [448, 64], as of 64 words of 7 letters.
inline catalogue::Arguments rows_to_normalise(Generator& g) { return {catalogue::uniform(g, {448, 64}, -2, 2)}; }

}  // namespace tapegrad::nn
