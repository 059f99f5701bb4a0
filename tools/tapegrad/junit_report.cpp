#include <fmt/format.h>

#include "gradcheck/wording.hpp"
#include "tapegrad/reports.hpp"
#include "text/markup.hpp"

namespace tapegrad::program {
namespace {

std::string testcase(const suite::EntryResult& result, const suite::CheckResult& check, const CheckRun& run) {
  const std::string head =
      fmt::format(R"(    <testcase classname="{}.{}" name="{}" time="{:.6f}")", escaped(result.kind),
                  escaped(result.name), escaped(title(check)), check.seconds);
  switch (check.outcome) {
    case suite::Outcome::passed:
      if (!check.report || !checker::has_remarks(*check.report)) return head + "/>\n";
      return head +
             fmt::format(">\n      <system-out>{}</system-out>\n    </testcase>\n", escaped(to_string(*check.report)));
    case suite::Outcome::skipped:
      return head + fmt::format(">\n      <skipped message=\"{}\"/>\n    </testcase>\n", escaped(check.message));
    case suite::Outcome::failed: {
      const std::string first_line = check.message.substr(0, check.message.find('\n'));
      return head + fmt::format(">\n      <{0} message=\"{1}\">{2}\nagain: {3}</{0}>\n    </testcase>\n",
                                check.threw ? "error" : "failure", escaped(first_line), escaped(check.message),
                                escaped(reproduction(run.program, result, check, run.options)));
    }
  }
  return "";
}

/// The attributes that a suite and all suites have.
std::string totals(std::string_view name, const Summary& s, double seconds) {
  return fmt::format(R"(name="{}" tests="{}" failures="{}" errors="{}" skipped="{}" time="{:.6f}")", escaped(name),
                     s.checks, s.failed - s.threw, s.threw, s.skipped, seconds);
}

}  // namespace

std::string junit_report(const CheckRun& run) {
  Summary all;
  std::string suites;
  for (const suite::EntryResult& result : run.results) {
    const Summary s = summary_of(result);
    all += s;
    suites +=
        fmt::format("  <testsuite {}>\n", totals(fmt::format("{}.{}", result.kind, result.name), s, result.seconds));
    for (const suite::CheckResult& check : result.checks) suites += testcase(result, check, run);
    suites += "  </testsuite>\n";
  }
  return fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {}>\n{}</testsuites>\n",
                     totals(run.program, all, run.seconds), suites);
}

}  // namespace tapegrad::program
