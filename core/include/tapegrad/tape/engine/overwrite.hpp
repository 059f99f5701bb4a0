// Elements that are written past the tape, as a loaded state is. Users write with Tensor::mutable_data.
#pragma once

#include <vector>

#include "tapegrad/base/dtype.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::engine {

/// A contiguous copy of the elements: neither recorded nor a leaf.
Tensor unrecorded_copy(const Tensor& x);

/// Whether two handles see the same elements of the same memory, so that to write one's into the other changes nothing.
bool sees_same_elements(const Tensor& a, const Tensor& b);

/// Throws TapeError "[writer] ..." when x is tracked by a recording tape: nobody may write it now.
void expect_writable(const Tensor& x, const char* writer);

/// Writes the elements of `values`, converted to x's dtype, into x's storage, whose version moves; `writer` stands in
/// error messages. Throws ShapeError "[writer] ..." for another shape, TapeError when x is tracked by a recording tape.
void overwrite(const Tensor& x, const Tensor& values, const char* writer);

/// What overwrite() is to write where.
struct Overwrite {
  Tensor x;
  Tensor values;
};
/// All of them, or none where one throws. Values that lie in another x's elements are read before that is written.
void overwrite(const std::vector<Overwrite>& writes, const char* writer);

/// Gives x (all handles to it) elements of another dtype, its gradient too. Leaf identity, hooks and role stay. The one
/// exception to "a tensor's dtype never changes". Throws DTypeError for no dtype, TapeError while a tape records.
void convert_in_place(const Tensor& x, DType dtype);

}  // namespace tapegrad::engine
