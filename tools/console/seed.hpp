// What command lines take as a seed.
#pragma once

#include <string>

namespace console {

/// Empty for a number from 0 to 2^64 - 1, else what is wrong: CLI11 itself takes -1, and what lies beyond, for 2^64
/// - 1.
std::string seed_problem(const std::string& text);

}  // namespace console
