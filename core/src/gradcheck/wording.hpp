// How a finding's parts are put into words: the same in text, JSON and HTML.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

/// What two answers to the same question that differ may mean, after what they are.
inline constexpr const char* kDrawnAnew =
    ", as where random numbers (a dropout's mask) are drawn anew for each, or one call keeps something for the next "
    "(an average, a buffer of its own)";

/// Of a slope that is the function's on one side only.
inline constexpr std::string_view kOneSided = "one-sided differences: the function ends here";

/// Of a slope that is infinite.
inline constexpr std::string_view kInfiniteSlope = "the differences grow without bound: the slope is infinite here";

/// "[2, 3], [1]"; "none".
std::string shapes_text(const std::vector<std::vector<std::int64_t>>& shapes);
/// Whether it is the derivative by an element that was compared, and not by a direction.
bool is_of_an_element(const GradcheckFinding& finding, const std::vector<std::int64_t>& index, std::int64_t output);
/// "[1, 1]"; "direction" where a product with a direction was compared; empty where nothing was.
std::string element_text(const GradcheckFinding& finding, const std::vector<std::int64_t>& index, std::int64_t output);
/// "7"; of several outputs "1[0]", the first element of the second; empty for a random combination.
std::string output_text(const GradcheckFinding& finding, std::int64_t output);
/// What the number named numeric comes from.
std::string_view numeric_side(const GradcheckFinding& finding);
/// The Taylor rate; NaN where there is none to measure, as of a derivative that is zero to rounding: its remainder is
/// rounding too.
double measured_rate(const GradcheckFinding& finding);

/// The Taylor rate: "2.00", "exact" where the remainder is all rounding, "-" where a derivative of 0 leaves nothing
/// else.
std::string rate_text(const GradcheckFinding& finding);
/// One line: seed, input, element, output, step.
std::string reproduction(const GradcheckReport& report, const GradcheckFinding& finding);
/// Whether there is more to say of a report than that it passes: a note, a verdict other than ok, an allowance.
bool has_remarks(const GradcheckReport& report);
/// Words in lines of at most 100 columns, the width of a report where names allow, all but the first indented.
std::string indented(std::string_view text, std::size_t indent);

}  // namespace tapegrad::checker
