// The command line of `tapegrad`, and of a suite of one's own.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "console/help.hpp"
#include "console/seed.hpp"
#include "console/terminal.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/check_command.hpp"
#include "tapegrad/ops_command.hpp"
#include "tapegrad/selection.hpp"
#include "tapegrad/selftest_command.hpp"
#include "tapegrad/suite.hpp"

namespace tapegrad::program {
namespace {

constexpr int kUsage = 2;

constexpr const char* kAbout = "Checks derivatives against finite differences.\n";

// A paragraph is one line; the formatter wraps it.
constexpr const char* kCheckFooter =
    "Each sample is checked for: inputs and cotangents in other memory, the gradient's shape and dtype, a zero "
    "cotangent, the fused against the differentiable reverse rule, float32 against float64, and reverse and forward "
    "mode to second order against extrapolated differences. Each op besides: its error messages, and the same bits at "
    "1, 2 and 8 threads. In the table, error/tol is the worst error in units of what the estimated errors allow. "
    "Results do not depend on --threads.\n\n"
    "--selftest plants the usual mistakes into the rules of every op and layer and asks for each whether the checker "
    "finds it, then checks the right ones on other seeds. One that throws is told as an error, and the others go on."
    "\n\n";

constexpr const char* kLatexFooter =
    "The document of --latex is one that pdflatex takes as it is, and that another document may \\input: an article "
    "that uses amsmath alone, and amsfonts for a formula with \\mathbb. Of several ops or layers it is a booklet with "
    "contents.\n\n";

constexpr const char* kReportsFooter =
    "A report whose FILE is - goes to the standard output, and the table to the error stream.\n\n";

constexpr const char* kChecksFooter =
    "A check is run as it is written: --order and --seed reach it where it takes options.\n\n";

constexpr const char* kFooter =
    "Exit status: 0 all passed; 1 something failed; 2 the command line cannot be understood, or a document, a report "
    "or the output cannot be written.\n"
    "Environment: NO_COLOR turns colours off; COLUMNS is the width without a terminal.";

int default_workers() { return static_cast<int>(std::max(1U, std::thread::hardware_concurrency())); }

/// The exit status, unless what was printed went nowhere.
int printed(const std::string& program, int status) {
  if (console::wrote_all(stdout)) return status;
  console::complain(program, "the output could not be written");
  return kUsage;
}

struct Line {
  CheckRequest check{.workers = default_workers()};
  SelftestRequest selftest;
  bool wants_selftest = false;
  std::string dtype = "float64";
  OpsRequest ops;
};

/// An option whose value is the name of a file.
CLI::Option* add_file(CLI::App& app, const char* name, std::string& file, const char* description) {
  return app.add_option(name, file, description)
      ->check([](const std::string& given) { return given.empty() ? "expected the name of a file" : ""; })
      ->option_text("FILE");
}

CLI::App* add_ops(CLI::App& app, Line& line) {
  CLI::App* ops = app.add_subcommand("ops", "Lists all that is checked, or shows one op or layer whole");
  ops->footer(std::string(kLatexFooter) + kFooter);
  ops->add_option("NAME", line.ops.names, "Names; * and ? stand for any characters and for one");
  CLI::Option* latex = ops->add_flag(
      "--latex", line.ops.latex, "Writes formulas and derivations, of all or of what is named, as a LaTeX document");
  add_file(*ops, "--output", line.ops.output, "Where that goes; - is the standard output")->needs(latex);
  return ops;
}

/// What takes samples, and no reports.
void add_selftest(CLI::App& check, Line& line, std::span<CLI::Option* const> reports) {
  const char* self = "The checker checked";
  CLI::Option* selftest = check
                              .add_flag("--selftest", line.wants_selftest,
                                        "Plants mistakes in every op and layer, and looks for false alarms")
                              ->group(self);
  for (CLI::Option* report : reports) report->excludes(selftest);
  check.add_option("--seeds", line.selftest.seeds, "Seeds on which the right ones must raise no alarm")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str()
      ->needs(selftest)
      ->group(self);
}

/// Options that have a meaning for these contents.
CLI::App* add_check(CLI::App& app, Line& line, const suite::Contents& contents) {
  const bool ops = !contents.ops.empty() || !contents.built_in_ops.empty();
  const bool layers = !contents.layers.empty() || !contents.built_in_layers.empty();
  const bool samples = ops || layers;
  const bool checks = !contents.checks.empty();
  CLI::App* check = app.add_subcommand("check", "Checks the derivatives of all, or of what is named");
  check->footer(std::string(samples ? kCheckFooter : "") + (checks ? kChecksFooter : "") + kReportsFooter + kFooter);
  CheckRequest& request = line.check;
  const char* what = "What is checked";
  check->add_option("NAME", request.names, "What has these names; * and ? stand for any characters and for one")
      ->group(what);
  if (ops) check->add_option("--op", request.ops, "These ops")->group(what);
  if (layers) check->add_option("--layer", request.layers, "These layers")->group(what);
  if (checks) check->add_option("--check", request.checks, "These checks")->group(what);
  if (samples) check->add_option("--sample", request.samples, "Only samples of these names")->group(what);
  check->add_option("--order", request.options.order, "Highest order of derivative compared with differences")
      ->check(CLI::Range(1, 2))
      ->capture_default_str()
      ->group(what);
  if (samples)
    check
        ->add_option("--dtype", line.dtype,
                     std::string("In which derivatives are compared: float64, or float32, whose few digits do not tell "
                                 "everywhere whether a rule is right: that is called unreliable, and passes") +
                         (checks ? ". It does not apply to checks, which bring their own points" : ""))
        ->check(CLI::IsMember({"float64", "float32"}))
        ->capture_default_str()
        ->group(what);
  check->add_option("--seed", request.options.seed, "Of samples, cotangents and directions")
      ->check(CLI::Validator(console::seed_problem, "UINT64"))
      ->capture_default_str()
      ->group(what);
  check->add_option("--threads", request.workers, "Entries checked at a time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group("How");
  const auto add_report = [&](const char* name, std::string& file, const char* description) {
    return add_file(*check, name, file, description)->group("Reports");
  };
  const std::array reports = {add_report("--json", request.json, "Writes all findings"),
                              add_report("--junit", request.junit, "Writes JUnit's XML, as test servers read it"),
                              add_report("--html", request.html, "Writes a page of its own")};
  if (samples) add_selftest(*check, line, reports);
  return check;
}

int run(Line& line, const CLI::App& ops, const suite::Contents& contents) {
  if (ops.parsed()) return ops_command(contents, line.ops);
  line.check.options.dtype = line.dtype == "float32" ? float32 : float64;
  if (!line.wants_selftest) return check_command(contents, line.check);
  line.selftest.check = line.check;
  return selftest_command(contents, line.selftest);
}

}  // namespace
}  // namespace tapegrad::program

namespace tapegrad::suite {

int run_program(int argc, char** argv, const Contents& contents) {
  using namespace tapegrad::program;
  const auto complain = [&](std::string_view message) { console::complain(contents.program, message); };
  Line line;
  CLI::App app(contents.about.empty() ? kAbout : contents.about, contents.program);
  app.set_version_flag("--version", "tapegrad " TAPEGRAD_VERSION, "Prints the version of tapegrad");
  app.require_subcommand(1);
  app.formatter(std::make_shared<console::HelpFormatter>(
      console::terminal_at(stdout).width));  // before the commands, which take it over
  app.footer(kFooter);
  const CLI::App* ops = add_ops(app, line);
  add_check(app, line, contents);
  try {
    if (argc <= 1) {
      fmt::print(stderr, "{}", app.help());
      return kUsage;
    }
    expect_command(argv[1], {"ops", "check"});
    app.parse(argc, argv);
    return printed(contents.program, run(line, *ops, contents));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? printed(contents.program, 0) : kUsage;
  } catch (const UsageError& error) {
    complain(error.what());
    return kUsage;
  } catch (const IoError& error) {
    complain(error.what());
    return kUsage;
  } catch (const std::system_error& error) {  // of fmt, before the end, if the output is to blame
    if (printed(contents.program, 0) == 0) complain(error.what());
    return kUsage;
  } catch (const std::exception& error) {
    complain(error.what());
    return 1;
  }
}

}  // namespace tapegrad::suite
