// The safetensors layout: u64 little-endian N, N bytes of JSON header, then the data, little-endian and row-major. This
// layer knows bytes, names and ranges; tensors are made of them one level up.
// https://github.com/huggingface/safetensors#format
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "tapegrad/base/dtype.hpp"
#include "tapegrad/base/shape.hpp"

namespace tapegrad::io {

/// How a file holds a tensor's elements: as they are, or in 16 bits, which become float32 when they are read.
enum class Encoding : std::uint8_t { own, f16, bf16 };

/// One tensor of a file. [begin, end) is its range of bytes, counted from the start of the data section.
struct StoredTensor {
  std::string name;
  DType dtype = float32;
  Encoding encoding = Encoding::own;
  Shape shape;
  std::size_t begin = 0;
  std::size_t end = 0;

  friend bool operator==(const StoredTensor&, const StoredTensor&) = default;
};

/// The bytes of an element in the file.
std::size_t stored_size(const StoredTensor& tensor);

/// What a file's first 8 + N bytes say. Tensors stand in the order of their bytes, without hole or overlap.
struct SafetensorsHeader {
  std::vector<StoredTensor> tensors;
  std::map<std::string, std::string> metadata;
  std::size_t data_begin = 0;  // 8 + N
};

/// The bytes of a file's length.
inline constexpr std::size_t kSafetensorsLengthBytes = 8;

// They throw IoError "[reader] path: reason", or "[writer] path: reason", for what the format does not allow: `reader`
// and `writer` are the functions that were called.

/// 8 + N, the bytes before the data: `start` holds the first 8 bytes of a file of `file_size` bytes, or all when there
/// are fewer. Lies inside the file.
std::size_t safetensors_head_bytes(const char* reader, std::span<const std::byte> start, std::uint64_t file_size,
                                   const std::string& path);

/// Reads and checks a header: `start` holds the first 8 + N bytes of the file at least. Every range it returns lies
/// inside the file and has exactly the length that dtype and shape ask for, so that nothing need be allocated for a
/// file which promises more than it holds.
SafetensorsHeader parse_safetensors_header(const char* reader, std::span<const std::byte> start,
                                           std::uint64_t file_size, const std::string& path);

/// Refuses bytes of a BOOL tensor that are neither 0 nor 1.
void check_safetensors_data(const char* reader, std::span<const std::byte> bytes, const StoredTensor& tensor,
                            const std::string& path);

/// Decodes the bytes of a tensor that is not stored as it is. REQUIRES: as many values as there are elements.
void decode_safetensors_data(std::span<const std::byte> bytes, Encoding encoding, std::span<float> values);

/// Gives each tensor its range of bytes: larger dtypes first, then by name, so that every tensor is aligned to its
/// items. Throws IoError on two tensors of one name or a tensor named "__metadata__".
SafetensorsHeader layout_safetensors(const char* writer, std::vector<StoredTensor> tensors,
                                     std::map<std::string, std::string> metadata, const std::string& path);

/// The first 8 + N bytes of the file, padded with spaces so that the data begins at a multiple of 8.
/// Throws IoError when a name or a text of the metadata is not UTF-8.
std::string format_safetensors_header(const char* writer, const SafetensorsHeader& header, const std::string& path);

}  // namespace tapegrad::io
