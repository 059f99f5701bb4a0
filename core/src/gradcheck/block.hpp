// The derivatives of the outputs by one input, as claimed and as measured: what diagnoses are fitted to.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gradcheck/values.hpp"
#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

/// rows x columns, row-major.
struct Matrix {
  std::size_t rows = 0;
  std::size_t columns = 0;
  Values values;

  Matrix() = default;
  Matrix(std::size_t row_count, std::size_t column_count)
      : rows(row_count), columns(column_count), values(row_count * column_count, 0.0) {}
  double& operator()(std::size_t r, std::size_t c) { return values[r * columns + c]; }
  double operator()(std::size_t r, std::size_t c) const { return values[r * columns + c]; }
};

inline std::span<const double> row_of(const Matrix& matrix, std::size_t r) {
  return std::span(matrix.values).subspan(r * matrix.columns, matrix.columns);
}

inline Matrix transposed(const Matrix& matrix) {
  Matrix result(matrix.columns, matrix.rows);
  for (std::size_t r = 0; r < matrix.rows; ++r)
    for (std::size_t c = 0; c < matrix.columns; ++c) result(c, r) = matrix(r, c);
  return result;
}

inline Matrix in_units(Matrix matrix, double unit) {
  if (unit != 1.0)
    for (double& v : matrix.values) v /= unit;
  return matrix;
}

/// Numbers of a shape, with a name.
struct NamedValues {
  std::string name;
  Extents shape;
  Values values;
};

/// What is known of another input's derivatives, of the same outputs.
struct OtherBlock {
  std::string name;
  Matrix analytic;
  Matrix numeric;
};

struct Block {
  Extents input_shape;
  Extents output_shape;  // of the single output, whose elements are the rows in order; empty when there are several
  bool single_output = true;
  std::vector<Extents> output_shapes = {};  // of each, in order
  Matrix analytic;                          // outputs x inputs
  Matrix numeric;
  double numeric_error = 0.0;  // by norm, of the whole of `numeric`
  double unit = 1.0;           // of all derivatives here, where squares of the function's own would overflow or vanish
  std::size_t input = 0;       // which of `inputs` the columns are
  std::vector<NamedValues> inputs;
  Values outputs;
  std::vector<OtherBlock> alike = {};  // inputs of the same shape; none where their elements were not compared
  std::optional<GradcheckDiagnosis> exchanged = {};  // with another input, as products along directions have shown
  /// The numeric block with the k-th input at other values; nothing when that is too costly or not finite.
  std::function<std::optional<Matrix>(std::size_t k, const Values& values)> numeric_at;
};

/// The input or the single output: whose elements are the columns of a block, or its rows.
struct Side {
  bool is_input;
  const Extents& shape;
  std::string name;
};

/// The input, and the output where it is a single one.
inline std::vector<Side> sides(const Block& block) {
  std::vector<Side> both = {{true, block.input_shape, "input"}};
  if (block.single_output) both.push_back({false, block.output_shape, "output"});
  return both;
}

/// Whether each element of the input has an output in its place.
inline bool is_shaped_alike(const Block& block) {
  return block.single_output && block.output_shape == block.input_shape;
}

}  // namespace tapegrad::checker
