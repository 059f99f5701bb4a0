// The catalogue as a LaTeX document: formulas and derivations for lectures.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/nn/catalogue.hpp"

namespace tapegrad::program {

/// Formula, derivation and what is kept for the reverse sweep of each op, and the formula of each layer, in the order
/// of families and names, with the notation that they share. pdflatex takes it as it is: an article that uses amsmath
/// alone, and for a formula with \mathbb amsfonts too. So does \input within another document that uses what the first
/// comment names, which then gets neither the preamble nor title and contents, which a document of several has.
/// `program` is named as its maker.
std::string latex_document(std::string_view program, const std::vector<const catalogue::OpEntry*>& ops,
                           const std::vector<const nn::catalogue::LayerEntry*>& layers);

}  // namespace tapegrad::program
