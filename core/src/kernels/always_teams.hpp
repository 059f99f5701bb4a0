// Teams by force, for tests: a comparison of one thread with two says nothing where no team was formed.
#pragma once

#include <cstdint>

namespace tapegrad::kernels {

/// While one lives, every loop of this thread that has two chunks gets a team, however small it is and however teams
/// have done.
class AlwaysTeams {
 public:
  [[nodiscard]] AlwaysTeams();
  AlwaysTeams(const AlwaysTeams&) = delete;
  AlwaysTeams& operator=(const AlwaysTeams&) = delete;
  ~AlwaysTeams();
};
bool teams_are_forced();
/// How many teams this thread has formed so far.
std::int64_t teams_formed();

}  // namespace tapegrad::kernels
