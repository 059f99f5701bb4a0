// Layers in the suite: their derivatives as functions of inputs and parameters, and what a layer promises as a value.
#pragma once

#include "suite/entry.hpp"
#include "tapegrad/nn/catalogue.hpp"

namespace tapegrad::suite {

/// Each sample in training and, where that computes something else, in evaluation, with random parameters.
Entry entry_of(const nn::catalogue::LayerEntry& layer);

}  // namespace tapegrad::suite
