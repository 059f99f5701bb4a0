// The two things that the program does.
#pragma once

#include "word_maker/options.hpp"

namespace word_maker {

/// Trains a network, with reports as it goes, saves it and shows what it makes up. Whether it came to its end.
bool learn(const Options& options);

/// Shows what a saved network makes up.
void use(const Options& options);

}  // namespace word_maker
