#include "tapegrad/io/safetensors.hpp"

#include <fmt/format.h>

#include <span>
#include <utility>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/safetensors_format.hpp"
#include "io/safetensors_reader.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "text/unicode.hpp"

namespace tapegrad {

void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::vector<io::StoredTensor> entries;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined())
      throw ValueError(fmt::format("[save_safetensors] {}: tensor '{}' is undefined", path, on_one_line(name)));
    entries.push_back({.name = name, .dtype = tensor.dtype(), .shape = tensor.shape()});
  }
  const io::SafetensorsHeader header = io::layout_safetensors(std::move(entries), metadata, path);
  const std::string head = io::format_safetensors_header(header, path);
  std::vector<array::Array> arrays;  // in the order of the bytes: without hole or overlap
  std::vector<std::span<const std::byte>> chunks = {std::as_bytes(std::span(head))};
  for (const io::StoredTensor& entry : header.tensors) {
    arrays.push_back(contiguous_array(tensors.at(entry.name)));
    chunks.emplace_back(arrays.back().data(), entry.end - entry.begin);
  }
  io::write_file_atomically("save_safetensors", path, chunks);
}

NamedTensors load_safetensors(const std::string& path) { return io::SafetensorsReader(path).read_tensors(); }

std::map<std::string, std::string> load_safetensors_metadata(const std::string& path) {
  return io::SafetensorsReader(path).metadata();
}

}  // namespace tapegrad
