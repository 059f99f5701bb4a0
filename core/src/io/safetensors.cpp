#include "tapegrad/io/safetensors.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include "base/unicode.hpp"
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

/// A file that is read from its start. Read rather than mapped: one that shrinks meanwhile is an error then, and no
/// crash.
class FileReader {
 public:
  explicit FileReader(const std::string& path) : path_(path) {
    if (const std::size_t nul = path.find('\0'); nul != std::string::npos)
      throw IoError(fmt::format("[load_safetensors] {}: a NUL in a name would cut it off here", path.substr(0, nul)));
    file_.reset(std::fopen(path.c_str(), "rb"));
    if (file_ == nullptr) throw_unreadable(path_, errno);
    // Of the file that is open: another one may stand under its name by now.
    struct stat status {};
    if (::fstat(::fileno(file_.get()), &status) != 0) throw_unreadable(path_, errno);
    if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
      throw IoError(fmt::format("[load_safetensors] {}: a device, which may never end, is no file", path_));
    if (S_ISREG(status.st_mode)) {
      size_ = static_cast<std::uint64_t>(status.st_size);
    } else {
      take_in();
    }
  }

  std::uint64_t size() const { return size_; }

  /// Fills `bytes`, or as much of them as there is; returns the count.
  std::size_t read(std::span<std::byte> bytes) {
    errno = 0;
    const std::size_t count = std::fread(bytes.data(), 1, bytes.size(), file_.get());
    if (std::ferror(file_.get()) != 0) throw_unreadable(path_, errno);
    return count;
  }

  void read_all(std::span<std::byte> bytes) {
    if (read(bytes) != bytes.size())
      throw IoError(fmt::format("[load_safetensors] {}: the file has become shorter while it was read", path_));
  }

 private:
  /// A pipe tells its size when it has ended.
  void take_in() {
    constexpr std::size_t kStep = std::size_t{1} << 16;
    while (std::feof(file_.get()) == 0) {
      const std::size_t filled = content_.size();
      content_.resize(filled + std::max(filled, kStep));
      content_.resize(filled + read(std::span(content_).subspan(filled)));
    }
    size_ = content_.size();
    if (size_ == 0) return;
    file_.reset(::fmemopen(content_.data(), content_.size(), "rb"));
    if (file_ == nullptr) throw_unreadable(path_, errno);
  }

  std::string path_;
  std::vector<std::byte> content_;  // of what has no size
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::uint64_t size_ = 0;
};

io::SafetensorsHeader read_header(FileReader& file, const std::string& path) {
  std::vector<std::byte> start(io::kSafetensorsLengthBytes);
  start.resize(file.read(start));
  start.resize(io::safetensors_head_bytes(start, file.size(), path));
  file.read_all(std::span(start).subspan(io::kSafetensorsLengthBytes));
  return io::parse_safetensors_header(start, file.size(), path);
}

}  // namespace

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

NamedTensors load_safetensors(const std::string& path) {
  FileReader file(path);
  const io::SafetensorsHeader header = read_header(file, path);
  NamedTensors tensors;
  std::vector<std::byte> encoded;
  for (const io::StoredTensor& entry : header.tensors) {  // in the order of their bytes, without holes
    const array::Array a(entry.shape, entry.dtype);
    const std::size_t size = entry.end - entry.begin;
    if (entry.encoding != io::Encoding::own) encoded.resize(size);
    const std::span<std::byte> bytes = entry.encoding == io::Encoding::own ? std::span(a.data(), size) : encoded;
    file.read_all(bytes);
    io::check_safetensors_data(bytes, entry, path);
    if (entry.encoding != io::Encoding::own)
      io::decode_safetensors_data(bytes, entry.encoding, {a.as<float>(), size / io::stored_size(entry)});
    tensors.insert(entry.name, wrap(a));
  }
  return tensors;
}

std::map<std::string, std::string> load_safetensors_metadata(const std::string& path) {
  FileReader file(path);
  return read_header(file, path).metadata;
}

}  // namespace tapegrad
