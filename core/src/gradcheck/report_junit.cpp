#include <fmt/format.h>

#include <algorithm>

#include "gradcheck/wording.hpp"
#include "tapegrad/gradcheck/report.hpp"
#include "text/markup.hpp"

namespace tapegrad {
namespace {

bool fails(const NamedReport& named) { return !named.error && !named.report.ok(); }

/// <failure> or <error>: its message is the first line.
std::string complaint(std::string_view kind, std::string_view text) {
  return fmt::format("<{0} message=\"{1}\">{2}</{0}>", kind, escaped(text.substr(0, text.find('\n'))), escaped(text));
}

/// What stands within a test case; empty where it has passed without a remark.
std::string junit_outcome(const NamedReport& named) {
  if (named.error) return complaint("error", *named.error);
  if (!named.report.ok()) return complaint("failure", to_string(named.report));
  if (!checker::has_remarks(named.report)) return "";
  return fmt::format("<system-out>{}</system-out>", escaped(to_string(named.report)));
}

std::string junit_case(std::string_view suite, const NamedReport& named) {
  const std::string head = fmt::format(R"(    <testcase classname="{}" name="{}" time="{:.6f}")", escaped(suite),
                                       escaped(named.name), named.report.seconds);
  const std::string within = junit_outcome(named);
  return head + (within.empty() ? "/>\n" : fmt::format(">\n      {}\n    </testcase>\n", within));
}

}  // namespace

std::string to_junit(std::string_view suite, const std::vector<NamedReport>& reports) {
  const auto failures = std::count_if(reports.begin(), reports.end(), fails);
  const auto errors =
      std::count_if(reports.begin(), reports.end(), [](const NamedReport& named) { return named.error.has_value(); });
  std::string cases;
  double seconds = 0.0;
  for (const NamedReport& named : reports) {
    cases += junit_case(suite, named);
    seconds += named.report.seconds;
  }
  const std::string totals = fmt::format(R"(name="{}" tests="{}" failures="{}" errors="{}" skipped="0" time="{:.6f}")",
                                         escaped(suite), reports.size(), failures, errors, seconds);
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {0}>\n  <testsuite {0}>\n{1}  </testsuite>\n"
      "</testsuites>\n",
      totals, cases);
}

}  // namespace tapegrad
