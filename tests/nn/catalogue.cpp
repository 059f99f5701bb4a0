// The generated suite of layers: one test case for each layer of the build, made from what its file says about it. A
// new layer is in it by being in the catalogue. The checks stand in tools/suite, where the program `tapegrad check`
// finds them too.
#include "tapegrad/nn/catalogue.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>
#include <string_view>

#include "address_sanitizer.hpp"
#include "suite/entry.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/tape/tape.hpp"

namespace {

// AddressSanitizer sees a layer's ops to the second order in the catalogue of ops, in a fraction of the time.
constexpr int kOrder = tapegrad::test::kAddressSanitizer ? 1 : 2;

void check_layer(const tapegrad::nn::catalogue::LayerEntry& layer) {
  using namespace tapegrad::suite;
  for (const CheckResult& result : check(entry_of(layer), {.order = kOrder}).checks)
    BOOST_TEST(
        (result.outcome != Outcome::failed),
        result.check << (result.sample.empty() ? "" : ", sample \"" + result.sample + "\"") << ": " << result.message);
}

/// Adds the cases when the program starts: they are known only then.
struct Cases {
  explicit Cases(boost::unit_test::test_suite& suite) {
    for (const tapegrad::nn::catalogue::LayerEntry* layer : tapegrad::nn::catalogue::all_layers())
      suite.add(boost::unit_test::make_test_case([layer] { check_layer(*layer); }, std::string(layer->name), __FILE__,
                                                 __LINE__));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(catalogue)

namespace {
const Cases cases(boost::unit_test::framework::current_auto_test_suite());
}

BOOST_AUTO_TEST_CASE(there_are_layers) { BOOST_TEST(tapegrad::nn::catalogue::all_layers().size() >= 20U); }

BOOST_AUTO_TEST_CASE(each_activation_has_an_entry) {
  const auto layers = tapegrad::nn::catalogue::all_layers();
  for (const std::string_view name : {"ReLU", "GELU", "SiLU", "Tanh", "Sigmoid", "Softplus", "LeakyReLU", "ELU"})
    BOOST_TEST(std::any_of(layers.begin(), layers.end(), [&](const auto* layer) { return layer->name == name; }), name);
}

BOOST_AUTO_TEST_CASE(every_layer_can_be_made_while_a_tape_lives) {
  const tapegrad::Tape tape;
  tapegrad::Generator g(1);
  for (const tapegrad::nn::catalogue::LayerEntry* layer : tapegrad::nn::catalogue::all_layers())
    BOOST_TEST_CONTEXT(layer->name) { BOOST_CHECK_NO_THROW((void)layer->samples(g)); }
}

BOOST_AUTO_TEST_SUITE_END()
