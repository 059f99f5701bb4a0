// The program itself, from its arguments to its files.
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <sstream>
#include <string>

#include "study/made_up_dictionary.hpp"
#include "study/well_formed.hpp"

namespace {

/// Runs norm_study with its output in the folder's out.txt and returns its exit code.
int run(const TemporaryFolder& folder, const std::string& arguments) {
  const std::string command = std::string(NORM_STUDY_PROGRAM) + " " + arguments + " > " +
                              (folder.path() / "out.txt").string() + " 2>&1 < /dev/null";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(quick_run)

BOOST_AUTO_TEST_CASE(a_quick_run_tells_and_writes_everything) {
  const TemporaryFolder folder;
  write_made_up_dictionary(folder);
  const std::string report = (folder.path() / "report").string();
  const int code = run(folder, "--quick --steps 8 --train-words 60 --test-words 12 --no-prompt --dict " +
                                   folder.path().string() + " --output " + report);
  const std::string out = folder.read("out.txt");
  BOOST_TEST(code == 0, out);
  for (const char* part :
       {"in 20 batches of 64", "naive Bayes", "LayerNorm and BatchNorm learn, both networks: step 16 of 16",
        "4 BatchNorm ties the sequences of a batch together: holds", "The verdicts", "report.html"})
    BOOST_TEST(out.find(part) != std::string::npos, part << " is missing in\n" << out);
  BOOST_TEST(out.find('\x1b') == std::string::npos);  // no colours in a file
  const std::string page = folder.read("report/report.html");
  BOOST_TEST(xml_fault(page).empty(), xml_fault(page));
  for (const char* claim : {"claim-0", "claim-1", "claim-2", "claim-3b", "claim-4", "claim-5", "claim-6a", "claim-7"})
    BOOST_TEST(page.find(std::string("id=\"") + claim + "\"") != std::string::npos, claim);
  BOOST_TEST(folder.read("report/verdicts.csv").find("4,BatchNorm ties") != std::string::npos);
  BOOST_TEST(folder.read("report/measurements.csv").find("\n3b,") != std::string::npos);
  BOOST_TEST(folder.read("report/curves.csv").find("\nLayerNorm,1,8,") != std::string::npos);
  BOOST_TEST(folder.read("report/runs.csv").find("\n0,no normalisation,shuffled batches of 64,1,") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_claim_alone) {
  const TemporaryFolder folder;
  write_made_up_dictionary(folder);
  const int code = run(folder, "--claim 1 --train-words 60 --test-words 12 --dict " + folder.path().string() +
                                   " --output " + (folder.path() / "report").string());
  BOOST_TEST(code == 0, folder.read("out.txt"));
  BOOST_TEST(folder.read("report/verdicts.csv").find("\n1,") != std::string::npos);
  BOOST_TEST(folder.read("report/verdicts.csv").find("\n4,") == std::string::npos);
  // Whose networks are untrained: what is said of all claims holds for it too.
  const std::string page = folder.read("report/report.html");
  const std::string findings = page.substr(page.find("id=\"findings\""));
  BOOST_TEST(findings.find("how long that was trained, if at all,") < findings.find("</section>"), findings);
}

BOOST_AUTO_TEST_CASE(help_is_no_wider_than_the_terminal) {
  const TemporaryFolder folder;
  for (const std::size_t columns : {40U, 60U, 80U}) {
    setenv("COLUMNS", std::to_string(columns).c_str(), 1);
    BOOST_TEST(run(folder, "--help") == 0);
    std::istringstream lines(folder.read("out.txt"));
    for (std::string line; std::getline(lines, line);) BOOST_TEST(line.size() <= columns, line);
  }
  unsetenv("COLUMNS");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_done_is_said) {
  const TemporaryFolder folder;
  BOOST_TEST(run(folder, "--quick --dict " + folder.path().string()) == 2);
  const std::string out = folder.read("out.txt");
  BOOST_TEST(out.find("install them with: sudo apt-get install wamerican") != std::string::npos, out);
  BOOST_TEST(run(folder, "--claim 99") == 2);
  BOOST_TEST(folder.read("out.txt").find("there is no claim 99; there are 0, 1") != std::string::npos,
             folder.read("out.txt"));
  BOOST_TEST(run(folder, "--unknown") == 2);
}

BOOST_AUTO_TEST_SUITE_END()
