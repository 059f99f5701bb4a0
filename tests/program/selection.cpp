// Which ops a user means.
#include "tapegrad/selection.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "says.hpp"

using namespace tapegrad::program;
using tapegrad::suite::Entry;
using tapegrad::test::says;

namespace {

std::vector<Entry> entries() {
  std::vector<Entry> result;
  for (const char* name : {"layer_norm", "log", "log1p", "tanh"})
    result.push_back({.kind = "op", .family = "", .name = name, .samples = {}, .others = {}});
  result.push_back({.kind = "layer", .family = "", .name = "Linear", .samples = {}, .others = {}});
  return result;
}

std::string names(const std::vector<Entry>& chosen) {
  std::string text;
  for (const Entry& e : chosen) text += std::string(e.name) + " ";
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(selection)

BOOST_AUTO_TEST_CASE(wildcards) {
  BOOST_TEST(matches("log*", "log"));
  BOOST_TEST(matches("log*", "log1p"));
  BOOST_TEST(matches("*norm", "layer_norm"));
  BOOST_TEST(matches("l?g", "log"));
  BOOST_TEST(matches("*", ""));
  BOOST_TEST(!matches("log", "log1p"));
  BOOST_TEST(!matches("l?g", "lg"));
  BOOST_TEST(!matches("", "log"));
  BOOST_TEST(matches("*a*b?", "xaybabc"));
  BOOST_TEST(!matches("*a*b?", "xayb"));
  std::string stars;
  for (int i = 0; i < 40; ++i) stars += "*?";
  BOOST_TEST(!matches(stars + "z", std::string(200, 'a')));  // and says so at once: only the last star takes more
}

BOOST_AUTO_TEST_CASE(each_entry_once_and_only_of_its_kind) {
  BOOST_TEST(names(selected(entries(), "op", {"log*", "*g*"})) == "log log1p ");
  BOOST_TEST(names(selected(entries(), "layer", {"*"})) == "Linear ");
  BOOST_TEST(names(selected(entries(), "op", {})).empty());
}

BOOST_AUTO_TEST_CASE(unknown_names_bring_suggestions) {
  BOOST_CHECK_EXCEPTION(selected(entries(), "op", {"tahn"}), UsageError, says("no op 'tahn'; did you mean tanh?"));
  BOOST_CHECK_EXCEPTION(selected(entries(), "op", {"tanh", "layernorm"}), UsageError, says("did you mean layer_norm?"));
  BOOST_CHECK_EXCEPTION(selected(entries(), "op", {"norm"}), UsageError, says("did you mean layer_norm?"));
  BOOST_CHECK_EXCEPTION(selected(entries(), "op", {"nrom"}), UsageError, says("did you mean layer_norm?"));
  BOOST_CHECK_EXCEPTION(selected(entries(), "op", {"log2"}), UsageError, says("did you mean log or log1p?"));
  BOOST_CHECK_EXCEPTION(selected(entries(), "op", {"TanH"}), UsageError, says("did you mean tanh?"));
  BOOST_CHECK_EXCEPTION(selected(entries(), "op", {"LayerNorm2d"}), UsageError, says("did you mean layer_norm?"));
  BOOST_CHECK_EXCEPTION(selected(entries(), "op", {"zzzz"}), UsageError, says("`ops` lists"));
  BOOST_CHECK_EXCEPTION(selected(entries(), "", {"Linaer"}), UsageError,
                        says("no op or layer 'Linaer'; did you mean Linear?"));
  BOOST_CHECK_EXCEPTION(selected(entries(), "op", {"Linear"}), UsageError, says("no op 'Linear': say --layer Linear"));
}

BOOST_AUTO_TEST_CASE(only_kinds_that_there_are_are_named) {
  std::vector<Entry> own = entries();
  std::erase_if(own, [](const Entry& e) { return e.kind == "layer"; });
  BOOST_CHECK_EXCEPTION(selected(own, "", {"zzzz"}), UsageError, says("there is no op 'zzzz'"));
  own.push_back({.kind = "check", .family = "", .name = "energy", .samples = {}, .others = {}});
  BOOST_CHECK_EXCEPTION(selected(own, "", {"zzzz"}), UsageError, says("there is no op or check 'zzzz'"));
  BOOST_CHECK_EXCEPTION(selected(own, "op", {"energy"}), UsageError, says("no op 'energy': say --check energy"));
}

BOOST_AUTO_TEST_CASE(unknown_commands_bring_suggestions) {
  expect_command("check", {"ops", "check"});
  expect_command("--version", {"ops", "check"});
  BOOST_CHECK_EXCEPTION(expect_command("chek", {"ops", "check"}), UsageError,
                        says("no command 'chek'; did you mean check?"));
  BOOST_CHECK_EXCEPTION(expect_command("frobnicate", {"ops", "check"}), UsageError, says("`--help` tells"));
}

BOOST_AUTO_TEST_SUITE_END()
