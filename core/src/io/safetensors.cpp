#include "tapegrad/io/safetensors.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/safetensors_format.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {
namespace {

[[noreturn]] void throw_unreadable(const std::string& path, int reason) {
  throw IoError(fmt::format("[load_safetensors] {}: {}", path, std::generic_category().message(reason)));
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

/// The bytes of a file. Read rather than mapped: a file that shrinks meanwhile is an error then, and no crash.
std::vector<std::byte> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) throw_unreadable(path, errno);
  std::vector<std::byte> bytes;
  std::error_code unknown;
  if (const auto status = std::filesystem::status(path, unknown);
      std::filesystem::is_character_file(status) || std::filesystem::is_block_file(status))
    throw IoError(fmt::format("[load_safetensors] {}: a device, which may never end, is no file", path));
  const std::uintmax_t size = std::filesystem::file_size(path, unknown);
  const std::size_t room = unknown ? 1 << 16 : size + 1;  // one more, so that a single read meets the end
  std::size_t filled = 0;
  while (std::feof(file.get()) == 0) {
    if (filled == bytes.size()) bytes.resize(filled == 0 ? room : 2 * filled);
    errno = 0;
    filled += std::fread(bytes.data() + filled, 1, bytes.size() - filled, file.get());
    if (std::ferror(file.get()) != 0) throw_unreadable(path, errno);
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace

void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::vector<io::StoredTensor> entries;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined()) throw ValueError(fmt::format("[save_safetensors] tensor '{}' is undefined", name));
    entries.push_back({.name = name, .dtype = tensor.dtype(), .shape = tensor.shape()});
  }
  const io::SafetensorsHeader header = io::layout_safetensors(std::move(entries), metadata);
  const std::string head = io::format_safetensors_header(header);
  std::vector<array::Array> arrays;  // in the order of the bytes: without hole or overlap
  std::vector<std::span<const std::byte>> chunks = {std::as_bytes(std::span(head))};
  for (const io::StoredTensor& entry : header.tensors) {
    arrays.push_back(contiguous_array(tensors.at(entry.name)));
    chunks.emplace_back(arrays.back().data(), entry.end - entry.begin);
  }
  io::write_file_atomically(path, chunks);
}

NamedTensors load_safetensors(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path);
  const io::SafetensorsHeader header = io::parse_safetensors_header(bytes, path);
  NamedTensors tensors;
  for (const io::StoredTensor& entry : header.tensors) {
    const array::Array a(entry.shape, entry.dtype);
    if (entry.end > entry.begin)
      std::memcpy(a.data(), bytes.data() + header.data_begin + entry.begin, entry.end - entry.begin);
    tensors.insert(entry.name, wrap(a));
  }
  return tensors;
}

std::map<std::string, std::string> load_safetensors_metadata(const std::string& path) {
  return io::parse_safetensors_header(read_file(path), path).metadata;
}

}  // namespace tapegrad
