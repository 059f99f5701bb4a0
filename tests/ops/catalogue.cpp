// The generated suite: one test case for each op of the build, made from what its struct says about itself. A new op is
// in it by being in the catalogue. The checks stand in tools/suite, where the program `tapegrad check` finds them too.
#include "tapegrad/catalogue/catalogue.hpp"

#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>

#include "suite/entry.hpp"
#include "tapegrad/ops/pointwise.hpp"

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

/// The lines TAPEGRAD_CATALOGUE(...) in the sources, each of which must have come into the catalogue.
std::size_t entries_in_sources() {
  std::size_t count = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(TAPEGRAD_CORE_SOURCES)) {
    if (file.path().extension() != ".cpp") continue;
    std::ifstream source(file.path());
    for (std::string line; std::getline(source, line);) count += line.starts_with("TAPEGRAD_CATALOGUE(") ? 1 : 0;
  }
  return count;
}

BOOST_AUTO_TEST_CASE(every_op_is_entered_once) {
  std::set<std::string_view> names;
  for (const tapegrad::catalogue::OpEntry* op : tapegrad::catalogue::all_ops())
    BOOST_TEST(names.insert(op->name).second, op->name);
  BOOST_TEST(names.size() == entries_in_sources());
}

/// Has no default form, so its samples must say how it is called.
struct ShiftedBy : tapegrad::Op<ShiftedBy> {
  static constexpr std::string_view name = "shifted_by";
  double shift;
  explicit ShiftedBy(double by) : shift(by) {}
  tapegrad::Tensor forward(const tapegrad::Tensor& x) const { return x + shift; }
  tapegrad::Tensor vjp(const tapegrad::Saved&, const tapegrad::Tensor& dy) const { return dy; }
  static tapegrad::catalogue::Derivation derivation() { return {}; }
  static tapegrad::catalogue::Samples samples(tapegrad::Generator& g) {
    return {{"plain", {tapegrad::catalogue::uniform(g, {2}, -1, 1)}}};
  }
  static tapegrad::catalogue::ErrorSamples errors() { return {}; }
  static tapegrad::catalogue::Sample benchmark(tapegrad::Generator& g) { return samples(g)[0]; }
};

BOOST_AUTO_TEST_CASE(a_sample_that_cannot_be_called_says_so) {
  tapegrad::Generator generator(0);
  const tapegrad::catalogue::OpEntry entry = tapegrad::catalogue::make_entry<ShiftedBy>("none");
  BOOST_CHECK_EXCEPTION(entry.samples(generator), tapegrad::ValueError, [](const tapegrad::ValueError& e) {
    return std::string_view(e.what()).starts_with("[shifted_by] its sample \"plain\" must say how it is called");
  });
}

/// An error names the op that met the undefined tensor, or one that it is made of; what is optional is no error.
BOOST_AUTO_TEST_CASE(an_undefined_input_is_met_by_an_op) {
  std::size_t told = 0;
  std::size_t inputs_in_all = 0;
  for (const tapegrad::catalogue::OpEntry* op : tapegrad::catalogue::all_ops()) {
    tapegrad::Generator generator(0);
    for (const tapegrad::catalogue::Sample& sample : op->samples(generator)) {
      inputs_in_all += sample.inputs.size();
      for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
        tapegrad::catalogue::Arguments inputs = sample.inputs;
        inputs[i] = tapegrad::Tensor();
        try {
          sample.call(inputs);
        } catch (const tapegrad::Error& e) {
          const std::string_view message(e.what());
          BOOST_TEST((message.starts_with("[") && !message.starts_with("[tensor]")),
                     op->name << ", sample \"" << sample.name << "\", input " << i << ": " << message);
          ++told;
        }
      }
    }
  }
  BOOST_TEST(inputs_in_all > 1000U);
  BOOST_TEST(10 * told > 9 * inputs_in_all, told << " of " << inputs_in_all << " undefined inputs were refused");
}

BOOST_AUTO_TEST_SUITE_END()
