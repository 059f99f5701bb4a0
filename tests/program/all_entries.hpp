// The entries of tapegrad's own catalogues.
#pragma once

#include <vector>

#include "suite/entry.hpp"
#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/nn/catalogue.hpp"

namespace tapegrad::test {

inline std::vector<suite::Entry> all_entries() {
  return suite::entries_of(
      {.program = "tapegrad", .built_in_ops = catalogue::all_ops(), .built_in_layers = nn::catalogue::all_layers()});
}

}  // namespace tapegrad::test
