// Elements, of one input or of several, that stand on a kink of one output together: each derivative may fit the slopes
// on its own two sides, and all of them none of what the function is made of around the point, as where both of two
// equal arguments of a maximum get all of the gradient, or none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gradcheck/comparison.hpp"
#include "gradcheck/values.hpp"

namespace tapegrad::checker {

/// An element at a kink of an output: its derivative as claimed, and the slopes on its two sides.
struct Bend {
  std::size_t part;
  std::size_t element;
  double analytic;
  double below, above;
};

/// A direction in which elements move together, and along which a derivative is none of the function's.
struct JointMove {
  std::vector<std::size_t> bends;  // that move, by their place in the list
  double analytic;                 // the derivative along it, the largest of its entries being 1
  double numeric;                  // the nearest slope that was found around the point
  double tolerance;
  double step;
};

struct JointKink {
  std::size_t output;
  std::vector<Bend> bends;
  double magnitude;        // what the rounding of the output is in proportion to
  double floor;            // of an element's derivative
  std::int64_t last_call;  // of the function that may be made
};

/// A direction along which the derivative lies beyond the slopes of all pieces that were found around the point;
/// nothing where there is none to be seen. What lies between the slopes of pieces passes, whichever they are, as
/// elements of Clarke's generalized gradient do: relu's and abs's 0, a maximum's first argument or equal shares. A
/// direction along which the pieces' slopes differ refutes only where they lie between those behind and ahead, as a
/// convex function's do: another piece, which was not found, may have another slope.
/// REQUIRES: two bends or more.
std::optional<JointMove> refuted_together(Comparison& comparison, const JointKink& kink);

/// An element whose derivative does not fit the slopes of its own line, at which there may be a kink all the same that
/// other elements take part in: of three equal numbers none moves the one in the middle alone.
struct LoneSlope {
  std::size_t part;
  std::size_t output;
  std::size_t element;
  double analytic;
  double magnitude;        // what the rounding of the output is in proportion to
  double step;             // the smallest along the element's own line
  std::int64_t last_call;  // of the function that may be made
};

/// Whether an element bends with others at the point.
struct SharedBend {
  std::optional<Bend> bend = {};  // its slopes around the point, where they differ however near, the derivative between
  bool unknown = false;           // rounding, or the calls that are left, do not tell
};
SharedBend bend_around(Comparison& comparison, const LoneSlope& lone);

}  // namespace tapegrad::checker
