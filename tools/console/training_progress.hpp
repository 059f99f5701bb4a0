// The live line while networks train.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>

#include "console/live_line.hpp"
#include "console/terminal.hpp"

namespace console {

/// What the line shows.
struct TrainingState {
  std::string label;
  std::int64_t step = 0, total_steps = 0;
  std::int64_t sequences = 0;            // trained on so far
  double seconds = 0;                    // since the start
  std::optional<double> loss, accuracy;  // accuracy in [0, 1]
};

/// "1:05", "2:03:04".
std::string clock_text(double seconds);

/// One line no wider than the terminal (colour codes take no columns): label, bar, percentage, loss, accuracy,
/// sequences per second, time left. Where it is narrow the rear parts give way first, then the bar.
std::string training_line(const TrainingState& state, const Terminal& terminal);

/// A live line of this. Thread safety: advance() may be called from several threads (seeds that train side by side).
class TrainingProgress {
 public:
  TrainingProgress(std::string label, std::int64_t total_steps, std::FILE* out = stderr);
  ~TrainingProgress();
  TrainingProgress(const TrainingProgress&) = delete;
  TrainingProgress& operator=(const TrainingProgress&) = delete;

  /// Adds work done. Loss and accuracy, where given, replace those shown.
  void advance(std::int64_t steps, std::int64_t sequences, std::optional<double> loss = std::nullopt,
               std::optional<double> accuracy = std::nullopt);

  /// Removes the live line, so that other text can be printed; the next advance() draws it again.
  void clear();

 private:
  std::string drawn(const Terminal& terminal) const { return training_line(state_, terminal); }

  std::mutex mutex_;
  TrainingState state_;
  LiveLine line_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace console
