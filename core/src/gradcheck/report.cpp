#include "tapegrad/gradcheck/report.hpp"

#include <algorithm>
#include <cmath>

namespace tapegrad {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok: return "ok";
    case Verdict::kink: return "kink";
    case Verdict::vacuous: return "vacuous";
    case Verdict::out_of_domain: return "out of domain";
    case Verdict::unreliable: return "unreliable";
    case Verdict::non_deterministic: return "non-deterministic";
    case Verdict::wrong: return "wrong";
  }
  return "?";
}

std::string_view to_string(GradcheckMistake mistake) {
  switch (mistake) {
    case GradcheckMistake::constant_factor: return "constant factor";
    case GradcheckMistake::missing_factor: return "missing factor";
    case GradcheckMistake::sign_of_input: return "sign of an input";
    case GradcheckMistake::no_gradient: return "no gradient";
    case GradcheckMistake::transposed: return "transposed";
    case GradcheckMistake::wrong_axis: return "wrong axis";
    case GradcheckMistake::shifted: return "shifted";
    case GradcheckMistake::exchanged_inputs: return "exchanged inputs";
    case GradcheckMistake::missing_sum: return "missing sum over a broadcast axis";
    case GradcheckMistake::missing_accumulation: return "missing accumulation";
    case GradcheckMistake::missing_coupling: return "missing coupling";
    case GradcheckMistake::extra_term: return "extra term";
    case GradcheckMistake::ignored_mask: return "ignored mask";
    case GradcheckMistake::stale_value: return "stale value";
    case GradcheckMistake::detached_statistics: return "detached statistics";
    case GradcheckMistake::correction_factor: return "factor of a correction term";
    case GradcheckMistake::misplaced_epsilon: return "misplaced epsilon";
    case GradcheckMistake::single_precision: return "single precision";
    case GradcheckMistake::not_finite: return "not finite";
    case GradcheckMistake::not_linear: return "not linear in the cotangent";
  }
  return "?";
}

std::string_view to_string(GradcheckMode mode) {
  switch (mode) {
    case GradcheckMode::reverse: return "reverse";
    case GradcheckMode::forward: return "forward";
    case GradcheckMode::call: return "call";
  }
  return "?";
}

double GradcheckElement::absolute_error() const { return analytic == numeric ? 0.0 : std::abs(analytic - numeric); }

double GradcheckElement::relative_error() const {
  const double size = std::max(std::abs(analytic), std::abs(numeric));
  const double error = absolute_error();
  if (!std::isfinite(error)) return std::abs(error);  // an infinite side, or NaN without a sign
  return error == 0.0 ? 0.0 : error / size;
}

Verdict GradcheckReport::verdict() const {
  Verdict worst = Verdict::ok;
  for (const GradcheckFinding& f : findings) worst = std::max(worst, f.verdict);
  return worst;
}

bool GradcheckReport::passes(const GradcheckFinding& finding) const {
  return finding.verdict == Verdict::ok || finding.verdict == Verdict::kink ||
         std::any_of(allowed.begin(), allowed.end(), [&](const Allowance& a) { return a.verdict == finding.verdict; });
}

bool GradcheckReport::ok() const {
  return std::all_of(findings.begin(), findings.end(), [this](const GradcheckFinding& f) { return passes(f); });
}

}  // namespace tapegrad
