#include "tapegrad/selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace tapegrad::program {
namespace {

/// Insertions, deletions, replacements and exchanges of neighbours that make one word of the other (Damerau 1964).
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = above;
    above = row;
  }
  return above.back();
}

/// A name as several libraries spell it: BatchNorm of batch_norm, relu of ReLU.
std::string plain(std::string_view name) {
  std::string letters;
  for (const char c : name)
    if (c != '_') letters += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return letters;
}

/// The fewest edits to the name, in one spelling or another, or, at one more, to one of its words: norm is meant by
/// layer_norm.
std::size_t edits_to_name(std::string_view written, std::string_view name) {
  std::size_t fewest = std::min(edits(written, name), edits(plain(written), plain(name)));
  for (std::string_view rest = name; !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find('_'));
    if (word.size() >= 3) fewest = std::min(fewest, edits(written, word) + 1);
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  }
  return fewest;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// "log, log1p or log10".
template <class Words>
std::string one_of(const Words& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text.append(i == 0 ? "" : i + 1 == words.size() ? " or " : ", ").append(words[i]);
  return text;
}

/// "; did you mean log or log1p?", or `otherwise` where nothing is likely.
std::string question(const std::vector<std::string>& likely, const char* otherwise) {
  return likely.empty() ? otherwise : fmt::format("; did you mean {}?", one_of(likely));
}

/// The kinds of entries that stand there, each once.
std::vector<std::string_view> kinds_of(const std::vector<suite::Entry>& entries) {
  std::vector<std::string_view> kinds;
  for (const suite::Entry& e : entries)
    if (std::find(kinds.begin(), kinds.end(), e.kind) == kinds.end()) kinds.push_back(e.kind);
  return kinds;
}

}  // namespace

bool matches(std::string_view pattern, std::string_view name) {
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t p = 0;
  std::size_t n = 0;
  // Where the last star stands, and what it has taken so far: only that one can take more.
  std::size_t star = kNone;
  std::size_t taken = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != kNone) {
      p = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == kNone;
}

std::vector<std::string> suggestions(std::string_view written, const std::vector<std::string_view>& names) {
  constexpr std::size_t kMost = 3;
  std::vector<std::pair<std::size_t, std::string_view>> likely;
  for (const std::string_view name : names) {
    const std::size_t distance = edits_to_name(written, name);
    const bool inside = written.size() >= 3 && (contains(name, written) || contains(written, name));
    if (distance <= std::max<std::size_t>(1, (written.size() + 2) / 3)) {
      likely.emplace_back(distance, name);
    } else if (inside) {
      likely.emplace_back(distance + written.size(), name);
    }
  }
  std::sort(likely.begin(), likely.end());
  std::vector<std::string> result;
  for (const auto& [distance, name] : likely)
    if (result.size() < kMost) result.emplace_back(name);
  return result;
}

void expect_command(std::string_view written, const std::vector<std::string_view>& commands) {
  if (written.starts_with('-') || std::find(commands.begin(), commands.end(), written) != commands.end()) return;
  throw UsageError(fmt::format("there is no command '{}'{}", written,
                               question(suggestions(written, commands), "; `--help` tells which there are")));
}

std::vector<suite::Entry> selected(const std::vector<suite::Entry>& entries, std::string_view kind,
                                   const std::vector<std::string>& patterns) {
  const auto is_wanted = [kind](const suite::Entry& e) { return kind.empty() || e.kind == kind; };
  const auto fits = [](const std::string& pattern) {
    return [&pattern](const suite::Entry& e) { return matches(pattern, e.name); };
  };
  std::vector<suite::Entry> candidates;
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(candidates), is_wanted);
  for (const std::string& pattern : patterns) {
    if (std::any_of(candidates.begin(), candidates.end(), fits(pattern))) continue;
    const std::string what = kind.empty() ? one_of(kinds_of(entries)) : std::string(kind);
    const auto other = std::find_if(entries.begin(), entries.end(), fits(pattern));
    if (other != entries.end())
      throw UsageError(fmt::format("there is no {} '{}': say --{} {}", what, pattern, other->kind, pattern));
    std::vector<std::string_view> names;
    for (const suite::Entry& e : candidates) names.push_back(e.name);
    throw UsageError(fmt::format("there is no {} '{}'{}", what, pattern,
                                 question(suggestions(pattern, names), "; `ops` lists what there is")));
  }
  std::erase_if(candidates, [&](const suite::Entry& e) {
    return std::none_of(patterns.begin(), patterns.end(), [&](const std::string& p) { return matches(p, e.name); });
  });
  return candidates;
}

}  // namespace tapegrad::program
