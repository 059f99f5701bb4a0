// What the samples of an op or a layer show when a tape records them; one that throws shows nothing.
#pragma once

#include <string>

#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/nn/catalogue.hpp"

namespace tapegrad::program {

/// "input 0 (x), residual 1 (r); in some calls also input 1 (gamma)": what the op's nodes keep for the reverse sweep,
/// and, apart, what only some of them do, as of an input that may be missing.
std::string what_is_kept(const catalogue::OpEntry& op, const catalogue::Samples& samples);

/// "permute, linear, lstm; in some calls also cat": the ops of which a layer's samples are made, in the order in which
/// they first come. Empty where nothing is recorded.
std::string what_is_recorded(const nn::catalogue::LayerSamples& samples);

}  // namespace tapegrad::program
