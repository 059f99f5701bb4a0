#include "word_maker/printer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>

#include "console/columns.hpp"
#include "console/terminal.hpp"

namespace word_maker {

Printer::Printer(const Vocabulary& vocabulary, const std::unordered_map<std::string, bool>& known)
    : vocabulary_(vocabulary), known_(known), colour_(console::terminal_at(stdout).coloured) {}

Printer::Entry Printer::word(const Sequence& sequence) {
  const std::string letters = vocabulary_.decode(sequence);
  ++made_;
  const auto found = known_.find(letters);
  const std::string shown = console::printable(letters);
  if (found == known_.end()) return {shown, shown};
  ++real_;
  if (!found->second) ++unseen_;
  const std::string marked = shown + (found->second ? "*" : "**");
  return {marked, paint(found->second ? "32" : "1;33", marked)};
}

std::string Printer::piece(const Sequence& sequence) const { return console::printable(vocabulary_.decode(sequence)); }

std::string Printer::paint(const char* code, const std::string& text) const {
  return console::painted(text, code, colour_);
}

void print_words(Printer& printer, const std::vector<Sequence>& made) {
  std::vector<Printer::Entry> entries;
  std::size_t widest = 0;
  for (const Sequence& sequence : made) {
    entries.push_back(printer.word(sequence));
    widest = std::max(widest, console::display_width(entries.back().plain));
  }
  const std::size_t column = widest + 2;
  const std::size_t columns = std::max<std::size_t>(1, (console::terminal_at(stdout).width - 3) / column);
  const std::size_t rows = (entries.size() + columns - 1) / columns;
  for (std::size_t r = 0; r < rows; ++r) {
    std::string line = " ";
    for (std::size_t i = r; i < entries.size(); i += rows) {
      line += " " + entries[i].painted;
      if (i + rows < entries.size()) line += std::string(column - 1 - console::display_width(entries[i].plain), ' ');
    }
    fmt::print("{}\n", line);
  }
}

void print_legend(const Corpus& corpus, const Printer& printer) {
  if (corpus.kind == Kind::text) return;
  const auto learnt = std::count_if(corpus.known.begin(), corpus.known.end(), [](const auto& w) { return w.second; });
  const std::string legend =
      fmt::format("* a real word of the list   ** a real word that was held out ({} learnt from, {} held out)",
                  with_commas(static_cast<std::size_t>(learnt)),
                  with_commas(corpus.known.size() - static_cast<std::size_t>(learnt)));
  for (const std::string& line : console::wrapped(legend, console::terminal_at(stdout).width))
    fmt::print("{}\n", printer.faint(line));
}

std::string with_commas(std::size_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

}  // namespace word_maker
