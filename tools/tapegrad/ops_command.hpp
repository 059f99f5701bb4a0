// tapegrad ops: what the catalogue holds, to read in a terminal.
#pragma once

#include <string>
#include <vector>

#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/terminal.hpp"

namespace tapegrad::program {

/// The list of ops: room, name, formula.
std::string list_of(const std::vector<const catalogue::OpEntry*>& ops, const Terminal& terminal);

/// Everything that one op says of itself.
std::string page_of(const catalogue::OpEntry& op, const Terminal& terminal);

/// All ops without patterns; else those that match, and a whole page where only one does. Exit code 0. UsageError, with
/// suggestions, for a pattern that matches none.
int ops_command(const std::vector<std::string>& patterns);

}  // namespace tapegrad::program
