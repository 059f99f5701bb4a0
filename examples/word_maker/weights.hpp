// A trained network in a file: its weights, and beside them all that is needed to use it.
#pragma once

#include <string>

#include "word_maker/corpus.hpp"
#include "word_maker/model.hpp"
#include "word_maker/vocabulary.hpp"

namespace word_maker {

struct Maker {
  Kind kind;
  std::string language;  ///< of a word list, as find_language() knows it; else empty
  Vocabulary vocabulary;
  CharacterModel model;
};

/// Writes the weights as safetensors, with alphabet and sizes in the metadata. Throws tapegrad::IoError.
void save(const std::string& path, const Maker& maker);

/// Throws tapegrad::IoError for a file that save() did not write.
Maker load(const std::string& path);

}  // namespace word_maker
