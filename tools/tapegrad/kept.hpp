// What an op keeps for its reverse sweep, as its samples show it.
#pragma once

#include <string>

#include "tapegrad/catalogue/entry.hpp"

namespace tapegrad::program {

/// "input 0 (x), residual 1 (r); in some calls also input 1 (gamma)": what the op's nodes keep when the samples are
/// recorded, and, apart, what only some of them do, as of an input that may be missing.
std::string what_is_kept(const catalogue::OpEntry& op, const catalogue::Samples& samples);

}  // namespace tapegrad::program
