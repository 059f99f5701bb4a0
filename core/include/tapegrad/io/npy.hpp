// One array in NumPy's format: what save_npy writes numpy.load opens, and load_npy reads what numpy.save writes.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <string>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Writes a tensor of any shape and dtype, row-major, in version 1.0 of the format. Atomic, as save_safetensors. Throws
/// IoError for a file that cannot be written, ValueError for an undefined tensor.
void save_npy(const std::string& path, const Tensor& tensor);

/// The array of a file of version 1.0, 2.0 or 3.0, in either order of dimensions and of bytes, as a contiguous tensor
/// of its shape. f4, f8, i8 and b1 become float32, float64, int64 and bool as they are; f2 becomes float32, i1, i2, i4,
/// u1, u2 and u4 become int64, exactly. Throws IoError "[load_npy] path: reason" for a file that cannot be read, is
/// malformed, holds more than its array or has more than kMaxRank dimensions, and for other dtypes: u8, which int64
/// does not hold, complex numbers, texts, structures and objects, of which nothing is read. Nothing is allocated for a
/// file whose header promises more than it holds.
Tensor load_npy(const std::string& path);

}  // namespace tapegrad
