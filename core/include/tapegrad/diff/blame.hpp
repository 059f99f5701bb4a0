// Blame: which operation's derivative is wrong, when that of a whole model is.
//
//   Tape tape({.study = true});
//   const Tensor loss = model(x);
//   fmt::print("{}\n", blame(tape, loss));
//
// Each node of the tape is checked by itself: its op runs again on its inputs and next to them, and its reverse rule is
// compared with the differences (gradcheck). Every node gets a cotangent of its own, so that one wrong rule does not
// make those below it look wrong.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/tape/tape.hpp"
#include "tapegrad/text/text_formatter.hpp"

namespace tapegrad {

struct BlameOptions {
  int order = 1;              ///< 2: the reverse rules' own derivatives too
  std::uint64_t seed = 0;     ///< of cotangents and directions
  std::int64_t budget = 400;  ///< function calls for a full Jacobian of one node; beyond it directions are compared
  int directions = 6;
  /// Verdicts to let pass, as in GradcheckOptions.
  std::vector<Allowance> allow = {};
};

/// A node whose check failed.
struct BlamedNode {
  std::int64_t position = 0;  ///< on the tape
  std::string op;
  std::string scope;  ///< module path; may be empty
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<std::optional<Shape>> input_shapes;  ///< nothing of an optional input that is absent
  std::vector<std::string> input_names;            ///< empty where the op gives none
  DType dtype = float64;                           ///< that the check ran in
  /// The worst. Its input is the op's; at order 2 those from input_shapes.size() on are the outputs' cotangents.
  GradcheckFinding finding;
  GradcheckReport report;  ///< of the inputs that have a gradient, numbered among those
  std::string failure;     ///< what the rule threw, when it did
};

/// A node that was not checked.
struct SkippedNode {
  std::int64_t position = 0;
  std::string op;
  std::string reason;
};

struct [[nodiscard]] BlameReport {
  /// In the order of the reverse sweep, from the loss down. The first one is to blame: the cotangent that reaches it is
  /// right as far as this tape goes, and all gradients below it inherit its error.
  std::vector<BlamedNode> wrong;
  std::vector<SkippedNode> skipped;
  std::int64_t nodes = 0;      ///< operations between the loss and the leaves
  std::int64_t undecided = 0;  ///< of them, those where differences cannot tell (borders of domains, gradients of zero)
  double seconds = 0.0;

  bool ok() const { return wrong.empty(); }
};
std::string to_string(const BlameReport& report);

/// Checks the reverse rule of every operation that the loss depends on (those without a derivative are on no tape).
/// Leaves the tape as it is. Ops that hold random numbers replay them. Nodes in float32 are checked in float32 and,
/// where the op takes it, in float64. Listed in `skipped`: blocks of checkpoint(), and ops that do not give their
/// recorded values again. Throws TapeError for a tape that is not in study mode (a node's inputs are needed) and for a
/// loss that is not on it, ValueError for options outside their domain.
BlameReport blame(const Tape& tape, const Tensor& loss, const BlameOptions& options = {});

}  // namespace tapegrad

template <>
struct fmt::formatter<tapegrad::BlameReport> : tapegrad::TextFormatter {
  fmt::appender format(const tapegrad::BlameReport& report, fmt::format_context& context) const {
    return write(to_string(report), context);
  }
};
