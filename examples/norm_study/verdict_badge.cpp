#include "norm_study/verdict_badge.hpp"

namespace norm_study {

Badge badge(Outcome outcome) {
  switch (outcome) {
    case Outcome::confirmed:
    case Outcome::holds: return {"✓", "good", "32"};
    case Outcome::no_material_difference: return {"=", "even", "36"};
    case Outcome::reversed: return {"↺", "bad", "35"};
    case Outcome::fails: return {"✗", "bad", "31"};
    case Outcome::inconclusive: return {"?", "open", "33"};
    case Outcome::not_judged: return {"–", "even", "2"};
  }
  return {"–", "even", ""};
}

std::string verdict_words(const Verdict& verdict) {
  return std::string(outcome_name(verdict.outcome)) + (verdict.by_construction ? " by construction" : "");
}

}  // namespace norm_study
