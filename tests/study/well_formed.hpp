#pragma once

#include <string>
#include <string_view>
#include <vector>

/// Why the text is not well-formed XML (the subset that the report writes: elements, quoted attributes, five entities),
/// or "".
inline std::string xml_fault(std::string_view text) {
  std::vector<std::string> open;
  const auto entities = [](std::string_view run) -> bool {
    for (std::size_t at = run.find('&'); at != std::string_view::npos; at = run.find('&', at + 1)) {
      bool known = false;
      for (const std::string_view entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"})
        known = known || run.substr(at).starts_with(entity);
      if (!known) return false;
    }
    return run.find('<') == std::string_view::npos;
  };
  if (text.starts_with("<!DOCTYPE html>")) text.remove_prefix(15);
  while (!text.empty()) {
    const std::size_t tag = text.find('<');
    const std::string_view run = text.substr(0, tag);
    if (!entities(run) || run.find('>') != std::string_view::npos) return "bad text: " + std::string(run.substr(0, 80));
    if (tag == std::string_view::npos) break;
    std::size_t end = tag + 1;
    for (char quote = 0; end < text.size() && (quote != 0 || text[end] != '>'); ++end) {
      if (text[end] == '"') quote = quote == 0 ? '"' : '\0';
    }
    if (end == text.size()) return "a tag does not end";
    std::string_view inside = text.substr(tag + 1, end - tag - 1);
    text.remove_prefix(end + 1);
    if (inside.starts_with('/')) {
      if (open.empty() || open.back() != inside.substr(1))
        return "closes " + std::string(inside) + ", open is " + (open.empty() ? "nothing" : open.back());
      open.pop_back();
      continue;
    }
    const bool empty = inside.ends_with('/');
    if (empty) inside.remove_suffix(1);
    const std::string name(inside.substr(0, inside.find(' ')));
    if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") != std::string::npos)
      return "bad element " + name;
    std::string_view rest = inside.substr(name.size());
    while (!rest.empty()) {  // ' name="value"'
      const std::size_t equals = rest.find("=\"");
      if (rest[0] != ' ' || equals == std::string_view::npos) return "bad attribute in " + std::string(inside);
      const std::size_t closing = rest.find('"', equals + 2);
      if (closing == std::string_view::npos || !entities(rest.substr(equals + 2, closing - equals - 2)))
        return "bad value in " + std::string(inside);
      rest.remove_prefix(closing + 1);
    }
    if (!empty) open.push_back(name);
  }
  return open.empty() ? "" : "not closed: " + open.back();
}
