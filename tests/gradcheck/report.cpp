// A report as text, JSON, HTML and JUnit's XML: what stands in it, how wide it is, what it refuses to break on.
#include "tapegrad/gradcheck/report.hpp"

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gradcheck/functions.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

namespace {

GradcheckReport wrong_by_a_factor() {
  const auto f = [](Point x) { return std::exp(x[0]) * x[1] + x[2] * x[3] * x[2]; };
  const auto gradient = [](Point x) {
    Numbers g = {std::exp(x[0]) * x[1], std::exp(x[0]), 2.0 * x[2] * x[3], x[2] * x[2]};
    for (double& v : g) v *= 1.03;
    return g;
  };
  return check_gradient(f, gradient, Numbers{0.3, -1.0, 0.7, 2.0},
                        {.seed = 7, .input_names = {"<theta>"}, .input_shapes = {{2, 2}}});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(report)

BOOST_AUTO_TEST_CASE(the_text_fits_and_says_all) {
  const std::string text = fmt::format("{}", wrong_by_a_factor());
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) BOOST_TEST(line.size() <= 100U, line);
  for (const char* words : {"gradcheck: wrong", "<theta>", "finite differences", "diagnosis", "1.03 × numeric on all 4",
                            "Taylor rate  1.0", "reproduce    seed 7, input '<theta>', index ["})
    BOOST_TEST(text.find(words) != std::string::npos, words << " is not in\n" << text);
}

BOOST_AUTO_TEST_CASE(a_derivative_that_is_zero_to_rounding_has_no_taylor_rate) {
  GradcheckReport report;
  report.findings.push_back({{.verdict = Verdict::vacuous}});
  report.findings[0].rate = 0.1;
  report.findings[0].sweep = {{0.1, 1e-17, 1e-17}};
  BOOST_TEST(to_string(report).find("Taylor rate ") == std::string::npos, to_string(report));
  BOOST_TEST(to_json(report).find("\"taylor_rate\": \"nan\"") != std::string::npos, to_json(report));
}

BOOST_AUTO_TEST_CASE(long_names_are_cut_between_characters) {
  std::string name;
  for (int k = 0; k < 60; ++k) name += "π";
  GradcheckReport report{.findings = {{}}, .allowed = {}};
  for (const char* first : {"", "x"}) {
    report.findings[0].input_name = first + name;
    const std::string text = to_string(report);
    const nlohmann::json json = text;
    BOOST_CHECK_NO_THROW(json.dump());  // throws where a string is not UTF-8
    std::string left = first;
    for (int k = *first == '\0' ? 0 : 1; k < 17; ++k) left += "π";
    std::string right;
    for (int k = 0; k < 17; ++k) right += "π";
    BOOST_TEST(text.find(" " + left + ".." + right + " ") != std::string::npos, text);
  }
  // Fewer characters than bytes: not cut.
  report.findings[0].input_name = name.substr(0, 2 * 25);
  BOOST_TEST(to_string(report).find(" " + name.substr(0, 2 * 25) + " ") != std::string::npos, to_string(report));
}

BOOST_AUTO_TEST_CASE(notes_fill_their_lines_whatever_their_letters_take) {
  GradcheckReport report{.findings = {{}}, .allowed = {}};
  const auto note_of = [&report](const std::string& word) {
    std::string& note = report.findings[0].note;
    note = word;
    for (int k = 1; k < 60; ++k) note += " " + word;
    const std::string text = to_string(report);
    return text.substr(text.find("  note"));
  };
  const std::string plain = note_of("xyz");
  BOOST_TEST(plain.find('\n') == 98U);  // 21 words of three letters and their spaces, behind 15 columns
  for (const std::string word : {"äöü", "x̄yẑ", "€∂∑"}) {
    std::string expected;
    for (std::size_t at = 0, next; (next = plain.find("xyz", at)) != std::string::npos; at = next + 3)
      expected += plain.substr(at, next - at) + word;
    BOOST_TEST(note_of(word) == expected + "\n");
  }
}

BOOST_AUTO_TEST_CASE(a_nan_has_no_sign) {
  const auto none = [](Point x) { return Numbers(x.size(), -std::nan("")); };
  const std::string text = fmt::format("{}", check_gradient([](Point x) { return x[0] * x[0]; }, none, Numbers{1.0}));
  BOOST_TEST(text.find(" nan ") != std::string::npos, text);
  BOOST_TEST(text.find("-nan") == std::string::npos, text);
  const auto infinite = [](Point x) { return Numbers(x.size(), std::numeric_limits<double>::infinity()); };
  const std::string steep =
      fmt::format("{}", check_gradient([](Point x) { return x[0] * x[0]; }, infinite, Numbers{1.0}));
  BOOST_TEST(steep.find("nan") == std::string::npos, steep);
}

BOOST_AUTO_TEST_CASE(the_json_is_json) {
  const auto json = nlohmann::json::parse(to_json(wrong_by_a_factor()));
  BOOST_TEST(json["verdict"] == "wrong");
  BOOST_TEST(json["ok"] == false);
  const auto& finding = json["findings"][0];
  BOOST_TEST(finding["diagnosis"]["mistake"] == "constant factor");
  BOOST_TEST(finding["worst"].size() == 4U);
  BOOST_TEST(finding["element_errors"].size() == 4U);
  BOOST_TEST(finding["relative_error"].get<double>() == 0.03 / 1.03, boost::test_tools::tolerance(1e-6));
  // numbers that JSON lacks, and bytes that are no text
  GradcheckReport report;
  report.findings.push_back({{.verdict = Verdict::wrong, .analytic = std::numeric_limits<double>::infinity()}});
  report.findings[0].note = "\xff";
  report.findings[0].input_name = "theta\xff";
  report.allowed.push_back({Verdict::vacuous, "\xc3("});
  const auto escaped = nlohmann::json::parse(to_json(report));
  BOOST_TEST(escaped["findings"][0]["analytic"] == "inf");
  BOOST_TEST(escaped["findings"][0]["note"] == "\xef\xbf\xbd");  // U+FFFD
  BOOST_TEST(escaped["findings"][0]["input_name"] == "theta\xef\xbf\xbd");
  BOOST_TEST(escaped["allowed"][0]["reason"] == "\xef\xbf\xbd(");
}

BOOST_AUTO_TEST_CASE(the_page_is_self_contained) {
  const std::string html = to_html(wrong_by_a_factor(), "a < b");
  for (const char* words : {"<!doctype html>", "<title>a &lt; b</title>", "<svg", "&lt;theta&gt;",
                            "prefers-color-scheme", "width=device-width"})
    BOOST_TEST(html.find(words) != std::string::npos, words);
  for (const char* never : {"http", "<script", "<theta>", "src="})
    BOOST_TEST(html.find(never) == std::string::npos, never);
}

BOOST_AUTO_TEST_CASE(json_tells_both_infinities) {
  GradcheckReport report;
  report.findings.push_back({{.verdict = Verdict::wrong}});
  report.findings[0].analytic = -std::numeric_limits<double>::infinity();
  report.findings[0].numeric = std::numeric_limits<double>::infinity();
  const nlohmann::json finding = nlohmann::json::parse(to_json(report))["findings"][0];
  BOOST_TEST(finding["analytic"] == "-inf");
  BOOST_TEST(finding["numeric"] == "inf");
}

BOOST_AUTO_TEST_CASE(a_suite_of_reports_is_junit) {
  GradcheckReport right{.findings = {{}}, .allowed = {}};
  right.seconds = 0.25;
  GradcheckReport allowed{.findings = {{{.verdict = Verdict::vacuous}}}, .allowed = {{Verdict::vacuous, "frozen"}}};
  GradcheckReport wrong = wrong_by_a_factor();
  wrong.seconds = 0.5;
  wrong.findings[0].input_name = "theta\xff";
  std::istringstream text(to_junit("a & b", {{"right", right}, {"allowed", allowed}, {"<wrong>\xc3", wrong}}));
  boost::property_tree::ptree tree;
  boost::property_tree::read_xml(text, tree);
  for (const char* path : {"testsuites", "testsuites.testsuite"}) {
    const auto& totals = tree.get_child(path).get_child("<xmlattr>");
    BOOST_TEST(totals.get<std::string>("name") == "a & b");
    BOOST_TEST(totals.get<int>("tests") == 3);
    BOOST_TEST(totals.get<int>("failures") == 1);
    BOOST_TEST(totals.get<double>("time") == 0.75);
  }
  std::vector<std::string> names;
  for (const auto& [kind, testcase] : tree.get_child("testsuites.testsuite")) {
    if (kind != "testcase") continue;
    names.push_back(testcase.get<std::string>("<xmlattr>.name"));
    const auto failure = testcase.get_child_optional("failure");
    BOOST_TEST(failure.has_value() == (names.size() == 3U));
    if (!failure) continue;
    BOOST_TEST(failure->get<std::string>("<xmlattr>.message").find("gradcheck: wrong") == 0U);
    BOOST_TEST(failure->data().find("1.03 × numeric") != std::string::npos, failure->data());
    BOOST_TEST(failure->data().find("theta?") != std::string::npos, failure->data());
  }
  BOOST_TEST(names == (std::vector<std::string>{"right", "allowed", "<wrong>?"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(junit_has_what_was_thrown_and_the_remarks_of_what_passes) {
  const auto report_of = [](GradcheckFinding finding, std::vector<Allowance> allowances) {
    return GradcheckReport{.findings = {std::move(finding)}, .allowed = std::move(allowances)};
  };
  GradcheckFinding noted;
  noted.note = "the first & only";
  std::istringstream text(
      to_junit("suite", {{"plain", report_of({}, {})},
                         {"noted", report_of(noted, {})},
                         {"kink", report_of({{.verdict = Verdict::kink}}, {})},
                         {"allowed", report_of({{.verdict = Verdict::vacuous}}, {{Verdict::vacuous, "frozen <w>"}})},
                         {"allowed in vain", report_of({}, {{Verdict::vacuous, "once frozen"}})},
                         {.name = "threw", .error = "no <axis>\nsecond line"},
                         {"says nothing", wrong_by_a_factor(), ""}}));
  boost::property_tree::ptree tree;
  boost::property_tree::read_xml(text, tree);
  for (const char* path : {"testsuites", "testsuites.testsuite"}) {
    const auto& totals = tree.get_child(path).get_child("<xmlattr>");
    BOOST_TEST(totals.get<int>("tests") == 7);
    BOOST_TEST(totals.get<int>("failures") == 0);
    BOOST_TEST(totals.get<int>("errors") == 2);
  }
  std::map<std::string, boost::property_tree::ptree> cases;
  for (const auto& [kind, testcase] : tree.get_child("testsuites.testsuite"))
    if (kind == "testcase") cases[testcase.get<std::string>("<xmlattr>.name")] = testcase;
  const auto output = [&](const std::string& name) { return cases.at(name).get("system-out", ""); };
  BOOST_TEST(output("plain") == "");
  BOOST_TEST(output("noted").find("the first & only") != std::string::npos);
  BOOST_TEST(output("kink").find("gradcheck: kink") == 0U);
  BOOST_TEST(output("allowed").find("allowed: vacuous, because frozen <w>") != std::string::npos);
  BOOST_TEST(output("allowed in vain").find("because once frozen") != std::string::npos);
  BOOST_TEST(cases.at("threw").get<std::string>("error") == "no <axis>\nsecond line");
  BOOST_TEST(cases.at("threw").get<std::string>("error.<xmlattr>.message") == "no <axis>");
  BOOST_TEST(output("threw") == "");
  BOOST_TEST(cases.at("says nothing").get_child("error").data() == "");  // and no failure beside it
  BOOST_TEST(!cases.at("says nothing").get_child_optional("failure"));
}

BOOST_AUTO_TEST_SUITE_END()
