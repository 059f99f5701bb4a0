#include "tapegrad/check_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "console/columns.hpp"

namespace tapegrad::program {
namespace {

/// As a shell reads it: in quotes where it holds more than letters, digits and the like.
std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,/";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) return std::string(text);
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

/// The error in units of what is allowed; on a kink nothing is measured by it.
double share_of_tolerance(const GradcheckFinding& f) {
  return f.verdict != Verdict::kink && f.tolerance > 0.0 ? f.absolute_error() / f.tolerance : 0.0;
}

}  // namespace

Summary& Summary::operator+=(const Summary& other) {
  samples += other.samples;
  checks += other.checks;
  failed += other.failed;
  skipped += other.skipped;
  threw += other.threw;
  comparisons += other.comparisons;
  for (std::size_t v = 0; v < kVerdicts; ++v) verdicts[v] += other.verdicts[v];
  worst = std::max(worst, other.worst);
  return *this;
}

Summary summary_of(const suite::EntryResult& result) {
  Summary summary;
  std::set<std::string_view> samples;
  for (const suite::CheckResult& check : result.checks) {
    ++summary.checks;
    if (check.outcome == suite::Outcome::failed) ++summary.failed;
    if (check.outcome == suite::Outcome::skipped) ++summary.skipped;
    if (check.threw) ++summary.threw;
    if (check.of_samples) samples.insert(check.sample);
    if (!check.report) continue;
    summary.comparisons += check.report->comparisons;
    for (const GradcheckFinding& f : check.report->findings) {
      ++summary.verdicts[static_cast<std::size_t>(f.verdict)];
      summary.worst = std::max(summary.worst, share_of_tolerance(f));
    }
  }
  summary.samples = samples.size();
  return summary;
}

std::string verdict_text(const Summary& summary) {
  std::string text;
  for (std::size_t v = 0; v < kVerdicts; ++v)
    if (summary.verdicts[v] > 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", summary.verdicts[v], to_string(static_cast<Verdict>(v)));
  return text.empty() ? "-" : text;
}

std::string title(const suite::CheckResult& check) {
  return check.sample.empty() ? std::string(check.check) : fmt::format("{}, sample \"{}\"", check.check, check.sample);
}

std::string reproduction(std::string_view program, const suite::EntryResult& result, const suite::CheckResult& check,
                         const suite::CheckOptions& options) {
  const suite::CheckOptions usual;
  std::string line = fmt::format("{} check --{} {}", shell_word(program), result.kind, shell_word(result.name));
  // Others name a case of their own, as an error's, or run beside the samples of a layer: with the whole entry alone.
  if (check.of_samples) line += " --sample " + shell_word(check.sample);
  if (options.order != usual.order) line += fmt::format(" --order {}", options.order);
  if (options.dtype != usual.dtype && result.kind != "check")
    line += fmt::format(" --dtype {}", to_string(options.dtype));
  if (options.seed != usual.seed) line += fmt::format(" --seed {}", options.seed);
  return line;
}

std::string conclusion(bool passed, std::string_view text, const console::Terminal& terminal) {
  constexpr std::size_t kIndent = 5;  // the word and a space
  const std::string lines = console::paragraph(text, kIndent, terminal.width);
  return terminal.painted(passed ? "PASS" : "FAIL", passed ? console::Paint::good : console::Paint::bad) +
         lines.substr(kIndent - 1);
}

}  // namespace tapegrad::program
