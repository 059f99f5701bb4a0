#include "text/wrapping.hpp"

#include "tapegrad/text/readable_math.hpp"

namespace tapegrad {

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  constexpr std::size_t kWideGap = 3;
  std::vector<std::string> lines(1);
  std::size_t used = 0;
  std::string gap;  // what stood before the word, unless a line begins with it
  text = text.substr(0, text.find_last_not_of(' ') + 1);
  while (!text.empty()) {
    const std::size_t spaces = text.find_first_not_of(' ');
    gap.assign(spaces, ' ');
    text.remove_prefix(spaces);
    const std::string_view word = text.substr(0, text.find(' '));
    const std::size_t needed = display_width(word);
    // before a wide gap the whole clause counts, so that formulas are cut between their parts
    const std::size_t together = spaces >= kWideGap ? display_width(text.substr(0, text.find("   "))) : needed;
    if (lines.back().empty()) {
      lines.back() = word;
      used = needed;
    } else if (used + gap.size() + together <= width) {
      lines.back().append(gap).append(word);
      used += gap.size() + needed;
    } else {
      lines.emplace_back(word);
      used = needed;
    }
    text.remove_prefix(word.size());
  }
  return lines;
}

}  // namespace tapegrad
