// The catalogue in a terminal.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "console/columns.hpp"
#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/latex_document.hpp"
#include "tapegrad/ops_command.hpp"
#include "tapegrad/text/readable_math.hpp"
#include "tapegrad/whole_derivation.hpp"

using namespace tapegrad::program;
using tapegrad::display_width;
using tapegrad::catalogue::Arguments;
using tapegrad::catalogue::OpEntry;
using tapegrad::catalogue::Sample;
using tapegrad::catalogue::Samples;
using tapegrad::nn::catalogue::LayerEntry;
using tapegrad::nn::catalogue::LayerSamples;

namespace {

Ops all() {
  const auto ops = tapegrad::catalogue::all_ops();
  return {ops.begin(), ops.end()};
}

Layers all_layers() {
  const auto layers = tapegrad::nn::catalogue::all_layers();
  return {layers.begin(), layers.end()};
}

const OpEntry& op(std::string_view name) {
  for (const OpEntry* entry : all())
    if (entry->name == name) return *entry;
  throw std::runtime_error("no op " + std::string(name));
}

const LayerEntry& layer(std::string_view name) {
  for (const LayerEntry* entry : all_layers())
    if (entry->name == name) return *entry;
  throw std::runtime_error("no layer " + std::string(name));
}

std::string widest_line(const std::string& page) {
  std::istringstream lines(page);
  std::string widest;
  for (std::string line; std::getline(lines, line);)
    if (display_width(line) > display_width(widest)) widest = line;
  return widest;
}

std::vector<tapegrad::Tensor> thrown(const Arguments& /*inputs*/) { throw std::runtime_error("no"); }

}  // namespace

BOOST_AUTO_TEST_SUITE(ops)

BOOST_AUTO_TEST_CASE(the_list_fits_the_terminal) {
  for (const std::size_t width : {40U, 60U, 72U, 80U, 120U}) {
    for (const std::string& list : {list_of(all(), {.width = width}), list_of(all_layers(), {.width = width})}) {
      const std::string widest = widest_line(list);
      BOOST_TEST(display_width(widest) <= width, widest);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_op_and_layer_is_listed) {
  const std::string ops = list_of(all(), {.width = 120}), layers = list_of(all_layers(), {.width = 120});
  for (const OpEntry* entry : all()) BOOST_TEST(ops.find(std::string(entry->name)) != std::string::npos, entry->name);
  for (const LayerEntry* entry : all_layers())
    BOOST_TEST(layers.find(std::string(entry->name)) != std::string::npos, entry->name);
}

BOOST_AUTO_TEST_CASE(every_page_fits_the_terminal) {
  for (const std::size_t width : {60U, 80U, 120U}) {
    for (const OpEntry* entry : all()) {
      const std::string widest = widest_line(page_of(*entry, {.width = width}));
      BOOST_TEST(display_width(widest) <= width, entry->name << ": " << widest);
    }
    for (const LayerEntry* entry : all_layers()) {
      const std::string widest = widest_line(page_of(*entry, {.width = width}));
      BOOST_TEST(display_width(widest) <= width, entry->name << ": " << widest);
    }
  }
}

/// Whether the header that a page names has the word.
bool its_header_declares(const std::string& page, const std::string& folder, std::string_view name) {
  std::smatch header;
  if (!std::regex_search(page, header, std::regex("tapegrad/[a-z_]+/[a-z_]+\\.hpp"))) return false;
  std::ifstream file(folder + "/" + header.str());
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return std::regex_search(text, std::regex("\\b" + std::string(name) + "\\b"));
}

BOOST_AUTO_TEST_CASE(every_page_names_the_header_that_declares_it) {
  for (const OpEntry* entry : all()) {
    const std::string_view name = entry->name == "cast" ? "to" : entry->name;  // x.to(dtype)
    BOOST_TEST(its_header_declares(page_of(*entry, {}), TAPEGRAD_ROOT "/core/include", name), entry->name);
  }
  for (const LayerEntry* entry : all_layers())
    BOOST_TEST(its_header_declares(page_of(*entry, {}), TAPEGRAD_ROOT "/nn/include", entry->name), entry->name);
}

BOOST_AUTO_TEST_CASE(a_layer_shows_its_parameters) {
  const std::string page = page_of(layer("BatchNorm"), {.width = 100});
  for (const char* part : {"tapegrad/nn/norm.hpp", "weight", "running_var", "[BatchNorm]", "--layer BatchNorm"})
    BOOST_TEST(page.find(part) != std::string::npos, part);
}

BOOST_AUTO_TEST_CASE(a_layer_explains_its_letters_and_names_its_ops) {
  const std::string page = page_of(layer("LSTM"), {.width = 160});
  for (const char* part : {"⊙ multiplies", "permute, linear, lstm, ", "; in some calls also ", "tapegrad ops NAME"})
    BOOST_TEST(page.find(part) != std::string::npos, part);
  for (const auto& [name, letter] : {std::pair{"RNN", "f the nonlinearity"},
                                     {"Conv1d", "s the stride, d the dilation, p the padding"},
                                     {"ELU", "−α the value"},
                                     {"Dropout", "p the probability to drop"}}) {
    const std::string whole = page_of(layer(name), {.width = 160});
    BOOST_TEST(whole.find(letter) != std::string::npos, whole);
  }
}

BOOST_AUTO_TEST_CASE(a_page_says_what_the_struct_says) {
  const std::string page = page_of(op("layer_norm"), {.width = 100});
  for (const char* part :
       {"layer_norm(x, gamma, beta)  family norm", "x enters three times", "product rule", "x̂ = r (x − μ)",
        "input 0 (x)", "residual 1 (r)", "large eps", "orders 1 and 2", "[layer_norm] expected eps of at least 0",
        "⟨a⟩ is a mean", "tapegrad check --op layer_norm"})
    BOOST_TEST(page.find(part) != std::string::npos, part);
  BOOST_TEST(page_of(op("add"), {}).find("reverse sweep\n  nothing") != std::string::npos);
  BOOST_TEST(page_of(op("less"), {}).find("its result carries no gradient") != std::string::npos);
  // What only some of its samples keep is told apart, whichever is the first.
  BOOST_TEST(page_of(op("ctc_loss"), {.width = 160})
                 .find("; in some calls also input 2 (valid_frames), input 3 (valid_targets)\n") != std::string::npos);
  BOOST_TEST(page_of(op("layer_norm"), {.width = 160}).find("; in some calls also input 1 (gamma)\n") !=
             std::string::npos);
}

// That it throws is for the check to tell.
BOOST_AUTO_TEST_CASE(a_sample_that_throws_hides_nothing_of_the_others) {
  OpEntry broken = op("tanh");
  broken.samples = [](tapegrad::Generator& g) {
    tapegrad::catalogue::Samples samples = op("tanh").samples(g);
    samples.insert(samples.begin() + 1, Sample("throws", samples.front().inputs, thrown));
    return samples;
  };
  const std::string page = page_of(broken, {});
  BOOST_TEST(page.find("reverse sweep\n  input 0\n") != std::string::npos, page);
  BOOST_TEST(page.find("throws") != std::string::npos, page);
  BOOST_TEST(latex_document("own", {&broken}, {}).find("reverse sweep}\ninput 0\n") != std::string::npos);
  broken.samples = [](tapegrad::Generator&) { return Samples{Sample("throws", {}, thrown)}; };
  BOOST_TEST(page_of(broken, {}).find("reverse sweep\n  not known: all of its samples throw\n") != std::string::npos);

  LayerEntry uneven = layer("Linear");
  uneven.samples = [](tapegrad::Generator& g) {
    LayerSamples samples = layer("Linear").samples(g);
    samples.insert(samples.begin(), samples.front());
    samples.front().call = [](tapegrad::nn::Module&, const Arguments& xs) { return thrown(xs); };
    return samples;
  };
  const auto made_of = [](const LayerEntry& entry) {
    const std::string whole = page_of(entry, {});
    const std::size_t at = whole.find("Ops that it is made of\n");
    BOOST_TEST_REQUIRE(at != std::string::npos, whole);
    return whole.substr(at, whole.find("Parameters", at) - at);
  };
  BOOST_TEST(made_of(uneven) == made_of(layer("Linear")));
}

BOOST_AUTO_TEST_CASE(a_derivation_ends_with_the_rule) {
  const std::string page = page_of(op("sin"), {.width = 100});
  BOOST_TEST(page.find("3. Chain rule\n      x̄ = ȳ cos x\n") != std::string::npos, page);
  for (const tapegrad::catalogue::OpEntry* op : tapegrad::catalogue::all_ops()) {
    if (op->math.find("\\bar") == std::string_view::npos) continue;
    const auto steps = whole_derivation(*op);
    BOOST_TEST(std::any_of(steps.begin(), steps.end(),
                           [](const auto& step) { return step.latex.find("\\bar") != std::string_view::npos; }),
               op->name);
  }
  // One that derives the rule itself gets no further step.
  BOOST_TEST(page_of(op("lstm_cell"), {.width = 100}).find("Chain rule") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_formula_of_the_catalogue_is_understood) {
  for (const tapegrad::catalogue::OpEntry* op : tapegrad::catalogue::all_ops()) {
    BOOST_TEST(tapegrad::unicode_math(op->math).has_value(), op->name << ": " << op->math);
    for (const tapegrad::catalogue::Step& step : whole_derivation(*op)) {
      BOOST_TEST(tapegrad::unicode_math(step.latex).has_value(), op->name << ": " << step.latex);
      const std::string why = tapegrad::readable_prose(step.why);
      BOOST_TEST(why.find_first_of("$\\") == std::string::npos, op->name << ": " << why);
    }
  }
  for (const LayerEntry* layer : all_layers())
    BOOST_TEST(tapegrad::unicode_math(layer->math).has_value(), layer->name << ": " << layer->math);
}

BOOST_AUTO_TEST_SUITE_END()
