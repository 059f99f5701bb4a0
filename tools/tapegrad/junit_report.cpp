#include <fmt/format.h>

#include "tapegrad/reports.hpp"
#include "text/markup.hpp"

namespace tapegrad::program {
namespace {

std::string testcase(const suite::EntryResult& result, const suite::CheckResult& check,
                     const suite::CheckOptions& options) {
  const std::string head =
      fmt::format(R"(    <testcase classname="{}.{}" name="{}" time="{:.6f}")", escaped(result.kind),
                  escaped(result.name), escaped(title(check)), check.seconds);
  switch (check.outcome) {
    case suite::Outcome::passed: return head + "/>\n";
    case suite::Outcome::skipped:
      return head + fmt::format(">\n      <skipped message=\"{}\"/>\n    </testcase>\n", escaped(check.message));
    case suite::Outcome::failed: {
      const std::string first_line = check.message.substr(0, check.message.find('\n'));
      return head + fmt::format(">\n      <failure message=\"{}\">{}\nagain: {}</failure>\n    </testcase>\n",
                                escaped(first_line), escaped(check.message),
                                escaped(reproduction(result, check, options)));
    }
  }
  return "";
}

}  // namespace

std::string junit_report(const CheckRun& run) {
  Summary all;
  std::string suites;
  for (const suite::EntryResult& result : run.results) {
    const Summary s = summary_of(result);
    all += s;
    suites += fmt::format(
        "  <testsuite name=\"{}.{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{:.6f}\">\n",
        escaped(result.kind), escaped(result.name), s.checks, s.failed, s.skipped, result.seconds);
    for (const suite::CheckResult& check : result.checks) suites += testcase(result, check, run.options);
    suites += "  </testsuite>\n";
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"tapegrad\" tests=\"{}\" failures=\"{}\" "
      "errors=\"0\" skipped=\"{}\" time=\"{:.6f}\">\n{}</testsuites>\n",
      all.checks, all.failed, all.skipped, run.seconds, suites);
}

}  // namespace tapegrad::program
