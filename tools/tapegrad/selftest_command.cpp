#include "tapegrad/selftest_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "console/columns.hpp"
#include "console/jobs.hpp"
#include "console/terminal.hpp"
#include "tapegrad/check_run.hpp"
#include "tapegrad/progress.hpp"
#include "tapegrad/selection.hpp"
#include "tapegrad/selftest.hpp"
#include "tapegrad/table.hpp"

namespace tapegrad::program {
namespace {

using console::Paint;
using console::paragraph;
using console::Terminal;
using console::terminal_at;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void print_indented(std::string_view text) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) fmt::print("    {}\n", line);
}

/// "1 error", "2 errors".
std::string counted(std::size_t count, std::string_view one, std::string_view several) {
  return fmt::format("{} {}", count, count == 1 ? one : several);
}

std::string counted_errors(std::size_t count) { return counted(count, "error", "errors"); }

bool is_planted(const suite::CheckResult& check) { return check.check == kPlantedRule; }

void print_failed(std::string_view headline, const std::string& program, const suite::EntryResult& result,
                  const suite::CheckResult& check, const suite::CheckOptions& options, const Terminal& terminal) {
  fmt::print("\n{} {}\n", terminal.painted("✗", Paint::bad), headline);
  print_indented(check.message);
  fmt::print("  again: {}{}\n", reproduction(program, result, check, options), is_planted(check) ? " --selftest" : "");
}

std::string name_and_title(const suite::EntryResult& result, const suite::CheckResult& check,
                           const Terminal& terminal) {
  return fmt::format("{}, {}", terminal.painted(result.name, Paint::strong), title(check));
}

Cell rate(const Detection& detection, bool must_be_whole) {
  if (detection.tried == 0) return {"-"};
  const bool whole = detection.found == detection.tried;
  return {whole ? fmt::format("{}", detection.found) : fmt::format("{}/{}", detection.found, detection.tried),
          whole           ? Paint::good
          : must_be_whole ? Paint::bad
                          : Paint::doubtful};
}

std::vector<Cell> row_of(std::string_view name, const BugTally& tally) {
  std::vector<Cell> row = {{std::string(name), Paint::strong},
                           {std::to_string(tally.planted)},
                           {std::to_string(tally.same), Paint::faint},
                           {std::to_string(tally.beyond), Paint::faint}};
  for (std::size_t mode = 0; mode < kModes.size(); ++mode) row.push_back(rate(tally.modes[mode], must_find(mode)));
  return row;
}

void print_detection(const std::string& program, const DetectionResult& result, const suite::CheckOptions& options,
                     double seconds, const Terminal& terminal) {
  std::vector<Column> columns = {
      {"mistake"},
      {.heading = "planted", .to_the_right = true},
      {.heading = "same", .to_the_right = true, .optional = true},
      {.heading = fmt::format("< {}", kBeyondDifferences), .to_the_right = true, .optional = true}};
  for (std::size_t mode = 0; mode < kModes.size(); ++mode)
    columns.push_back({.heading = std::string(kModes[mode]), .to_the_right = true, .spare = !must_find(mode)});
  std::vector<std::vector<Cell>> rows;
  BugTally all;
  for (std::size_t b = 0; b < kBugs.size(); ++b) {
    rows.push_back(row_of(kBugs[b], result.bugs[b]));
    all += result.bugs[b];
  }
  rows.push_back(row_of("all", all));
  fmt::print("{}\n",
             paragraph(fmt::format("Mistakes planted into {}, and how many were found. Left out: those that are "
                                   "the same function there, and those that change less than {} of the derivative, "
                                   "which differences in float64 cannot tell.",
                                   counted(result.samples, "sample", "samples"), kBeyondDifferences),
                       0, terminal.width));
  for (const std::string& line : table_lines(columns, rows, terminal)) fmt::print("{}\n", line);
  for (const Missed& m : result.missed) {
    fmt::print("\n{} {} in {}, sample \"{}\", {}: not found by {}\n", terminal.painted("✗", Paint::bad), kBugs[m.bug],
               terminal.painted(m.entry, Paint::strong), m.sample, m.where, kModes[m.mode]);
    print_indented(m.report);
  }
  for (const Missed& m : result.suspected) {
    fmt::print("\n{} {}, sample \"{}\": {} is suspected\n", terminal.painted("✗", Paint::bad),
               terminal.painted(m.entry, Paint::strong), m.sample, m.where);
    print_indented(m.report);
  }
  std::size_t threw = 0;
  for (const suite::EntryResult& entry : result.threw)
    for (const suite::CheckResult& check : entry.checks) {
      ++threw;
      print_failed("error: " + name_and_title(entry, check, terminal), program, entry, check, options, terminal);
    }
  const std::string errors = threw > 0 ? ", " + counted_errors(threw) : "";
  fmt::print("\n{}",
             conclusion(result.passed(), fmt::format("planted mistakes in {:.1f} s{}", seconds, errors), terminal));
}

DetectionResult detect_all(const std::vector<suite::Entry>& entries, const CheckRequest& request) {
  Progress progress(entries.size());
  std::vector<DetectionResult> results(entries.size());
  console::run_side_by_side(
      entries.size(), request.workers, [&](std::size_t i) { results[i] = detect(entries[i], request.options.seed); },
      [&](std::size_t i) { progress.advance(entries[i].name); });
  DetectionResult all;
  for (DetectionResult& result : results) all += std::move(result);
  return all;
}

/// Whether no right op is suspected on any seed, and none has thrown.
bool look_for_false_alarms(const std::string& program, const std::vector<suite::Entry>& entries,
                           const SelftestRequest& request, const Terminal& terminal) {
  const auto start = std::chrono::steady_clock::now();
  const auto seeds = static_cast<std::size_t>(request.seeds);
  std::vector<suite::EntryResult> results(seeds * entries.size());
  const auto options_of = [&](std::size_t job) {
    suite::CheckOptions options = request.check.options;
    options.seed += job / entries.size();
    return options;
  };
  {
    Progress progress(results.size());
    console::run_side_by_side(
        results.size(), request.check.workers,
        [&](std::size_t job) {
          results[job] = suite::check_differences(entries[job % entries.size()], options_of(job));
          // a thousand right reports are of no use to anybody
          std::erase_if(results[job].checks,
                        [](const suite::CheckResult& c) { return c.outcome != suite::Outcome::failed; });
        },
        [&](std::size_t job) { progress.advance(fmt::format("seed {}", options_of(job).seed)); });
  }
  std::size_t alarms = 0;
  std::size_t errors = 0;
  for (std::size_t job = 0; job < results.size(); ++job)
    for (const suite::CheckResult& check : results[job].checks) {
      ++(check.threw ? errors : alarms);
      print_failed((check.threw ? "error: " : "false alarm: ") + name_and_title(results[job], check, terminal), program,
                   results[job], check, options_of(job), terminal);
    }
  const bool calm = alarms + errors == 0;
  fmt::print("{}",
             conclusion(calm,
                        fmt::format("{}{} over {} of {} in {:.1f} s", counted(alarms, "false alarm", "false alarms"),
                                    errors > 0 ? " and " + counted_errors(errors) : "", counted(seeds, "seed", "seeds"),
                                    counted(entries.size(), "op or layer", "ops and layers"), seconds_since(start)),
                        terminal));
  return calm;
}

}  // namespace

int selftest_command(const suite::Contents& contents, const SelftestRequest& request) {
  const Terminal terminal = terminal_at(stdout);
  std::vector<suite::Entry> entries = entries_of(contents, request.check);
  std::erase_if(entries, [](const suite::Entry& entry) { return !entry.samples; });
  if (entries.empty()) throw UsageError("mistakes are planted into ops and layers: there are none among these");
  const auto start = std::chrono::steady_clock::now();
  const DetectionResult detection = detect_all(entries, request.check);
  print_detection(contents.program, detection, request.check.options, seconds_since(start), terminal);
  std::fflush(stdout);
  // What has thrown by its own rule is told, and would throw at every seed.
  std::erase_if(entries, [&](const suite::Entry& entry) {
    return std::any_of(detection.threw.begin(), detection.threw.end(), [&](const suite::EntryResult& threw) {
      return threw.kind == entry.kind && threw.name == entry.name &&
             !std::all_of(threw.checks.begin(), threw.checks.end(), is_planted);
    });
  });
  const bool calm =
      request.seeds == 0 || entries.empty() || look_for_false_alarms(contents.program, entries, request, terminal);
  return selftest_status(detection, calm);
}

int selftest_status(const DetectionResult& detection, bool calm) { return detection.passed() && calm ? 0 : 1; }

}  // namespace tapegrad::program
