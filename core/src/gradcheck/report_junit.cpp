#include <fmt/format.h>

#include <algorithm>

#include "tapegrad/gradcheck/report.hpp"
#include "text/markup.hpp"

namespace tapegrad {
namespace {

std::string junit_case(std::string_view suite, const NamedReport& named) {
  const std::string head = fmt::format(R"(    <testcase classname="{}" name="{}" time="{:.6f}")", escaped(suite),
                                       escaped(named.name), named.report.seconds);
  if (named.report.ok()) return head + "/>\n";
  const std::string text = to_string(named.report);
  return head + fmt::format(">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
                            escaped(text.substr(0, text.find('\n'))), escaped(text));
}

}  // namespace

std::string to_junit(std::string_view suite, const std::vector<NamedReport>& reports) {
  const auto failures =
      std::count_if(reports.begin(), reports.end(), [](const NamedReport& named) { return !named.report.ok(); });
  std::string cases;
  double seconds = 0.0;
  for (const NamedReport& named : reports) {
    cases += junit_case(suite, named);
    seconds += named.report.seconds;
  }
  const std::string totals = fmt::format(R"(name="{}" tests="{}" failures="{}" errors="0" skipped="0" time="{:.6f}")",
                                         escaped(suite), reports.size(), failures, seconds);
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {0}>\n  <testsuite {0}>\n{1}  </testsuite>\n"
      "</testsuites>\n",
      totals, cases);
}

}  // namespace tapegrad
