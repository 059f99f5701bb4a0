// Tables and reports of a run with one right op and one wrong one.
#include "tapegrad/reports.hpp"

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "broken_entry.hpp"
#include "console/columns.hpp"
#include "tapegrad/check_command.hpp"
#include "tapegrad/progress.hpp"
#include "tapegrad/table.hpp"
#include "tapegrad/text/readable_math.hpp"

using namespace console;
using namespace tapegrad::program;

namespace {

const CheckRun& made_run() {
  static const CheckRun run = [] {
    CheckRun made{.options = {.order = 1, .seed = 4}, .workers = 1, .results = {}};
    made.results.push_back(tapegrad::suite::check(tapegrad::test::entry_with_scale(1.0), made.options));
    made.results.push_back(tapegrad::suite::check(tapegrad::test::entry_with_scale(1.03), made.options));
    return made;
  }();
  return run;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reports)

BOOST_AUTO_TEST_CASE(json) {
  const nlohmann::json report = nlohmann::json::parse(json_report(made_run()));
  BOOST_TEST(report["passed"] == false);
  BOOST_TEST(report["options"]["seed"] == 4);
  BOOST_TEST(report["results"].size() == 2U);
  BOOST_TEST(report["results"][0]["passed"] == true);
  const nlohmann::json& wrong = report["results"][1];
  BOOST_TEST(wrong["passed"] == false);
  BOOST_TEST(wrong["verdicts"]["wrong"].get<int>() >= 1);
  bool found = false;
  for (const nlohmann::json& check : wrong["checks"]) {
    if (check["check"] != "differences") continue;
    found = true;
    BOOST_TEST(check["outcome"] == "failed");
    BOOST_TEST(check["reproduce"] == "tapegrad check --op scaled --sample 'a <sample> & \"more\"' --order 1 --seed 4");
    const nlohmann::json& finding = check["gradcheck"]["findings"][0];
    BOOST_TEST(finding["verdict"] == "wrong");
    BOOST_TEST(finding["relative_error"].get<double>() > 0.02);
  }
  BOOST_TEST(found);
}

BOOST_AUTO_TEST_CASE(junit) {
  std::istringstream text(junit_report(made_run()));
  boost::property_tree::ptree tree;
  boost::property_tree::read_xml(text, tree);
  const auto& suites = tree.get_child("testsuites");
  BOOST_TEST(suites.get<int>("<xmlattr>.failures") == 1);
  BOOST_TEST(suites.get<std::size_t>("<xmlattr>.tests") ==
             made_run().results[0].checks.size() + made_run().results[1].checks.size());
  std::size_t cases = 0;
  std::size_t failures = 0;
  for (const auto& [name, suite] : suites) {
    if (name != "testsuite") continue;
    for (const auto& [kind, testcase] : suite) {
      if (kind != "testcase") continue;
      ++cases;
      if (const auto failure = testcase.get_child_optional("failure")) {
        ++failures;
        BOOST_TEST(testcase.get<std::string>("<xmlattr>.name") == "differences, sample \"a <sample> & \"more\"\"");
        BOOST_TEST(failure->data().find("gradcheck: wrong") != std::string::npos);
        BOOST_TEST(failure->data().find("again: tapegrad check --op scaled") != std::string::npos);
      }
    }
  }
  BOOST_TEST(cases == suites.get<std::size_t>("<xmlattr>.tests"));
  BOOST_TEST(failures == 1U);
}

BOOST_AUTO_TEST_CASE(html) {
  const std::string page = html_report(made_run());
  for (const char* tag : {"table", "tbody", "details", "section", "div", "pre", "ul", "html", "body", "style"})
    BOOST_TEST(count(page, std::string("<") + tag + " ") + count(page, std::string("<") + tag + ">") ==
                   count(page, std::string("</") + tag + ">"),
               tag);
  BOOST_TEST(count(page, "<details class=\"failure\"") == 1U);
  BOOST_TEST(count(page, "Relative error by element") == 1U);  // the report's own heat map
  BOOST_TEST(page.find("a &lt;sample&gt; &amp; &quot;more&quot;") != std::string::npos);
  BOOST_TEST(page.find("<sample>") == std::string::npos);
  BOOST_TEST(page.find("prefers-color-scheme: dark") != std::string::npos);
  BOOST_TEST(page.find("width=device-width") != std::string::npos);
  BOOST_TEST(page.find("http") == std::string::npos, "the page needs something else");
  BOOST_TEST(page.find("<script") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(html_has_one_place_for_all_failures_of_an_entry) {
  CheckRun run = made_run();
  run.results.back().checks.push_back(
      {.check = "errors", .sample = "e", .outcome = tapegrad::suite::Outcome::failed, .message = "no", .report = {}});
  const std::string page = html_report(run);
  BOOST_TEST(count(page, "<details class=\"failure\"") == 2U);
  BOOST_TEST(count(page, " id=\"op.scaled\"") == 1U);
  BOOST_TEST(count(page, " id=\"") == 1U);
  BOOST_TEST(count(page, " href=\"#op.scaled\"") == 1U);
}

BOOST_AUTO_TEST_CASE(html_tells_what_was_skipped) {
  CheckRun run = made_run();
  tapegrad::suite::CheckResult& check = run.results.front().checks.front();
  check.outcome = tapegrad::suite::Outcome::skipped;
  check.message = "too <large>";
  const std::string page = html_report(run);
  BOOST_TEST(page.find("<b>1</b> <span class=\"soft\">skipped</span>") != std::string::npos);
  BOOST_TEST(page.find("<li>1 × too &lt;large&gt;</li>") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_table_is_as_wide_as_the_terminal) {
  const std::vector<Column> heads = {{"name"}, {.heading = "family", .optional = true}, {"text"}};
  const std::vector<std::vector<Cell>> rows = {{{"x̄"}, {"pointwise"}, {"one two three four five six seven"}}};
  for (const std::size_t width : {20U, 26U, 40U, 120U}) {
    const auto lines = table_lines(heads, rows, {.width = width});
    for (const std::string& line : lines) BOOST_TEST(display_width(line) <= width, "'" << line << "' at " << width);
    BOOST_TEST((lines.front().find("family") != std::string::npos) == (width == 120U), width);
    BOOST_TEST((lines.size() > 2U) == (width < 40U), width);
  }
}

BOOST_AUTO_TEST_CASE(columns_that_can_be_spared_go_before_a_line_is_too_long) {
  const std::vector<Column> heads = {{"name"}, {.heading = "count", .to_the_right = true, .spare = true}, {"text"}};
  const std::vector<std::vector<Cell>> rows = {{{"scaled_dot_product_attention"}, {"1234567"}, {"12 ok, 3 kink"}}};
  for (const std::size_t width : {40U, 47U, 80U}) {
    const auto lines = table_lines(heads, rows, {.width = width});
    for (const std::string& line : lines) BOOST_TEST(display_width(line) <= width, "'" << line << "' at " << width);
    // 28 of the name, 7 of the count, 5 of the longest word, and two gaps of 2
    BOOST_TEST((lines.front().find("count") != std::string::npos) == (width >= 44U), width);
  }
}

BOOST_AUTO_TEST_CASE(a_bar_is_as_wide_as_the_terminal) {
  for (const std::size_t width : {40U, 79U, 119U})
    for (const std::size_t done : {0U, 1U, 57U, 120U})
      BOOST_TEST(display_width(progress_bar(done, 120, "scaled_dot_product_attention", width)) <= width);
  std::string label;  // of twenty columns, in four times as many bytes
  for (int letter = 0; letter < 20; ++letter) label += "é̄";
  BOOST_TEST(progress_bar(0, 120, label, 41).ends_with(label));
  BOOST_TEST(progress_bar(120, 120, "", 79).find("████████████████████ 120/120") != std::string::npos);
}

/// A failure and two skipped checks whose names and messages need escapes.
CheckRun awkward_run() {
  using namespace tapegrad::suite;
  EntryResult result{.kind = "op", .family = "t", .name = "a<b", .checks = {}};
  result.checks.push_back({.check = "errors",
                           .sample = "it's",
                           .outcome = Outcome::failed,
                           .message = "x < y & \"z\"\nsecond <line>\xff",
                           .report = {}});
  result.checks.push_back({.check = "float32",
                           .sample = "it's",
                           .of_samples = true,
                           .outcome = Outcome::skipped,
                           .message = "n < 2 & \"so\"",
                           .report = {}});
  result.checks.push_back(result.checks.back());
  return {.options = {}, .workers = 1, .results = {result, result}};
}

BOOST_AUTO_TEST_CASE(json_is_json_whatever_a_message_holds) {
  const nlohmann::json result = nlohmann::json::parse(json_report(awkward_run()))["results"][0];
  BOOST_TEST(result["checks"][0]["message"] == "x < y & \"z\"\nsecond <line>\xef\xbf\xbd");  // U+FFFD
  BOOST_TEST(result["checks"][0]["outcome"] == "failed");
  BOOST_TEST(result["checks"][1]["outcome"] == "skipped");
}

BOOST_AUTO_TEST_CASE(junit_escapes_messages_and_counts_what_was_skipped) {
  std::istringstream text(junit_report(awkward_run()));
  boost::property_tree::ptree tree;
  boost::property_tree::read_xml(text, tree);
  BOOST_TEST(tree.get<int>("testsuites.<xmlattr>.skipped") == 4);
  const auto& suite = tree.get_child("testsuites.testsuite.<xmlattr>");
  BOOST_TEST(suite.get<std::string>("name") == "op.a<b");
  BOOST_TEST(suite.get<int>("tests") == 3);
  BOOST_TEST(suite.get<int>("failures") == 1);
  BOOST_TEST(suite.get<int>("skipped") == 2);
  int failures = 0;
  int skipped = 0;
  for (const auto& [kind, testcase] : tree.get_child("testsuites.testsuite")) {
    if (kind != "testcase") continue;
    if (const auto failure = testcase.get_child_optional("failure")) {
      ++failures;
      BOOST_TEST(failure->get<std::string>("<xmlattr>.message") == "x < y & \"z\"");
      BOOST_TEST(failure->data() == "x < y & \"z\"\nsecond <line>?\nagain: tapegrad check --op 'a<b'");
    }
    if (const auto skip = testcase.get_child_optional("skipped")) {
      ++skipped;
      BOOST_TEST(skip->get<std::string>("<xmlattr>.message") == "n < 2 & \"so\"");
    }
  }
  BOOST_TEST(failures == 1);
  BOOST_TEST(skipped == 2);
}

BOOST_AUTO_TEST_CASE(junit_has_what_was_thrown_as_errors) {
  CheckRun run = awkward_run();
  run.program = "my <suite>";
  run.results[0].checks[0].threw = true;
  std::istringstream text(junit_report(run));
  boost::property_tree::ptree tree;
  boost::property_tree::read_xml(text, tree);
  const auto& all = tree.get_child("testsuites");
  BOOST_TEST(all.get<std::string>("<xmlattr>.name") == "my <suite>");
  BOOST_TEST(all.get<int>("<xmlattr>.failures") == 1);
  BOOST_TEST(all.get<int>("<xmlattr>.errors") == 1);
  const auto& first = all.get_child("testsuite");
  BOOST_TEST(first.get<int>("<xmlattr>.failures") == 0);
  BOOST_TEST(first.get<int>("<xmlattr>.errors") == 1);
  BOOST_TEST(first.get<std::string>("testcase.error.<xmlattr>.message") == "x < y & \"z\"");
  BOOST_TEST(!first.get_child("testcase").get_child_optional("failure"));
}

BOOST_AUTO_TEST_CASE(what_runs_a_check_again_is_quoted_for_a_shell) {
  const CheckRun run = awkward_run();
  const tapegrad::suite::EntryResult& result = run.results[0];
  BOOST_TEST(reproduction("tapegrad", result, result.checks[1], {}) == "tapegrad check --op 'a<b' --sample 'it'\\''s'");
  BOOST_TEST(reproduction("my suite", result, result.checks[0], {}) ==
             "'my suite' check --op 'a<b'");  // errors belong to no sample
}

BOOST_AUTO_TEST_CASE(a_kink_is_no_error) {
  tapegrad::GradcheckReport report;
  report.findings.push_back({{.verdict = tapegrad::Verdict::kink}});
  report.findings.back().analytic = 5;
  report.findings.back().tolerance = 1;
  tapegrad::suite::EntryResult result{.kind = "op", .family = "t", .name = "x", .checks = {}};
  result.checks.push_back({.check = "differences", .sample = "s", .message = "", .report = report});
  BOOST_TEST(summary_of(result).worst == 0.0);
}

BOOST_AUTO_TEST_CASE(a_failure_is_the_exit_status) {
  BOOST_TEST(exit_status(awkward_run()) == 1);
  BOOST_TEST(exit_status({.options = {}, .workers = 1, .results = {}}) == 0);
  BOOST_TEST(exit_status(made_run()) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
