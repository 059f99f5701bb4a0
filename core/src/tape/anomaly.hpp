// Looks for values that are not finite, for tapes that are asked to: each throws TapeError that gives the ranges of
// what the value was made of. Forward mode passes infinities on (masks of -inf are meant); a reverse sweep starts from
// finite cotangents, so that any other value was made on the way.
#pragma once

#include <span>
#include <string>

#include "tape/tape_impl.hpp"

namespace tapegrad {

/// Of an op that has run: a NaN, or an infinity that is neither in an input nor an attribute (what masked_fill fills
/// in, or log_softmax gives where its mask hides).
void expect_finite_outputs(const TapeImpl& tape, const OpCall& call);

/// Of the cotangent that a sweep starts from. `name` begins the message.
void expect_finite_seed(const char* name, const std::string& node, const Tensor& cotangent);
/// Of the cotangents that have come to a node: what came was finite, so it is the sum that is not, or what a hook made.
void expect_finite_cotangents(std::span<const Tensor> cotangents);
/// Of what a node's rule made of them.
void expect_finite_gradients(const OpTable& table, const NodeInfo& node, std::span<const Tensor> cotangents,
                             std::span<const Tensor> gradients);

}  // namespace tapegrad
