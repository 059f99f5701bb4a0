// Equations of einsum, read against the shapes of the operands.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// One character for each dimension: a letter, or a digit for a dimension of "...", counted from the right.
using Labels = std::string;

inline bool has(const Labels& labels, char label) { return labels.find(label) != Labels::npos; }
inline int place(const Labels& labels, char label) { return static_cast<int>(labels.find(label)); }

/// x, whose dimensions are labelled, with its dimensions in another order of the same labels.
Tensor permuted(const Tensor& x, const Labels& labels, const Labels& order);

struct Equation {
  std::vector<Labels> operands;
  Labels result;
  std::map<char, std::int64_t> sizes;  ///< of every label, after broadcasting
};

/// Throws ValueError "[einsum] ..." for text that is no equation, ShapeError for shapes that do not fit it.
Equation read_equation(std::string_view text, const std::vector<Shape>& shapes);

}  // namespace tapegrad
