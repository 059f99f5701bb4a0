#include "gradcheck/wording.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "text/wrapping.hpp"

namespace tapegrad::checker {

std::string shapes_text(const std::vector<std::vector<std::int64_t>>& shapes) {
  std::vector<std::string> texts;
  for (const std::vector<std::int64_t>& shape : shapes) texts.push_back(fmt::format("[{}]", fmt::join(shape, ", ")));
  return texts.empty() ? "none" : fmt::format("{}", fmt::join(texts, ", "));
}

bool is_of_an_element(const GradcheckFinding& finding, const std::vector<std::int64_t>& index, std::int64_t output) {
  if (!finding.with_differences || finding.worst.empty()) return false;
  return !index.empty() || (output >= 0 && finding.shape.empty());
}

std::string element_text(const GradcheckFinding& finding, const std::vector<std::int64_t>& index, std::int64_t output) {
  if (finding.mode == GradcheckMode::call || (finding.input >= 0 && finding.worst.empty())) return "";
  return is_of_an_element(finding, index, output) ? fmt::format("[{}]", fmt::join(index, ", ")) : "direction";
}

std::string output_text(const GradcheckFinding& finding, std::int64_t output) {
  if (output < 0) return "";
  for (std::size_t k = 0; k < finding.output_sizes.size(); ++k) {
    if (output < finding.output_sizes[k]) return fmt::format("{}[{}]", k, output);
    output -= finding.output_sizes[k];
  }
  return std::to_string(output);
}

std::string_view numeric_side(const GradcheckFinding& finding) {
  return finding.with_differences ? "finite differences" : "reverse mode";
}

double measured_rate(const GradcheckFinding& finding) {
  return finding.verdict == Verdict::vacuous ? std::numeric_limits<double>::quiet_NaN() : finding.rate;
}

std::string rate_text(const GradcheckFinding& finding) {
  if (finding.sweep.empty()) return "";
  if (finding.verdict == Verdict::vacuous) return "-";
  return std::isfinite(finding.rate) ? fmt::format("{:.2f}", finding.rate) : std::string("exact");
}

std::string reproduction(const GradcheckReport& report, const GradcheckFinding& finding) {
  std::string text = fmt::format("seed {}", report.seed);
  if (finding.order == 2) text += ", order 2";
  text += fmt::format(", input '{}'", finding.input_name);
  const std::string element = element_text(finding, finding.index, finding.output);
  if (element == "direction")
    text += finding.with_differences && finding.output >= 0 ? ", elements at a kink together"
                                                            : ", along a random direction";
  else if (!element.empty())
    text += fmt::format(", index {}, value {}", element, finding.input_value);
  if (finding.output >= 0) text += fmt::format(", output {}", output_text(finding, finding.output));
  if (finding.step > 0.0) text += fmt::format(", step {:.3g}", finding.step);
  return text;
}

bool has_remarks(const GradcheckReport& report) {
  return !report.allowed.empty() ||
         std::any_of(report.findings.begin(), report.findings.end(),
                     [](const GradcheckFinding& f) { return f.verdict != Verdict::ok || !f.note.empty(); });
}

std::string indented(std::string_view text, std::size_t indent) {
  constexpr std::size_t kColumns = 100;
  const std::string next_line = "\n" + std::string(indent, ' ');
  return fmt::format("{}", fmt::join(wrapped(text, kColumns - indent), next_line));
}

}  // namespace tapegrad::checker
