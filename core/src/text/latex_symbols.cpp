#include "text/latex_symbols.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace tapegrad {

std::optional<std::string_view> latex_symbol(std::string_view command) {
  static const std::map<std::string_view, std::string_view> table = {
      {"alpha", "α"},      {"beta", "β"},   {"gamma", "γ"},      {"delta", "δ"},   {"epsilon", "ε"}, {"zeta", "ζ"},
      {"eta", "η"},        {"theta", "θ"},  {"kappa", "κ"},      {"lambda", "λ"},  {"mu", "μ"},      {"nu", "ν"},
      {"xi", "ξ"},         {"pi", "π"},     {"rho", "ρ"},        {"sigma", "σ"},   {"tau", "τ"},     {"phi", "ϕ"},
      {"varphi", "φ"},     {"chi", "χ"},    {"psi", "ψ"},        {"omega", "ω"},   {"Gamma", "Γ"},   {"Delta", "Δ"},
      {"Theta", "Θ"},      {"Lambda", "Λ"}, {"Pi", "Π"},         {"Sigma", "Σ"},   {"Phi", "Φ"},     {"Psi", "Ψ"},
      {"Omega", "Ω"},      {"ell", "ℓ"},    {"cdot", "·"},       {"odot", "⊙"},    {"times", "×"},   {"pm", "±"},
      {"mapsto", "↦"},     {"to", "→"},     {"Rightarrow", "⇒"}, {"le", "≤"},      {"ge", "≥"},      {"ne", "≠"},
      {"approx", "≈"},     {"sim", "∼"},    {"in", "∈"},         {"notin", "∉"},   {"infty", "∞"},   {"ldots", "…"},
      {"dots", "…"},       {"cdots", "⋯"},  {"lnot", "¬"},       {"land", "∧"},    {"lor", "∨"},     {"vert", "|"},
      {"Vert", "‖"},       {"langle", "⟨"}, {"rangle", "⟩"},     {"lfloor", "⌊"},  {"rfloor", "⌋"},  {"lceil", "⌈"},
      {"rceil", "⌉"},      {"top", "⊤"},    {"equiv", "≡"},      {"propto", "∝"},  {"circ", "∘"},    {"star", "⋆"},
      {"ast", "∗"},        {"forall", "∀"}, {"exists", "∃"},     {"cup", "∪"},     {"cap", "∩"},     {"subset", "⊂"},
      {"setminus", "∖"},   {"oplus", "⊕"},  {"otimes", "⊗"},     {"{", "{"},       {"}", "}"},       {"_", "_"},
      {"#", "#"},          {"%", "%"},      {"&", "&"},          {"|", "‖"},       {"lt", "<"},      {"gt", ">"},
      {"ll", "≪"},         {"gg", "≫"},     {"nabla", "∇"},      {"partial", "∂"}, {"sum", "∑"},     {"prod", "∏"},
      {"int", "∫"},        {"colon", ":"},  {"leftarrow", "←"},  {"neq", "≠"},     {"leq", "≤"},     {"geq", "≥"},
      {"emptyset", "∅"},   {"lVert", "‖"},  {"rVert", "‖"},      {"lvert", "|"},   {"rvert", "|"},   {"bmod", "mod"},
      {"varepsilon", "ε"}, {"ldotp", "."},  {"prime", "′"}};
  const auto at = table.find(command);
  if (at == table.end()) return std::nullopt;
  return at->second;
}

bool is_latex_function(std::string_view command) {
  constexpr std::array<std::string_view, 24> kNames = {
      "log",    "ln",     "exp",    "max", "min", "sin", "cos", "tan", "sinh", "cosh", "tanh", "lim",
      "arcsin", "arccos", "arctan", "det", "sup", "inf", "arg", "gcd", "dim",  "sec",  "csc",  "cot"};
  return std::find(kNames.begin(), kNames.end(), command) != kNames.end();
}

char32_t latex_accent(std::string_view command) {
  if (command == "bar") return 0x304;
  if (command == "hat" || command == "widehat") return 0x302;
  if (command == "tilde" || command == "widetilde") return 0x303;
  if (command == "dot") return 0x307;
  if (command == "ddot") return 0x308;
  if (command == "vec") return 0x20d7;
  if (command == "overline") return 0x305;
  return 0;
}

}  // namespace tapegrad
