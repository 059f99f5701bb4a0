// What a network is shown by: words or text that it makes up, and a checksum of its logits.
#pragma once

#include <cstdint>

#include "word_maker/options.hpp"
#include "word_maker/printer.hpp"
#include "word_maker/sampling.hpp"
#include "word_maker/weights.hpp"

namespace word_maker {

/// How the options want sequences made up: with their prefix and sampling. Throws tapegrad::ValueError for a prefix
/// with characters that the network does not know.
MakeUpOptions make_up_options(const Options& options, const Maker& maker, std::int64_t count, std::int64_t characters);

/// What cannot be begun with, or has no logits, is told before the training instead of after it: throws
/// tapegrad::ValueError.
void expect_usable(const Options& options, Maker& maker);

/// --sample words, or one piece of text of --characters.
void print_sample(const Options& options, Maker& maker, Printer& printer);

/// FNV-1a of the logits' bits along --logits, where it is given: equal networks give equal numbers.
void print_logits(const Options& options, Maker& maker);

}  // namespace word_maker
