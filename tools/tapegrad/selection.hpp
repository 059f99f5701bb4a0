// Which entries of the catalogue the user means.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "suite/entry.hpp"

namespace tapegrad::program {

/// What the user wrote cannot be done: exit 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Whether a name is what the pattern says: * stands for any characters, ? for one.
bool matches(std::string_view pattern, std::string_view name);

/// Of `names` those that look most like what was written, the likeliest first; at most three.
std::vector<std::string> suggestions(std::string_view written, const std::vector<std::string_view>& names);

/// Throws UsageError, with suggestions, for the first word of a command line that is no command and no option.
void expect_command(std::string_view written, const std::vector<std::string_view>& commands);

/// Those entries of a kind, "op", "layer", "check" or "" for all, that match one of the patterns. UsageError, with
/// suggestions, for a pattern that matches none.
std::vector<suite::Entry> selected(const std::vector<suite::Entry>& entries, std::string_view kind,
                                   const std::vector<std::string>& patterns);

}  // namespace tapegrad::program
