// What several layers ask of their options and inputs. `layer` begins the messages: the one that the user makes,
// whatever it is made of.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/activation.hpp"
#include "tapegrad/ops/engine/dropout_options.hpp"
#include "tapegrad/ops/engine/rotary_options.hpp"
#include "tapegrad/tape/engine/undefined_input.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::nn {

/// Throws ValueError unless embed_dim is a positive multiple of num_heads.
inline void expect_heads(std::string_view layer, std::int64_t embed_dim, std::int64_t num_heads) {
  if (num_heads < 1 || embed_dim < 1 || embed_dim % num_heads != 0)
    throw ValueError(
        fmt::format("[{}] embed_dim {} must be a positive multiple of num_heads {}", layer, embed_dim, num_heads));
}

/// Throws ValueError "[layer] expected dropout in [0, 1), got 1".
inline void expect_dropout(std::string_view layer, double dropout) {
  engine::expect_dropout(layer, "dropout", dropout);
}

/// Throws ValueError unless the heads of these options can be turned, where that is asked for.
template <class Options>
void expect_rotary(std::string_view layer, const Options& options) {
  if (!options.rotary) return;
  if (const std::int64_t features = options.embed_dim / options.num_heads; features % 2 != 0)
    throw ValueError(fmt::format(
        "[{}] rotary embedding pairs the features of a head, of which embed_dim {} and num_heads {} make {}", layer,
        options.embed_dim, options.num_heads, features));
  engine::expect_rotary(layer, *options.rotary);
}

/// Throws ValueError "[layer] no such activation".
inline void expect_activation(std::string_view layer, Activation activation) {
  if (activation > Activation::softplus) throw ValueError(fmt::format("[{}] no such activation", layer));
}

/// Throws ValueError unless it is at least 0.
inline void expect_eps(std::string_view layer, double eps) {
  if (!(eps >= 0.0)) throw ValueError(fmt::format("[{}] expected eps of at least 0, got {}", layer, eps));
}

/// Throws ValueError unless both sizes are at least 0.
inline void expect_not_negative(std::string_view layer, std::int64_t first, std::int64_t second) {
  if (first < 0 || second < 0)
    throw ValueError(fmt::format("[{}] expected sizes of at least 0, got {} and {}", layer, first, second));
}

/// Throws DTypeError unless parameters of this dtype can be trained.
inline void expect_floating(std::string_view layer, DType dtype) {
  if (!is_floating(dtype))
    throw DTypeError(fmt::format("[{}] expected a floating dtype, got {}", layer, to_string(dtype)));
}

/// Throws DTypeError "[to] parameters are floating tensors, they cannot become int64".
inline void expect_dtype_of_parameters(DType dtype) {
  if (!is_floating(dtype))
    throw DTypeError(fmt::format("[to] parameters are floating tensors, they cannot become {}", to_string(dtype)));
}

/// Throws ValueError "[layer] an input is undefined, ...", or `which` is.
inline void expect_defined(std::string_view layer, const Tensor& x, std::string_view which = "an input") {
  if (!x.defined()) throw ValueError(engine::undefined_input(layer, which));
}

}  // namespace tapegrad::nn
