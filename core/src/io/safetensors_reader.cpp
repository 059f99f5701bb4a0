#include "io/safetensors_reader.hpp"

#include <cstddef>
#include <span>
#include <vector>

#include "tape/tensor_impl.hpp"

namespace tapegrad::io {
namespace {

SafetensorsHeader read_header(const char* reader, FileReader& file, const std::string& path) {
  std::vector<std::byte> start(kSafetensorsLengthBytes);
  start.resize(file.read(start));
  start.resize(safetensors_head_bytes(reader, start, file.size(), path));
  file.read_all(std::span(start).subspan(kSafetensorsLengthBytes));
  return parse_safetensors_header(reader, start, file.size(), path);
}

}  // namespace

SafetensorsReader::SafetensorsReader(const char* reader, const std::string& path)
    : reader_(reader), path_(path), file_(reader, path), header_(read_header(reader, file_, path)) {}

NamedTensors SafetensorsReader::read_tensors() {
  NamedTensors tensors;
  std::vector<std::byte> encoded;
  for (const StoredTensor& entry : header_.tensors) {  // in the order of their bytes, without holes
    const array::Array a(entry.shape, entry.dtype);
    const std::size_t size = entry.end - entry.begin;
    if (entry.encoding != Encoding::own) encoded.resize(size);
    const std::span<std::byte> bytes = entry.encoding == Encoding::own ? std::span(a.data(), size) : encoded;
    file_.read_all(bytes);
    check_safetensors_data(reader_, bytes, entry, path_);
    if (entry.encoding != Encoding::own)
      decode_safetensors_data(bytes, entry.encoding, {a.as<float>(), size / stored_size(entry)});
    tensors.insert(entry.name, wrap(a));
  }
  return tensors;
}

}  // namespace tapegrad::io
