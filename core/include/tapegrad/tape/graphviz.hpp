// A tape as a graph, for Graphviz to draw:
//
//   std::ofstream("tape.dot") << tapegrad::to_dot(tape);     // dot -Tsvg tape.dot > tape.svg
#pragma once

#include <string>

#include "tapegrad/tape/tape.hpp"

namespace tapegrad {

/// The nodes of a tape in the DOT language: a box for each operation, an ellipse for each leaf, and an edge from each
/// to those that read it, in the order of their inputs (an edge from an operation with several outputs is labelled with
/// the output's number). In study mode boxes lie in frames, one for each Scope, and tell their values and the
/// cotangents that the last sweep brought, as to_string(tape) does.
std::string to_dot(const Tape& tape);

}  // namespace tapegrad
