// What a verdict looks like, on the page and on the terminal.
#pragma once

#include <string>
#include <string_view>

#include "norm_study/statistics.hpp"

namespace norm_study {

struct Badge {
  std::string_view sign, css_class, terminal;  // terminal: the colour code
};
Badge badge(Outcome outcome);

/// "confirmed", "holds by construction".
std::string verdict_words(const Verdict& verdict);

}  // namespace norm_study
