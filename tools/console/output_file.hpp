// Files that a program will write when its work is done.
#pragma once

#include <string>
#include <string_view>

namespace console {

/// An unwritable place is told before the work instead of after it: IoError, which begins with [writer], unless the
/// file's folder exists and may be written, and the name is free or that of a file that may be replaced. An empty name
/// is no file.
void expect_output_file(std::string_view writer, const std::string& file);

}  // namespace console
