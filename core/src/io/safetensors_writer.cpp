#include "io/safetensors_writer.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/safetensors_format.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "text/unicode.hpp"

namespace tapegrad::io {

void write_safetensors(const char* writer, const std::string& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<StoredTensor> entries;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined())
      throw ValueError(fmt::format("[{}] {}: tensor '{}' is undefined", writer, path, on_one_line(name)));
    entries.push_back({.name = name, .dtype = tensor.dtype(), .shape = tensor.shape()});
  }
  const SafetensorsHeader header = layout_safetensors(writer, std::move(entries), metadata, path);
  const std::string head = format_safetensors_header(writer, header, path);
  std::vector<array::Array> arrays;  // in the order of the bytes: without hole or overlap
  std::vector<std::span<const std::byte>> chunks = {std::as_bytes(std::span(head))};
  for (const StoredTensor& entry : header.tensors) {
    arrays.push_back(contiguous_array(tensors.at(entry.name)));
    chunks.emplace_back(arrays.back().data(), entry.end - entry.begin);
  }
  write_file_atomically(writer, path, chunks);
}

}  // namespace tapegrad::io
