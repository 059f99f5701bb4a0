#include "console/training_progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "console/bar.hpp"
#include "console/columns.hpp"

namespace console {
namespace {

constexpr std::size_t kSmallestBar = 8, kLargestBar = 40;

double fraction_done(const TrainingState& state) {
  if (state.total_steps <= 0) return 0;
  return std::clamp(static_cast<double>(state.step) / static_cast<double>(state.total_steps), 0.0, 1.0);
}

/// The facts behind the bar, the most wanted first.
std::vector<std::string> facts(const TrainingState& state) {
  std::vector<std::string> parts;
  if (state.loss) parts.push_back(fmt::format("loss {:.3f}", *state.loss));
  if (state.accuracy) parts.push_back(fmt::format("accuracy {:.1f} %", 100 * *state.accuracy));
  const double done = fraction_done(state);
  if (done > 0 && done < 1) parts.push_back(clock_text(state.seconds * (1 - done) / done) + " left");
  if (done >= 1) parts.push_back(clock_text(state.seconds));
  if (state.seconds > 0)
    parts.push_back(fmt::format("{:.0f} sequences/s", static_cast<double>(state.sequences) / state.seconds));
  return parts;
}

}  // namespace

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(std::clamp(seconds, 0.0, 3.6e8)));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string training_line(const TrainingState& state, const Terminal& terminal) {
  const std::size_t columns = terminal.width;
  const double done = fraction_done(state);
  const std::string percent = fmt::format("{:3.0f} %", std::floor(100 * done));
  std::string tail = percent;
  const std::size_t reserved = display_width(state.label) + 1 + kSmallestBar + 1;  // what stands before the percentage
  for (const std::string& fact : facts(state)) {
    const std::string longer = tail + "  " + fact;
    if (reserved + display_width(longer) > columns) break;
    tail = longer;
  }
  if (reserved + display_width(tail) > columns) return fit(state.label + " " + percent, columns);
  const std::size_t room = columns - (reserved - kSmallestBar) - display_width(tail);
  const std::string drawn = bar(done, std::min(room, kLargestBar), "·");
  return state.label + " " + painted(drawn, "36", terminal.coloured) + " " + tail;
}

TrainingProgress::TrainingProgress(std::string label, std::int64_t total_steps, std::FILE* out)
    : state_{.label = std::move(label), .total_steps = total_steps, .loss = {}, .accuracy = {}},
      line_(out),
      start_(std::chrono::steady_clock::now()) {}

TrainingProgress::~TrainingProgress() {
  const std::scoped_lock lock(mutex_);
  line_.draw([this](const Terminal& terminal) { return drawn(terminal); });
  line_.leave();
}

void TrainingProgress::advance(std::int64_t steps, std::int64_t sequences, std::optional<double> loss,
                               std::optional<double> accuracy) {
  const std::scoped_lock lock(mutex_);
  state_.step += steps;
  state_.sequences += sequences;
  state_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  if (loss) state_.loss = loss;
  if (accuracy) state_.accuracy = accuracy;
  line_.show(
      fraction_done(state_), [this](const Terminal& terminal) { return drawn(terminal); },
      [this] {
        std::string text = fmt::format("{}: step {} of {}", state_.label, state_.step, state_.total_steps);
        for (const std::string& fact : facts(state_)) text += ", " + fact;
        return text;
      });
}

void TrainingProgress::clear() {
  const std::scoped_lock lock(mutex_);
  line_.clear();
}

}  // namespace console
