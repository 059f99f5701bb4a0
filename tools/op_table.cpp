// Prints the table of ops, made from the catalogue, or keeps a document's copy of it up to date:
//   op_table                   prints it
//   op_table --write FILE      replaces what stands between the marks in FILE
//   op_table --check FILE      exits 1 when that is not what the catalogue says
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/text/readable_math.hpp"

namespace {

using tapegrad::catalogue::OpEntry;

constexpr std::string_view kBegin = "<!-- op table: made by tools/op_table -->";
constexpr std::string_view kEnd = "<!-- end of op table -->";

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// A bar would end the table's cell. Between backquotes Markdown leaves backslashes alone.
std::string formula(std::string_view latex) {
  return latex.empty() ? "" : fmt::format("$`{}`$", replace_all(std::string(latex), "|", R"(\vert )"));
}

std::string table() {
  std::map<std::string_view, std::vector<const OpEntry*>> families;
  std::size_t count = 0;
  for (const OpEntry* op : tapegrad::catalogue::all_ops()) {
    families[op->family].push_back(op);
    ++count;
  }
  std::string text = fmt::format("{} ops, by family. {}\n\n| family | op | formula; reverse rule |\n|---|---|---|\n",
                                 count, tapegrad::readable_prose(tapegrad::catalogue::kNotation));
  for (auto& [family, ops] : families) {
    std::sort(ops.begin(), ops.end(), [](const OpEntry* a, const OpEntry* b) { return a->name < b->name; });
    for (const OpEntry* op : ops) text += fmt::format("| {} | `{}` | {} |\n", family, op->name, formula(op->math));
  }
  return text;
}

struct Document {
  std::string before, between, after;
};

bool split(const std::string& text, Document& document) {
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) return false;
  const std::size_t first = begin + kBegin.size() + 1;
  document = {text.substr(0, first), text.substr(first, end - first), text.substr(end)};
  return true;
}

int usage() {
  std::fputs("usage: op_table [--write FILE | --check FILE]\n", stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) {
    std::fputs(table().c_str(), stdout);
    return 0;
  }
  if (argc != 3) return usage();
  const std::string_view mode = argv[1];
  if (mode != "--write" && mode != "--check") return usage();

  std::ifstream in(argv[2]);
  std::ostringstream text;
  text << in.rdbuf();
  Document document;
  if (!in || !split(text.str(), document)) {
    fmt::print(stderr, "op_table: {} cannot be read, or lacks the marks {} ... {}\n", argv[2], kBegin, kEnd);
    return 2;
  }
  if (document.between == table()) return 0;
  if (mode == "--check") {
    fmt::print(stderr, "op_table: the table in {} is not what the catalogue says; run op_table --write {}\n", argv[2],
               argv[2]);
    return 1;
  }
  std::ofstream out(argv[2]);
  out << document.before << table() << document.after;
  out.close();
  if (!out) fmt::print(stderr, "op_table: {} could not be written\n", argv[2]);
  return out ? 0 : 2;
}
