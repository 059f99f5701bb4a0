#include "norm_study/narrator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "console/interrupt.hpp"
#include "console/terminal.hpp"

namespace norm_study {
namespace {

constexpr int kWidest = 110;  // longer lines are hard to read

}  // namespace

Narrator::Narrator() : colour_(console::wants_colour(stdout)), live_(console::is_terminal(stdout)) {}

int Narrator::width() const { return std::clamp(console::terminal_width(stdout, 100), 20, kWidest); }

void Narrator::heading(std::string_view text) const {
  line("");
  for (const std::string& part : console::wrap(text, static_cast<std::size_t>(width())))
    line(console::painted(part, "1", colour_));
}

void Narrator::say(std::string_view text) const {
  for (const std::string& part : console::wrap(text, static_cast<std::size_t>(width()))) line(part);
}

void Narrator::line(std::string_view text) const {
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

void Narrator::verdict(const Claim& claim) const {
  const std::string plain = verdict_line(claim, false);
  if (console::display_width(plain) <= static_cast<std::size_t>(width())) {
    line(verdict_line(claim, colour_));
  } else {
    say(plain);
  }
  for (const std::string& part : console::wrap(claim.sentence, static_cast<std::size_t>(width() - 4)))
    line("    " + part);
  if (claim.verdict.outcome == Outcome::holds || claim.verdict.outcome == Outcome::fails) return;
  for (const std::string& text : {claim.verdict.detail, claim.second}) {
    for (const std::string& part : console::wrap(text, static_cast<std::size_t>(width() - 4))) line("    " + part);
  }
}

void Narrator::pause(int milliseconds) const {
  if (live_ && !console::interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

}  // namespace norm_study
