// What the catalogue entries of scatter and scatter_add share: the samples that both must pass, and what both refuse.
#pragma once

#include <string_view>

#include "tapegrad/catalogue/catalogue.hpp"

namespace tapegrad::catalogue {

using ScatterFunction = Tensor (*)(const Tensor& x, Axis axis, const Tensor& index, const Tensor& source);

/// Each axis, repeated indices, an index smaller than x, no indices.
Samples scatter_samples(Generator& g, ScatterFunction f);

/// Indices and shapes that do not fit, dtypes that differ.
ErrorSamples scatter_errors(std::string_view name, ScatterFunction f);

/// As many random indices as elements in [512, 512].
Sample scatter_benchmark(Generator& g, ScatterFunction f);

}  // namespace tapegrad::catalogue
