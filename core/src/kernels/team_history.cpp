#include "kernels/team_history.hpp"

#include <algorithm>

namespace tapegrad::kernels {
namespace {

/// Items may differ this much in what they cost; a thread that took longer for its own was not running all the time.
constexpr double kUnevenness = 2.0;

/// The time that one thread would have taken for all items.
double serial_seconds(double seconds, std::span<const TeamShare> shares) {
  double fastest_item = seconds;
  for (const TeamShare& share : shares)
    if (share.items > 0) fastest_item = std::min(fastest_item, share.seconds / static_cast<double>(share.items));
  double sum = 0.0;
  for (const TeamShare& share : shares)
    sum += std::min(share.seconds, kUnevenness * fastest_item * static_cast<double>(share.items));
  return sum;
}

}  // namespace

void TeamHistory::begin(double now, bool rests) {
  begun_ = true;
  if (rests) resume_at_ = now + kFirstRest;
}

void TeamHistory::judge(double now, double seconds, std::span<const TeamShare> shares) {
  if (resume_at_ > 0.0) {  // the first region after a rest
    tried_since_ = resume_at_;
    resume_at_ = 0.0;
  }
  balance_ = std::min(balance_ + serial_seconds(seconds, shares) - seconds, kMostCredit);
  if (balance_ < 0.0) {
    rest_ = std::clamp(2.0 * rest_, kShortestRest, kLongestRest);
    resume_at_ = now + rest_;
    balance_ = kTrialCredit;
  } else if (rest_ > 0.0 && now - tried_since_ > rest_) {
    rest_ = rest_ > kShortestRest ? rest_ / 2.0 : 0.0;
    tried_since_ = now;
  }
}

}  // namespace tapegrad::kernels
