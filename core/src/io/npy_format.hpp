// NumPy's .npy layout: a magic text, the version, the length of a header, the header, which is a dictionary as Python
// writes it, and the elements. This layer knows bytes, dtypes and shapes; a tensor is made of them one level up.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "tapegrad/base/dtype.hpp"
#include "tapegrad/base/shape.hpp"

namespace tapegrad::io {

/// How a file holds an element.
struct NpyType {
  char kind = 'f';        ///< NumPy's: f, i, u or b
  std::size_t bytes = 4;  ///< of an element
  bool big_endian = false;

  friend bool operator==(const NpyType&, const NpyType&) = default;
};

/// What an element becomes.
DType npy_dtype(const NpyType& type);
/// Whether it becomes that byte for byte.
bool is_own(const NpyType& type);

/// What stands before the elements.
struct NpyHeader {
  NpyType type;
  bool fortran_order = false;  ///< the first dimension's neighbours lie side by side
  Shape shape;
  std::size_t data_begin = 0;
};

/// Magic, version and the length of the header, of which version 1.0 takes two bytes less.
inline constexpr std::size_t kNpyStartBytes = 12;

// The functions that read throw IoError "[load_npy] path: reason" for what the format does not allow.

/// The bytes before the elements, kNpyStartBytes at least: `start` holds the first kNpyStartBytes of a file of
/// `file_size` bytes, or all when there are fewer. Lies inside the file.
std::size_t npy_head_bytes(std::span<const std::byte> start, std::uint64_t file_size, const std::string& path);

/// Reads and checks a header: `start` holds the bytes before the elements at least. The file has exactly the bytes that
/// type and shape ask for.
NpyHeader parse_npy_header(std::span<const std::byte> start, std::uint64_t file_size, const std::string& path);

/// Refuses truth values that are neither 0 nor 1.
void check_npy_data(std::span<const std::byte> bytes, const NpyType& type, const std::string& path);

/// Turns elements that are not their own form into npy_dtype(type). REQUIRES: room for as many.
void decode_npy_data(std::span<const std::byte> bytes, const NpyType& type, std::byte* elements);

/// All that stands before the elements, in version 1.0, as NumPy writes it: padded so that they begin at a multiple of
/// 64.
std::string format_npy_header(DType dtype, const Shape& shape);

}  // namespace tapegrad::io
