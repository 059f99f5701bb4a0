// Prose with formulas between dollars.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace tapegrad {

/// Calls text(part) and formula(latex) for its parts in their order, the latter without its dollars. A dollar that has
/// no second one is text.
template <class Text, class Formula>
void for_each_part(std::string_view prose, Text text, Formula formula) {
  while (true) {
    const std::size_t begin = std::min(prose.find('$'), prose.size());
    const std::size_t end = begin < prose.size() ? prose.find('$', begin + 1) : std::string_view::npos;
    if (end == std::string_view::npos) return text(prose);
    text(prose.substr(0, begin));
    formula(prose.substr(begin + 1, end - begin - 1));
    prose.remove_prefix(end + 1);
  }
}

}  // namespace tapegrad
