// A table for a terminal: columns as wide as their widest cell, wrapped where the terminal is narrower.
#pragma once

#include <string>
#include <vector>

#include "console/terminal.hpp"

namespace tapegrad::program {

struct Cell {
  std::string text;
  console::Paint paint = console::Paint::plain;
};

struct Column {
  std::string heading;
  bool to_the_right = false;  ///< numbers
  bool optional = false;      ///< may be left out where the terminal is narrow, the last one first
  bool spare = false;         ///< may be left out where lines would be longer than the terminal else
};

/// Lines without the newline at their end. Where even the longest words do not fit side by side, but do without the
/// last column, that stands below the others. REQUIRES: a column.
std::vector<std::string> table_lines(std::vector<Column> columns, std::vector<std::vector<Cell>> rows,
                                     const console::Terminal& terminal);

}  // namespace tapegrad::program
