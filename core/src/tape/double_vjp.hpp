// Forward mode of an op that has no forward rule: its reverse rule, twice.
#pragma once

#include <span>

#include "tapegrad/tape/op_table.hpp"

namespace tapegrad {

/// J u by two reverse rules: with g(v) = J^T v, which is linear in v, J u is the gradient of <g(v), u> with respect to
/// v. `us` has a tangent for each input, `dys` room for that of each output; undefined is zero. Recorded where the live
/// tape records. Throws TapeError for an op whose one reverse rule is fused.
void jvp_by_double_vjp(const OpTable& table, const void* op, const Saved& saved, Tangents us,
                       std::span<const Tensor> outputs, std::span<Tensor> dys);

}  // namespace tapegrad
