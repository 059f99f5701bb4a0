// The generated suite: one test case for each op of the build, made from what its struct says about itself. A new op is
// in it by being in the catalogue. The checks stand in tools/suite, where the program `tapegrad check` finds them too.
#include "tapegrad/catalogue/catalogue.hpp"

#include <boost/test/unit_test.hpp>
#include <set>
#include <string>
#include <string_view>

#include "suite/entry.hpp"

namespace {

void check_op(const tapegrad::catalogue::OpEntry& op) {
  using namespace tapegrad::suite;
  for (const CheckResult& result : check(entry_of(op)).checks)
    BOOST_TEST(
        (result.outcome != Outcome::failed),
        result.check << (result.sample.empty() ? "" : ", sample \"" + result.sample + "\"") << ": " << result.message);
}

/// Adds the cases when the program starts: they are known only then.
struct Cases {
  explicit Cases(boost::unit_test::test_suite& suite) {
    for (const tapegrad::catalogue::OpEntry* op : tapegrad::catalogue::all_ops())
      suite.add(boost::unit_test::make_test_case([op] { check_op(*op); }, std::string(op->name), __FILE__, __LINE__));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(catalogue)

namespace {
const Cases cases(boost::unit_test::framework::current_auto_test_suite());
}

BOOST_AUTO_TEST_CASE(names_are_unique) {
  std::set<std::string_view> names;
  for (const tapegrad::catalogue::OpEntry* op : tapegrad::catalogue::all_ops())
    BOOST_TEST(names.insert(op->name).second, op->name);
  BOOST_TEST(names.size() >= 4U);
}

BOOST_AUTO_TEST_SUITE_END()
