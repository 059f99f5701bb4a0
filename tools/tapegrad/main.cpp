// tapegrad: the command that shows the catalogue and checks it.
#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/suite.hpp"

namespace {

constexpr const char* kAbout =
    "Shows and checks what tapegrad can differentiate.\n\n"
    "  tapegrad ops               every op with its formula and reverse rule, every layer\n"
    "  tapegrad ops layer_norm    one op: derivation, what it keeps, samples, errors\n"
    "  tapegrad ops LSTM          one layer: its ops, parameters, samples, errors\n"
    "  tapegrad ops --latex       all formulas and derivations as a LaTeX document\n"
    "  tapegrad check             every derivative against finite differences\n"
    "  tapegrad check 'log*' LSTM --order 1\n"
    "  tapegrad check --selftest  plants mistakes, and tells which are found\n";

}  // namespace

int main(int argc, char** argv) {
  return tapegrad::suite::run_program(argc, argv,
                                      {.program = "tapegrad",
                                       .about = kAbout,
                                       .built_in_ops = tapegrad::catalogue::all_ops(),
                                       .built_in_layers = tapegrad::nn::catalogue::all_layers()});
}
