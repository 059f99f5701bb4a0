// What the program is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "word_lists/word_list.hpp"
#include "word_maker/sampling.hpp"

namespace word_maker {

constexpr std::int64_t kWordsInAStep = 128, kWindowsInAStep = 16;  // unless told otherwise: about as many characters

struct Options {
  std::string language = "english", text, dictionaries{word_lists::kWordListDirectory};
  std::string save = "word_maker.safetensors", load, logits, prefix;
  std::int64_t steps = 3000, embed = 96, layers = 3, heads = 4, block = 96;
  std::int64_t sample = 20, characters = 600, held_out = 2000;
  std::optional<std::int64_t> batch;
  double lr = 3e-3;
  std::uint64_t seed = 1;
  SamplingOptions sampling{.temperature = 0.8};
  bool no_colour = false;
};

}  // namespace word_maker
