// Whether teams of threads have been worth their while lately.
//
// A team that waits for a thread which is not running (another process has its core) is many times slower than one
// thread; one whose loops are too small loses a little each time. A region's gain is the time that its threads spent
// on their items (as far as those are not much slower than the fastest thread's), which one thread would have taken,
// less the time that the team took. Gains and losses are balanced: what was gained pays for losses up to a time slice
// of another process, so that teams go on where they gain on the whole. When the balance falls below nothing, loops
// stay on their thread for a while, twice as long each time that a new trial fails, and half as long after every trial
// that has gone well for as long as the rest before it. A trial has some credit: waking a thread whose core has gone to
// sleep may take several hundred microseconds. To make a thread takes milliseconds, so a history may begin with a rest:
// a program that ends soon needs no team.
//
// Times are seconds of any clock that is above 0; the owner reads it. Not thread-safe: one for each thread that calls
// loops.
#pragma once

#include <cstdint>
#include <span>

namespace tapegrad::kernels {

/// What one thread of a team did.
struct TeamShare {
  std::int64_t items = 0;
  double seconds = 0.0;
};

class TeamHistory {
 public:
  static constexpr double kTrialCredit = 500e-6;  ///< of a trial, in seconds
  static constexpr double kMostCredit = 5e-3;     ///< of what was gained
  static constexpr double kFirstRest = 20e-3;
  static constexpr double kShortestRest = 1e-3;
  static constexpr double kLongestRest = 200e-3;

  constexpr bool has_begun() const { return begun_; }
  /// The first loop that may have a team: with or without a rest first.
  void begin(double now, bool rests);

  /// Whether a loop may have a team at all; reads no clock.
  constexpr bool is_resting() const { return resume_at_ > 0.0; }
  /// Whether the rest is over.
  bool may_try(double now) const { return now >= resume_at_; }

  /// Ends a rest: somebody asks for threads.
  void resume() { resume_at_ = 0.0; }

  /// Takes in how a region went that ended now: its length and each thread's share.
  void judge(double now, double seconds, std::span<const TeamShare> shares);

 private:
  double balance_ = kTrialCredit;  // and time gained less time lost
  bool begun_ = false;
  double rest_ = 0.0;         // the length of the last rest
  double resume_at_ = 0.0;    // its end; 0: none
  double tried_since_ = 0.0;  // since when teams have been tried again
};

}  // namespace tapegrad::kernels
