#include "text/latex_symbols.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace tapegrad {
namespace {

const std::map<std::string_view, std::string_view>& symbols() {
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
      {"varepsilon", "ε"}, {"ldotp", "."},  {"prime", "′"},      {"surd", "√"}};
  return table;
}

struct Accent {
  std::string_view command;
  char32_t mark;
};
constexpr std::array<Accent, 9> kAccents = {{{"bar", 0x304},
                                             {"hat", 0x302},
                                             {"widehat", 0x302},
                                             {"tilde", 0x303},
                                             {"widetilde", 0x303},
                                             {"dot", 0x307},
                                             {"ddot", 0x308},
                                             {"vec", 0x20d7},
                                             {"overline", 0x305}}};

}  // namespace

std::optional<std::string_view> latex_symbol(std::string_view command) {
  const auto at = symbols().find(command);
  if (at == symbols().end()) return std::nullopt;
  return at->second;
}

std::optional<std::string_view> latex_command(std::string_view symbol) {
  const auto at = std::find_if(symbols().begin(), symbols().end(), [&](const auto& s) { return s.second == symbol; });
  if (at == symbols().end()) return std::nullopt;
  return at->first;
}

bool is_latex_function(std::string_view command) {
  constexpr std::array<std::string_view, 24> kNames = {
      "log",    "ln",     "exp",    "max", "min", "sin", "cos", "tan", "sinh", "cosh", "tanh", "lim",
      "arcsin", "arccos", "arctan", "det", "sup", "inf", "arg", "gcd", "dim",  "sec",  "csc",  "cot"};
  return std::find(kNames.begin(), kNames.end(), command) != kNames.end();
}

char32_t latex_accent(std::string_view command) {
  const auto* const at =
      std::find_if(kAccents.begin(), kAccents.end(), [&](const Accent& a) { return a.command == command; });
  return at == kAccents.end() ? 0 : at->mark;
}

std::string_view latex_accent_of(char32_t mark) {
  const auto* const at =
      std::find_if(kAccents.begin(), kAccents.end(), [&](const Accent& a) { return a.mark == mark; });
  return at == kAccents.end() ? std::string_view() : at->command;
}

}  // namespace tapegrad
