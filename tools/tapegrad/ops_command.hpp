// tapegrad ops: what the catalogues hold, to read in a terminal.
#pragma once

#include <string>
#include <vector>

#include "console/terminal.hpp"
#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/nn/catalogue.hpp"

namespace tapegrad::program {

using Ops = std::vector<const catalogue::OpEntry*>;
using Layers = std::vector<const nn::catalogue::LayerEntry*>;

/// Room, name and formula of each.
std::string list_of(const Ops& ops, const console::Terminal& terminal);
/// Header, name and formula of each.
std::string list_of(const Layers& layers, const console::Terminal& terminal);

/// Everything that one of them says of itself.
std::string page_of(const catalogue::OpEntry& op, const console::Terminal& terminal);
std::string page_of(const nn::catalogue::LayerEntry& layer, const console::Terminal& terminal);

/// All ops and layers without patterns; else those that match, and a whole page where only one does. Exit code 0.
/// UsageError, with suggestions, for a pattern that matches none.
int ops_command(const std::vector<std::string>& patterns);

}  // namespace tapegrad::program
