// A program of one's own that runs gradient checks, as `tapegrad check` runs those of tapegrad's ops and layers: with
// its selections, tables, reports (JSON, JUnit's XML, a page) and exit status. Link tapegrad::suite.
//
// clang-format off
//   int main(int argc, char** argv) {
//     return tapegrad::suite::run_program(argc, argv, {
//         .program = "my_suite",
//         .ops = {tapegrad::catalogue::make_entry<Cube>("own")},                    // checked on their samples
//         .checks = {{"energy", [] { return check_gradient(energy, energy_gradient, point()); }},
//                    {"model", [](const GradcheckOptions& o) { return nn::check_module(model(), {x()}, o); }}}});
//   }
//
//   $ my_suite ops cube
//   $ my_suite check 'cu*' energy --junit results.xml --threads 2
// clang-format on
//
// An op says on which samples, a static member: `static catalogue::Samples samples(Generator& g)`
// (tapegrad/catalogue/catalogue.hpp), a layer in a struct beside it (tapegrad/nn/catalogue.hpp). Formula, derivation,
// errors and a benchmark case may be missing: what is said is checked and shown. Teams of threads are compared at the
// benchmark's case, which should give each of them work, or else at the first sample.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/gradcheck/options.hpp"
#include "tapegrad/gradcheck/report.hpp"
#include "tapegrad/nn/catalogue.hpp"

namespace tapegrad::suite {

/// A gradient check of one's own, and the name it goes by.
struct Check {
  std::string name;
  /// Passes where the report is ok(). What it throws is told as its failure, and the others are run all the same.
  std::function<GradcheckReport(const GradcheckOptions&)> run;

  /// `f` is called with the options that --order and --seed make, or with nothing; --dtype does not apply to it. Before
  /// each check the default generator is set by --seed, so that what a check draws does not depend on others. Checks
  /// run side by side: what two of them share they must leave as it is, or be run with --threads 1.
  template <class F>
  Check(std::string check_name, F f) : name(std::move(check_name)) {
    if constexpr (std::is_invocable_r_v<GradcheckReport, F&, const GradcheckOptions&>) {
      run = std::move(f);
    } else {
      static_assert(std::is_invocable_r_v<GradcheckReport, F&>,
                    "expected a function of const GradcheckOptions&, or of nothing, that returns a GradcheckReport");
      run = [f = std::move(f)](const GradcheckOptions&) mutable -> GradcheckReport { return f(); };
    }
  }
};

/// What a program has to show and to check. Names are different from each other within ops, layers and checks.
struct Contents {
  std::string program;     ///< what it is called: begins messages, and the lines that run a failed check again
  std::string about = {};  ///< what --help says first; empty: in general what it does
  std::vector<catalogue::OpEntry> ops = {};
  std::vector<nn::catalogue::LayerEntry> layers = {};
  std::vector<Check> checks = {};
  /// Those of tapegrad itself, where they are wanted too: catalogue::all_ops() and nn::catalogue::all_layers(). Must
  /// live as long as the program.
  std::span<const catalogue::OpEntry* const> built_in_ops = {};
  std::span<const nn::catalogue::LayerEntry* const> built_in_layers = {};
};

/// Reads the command line and does what it says: `ops` lists or shows, or writes formulas and derivations as LaTeX,
/// `check` checks, --help says more. Prints what is thrown. Returns the exit status: 0 where all passed; 1 where
/// something failed, or the contents do not fit (two of one kind have a name in common); 2 where the command line
/// cannot be understood, or a document, a report or the output cannot be written.
int run_program(int argc, char** argv, const Contents& contents);

}  // namespace tapegrad::suite
