// What several layers ask of their options. `layer` begins the messages: the one that the user makes, whatever it is
// made of.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

#include "tapegrad/base/error.hpp"

namespace tapegrad::nn {

/// Throws ValueError unless embed_dim is a positive multiple of num_heads.
inline void expect_heads(std::string_view layer, std::int64_t embed_dim, std::int64_t num_heads) {
  if (num_heads < 1 || embed_dim < 1 || embed_dim % num_heads != 0)
    throw ValueError(
        fmt::format("[{}] embed_dim {} must be a positive multiple of num_heads {}", layer, embed_dim, num_heads));
}

/// Throws ValueError unless it is in [0, 1).
inline void expect_dropout(std::string_view layer, double dropout) {
  if (!(dropout >= 0.0 && dropout < 1.0))
    throw ValueError(fmt::format("[{}] expected a dropout in [0, 1), got {}", layer, dropout));
}

}  // namespace tapegrad::nn
