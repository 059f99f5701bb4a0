#include "norm_study/narrator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "console/columns.hpp"
#include "console/interrupt.hpp"
#include "console/terminal.hpp"

namespace norm_study {
namespace {

constexpr std::size_t kWidest = 110;  // longer lines are hard to read

}  // namespace

Narrator::Narrator() : colour_(console::terminal_at(stdout).coloured), live_(console::terminal_at(stdout).live) {}

std::size_t Narrator::width() const { return std::min(console::terminal_at(stdout).width, kWidest); }

void Narrator::heading(std::string_view text) const {
  line("");
  for (const std::string& part : console::wrapped(text, width())) line(console::painted(part, "1", colour_));
}

void Narrator::say(std::string_view text) const {
  for (const std::string& part : console::wrapped(text, width())) line(part);
}

void Narrator::line(std::string_view text) const {
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

void Narrator::indented(std::string_view text) const {
  constexpr std::size_t kIndent = 4;
  if (!text.empty()) fmt::print("{}", console::paragraph(text, kIndent, width()));
  std::fflush(stdout);
}

void Narrator::verdict(const Claim& claim) const {
  const std::string plain = verdict_line(claim, false);
  if (console::display_width(plain) <= width()) {
    line(verdict_line(claim, colour_));
  } else {
    say(plain);
  }
  indented(claim.sentence);
  if (claim.verdict.outcome == Outcome::holds || claim.verdict.outcome == Outcome::fails) return;
  indented(claim.verdict.detail);
  indented(claim.second);
}

void Narrator::pause(int milliseconds) const {
  if (live_ && !console::interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

}  // namespace norm_study
