#include "io/file_reader.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "tapegrad/base/error.hpp"

namespace tapegrad::io {

FileReader::FileReader(const char* reader, const std::string& path) : reader_(reader), path_(path) {
  if (const std::size_t nul = path.find('\0'); nul != std::string::npos)
    throw IoError(fmt::format("[{}] {}: a NUL in a name would cut it off here", reader_, path.substr(0, nul)));
  // "e": a program that another thread starts meanwhile does not inherit it.
  file_.reset(std::fopen(path.c_str(), "rbe"));
  if (file_ == nullptr) throw_unreadable(errno);
  // Of the file that is open: another one may stand under its name by now.
  struct stat status {};
  if (::fstat(::fileno(file_.get()), &status) != 0) throw_unreadable(errno);
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
    throw IoError(fmt::format("[{}] {}: a device, which may never end, is no file", reader_, path_));
  if (S_ISREG(status.st_mode)) {
    size_ = static_cast<std::uint64_t>(status.st_size);
  } else {
    take_in();
  }
}

std::size_t FileReader::read(std::span<std::byte> bytes) {
  errno = 0;
  const std::size_t count = std::fread(bytes.data(), 1, bytes.size(), file_.get());
  if (std::ferror(file_.get()) != 0) throw_unreadable(errno);
  return count;
}

void FileReader::read_all(std::span<std::byte> bytes) {
  if (read(bytes) != bytes.size())
    throw IoError(fmt::format("[{}] {}: the file has become shorter while it was read", reader_, path_));
}

void FileReader::throw_unreadable(int reason) const {
  throw IoError(fmt::format("[{}] {}: {}", reader_, path_, std::generic_category().message(reason)));
}

void FileReader::take_in() {
  constexpr std::size_t kStep = std::size_t{1} << 16;
  while (std::feof(file_.get()) == 0) {
    const std::size_t filled = content_.size();
    content_.resize(filled + std::max(filled, kStep));
    content_.resize(filled + read(std::span(content_).subspan(filled)));
  }
  size_ = content_.size();
  if (size_ == 0) return;
  file_.reset(::fmemopen(content_.data(), content_.size(), "rb"));
  if (file_ == nullptr) throw_unreadable(errno);
}

}  // namespace tapegrad::io
