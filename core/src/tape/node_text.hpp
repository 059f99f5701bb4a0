// A node's parts as text, for whoever shows a tape.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tapegrad/tape/tape.hpp"

namespace tapegrad {

using Lines = std::vector<std::string>;

/// That of the longest.
std::size_t width_of(const Lines& lines);

/// "sum(%2) {axes=[0, 1], keepdim=false}".
std::string call_text(const NodeInfo& n);
/// The same with the inputs told in another way.
std::string call_text(std::string_view op, const std::vector<std::string>& inputs,
                      const std::vector<std::pair<std::string, std::string>>& attributes);
/// "[2, 3] float32", of each output.
std::string shapes_text(const NodeInfo& n);

/// What study mode keeps of one output, of a constant input or of a residual: a small tensor whole, any other by its
/// range, behind what it is ("value", "cotangent 1", "input 0", "residual 1 (r)").
struct Studied {
  Lines value;
  Lines cotangent;  // empty before the first sweep, and of what is no output
};
/// Of constant inputs and residuals, which are shown nowhere else, then of the outputs; empty without study mode.
std::vector<Studied> studied(const NodeInfo& n);

}  // namespace tapegrad
