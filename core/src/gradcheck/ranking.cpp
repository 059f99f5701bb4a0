#include "gradcheck/ranking.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace tapegrad::checker {

bool Ranking::add(GradcheckElement element, double excess) {
  if (!would_enter(element.verdict, excess)) return false;
  const auto place =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return worse(element.verdict, excess, e); });
  const bool first = place == entries_.begin();
  for (double* const value : {&element.analytic, &element.numeric})
    if (std::isnan(*value)) *value = std::numeric_limits<double>::quiet_NaN();  // 0 inf has a sign, as texts show it
  entries_.insert(place, {std::move(element), excess});
  if (entries_.size() > kWorst) entries_.pop_back();
  return first;
}

void Ranking::file(GradcheckFinding& finding) const {
  if (entries_.empty()) return;
  static_cast<GradcheckElement&>(finding) = entries_.front().element;
  for (const Entry& e : entries_) finding.worst.push_back(e.element);
}

}  // namespace tapegrad::checker
