// The generated suite: one test case for each op of the build, made from what its struct says about itself. A new op is
// in it by being in the catalogue. The checks stand in tools/suite, where the program `tapegrad check` finds them too.
#include "tapegrad/catalogue/catalogue.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
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

/// The code of the tests whose values do not come from the ops themselves.
std::string independent_values() {
  std::string code;
  const std::filesystem::path tests = TAPEGRAD_TEST_SOURCES;
  for (const char* const folder : {"ops", "mpfr/truth"})
    for (const auto& file : std::filesystem::directory_iterator(tests / folder)) {
      const std::string name = file.path().filename().string();
      if (file.path().extension() != ".cpp" || name == "catalogue.cpp" || name == "written_in_place.cpp") continue;
      std::ifstream source(file.path());
      for (std::string line; std::getline(source, line);) code += line.substr(0, line.find("//")) + "\n";
    }
  return code;
}

/// Whether a text has the word, and not as a name of the standard library's.
bool has_word(const std::string& text, std::string_view word) {
  constexpr std::string_view kStandard = "std::";
  const auto is_part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    if ((at == 0 || !is_part(text[at - 1])) && !is_part(text[at + word.size()]) &&
        !std::string_view(text).substr(0, at).ends_with(kStandard))
      return true;
  return false;
}

// The suite compares an op's rules with the op itself: a wrong function with rules that fit passes. So each needs a
// test whose values come from elsewhere. A test that no more than mentions the op is not told from one.
BOOST_AUTO_TEST_CASE(every_op_stands_in_a_test_of_values) {
  const std::string code = independent_values();
  const std::map<std::string_view, std::string_view> operators = {
      {"cast", ".to(int64)"},   {"equal", "a == b"},  {"not_equal", "a != b"},    {"less", "a < b"},
      {"less_equal", "a <= b"}, {"greater", "a > b"}, {"greater_equal", "a >= b"}};
  for (const tapegrad::catalogue::OpEntry* op : tapegrad::catalogue::all_ops()) {
    const auto written = operators.find(op->name);
    const bool found =
        written == operators.end() ? has_word(code, op->name) : code.find(written->second) != std::string::npos;
    BOOST_TEST(found, op->name << " stands in no test of tests/ops or tests/mpfr/truth: its values need an independent "
                                  "source (docs/design.md, An op)");
  }
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

/// A reverse rule without a differentiable one beside it.
struct Fused : tapegrad::Op<Fused> {
  static constexpr std::string_view name = "fused";
  tapegrad::Tensor forward(const tapegrad::Tensor& x) const { return x + 1.0; }
  void fused_vjp(const tapegrad::Saved&, const tapegrad::Tensor& dy, tapegrad::GradientSink& sink) const {
    sink.add(0, dy);
  }
  static tapegrad::catalogue::Derivation derivation() { return {}; }
  static tapegrad::catalogue::Samples samples(tapegrad::Generator&) { return {}; }
  static tapegrad::catalogue::ErrorSamples errors() { return {}; }
  static tapegrad::catalogue::Sample benchmark(tapegrad::Generator&) { return {"", {}}; }
};

BOOST_AUTO_TEST_CASE(an_entry_knows_how_often_its_op_can_be_differentiated) {
  BOOST_TEST(!tapegrad::catalogue::make_entry<Fused>("none").twice_differentiable);
  BOOST_TEST(tapegrad::catalogue::make_entry<ShiftedBy>("none").twice_differentiable);
}

/// An error names the op that met the undefined tensor, or one that it is made of. What is optional (a scale, a shift,
/// a bias, a weight, an initial state, a mask) is no error; a sample of the op does without it, and so says that it is.
BOOST_AUTO_TEST_CASE(an_undefined_input_is_met_by_an_op) {
  std::size_t inputs_in_all = 0;
  std::size_t optional = 0;
  for (const tapegrad::catalogue::OpEntry* op : tapegrad::catalogue::all_ops()) {
    tapegrad::Generator generator(0);
    const tapegrad::catalogue::Samples samples = op->samples(generator);
    const auto is_left_out = [&](std::size_t input) {
      return std::any_of(samples.begin(), samples.end(), [input](const tapegrad::catalogue::Sample& sample) {
        return input >= sample.inputs.size() || !sample.inputs[input].defined();
      });
    };
    for (const tapegrad::catalogue::Sample& sample : samples) {
      inputs_in_all += sample.inputs.size();
      for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
        tapegrad::catalogue::Arguments inputs = sample.inputs;
        inputs[i] = tapegrad::Tensor();
        try {
          sample.call(inputs);
          ++optional;
          BOOST_TEST(is_left_out(i), op->name << ", sample \"" << sample.name << "\" computes without input " << i
                                              << ", and no sample leaves it out");
        } catch (const tapegrad::Error& e) {
          const std::string_view message(e.what());
          BOOST_TEST((message.starts_with("[") && message.find("an undefined tensor has no elements") == message.npos),
                     op->name << ", sample \"" << sample.name << "\", input " << i << ": " << message);
        }
      }
    }
  }
  BOOST_TEST(inputs_in_all > 1000U);
  BOOST_TEST(optional > 50U);
}

BOOST_AUTO_TEST_SUITE_END()
