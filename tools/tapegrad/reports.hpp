// A run of the suite as a file: for programs (JSON), for test servers (JUnit's XML), for people (a page).
#pragma once

#include <string>
#include <string_view>

#include "tapegrad/check_run.hpp"

namespace tapegrad::program {

/// An object with "passed", "seconds", "options" and "results": one object per entry with its summary and its checks,
/// each with the findings of its comparison. Numbers that JSON does not know are texts: "inf", "-inf", "nan".
std::string json_report(const CheckRun& run);

/// One <testsuite> per entry, one <testcase> per check: with a <failure>, or an <error> where something was thrown;
/// what passes and has more to say (a note, a kink) says it as its output.
std::string junit_report(const CheckRun& run);

/// One page that needs nothing else: light and dark, wide and narrow.
std::string html_report(const CheckRun& run);

/// Whether the name of a file stands for the standard output.
bool is_output(std::string_view file);

/// Whole or not at all. IoError, which begins with [writer], when it cannot be written.
void write_file(std::string_view writer, const std::string& file, std::string_view text);

}  // namespace tapegrad::program
