// What a report says runs a failed check again, run as it stands there.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "all_entries.hpp"
#include "suite/entry.hpp"
#include "tapegrad/check_run.hpp"
#include "temporary_folder.hpp"

using namespace tapegrad;
using namespace tapegrad::program;

namespace {

using Checks = std::set<std::pair<std::string, std::string>>;  // kind and sample

/// What the command line checks, by the program's own report.
Checks checked_by(const std::string& line, const TemporaryFolder& folder) {
  constexpr std::string_view kName = "tapegrad ";
  BOOST_TEST_REQUIRE(line.starts_with(kName));
  const std::string command = std::string(TAPEGRAD_PROGRAM) + " " + line.substr(kName.size()) + " --threads 1 --json " +
                              folder / "again.json" + " > " + folder / "table";
  BOOST_TEST_REQUIRE(std::system(command.c_str()) == 0, line);
  const nlohmann::json report = nlohmann::json::parse(folder.read("again.json"));
  Checks checks;
  for (const nlohmann::json& result : report["results"])
    for (const nlohmann::json& check : result["checks"]) checks.emplace(check["check"], check.value("sample", ""));
  return checks;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(run_again)

BOOST_AUTO_TEST_CASE(every_check_of_an_op_and_of_a_layer_is_run_again_by_its_command) {
  const suite::CheckOptions options{.order = 1, .seed = 4};
  const TemporaryFolder folder;
  std::map<std::string, Checks> by_line;
  std::set<std::string_view> kinds;
  for (const suite::Entry& entry : test::all_entries()) {
    if (entry.name != "mul" && entry.name != "Dropout") continue;
    const suite::EntryResult result = suite::check(entry, options);
    for (const suite::CheckResult& check : result.checks) {
      const std::string line = reproduction("tapegrad", result, check, options);
      if (!by_line.contains(line)) by_line.emplace(line, checked_by(line, folder));
      BOOST_TEST(by_line.at(line).contains({std::string(check.check), check.sample}),
                 line << " does not run " << title(check));
      kinds.insert(check.check);
    }
  }
  for (const char* kind : {"samples", "documents", "errors", "threads", "memory order", "both rules", "differences",
                           "evaluation", "copy", "state", "names"})
    BOOST_TEST(kinds.contains(kind), kind);
}

BOOST_AUTO_TEST_SUITE_END()
