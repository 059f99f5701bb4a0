// tapegrad ops: what there is to check, to read in a terminal or to print.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "console/terminal.hpp"
#include "suite/entry.hpp"
#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/nn/catalogue.hpp"

namespace tapegrad::program {

using Ops = std::vector<const catalogue::OpEntry*>;
using Layers = std::vector<const nn::catalogue::LayerEntry*>;

/// Family, name and formula of each.
std::string list_of(const Ops& ops, const console::Terminal& terminal);
std::string list_of(const Layers& layers, const console::Terminal& terminal);

/// The program that shows an op or a layer, and whose that is: one of tapegrad's own has a header.
struct Shown {
  std::string_view by = "tapegrad";
  suite::Origin origin = suite::Origin::built_in;
};

/// Everything that one of them says of itself.
std::string page_of(const catalogue::OpEntry& op, const console::Terminal& terminal, const Shown& shown = {});
std::string page_of(const nn::catalogue::LayerEntry& layer, const console::Terminal& terminal, const Shown& shown = {});

struct OpsRequest {
  std::vector<std::string> names;  ///< patterns; none: all
  bool latex = false;              ///< a document instead of lists and pages
  std::string output = "-";        ///< the document's file; -: the standard output
};

/// All ops, layers and checks without names; else those that match, and a whole page where only one op or layer does.
/// Or the ops and layers among them as a LaTeX document. Exit code 0. UsageError, with suggestions, for a name that
/// matches none, and for a document of checks alone; IoError where it cannot be written.
int ops_command(const suite::Contents& contents, const OpsRequest& request);

}  // namespace tapegrad::program
