#include "tapegrad/check_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "console/columns.hpp"
#include "console/jobs.hpp"
#include "console/output_file.hpp"
#include "console/terminal.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/check_run.hpp"
#include "tapegrad/progress.hpp"
#include "tapegrad/reports.hpp"
#include "tapegrad/selection.hpp"
#include "tapegrad/table.hpp"

namespace tapegrad::program {
namespace {

using console::Paint;
using console::Terminal;
using console::terminal_at;
using suite::CheckResult;
using suite::EntryResult;
using suite::Outcome;

/// Only the samples that match; nothing but samples is checked.
void keep_samples(suite::Entry& entry, const std::vector<std::string>& patterns) {
  entry.others = {};
  entry.samples = [all = entry.samples, patterns](Generator& g) {
    catalogue::Samples samples = all(g);
    std::erase_if(samples, [&](const catalogue::Sample& sample) {
      return std::none_of(patterns.begin(), patterns.end(),
                          [&](const std::string& p) { return matches(p, sample.name); });
    });
    return samples;
  };
}

CheckRun run(const std::string& program, const std::vector<suite::Entry>& entries, const CheckRequest& request,
             Progress& progress) {
  CheckRun run{.program = program, .options = request.options, .workers = request.workers, .results = {}};
  run.results.resize(entries.size());
  const auto start = std::chrono::steady_clock::now();
  console::run_side_by_side(
      entries.size(), request.workers,
      [&](std::size_t i) { run.results[i] = suite::check(entries[i], request.options); },
      [&](std::size_t i) { progress.advance(entries[i].name); });
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return run;
}

Paint paint_of(const Summary& summary) { return summary.failed > 0 ? Paint::bad : Paint::good; }

void print_table(const CheckRun& run, const Terminal& terminal) {
  std::vector<std::vector<Cell>> rows;
  for (const EntryResult& result : run.results) {
    const Summary s = summary_of(result);
    rows.push_back({{s.failed > 0 ? "✗" : "✓", paint_of(s)},
                    {std::string(result.name), s.failed > 0 ? Paint::bad : Paint::strong},
                    {std::string(result.family), Paint::faint},
                    {std::to_string(s.samples)},
                    {std::to_string(s.checks)},
                    {std::to_string(s.comparisons)},
                    {s.comparisons > 0 ? fmt::format("{:.2g}", s.worst) : "-"},
                    {fmt::format("{:.2f}", result.seconds), Paint::faint},
                    {verdict_text(s), s.failed > 0 ? Paint::bad : Paint::plain}});
  }
  const std::vector<Column> columns = {{""},
                                       {"name"},
                                       {.heading = "family", .optional = true},
                                       {.heading = "samples", .to_the_right = true, .spare = true},
                                       {.heading = "checks", .to_the_right = true, .optional = true},
                                       {.heading = "compared", .to_the_right = true, .spare = true},
                                       {.heading = "error/tol", .to_the_right = true, .spare = true},
                                       {.heading = "s", .to_the_right = true, .optional = true},
                                       {"verdicts"}};
  for (const std::string& line : table_lines(columns, rows, terminal)) fmt::print(terminal.stream, "{}\n", line);
}

void print_failure(const EntryResult& result, const CheckResult& check, const CheckRun& run, const Terminal& terminal) {
  fmt::print(terminal.stream, "\n{} {} {}: {}\n", terminal.painted("✗", Paint::bad), result.kind,
             terminal.painted(result.name, Paint::strong), title(check));
  std::istringstream message(check.message);
  for (std::string line; std::getline(message, line);) fmt::print(terminal.stream, "    {}\n", line);
  fmt::print(terminal.stream, "  again: {}\n", reproduction(run.program, result, check, run.options));
}

/// Where a dtype was asked for that checks do not have: says so.
void print_where_dtype_applies(const CheckRun& run, const Terminal& terminal) {
  const auto checks = std::count_if(run.results.begin(), run.results.end(),
                                    [](const EntryResult& result) { return result.kind == "check"; });
  if (run.options.dtype == suite::CheckOptions().dtype || checks == 0) return;
  const std::string text =
      fmt::format("--dtype {} does not apply to checks: {} of these {} as {} written", to_string(run.options.dtype),
                  checks, checks == 1 ? "was run" : "were run", checks == 1 ? "it is" : "they are");
  fmt::print(terminal.stream, "\n{}", console::paragraph(text, 0, terminal.width));
}

void print_conclusion(const CheckRun& run, const Terminal& terminal) {
  Summary all;
  std::size_t failed = 0;
  for (const EntryResult& result : run.results) {
    all += summary_of(result);
    if (!result.passed()) ++failed;
  }
  const std::string text =
      fmt::format("{} in {:.1f} s on {} {}: {} checks of {} samples, {} comparisons with differences ({}); {} skipped",
                  failed == 0 ? fmt::format("{} checked", run.results.size())
                              : fmt::format("{} of {} wrong", failed, run.results.size()),
                  run.seconds, run.workers, run.workers == 1 ? "thread" : "threads", all.checks, all.samples,
                  all.comparisons, verdict_text(all), all.skipped);
  fmt::print(terminal.stream, "\n{}", conclusion(failed == 0, text, terminal));
}

constexpr std::string_view kReportWriter = "report";

/// UsageError where two reports would go to one place, IoError where one cannot be written.
void expect_reports(const std::vector<std::string>& files) {
  if (std::count_if(files.begin(), files.end(), is_output) > 1)
    throw UsageError("two reports would go to the standard output");
  std::set<std::filesystem::path> places;
  for (const std::string& file : files) {
    if (file.empty() || is_output(file)) continue;
    std::error_code none;  // a name that leads nowhere is refused below
    if (!places.insert(std::filesystem::weakly_canonical(file, none)).second)
      throw UsageError(fmt::format("two reports would go to one file, {}", file));
    console::expect_output_file(kReportWriter, file);
  }
}

/// Each that is asked for, whatever becomes of the others, the standard output last; then throws IoError for the first
/// file that could not be written, std::system_error for the output.
void write_reports(const CheckRequest& request, const CheckRun& done) {
  using Report = std::pair<const std::string&, std::string (*)(const CheckRun&)>;
  const std::array reports = {Report(request.json, json_report), Report(request.junit, junit_report),
                              Report(request.html, html_report)};
  std::exception_ptr failure;
  for (const auto& [file, report] : reports) {
    if (file.empty() || is_output(file)) continue;
    try {
      write_file(kReportWriter, file, report(done));
    } catch (const IoError&) {
      if (!failure) failure = std::current_exception();
    }
  }
  for (const auto& [file, report] : reports)
    if (is_output(file)) fmt::print("{}", report(done));
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

std::vector<suite::Entry> entries_of(const suite::Contents& contents, const CheckRequest& request) {
  const std::vector<suite::Entry> all = suite::entries_of(contents);
  std::vector<suite::Entry> entries;
  if (request.names.empty() && request.ops.empty() && request.layers.empty() && request.checks.empty()) {
    entries = all;
  } else {
    std::set<std::pair<std::string_view, std::string_view>> wanted;  // kind and name
    const auto want = [&](std::string_view kind, const std::vector<std::string>& patterns) {
      for (const suite::Entry& entry : selected(all, kind, patterns)) wanted.emplace(entry.kind, entry.name);
    };
    want("", request.names);
    want("op", request.ops);
    want("layer", request.layers);
    want("check", request.checks);
    std::copy_if(all.begin(), all.end(), std::back_inserter(entries), [&](const suite::Entry& entry) {
      return wanted.contains({entry.kind, entry.name});
    });
  }
  if (!request.samples.empty()) {
    std::erase_if(entries, [](const suite::Entry& entry) { return !entry.samples; });
    for (suite::Entry& entry : entries) keep_samples(entry, request.samples);
    std::erase_if(entries, [&](const suite::Entry& entry) {
      Generator g(request.options.seed);
      return entry.samples(g).empty();
    });
    if (entries.empty()) throw UsageError("no sample of these has such a name; `ops NAME` lists them");
  }
  return entries;
}

int check_command(const suite::Contents& contents, const CheckRequest& request) {
  const std::vector<suite::Entry> entries = entries_of(contents, request);
  const std::vector<std::string> reports = {request.json, request.junit, request.html};
  expect_reports(reports);
  Progress progress(entries.size());
  const CheckRun done = run(contents.program, entries, request, progress);
  progress.clear();

  // Before anything is printed: whoever reads that may have gone.
  write_reports(request, done);
  const Terminal terminal = terminal_at(std::any_of(reports.begin(), reports.end(), is_output) ? stderr : stdout);
  print_table(done, terminal);
  for (const EntryResult& result : done.results)
    for (const CheckResult& check : result.checks)
      if (check.outcome == Outcome::failed) print_failure(result, check, done, terminal);
  print_where_dtype_applies(done, terminal);
  print_conclusion(done, terminal);
  return exit_status(done);
}

int exit_status(const CheckRun& run) { return run.passed() ? 0 : 1; }

}  // namespace tapegrad::program
