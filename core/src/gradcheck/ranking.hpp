// The worst comparisons of a finding, worst first.
#pragma once

#include <cstddef>
#include <vector>

#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

class Ranking {
 public:
  /// Whether this is the worst of all.
  bool add(GradcheckElement element, double excess);
  bool would_enter(Verdict verdict, double excess) const {
    return entries_.size() < kWorst || worse(verdict, excess, entries_.back());
  }
  /// Of the worst.
  Verdict verdict() const { return entries_.empty() ? Verdict::ok : entries_.front().element.verdict; }
  /// Writes the worst into the finding, as its verdict and numbers, and appends all to its list.
  void file(GradcheckFinding& finding) const;

 private:
  struct Entry {
    GradcheckElement element;
    double excess;
  };
  static bool worse(Verdict verdict, double excess, const Entry& than) {
    return verdict != than.element.verdict ? verdict > than.element.verdict : excess > than.excess;
  }

  static constexpr std::size_t kWorst = 8;  // elements that a finding keeps
  std::vector<Entry> entries_;
};

}  // namespace tapegrad::checker
